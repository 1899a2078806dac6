"""Reading a raster of ours as a map tile of the web grid (z/x/y of Web Mercator, EPSG:3857).

Of the overview that is just finer than the map tile, the pixels under it are read and warped straight onto its
256 x 256 pixels, so that a tile costs the same at every zoom. (A warped view of the whole map tile at full resolution
took 12 s for a tile that shows a raster of 60 m from afar; a view of the pixels under it takes four times as long as
warping them as arrays does, and places them less exactly.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.enums import Resampling
from rasterio.warp import reproject, transform, transform_bounds
from rasterio.windows import Window

from annotation.raster.display import MAP_TILE_PX
from annotation.raster.reader import Raster, band_indexes, open_layer

WEB_MERCATOR = "EPSG:3857"
HALF_WORLD_M = math.pi * 6378137.0
MAX_ZOOM = 30
WARP_MARGIN_PX = 4


def read_web_tile(
    path: Path, z: int, x: int, y: int, *, bands: Sequence[str] | None, resampling: Resampling
) -> tuple[NDArray[Any], NDArray[np.bool_]] | None:
    """Pixels (bands, 256, 256) and validity (256, 256) of a web map tile; None where nothing is valid.

    Raises UnknownBand, rasterio.errors.RasterioIOError.
    """
    if not 0 <= z <= MAX_ZOOM or not (0 <= x < 1 << z and 0 <= y < 1 << z):
        return None
    span = 2 * HALF_WORLD_M / (1 << z)
    left, top = x * span - HALF_WORLD_M, HALF_WORLD_M - y * span
    shape = (MAP_TILE_PX, MAP_TILE_PX)
    return read_web(path, left, top, pixel_m=span / MAP_TILE_PX, shape=shape, bands=bands, resampling=resampling)


def read_web(
    path: Path,
    left: float,
    top: float,
    *,
    pixel_m: float,
    shape: tuple[int, int],
    bands: Sequence[str] | None,
    resampling: Resampling,
) -> tuple[NDArray[Any], NDArray[np.bool_]] | None:
    """Pixels (bands, height, width) and validity (height, width) of a part of the web grid; None where all is invalid.

    Args: left, top: its corner; pixel_m: the side of its pixels; all in metres of the web grid.

    Raises UnknownBand, rasterio.errors.RasterioIOError.
    """
    target = Affine(pixel_m, 0, left, 0, -pixel_m, top)
    with open_layer(path) as dataset:
        indexes = band_indexes(dataset, bands)
        west, south, east, north = bounds_web(dataset)
        if left >= east or left + shape[1] * pixel_m <= west or top <= south or top - shape[0] * pixel_m >= north:
            return None
        level = _overview_level(dataset, pixel_m=pixel_m)
        right, bottom = left + shape[1] * pixel_m, top - shape[0] * pixel_m
        shown = (max(left, west), max(bottom, south), min(right, east), min(top, north))
        if level is None:
            return _warp(dataset, _window_under(dataset, shown, pixel_m=pixel_m), indexes, target, shape, resampling)
    with open_layer(path, overview_level=level) as dataset:
        return _warp(dataset, _window_under(dataset, shown, pixel_m=pixel_m), indexes, target, shape, resampling)


def _window_under(dataset: Raster, shown: tuple[float, float, float, float], *, pixel_m: float) -> Window:
    """Pixels under a rectangle of the web grid (west, south, east, north), and some more for the warp."""
    left, bottom, right, top = transform_bounds(WEB_MERCATOR, dataset.crs, *shown)
    (x0, y0), (x1, y1) = ~dataset.transform @ (left, top), ~dataset.transform @ (right, bottom)
    margin = WARP_MARGIN_PX * max(1, math.ceil(pixel_m / pixel_web_m(dataset)))
    col = min(max(0, math.floor(x0) - margin), dataset.width - 1)
    row = min(max(0, math.floor(y0) - margin), dataset.height - 1)
    width = min(dataset.width, math.ceil(x1) + margin) - col
    height = min(dataset.height, math.ceil(y1) + margin) - row
    return Window(col, row, max(1, width), max(1, height))


def _warp(
    dataset: Raster, under: Window, indexes: list[int], target: Affine, shape: tuple[int, int], resampling: Resampling
) -> tuple[NDArray[Any], NDArray[np.bool_]] | None:
    full = np.iinfo(dataset.dtypes[0]).max
    valid = dataset.dataset_mask(window=under) > 127
    if not valid.any():
        return None
    pixels = dataset.read(indexes, window=under)
    alpha = len(indexes) + 1
    warped = np.zeros((alpha, *shape), pixels.dtype)
    reproject(
        np.concatenate([pixels, np.where(valid, full, 0).astype(pixels.dtype)[None]]),
        warped,
        src_transform=dataset.transform @ Affine.translation(under.col_off, under.row_off),
        src_crs=dataset.crs,
        src_alpha=alpha,
        dst_transform=target,
        dst_crs=WEB_MERCATOR,
        dst_alpha=alpha,
        resampling=resampling,
    )
    seen = warped[-1] > full // 2
    return (warped[:-1], seen) if seen.any() else None


def bounds_web(dataset: Raster) -> tuple[float, float, float, float]:
    """West, south, east, north of an open raster, in metres of the web grid."""
    return _bounds_web(dataset.crs.to_wkt(), tuple(dataset.bounds))


def pixel_web_m(dataset: Raster) -> float:
    """Width of the pixel at the centre of an open raster, in metres of the web grid."""
    left, bottom, right, top = dataset.bounds
    centre_x, centre_y = (left + right) / 2, (bottom + top) / 2
    xs, _ys = transform(dataset.crs, WEB_MERCATOR, [centre_x, centre_x + dataset.transform.a], [centre_y, centre_y])
    return abs(xs[1] - xs[0])


@lru_cache(maxsize=1024)
def _bounds_web(wkt: str, bounds: tuple[float, ...]) -> tuple[float, float, float, float]:
    west, south, east, north = transform_bounds(wkt, WEB_MERCATOR, *bounds)
    return west, south, east, north


def _overview_level(dataset: Raster, *, pixel_m: float) -> int | None:
    """The coarsest overview (from 0) still finer than a map-tile pixel at the centre; None for none."""
    ratio = pixel_m / pixel_web_m(dataset)
    fitting = [level for level, factor in enumerate(dataset.overviews(1)) if factor <= ratio * 1.001]
    return fitting[-1] if fitting else None
