"""Reading our own rasters: pixels by window, bands by name, validity always beside the values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from annotation.core.grid import PixelGrid, PixelWindow
from annotation.raster.cells import is_cells
from annotation.raster.errors import UnknownBand
from annotation.raster.mosaic import READ_OPTIONS, CellMosaic

Raster: TypeAlias = DatasetReader | CellMosaic
"""An open raster of ours: a file, or cells read as one."""


@contextmanager
def open_layer(path: Path, *, overview_level: int | None = None) -> Iterator[Raster]:
    """A raster of ours, opened as GeoTIFF and nothing else; or one of its overviews (from 0).

    Args: path: of a GeoTIFF, or of the index of a layer of cells, which is read as one raster.

    Raises rasterio.errors.RasterioIOError, FileNotFoundError.
    """
    if is_cells(path):
        with CellMosaic(path, overview_level=overview_level) as mosaic:
            yield mosaic
        return
    options = {} if overview_level is None else {"OVERVIEW_LEVEL": overview_level}
    with rasterio.Env(**READ_OPTIONS), rasterio.open(path, driver="GTiff", **options) as dataset:
        yield dataset


def pixel_grid(dataset: Raster) -> PixelGrid:
    """The grid of an open raster."""
    a, b, c, d, e, f = dataset.transform[:6]
    return PixelGrid(
        crs=dataset.crs.to_string(), transform=(a, b, c, d, e, f), width=dataset.width, height=dataset.height
    )


def band_indexes(dataset: Raster, bands: Sequence[str] | None) -> list[int]:
    """Positions (from 1) of bands by name; every band when `bands` is None. Raises UnknownBand."""
    if bands is None:
        return list(dataset.indexes)
    known = {name: index for index, name in enumerate(dataset.descriptions, start=1) if name}
    missing = [name for name in bands if name not in known]
    if missing:
        raise UnknownBand(
            f"The raster has the bands {', '.join(known) or 'without names'}, not {', '.join(missing)}. "
            "Choose among its bands, or use imagery that has them."
        )
    return [known[name] for name in bands]


def read_window(
    source: Path | Raster, window: PixelWindow, *, bands: Sequence[str] | None = None, fill: int = 0
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Pixels of a window, which may reach outside of the raster.

    Args:
        source: path, or a dataset held open by `open_layer` (cheaper for many windows).
        window: in pixels of the raster. bands: names, in the order wanted; None for all.
        fill: value given to pixels outside of the raster. Pixels that the mask declares invalid keep their
        stored value.

    Returns: pixels (bands, height, width) in the raster's dtype, and validity (height, width): inside and not
    masked.
    Raises: UnknownBand, rasterio.errors.RasterioIOError.
    """
    if isinstance(source, Path):
        with open_layer(source) as dataset:
            return read_window(dataset, window, bands=bands, fill=fill)
    indexes = band_indexes(source, bands)
    pixels = np.full((len(indexes), window.height, window.width), fill, dtype=source.dtypes[0])
    valid = np.zeros((window.height, window.width), dtype=bool)
    left, top = max(0, window.col_off), max(0, window.row_off)
    right = min(source.width, window.col_off + window.width)
    bottom = min(source.height, window.row_off + window.height)
    if right > left and bottom > top:
        inside = Window(left, top, right - left, bottom - top)
        rows = slice(top - window.row_off, bottom - window.row_off)
        cols = slice(left - window.col_off, right - window.col_off)
        pixels[:, rows, cols] = source.read(indexes, window=inside)
        valid[rows, cols] = source.dataset_mask(window=inside) > 127
    return pixels, valid
