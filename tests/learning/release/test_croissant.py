from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from learning.release.contents import ReleaseContents
from learning.release.croissant import croissant_json
from learning.release.shards import write_shards


def test_the_description_gives_digest_place_bands_and_how_tiles_were_chosen(pristine: Path) -> None:
    told = json.loads((pristine / "dataset/croissant.json").read_text())
    index = next(item for item in told["distribution"] if item["@id"] == "index")
    assert index["sha256"] == hashlib.sha256((pristine / "dataset/tiles.parquet").read_bytes()).hexdigest()
    assert told["geocr:coordinateReferenceSystem"] == "EPSG:2154"
    assert told["geocr:bandConfiguration"]["geocr:bandNameList"] == ["R", "G", "B", "NIR"]
    assert (
        "active learning" in told["geocr:samplingStrategy"] and "not a probability sample" in told["geocr:spatialBias"]
    )
    assert told["version"] == "1.0.0" and told["datePublished"] == "2026-11-22"


def test_shards_are_files_of_the_description_with_their_digests(release: Path, contents: ReleaseContents) -> None:
    [shard, *_] = write_shards(release, tiles=3, least=1)
    files = croissant_json(release, contents)["distribution"]
    [told] = [item for item in files if item["@id"] == Path(shard).name]  # type: ignore[attr-defined]
    assert told["sha256"] == hashlib.sha256((release / shard).read_bytes()).hexdigest()
    assert told["contentUrl"] == "shards/test-000000.tar"


def test_mlcroissant_finds_no_fault_and_reads_subsets_classes_and_tiles(pristine: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="installed by make check-release")
    dataset = mlcroissant.Dataset(jsonld=str(pristine / "dataset/croissant.json"))
    assert not dataset.metadata.ctx.issues.errors
    assert [record["subsets/name"] for record in dataset.records("subsets")] == ["train", "val", "test"]
    assert [record["classes/value"] for record in dataset.records("classes")] == [1, 2, 3]
    tiles = list(dataset.records("tiles"))
    assert [(tile["tiles/id"], tile["tiles/subset"]) for tile in tiles] == [
        (b"IMG_000001", b"train"), (b"IMG_000002", b"train"), (b"IMG_000006", b"test"),
    ]  # fmt: skip
    image = (pristine / "dataset" / tiles[0]["tiles/image"].decode()).read_bytes()
    assert tiles[0]["tiles/image_sha256"].decode() == hashlib.sha256(image).hexdigest()
