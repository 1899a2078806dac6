"""Change since earlier imagery, as files of a release."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import shapely
from ground_rows import ASSESSED, OPEN, PLACES

from learning.release.bundle import stage_release
from learning.release.change_files import change_places_table
from learning.release.contents import ReleaseContents
from learning.release.formats import geoparquet_problems
from learning.release.manifest import verify
from learning.release.sample_places import places_bytes


def test_places_tell_both_dates_and_lie_where_their_pixels_do(tmp_path: Path) -> None:
    table = change_places_table(PLACES, unit_px=4, crs="EPSG:2154", transform=(0.5, 0, 426_000, 0, -0.5, 6_435_000))
    path = tmp_path / "places.parquet"
    path.write_bytes(places_bytes(table))
    assert not list(geoparquet_problems(path))
    first, second = pq.read_table(path).to_pylist()
    assert shapely.from_wkb(first["geometry"]).bounds == (426_010.0, 6_434_993.0, 426_012.0, 6_434_995.0)
    assert (first["first_seen"], first["second_seen"], first["first_day"]) == ("grass", "built", date(2019, 7, 1))
    assert second["second_mapped"] is second["first_seen"] is second["second_day"] is None
    assert second["first_mapped"] == "grass"


def test_a_release_tells_change_in_its_files_lists_and_both_languages(
    changed: Callable[..., ReleaseContents], tmp_path: Path
) -> None:
    root = tmp_path / "release.staging"
    stage_release(changed(change=(ASSESSED, OPEN)), root)
    assert verify(root).faults == ()
    told = json.loads((root / "change/gers-2016/accuracy.json").read_text())
    assert told == {**ASSESSED.figures, "file": "change/gers-2016/places.parquet"}
    assert pq.read_metadata(root / told["file"]).num_rows == 2
    item = json.loads((root / "stac/change/gers-change-since-gers-2016.json").read_text())
    assert item["properties"]["table:row_count"] == 2 and item["properties"]["license"] == "etalab-2.0"
    assert {asset["href"] for asset in item["assets"].values()} == {
        "../../change/gers-2016/accuracy.json",
        "../../change/gers-2016/places.parquet",
    }
    assert "change/gers-2016/places.parquet" in (root / "dcat.jsonld").read_text()
    readme = (root / "README.md").read_text()
    assert "ce qui a changé depuis une imagerie plus ancienne (Gers 2016)" in readme
    assert "what changed since earlier imagery (Gers 2016)" in readme


def test_what_is_not_assessed_has_no_folder_and_says_why(
    changed: Callable[..., ReleaseContents], tmp_path: Path
) -> None:
    root = tmp_path / "release.staging"
    stage_release(changed(change=(OPEN,)), root)
    assert not (root / "change").exists() and not (root / "stac/change").exists()
    [told] = json.loads((root / "release.json").read_text())["change"]
    assert (told["first"]["layer"], told["status"], told["reason"]) == ("gers-2013", "not assessed", "sample_open")
    assert told["file"] is None and "change/" not in (root / "README.md").read_text()


def test_the_same_contents_give_the_same_bytes_and_none_leaves_no_trace(
    changed: Callable[..., ReleaseContents], contents: ReleaseContents, pristine: Path, tmp_path: Path
) -> None:
    read = {}
    for name in ("a", "b"):
        root = tmp_path / f"{name}.staging"
        stage_release(changed(change=(ASSESSED,), annotations=list(contents.annotations)), root)
        read[name] = {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert read["a"] == read["b"]
    assert "change" not in json.loads((pristine / "release.json").read_text())
