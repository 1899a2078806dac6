"""PMTiles, version 3: map tiles of all zooms in one file, each of them a range of bytes. Standard library only.

The file is a header of 127 bytes, a root directory within the first 16 KiB, tiles in the order of a Hilbert curve zoom
by zoom, leaf directories, and metadata as JSON. The specification allows sections in any order: tiles come
before what is only known after them, so that a file is written in one pass.

Source: https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from learning.release.errors import InvalidContents
from learning.release.text import compact_json

MAGIC = b"PMTiles\x03"
_HEADER = struct.Struct("<8s11Q6B4iB2i")
ROOT_ENDS_AT = 16_384
GZIP, VECTOR_TILES = 2, 1
LEAF_ENTRIES = 4096
MAX_ZOOM = 26  # ids of deeper zooms do not fit into what readers in JavaScript count with


@dataclass(frozen=True, slots=True)
class Directory:
    """Where tiles lie: sorted by `ids`; `runs` is how many tiles in a row are the same, 0 of a leaf directory.

    `offsets` are counted from the start of the tiles, or of the leaf directories.
    """

    ids: Sequence[int]
    runs: Sequence[int]
    lengths: Sequence[int]
    offsets: Sequence[int]

    def part(self, start: int, stop: int) -> Directory:
        """Some of its entries."""
        return Directory(*(each[start:stop] for each in (self.ids, self.runs, self.lengths, self.offsets)))


@dataclass(frozen=True, slots=True)
class Place:
    """What a file shows: zooms, and west, south, east, north in degrees."""

    min_zoom: int
    max_zoom: int
    bounds: tuple[float, float, float, float]


def tile_id(z: int, x: int, y: int) -> int:
    """The number of a tile: those of smaller zooms first, then along a Hilbert curve."""
    number = ((1 << 2 * z) - 1) // 3
    for level in reversed(range(z)):
        side = 1 << level
        right, down = x >> level & 1, y >> level & 1
        number += ((3 * right) ^ down) << 2 * level
        x, y = x & (side - 1), y & (side - 1)
        if not down:
            if right:
                x, y = side - 1 - x, side - 1 - y
            x, y = y, x
    return number


class PmtilesWriter:
    """Writes tiles, gzip of what they hold, in the order of their numbers. A tile like the one before costs nothing."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._ids, self._runs, self._lengths, self._offsets = (array("Q") for _ in range(4))
        self._size, self._tiles = 0, 0
        self._last = b""
        self._digest = hashlib.sha256()
        stream.write(bytes(ROOT_ENDS_AT))

    def add(self, number: int, tile: bytes) -> None:
        """Write a tile. Raises: ValueError: one with a larger number is there already."""
        after = self._ids[-1] + self._runs[-1] if self._ids else 0
        if number < after:
            raise ValueError(f"tile {number} comes after tile {after - 1}: write them in the order of their numbers")
        self._digest.update(struct.pack("<QQ", number, len(tile)) + tile)
        self._tiles += 1
        if self._ids and tile == self._last and number == after:
            self._runs[-1] += 1
            return
        for column, value in zip(
            (self._ids, self._runs, self._lengths, self._offsets), (number, 1, len(tile), self._size), strict=True
        ):
            column.append(value)
        self._stream.write(tile)
        self._size += len(tile)
        self._last = tile

    def finish(self, place: Place, metadata: dict[str, Any]) -> None:
        """Write the directories, the metadata and, as `version` in it, a digest of all tiles.

        Raises: InvalidContents: no tile was written.
        """
        if not self._ids:
            raise InvalidContents("there is no map tile to write; make the polygons again")
        root, leaves = _directories(Directory(self._ids, self._runs, self._lengths, self._offsets))
        told = compact_json({**metadata, "version": self._digest.hexdigest()[:16]}).encode()
        described = gzip.compress(told, mtime=0)
        leaves_at = ROOT_ENDS_AT + self._size
        self._stream.write(leaves + described)
        west, south, east, north = (round(degrees * 10_000_000) for degrees in place.bounds)
        header = _HEADER.pack(
            MAGIC, _HEADER.size, len(root), leaves_at + len(leaves), len(described), leaves_at, len(leaves),
            ROOT_ENDS_AT, self._size, self._tiles, len(self._ids), len(self._ids),
            1, GZIP, GZIP, VECTOR_TILES, place.min_zoom, place.max_zoom, west, south, east, north,
            (place.min_zoom + place.max_zoom) // 2, (west + east) // 2, (south + north) // 2,
        )  # fmt: skip
        self._stream.seek(0)
        self._stream.write(header + root)


def _directories(entries: Directory) -> tuple[bytes, bytes]:
    """The root directory, and the leaf directories it points to where it would be too large without."""
    root, leaves, size = encode_directory(entries), b"", LEAF_ENTRIES
    while len(root) > ROOT_ENDS_AT - _HEADER.size:
        packed = [encode_directory(entries.part(at, at + size)) for at in range(0, len(entries.ids), size)]
        lengths = [len(each) for each in packed]
        starts = [sum(lengths[:k]) for k in range(len(lengths))]
        root = encode_directory(Directory(entries.ids[::size], [0] * len(packed), lengths, starts))
        leaves, size = b"".join(packed), size * 2
    return root, leaves


def encode_directory(entries: Directory) -> bytes:
    """Gzip of: how many, differences of ids, runs, lengths, and offsets plus one, 0 for those that follow at once."""
    numbers = [len(entries.ids)]
    numbers += [b - a for a, b in zip([0, *entries.ids], entries.ids, strict=False)]
    numbers += [*entries.runs, *entries.lengths]
    follows = -1  # the first never does
    for offset, length in zip(entries.offsets, entries.lengths, strict=True):
        numbers.append(0 if offset == follows else offset + 1)
        follows = offset + length
    return gzip.compress(b"".join(map(varint, numbers)), mtime=0)


def decode_directory(packed: bytes) -> Directory:
    """What `encode_directory` wrote, or another writer. Raises: InvalidContents."""
    try:
        numbers = _varints(gzip.decompress(packed))
        count = numbers[0]
        if len(numbers) != 1 + 4 * count:
            raise InvalidContents(f"a directory of {count} map tiles has {len(numbers) - 1} numbers, not four each")
    except (OSError, EOFError, IndexError) as error:
        raise InvalidContents("a directory of map tiles cannot be read; make the polygons again") from error
    ids, runs, lengths, offsets = (numbers[1 + k * count : 1 + (k + 1) * count] for k in range(4))
    for k in range(count):
        ids[k] += ids[k - 1] if k else 0
        offsets[k] = offsets[k] - 1 if offsets[k] else offsets[k - 1] + lengths[k - 1]
    return Directory(ids, runs, lengths, offsets)


def varint(number: int) -> bytes:
    """An unsigned number, seven bits a byte, the last ones first."""
    packed = bytearray()
    while number > 127:
        packed.append(number & 127 | 128)
        number >>= 7
    packed.append(number)
    return bytes(packed)


def _varints(packed: bytes) -> list[int]:
    numbers, value, shift = [], 0, 0
    for byte in packed:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            numbers.append(value)
            value = shift = 0
    return numbers


@dataclass(frozen=True, slots=True)
class Archive:
    """A file's header, root directory and metadata."""

    root: Directory
    leaves_at: int
    tiles_at: int
    min_zoom: int
    max_zoom: int
    metadata: dict[str, Any]

    @property
    def version(self) -> str:
        """What changes with any of its tiles."""
        return str(self.metadata.get("version", ""))


def read_archive(path: Path) -> Archive:
    """What a file says of itself; kept for as long as it is the same file.

    Raises: FileNotFoundError, InvalidContents.
    """
    status = path.stat()
    return _archive(path, status.st_ino, status.st_size, status.st_mtime_ns)


def read_tile(path: Path, z: int, x: int, y: int, *, version: str) -> bytes | None:
    """A tile as it is stored, gzip of a vector tile; None where there is none.

    Raises: FileNotFoundError: the file is gone, or another version has taken its place. InvalidContents.
    """
    with path.open("rb", buffering=0) as stream:
        status = os.fstat(stream.fileno())
        key = (path, status.st_ino, status.st_size, status.st_mtime_ns)
        archive = _archive(*key)
        if archive.version != version:
            raise FileNotFoundError(f"{path.name} is at version {archive.version}, not {version}")
        if not archive.min_zoom <= z <= archive.max_zoom:
            return None
        number, entries = tile_id(z, x, y), archive.root
        while (at := bisect_right(entries.ids, number) - 1) >= 0:
            length, offset = entries.lengths[at], entries.offsets[at]
            if entries.runs[at] == 0:
                entries = _leaf(*key, archive.leaves_at + offset, length)
            elif number < entries.ids[at] + entries.runs[at]:
                return os.pread(stream.fileno(), length, archive.tiles_at + offset)
            else:
                break
    return None


def all_tiles(path: Path) -> Iterator[bytes]:
    """Every tile as it is stored, each content once, in the order of the file.

    Raises: FileNotFoundError, InvalidContents.
    """
    archive = read_archive(path)
    status = path.stat()
    key = (path, status.st_ino, status.st_size, status.st_mtime_ns)
    with path.open("rb", buffering=0) as stream:
        waiting = [archive.root]
        while waiting:
            entries = waiting.pop()
            for run, length, offset in zip(entries.runs, entries.lengths, entries.offsets, strict=True):
                if run == 0:
                    waiting.append(_leaf(*key, archive.leaves_at + offset, length))
                else:
                    yield os.pread(stream.fileno(), length, archive.tiles_at + offset)


@lru_cache(maxsize=64)
def _archive(path: Path, inode: int, size: int, modified_ns: int) -> Archive:
    with path.open("rb") as stream:
        start = stream.read(ROOT_ENDS_AT)
        if len(start) < _HEADER.size or not start.startswith(MAGIC):
            raise InvalidContents(f"{path.name} is no PMTiles file of version 3; make the polygons again")
        found = _HEADER.unpack(start[: _HEADER.size])
        root_at, root_size, told_at, told_size, leaves_at, _leaves_size, tiles_at = found[1:8]
        stream.seek(told_at)
        metadata = json.loads(gzip.decompress(stream.read(told_size)))
    root = decode_directory(start[root_at : root_at + root_size])
    return Archive(root, leaves_at, tiles_at, min_zoom=found[16], max_zoom=found[17], metadata=metadata)


@lru_cache(maxsize=256)
def _leaf(path: Path, inode: int, size: int, modified_ns: int, at: int, length: int) -> Directory:
    with path.open("rb") as stream:
        stream.seek(at)
        return decode_directory(stream.read(length))
