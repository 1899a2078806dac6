"""The directory of a TIFF file, read without GDAL.

Two uses: foreign files are judged on it before any decoder sees them, and our own display copy is served from
it block by block. Source: TIFF revision 6.0 (Adobe, 1992) and the BigTIFF layout of libtiff.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from annotation.raster.errors import DamagedTiff, NotATiff

MAGICS = {b"II*\0": ("<", False), b"MM\0*": (">", False), b"II+\0": ("<", True), b"MM\0+": (">", True)}
# TIFF field types: size in bytes and struct letter of the integer ones.
TYPE_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
INTEGER_LETTERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}

MAX_DIRECTORIES = 256
MAX_ENTRIES = 4096
MAX_VALUES = 8_000_000

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, STRIP_COUNTS = 273, 277, 278, 279
PLANAR, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS = 284, 322, 323, 324, 325
SAMPLE_FORMAT, JPEG_TABLES, SUBFILE = 339, 347, 254


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of a directory: its type, its number of values and where they lie in the file (bytes)."""

    kind: int
    count: int
    offset: int


@dataclass(frozen=True, slots=True)
class Directory:
    """One image of the file (full resolution, overview or mask) and its fields by tag number."""

    byte_order: str
    entries: dict[int, Entry]

    def values(self, descriptor: int, tag: int) -> tuple[int, ...]:
        """All integers of a field; () when the field is absent. Raises DamagedTiff."""
        entry = self.entries.get(tag)
        if entry is None:
            return ()
        letter = INTEGER_LETTERS.get(entry.kind)
        if letter is None or entry.count > MAX_VALUES:
            raise DamagedTiff(
                f"TIFF field {tag} has type {entry.kind} and {entry.count} values, which no valid file "
                "needs. Export the image again as GeoTIFF."
            )
        raw = read_exactly(descriptor, entry.offset, entry.count * TYPE_SIZES[entry.kind])
        return struct.unpack(f"{self.byte_order}{entry.count}{letter}", raw)

    def value(self, descriptor: int, tag: int, default: int) -> int:
        """The first integer of a field, or `default` when it is absent. Raises DamagedTiff."""
        entry = self.entries.get(tag)
        if entry is None or entry.count == 0:
            return default
        return self.item(descriptor, tag, 0)

    def item(self, descriptor: int, tag: int, index: int) -> int:
        """One integer of a field, read alone. Raises DamagedTiff."""
        entry = self.entries.get(tag)
        letter = INTEGER_LETTERS.get(entry.kind) if entry else None
        if entry is None or letter is None or not 0 <= index < entry.count:
            raise DamagedTiff(f"TIFF field {tag} has no value {index}. Export the image again as GeoTIFF.")
        size = TYPE_SIZES[entry.kind]
        raw = read_exactly(descriptor, entry.offset + index * size, size)
        return int(struct.unpack(self.byte_order + letter, raw)[0])

    def raw(self, descriptor: int, tag: int) -> bytes:
        """The bytes of a field; b"" when it is absent. Raises DamagedTiff."""
        entry = self.entries.get(tag)
        if entry is None:
            return b""
        return read_exactly(descriptor, entry.offset, min(entry.count, MAX_VALUES) * TYPE_SIZES[entry.kind])


def read_exactly(descriptor: int, offset: int, size: int) -> bytes:
    """`size` bytes at `offset`. Raises DamagedTiff when the file ends before."""
    data = os.pread(descriptor, size, offset) if size and offset < 2**62 else b""
    if len(data) != size:
        raise DamagedTiff(
            f"The file ends at byte {offset + len(data)} where bytes {offset} to {offset + size} are "
            "announced: it is truncated. Copy or download it again."
        )
    return data


def read_directories(path: Path) -> list[Directory]:
    """Every directory of a TIFF or BigTIFF file, full-resolution image first.

    Raises NotATiff (by the first bytes), DamagedTiff (truncated, looping or oversized directories).
    """
    with path.open("rb") as file:
        return _walk(file.fileno(), name=path.name)


def _walk(descriptor: int, *, name: str) -> list[Directory]:
    head = os.pread(descriptor, 16, 0)
    if head[:4] not in MAGICS:
        raise NotATiff(
            f"{name} is not a TIFF: it begins with {head[:8]!r}. Convert it first, for example with "
            "gdal_translate -of GTiff, and import the result."
        )
    order, big = MAGICS[head[:4]]
    if big:
        pointer = struct.unpack(order + "Q", read_exactly(descriptor, 8, 8))[0]
    else:
        pointer = struct.unpack(order + "I", read_exactly(descriptor, 4, 4))[0]
    directories: list[Directory] = []
    seen: set[int] = set()
    while pointer:
        if pointer in seen or len(seen) >= MAX_DIRECTORIES:
            raise DamagedTiff(
                f"{name} has directories that loop, or more than {MAX_DIRECTORIES} of them (met at byte "
                f"{pointer}). Export the image again as GeoTIFF."
            )
        seen.add(pointer)
        directory, pointer = _read_directory(descriptor, pointer, order=order, big=big)
        directories.append(directory)
    if not directories:
        raise DamagedTiff(f"{name} holds no image: its first directory is missing. Copy or download it again.")
    return directories


def _read_directory(descriptor: int, pointer: int, *, order: str, big: bool) -> tuple[Directory, int]:
    head_size, entry_size, inline, letter = (8, 20, 8, "Q") if big else (2, 12, 4, "I")
    number = struct.unpack(order + ("Q" if big else "H"), read_exactly(descriptor, pointer, head_size))[0]
    if number > MAX_ENTRIES:
        raise DamagedTiff(f"A TIFF directory announces {number} fields. Export the image again as GeoTIFF.")
    block = read_exactly(descriptor, pointer + head_size, number * entry_size)
    entries: dict[int, Entry] = {}
    for index in range(number):
        at = index * entry_size
        tag, kind, count = struct.unpack_from(order + "HH" + letter, block, at)
        size = TYPE_SIZES.get(kind, 1) * count
        value_at = at + entry_size - inline
        offset = (
            pointer + head_size + value_at if size <= inline else struct.unpack_from(order + letter, block, value_at)[0]
        )
        entries[tag] = Entry(kind=kind, count=count, offset=offset)
    after = pointer + head_size + number * entry_size
    following = struct.unpack(order + letter, read_exactly(descriptor, after, inline))[0]
    return Directory(byte_order=order, entries=entries), following
