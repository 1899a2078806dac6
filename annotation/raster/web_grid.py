"""Reading a raster of ours as a map tile of the web grid (z/x/y of Web Mercator, EPSG:3857).

The overview that is just finer than the map tile is warped straight onto its 256 x 256 pixels, so that a
tile costs the same at every zoom. (A warped view of the whole map tile at full resolution took 12 s for a
tile that shows a raster of 60 m from afar.)
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
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform, transform_bounds
from rasterio.windows import Window

from annotation.raster.display import MAP_TILE_PX
from annotation.raster.mosaic import CellMosaic
from annotation.raster.reader import Raster, band_indexes, open_layer

WEB_MERCATOR = "EPSG:3857"
HALF_WORLD_M = math.pi * 6378137.0
MAX_ZOOM = 30
WARP_MARGIN_PX = 4
ALPHA_HALF = {"uint8": 127, "uint16": 127 * 257}


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
    with open_layer(path) as dataset:
        indexes = band_indexes(dataset, bands)
        west, south, east, north = _bounds_web(dataset.crs.to_wkt(), tuple(dataset.bounds))
        if left >= east or left + span <= west or top <= south or top - span >= north:
            return None
        pixel_m = span / MAP_TILE_PX
        level = _overview_level(dataset, pixel_m=pixel_m)
        target = Affine(pixel_m, 0, left, 0, -pixel_m, top)
        if level is None and not isinstance(dataset, CellMosaic):
            return _warp(dataset, indexes, target, resampling)
        shown = (max(left, west), max(top - span, south), min(left + span, east), min(top, north))
    with open_layer(path, overview_level=level) as dataset:
        if not isinstance(dataset, CellMosaic):
            return _warp(dataset, indexes, target, resampling)
        with dataset.window_dataset(_window_under(dataset, shown)) as part:
            return _warp(part, indexes, target, resampling)


def _window_under(dataset: CellMosaic, shown: tuple[float, float, float, float]) -> Window:
    """Pixels under a rectangle of the web grid (west, south, east, north), and some more for the warp."""
    left, bottom, right, top = transform_bounds(WEB_MERCATOR, dataset.crs, *shown)
    (x0, y0), (x1, y1) = ~dataset.transform @ (left, top), ~dataset.transform @ (right, bottom)
    col = min(max(0, math.floor(x0) - WARP_MARGIN_PX), dataset.width - 1)
    row = min(max(0, math.floor(y0) - WARP_MARGIN_PX), dataset.height - 1)
    width = min(dataset.width, math.ceil(x1) + WARP_MARGIN_PX) - col
    height = min(dataset.height, math.ceil(y1) + WARP_MARGIN_PX) - row
    return Window(col, row, max(1, width), max(1, height))


def _warp(
    dataset: DatasetReader, indexes: list[int], target: Affine, resampling: Resampling
) -> tuple[NDArray[Any], NDArray[np.bool_]] | None:
    with WarpedVRT(
        dataset,
        crs=WEB_MERCATOR,
        transform=target,
        width=MAP_TILE_PX,
        height=MAP_TILE_PX,
        resampling=resampling,
        add_alpha=True,
    ) as warped:
        # The alpha band itself: the warped view's mask knows the source's mask but not its outline.
        valid = warped.read(warped.count) > ALPHA_HALF[warped.dtypes[0]]
        return (warped.read(indexes), valid) if valid.any() else None


@lru_cache(maxsize=1024)
def _bounds_web(wkt: str, bounds: tuple[float, ...]) -> tuple[float, float, float, float]:
    west, south, east, north = transform_bounds(wkt, WEB_MERCATOR, *bounds)
    return west, south, east, north


def _overview_level(dataset: Raster, *, pixel_m: float) -> int | None:
    """The coarsest overview (from 0) still finer than a map-tile pixel at the centre; None for none."""
    left, bottom, right, top = dataset.bounds
    centre_x, centre_y = (left + right) / 2, (bottom + top) / 2
    step_x = dataset.transform.a
    (web_0, web_1), _ = transform(dataset.crs, WEB_MERCATOR, [centre_x, centre_x + step_x], [centre_y, centre_y])
    ratio = pixel_m / abs(web_1 - web_0)
    fitting = [level for level, factor in enumerate(dataset.overviews(1)) if factor <= ratio * 1.001]
    return fitting[-1] if fitting else None
