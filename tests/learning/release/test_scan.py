"""Threat T11 and invariant R20: no e-mail address and no account name leaves in any artefact."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from learning.release.annotation_rows import RowRules, checked_rows
from learning.release.contents import ReleaseContents
from learning.release.errors import InvalidContents, UnusableArtefact
from learning.release.mvt import encode_layer
from learning.release.pmtiles import Place, PmtilesWriter
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


def in_other_tags_of_a_tiff(root: Path, text: str) -> str:
    path = root / "dataset/gers_aerial_train/gers_2019/Z0000_0000/img/IMG_000001.tif"
    with rasterio.open(path, "r+", driver="GTiff") as target:
        target.update_tags(ns="SOURCE", by=text)
    return path.relative_to(root).as_posix()


def in_nested_parquet(root: Path, text: str) -> str:
    column = pa.array([[{"who": text}], []], type=pa.list_(pa.struct([("who", pa.dictionary(pa.int8(), pa.string()))])))
    pq.write_table(pa.table({"people": column}), root / "annotations/history.parquet")
    return "annotations/history.parquet"


def in_text_of(name: str) -> Callable[[Path, str], str]:
    """A planter into a file of text of this name."""

    def plant(root: Path, text: str) -> str:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"one line\n<title>by {text}, 2026</title>\n", encoding="utf-8")
        return name

    return plant


def onnx_with(text: str, *, where: str) -> bytes:
    """An ONNX model with a text in one of its places."""
    import onnx
    from onnx import helper

    weights = helper.make_tensor("w", onnx.TensorProto.FLOAT, [64], np.linspace(-3, 3, 64))
    node = helper.make_node("Add", ["x", "w"], ["y"], name="add")
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [64]) for name in "xy"]
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], [weights])
    model = helper.make_model(graph, producer_name="solcommun")
    if where == "metadata":
        helper.set_model_props(model, {"author": text})
    elif where == "node":
        model.graph.node[0].doc_string = f"File somewhere, in {text}"
    elif where == "attribute":
        model.graph.node[0].attribute.append(helper.make_attribute("note", [text, "b"]))
    elif where == "tensor":
        model.graph.initializer[0].doc_string = text
    else:
        model.graph.output[0].type.tensor_type.shape.dim[0].dim_param = text
    return bytes(model.SerializeToString())


def in_onnx(where: str) -> Callable[[Path, str], str]:
    """A planter into one place of an ONNX file."""

    def plant(root: Path, text: str) -> str:
        (root / "models/model.onnx").write_bytes(onnx_with(text, where=where))
        return "models/model.onnx"

    return plant


def write_pmtiles(path: Path, *, attribute: str, described: str = "") -> None:
    tile = encode_layer("map", extent=4096, geometries=[b""], properties={"who": [attribute]})
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        writer = PmtilesWriter(stream)
        writer.add(0, gzip.compress(tile, mtime=0))
        writer.finish(Place(0, 0, (0.0, 43.0, 1.0, 44.0)), {"name": described})


def in_pmtiles_tile(root: Path, text: str) -> str:
    write_pmtiles(root / "maps/vectors/map.pmtiles", attribute=text)
    return "maps/vectors/map.pmtiles"


def in_pmtiles_metadata(root: Path, text: str) -> str:
    write_pmtiles(root / "maps/vectors/map.pmtiles", attribute="", described=f"by {text}")
    return "maps/vectors/map.pmtiles"


def write_tar(path: Path, name: str, content: bytes, *, owner: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        member = tarfile.TarInfo(name)
        member.size, member.uname = len(content), owner
        archive.addfile(member, io.BytesIO(content))


def in_tar(root: Path, text: str) -> str:
    write_tar(root / "dataset/shards/train-000000.tar", "000001.json", json.dumps({"by": text}).encode())
    return "dataset/shards/train-000000.tar"


def in_tar_owner(root: Path, text: str) -> str:
    write_tar(root / "dataset/shards/train-000000.tar", "000001.json", b"{}", owner=text)
    return "dataset/shards/train-000000.tar"


def in_onnx_in_tar(root: Path, text: str) -> str:
    write_tar(root / "dataset/shards/train-000000.tar", "../../model.onnx", onnx_with(text, where="metadata"))
    return "dataset/shards/train-000000.tar"


TEXT_FILES = [
    "dcat.jsonld", "NOTES.md", "dataset/load_dataset.py", "maps/styles/map.qml", "maps/styles/map.sld", "feed.atom",
    "maps/styles/map.xml", "LICENSE-imagery.txt", "a.kind-of-tomorrow",
]  # fmt: skip
PLANTS = [
    in_json, in_geojson, in_parquet, in_nested_parquet, in_gpkg, in_tiff, in_other_tags_of_a_tiff,
    *map(in_text_of, TEXT_FILES), *map(in_onnx, ["metadata", "node", "attribute", "tensor", "dimension"]),
    in_pmtiles_tile, in_pmtiles_metadata, in_tar, in_tar_owner, in_onnx_in_tar,
]  # fmt: skip


def test_a_release_holds_no_address_and_no_account_name(pristine: Path) -> None:
    assert scan_personal_data(pristine, names=NAMES) == []


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("text", ["marie.dupont", "marie.dupont@example.org"])
def test_a_planted_name_or_address_is_found(release: Path, plant: Callable[[Path, str], str], text: str) -> None:
    name = plant(release, text)
    assert name in {fault.path for fault in scan_personal_data(release, names=NAMES)}


def test_weights_that_happen_to_look_like_an_address_are_numbers(release: Path) -> None:
    import onnx

    model = onnx.load_from_string(onnx_with("plain", where="metadata"))
    model.graph.initializer[0].raw_data = b"jdoe42@example.org" * 8
    (release / "model.onnx").write_bytes(model.SerializeToString())
    assert scan_personal_data(release, names=NAMES) == []


@pytest.mark.parametrize("name", ["model.onnx", "map.pmtiles", "train.tar"])
def test_a_file_that_cannot_be_looked_through_is_refused(release: Path, name: str) -> None:
    (release / name).write_bytes(b"\xff" * 600)
    with pytest.raises((UnusableArtefact, InvalidContents), match=name):
        scan_personal_data(release, names=NAMES)


def test_a_tar_with_a_link_is_refused(release: Path) -> None:
    with tarfile.open(release / "train.tar", "w") as archive:
        member = tarfile.TarInfo("link")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(UnusableArtefact, match="no plain file"):
        scan_personal_data(release)


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
        checked_rows(named, RowRules.of(contents, account_names=frozenset()))
    else:
        with pytest.raises(InvalidContents, match="contributor_id"):
            checked_rows(named, RowRules.of(contents, account_names=frozenset()))
