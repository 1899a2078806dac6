"""How much of each 64 px square of a raster is valid, counted window by window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from annotation.raster.layer_files import VALID_CELL_PX


def no_counts(width: int, height: int) -> NDArray[np.int64]:
    """A count of 0 for every square."""
    return np.zeros((-(-height // VALID_CELL_PX), -(-width // VALID_CELL_PX)), dtype=np.int64)


def count_valid(counted: NDArray[np.int64], valid: NDArray[np.bool_], window: Window) -> None:
    """Add a window's valid pixels to their squares; windows begin on a square's corner."""
    first_row, first_col = int(window.row_off) // VALID_CELL_PX, int(window.col_off) // VALID_CELL_PX
    by_row = np.add.reduceat(valid, np.arange(0, valid.shape[0], VALID_CELL_PX), axis=0, dtype=np.int64)
    cells = np.add.reduceat(by_row, np.arange(0, valid.shape[1], VALID_CELL_PX), axis=1)
    counted[first_row : first_row + cells.shape[0], first_col : first_col + cells.shape[1]] += cells


def valid_share(counted: NDArray[np.int64], width: int, height: int) -> NDArray[np.uint8]:
    """Counts of a raster of `width` x `height` pixels as shares of each square times 255, rounded."""
    rows = np.diff(np.append(np.arange(0, height, VALID_CELL_PX), height))
    cols = np.diff(np.append(np.arange(0, width, VALID_CELL_PX), width))
    return np.rint(counted * 255 / np.outer(rows, cols)).astype(np.uint8)
