from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
import shapely.affinity

from annotation.raster.errors import NotALocalFile, UnusableMosaicGraph
from annotation.raster.mosaic_graph import read_pieces
from annotation.raster.sandbox import run_in_sandbox

SQUARE = shapely.box(600_000, 6_799_900, 600_100, 6_800_000)


def write_graph(
    path: Path, shapes: list, columns: dict[str, list], *, crs: str = "EPSG:2154", layer: str = "graph"
) -> Path:
    pyogrio.raw.write(
        path,
        np.array([shapely.to_wkb(shape) for shape in shapes], dtype=object),
        [np.array(values, dtype=object) for values in columns.values()],
        list(columns),
        layer=layer,
        driver="GPKG",
        geometry_type="Polygon",
        crs="EPSG:2154",
        append=path.exists(),
    )
    return path


def test_each_piece_comes_with_its_day_and_its_ground_in_degrees(tmp_path):
    path = write_graph(
        tmp_path / "graph.gpkg", [SQUARE, shapely.affinity.translate(SQUARE, 100)],
        {"nom": ["a", "b"], "date_vol": ["2022-06-14", "20210701"]},
    )  # fmt: skip
    answer = run_in_sandbox("annotation.raster.mosaic_graph.read_pieces", {"path": str(path)}, require_isolation=False)
    assert answer["next"] is None
    assert [day for day, _ in answer["pieces"]] == ["2022-06-14", "2021-07-01"]
    ground = shapely.from_wkb(answer["pieces"][0][1])
    assert ground.geom_type == "MultiPolygon"
    # 100 km west and 200 km north of Lambert-93's origin at 3° E, 46.5° N: a degree is 74 km there, and 111 km.
    assert ground.bounds == pytest.approx((1.65, 48.29, 1.65, 48.29), abs=0.01)
    west, south, east, north = ground.bounds
    assert (east - west, north - south) == (
        pytest.approx(100 / 74_070, rel=0.03),
        pytest.approx(100 / 111_200, rel=0.03),
    )


def test_days_are_read_as_files_write_them(tmp_path):
    days = ["2022-06-14", "2022-06-14T10:11:12Z", "20220614", "14/06/2022"]
    path = write_graph(tmp_path / "graph.gpkg", [SQUARE] * 4, {"date": days})
    assert [day for day, _ in read_pieces(str(path))["pieces"]] == ["2022-06-14"] * 4


def test_a_long_graph_is_read_in_several_answers(tmp_path, monkeypatch):
    monkeypatch.setattr("annotation.raster.mosaic_graph.ANSWER_BYTES", 300)
    path = write_graph(tmp_path / "graph.gpkg", [SQUARE] * 7, {"date": [f"2022-06-1{n}" for n in range(7)]})
    begin, days = 0, []
    while begin is not None:
        answer = read_pieces(str(path), begin=begin)
        assert len(answer["pieces"]) < 7
        days += [day for day, _ in answer["pieces"]]
        begin = answer["next"]
    assert days == [f"2022-06-1{n}" for n in range(7)]


def test_the_column_is_named_where_several_could_be_the_day(tmp_path):
    path = write_graph(tmp_path / "graph.gpkg", [SQUARE], {"date_vol": ["2022-06-14"], "date_maj": ["2023-01-01"]})
    with pytest.raises(UnusableMosaicGraph, match="date_vol, date_maj: say which one"):
        read_pieces(str(path))
    assert read_pieces(str(path), date_field="date_vol")["pieces"][0][0] == "2022-06-14"
    with pytest.raises(UnusableMosaicGraph, match="no column 'day'"):
        read_pieces(str(path), date_field="day")


@pytest.mark.parametrize("value", ["soon", "2022-13-01", "14.06.2022", None])
def test_a_day_that_is_none_is_refused_with_its_piece(tmp_path, value):
    path = write_graph(tmp_path / "graph.gpkg", [SQUARE, SQUARE], {"date": ["2022-06-14", value]})
    with pytest.raises(UnusableMosaicGraph, match=f"{value or 'None'!r} in date of piece 2"):
        read_pieces(str(path))


def test_a_bow_tie_is_refused_not_repaired(tmp_path):
    bow_tie = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    path = write_graph(tmp_path / "graph.gpkg", [bow_tie], {"date": ["2022-06-14"]})
    with pytest.raises(UnusableMosaicGraph, match="Self-intersection"):
        read_pieces(str(path))


def test_what_is_no_geopackage_of_one_layer_is_refused(tmp_path):
    (tmp_path / "text.gpkg").write_text("not a database")
    with pytest.raises(UnusableMosaicGraph, match="cannot be read as a GeoPackage"):
        read_pieces(str(tmp_path / "text.gpkg"))
    two = write_graph(tmp_path / "two.gpkg", [SQUARE], {"date": ["2022-06-14"]})
    write_graph(two, [SQUARE], {"date": ["2022-06-14"]}, layer="other")
    with pytest.raises(UnusableMosaicGraph, match="layers graph, other"):
        read_pieces(str(two))
    with pytest.raises(NotALocalFile):
        read_pieces("/vsicurl/http://example.org/graph.gpkg")


def test_a_view_in_place_of_the_table_is_never_run(tmp_path):
    path = write_graph(tmp_path / "graph.gpkg", [SQUARE], {"date": ["2022-06-14"]})
    with sqlite3.connect(path) as database:
        for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{trigger}"')
        database.execute("ALTER TABLE graph RENAME TO real")
        database.execute(
            "CREATE VIEW graph AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"
        )
        database.execute("UPDATE gpkg_geometry_columns SET table_name = 'graph'")
    with pytest.raises(UnusableMosaicGraph, match="layers none"):
        read_pieces(str(path))


def test_a_geometry_cut_short_is_refused(tmp_path):
    path = write_graph(tmp_path / "graph.gpkg", [SQUARE], {"date": ["2022-06-14"]})
    with sqlite3.connect(path) as database:
        for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{trigger}"')
        database.execute("UPDATE graph SET geom = substr(geom, 1, 60)")
    with pytest.raises(UnusableMosaicGraph, match="piece 1"):
        read_pieces(str(path))
