"""Parts of a tile that its labels are asked for, as pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def asked_mask(windows: Sequence[Sequence[int]], *, tile_px: int) -> NDArray[np.bool_]:
    """Pixels of a tile that lie in one of the windows; all of them where there are no windows.

    Args:    windows: (col, row, width, height) in pixels of the tile; what lies beyond the tile is nowhere.
    Returns: bool (tile_px, tile_px).
    """
    mask = np.full((tile_px, tile_px), not windows)
    for col, row, width, height in windows:
        mask[max(0, row) : max(0, row + height), max(0, col) : max(0, col + width)] = True
    return mask
