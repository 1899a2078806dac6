"""The tiles of a large dataset in tar files, as WebDataset reads them: for training over a network or from slow disks.

A sample is `000826.image.tif`, `000826.mask.tif` and `000826.json` (its row of the index), in the order of the index.
Source: WebDataset's convention: files of one sample follow each other and share the name before the first dot.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from learning.release import layout
from learning.release.text import compact_json

SHARDS_FROM = 2_000  # tiles of a dataset from which it has shards beside its folders
TILES_A_SHARD = 1_000
_TOLD = ("id", "row", "col", "zone", "labelled_px", "class_px")


def write_shards(root: Path, *, tiles: int, least: int = SHARDS_FROM, a_shard: int = TILES_A_SHARD) -> list[str]:
    """Pack what the index lists into `dataset/shards/SUBSET-000000.tar`, … where there are at least `least` tiles.

    The archives are plain ustar without dates, owners or modes of this machine: the same tiles give the same bytes.

    Args:    tiles: how many the index lists.
    Returns: paths of the shards, relative to `root`, sorted.
    """
    if tiles < least:
        return []
    (root / layout.SHARDS_DIR).mkdir(parents=True, exist_ok=True)
    written: list[str] = []
    with ExitStack() as stack:
        packers = {name: stack.enter_context(_Packer(root, name, a_shard, written)) for name in layout.SUBSETS}
        for row in _rows(root):
            packers[row["subset"]].add(row)
    return sorted(written)


def _rows(root: Path) -> Iterator[dict[str, Any]]:
    columns = [*_TOLD, "subset", "image", "mask", "date"]
    index = pq.ParquetFile(root / layout.TILES_PARQUET, pre_buffer=False)
    for batch in index.iter_batches(batch_size=1_000, columns=columns):
        yield from batch.to_pylist()


class _Packer:
    """The shards of one subset, one after the other."""

    def __init__(self, root: Path, subset: str, a_shard: int, written: list[str]) -> None:
        self._root, self._subset, self._a_shard, self._written = root, subset, a_shard, written
        self._tiles = 0
        self._archive: tarfile.TarFile | None = None

    def __enter__(self) -> _Packer:
        return self

    def __exit__(self, *_: object) -> None:
        if self._archive is not None:
            self._archive.close()

    def add(self, row: dict[str, Any]) -> None:
        """Append one tile; where the shard is full, begin the next."""
        if self._archive is None or self._tiles % self._a_shard == 0:
            self.__exit__()
            path = layout.shard_path(self._subset, self._tiles // self._a_shard)
            self._archive = tarfile.open(self._root / path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 (__exit__ closes it)
            self._written.append(path)
        self._tiles += 1
        number = str(row["id"]).removeprefix("IMG_")
        folder = self._root / layout.DATASET_DIR
        told = {name: row[name] for name in _TOLD} | {"class_px": dict(row["class_px"])}
        told["date"] = None if row["date"] is None else row["date"].isoformat()
        _append(self._archive, f"{number}.image.tif", (folder / row["image"]).read_bytes())
        _append(self._archive, f"{number}.mask.tif", (folder / row["mask"]).read_bytes())
        _append(self._archive, f"{number}.json", compact_json(told).encode())


def _append(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)  # date 0, owner 0
    member.size, member.mode = len(content), 0o444
    archive.addfile(member, io.BytesIO(content))
