"""The national view of a theme: rows, masks, map, documents and catalogue by national codes, and nothing finer."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rasterio
from released_rows import make_batch, make_records

from learning.release.bundle import stage_release
from learning.release.contents import NomenclatureInfo, PatchRecord, ReleaseContents
from learning.release.errors import InvalidContents
from learning.release.manifest import verify
from learning.release.national import NO_AREAS, as_national, national_patches, national_rows, published_values

LAWN, MEADOW = "CS2.2.1/lawn", "CS2.2.1/meadow"


def theme_of(tree: NomenclatureInfo) -> NomenclatureInfo:
    """The tree with two kinds of herbaceous ground."""
    own = [
        replace(tree.classes[-1], code=code, parent="CS2.2.1", raster_value=n)
        for n, code in enumerate((LAWN, MEADOW), 4)
    ]
    return replace(
        tree,
        code="herbs",
        version="1",
        classes=(*tree.classes, *own),
        extends=(tree.code, tree.version),
        names_national=True,
    )


def national(contents: ReleaseContents) -> ReleaseContents:
    """The contents, drawn with the theme, in their national view; the model says meadow by its third value."""
    theme, records = theme_of(contents.nomenclature), make_records()
    records[-1]["class_code"], records[0]["class_code"] = LAWN, MEADOW
    assert contents.maps is not None and contents.model is not None
    values = published_values(theme, contents.nomenclature)
    maps = replace(
        contents.maps, renumbered={1: values["CS1.1.1.1"], 2: values[LAWN], 3: values[MEADOW]}, statistics=NO_AREAS,
        scores=contents.model.scores,
    )  # fmt: skip
    return as_national(replace(contents, annotations=[make_batch(records)], maps=maps), theme=theme)


def test_each_class_of_a_theme_has_the_value_of_its_national_one_and_one_that_refines_none_is_refused(contents):
    tree = contents.nomenclature
    assert published_values(theme_of(tree), tree) == {"CS1.1.1.1": 1, "CS1.2.2": 2, "CS2.2.1": 3, LAWN: 3, MEADOW: 3}
    odd = replace(tree, code="odd", classes=(replace(tree.classes[-1], code="CS9"),), extends=("ocsge-cover", "2"))
    with pytest.raises(InvalidContents, match="CS9 of odd 2 refines no class of ocsge-cover 2: give it the code"):
        published_values(odd, tree)


def test_rows_take_the_national_code_and_lose_an_agreement_that_was_counted_by_finer_classes(contents):
    records = make_records()[:3]
    for record, code in zip(records, (LAWN, "CS2.2.1", "CS1.2.2"), strict=True):
        record |= {"class_code": code, "agreement": 0.9}
    [rows] = national_rows([make_batch(records)], theme=theme_of(contents.nomenclature))
    assert rows["class_code"].to_pylist() == ["CS2.2.1", "CS2.2.1", "CS1.2.2"]
    assert rows["agreement"].to_pylist() == [None, None, 0.9]
    assert rows.schema == make_batch(records).schema and rows["geometry"] == make_batch(records)["geometry"]


def test_a_patch_between_two_classes_of_one_national_class_corrects_nothing_there():
    patch = PatchRecord(
        patch_id=1, layer="l", vintage=2019, compared_with=2022, wrong_code=LAWN, right_code=MEADOW, campaign="c",
        contributors=(), reviewed=False, decided_on=date(2026, 11, 1), area_m2=4.0, licence="etalab-2.0", geometry=b"",
    )  # fmt: skip
    [kept] = national_patches([patch, replace(patch, patch_id=2, right_code="CS1.2.2")])
    assert (kept.patch_id, kept.wrong_code, kept.right_code) == (2, "CS2.2.1", "CS1.2.2")


def test_the_national_view_says_what_it_is_and_holds_neither_finer_codes_nor_model_nor_entropy(
    contents, tmp_path: Path
):
    root = tmp_path / "r.staging"
    stage_release(national(contents), root)
    assert not verify(root).faults
    rows = pq.read_table(root / "annotations/annotations.parquet")
    assert "national_code" not in rows.column_names
    assert set(rows["class_code"].to_pylist()) <= {"CS1.1.1.1", "CS1.2.2", "CS2.2.1"}
    [map_file] = (root / "maps").glob("*_CLASS_*.tif")
    with rasterio.open(map_file) as written, rasterio.open(contents.maps.files[0].class_path) as predicted:
        assert np.array_equal(written.read(1), np.array([0, 1, 3, 3], np.uint8)[predicted.read(1)])
    assert not list(root.rglob("*ENTROPY*")) and not (root / "models").exists()
    assert not (root / "maps/styles/entropy.qml").exists()
    readme = (root / "README.md").read_text()
    assert "**National view.** Labels were drawn with the theme herbs 1. Each class that it adds" in readme
    assert f"`{LAWN}` → `CS2.2.1`, `{MEADOW}` → `CS2.2.1`" in readme and "**Vue nationale.**" in readme
    assert "**National view.**" in (root / "dataset/README.md").read_text()
    told = {"code": "herbs", "version": "1", "classes": {LAWN: "CS2.2.1", MEADOW: "CS2.2.1"}}
    assert json.loads((root / "release.json").read_text())["coarsened_from"] == told
    catalog = json.loads((root / "catalog.json").read_text())
    assert (
        catalog["solcommun:coarsened_from"] == told and "National view: classes of the theme" in catalog["description"]
    )
    for name in ("annotations", "dataset", "predictions"):
        collection = json.loads((root / f"stac/{name}/collection.json").read_text())
        assert collection["solcommun:coarsened_from"] == told
    assert "solcommun:coarsened_from" not in json.loads((root / "stac/imagery/collection.json").read_text())
    accuracy = json.loads((root / "maps/accuracy.json").read_text())
    assert accuracy["holdout"]["status"] == "assessed" and accuracy["areas"]["status"] == "not assessed"
    assert "intervals of several do not add up" in accuracy["areas"]["reason"]
    finer = [
        path.name
        for path in root.rglob("*")
        if path.suffix in {".csv", ".qml", ".xml", ".geojson"} and LAWN in path.read_text()
    ]
    assert finer == [] and LAWN not in (root / "nomenclature.json").read_text()


def test_a_release_that_coarsens_nothing_does_not_speak_of_it(release: Path):
    for path in ("README.md", "release.json", "catalog.json", "stac/predictions/collection.json"):
        assert "oarsened" not in (release / path).read_text() and "National" not in (release / path).read_text()
    assert pa.types.is_string(pq.read_schema(release / "annotations/annotations.parquet").field("class_code").type)
