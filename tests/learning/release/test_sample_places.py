"""The places of a sample as a file, by itself and in a release."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import shapely

from learning.release.bundle import stage_release
from learning.release.contents import MapStatistics, ReleaseContents, SamplePlace
from learning.release.formats import geoparquet_problems
from learning.release.sample_places import places_table, write_places

PLACES = (
    SamplePlace(1, "forest", 10, 20, 0.25, "forest", "forest", False),
    SamplePlace(2, "water", 0, 4, 0.5, "water", "", True),
)


def test_places_lie_where_their_pixels_do_and_say_how_they_were_drawn(tmp_path: Path) -> None:
    table = places_table(PLACES, unit_px=4, crs="EPSG:2154", transform=(0.5, 0, 426_000, 0, -0.5, 6_435_000))
    path = tmp_path / "s" / "places.parquet"
    write_places(table, path)
    assert not list(geoparquet_problems(path))
    read = pq.read_table(path)
    first = shapely.from_wkb(read["geometry"][0].as_py())
    assert first.bounds == (426_010.0, 6_434_993.0, 426_012.0, 6_434_995.0)
    assert first.exterior.is_ccw
    assert read["inclusion_probability"].to_pylist() == [0.25, 0.5]
    assert read["seen"].to_pylist() == ["forest", None]
    assert read["learnt_from"].to_pylist() == [False, True]


def test_the_same_places_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        table = places_table(PLACES, unit_px=4, crs="EPSG:2154", transform=(0.5, 0, 426_000, 0, -0.5, 6_435_000))
        write_places(table, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_release_of_an_assessed_map_holds_the_figures_and_the_sample(
    changed: Callable[..., ReleaseContents], contents: ReleaseContents, tmp_path: Path
) -> None:
    assert contents.maps is not None
    statistics = MapStatistics(figures={"status": "assessed", "n": [[5, 0], [1, 4]]}, places=PLACES, unit_px=4)
    told = changed(maps=replace(contents.maps, statistics=statistics))
    root = tmp_path / "release.staging"
    stage_release(told, root)
    areas = json.loads((root / "maps/accuracy.json").read_text())["areas"]
    assert areas == {"status": "assessed", "n": [[5, 0], [1, 4]], "file": "maps/statistics/places.parquet"}
    assert pq.read_table(root / areas["file"]).num_rows == 2
    listed = {entry["path"] for entry in json.loads((root / "manifest.json").read_text())["files"]}
    assert areas["file"] in listed
    assert areas["file"] in (root / "dcat.jsonld").read_text()


def test_a_release_of_a_map_that_is_not_assessed_says_so_and_holds_no_sample(pristine: Path) -> None:
    areas = json.loads((pristine / "maps/accuracy.json").read_text())["areas"]
    assert areas["status"] == "not assessed"
    assert not (pristine / "maps/statistics").exists()
