"""Where a map is contradicted by the map of another vintage of the same ground. numpy and rasterio.

A model's doubt cannot show what it is wrongly sure of. Two maps of one place that are both sure and differ are either
a change of the ground or an error of one of them: worth a look in both cases.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from learning.core.map_files import ENTROPY_LEVELS, NODATA
from learning.errors import InvalidPredictionGrid

FILE, PARTS_FILE = "other_vintage.npy", "parts_other_vintage.npy"  # by tile, and by part of a tile
SURE_BELOW = 0.25  # share of the largest entropy below which a map is sure of a pixel
_BLOCK_PX = 2048  # side of what is read at once of either map, in its own pixels: constant memory whatever the layers


@dataclass(frozen=True, slots=True)
class MapPair:
    """A class map and its entropy map, on one grid (see map_files).

    Args: classes: uint8 GeoTIFF whose tag CLASS_CODES names values 1, 2, …. entropy: uint8 GeoTIFF. 0 = no imagery.
    """

    classes: Path
    entropy: Path


def contradicted_share(
    this: MapPair,
    other: MapPair,
    *,
    tile_px: int,
    n_rows: int,
    n_cols: int,
    sure_below: float = SURE_BELOW,
    on_progress: Callable[[float], None] = lambda share: None,
) -> NDArray[np.float32]:
    """The share of each tile on which the other vintage's map says another class, where the two can be compared.

    Pixels of this map are held against the other's pixel in which their centre lies. Compared are those on which both
    maps are sure and whose two classes both maps' models know, by code.

    Args:
        tile_px: side of a tile in this map's pixels; tile (0, 0) starts at its first pixel. n_rows, n_cols: tiles.
        sure_below: share of the largest entropy, 0 to 1, below which a pixel is sure.
        on_progress: share done, from 0 to 1, after every block.
    Returns: float32 (n_rows, n_cols), 0 to 1, of all the pixels of a tile, so that a few of them are little evidence;
             NaN where nothing can be compared.
    Raises:  InvalidPredictionGrid: another CRS, a grid that is not north up, or a map without its class codes.
    """
    compared, differ = (np.zeros((n_rows, n_cols), np.int64) for _ in range(2))
    with ExitStack() as stack:
        maps = [stack.enter_context(rasterio.open(pair.classes, driver="GTiff")) for pair in (this, other)]
        entropies = [stack.enter_context(rasterio.open(pair.entropy, driver="GTiff")) for pair in (this, other)]
        check_grids(*maps)
        tables = common_values(*(codes_of(dataset) for dataset in maps))
        height, width = min(n_rows * tile_px, maps[0].height), min(n_cols * tile_px, maps[0].width)
        for rows, cols in _blocks(height, width, side=_side(*maps)):
            window = Window(cols.start, rows.start, len(cols), len(rows))
            here = _sure_classes(maps[0], entropies[0], tables[0], window, sure_below)
            there = _sampled(maps, entropies[1], tables[1], window, sure_below)
            both = (here > 0) & (there > 0)
            tiles = tuple(slice(part.start // tile_px, (part.stop - 1) // tile_px + 1) for part in (rows, cols))
            compared[tiles] += _by_tile(both, rows, cols, tile_px=tile_px)
            differ[tiles] += _by_tile(both & (here != there), rows, cols, tile_px=tile_px)
            on_progress((rows.start * width + cols.stop * len(rows)) / (height * width))
    share = np.full((n_rows, n_cols), np.nan, np.float32)
    np.divide(differ, tile_px**2, out=share, where=compared > 0)
    return share


def changed_classes(
    classes: Sequence[NDArray[np.uint8]],
    entropies: Sequence[NDArray[np.uint8]],
    codes: Sequence[list[str]],
    *,
    sure_below: float = SURE_BELOW,
) -> NDArray[np.uint8]:
    """What this map has now where it differs from another one of the same ground, pixel by pixel.

    Args:
        classes, entropies: of this map and of the other, uint8 of one shape, as map_files stores them; 0 = no imagery.
        codes: their class codes: value k is code k - 1.
        sure_below: as for `contradicted_share`; only pixels on which both are sure, of classes both know, can differ.
    Returns: uint8: this map's value where it has another class than the other map, else 0.
    """
    tables = common_values(*codes)
    this, other = (
        np.where(is_sure(levels, sure_below), table[values], 0)
        for values, levels, table in zip(classes, entropies, tables, strict=True)
    )
    changed: NDArray[np.uint8] = np.where((this > 0) & (other > 0) & (this != other), classes[0], 0).astype(np.uint8)
    return changed


def is_sure(levels: NDArray[np.uint8], sure_below: float) -> NDArray[np.bool_]:
    """Where a map is sure, of its entropy as map_files stores it. Args: sure_below: as for `contradicted_share`."""
    sure: NDArray[np.bool_] = (levels != NODATA) & (levels.astype(np.float32) - 1 < sure_below * ENTROPY_LEVELS)
    return sure


def _side(this: Any, other: Any) -> int:
    """Side of a block of this map under which no more than _BLOCK_PX of the other's pixels lie."""
    finer = max(this.transform.a / other.transform.a, this.transform.e / other.transform.e, 1.0)
    return max(1, int(_BLOCK_PX / finer))


def _blocks(height: int, width: int, *, side: int) -> Iterator[tuple[range, range]]:
    """Rows and columns of pixels, row of blocks by row of blocks."""
    for top in range(0, height, side):
        for left in range(0, width, side):
            yield range(top, min(top + side, height)), range(left, min(left + side, width))


def _by_tile(counted: NDArray[np.bool_], rows: range, cols: range, *, tile_px: int) -> NDArray[np.int64]:
    """How many pixels of a block count, in each tile that it touches: int64 (tile, tile)."""
    lines = np.add.reduceat(counted, _tile_starts(rows, tile_px), axis=0, dtype=np.int64)
    total: NDArray[np.int64] = np.add.reduceat(lines, _tile_starts(cols, tile_px), axis=1)
    return total


def _tile_starts(part: range, tile_px: int) -> list[int]:
    """Where in a part of an axis each tile that it touches begins."""
    return [0, *range(tile_px - part.start % tile_px, len(part), tile_px)]


def check_grids(this: Any, other: Any) -> None:
    """Refuse what at_centres cannot hold together. Raises: InvalidPredictionGrid."""
    if this.crs != other.crs:
        raise InvalidPredictionGrid(f"Maps in {this.crs} and {other.crs}: only maps in the same CRS can be compared.")
    for dataset in (this, other):
        place = dataset.transform
        if place.b or place.d or place.a <= 0 or place.e >= 0:
            raise InvalidPredictionGrid(f"{dataset.name} is not north up ({tuple(place)[:6]}): warp it first.")


def codes_of(dataset: Any) -> list[str]:
    """The class codes of a map: value k is code k - 1. Raises: InvalidPredictionGrid."""
    tag = dataset.tags().get("CLASS_CODES")
    if tag is None:
        raise InvalidPredictionGrid(f"{dataset.name} does not say which classes its values are; make the map again.")
    codes: list[str] = json.loads(tag)
    return codes


def common_values(this: list[str], other: list[str]) -> list[NDArray[np.uint8]]:
    """For each map, uint8 (256,): the same number for the same code, 0 for what only one of them has."""
    number = {code: position for position, code in enumerate(sorted(set(this) & set(other)), start=1)}
    tables = [np.zeros(256, np.uint8), np.zeros(256, np.uint8)]
    for table, codes in zip(tables, (this, other), strict=True):
        table[1 : len(codes) + 1] = [number.get(code, 0) for code in codes]
    return tables


def _sure_classes(
    classes: Any, entropy: Any, table: NDArray[np.uint8], window: Window, sure_below: float
) -> NDArray[np.uint8]:
    """uint8 (row, col): the common number of each pixel's class, 0 where it is unknown, not shared, or doubted."""
    levels = entropy.read(1, window=window)
    found: NDArray[np.uint8] = np.where(is_sure(levels, sure_below), table[classes.read(1, window=window)], 0).astype(
        np.uint8
    )
    return found


def _sampled(
    maps: list[Any], entropy: Any, table: NDArray[np.uint8], window: Window, sure_below: float
) -> NDArray[np.uint8]:
    """The other map's sure classes at the centres of this map's pixels; 0 outside it."""
    this, other = maps
    return at_centres(
        this.transform, other, window, read=lambda part: _sure_classes(other, entropy, table, part, sure_below)
    )


def at_centres(
    place: Any, other: Any, window: Window, *, read: Callable[[Window], NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    """What another raster has at the centres of a window's pixels: uint8 (row, col), 0 outside of it.

    Args:
        place: transform of the raster that the window is of; both are north up, in one CRS.
        read: of a window of the other raster, its values.
    """
    there = other.transform
    xs = place.c + (window.col_off + np.arange(window.width) + 0.5) * place.a
    ys = place.f + (window.row_off + np.arange(window.height) + 0.5) * place.e
    cols = np.floor((xs - there.c) / there.a + 1e-6).astype(np.intp)
    rows = np.floor((ys - there.f) / there.e + 1e-6).astype(np.intp)
    in_cols, in_rows = (cols >= 0) & (cols < other.width), (rows >= 0) & (rows < other.height)
    found = np.zeros((len(ys), len(xs)), np.uint8)
    if not (in_cols.any() and in_rows.any()):
        return found
    cols, rows = cols[in_cols], rows[in_rows]
    left, top = int(cols[0]), int(rows[0])
    part = Window(left, top, int(cols[-1]) - left + 1, int(rows[-1]) - top + 1)
    found[np.ix_(in_rows, in_cols)] = read(part)[np.ix_(rows - top, cols - left)]
    return found
