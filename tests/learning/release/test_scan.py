"""Threat T11 and invariant R20: no e-mail address and no account name leaves in any artefact."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from learning.release.annotation_rows import RowRules, checked_rows
from learning.release.contents import ReleaseContents
from learning.release.errors import InvalidContents
from learning.release.scan import scan_personal_data

NAMES = ("marie.dupont", "jdoe42")


def in_json(root: Path, text: str) -> str:
    (root / "release.json").write_text(json.dumps({"by": text}))
    return "release.json"


def in_geojson(root: Path, text: str) -> str:
    path = root / "annotations/annotations.geojson"
    path.write_text(path.read_text().replace("user_4f9a1c", text, 1))
    return "annotations/annotations.geojson"


def in_parquet(root: Path, text: str) -> str:
    path = root / "annotations/annotations.parquet"
    table = pq.read_table(path)
    column = table.schema.get_field_index("contributor_id")
    pq.write_table(table.set_column(column, "contributor_id", pa.array([text] * table.num_rows)), path)
    return "annotations/annotations.parquet"


def in_gpkg(root: Path, text: str) -> str:
    path = root / "annotations/annotations.gpkg"
    with sqlite3.connect(path) as database:
        database.execute("UPDATE gpkg_contents SET description = ?", (f"by {text}",))
    return "annotations/annotations.gpkg"


def in_tiff(root: Path, text: str) -> str:
    path = root / "dataset/gers_aerial_train/gers_2019/Z0000_0000/img/IMG_000001.tif"
    with rasterio.open(path, "r+", driver="GTiff") as target:
        target.update_tags(ARTIST=text)
    return path.relative_to(root).as_posix()


def test_a_release_holds_no_address_and_no_account_name(pristine: Path) -> None:
    assert scan_personal_data(pristine, names=NAMES) == []


@pytest.mark.parametrize("plant", [in_json, in_geojson, in_parquet, in_gpkg, in_tiff])
@pytest.mark.parametrize("text", ["marie.dupont", "marie.dupont@example.org"])
def test_a_planted_name_or_address_is_found(release: Path, plant: Callable[[Path, str], str], text: str) -> None:
    name = plant(release, text)
    assert name in {fault.path for fault in scan_personal_data(release, names=NAMES)}


def test_a_name_counts_only_as_a_whole_word(release: Path) -> None:
    (release / "README.md").write_text("jdoe421 and xjdoe42 are other words")
    assert scan_personal_data(release, names=NAMES) == []


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(min_size=1, max_size=30))
def test_an_id_passes_only_when_it_is_plain_letters_digits_and_dashes(contents: ReleaseContents, text: str) -> None:
    [batch] = contents.annotations
    at = batch.schema.get_field_index("contributor_id")
    named = batch.set_column(at, "contributor_id", pa.array([text] * batch.num_rows, pa.string()))
    plain = all(char in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-" for char in text)
    if plain:
        checked_rows(named, RowRules.of(contents))
    else:
        with pytest.raises(InvalidContents, match="contributor_id"):
            checked_rows(named, RowRules.of(contents))
