"""How much there is to draw on each tile: the length of the borders between classes of a map. numpy only."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Classes = NDArray[np.uint8]


class EdgeCount:
    """Counts pairs of neighbouring pixels (right and down) of different classes, both with imagery, tile by tile.

    Both pixels lie in the same tile, and each pair is counted once, however the raster is cut into blocks: these come
    from left to right in rows from top to bottom, and all of a row have the same height.

    Args: width: of the raster in px. n_rows, n_cols: whole tiles; what lies beyond them is not counted.
    """

    def __init__(self, *, width: int, tile_px: int, n_rows: int, n_cols: int) -> None:
        self.counts = np.zeros((n_rows, n_cols), np.int32)
        self._tile_px = tile_px
        self._above: Classes = np.zeros(width, np.uint8)  # the last line of the row of blocks before
        self._left: Classes | None = None  # the last column of the block before

    def add(self, block: Classes, *, top: int, left: int) -> None:
        """One block of the map: uint8 (row, col), 0 where there is no imagery, `top` and `left` in the raster."""
        height, width = block.shape
        beside = np.zeros((height, 1), np.uint8) if left == 0 or self._left is None else self._left
        over = self._above[None, left : left + width]
        self._note(np.hstack([beside, block[:, :-1]]), block, top=top, left=left, axis=1)
        self._note(np.vstack([over, block[:-1]]), block, top=top, left=left, axis=0)
        self._left = block[:, -1:].copy()
        self._above[left : left + width] = block[-1]

    def skip(self) -> None:
        """The rows of blocks that follow have no imagery, and are left out."""
        self._above[:] = 0

    def _note(self, before: Classes, block: Classes, *, top: int, left: int, axis: int) -> None:
        """Pairs of each pixel and the one before it along an axis, counted where the pixel lies."""
        differ = before != block
        differ &= before > 0
        differ &= block > 0
        side = self._tile_px
        # A pair over the line between two tiles belongs to neither.
        first = -(left if axis else top) % side
        differ[(slice(None), slice(first, None, side)) if axis else slice(first, None, side)] = False
        for row, lines in self._spans(top, block.shape[0], self.counts.shape[0]):
            for col, columns in self._spans(left, block.shape[1], self.counts.shape[1]):
                self.counts[row, col] += np.count_nonzero(differ[lines, columns])

    def _spans(self, start: int, length: int, count: int) -> Iterator[tuple[int, slice]]:
        """Tiles along an axis that a block touches, and where in the block each lies."""
        side = self._tile_px
        for number in range(start // side, min(-(-(start + length) // side), count)):
            yield number, slice(max(number * side - start, 0), min((number + 1) * side - start, length))
