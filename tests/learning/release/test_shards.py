from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from learning.release.shards import write_shards


@pytest.fixture
def dataset(release: Path) -> Path:
    """A release whose index lists three tiles: two to train, one to test."""
    return release


def test_a_small_dataset_has_no_shards(dataset: Path) -> None:
    assert write_shards(dataset, tiles=3) == [] and not (dataset / "dataset" / "shards").exists()


def test_the_tiles_of_a_large_dataset_lie_in_shards_of_their_subset_in_order(dataset: Path) -> None:
    assert write_shards(dataset, tiles=3, least=3, a_shard=1) == [
        "dataset/shards/test-000000.tar", "dataset/shards/train-000000.tar", "dataset/shards/train-000001.tar",
    ]  # fmt: skip
    with tarfile.open(dataset / "dataset/shards/train-000001.tar") as archive:
        members = archive.getmembers()
        assert [member.name for member in members] == ["000002.image.tif", "000002.mask.tif", "000002.json"]
        assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in members} == {(0, 0, 0, "", 0o444)}
        image = archive.extractfile(members[0])
        told = archive.extractfile(members[2])
        assert image is not None and told is not None
        loose = dataset / "dataset/gers_aerial_train/gers_2019/Z0000_0000/img/IMG_000002.tif"
        assert image.read() == loose.read_bytes()
        assert json.loads(told.read())["class_px"] == {"CS2.2.1": 375}  # 20 x 20 less a hole of 5 x 5


def test_the_same_tiles_give_the_same_shards(dataset: Path) -> None:
    def digests() -> list[str]:
        paths = write_shards(dataset, tiles=3, least=1)
        return [hashlib.sha256((dataset / path).read_bytes()).hexdigest() for path in paths]

    assert digests() == digests() and len(digests()) == 2
