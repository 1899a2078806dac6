"""Writes maps as cloud-optimised GeoTIFFs: rows of pixels come once, from top to bottom, and are never read again.

Overviews are made of the rows as they pass, each from the one before it, so that memory holds one row of blocks of
each level. Every level's blocks go into a file of their own; the end puts directories and levels together, coarsest
first, as readers over a network want them. The directories' fields come from an empty file that GDAL writes: what
describes place, colours and tags is GDAL's, the blocks are ours.

Bands of uint8, 0 = no data, each stored by itself and written after the one before. Rows without data may be left out:
their blocks are then none, which readers take for no data. Source: TIFF 6.0, BigTIFF of libtiff, and GDAL's description
of its COG driver.
"""

from __future__ import annotations

import itertools
import os
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from annotation.raster import tiff_structure as tiff

BLOCK_PX = 512
NODATA = 0
ZLEVEL = 6
SMOOTH_ZLEVEL = 1  # of differences: level 6 takes three times as long and saves 3 % of an entropy map (docs/adr/0039)
# Files from here on have 8-byte addresses; short of 4 GiB, so that directories have room.
BIG_FROM_BYTES = 4_000_000_000
PREDICTOR, GDAL_NODATA, COLOUR_MAP, EXTRA_SAMPLES = 317, 42113, 320, 338
REDUCED_IMAGE = 1
# What an overview's directory repeats of the first one's.
_OF_EVERY_LEVEL = (
    tiff.BITS, tiff.COMPRESSION, tiff.PHOTOMETRIC, tiff.SAMPLES, tiff.PLANAR, PREDICTOR, COLOUR_MAP, tiff.TILE_WIDTH,
    tiff.TILE_HEIGHT, tiff.SAMPLE_FORMAT, GDAL_NODATA, EXTRA_SAMPLES,
)  # fmt: skip

Rows = NDArray[np.uint8]
Halve = Callable[[Rows], Rows]


def majority(rows: Rows) -> Rows:
    """Half as many rows and columns: of four values the one met most, of equals the first in reading order.

    0 (no data) counts only where nothing else is. Args: rows: uint8, an even number of rows and of columns.
    """
    a, b, c, d = rows[::2, ::2], rows[::2, 1::2], rows[1::2, ::2], rows[1::2, 1::2]
    # The first that is there; one that is met twice beats it.
    found = np.where(a > 0, a, np.where(b > 0, b, np.where(c > 0, c, d)))
    np.copyto(found, c, where=(c > 0) & (c == d))
    np.copyto(found, b, where=(b > 0) & ((b == c) | (b == d)))
    np.copyto(found, a, where=(a > 0) & ((a == b) | (a == c) | (a == d)))
    return found


def average(rows: Rows) -> Rows:
    """Half as many rows and columns: the mean of those of four values that are not 0 (no data), halves upwards."""
    quarter = [rows[i::2, k::2] for i in (0, 1) for k in (0, 1)]
    total, known = (np.zeros(quarter[0].shape, np.uint16) for _ in range(2))
    for values in quarter:
        total += values
        known += values > 0
    return ((total + known // 2) // np.maximum(known, 1)).astype(np.uint8)


HALVES: Mapping[str, Halve] = {"MODE": majority, "AVERAGE": average}


class CogWriter:
    """A COG that is written row by row; in place, whole, once its context ends without an error.

    Args:
        path: where it is put. Beside it lie working files of its name until then.
        transform: affine, as rasterio has it. colours: (red, green, blue, alpha) by value, for a class map.
        overviews: how four pixels become one, "MODE" or "AVERAGE".
        smooth: whether neighbours are alike in value: differences are stored, which deflate packs better.
        bands: their names, where there are more than one. scale, offset: a value's meaning is scale · value + offset.
    """

    def __init__(
        self,
        path: Path,
        *,
        width: int,
        height: int,
        crs: Any,
        transform: Any,
        overviews: str,
        colours: Mapping[int, tuple[int, int, int, int]] | None = None,
        tags: Mapping[str, str] | None = None,
        smooth: bool = False,
        bands: Sequence[str] = (),
        scale: float = 1.0,
        offset: float = 0.0,
    ) -> None:
        self._path, self._place = path, {"crs": crs, "transform": transform}
        self._colours, self._tags, self._smooth = colours, dict(tags or {}), smooth
        self._names, self._scale, self._offset, self._halve = tuple(bands), scale, offset, HALVES[overviews]
        self._sizes = [(width, height)]
        while max(self._sizes[-1]) > BLOCK_PX:
            self._sizes.append((-(-self._sizes[-1][0] // 2), -(-self._sizes[-1][1] // 2)))
        path.parent.mkdir(parents=True, exist_ok=True)
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1)
        self._bands: list[list[_Level]] = []
        self._begin_band()

    def _begin_band(self) -> None:
        number = len(self._bands)
        levels = [
            _Level(self._working(f"{number}.{n}"), size, smooth=self._smooth, pool=self._pool)
            for n, size in enumerate(self._sizes)
        ]
        for level, coarser in itertools.pairwise(levels):
            level.feed(coarser, self._halve)
        self._bands.append(levels)

    def write(self, rows: Rows, *, packed: Sequence[bytes] | None = None) -> None:
        """The next rows, of the whole width.

        Args:   packed: the same as they are to be stored, block by block from left to right, by whom has them so
                (stored_rows): then these are one row of blocks, and the rows before were whole ones.
        Raises: ValueError: another width, more rows than the raster has, or blocks that are not those of the rows.
        """
        self._bands[-1][0].add(rows, packed)

    def skip(self, count: int) -> None:
        """So many rows without data. Raises: ValueError: more than the raster has."""
        self._bands[-1][0].skip(count)

    def next_band(self) -> None:
        """The rows of this band are complete; those of the next one come. Raises: ValueError: rows are missing, or
        there is no next band."""
        if len(self._bands) == max(1, len(self._names)):
            raise ValueError(f"There is no band after number {len(self._bands)}.")
        self._finish_band()
        self._begin_band()

    def _finish_band(self) -> None:
        for level in self._bands[-1]:
            level.finish()

    def __enter__(self) -> CogWriter:
        """Ready for the first rows."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        """Put the file in place, unless an error ended the writing. Raises ValueError: rows or bands are missing."""
        try:
            if kind is None:
                self._finish_band()
                if len(self._bands) < len(self._names):
                    raise ValueError(f"{len(self._bands)} of {len(self._names)} bands were written.")
                self._assemble()
        finally:
            self._pool.shutdown()
            for levels in self._bands:
                for level in levels:
                    level.remove()
            self._working("fields").unlink(missing_ok=True)

    def _working(self, what: str) -> Path:
        return self._path.with_name(f"{self._path.name}.{what}.part")

    def _assemble(self) -> None:
        levels = [level for band in self._bands for level in band]
        size = sum(level.size for level in levels) + sum(16 * len(level.lengths) for level in levels)
        fields = self._fields(big=size >= BIG_FROM_BYTES)
        partial = self._path.with_name(self._path.name + ".partial.tif")
        with partial.open("wb") as out:
            _write_file(out, list(zip(*self._bands, strict=True)), fields, big=size >= BIG_FROM_BYTES)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _fields(self, *, big: bool) -> dict[int, tuple[int, int, bytes]]:
        """Type, count and value of every field of the first directory as GDAL writes it, but for those of blocks."""
        (width, height), count = self._sizes[0], len(self._bands)
        # By default GDAL takes three bands for colours, and stores bands pixel by pixel.
        several = {"interleave": "band", "photometric": "MINISBLACK"} if count > 1 else {}
        empty = self._working("fields")
        with rasterio.open(
            empty, "w", driver="GTiff", width=width, height=height, count=count, dtype="uint8", nodata=NODATA,
            tiled=True, blockxsize=BLOCK_PX, blockysize=BLOCK_PX, compress="deflate",
            predictor=2 if self._smooth else 1, sparse_ok=True, bigtiff="YES" if big else "NO", endianness="LITTLE",
            **several, **self._place,
        ) as target:  # fmt: skip
            target.update_tags(**self._tags)
            if self._names:
                target.descriptions = self._names
            if (self._scale, self._offset) != (1.0, 0.0):
                target.scales, target.offsets = (self._scale,) * count, (self._offset,) * count
            if self._colours is not None:
                target.write_colormap(1, dict(self._colours))
        [directory] = tiff.read_directories(empty)
        with empty.open("rb") as file:
            return {
                tag: (entry.kind, entry.count, directory.raw(file.fileno(), tag))
                for tag, entry in directory.entries.items()
                if tag not in (tiff.TILE_OFFSETS, tiff.TILE_COUNTS)
            }


def stored_rows(path: Path, *, band: int = 1) -> Iterator[list[bytes]]:
    """The blocks of one band of a GeoTIFF as they are stored, row of blocks by row of blocks.

    For `CogWriter.write`: they must be 512 px wide and high, packed by deflate, by differences where the map is smooth,
    and each band stored by itself.
    """
    [directory] = tiff.read_directories(path)
    with path.open("rb") as file:
        across, down = (-(-directory.value(file.fileno(), tag, 0) // BLOCK_PX) for tag in (tiff.WIDTH, tiff.HEIGHT))
        offsets, lengths = (directory.values(file.fileno(), tag) for tag in (tiff.TILE_OFFSETS, tiff.TILE_COUNTS))
        begin = (band - 1) * across * down
        for first in range(begin, begin + across * down, across):
            places = zip(offsets[first : first + across], lengths[first : first + across], strict=True)
            yield [tiff.read_exactly(file.fileno(), offset, length) for offset, length in places]


class _Level:
    """One level of the pyramid: the blocks that were written, in a file, and rows that do not fill a block yet."""

    def __init__(self, path: Path, shape: tuple[int, int], *, smooth: bool, pool: ThreadPoolExecutor) -> None:
        self.shape, self.lengths, self.path = shape, [], path
        self._smooth, self._pool = smooth, pool
        self._file: IO[bytes] = path.open("wb")
        self._rows = np.zeros((BLOCK_PX, -(-shape[0] // BLOCK_PX) * BLOCK_PX), np.uint8)
        self._filled, self._seen = 0, 0
        self._blank = False  # whether the rows that do not fill a block yet were left out, all of them
        self._coarser: tuple[_Level, Halve] | None = None

    lengths: list[int]

    @property
    def size(self) -> int:
        """Bytes of the blocks."""
        return sum(self.lengths)

    def feed(self, coarser: _Level, halve: Halve) -> None:
        """Where rows go once they are written, halved."""
        self._coarser = (coarser, halve)

    def add(self, rows: Rows, packed: Sequence[bytes] | None = None) -> None:
        width, height = self.shape
        if rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != width or self._seen + len(rows) > height:
            raise ValueError(
                f"Rows {rows.dtype} {rows.shape} after {self._seen} of {height}: expected uint8 of {width} columns, "
                f"{height - self._seen} rows at most."
            )
        self._seen += len(rows)
        if self._blank:
            self._rows[: self._filled], self._blank = NODATA, False
        if packed is not None:
            whole = len(rows) == BLOCK_PX or self._seen == height
            if self._filled or not whole or len(packed) * BLOCK_PX != self._rows.shape[1]:
                raise ValueError(
                    f"{len(packed)} blocks for rows {rows.shape} of {width} columns: give one row of blocks."
                )
            self._rows[: len(rows), :width], self._rows[len(rows) :] = rows, NODATA
            self._filled = len(rows)
            self._emit(packed)
            return
        while len(rows):
            count = min(len(rows), BLOCK_PX - self._filled)
            self._rows[self._filled : self._filled + count, :width] = rows[:count]
            self._filled, rows = self._filled + count, rows[count:]
            if self._filled == BLOCK_PX:
                self._emit()

    def skip(self, count: int) -> None:
        """Rows without data."""
        if self._seen + count > self.shape[1]:
            raise ValueError(f"{count} rows left out after {self._seen} of {self.shape[1]}: there are not so many.")
        self._seen += count
        while count:
            some = min(count, BLOCK_PX - self._filled)
            self._blank = self._blank or not self._filled
            if not self._blank:
                self._rows[self._filled : self._filled + some] = NODATA
            self._filled, count = self._filled + some, count - some
            if self._filled == BLOCK_PX:
                self._emit()

    def finish(self) -> None:
        """Write what is left. Raises ValueError: rows are missing."""
        if self._seen != self.shape[1]:
            raise ValueError(f"{self._seen} of {self.shape[1]} rows were written; write the others first.")
        if self._filled:
            self._rows[self._filled :] = NODATA
            self._emit()
        self._file.close()
        self._rows = np.zeros((0, 0), np.uint8)

    def remove(self) -> None:
        """Forget the working file."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _emit(self, packed: Sequence[bytes] | None = None) -> None:
        lefts = range(0, self._rows.shape[1], BLOCK_PX)
        if self._blank:
            packed = [b""] * len(lefts)
        if packed is None:
            packed = list(self._pool.map(self._packed, [self._rows[:, left : left + BLOCK_PX] for left in lefts]))
        for block in packed:
            self.lengths.append(len(block))
            self._file.write(block)
        if self._coarser is not None:
            coarser, halve = self._coarser
            rows, cols = (n + n % 2 for n in (self._filled, self.shape[0]))
            if self._blank:
                coarser.skip(rows // 2)
            else:
                coarser.add(halve(self._rows[:rows, :cols]))
        self._filled, self._blank = 0, False

    def _packed(self, block: Rows) -> bytes:
        if self._smooth:
            block = np.diff(block, axis=1, prepend=np.uint8(0))  # wraps around, as predictor 2 does
        return zlib.compress(np.ascontiguousarray(block).data, SMOOTH_ZLEVEL if self._smooth else ZLEVEL)


def _write_file(
    out: IO[bytes], levels: Sequence[Sequence[_Level]], fields: dict[int, tuple[int, int, bytes]], *, big: bool
) -> None:
    """Header, directories from the full image to the coarsest, then the blocks from the coarsest to the full image.

    Args: levels: of each level its bands.
    """
    lengths = [np.array([length for band in bands for length in band.lengths], np.int64) for bands in levels]
    directories = []
    for number, bands in enumerate(levels):
        own = dict(fields) if number == 0 else {tag: fields[tag] for tag in _OF_EVERY_LEVEL if tag in fields}
        if number:
            own[tiff.SUBFILE] = (4, 1, struct.pack("<I", REDUCED_IMAGE))
        own[tiff.WIDTH], own[tiff.HEIGHT] = ((4, 1, struct.pack("<I", n)) for n in bands[0].shape)
        own[tiff.TILE_COUNTS] = (4, len(lengths[number]), lengths[number].astype("<u4").tobytes())
        own[tiff.TILE_OFFSETS] = (16 if big else 4, len(lengths[number]), b"")  # known once the directories' sizes are
        directories.append(own)
    position = 16 if big else 8
    places = []
    for own in directories:
        places.append(position)
        position += _directory_size(own, big=big)
    starts = [0] * len(levels)
    for number in range(len(levels) - 1, -1, -1):
        starts[number], position = position, position + int(lengths[number].sum())
    out.write(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16) if big else struct.pack("<2sHI", b"II", 42, 8))
    for number, own in enumerate(directories):
        offsets = starts[number] + np.concatenate([[0], np.cumsum(lengths[number])[:-1]])
        offsets[lengths[number] == 0] = 0  # a block that is none
        kind, count, _later = own[tiff.TILE_OFFSETS]
        own[tiff.TILE_OFFSETS] = (kind, count, offsets.astype("<u8" if big else "<u4").tobytes())
        following = places[number + 1] if number + 1 < len(places) else 0
        out.write(_directory(own, at=places[number], following=following, big=big))
    for bands in reversed(levels):
        for band in bands:
            with band.path.open("rb") as blocks:
                shutil.copyfileobj(blocks, out, 1 << 22)


def _value_size(kind: int, count: int) -> int:
    return tiff.TYPE_SIZES[kind] * count


def _directory_size(fields: dict[int, tuple[int, int, bytes]], *, big: bool) -> int:
    head, entry, inline = (8 + 8, 20, 8) if big else (2 + 4, 12, 4)
    beside = (_value_size(kind, count) for kind, count, _value in fields.values())
    return head + entry * len(fields) + sum(-(-size // 8) * 8 for size in beside if size > inline)


def _directory(fields: dict[int, tuple[int, int, bytes]], *, at: int, following: int, big: bool) -> bytes:
    """A directory that begins at byte `at`: entries in order of their tags, then the values that do not fit in them."""
    count_letter, letter, entry, inline = ("<Q", "Q", 20, 8) if big else ("<H", "I", 12, 4)
    entries, values = struct.pack(count_letter, len(fields)), b""
    values_at = at + len(entries) + entry * len(fields) + struct.calcsize(letter)
    for tag in sorted(fields):
        kind, count, value = fields[tag]
        entries += struct.pack(f"<HH{letter}", tag, kind, count)
        if len(value) <= inline:
            entries += value.ljust(inline, b"\0")
        else:
            entries += struct.pack(f"<{letter}", values_at + len(values))
            values += value.ljust(-(-len(value) // 8) * 8, b"\0")
    return entries + struct.pack(f"<{letter}", following) + values
