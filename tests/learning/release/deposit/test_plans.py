from __future__ import annotations

import hashlib
import json
import os
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from learning.release.deposit.archives import packed
from learning.release.deposit.calls import Call, FileBody, Plan, Step, described, filled
from learning.release.deposit.datagouv import MOST_RESOURCES, offered
from learning.release.deposit.huggingface import attributes, git_blob, huggingface_plan
from learning.release.deposit.record import DepositRecord, as_html, read_record
from learning.release.deposit.zenodo import metadata, zenodo_plan
from learning.release.manifest import FileEntry, write_manifest

FILES = {
    "README.md": b"# A\n",
    "annotations/annotations.parquet": b"PAR1 labels",
    "dataset/README.md": b"# The dataset\n",
    "dataset/train.csv": b"a,b\n",
    "dataset/x_aerial_train/D/Z/img/IMG_1.tif": b"II*\0 one",
    "dataset/x_aerial_train/D/Z/img/IMG_2.tif": b"II*\0 two",
    "models/unet-1/README.md": b"# The model\n",
    "models/unet-1/weights.safetensors": b"weights",
    "stac/catalog.json": b"{}",
}
SAID = {
    "version": "1.2.0", "title": {"fr": "Gers", "en": "Gers"}, "description": {"fr": "<b>Fr</b>", "en": "En & more"},
    "publisher": "Solcommun", "published_on": "2026-11-27T10:00:00+00:00", "licence": "etalab-2.0",
    "attribution": "IGN ; contributeurs", "campaign": {"slug": "gers"}, "code_url": None,
    "layer": {"vintage": 2019, "licence": "other"},
}  # fmt: skip


def record_in(root: Path, files: dict[str, bytes] = FILES) -> DepositRecord:
    for path, content in {**files, "release.json": json.dumps(SAID).encode()}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    write_manifest(root, version="1.2.0")
    return read_record(root, name="gers-1.2.0", site="https://carte.example.org/")


def test_zips_are_the_same_whatever_the_day_and_the_time_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = record_in(tmp_path / "release")
    first = packed(record, tmp_path / "one")
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    for path in record.root.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    second = packed(record, tmp_path / "two")
    monkeypatch.undo()
    time.tzset()
    assert [(b.name, b.sha256) for b in first] == [(b.name, b.sha256) for b in second]
    assert [b.name for b in first] == sorted(b.name for b in first)
    assert {"annotations.zip", "dataset.zip", "models.zip", "stac.zip", "SHA256SUMS"} <= {b.name for b in first}
    with zipfile.ZipFile(tmp_path / "one" / "dataset.zip") as archive:
        assert archive.testzip() is None
        assert archive.read("dataset/train.csv") == b"a,b\n"


def test_texts_are_escaped_where_the_target_takes_html(tmp_path: Path) -> None:
    record = record_in(tmp_path)
    assert as_html(record).startswith("<p>&lt;b&gt;Fr&lt;/b&gt;</p><p>En &amp; more</p>")


def test_a_licence_without_a_name_is_told_in_words(tmp_path: Path) -> None:
    rights = metadata(record_in(tmp_path))["rights"]
    assert rights[0] == {"id": "etalab-2.0"}
    assert rights[1] == {"title": {"en": "terms of the imagery's owner"}, "description": {"en": SAID["attribution"]}}


def test_more_than_a_record_of_zenodo_takes_is_refused(tmp_path: Path) -> None:
    record = record_in(tmp_path)
    large = FileBody(tmp_path / "README.md", "maps.zip", 51 * 10**9, "0" * 64)
    with pytest.raises(ValueError, match="a record of Zenodo takes 100 and 50000000000"):
        zenodo_plan(record, [large], origin="https://zenodo.org", previous=None)


def test_a_first_version_is_a_draft_and_a_next_one_a_version_of_the_record(tmp_path: Path) -> None:
    record = record_in(tmp_path)
    first = zenodo_plan(record, [], origin="https://zenodo.org", previous=None)
    second = zenodo_plan(record, [], origin="https://zenodo.org", previous="abc-1")
    assert first.steps[0].calls[0].address == "https://zenodo.org/api/records"
    assert filled(second.steps[0].calls[0].address, second.known) == "https://zenodo.org/api/records/abc-1/versions"
    assert [step.name for step in first.steps if step.last] == ["publish"] == [first.steps[-1].name]


def test_an_id_of_git_is_that_of_git() -> None:
    # printf 'hello\n' | git hash-object --stdin
    assert git_blob(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"


def hub_paths(plan: Plan, kind: str) -> set[str]:
    """Places in the commits of a plan."""
    found: set[str] = set()
    for step in plan.steps:
        for call in step.calls:
            if call.name == "commit" and f"/api/{kind}s/" in call.address and isinstance(call.body, bytes):
                lines = [json.loads(line) for line in call.body.splitlines()]
                found |= {line["value"]["path"] for line in lines if line["key"] != "header"}
    return found


def test_dataset_and_models_go_to_repositories_of_their_own(tmp_path: Path) -> None:
    plan = huggingface_plan(record_in(tmp_path), origin="https://huggingface.co", namespace="ign")
    tiles = {"x_aerial_train/D/Z/img/IMG_1.tif", "x_aerial_train/D/Z/img/IMG_2.tif"}
    texts = {".gitattributes", "README.md", "release.json", "train.csv"}
    assert hub_paths(plan, "dataset") == texts | tiles | {"annotations/annotations.parquet"}
    model = {"unet-1/README.md", "unet-1/weights.safetensors"}
    assert hub_paths(plan, "model") == {".gitattributes", "README.md"} | model
    sent = {call.body.name for step in plan.steps for call in step.calls if isinstance(call.body, FileBody)}
    assert "models/unet-1/weights.safetensors" in sent and "dataset/train.csv" not in sent


def test_shards_go_in_place_of_single_tiles(tmp_path: Path) -> None:
    record = record_in(tmp_path, {**FILES, "dataset/shards/train-0.tar": b"tar"})
    found = hub_paths(huggingface_plan(record, origin="https://huggingface.co", namespace="ign"), "dataset")
    assert "shards/train-0.tar" in found and not [path for path in found if path.endswith(".tif")]


def test_a_file_the_hub_takes_in_no_one_piece_is_refused(tmp_path: Path) -> None:
    record = record_in(tmp_path)
    record = replace(record, files=(*record.files, FileEntry("models/unet-1/huge.bin", 6 * 2**30, "0" * 64)))
    with pytest.raises(ValueError, match=r"models/unet-1/huge\.bin is larger than 5 GiB"):
        huggingface_plan(record, origin="https://huggingface.co", namespace="ign")


def test_a_large_text_is_kept_outside_git_by_its_name() -> None:
    lines = attributes(["big.json"]).decode().splitlines()
    assert lines[0] == "* filter=lfs diff=lfs merge=lfs -text"
    assert lines[-1] == "big.json filter=lfs diff=lfs merge=lfs -text", "the last line that fits counts"


def test_maps_of_many_pieces_are_no_resources_one_by_one(tmp_path: Path) -> None:
    record = record_in(tmp_path)
    maps = tuple(FileEntry(f"maps/{n:04d}.tif", 1, "0" * 64) for n in range(MOST_RESOURCES + 1))
    vectors = FileEntry("maps/vectors/all.gpkg", 1, "0" * 64)
    paths = [entry.path for entry in offered(replace(record, files=(*record.files, *maps, vectors)))]
    assert "maps/vectors/all.gpkg" in paths and "maps/0000.tif" not in paths
    assert "maps/0000.tif" in [entry.path for entry in offered(replace(record, files=(*record.files, *maps[:3])))]


def test_a_plan_written_down_names_each_file_once_with_its_digest() -> None:
    body = FileBody(Path("x"), "a.zip", 3, "ab" * 32)
    call = Call("send it", "PUT", "https://a.org/{record}", body, "application/octet-stream")
    plan = Plan("zenodo", "r", "https://a.org", ("Authorization", "Bearer "), (Step("one", (call, call)),))
    written = described(plan)
    assert written["files"] == [{"name": "a.zip", "bytes": 3, "sha256": "ab" * 32}]
    assert written["steps"][0]["requests"][0]["body"] == {"bytes": 3, "sha256": "ab" * 32, "file": "a.zip"}
    assert hashlib.sha256(b"").hexdigest() not in json.dumps(written)


def test_an_address_waits_for_what_an_answer_gives() -> None:
    with pytest.raises(ValueError, match="needs 'record'"):
        filled("https://a.org/{record}/draft", {})
    assert filled("https://a.org/{record}/draft", {"record": "1"}) == "https://a.org/1/draft"
