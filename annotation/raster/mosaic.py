"""Reading a layer of cells as if it were one raster, across cell borders, in constant memory.

`CellMosaic` has those methods of rasterio's datasets that our readers use. A VRT over the cells reads as fast, but has
to be parsed at each open: 150 ms at 2,304 cells, where this takes 4 (docs/adr/0038).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.coords import BoundingBox
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import RasterioIOError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from annotation.raster.cells import ANALYSIS_DIR, COARSE_NAME, CellIndex, cell_name

OPEN_CELLS = 32
READ_OPTIONS = {"GDAL_PAM_ENABLED": "NO", "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}

_Part = tuple[DatasetReader, Window, slice, slice]


class CellMosaic:
    """An open layer of cells, or one of its overviews (from 0). Use it from one thread at a time, as a dataset.

    Pixels of cells that have no file are nodata (0 where the layer has none) and masked.
    Raises: FileNotFoundError; RasterioIOError (no such overview).
    """

    def __init__(self, path: Path, *, overview_level: int | None = None) -> None:
        index = CellIndex.load(path)
        self.name, self.mode, self.closed = str(path), "r", False
        self._path, self._index = path, index
        self._open: OrderedDict[tuple[str, int | None], DatasetReader] = OrderedDict()
        factors = self._factors()
        if overview_level is not None and not 0 <= overview_level < len(factors):
            raise RasterioIOError(f"{path.parent.name} has {len(factors)} overviews, not number {overview_level}.")
        self._level = overview_level
        self._factor = 1 if overview_level is None else factors[overview_level]
        self._overviews = factors if overview_level is None else []
        a, _, c, _, e, f = index.transform
        self.width, self.height = -(-index.grid.width // self._factor), -(-index.grid.height // self._factor)
        self.transform = Affine(a * self._factor, 0.0, c, 0.0, e * self._factor, f)
        self.crs = CRS.from_user_input(index.crs)
        self.count, self.indexes = len(index.bands), tuple(range(1, len(index.bands) + 1))
        self.descriptions: tuple[str | None, ...] = index.bands
        self.dtypes, self.nodata = (index.dtype,) * self.count, index.nodata

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.height, self.width

    @property
    def bounds(self) -> BoundingBox:
        """Left, bottom, right, top in CRS units."""
        right, bottom = self.transform @ (self.width, self.height)
        return BoundingBox(self.transform.c, bottom, right, self.transform.f)

    def overviews(self, band: int) -> list[int]:
        """Factors of the overviews, finest first; the same for every band."""
        return list(self._overviews)

    def read(
        self,
        indexes: int | Sequence[int] | None = None,
        *,
        window: Window | None = None,
        out_shape: Sequence[int] | None = None,
        resampling: Resampling = Resampling.nearest,
    ) -> NDArray[Any]:
        """Pixels (bands, h, w) of a window of whole pixels; (h, w) when one index is given.

        Args: out_shape: its last two numbers are the rows and columns wanted, at most the window's; what remains
        after the best overview is averaged over valid pixels (Resampling.average) or picked.
        """
        wanted = list(self.indexes) if indexes is None else [indexes] if isinstance(indexes, int) else list(indexes)
        pixels = self._resampled(self._whole(window), wanted, out_shape=out_shape, resampling=resampling)[0]
        return pixels[0] if isinstance(indexes, int) else pixels

    def dataset_mask(
        self, *, window: Window | None = None, out_shape: Sequence[int] | None = None
    ) -> NDArray[np.uint8]:
        """255 where a pixel (h, w) is valid, else 0."""
        valid = self._resampled(self._whole(window), [], out_shape=out_shape, resampling=Resampling.average)[1]
        return np.where(valid, 255, 0).astype(np.uint8)

    def close(self) -> None:
        """Close the cells held open."""
        self.closed = True
        while self._open:
            self._open.popitem()[1].close()

    def __enter__(self) -> CellMosaic:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _factors(self) -> list[int]:
        """Overviews of the cells, then the coarse file, then its own."""
        grid = self._index.grid
        coarse = self._dataset(self._path.parent / COARSE_NAME, None)
        within = [2 << level for level in range(grid.overviews)]
        return [*within, grid.coarse_factor, *(grid.coarse_factor * factor for factor in coarse.overviews(1))]

    def _dataset(self, path: Path, level: int | None) -> DatasetReader:
        key = (str(path), level)
        if key in self._open:
            self._open.move_to_end(key)
            return self._open[key]
        while len(self._open) >= OPEN_CELLS:
            self._open.popitem(last=False)[1].close()
        options = {} if level is None else {"OVERVIEW_LEVEL": level}
        with rasterio.Env(**READ_OPTIONS):
            self._open[key] = rasterio.open(path, driver="GTiff", **options)
        return self._open[key]

    def _whole(self, window: Window | None) -> tuple[int, int, int, int]:
        """Left, top, right, bottom in pixels of this level. Raises ValueError outside of the raster."""
        if window is None:
            return 0, 0, self.width, self.height
        left, top = round(window.col_off), round(window.row_off)
        right, bottom = round(window.col_off + window.width), round(window.row_off + window.height)
        if not (0 <= left < right <= self.width and 0 <= top < bottom <= self.height):
            raise ValueError(f"{window} is not inside of {self.width} x {self.height} pixels.")
        return left, top, right, bottom

    def _parts(self, box: tuple[int, int, int, int], level: int | None) -> Iterator[_Part]:
        """The files under a box in pixels of a level: dataset, its window, and rows and columns of the box."""
        left, top, right, bottom = box
        grid = self._index.grid
        if level is not None and level >= grid.overviews:
            own = level - grid.overviews
            dataset = self._dataset(self._path.parent / COARSE_NAME, own - 1 if own else None)
            yield dataset, Window(left, top, right - left, bottom - top), slice(0, bottom - top), slice(0, right - left)
            return
        side = grid.cell_px >> (0 if level is None else level + 1)
        for row, col in _cells(box, side):
            if (row, col) not in self._index.cells:
                continue
            dataset = self._dataset(self._path.parent / ANALYSIS_DIR / cell_name((row, col)), level)
            x0, y0 = max(left, col * side), max(top, row * side)
            x1, y1 = min(right, (col + 1) * side), min(bottom, (row + 1) * side)
            inside = Window(x0 - col * side, y0 - row * side, x1 - x0, y1 - y0)
            yield dataset, inside, slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)

    def _read_box(
        self, box: tuple[int, int, int, int], level: int | None, indexes: list[int]
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Pixels of bands and validity of a box of a level; without bands only validity is read."""
        shape = (box[3] - box[1], box[2] - box[0])
        pixels = np.full((len(indexes), *shape), self._index.nodata or 0, dtype=self._index.dtype)
        valid = np.zeros(shape, dtype=bool)
        with rasterio.Env(**READ_OPTIONS):
            for dataset, window, rows, cols in self._parts(box, level):
                if indexes:
                    pixels[:, rows, cols] = dataset.read(indexes, window=window)
                else:
                    valid[rows, cols] = dataset.dataset_mask(window=window) > 127
        return pixels, valid

    def _resampled(
        self, box: tuple[int, int, int, int], indexes: list[int], *, out_shape: Sequence[int] | None,
        resampling: Resampling,
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:  # fmt: skip
        """A box of this level, from the coarsest overview that is still fine enough for the shape wanted."""
        shape = (box[3] - box[1], box[2] - box[0])
        wanted = shape if out_shape is None else (int(out_shape[-2]), int(out_shape[-1]))
        if wanted == shape:
            return self._read_box(box, self._level, indexes)
        shrink = min(shape[0] / wanted[0], shape[1] / wanted[1])
        # A map tile cut off at the raster's edge rounds its last pixel up: half a pixel of the result is no finer.
        fitting = [number for number, f in enumerate(self._overviews) if f <= shrink * (1 + 0.5 / max(wanted))]
        level, factor = self._level, 1
        if fitting:
            level, factor = fitting[-1], self._overviews[fitting[-1]]
        fine = (box[0] // factor, box[1] // factor, -(-box[2] // factor), -(-box[3] // factor))
        pixels, valid = self._read_box(fine, level, indexes)
        if valid.shape == wanted:
            return pixels, valid
        if resampling == Resampling.average:
            if indexes:
                valid = self._read_box(fine, level, [])[1]
            return _averaged(pixels, valid, wanted)
        rows, cols = _centres(valid.shape[0], wanted[0]), _centres(valid.shape[1], wanted[1])
        return pixels[:, rows[:, None], cols], valid[rows[:, None], cols]


def _cells(box: tuple[int, int, int, int], side: int) -> Iterator[tuple[int, int]]:
    for row in range(box[1] // side, (box[3] - 1) // side + 1):
        for col in range(box[0] // side, (box[2] - 1) // side + 1):
            yield row, col


def _centres(length: int, wanted: int) -> NDArray[np.intp]:
    return ((np.arange(wanted) + 0.5) * length / wanted).astype(np.intp)


def _averaged(
    pixels: NDArray[Any], valid: NDArray[np.bool_], wanted: tuple[int, int]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The mean of the valid pixels under each pixel wanted, rounded; valid where one of them is."""
    rows = np.minimum(np.arange(wanted[0]) * valid.shape[0] // wanted[0], valid.shape[0] - 1)
    cols = np.minimum(np.arange(wanted[1]) * valid.shape[1] // wanted[1], valid.shape[1] - 1)

    def summed(values: NDArray[Any]) -> NDArray[np.uint64]:
        down = np.add.reduceat(values, rows, axis=-2, dtype=np.uint64)
        return np.asarray(np.add.reduceat(down, cols, axis=-1, dtype=np.uint64))

    counts = summed(valid)
    mean = (summed(pixels * valid) + counts // 2) // np.maximum(counts, 1)
    return mean.astype(pixels.dtype), counts > 0
