"""How pixels become pictures: the stretch, the three bands shown, and the copy that is served undecoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from annotation.raster.layer_files import Stretch

MAP_TILE_PX = 256
JPEG_QUALITY = 90
LOW_PERCENT, HIGH_PERCENT = 2.0, 98.0
STRETCH_SAMPLE_PX = 1024
STAGING_BLOCK_PX = 512
WINDOW_BYTES = 64 * 2**20
STAGING_BYTES_PER_PIXEL = 12  # three uint16 bands in, three uint8 out, mask and temporaries


def native_max_zoom(width: int, height: int) -> int:
    """The zoom at which one map-tile pixel is one image pixel: 256 * 2**z >= the longer side."""
    zoom = 0
    while MAP_TILE_PX << zoom < max(width, height):
        zoom += 1
    return zoom


def shown_bands(bands: Sequence[str]) -> tuple[str, str, str]:
    """The bands of the true-colour view: R, G, B, else the first three, else the first as grey."""
    if {"R", "G", "B"} <= set(bands):
        return ("R", "G", "B")
    if len(bands) >= 3:
        return (bands[0], bands[1], bands[2])
    return (bands[0], bands[0], bands[0])


def measure_stretch(dataset: DatasetReader) -> Stretch:
    """2nd and 98th percentile of the valid pixels of every band, from a decimated read of our own COG."""
    factor = max(1.0, max(dataset.width, dataset.height) / STRETCH_SAMPLE_PX)
    shape = (max(1, int(dataset.height / factor)), max(1, int(dataset.width / factor)))
    valid = dataset.dataset_mask(out_shape=shape) > 127
    stretch: Stretch = {}
    for index, name in enumerate(dataset.descriptions, start=1):
        sample = dataset.read(index, out_shape=shape)[valid]
        if sample.size == 0:
            sample = np.array([0, np.iinfo(dataset.dtypes[0]).max])
        low, high = (float(value) for value in np.percentile(sample, [LOW_PERCENT, HIGH_PERCENT]))
        stretch[name] = (low, high if high > low else low + 1.0)
    return stretch


def stretched(
    pixels: NDArray[Any], valid: NDArray[np.bool_], bounds: Sequence[tuple[float, float]]
) -> NDArray[np.uint8]:
    """Pixels (bands, h, w) as uint8: bounds become 1 and 255 (clipped beyond), 0 is for invalid pixels."""
    shown = np.empty(pixels.shape, dtype=np.uint8)
    levels = np.arange(np.iinfo(pixels.dtype).max + 1, dtype=np.float32)
    for index, (low, high) in enumerate(bounds):
        table = np.clip(np.rint(1 + (levels - low) * (254 / (high - low))), 1, 255).astype(np.uint8)
        shown[index] = table[pixels[index]]
    shown[:, ~valid] = 0
    return shown


def windows(width: int, height: int, *, bytes_per_pixel: int) -> Iterator[Window]:
    """Windows that cover a raster in rows of blocks, each within a fixed memory budget."""
    span = max(
        STAGING_BLOCK_PX,
        WINDOW_BYTES // (STAGING_BLOCK_PX * bytes_per_pixel) // STAGING_BLOCK_PX * STAGING_BLOCK_PX,
    )
    for row in range(0, height, STAGING_BLOCK_PX):
        for col in range(0, width, span):
            yield Window(col, row, min(span, width - col), min(STAGING_BLOCK_PX, height - row))


def staging_profile(*, width: int, height: int, count: int, dtype: str) -> dict[str, Any]:
    """Creation options of a lossless working file that the COG writer reads once."""
    return {
        "driver": "GTiff",
        "width": width,
        "height": height,
        "count": count,
        "dtype": dtype,
        "tiled": True,
        "blockxsize": STAGING_BLOCK_PX,
        "blockysize": STAGING_BLOCK_PX,
        "compress": "DEFLATE",
        "zlevel": 1,
        "BIGTIFF": "IF_SAFER",
        "SPARSE_OK": "TRUE",
    }


def write_display_copy(
    analysis: Path,
    target: Path,
    *,
    stretch: Mapping[str, tuple[float, float]],
    progress: Callable[[float], None],
    overviews: int | None = None,
) -> None:
    """Write the copy served to people: every map tile of every native zoom is one stored JPEG block.

    With `overviews` given, the raster is a cell of a layer, which every overview divides: nothing is padded, and only
    that many zooms follow. Otherwise it is padded on the right and at the bottom, to a multiple of 2**native_max_zoom
    and one more coarsest pixel: so each overview is an exact division, its blocks are the map tiles, and what JPEG
    repeats beyond the last pixel is black. Valid pixels are 1 to 255 and zero is nodata while overviews are averaged;
    blocks without a valid pixel are not stored.
    """
    staging = target.with_suffix(".staging.tif")
    with rasterio.open(analysis, driver="GTiff") as source:
        zoom = native_max_zoom(source.width, source.height) if overviews is None else overviews
        step = 1 << zoom
        padding = int(overviews is None)
        width, height = ((-(-side // step) + padding) * step for side in (source.width, source.height))
        names = shown_bands(source.descriptions)
        indexes = [source.descriptions.index(name) + 1 for name in names]
        profile = staging_profile(width=width, height=height, count=3, dtype="uint8")
        with rasterio.open(staging, "w", nodata=0, crs=source.crs, transform=source.transform, **profile) as copy:
            for window in windows(source.width, source.height, bytes_per_pixel=STAGING_BYTES_PER_PIXEL):
                pixels, valid = source.read(indexes, window=window), source.dataset_mask(window=window) > 127
                if valid.any():
                    copy.write(stretched(pixels, valid, [stretch[name] for name in names]), window=window)
                progress(0.6 * min(1.0, (window.row_off + window.height) / source.height))
    pack_map_tiles(staging, target, overviews=zoom)
    progress(1.0)


def pack_map_tiles(staging: Path, target: Path, *, overviews: int, threads: int = 1) -> None:
    """Write a lossless raster as a COG whose JPEG blocks are map tiles, with so many overviews; then remove it.

    The bytes do not depend on the number of threads.
    """
    coarser = {"overview_count": overviews} if overviews else {"overviews": "NONE"}
    with rasterio.open(staging, driver="GTiff") as source:
        rasterio.shutil.copy(
            source,
            target,
            driver="COG",
            compress="JPEG",
            quality=JPEG_QUALITY,
            overview_quality=JPEG_QUALITY,
            blocksize=MAP_TILE_PX,
            overview_resampling="AVERAGE",
            sparse_ok="TRUE",
            bigtiff="IF_SAFER",
            statistics="NO",
            num_threads=str(threads),
            **coarser,
        )
    staging.unlink()
