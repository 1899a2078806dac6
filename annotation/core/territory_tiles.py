"""Which tiles of a campaign lie in a territory."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from annotation.core.grid import TileGrid, lonlat_transformers


@dataclass(frozen=True, slots=True)
class TilesWithin:
    """Part of a grid of tiles: bool (rows, columns) from (row_off, col_off), true where a tile's middle is inside."""

    row_off: int
    col_off: int
    mask: NDArray[np.bool_]

    def of(self, grid: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The same part of a raster of the whole grid, false outside of the territory."""
        height, width = self.mask.shape
        part = grid[self.row_off : self.row_off + height, self.col_off : self.col_off + width]
        return np.asarray(part & self.mask, dtype=bool)


def tiles_within(boundary: BaseGeometry, *, grid: TileGrid) -> TilesWithin:
    """Tiles whose middle lies in a boundary given in longitude and latitude (WGS 84).

    Raises: UnlocatedGrid.
    """
    a, _, c, _, e, f = grid.pixels.transform
    to_crs = lonlat_transformers(grid.pixels.crs)[1]

    def to_tiles(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = to_crs.transform(lonlat[:, 0], lonlat[:, 1])
        return np.stack([(np.asarray(x) - c) / a, (np.asarray(y) - f) / e], axis=1) / grid.tile_px

    shape = shapely.transform(boundary, to_tiles)
    if shape.is_empty or not np.isfinite(shape.bounds).all():
        return TilesWithin(0, 0, np.zeros((0, 0), dtype=bool))
    left, top, right, bottom = shape.bounds
    first_col, last_col = max(0, math.floor(left)), min(grid.n_cols, math.ceil(right))
    first_row, last_row = max(0, math.floor(top)), min(grid.n_rows, math.ceil(bottom))
    if last_col <= first_col or last_row <= first_row:
        return TilesWithin(0, 0, np.zeros((0, 0), dtype=bool))
    rows, cols = np.mgrid[first_row:last_row, first_col:last_col]
    shapely.prepare(shape)
    return TilesWithin(first_row, first_col, shapely.contains_xy(shape, cols + 0.5, rows + 0.5))
