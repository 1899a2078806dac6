"""Map tiles served as they are stored: no pixel is decoded.

A JPEG block of a TIFF is an abbreviated stream whose tables lie once in the directory (TIFF Technical Note
2). Putting the tables back makes it a complete JPEG file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from annotation.raster import tiff_structure as tiff
from annotation.raster.cells import DISPLAY_DIR, CellIndex, cell_name
from annotation.raster.display import MAP_TILE_PX, native_max_zoom
from annotation.raster.errors import DamagedTiff
from annotation.raster.layer_files import DISPLAY_NAME, INDEX_NAME

# Start of image, then an APP0 marker: JFIF says that three components are Y, Cb, Cr, so that no reader has to
# guess.
JFIF_HEAD = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
START_OF_IMAGE, END_OF_IMAGE = b"\xff\xd8", b"\xff\xd9"
JPEG_COMPRESSION, YCBCR = 7, 6


@dataclass(frozen=True, slots=True)
class Level:
    """One native zoom level of a display copy: its directory, size in map tiles, start of its JPEGs."""

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


def stored_tile(path: Path, z: int, x: int, y: int) -> bytes | None:
    """The JPEG of one native map tile of a display copy written by `display.write_display_copy`.

    Returns: a complete JPEG file; None outside of the raster and where nothing is valid.
    Raises: FileNotFoundError, DamagedTiff (not a display copy of ours).
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        status = os.fstat(descriptor)
        levels = _levels(path, status.st_ino, status.st_size, status.st_mtime_ns)
        if not 0 <= z < len(levels):
            return None
        level = levels[z]
        if not (0 <= x < level.across and 0 <= y < level.down):
            return None
        index = y * level.across + x
        size = level.directory.item(descriptor, tiff.TILE_COUNTS, index)
        if size == 0:
            return None
        offset = level.directory.item(descriptor, tiff.TILE_OFFSETS, index)
        block = tiff.read_exactly(descriptor, offset, size)
    finally:
        os.close(descriptor)
    return level.head + block[len(START_OF_IMAGE) :]


@lru_cache(maxsize=256)
def _levels(path: Path, inode: int, size: int, modified_ns: int) -> tuple[Level, ...]:
    """The zoom levels of a file, coarsest first; inode, size and time make a replaced file another entry."""
    directories = tiff.read_directories(path)
    with path.open("rb") as file:
        levels = [_level(directory, file.fileno(), name=path.name) for directory in directories]
    levels.sort(key=lambda level: level.width)
    return tuple(levels)


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
