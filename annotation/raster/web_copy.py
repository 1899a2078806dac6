"""The copy of imagery on the web grid: every map tile of its zooms is one stored JPEG block (docs/adr/0037).

The raster begins at the corner of a map tile of the coarsest zoom and ends at one, so each overview is an exact
division and its blocks are the map tiles of that zoom. Below the coarsest zoom, where the whole layer is smaller than
a map tile, and in views other than true colour, tiles are warped when they are asked for (`web_grid`).
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.windows import Window

from annotation.core.side_by_side import side_by_side
from annotation.raster.display import (
    MAP_TILE_PX,
    native_max_zoom,
    pack_map_tiles,
    shown_bands,
    staging_profile,
    stretched,
)
from annotation.raster.errors import DamagedTiff
from annotation.raster.layer_files import DESCRIPTION_NAME, WEB_NAME, LayerFiles, flush_to_disk, sha256_of
from annotation.raster.reader import open_layer
from annotation.raster.sources import GDAL_OPTIONS
from annotation.raster.web_grid import HALF_WORLD_M, WEB_MERCATOR, bounds_web, pixel_web_m, read_web

#: How much coarser than the imagery's own a map-tile pixel of the deepest zoom may be.
COARSER = 1.2
DEEPEST_ZOOM = 24
#: Where nothing is valid. JPEG has no transparency; pages are light. Valid pixels are 0 to 254.
WHITE = 255
CHUNK_PX = 8 * MAP_TILE_PX


@dataclass(frozen=True, slots=True)
class WebFrame:
    """Where a web copy lies: map tiles (x, y) of its coarsest zoom from the upper left one on, and its deepest zoom."""

    coarsest: int
    deepest: int
    x: int
    y: int
    across: int
    down: int

    @property
    def pixel_m(self) -> float:
        """Side of a pixel of the deepest zoom, in metres of the web grid."""
        return 2 * HALF_WORLD_M / (MAP_TILE_PX << self.deepest)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels of the deepest zoom."""
        side = MAP_TILE_PX << (self.deepest - self.coarsest)
        return self.across * side, self.down * side

    @property
    def corner_m(self) -> tuple[float, float]:
        """Left and top, in metres of the web grid."""
        span = 2 * HALF_WORLD_M / (1 << self.coarsest)
        return self.x * span - HALF_WORLD_M, HALF_WORLD_M - self.y * span


def web_frame(dataset: Any) -> WebFrame:
    """The frame of an open raster of ours.

    The deepest zoom is the first whose pixels are at most COARSER times the imagery's, at its centre; at the coarsest
    the layer is no larger than a map tile, and so lies on one, two or four of them.
    """
    west, south, east, north = bounds_web(dataset)
    own_m = pixel_web_m(dataset)
    deepest = max(0, min(DEEPEST_ZOOM, math.ceil(math.log2(2 * HALF_WORLD_M / MAP_TILE_PX / (own_m * COARSER)))))
    pixel_m = 2 * HALF_WORLD_M / (MAP_TILE_PX << deepest)
    sides = math.ceil((east - west) / pixel_m), math.ceil((north - south) / pixel_m)
    coarsest = max(0, deepest - native_max_zoom(*sides))
    span, last = 2 * HALF_WORLD_M / (1 << coarsest), (1 << coarsest) - 1
    left, right = (min(last, max(0, math.floor((x + HALF_WORLD_M) / span))) for x in (west, east))
    top, bottom = (min(last, max(0, math.floor((HALF_WORLD_M - y) / span))) for y in (north, south))
    return WebFrame(coarsest, deepest, left, top, right - left + 1, bottom - top + 1)


def write_web_copy(
    analysis: Path,
    target: Path,
    *,
    stretch: Mapping[str, tuple[float, float]],
    threads: int = 1,
    progress: Callable[[float], None] = lambda share: None,
) -> WebFrame:
    """Write the true-colour copy of a layer that is served to web maps.

    Blocks without a valid pixel are not stored. Memory use does not depend on the size of the raster, and grows by
    about 100 MiB with each thread; the bytes do not depend on their number.

    Args:
        analysis: the layer's lossless raster, as `reader.open_layer` takes it. stretch: as in `LayerFiles`.
        threads: which read, warp and compress at once. progress: called with values from 0 to 1.
    """
    staging = target.with_suffix(".staging.tif")
    frame = _stage(analysis, staging, stretch=stretch, threads=threads, progress=lambda share: progress(0.7 * share))
    pack_map_tiles(staging, target, overviews=frame.deepest - frame.coarsest, threads=threads)
    progress(1.0)
    return frame


def _stage(
    analysis: Path,
    staging: Path,
    *,
    stretch: Mapping[str, tuple[float, float]],
    threads: int,
    progress: Callable[[float], None],
) -> WebFrame:
    """The deepest zoom of a web copy, lossless, part by part."""
    with open_layer(analysis) as dataset:
        frame, names = web_frame(dataset), shown_bands([name or "" for name in dataset.descriptions])
        bounds = bounds_web(dataset)
    (left, top), (width, height) = frame.corner_m, frame.size
    place = Affine(frame.pixel_m, 0, left, 0, -frame.pixel_m, top)
    profile = staging_profile(width=width, height=height, count=3, dtype="uint8")
    profile |= {"blockxsize": MAP_TILE_PX, "blockysize": MAP_TILE_PX}

    def drawn(window: Window) -> NDArray[np.uint8] | None:
        corner, shape = place @ (window.col_off, window.row_off), (window.height, window.width)
        with rasterio.Env(**GDAL_OPTIONS):  # options hold for a thread
            read = read_web(
                analysis, *corner, pixel_m=frame.pixel_m, shape=shape, bands=names, resampling=Resampling.bilinear
            )
        # 1 to 255 and 0 for invalid become 0 to 254 and 255.
        return None if read is None else stretched(*read, [stretch[name] for name in names]) - np.uint8(1)

    chunks = list(_chunks(frame, bounds))
    with (
        contextlib.closing(side_by_side(drawn, chunks, threads=threads)) as parts,
        rasterio.open(staging, "w", nodata=WHITE, crs=WEB_MERCATOR, transform=place, **profile) as copy,
    ):
        for number, (window, pixels) in enumerate(parts, start=1):
            if pixels is not None:
                copy.write(pixels, window=window)
            progress(number / len(chunks))
    return frame


def add_web_copy(folder: str, *, threads: int = 1, progress: Callable[[float], None] | None = None) -> str:
    """Write the web copy into the folder of a layer that was imported without; it appears whole or not at all.

    Args: folder: written by `ingest.rewrite_as_layer`, with its description. threads: as `write_web_copy`.
    Returns: the copy's SHA-256, hexadecimal.
    Raises: FileNotFoundError, DamagedTiff.
    """
    layer = LayerFiles.load(Path(folder))
    partial = layer.folder / f"{WEB_NAME}.partial.tif"
    try:
        with rasterio.Env(**GDAL_OPTIONS):
            write_web_copy(
                layer.analysis_path,
                partial,
                stretch=layer.stretch,
                threads=threads,
                progress=progress or (lambda share: None),
            )
        digest = sha256_of(partial)
        described = replace(layer, sha256={**layer.sha256, WEB_NAME: digest})
        description = layer.folder / f"{WEB_NAME}.partial.json"
        description.write_text(json.dumps(described.as_json(), indent=1), "utf-8")
        flush_to_disk([partial, description])
        partial.replace(layer.folder / WEB_NAME)
        description.replace(layer.folder / DESCRIPTION_NAME)
        flush_to_disk([layer.folder])
    except RasterioError as error:
        raise DamagedTiff(
            f"The copy of {layer.folder.name} for web maps was not written: {str(error)[:300]}."
        ) from error
    finally:
        for left in layer.folder.glob(f"{WEB_NAME}.partial*"):
            left.unlink(missing_ok=True)
    return digest


def _chunks(frame: WebFrame, bounds: tuple[float, float, float, float]) -> Iterator[Window]:
    """Windows, of whole map tiles, of the part of a frame in which the layer lies (west, south, east, north)."""
    (left, top), (width, height) = frame.corner_m, frame.size
    west, south, east, north = bounds

    def tiles(low: float, high: float, length: int) -> tuple[int, int]:
        first = math.floor(low / frame.pixel_m) // MAP_TILE_PX * MAP_TILE_PX
        return max(0, first), min(length, -(-math.ceil(high / frame.pixel_m) // MAP_TILE_PX) * MAP_TILE_PX)

    (first_col, end_col), (first_row, end_row) = (
        tiles(west - left, east - left, width),
        tiles(top - north, top - south, height),
    )
    for row in range(first_row, end_row, CHUNK_PX):
        for col in range(first_col, end_col, CHUNK_PX):
            yield Window(col, row, min(CHUNK_PX, end_col - col), min(CHUNK_PX, end_row - row))
