"""The 10 km grid by which maps are cut into files: lines at whole multiples of 10 km of the CRS's own coordinates.

The grid is that of the CRS, not of a campaign or a layer: the same ground has the same tile in every release, so that
pieces of neighbouring campaigns lie side by side, and those of two vintages one on the other. A CRS that does not count
in metres has no such lines, and its maps stay whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from annotation.core.grid import PixelWindow
from learning.release import geodesy
from learning.release.contents import Affine6

TILE_KM = 10
_TILE_M = 1000 * TILE_KM
_DECIMALS = 6  # of a pixel: a line through the middle of a pixel is met although its place is no exact float


@dataclass(frozen=True, slots=True)
class MapPlace:
    """A piece of a raster: its place as in file names, and its pixels."""

    place: str
    window: PixelWindow


def map_places(transform: Affine6, width: int, height: int, *, crs: str, number: int = 1) -> list[MapPlace]:
    """The pieces of a north-up raster, from the north-west, row by row: together they are its pixels, each once.

    A pixel belongs to the tile where its centre is; one whose centre is on a line, to the tile south or east of it.
    Places are the tile's upper-left corner in kilometres, as "0420-6440"; "M" stands for minus. Without metres the
    raster is one piece, named after `number`.
    """
    if not geodesy.is_metric(crs):
        return [MapPlace(f"P{number:04d}", PixelWindow(0, 0, width, height))]
    a, _, left, _, e, top = transform
    rows = _cut(-top, -e, height)  # counted downwards
    return [
        MapPlace(f"{_km(col)}-{_km(-row)}", PixelWindow(x, y, x_stop - x, y_stop - y))
        for row, y, y_stop in rows
        for col, x, x_stop in _cut(left, a, width)
    ]


def _cut(origin: float, step: float, count: int) -> list[tuple[int, int, int]]:
    """(tile, first pixel, one after its last) along an axis that begins at `origin` and goes up by `step` a pixel."""
    first, last = math.floor(origin / _TILE_M), math.floor((origin + step * count) / _TILE_M)

    def pixel(tile: int) -> int:
        """The first pixel whose centre is on the tile's line or after it."""
        return min(count, max(0, math.ceil(round((tile * _TILE_M - origin) / step - 0.5, _DECIMALS))))

    cuts = [(tile, pixel(tile), pixel(tile + 1)) for tile in range(first, last + 1)]
    return [(tile, start, stop) for tile, start, stop in cuts if stop > start]


def _km(tile: int) -> str:
    km = tile * TILE_KM
    return f"{km:04d}" if km >= 0 else f"M{-km:04d}"
