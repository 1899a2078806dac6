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
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from annotation.raster import display, gate
from annotation.raster.errors import DamagedTiff, LayerFolderExists, NothingVisible
from annotation.raster.layer_files import (
    ANALYSIS_NAME,
    DESCRIPTION_NAME,
    DISPLAY_NAME,
    VALID_CELL_PX,
    VALID_NAME,
    WEB_NAME,
    LayerFiles,
    flush_to_disk,
    sha256_of,
)
from annotation.raster.sources import GDAL_OPTIONS, Source, SourceReport, describe, read_source
from annotation.raster.web_copy import write_web_copy

Paths = Sequence[str | os.PathLike[str]]
Progress = Callable[[float], None]

MAX_OPEN_FILES = 64


def inspect_sources(
    paths: Paths,
    *,
    crs: str | None = None,
    transform: Sequence[float] | None = None,
    band_names: Sequence[str] | None = None,
    max_pixels: int = gate.DEFAULT_MAX_PIXELS,
) -> SourceReport:
    """What an import of these GeoTIFFs would make; nothing is written.

    Args:
        paths: existing regular files of this machine; several make one mosaic on the first one's pixel grid.
        crs: EPSG code, for files that do not name one. transform: affine (a, b, c, d, e, f), for one file
        that has none.
        band_names: one name a band, instead of the files' own.
        max_pixels: width times height accepted, for each file and for the mosaic.

    Raises: UnusableRaster and its subclasses.
    """
    files = gate.pass_gate(paths, max_pixels=max_pixels)
    return describe(files, crs=crs, transform=transform, names=band_names, max_pixels=max_pixels)


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

    Memory use does not depend on the size of the raster. On overlaps the first file wins; where no file is
    valid the mask says so. `progress` is called with values from 0 to 1.

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
            progress=lambda share: progress(0.55 + 0.2 * share),
        )
        write_web_copy(
            work / ANALYSIS_NAME,
            work / WEB_NAME,
            stretch=stretch,
            progress=lambda share: progress(0.75 + 0.2 * share),
        )
    files = LayerFiles(
        folder=work,
        grid=plan.grid,
        gsd_m=plan.gsd_m,
        bands=list(plan.bands),
        dtype=plan.dtype,
        nodata=plan.nodata,
        stretch=stretch,
        sha256={name: sha256_of(work / name) for name in (ANALYSIS_NAME, DISPLAY_NAME, WEB_NAME, VALID_NAME)},
        notes=list(plan.notes),
    ).as_json()
    (work / DESCRIPTION_NAME).write_text(json.dumps(files, indent=1), "utf-8")
    return files


def _write_analysis(plan: SourceReport, target: Path, *, progress: Progress) -> NDArray[np.uint8]:
    """Write the lossless COG; returns the valid share of each 64 px cell times 255."""
    grid, staging = plan.grid, target.with_suffix(".staging.tif")
    counted = np.zeros((-(-grid.height // VALID_CELL_PX), -(-grid.width // VALID_CELL_PX)), dtype=np.int64)
    profile = display.staging_profile(width=grid.width, height=grid.height, count=len(plan.bands), dtype=plan.dtype)
    itemsize = np.dtype(plan.dtype).itemsize
    with (
        closing(_Readers()) as readers,
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
            pixels, valid = _read_mosaic(plan, readers, window)
            if plan.needs_mask:
                copy.write_mask(valid, window=window)
            copy.write(pixels, window=window)
            _count_valid(counted, valid, window)
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
    return np.rint(counted * 255 / _cell_sizes(grid.width, grid.height)).astype(np.uint8)


class _Readers:
    """Source files held open, the first opened closed when there are too many."""

    def __init__(self) -> None:
        self._open: dict[Path, DatasetReader] = {}

    def get(self, path: Path) -> DatasetReader:
        if path not in self._open:
            if len(self._open) >= MAX_OPEN_FILES:
                self._open.pop(next(iter(self._open))).close()
            self._open[path] = rasterio.open(path, driver="GTiff")
        return self._open[path]

    def close(self) -> None:
        for dataset in self._open.values():
            dataset.close()


def _read_mosaic(plan: SourceReport, readers: _Readers, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Pixels (bands, h, w) and validity (h, w) of a window of the mosaic; the first valid file wins."""
    shape = (int(window.height), int(window.width))
    pixels = np.full((len(plan.bands), *shape), plan.nodata or 0, dtype=plan.dtype)
    valid = np.zeros(shape, dtype=bool)
    for source in plan.sources:
        part = _overlap(source, window)
        if part is None:
            continue
        in_source, rows, cols = part
        if valid[rows, cols].all():
            continue
        found, found_valid = read_source(readers.get(source.path), source, in_source)
        wanted = found_valid & ~valid[rows, cols]
        np.copyto(pixels[:, rows, cols], found, where=wanted)
        valid[rows, cols] |= wanted
    return pixels, valid


def _overlap(source: Source, window: Window) -> tuple[Window, slice, slice] | None:
    """The part of a source under a mosaic window: in the source's pixels, and as slices of the window."""
    col, row = source.offset_px
    left, top = max(int(window.col_off), col), max(int(window.row_off), row)
    right = min(int(window.col_off + window.width), col + source.width)
    bottom = min(int(window.row_off + window.height), row + source.height)
    if right <= left or bottom <= top:
        return None
    rows = slice(top - int(window.row_off), bottom - int(window.row_off))
    cols = slice(left - int(window.col_off), right - int(window.col_off))
    return Window(left - col, top - row, right - left, bottom - top), rows, cols


def _count_valid(counted: NDArray[np.int64], valid: NDArray[np.bool_], window: Window) -> None:
    """Add a window's valid pixels to their cells; windows begin on a cell's corner."""
    first_row, first_col = int(window.row_off) // VALID_CELL_PX, int(window.col_off) // VALID_CELL_PX
    by_row = np.add.reduceat(valid, np.arange(0, valid.shape[0], VALID_CELL_PX), axis=0, dtype=np.int64)
    cells = np.add.reduceat(by_row, np.arange(0, valid.shape[1], VALID_CELL_PX), axis=1)
    counted[first_row : first_row + cells.shape[0], first_col : first_col + cells.shape[1]] += cells


def _cell_sizes(width: int, height: int) -> NDArray[np.int64]:
    """How many pixels of the raster each 64 px cell holds."""
    rows = np.diff(np.append(np.arange(0, height, VALID_CELL_PX), height))
    cols = np.diff(np.append(np.arange(0, width, VALID_CELL_PX), width))
    return np.outer(rows, cols)
