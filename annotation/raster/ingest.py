"""Imagery comes in: foreign files are judged, then rewritten as our own.

Both functions meet hostile content, so the platform calls them through `isolated_ingest`; they are plain
functions all the same.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import RasterioError

from annotation.raster import display, gate
from annotation.raster.errors import DamagedTiff, LayerFolderExists, NothingVisible
from annotation.raster.ground import Readers, read_ground
from annotation.raster.layer_files import (
    ANALYSIS_NAME,
    DESCRIPTION_NAME,
    DISPLAY_NAME,
    VALID_NAME,
    LayerFiles,
    flush_to_disk,
    sha256_of,
)
from annotation.raster.sources import GDAL_OPTIONS, SourceReport, describe
from annotation.raster.valid_cells import count_valid, no_counts, valid_share

Paths = Sequence[str | os.PathLike[str]]
Progress = Callable[[float], None]


def inspect_sources(
    paths: Paths,
    *,
    crs: str | None = None,
    transform: Sequence[float] | None = None,
    band_names: Sequence[str] | None = None,
    max_pixels: int = gate.DEFAULT_MAX_PIXELS,
    max_mosaic_pixels: int = gate.MAX_MOSAIC_PIXELS,
    dates: Sequence[date | None] | None = None,
    first_number: int = 1,
) -> SourceReport:
    """What an import of these GeoTIFFs would make; nothing is written.

    Args:
        paths: existing regular files of this machine; several make one mosaic on the first one's pixel grid.
        crs: EPSG code, for files that do not name one. transform: affine (a, b, c, d, e, f), for one file
        that has none.
        band_names: one name a band, instead of the files' own.
        max_pixels: width times height accepted for each file. max_mosaic_pixels: for all together.
        dates: acquisition date of each file. first_number: that of the first file among the layer's sources.

    Raises: UnusableRaster and its subclasses.
    """
    files = gate.pass_gate(paths, max_pixels=max_pixels)
    return describe(
        files,
        crs=crs,
        transform=transform,
        names=band_names,
        max_mosaic_pixels=max_mosaic_pixels,
        dates=dates,
        first_number=first_number,
    )


def partial_folder(out_dir: Path) -> Path:
    """Where an import works until it is complete."""
    return out_dir.with_name(out_dir.name + ".partial")


def rewrite_as_layer(
    paths: Paths,
    *,
    out_dir: str | os.PathLike[str],
    crs: str | None = None,
    transform: Sequence[float] | None = None,
    band_names: Sequence[str] | None = None,
    max_pixels: int = gate.DEFAULT_MAX_PIXELS,
    progress: Progress | None = None,
) -> LayerFiles:
    """Write the files of an imagery layer into `out_dir`, which appears complete or not at all.

    Memory use does not depend on the size of the raster. On overlaps the first file wins (all have one date here);
    where no file is valid the mask says so. `progress` is called with values from 0 to 1.

    Raises: UnusableRaster and its subclasses; LayerFolderExists when `out_dir` exists.
    """
    target = Path(out_dir).absolute()
    report = progress or (lambda share: None)
    if target.exists():
        raise LayerFolderExists(f"{target.name} exists already and is never overwritten; choose another folder.")
    plan = inspect_sources(paths, crs=crs, transform=transform, band_names=band_names, max_pixels=max_pixels)
    work = partial_folder(target)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        files = _write_all(plan, work, progress=report)
        flush_to_disk([*sorted(work.iterdir()), work])
        work.rename(target)
        flush_to_disk([target.parent])
    except RasterioError as error:
        raise DamagedTiff(
            f"The import stopped while writing: {str(error)[:300]}. Check the files, then import again."
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    report(1.0)
    return LayerFiles.from_json(files, folder=target)


def _write_all(plan: SourceReport, work: Path, *, progress: Progress) -> dict[str, Any]:
    with rasterio.Env(**GDAL_OPTIONS, GDAL_TIFF_INTERNAL_MASK=True):
        valid_share = _write_analysis(plan, work / ANALYSIS_NAME, progress=lambda share: progress(0.55 * share))
        np.save(work / VALID_NAME, valid_share, allow_pickle=False)
        with rasterio.open(work / ANALYSIS_NAME, driver="GTiff") as analysis:
            stretch = display.measure_stretch(analysis)
        display.write_display_copy(
            work / ANALYSIS_NAME,
            work / DISPLAY_NAME,
            stretch=stretch,
            progress=lambda share: progress(0.55 + 0.4 * share),
        )
    files = LayerFiles(
        folder=work,
        grid=plan.grid,
        gsd_m=plan.gsd_m,
        bands=list(plan.bands),
        dtype=plan.dtype,
        nodata=plan.nodata,
        stretch=stretch,
        sha256={name: sha256_of(work / name) for name in (ANALYSIS_NAME, DISPLAY_NAME, VALID_NAME)},
        notes=list(plan.notes),
    ).as_json()
    (work / DESCRIPTION_NAME).write_text(json.dumps(files, indent=1), "utf-8")
    return files


def _write_analysis(plan: SourceReport, target: Path, *, progress: Progress) -> NDArray[np.uint8]:
    """Write the lossless COG; returns the valid share of each 64 px cell times 255."""
    grid, staging = plan.grid, target.with_suffix(".staging.tif")
    counted = no_counts(grid.width, grid.height)
    profile = display.staging_profile(width=grid.width, height=grid.height, count=len(plan.bands), dtype=plan.dtype)
    itemsize = np.dtype(plan.dtype).itemsize
    with (
        closing(Readers()) as readers,
        rasterio.open(
            staging,
            "w",
            crs=CRS.from_user_input(grid.crs),
            transform=rasterio.Affine(*grid.transform),
            photometric="MINISBLACK",
            **profile,
        ) as copy,
    ):
        copy.descriptions = plan.bands
        for window in display.windows(grid.width, grid.height, bytes_per_pixel=2 * len(plan.bands) * itemsize + 2):
            seen = read_ground(plan, readers, window)
            if plan.needs_mask:
                copy.write_mask(seen.valid, window=window)
            copy.write(seen.pixels, window=window)
            count_valid(counted, seen.valid, window)
            progress(0.7 * min(1.0, (window.row_off + window.height) / grid.height))
    if not counted.any():
        raise NothingVisible(
            f"None of the {grid.width} x {grid.height} pixels is valid: all are nodata or transparent. Check "
            "the nodata value and the alpha band of the files."
        )
    with rasterio.open(staging, driver="GTiff") as source:
        rasterio.shutil.copy(
            source,
            target,
            driver="COG",
            compress="DEFLATE",
            predictor="STANDARD",
            blocksize=512,
            overview_resampling="AVERAGE",
            bigtiff="IF_SAFER",
            statistics="NO",
        )
    staging.unlink()
    progress(1.0)
    return valid_share(counted, grid.width, grid.height)
