from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from pyproj import CRS
from shapely import Polygon, box

from learning.release import polygon_files, vectors
from learning.release.contents import AnnotationRecord, ReleaseContents
from learning.release.errors import InvalidContents, PersonalDataFound
from learning.release.formats import geo_metadata_problems, geoparquet_problems, gpkg_problems
from learning.release.geodesy import polygon_wgs84
from learning.release.rules import check_annotation

PARQUET, GPKG = "annotations/annotations.parquet", "annotations/annotations.gpkg"


def test_the_parquet_gives_back_every_field_and_vertex(contents: ReleaseContents, pristine: Path) -> None:
    table = pq.read_table(pristine / PARQUET)
    records = list(contents.annotations)
    assert table.num_rows == len(records) == 4
    for row, record in zip(table.to_pylist(), records, strict=True):
        assert row["annotation_id"] == record.annotation_id
        assert row["revision_id"] == record.revision_id
        assert row["class_code"] == record.class_code
        assert row["role"] == record.role
        assert row["reviewed_on"] == date(2026, 11, 3)
        assert shapely.from_wkb(row["geometry"]).equals(record.geometry)
        assert tuple(row["bbox"].values()) == record.geometry.bounds


def test_the_geo_metadata_follows_geoparquet_1_1(pristine: Path) -> None:
    geo = json.loads(pq.read_metadata(pristine / PARQUET).metadata[b"geo"])
    column = geo["columns"]["geometry"]
    assert geo["version"] == "1.1.0"
    assert geo["primary_column"] == "geometry"
    assert column["encoding"] == "WKB"
    assert column["geometry_types"] == ["Polygon"]
    assert CRS.from_json_dict(column["crs"]).to_epsg() == 2154
    # x from 426000 to the end of the square in column 2: (2*32 + 1 + 30) px of 0.2 m
    assert column["bbox"] == pytest.approx([426000, 6435000 - (32 + 31) * 0.2, 426000 + 95 * 0.2, 6435000])
    assert list(geoparquet_problems(pristine / PARQUET)) == []


@pytest.mark.parametrize(
    ("alter", "problem"),
    [
        (lambda g: g.update(version="2.0.0"), "geo version"),
        (lambda g: g.update(primary_column="shape"), "primary_column"),
        (lambda g: g["columns"]["geometry"].update(encoding="wkb"), "encoding"),
        (lambda g: g["columns"]["geometry"].pop("crs"), "PROJJSON"),
        (lambda g: g["columns"]["geometry"].update(geometry_types=["Circle"]), "geometry_types"),
        (lambda g: g["columns"]["geometry"].update(bbox=[3, 0, 1, 1]), "bbox"),
    ],
)
def test_broken_geo_metadata_is_told(alter: Callable[[dict], object], problem: str) -> None:
    geo = polygon_files.geo_metadata(crs="EPSG:2154", bounds_crs=(0.0, 0.0, 1.0, 1.0))
    assert list(geo_metadata_problems(geo, columns={"geometry", "bbox"})) == []
    alter(geo)
    assert any(problem in text for text in geo_metadata_problems(geo, columns={"geometry", "bbox"}))


def test_rings_are_counter_clockwise_and_holes_clockwise(pristine: Path) -> None:
    for wkb in pq.read_table(pristine / PARQUET)["geometry"].to_pylist():
        polygon = shapely.from_wkb(wkb)
        assert polygon.exterior.is_ccw
        assert not any(hole.is_ccw for hole in polygon.interiors)


def test_row_groups_follow_the_stream(
    contents: ReleaseContents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "ROWS_PER_GROUP", 3)
    codes = frozenset(item.code for item in contents.nomenclature.classes)
    stream = (record for record in contents.annotations)
    summary = vectors.write_annotations_parquet(tmp_path, stream, crs="EPSG:2154", codes=codes)
    assert pq.ParquetFile(tmp_path / PARQUET).num_row_groups == 2
    assert (summary.features, summary.annotations, summary.contributors) == (4, 3, 1)
    assert summary.class_counts == {"CS1.1.1.1": 1, "CS1.2.2": 2, "CS2.2.1": 1}


def test_gdal_reads_the_geopackage_with_the_same_rows(contents: ReleaseContents, pristine: Path) -> None:
    info = pyogrio.read_info(pristine / GPKG, layer="annotations")
    assert info["crs"] == "EPSG:2154"
    assert info["geometry_type"] == "Polygon"
    _, table = pyogrio.read_arrow(pristine / GPKG)
    assert table["class_code"].to_pylist() == [record.class_code for record in contents.annotations]
    assert table["image_date"].to_pylist() == [date(2019, 7, 14)] * 4
    geometries = shapely.from_wkb(table["geom"].to_pylist())
    assert all(g.equals(r.geometry) for g, r in zip(geometries, contents.annotations, strict=True))


def test_the_geopackage_says_the_day_of_publication_and_no_other_time(pristine: Path) -> None:
    with sqlite3.connect(f"file:{pristine / GPKG}?mode=ro&immutable=1", uri=True) as database:
        stamps = [row[0] for row in database.execute("SELECT last_change FROM gpkg_contents")]
    assert stamps == ["2026-11-22T09:00:00.000Z"]
    assert list(gpkg_problems(pristine / GPKG)) == []


def test_writing_a_geopackage_leaves_gdal_options_as_they_were(pristine: Path, release: Path) -> None:
    (release / GPKG).unlink()
    vectors.write_annotations_gpkg(release, crs="EPSG:2154", published_on=datetime(2030, 1, 1, tzinfo=UTC))
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") is None
    assert (release / GPKG).read_bytes() != (pristine / GPKG).read_bytes()


def test_the_geojson_is_in_longitude_and_latitude(contents: ReleaseContents, pristine: Path) -> None:
    collection = json.loads((pristine / "annotations/annotations.geojson").read_text())
    assert collection.keys() == {"type", "features"}
    assert len(collection["features"]) == 4
    first = collection["features"][0]
    assert first["properties"]["class_code"] == "CS1.1.1.1"
    corners = polygon_wgs84(next(iter(contents.annotations)).geometry.bounds, "EPSG:2154")["coordinates"][0]
    assert {tuple(p) for p in first["geometry"]["coordinates"][0]} == {tuple(p) for p in corners}
    longitude, latitude = first["geometry"]["coordinates"][0][0]
    # 274 km west and 165 km south of Lambert-93's origin (3° E, 46.5° N): about 3.47° and 1.54°
    assert (longitude, latitude) == pytest.approx((-0.47, 44.96), abs=0.01)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"class_code": "CS9"}, InvalidContents, "CS9"),
        ({"role": "buffer"}, InvalidContents, "buffer"),
        ({"geometry": Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])}, InvalidContents, "valid polygon"),
        ({"geometry": shapely.MultiPolygon([box(0, 0, 1, 1)])}, InvalidContents, "MultiPolygon"),
        ({"contributor_id": "ann@example.org"}, InvalidContents, "contributor_id"),
        ({"contributor_id": "ann"}, PersonalDataFound, "random public id"),
    ],
)
def test_a_record_that_breaks_a_rule_is_refused(
    contents: ReleaseContents, fields: dict, error: type[Exception], message: str
) -> None:
    record: AnnotationRecord = replace(next(iter(contents.annotations)), **fields)
    with pytest.raises(error, match=message):
        check_annotation(record, codes=frozenset({"CS1.1.1.1"}), account_names=frozenset({"ann"}))


def test_a_release_without_annotation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidContents, match="no annotation"):
        vectors.write_annotations_parquet(tmp_path, [], crs="EPSG:2154", codes=frozenset())
