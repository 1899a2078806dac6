"""Outlines of many tiles at once, in longitude and latitude: neighbours share their corners, computed once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from annotation.core.grid import TileGrid, lonlat_transformers
from annotation.errors import TileOutsideGrid


def tile_outlines(
    grid: TileGrid, *, rows: NDArray[np.int64], cols: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Corners of tiles, by one transformation of each distinct corner.

    Args:
        rows, cols: int (n,), the tiles' places.

    Returns:
        corners: float64 (m, 2), longitude and latitude in degrees (WGS 84).
        rings: int (n, 5), which corners make each tile's closed ring, counter-clockwise from the lower left as
            RFC 7946 asks.

    Raises: TileOutsideGrid: a place has no whole tile; UnlocatedGrid.
    """
    outside = (rows < 0) | (rows >= grid.n_rows) | (cols < 0) | (cols >= grid.n_cols)
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        raise TileOutsideGrid(
            f"Tile (row {rows[first]}, column {cols[first]}) does not exist; this grid has rows 0 to "
            f"{grid.n_rows - 1} and columns 0 to {grid.n_cols - 1}."
        )
    stride = grid.n_cols + 1
    upper_left = rows.astype(np.int64) * stride + cols
    around = np.array([stride, stride + 1, 1, 0, stride], dtype=np.int64)
    numbers, rings = np.unique(upper_left[:, None] + around, return_inverse=True)
    row, col = np.divmod(numbers, stride)
    a, _, c, _, e, f = grid.pixels.transform
    lon, lat = lonlat_transformers(grid.pixels.crs)[0].transform(
        c + a * (col * grid.tile_px), f + e * (row * grid.tile_px)
    )
    return np.column_stack([lon, lat]), rings.reshape(len(rows), 5)
