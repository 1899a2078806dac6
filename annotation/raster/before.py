"""A layer's imagery as an earlier import left it, read beneath the files that are imported now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.windows import Window

from annotation.raster.cells import ORIGIN_DIR, CellGrid, CellIndex, cell_name, is_cells
from annotation.raster.ground import Ground, Readers
from annotation.raster.reader import Raster, open_layer


@contextmanager
def open_before(before: Mapping[str, Any] | None) -> Iterator[BeforeLayer | None]:
    """The imagery that a plan says was there, None for none.

    It is {"path": its raster or index, "days": [[source, day], …], "sole": number of the source of pixels of which no
    file says it, 0 where there were several}.

    Raises: FileNotFoundError, rasterio.errors.RasterioIOError.
    """
    if before is None:
        yield None
        return
    path = Path(before["path"])
    with open_layer(path) as raster, closing(Readers()) as origins:
        yield BeforeLayer(path, raster, origins, sole=before["sole"])


class BeforeLayer:
    """Pixels, validity and sources of a layer that is there."""

    def __init__(self, path: Path, raster: Raster, origins: Readers, *, sole: int) -> None:
        self._sole = sole
        self._path, self._raster, self._origins = path, raster, origins
        self._index = CellIndex.load(path) if is_cells(path) else None

    def read(self, window: Window) -> Ground:
        """The window as it was."""
        pixels = self._raster.read(window=window)
        valid = self._raster.dataset_mask(window=window) > 127
        return Ground(pixels, valid, self._origin(window))

    def _origin(self, window: Window) -> np.ndarray[Any, np.dtype[np.uint16]]:
        left, top = int(window.col_off), int(window.row_off)
        right, bottom = left + int(window.width), top + int(window.height)
        found = np.full((bottom - top, right - left), self._sole, dtype=np.uint16)
        if self._index is None:
            return found
        cells: CellGrid = self._index.grid
        for row, col in cells.under(left, top, right, bottom):
            known = self._index.cells.get((row, col))
            if known is None:
                continue
            x0, y0 = max(left, col * cells.cell_px), max(top, row * cells.cell_px)
            x1, y1 = min(right, (col + 1) * cells.cell_px), min(bottom, (row + 1) * cells.cell_px)
            at = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
            if known.origin is None:
                continue
            file = self._origins.get(self._path.parent / ORIGIN_DIR / cell_name((row, col)))
            found[at] = file.read(
                1, window=Window(x0 - col * cells.cell_px, y0 - row * cells.cell_px, x1 - x0, y1 - y0)
            )
        return found
