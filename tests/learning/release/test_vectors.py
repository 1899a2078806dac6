from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from pyproj import CRS
from released_rows import make_batch, make_records, square
from shapely import Polygon, box

from learning.release import annotation_rows, gpkg_process, polygon_files, vectors
from learning.release.annotation_rows import RowRules, checked_rows
from learning.release.contents import ReleaseContents
from learning.release.errors import InvalidContents, PersonalDataFound, UnusableArtefact
from learning.release.formats import geo_metadata_problems, geoparquet_problems, gpkg_problems
from learning.release.geodesy import polygon_wgs84
from learning.release.text import compact_json

PARQUET, GPKG = "annotations/annotations.parquet", "annotations/annotations.gpkg"


def test_the_parquet_gives_back_every_field_and_vertex(contents: ReleaseContents, pristine: Path) -> None:
    table = pq.read_table(pristine / PARQUET)
    records = make_records()
    assert table.num_rows == len(records) == 4
    for row, record in zip(table.to_pylist(), records, strict=True):
        geometry = record.pop("geometry")
        assert {name: row[name] for name in record} == record
        assert shapely.from_wkb(row["geometry"]).equals(geometry)
        assert tuple(row["bbox"].values()) == geometry.bounds


def test_a_row_says_what_its_class_is_called_in_which_nomenclature_and_of_which_year(pristine: Path) -> None:
    water = pq.read_table(pristine / PARQUET).to_pylist()[1]
    assert (water["class_code"], water["class_fr"], water["class_en"]) == ("CS1.2.2", "Eau", "Water")
    assert (water["nomenclature"], water["nomenclature_version"], water["vintage"]) == ("ocsge-cover", "2", 2019)


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


def written(root: Path, contents: ReleaseContents, batches: Iterable[pa.RecordBatch]) -> vectors.AnnotationSummary:
    rules, moment = RowRules.of(contents, account_names=frozenset()), datetime(2026, 11, 22, 9, tzinfo=UTC)
    return vectors.write_annotations(root, batches, rules=rules, crs="EPSG:2154", published_on=moment)


def test_a_batch_is_a_row_group_and_a_long_one_is_cut(
    contents: ReleaseContents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "ROWS_PER_GROUP", 2)
    [batch] = contents.annotations
    summary = written(tmp_path, contents, iter([batch.slice(0, 1), batch.slice(1)]))
    groups = pq.read_metadata(tmp_path / PARQUET)
    assert [groups.row_group(at).num_rows for at in range(groups.num_row_groups)] == [1, 2, 1]
    assert (summary.features, summary.annotations, summary.contributors) == (4, 3, 1)
    assert summary.class_counts == {"CS1.1.1.1": 1, "CS1.2.2": 2, "CS2.2.1": 1}


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_ring_is_turned_whichever_way_it_was_stored(
    contents: ReleaseContents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(annotation_rows, "_POLYGONS_AT_ONCE", at_once)
    turned = [{**one, "geometry": shapely.reverse(one["geometry"])} for one in make_records()]
    turned[0] = make_records()[0]
    assert [one["geometry"].exterior.is_ccw for one in (make_records()[2], turned[2])] == [True, False]
    written(tmp_path, contents, [make_batch(turned)])
    read = [shapely.from_wkb(wkb) for wkb in pq.read_table(tmp_path / PARQUET)["geometry"].to_pylist()]
    for polygon, record in zip(read, make_records(), strict=True):
        assert polygon.exterior.is_ccw and not any(hole.is_ccw for hole in polygon.interiors)
        assert polygon.equals(record["geometry"])


@pytest.mark.parametrize("ended", ["died", "raised"])
def test_a_geopackage_is_whole_or_absent(
    contents: ReleaseContents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: str
) -> None:
    [batch] = contents.annotations

    def rows() -> Iterator[pa.RecordBatch]:
        yield batch.slice(0, 1)
        if ended == "raised":
            raise OSError(28, "No space left on device")

    if ended == "died":
        monkeypatch.setattr(gpkg_process, "WHOLE", b"other")
    with pytest.raises((OSError, UnusableArtefact), match=r"No space left|rows ended early"):
        written(tmp_path, contents, rows())
    assert not (tmp_path / GPKG).exists()


def test_gdal_reads_the_geopackage_with_the_same_rows(contents: ReleaseContents, pristine: Path) -> None:
    info = pyogrio.read_info(pristine / GPKG, layer="annotations")
    assert info["crs"] == "EPSG:2154"
    assert info["geometry_type"] == "Polygon"
    _, table = pyogrio.read_arrow(pristine / GPKG)
    assert table["class_code"].to_pylist() == [record["class_code"] for record in make_records()]
    assert table["image_date"].to_pylist() == [date(2019, 7, 14)] * 4
    geometries = shapely.from_wkb(table["geom"].to_pylist())
    assert all(g.equals(r["geometry"]) for g, r in zip(geometries, make_records(), strict=True))


def test_the_geopackage_says_the_day_of_publication_and_no_other_time(pristine: Path) -> None:
    with sqlite3.connect(f"file:{pristine / GPKG}?mode=ro&immutable=1", uri=True) as database:
        stamps = [row[0] for row in database.execute("SELECT last_change FROM gpkg_contents")]
    assert stamps == ["2026-11-22T09:00:00.000Z"]
    assert list(gpkg_problems(pristine / GPKG)) == []


def test_writing_a_geopackage_leaves_gdal_options_as_they_were(pristine: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.gpkg"
    polygon_files.copy_to_gpkg(
        pristine / PARQUET, copy, layer="annotations", crs="EPSG:2154", changed_at=datetime(2026, 11, 22, 9, tzinfo=UTC)
    )
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") is None
    assert copy.read_bytes() == (pristine / GPKG).read_bytes()


def test_the_geojson_is_in_longitude_and_latitude(contents: ReleaseContents, pristine: Path) -> None:
    collection = json.loads((pristine / "annotations/annotations.geojson").read_text())
    assert collection.keys() == {"type", "features"}
    assert len(collection["features"]) == 4
    first = collection["features"][0]
    assert first["properties"]["class_code"] == "CS1.1.1.1"
    corners = polygon_wgs84(make_records()[0]["geometry"].bounds, "EPSG:2154")["coordinates"][0]
    assert {tuple(p) for p in first["geometry"]["coordinates"][0]} == {tuple(p) for p in corners}
    longitude, latitude = first["geometry"]["coordinates"][0][0]
    # 274 km west and 165 km south of Lambert-93's origin (3° E, 46.5° N): about 3.47° and 1.54°
    assert (longitude, latitude) == pytest.approx((-0.47, 44.96), abs=0.01)


def test_the_geojson_writes_texts_days_and_nothing_as_json_does(contents: ReleaseContents, tmp_path: Path) -> None:
    records = make_records()
    records[0] |= {"licence": 'a "b" \\ é', "reviewed_on": None}
    written(tmp_path, contents, [make_batch(records)])
    vectors.write_annotations_geojson(tmp_path, crs="EPSG:2154")
    text = (tmp_path / "annotations/annotations.geojson").read_text()
    first = json.loads(text)["features"][0]
    assert (first["properties"]["licence"], first["properties"]["reviewed_on"]) == ('a "b" \\ é', None)
    assert (first["properties"]["image_date"], first["properties"]["tile_row"]) == ("2019-07-14", 0)
    assert (
        text.splitlines()[1].partition('"properties":')[2] == f'{compact_json(first["properties"])},"type":"Feature"}},'
    )


FAR_AWAY = square(2, 1, 0, 0, 8)
# On the grid of its tile, always turning left, and twice around: it crosses itself.
TWICE_AROUND = Polygon(
    [(426000 + x * 0.2, 6435000 - y * 0.2) for x, y in ((26, 16), (8, 10), (19, 25), (19, 7), (8, 22))]
)
OFF_GRID = Polygon([(426000.01, 6435000), (426001, 6435000), (426001, 6434999)])


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"class_code": "CS9"}, InvalidContents, "CS9"),
        ({"role": "buffer"}, InvalidContents, "buffer"),
        ({"geometry": Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])}, InvalidContents, "valid polygon"),
        ({"geometry": TWICE_AROUND}, InvalidContents, "valid polygon, met Self-intersection"),
        ({"geometry": shapely.MultiPolygon([box(0, 0, 1, 1)])}, InvalidContents, "MultiPolygon"),
        ({"geometry": Polygon()}, InvalidContents, "valid polygon"),
        ({"geometry": OFF_GRID}, InvalidContents, "feature f1.*not on the grid of the tile in row 0, column 0"),
        ({"geometry": FAR_AWAY}, InvalidContents, "feature f1.*not on the grid of the tile in row 0, column 0"),
        ({"contributor_id": "ann@example.org"}, InvalidContents, "contributor_id"),
        ({"feature_id": ""}, InvalidContents, "feature_id"),
        ({"contributor_id": "ann"}, PersonalDataFound, "random public id"),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused(
    contents: ReleaseContents, fields: dict[str, Any], error: type[Exception], message: str
) -> None:
    records = make_records()
    records[0] |= fields
    rules = RowRules.of(contents, account_names=frozenset({"ann"}))
    with pytest.raises(error, match=message):
        checked_rows(make_batch(records), rules)


def test_a_release_without_annotation_is_refused(contents: ReleaseContents, tmp_path: Path) -> None:
    with pytest.raises(InvalidContents, match="no annotation"):
        written(tmp_path, contents, [])
