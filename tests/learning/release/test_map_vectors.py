"""The map's polygons in a release: copied whole, described, styled, or their absence explained."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pyogrio
import pytest
import shapely

from learning.core.polygons.join import Polygons
from learning.release.bundle import stage_release
from learning.release.contents import MapPolygons, ReleaseContents
from learning.release.errors import UnusableArtefact
from learning.release.manifest import verify
from learning.release.map_polygons import ClassText, MapFacts, write_map_gpkg, write_map_parquet
from learning.release.polygon_tiles import write_polygon_tiles
from learning.release.stac_check import check_stac

NAME = "maps/vectors/SOLCOMMUN_1-0-0_POLYGONS_2019_{}_2026-11-22"
GPKG, PARQUET, PMTILES = (
    NAME.format(f"{form}_{crs}_gers") + f".{form.lower()}"
    for form, crs in (("GPKG", "LAMB93"), ("PARQUET", "LAMB93"), ("PMTILES", "PM"))
)
Changed = Callable[..., ReleaseContents]


@pytest.fixture
def polygons(tmp_path: Path) -> MapPolygons:
    """Two rectangles that make up the map of conftest: 20 m by 14 m."""
    folder = tmp_path / "polygons"
    folder.mkdir()
    classes = [ClassText(code, code, code, 5.0) for code in ("CS1.1.1.1", "CS1.2.2", "CS2.2.1")]
    facts = MapFacts(crs="EPSG:2154", classes=classes, m_per_unit=1.0, vintage=2019, model="gers-unet-3")
    shapes = [shapely.box(426000, 6434986, 426008, 6435000), shapely.box(426008, 6434986, 426020, 6435000)]
    found = Polygons(
        np.array([1, 2]), np.array([1, 3], np.uint8), np.array([2800, 4200]), np.full(2, "", object), np.array(shapes)
    )
    write_map_parquet(folder / "p.parquet", [found], facts=facts)
    write_map_gpkg(
        folder / "p.parquet", folder / "p.gpkg", crs=facts.crs, changed_at=datetime(2026, 11, 12, tzinfo=UTC)
    )
    write_polygon_tiles(folder / "p.parquet", folder / "p.pmtiles", facts=facts, pixel_crs=0.2)
    (folder / "rule.json").write_text('{"code": "ocsge", "version": "1.1"}')
    return MapPolygons(
        parquet=folder / "p.parquet", gpkg=folder / "p.gpkg", pmtiles=folder / "p.pmtiles", rule=folder / "rule.json",
        rule_code="ocsge", rule_version="1.1", polygons=2, figures={"narrow": 0},
    )  # fmt: skip


@pytest.fixture
def staged(contents: ReleaseContents, changed: Changed, polygons: MapPolygons, tmp_path: Path) -> Path:
    assert contents.maps is not None
    stage_release(changed(maps=replace(contents.maps, polygons=polygons)), tmp_path / "r.staging")
    return tmp_path / "r.staging"


def load(root: Path, path: str) -> dict:
    return json.loads((root / path).read_text(encoding="utf-8"))


def test_the_polygons_are_published_byte_for_byte_with_their_rule(staged: Path, polygons: MapPolygons) -> None:
    for path, source in ((GPKG, polygons.gpkg), (PARQUET, polygons.parquet), (PMTILES, polygons.pmtiles)):
        assert (staged / path).read_bytes() == source.read_bytes()
    assert (staged / "maps/vectors/minimum_units.json").read_bytes() == polygons.rule.read_bytes()
    assert verify(staged).faults == ()
    assert load(staged, "release.json")["maps"]["polygons"] == {
        "status": "published", "minimum_units": {"code": "ocsge", "version": "1.1"}, "polygons": 2,
        "figures": {"narrow": 0},
    }  # fmt: skip
    assert "as polygons that share their edges" in (staged / "README.md").read_text()


def test_gdal_opens_the_published_geopackage(staged: Path) -> None:
    info = pyogrio.read_info(staged / GPKG)
    assert (info["layer_name"], info["features"], info["crs"]) == ("land_cover", 2, "EPSG:2154")


def test_the_item_of_the_polygons_has_a_table_and_where_they_come_from(staged: Path) -> None:
    item = load(staged, "stac/predictions/gers-2019-polygons.json")
    fields = item["properties"]
    assert fields["table:row_count"] == 2 and fields["table:primary_geometry"] == "geometry"
    assert {"name": "class_code", "type": "string"} in fields["table:columns"]
    assert fields["proj:bbox"] == [426000, 6434986, 426020, 6435000]
    assert fields["processing:level"] == "L4" and "rule ocsge 1.1" in fields["processing:lineage"]
    assert {"parquet", "gpkg", "pmtiles", "rule", "style", "accuracy"} == item["assets"].keys()
    assert all(asset["file:checksum"].startswith("1220") for asset in item["assets"].values())
    assert "../models/gers-unet-3.json" in [link["href"] for link in item["links"] if link["rel"] == "derived_from"]
    assert check_stac(staged) == []


def test_qgis_finds_a_style_of_the_same_name_beside_each_file_of_polygons(staged: Path) -> None:
    for path in (GPKG, PARQUET):
        style = ET.parse((staged / path).with_suffix(".qml")).getroot()  # noqa: S314 (our own file)
        assert style.tag == "qgis" and style.find("renderer-v2").get("attr") == "class_code"  # type: ignore[union-attr]


def test_a_map_without_polygons_says_why(contents: ReleaseContents, changed: Changed, tmp_path: Path) -> None:
    assert contents.maps is not None
    maps = replace(contents.maps, no_polygons="the zones lie on another grid")
    stage_release(changed(maps=maps), tmp_path / "r.staging")
    assert load(tmp_path / "r.staging", "release.json")["maps"]["polygons"] == {
        "status": "not made", "reason": "the zones lie on another grid",
    }  # fmt: skip
    assert not (tmp_path / "r.staging/maps/vectors").exists()
    assert not (tmp_path / "r.staging/maps/styles/polygons.qml").exists()


def test_polygons_of_another_number_than_their_record_are_refused(
    contents: ReleaseContents, changed: Changed, polygons: MapPolygons, tmp_path: Path
) -> None:
    assert contents.maps is not None
    maps = replace(contents.maps, polygons=replace(polygons, polygons=3))
    with pytest.raises(UnusableArtefact, match=r"p\.parquet has 2 polygons, its record says 3"):
        stage_release(changed(maps=maps), tmp_path / "r.staging")


def test_polygons_that_are_no_geoparquet_are_refused(
    contents: ReleaseContents, changed: Changed, polygons: MapPolygons, tmp_path: Path
) -> None:
    polygons.parquet.write_bytes(b"PAR1")
    assert contents.maps is not None
    with pytest.raises(UnusableArtefact, match="cannot be published"):
        stage_release(changed(maps=replace(contents.maps, polygons=polygons)), tmp_path / "r.staging")
