"""Themes in what is published: the national code of every class and row, and nothing new where there is no theme."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely
from released_rows import make_batch, make_records

from learning.core.polygons.join import Polygons
from learning.release.annotation_rows import SCHEMA
from learning.release.bundle import stage_release
from learning.release.contents import ClassScore, Interval, ReleaseContents
from learning.release.documents import nomenclature_json
from learning.release.manifest import verify
from learning.release.map_polygons import ClassText, MapFacts, write_map_gpkg, write_map_parquet

VINE = "CS2.2.1/vine"


def themed(contents: ReleaseContents) -> ReleaseContents:
    """The contents as those of a theme that adds one class, which one of the polygons has."""
    tree = contents.nomenclature
    vine = replace(tree.classes[-1], code=VINE, parent="CS2.2.1", raster_value=4)
    theme = replace(
        tree, code="vines", classes=(*tree.classes, vine), extends=("ocsge-cover", "2"), names_national=True
    )
    records = make_records()
    records[-1]["class_code"] = VINE
    assert contents.model is not None and contents.model.scores is not None
    national = replace(
        contents.model.scores, pixels=900, miou=Interval(0.71, 0.6, 0.8),
        classes=(ClassScore("CS2.2.1", Interval(0.71, 0.6, 0.8), 0.83, 900),),
    )  # fmt: skip
    model = replace(
        contents.model, nomenclature_code="vines", class_codes=("CS1.1.1.1", "CS1.2.2", VINE), national_scores=national
    )
    return replace(contents, nomenclature=theme, annotations=[make_batch(records)], model=model, maps=None)


def test_the_tree_of_a_theme_says_what_it_refines_and_the_national_code_of_each_class(contents):
    found = nomenclature_json(themed(contents))
    assert found["extends"] == {"code": "ocsge-cover", "version": "2"}
    assert {item["code"]: item["national_code"] for item in found["classes"]} == {
        "CS1": "CS1", "CS1.1.1.1": "CS1.1.1.1", "CS1.2.2": "CS1.2.2", "CS2.2.1": "CS2.2.1", VINE: "CS2.2.1",
    }  # fmt: skip


def test_a_national_tree_is_written_as_before(contents):
    found = nomenclature_json(contents)
    assert list(found) == ["code", "version", "title", "source", "classes", "unlabelled_raster_value"]
    assert list(found["classes"][0]) == [
        "code", "parent", "name", "definition", "colour", "selectable", "raster_value",
    ]  # fmt: skip


def test_every_row_of_a_theme_names_its_own_class_and_the_national_one_in_all_three_forms(contents, tmp_path: Path):
    root = tmp_path / "r.staging"
    stage_release(themed(contents), root)
    assert not verify(root).faults
    rows = pq.read_table(root / "annotations/annotations.parquet")
    pairs = set(zip(*(rows[name].to_pylist() for name in ("class_code", "national_code")), strict=True))
    assert (VINE, "CS2.2.1") in pairs and all(other == one.split("/")[0] for one, other in pairs)
    with closing(sqlite3.connect(root / "annotations/annotations.gpkg")) as file:
        assert set(file.execute("SELECT class_code, national_code FROM annotations")) == pairs
    told = json.loads((root / "annotations/annotations.geojson").read_text())["features"]
    assert {(one["properties"]["class_code"], one["properties"]["national_code"]) for one in told} == pairs
    assert pq.read_schema(root / "annotations/history.parquet").names == rows.schema.names
    [item] = [json.loads(path.read_text()) for path in root.rglob("gers-annotations.json")]
    assert item["properties"]["label:properties"] == ["class_code", "national_code"]
    assert item["properties"]["label:classes"][1]["classes"] == ["CS1", "CS1.1.1.1", "CS1.2.2", "CS2.2.1"]
    assert [column["name"] for column in item["properties"]["table:columns"]] == rows.schema.names
    lines = (root / "dataset/classes.csv").read_text().splitlines()
    assert lines[0].endswith(",colour,national_code")
    assert [line.split(",")[1] + line.rpartition(",")[2] for line in lines[3:]] == ["CS2.2.1CS2.2.1", f"{VINE}CS2.2.1"]


def test_a_theme_s_model_card_has_both_levels_and_its_config_the_national_code_of_each_channel(
    contents, tmp_path: Path
):
    root = tmp_path / "r.staging"
    stage_release(themed(contents), root)
    [folder] = (root / "models").iterdir()
    card = (folder / "README.md").read_text()
    assert "classes of vines 2, a theme that refines the national ocsge-cover 2." in card
    finest, _, national = card.partition("### At the national classes")
    assert "Mean IoU: 0.610 (0.550 to 0.660)" in finest and "Mean IoU: 0.710 (0.600 to 0.800)" in national
    assert "| CS2.2.1 Herbaceous | 0.710 (0.600 to 0.800) | 0.830 | 900 |" in national
    config = json.loads((folder / "config.json").read_text())
    assert [one["national_code"] for one in config["output"]] == ["CS1.1.1.1", "CS1.2.2", "CS2.2.1"]
    assert json.loads((folder / "metrics.json").read_text())["national"]["miou"]["estimate"] == 0.71


def test_without_a_theme_neither_rows_nor_table_nor_model_speak_of_national_classes(release: Path):
    assert pq.read_schema(release / "annotations/annotations.parquet").names == SCHEMA.names
    assert "national" not in (release / "dataset/classes.csv").read_text()
    for path in (*release.glob("models/*/*.json"), *release.glob("models/*/README.md")):
        assert "national" not in path.read_text()


@pytest.mark.parametrize(("national", "columns"), [("CS2.2.1", ["class_code", "national_code"]), ("", ["class_code"])])
def test_polygons_of_a_theme_s_map_name_both_classes(national: str, columns: list[str], tmp_path: Path):
    facts = MapFacts(
        crs="EPSG:2154", classes=[ClassText(VINE, "vigne", "vine", 5.0, national)], m_per_unit=1.0, vintage=2019,
        model="m1",
    )  # fmt: skip
    found = Polygons(
        np.array([1]), np.array([1], np.uint8), np.array([100]), np.full(1, "", object),
        np.array([shapely.box(426000, 6434990, 426010, 6435000)]),
    )  # fmt: skip
    write_map_parquet(tmp_path / "p.parquet", [found], facts=facts)
    write_map_gpkg(
        tmp_path / "p.parquet", tmp_path / "p.gpkg", crs=facts.crs, changed_at=datetime(2026, 11, 12, tzinfo=UTC)
    )
    table = pq.read_table(tmp_path / "p.parquet")
    assert [name for name in table.column_names if name.endswith("_code")] == columns
    assert [table[name][0].as_py() for name in columns] == [VINE, national][: len(columns)]
    with closing(sqlite3.connect(tmp_path / "p.gpkg")) as file:
        found_columns = [name for _at, name, *_rest in file.execute("PRAGMA table_info(land_cover)")]
    assert [name for name in found_columns if name.endswith("_code")] == columns
