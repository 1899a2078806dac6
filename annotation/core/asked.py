"""Parts of a tile that its labels are asked for, as pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Window = tuple[int, int, int, int]  # (col, row, width, height) in pixels of the tile


def asked_mask(windows: Sequence[Sequence[int]], *, tile_px: int) -> NDArray[np.bool_]:
    """Pixels of a tile that lie in one of the windows; all of them where there are no windows.

    Args:    windows: (col, row, width, height) in pixels of the tile; what lies beyond the tile is nowhere.
    Returns: bool (tile_px, tile_px).
    """
    mask = np.full((tile_px, tile_px), not windows)
    for col, row, width, height in windows:
        mask[max(0, row) : max(0, row + height), max(0, col) : max(0, col + width)] = True
    return mask


def known_windows(known: NDArray[np.bool_], *, width: int, height: int, least: float) -> list[Window]:
    """Windows of one size, side by side from the tile's upper-left corner, of which enough is known.

    Args:    known: bool (tile_px, tile_px). width, height: of a window, in pixels; what is left of the tile beyond the
        last whole window is part of none. least: share of a window's pixels that must be known.
    Returns: (col, row, width, height) each, as one reads.
    """
    down, across = known.shape[0] // height, known.shape[1] // width
    cells = known[: down * height, : across * width].reshape(down, height, across, width)
    enough = np.argwhere(cells.mean(axis=(1, 3)) >= least)
    return [(col * width, row * height, width, height) for row, col in enough.tolist()]
