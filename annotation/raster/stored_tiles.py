"""Map tiles served as they are stored: no pixel is decoded.

A JPEG block of a TIFF is an abbreviated stream whose tables lie once in the directory (TIFF Technical Note
2). Putting the tables back makes it a complete JPEG file.
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from annotation.raster import tiff_structure as tiff
from annotation.raster.cells import DISPLAY_DIR, CellIndex, cell_name
from annotation.raster.display import MAP_TILE_PX, native_max_zoom
from annotation.raster.errors import DamagedTiff
from annotation.raster.layer_files import DISPLAY_NAME, INDEX_NAME
from annotation.raster.web_grid import HALF_WORLD_M

# Start of image, then an APP0 marker: JFIF says that three components are Y, Cb, Cr, so that no reader has to
# guess.
JFIF_HEAD = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
START_OF_IMAGE, END_OF_IMAGE = b"\xff\xd8", b"\xff\xd9"
JPEG_COMPRESSION, YCBCR = 7, 6
PIXEL_SCALE, TIE_POINT = 33550, 33922


@dataclass(frozen=True, slots=True)
class Level:
    """One zoom level of a display or web copy: its directory, size in map tiles, start of its JPEGs."""

    directory: tiff.Directory
    width: int
    across: int
    down: int
    head: bytes


def stored_layer_tile(folder: Path, z: int, x: int, y: int) -> bytes | None:
    """The JPEG of one native map tile of a layer: of its cells, or of the one file where it shows more than a cell.

    Returns and raises: as `stored_tile`.
    """
    try:
        index = CellIndex.load(folder / INDEX_NAME)
    except FileNotFoundError:
        return stored_tile(folder / DISPLAY_NAME, z, x, y)
    cells = index.grid
    above = native_max_zoom(cells.width, cells.height) - z  # zooms from here to the imagery's own
    if above < 0:
        return None
    if above > cells.overviews:
        return stored_tile(folder / DISPLAY_NAME, z, x, y)
    across = cells.cell_px // MAP_TILE_PX >> above
    cell = (y // across, x // across)
    if cell not in index.cells:
        return None
    return stored_tile(folder / DISPLAY_DIR / cell_name(cell), cells.overviews - above, x % across, y % across)


@dataclass(frozen=True, slots=True)
class Pyramid:
    """The zoom levels of one file, coarsest first, and where the first of them lies on the web grid.

    `coarsest`, `x`, `y`: zoom, column and row of its upper left map tile; all 0 for a copy on the imagery's own grid.
    """

    levels: tuple[Level, ...]
    coarsest: int = 0
    x: int = 0
    y: int = 0


def stored_tile(path: Path, z: int, x: int, y: int) -> bytes | None:
    """The JPEG of one native map tile of a display copy written by `display.write_display_copy`.

    Returns: a complete JPEG file; None outside of the raster and where nothing is valid.
    Raises: FileNotFoundError, DamagedTiff (not a display copy of ours).
    """
    return _stored(path, z, x, y, on_web_grid=False)[0]


def stored_web_tile(path: Path, z: int, x: int, y: int) -> tuple[bytes | None, bool]:
    """The JPEG of one web map tile of a copy written by `web_copy.write_web_copy`.

    Returns: a complete JPEG file, None where nothing is valid; and whether the copy has this zoom, so that None means
             that there is nothing.
    Raises: FileNotFoundError, DamagedTiff (not a web copy of ours).
    """
    return _stored(path, z, x, y, on_web_grid=True)


def web_zooms(path: Path) -> tuple[int, int]:
    """The coarsest and the deepest zoom of a web copy. Raises: as `stored_web_tile`."""
    status = path.stat()
    pyramid = _pyramid(path, status.st_ino, status.st_size, status.st_mtime_ns, True)
    return pyramid.coarsest, pyramid.coarsest + len(pyramid.levels) - 1


def _stored(path: Path, z: int, x: int, y: int, *, on_web_grid: bool) -> tuple[bytes | None, bool]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        status = os.fstat(descriptor)
        pyramid = _pyramid(path, status.st_ino, status.st_size, status.st_mtime_ns, on_web_grid)
        above = z - pyramid.coarsest
        if not 0 <= above < len(pyramid.levels):
            return None, False
        level = pyramid.levels[above]
        col, row = x - (pyramid.x << above), y - (pyramid.y << above)
        if not (0 <= col < level.across and 0 <= row < level.down):
            return None, True
        index = row * level.across + col
        size = level.directory.item(descriptor, tiff.TILE_COUNTS, index)
        if size == 0:
            return None, True
        offset = level.directory.item(descriptor, tiff.TILE_OFFSETS, index)
        block = tiff.read_exactly(descriptor, offset, size)
    finally:
        os.close(descriptor)
    return level.head + block[len(START_OF_IMAGE) :], True


@lru_cache(maxsize=256)
def _pyramid(path: Path, inode: int, size: int, modified_ns: int, on_web_grid: bool) -> Pyramid:
    """The zoom levels of a file; inode, size and time make a replaced file another entry."""
    directories = tiff.read_directories(path)
    with path.open("rb") as file:
        levels = tuple(
            sorted((_level(one, file.fileno(), name=path.name) for one in directories), key=lambda level: level.width)
        )
        if not on_web_grid:
            return Pyramid(levels)
        scale, corner = (directories[0].raw(file.fileno(), tag) for tag in (PIXEL_SCALE, TIE_POINT))
    if len(scale) != 24 or len(corner) != 48:
        raise DamagedTiff(f"{path.name} is not a web copy of ours: it does not say where it lies. Write it again.")
    pixel_m = struct.unpack(f"{directories[0].byte_order}3d", scale)[0]
    left, top = struct.unpack(f"{directories[0].byte_order}6d", corner)[3:5]
    deepest = round(math.log2(2 * HALF_WORLD_M / (MAP_TILE_PX * pixel_m)))
    coarsest = deepest - len(levels) + 1
    span = 2 * HALF_WORLD_M / (1 << coarsest)
    return Pyramid(levels, coarsest, round((left + HALF_WORLD_M) / span), round((HALF_WORLD_M - top) / span))


def _level(directory: tiff.Directory, descriptor: int, *, name: str) -> Level:
    found = tuple(
        directory.value(descriptor, tag, 0)
        for tag in (tiff.COMPRESSION, tiff.PHOTOMETRIC, tiff.TILE_WIDTH, tiff.TILE_HEIGHT, tiff.SAMPLES)
    )
    tables = directory.raw(descriptor, tiff.JPEG_TABLES)
    if found != (JPEG_COMPRESSION, YCBCR, MAP_TILE_PX, MAP_TILE_PX, 3) or not _is_stream(tables):
        raise DamagedTiff(f"{name} is not a display copy of ours (blocks {found}). Import the imagery again.")
    width, height = directory.value(descriptor, tiff.WIDTH, 0), directory.value(descriptor, tiff.HEIGHT, 0)
    return Level(
        directory=directory,
        width=width,
        across=-(-width // MAP_TILE_PX),
        down=-(-height // MAP_TILE_PX),
        head=JFIF_HEAD + tables[len(START_OF_IMAGE) : -len(END_OF_IMAGE)],
    )


def _is_stream(tables: bytes) -> bool:
    return tables.startswith(START_OF_IMAGE) and tables.endswith(END_OF_IMAGE)
