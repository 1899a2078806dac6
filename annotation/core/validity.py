"""How much of each tile the imagery really shows, from a coarse raster written at ingest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

VALID_CELL_PX = 64
"""Side in pixels of a cell of the validity raster."""


def valid_fraction(cells: NDArray[np.uint8], tile_px: int, *, row: int, col: int) -> float:
    """Share of valid pixels of one tile, 0 to 1; see `tile_valid_fraction`."""
    top, left = row * tile_px // VALID_CELL_PX, col * tile_px // VALID_CELL_PX
    bottom, right = -(-(row + 1) * tile_px // VALID_CELL_PX), -(-(col + 1) * tile_px // VALID_CELL_PX)
    return float(cells[top:bottom, left:right].mean() / 255.0)


def tile_valid_fraction(cells: NDArray[np.uint8], *, tile_px: int, n_rows: int, n_cols: int) -> NDArray[np.float32]:
    """Share of valid pixels of each tile.

    Args:
        cells: uint8 (ceil(height / 64), ceil(width / 64)); 255 × the share of valid pixels of a cell. May be a
            memory map: rows are read once each, in order.
        tile_px: side of a tile in pixels; where it is no multiple of 64 the cells a tile touches are averaged.

    Returns: float32 (n_rows, n_cols), 0 to 1.
    """
    starts = np.arange(n_cols) * tile_px // VALID_CELL_PX
    ends = np.minimum(-(-(np.arange(n_cols) + 1) * tile_px // VALID_CELL_PX), cells.shape[1])
    fraction = np.empty((n_rows, n_cols), dtype=np.float32)
    for row in range(n_rows):
        top = row * tile_px // VALID_CELL_PX
        bottom = min(-(-(row + 1) * tile_px // VALID_CELL_PX), cells.shape[0])
        summed = np.concatenate([[0], np.cumsum(cells[top:bottom].sum(axis=0, dtype=np.int64))])
        fraction[row] = (summed[ends] - summed[starts]) / (255.0 * (bottom - top) * (ends - starts))
    return fraction
