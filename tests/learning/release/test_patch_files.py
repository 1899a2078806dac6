"""Corrections of earlier vintages are written as two files of the same rows, or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from released_rows import square

from learning.release import layout
from learning.release.contents import ClassInfo, NomenclatureInfo, PatchRecord
from learning.release.errors import InvalidContents, PersonalDataFound
from learning.release.formats import format_problems
from learning.release.patch_files import write_patches

TREE = NomenclatureInfo(
    code="tree", version="1", title={}, source="",
    classes=(ClassInfo("G", None, {"fr": "Herbe", "en": "Grass"}, {}, "#00ff00", True, 1),),
)  # fmt: skip
PATCH = PatchRecord(
    patch_id=3, layer="ortho-2019", vintage=2019, compared_with=2022, wrong_code="G", right_code="old.code",
    campaign="now", contributors=("p-1", "p-2"), reviewed=False, decided_on=date(2026, 11, 3), area_m2=2.56,
    licence="etalab-2.0", geometry=square(0, 0, 0, 0, 8).wkb,
)  # fmt: skip


def write(root: Path, *patches: PatchRecord, **more: Any) -> None:
    write_patches(
        root, patches, nomenclature=TREE, crs="EPSG:2154", published_on=datetime(2026, 11, 5, tzinfo=UTC), **more
    )


def test_both_files_hold_the_same_rows_and_a_class_that_the_tree_lacks_has_a_code_and_no_name(tmp_path: Path) -> None:
    clockwise = shapely.Polygon(list(square(1, 0, 0, 0, 8).exterior.coords)[::-1])
    other = replace(PATCH, patch_id=9, contributors=(), reviewed=True, geometry=clockwise.wkb)
    write(tmp_path, PATCH, other)
    [first, second] = pq.read_table(tmp_path / layout.PATCHES_PARQUET).to_pylist()
    assert (first["wrong_code"], first["wrong_fr"], first["wrong_en"]) == ("G", "Herbe", "Grass")
    assert (first["right_code"], first["right_fr"], first["right_en"]) == ("old.code", None, None)
    assert (first["people"], first["contributor_ids"], first["review"]) == (2, "p-1 p-2", "none")
    assert (second["people"], second["contributor_ids"], second["review"]) == (0, "", "settled")
    assert shapely.from_wkb(second["geometry"]).exterior.is_ccw
    meta, table = pyogrio.read_arrow(tmp_path / layout.PATCHES_GPKG, layer=layout.PATCHES_LAYER)
    assert meta["crs"] == "EPSG:2154"
    assert table["patch_id"].to_pylist() == [3, 9]
    geometry = shapely.from_wkb(table[meta["geometry_name"] or "wkb_geometry"][0].as_py())
    assert geometry.bounds == tuple(first["bbox"].values())
    for path in (layout.PATCHES_PARQUET, layout.PATCHES_GPKG):
        assert list(format_problems(tmp_path, path)) == []


def test_without_a_patch_there_is_no_file(tmp_path: Path) -> None:
    write(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_written_twice_the_files_have_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, PATCH)
    for path in (layout.PATCHES_PARQUET, layout.PATCHES_GPKG):
        assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes()


@pytest.mark.parametrize(
    ("patches", "words"),
    [
        ([PATCH, PATCH], "patch 3 comes after 3"),
        ([replace(PATCH, right_code="G")], "corrects nothing: both classes are 'G'"),
        ([replace(PATCH, geometry=b"no")], "met no WKB"),
        ([replace(PATCH, geometry=shapely.Point(0, 0).wkb)], "met Valid Geometry, Point"),
        ([replace(PATCH, geometry=shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]).wkb)], "met Self-intersection"),
    ],
)
def test_what_may_not_be_published_is_refused_before_a_byte(
    tmp_path: Path, patches: list[PatchRecord], words: str
) -> None:
    with pytest.raises(InvalidContents, match=words):
        write(tmp_path, *patches)
    assert list(tmp_path.iterdir()) == []


def test_an_account_name_is_no_contributor(tmp_path: Path) -> None:
    with pytest.raises(PersonalDataFound, match="patch 3"):
        write(tmp_path, PATCH, account_names=frozenset({"p-2"}))
