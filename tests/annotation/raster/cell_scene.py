"""A scene of files that overlap, and its import as cells and as one file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine

from annotation.raster import plans
from annotation.raster.cell_import import Earlier, Workers, import_cells
from annotation.raster.layer_files import LayerFiles

GSD_M = 0.2
LEFT, TOP = 600_000.0, 6_800_000.0


def write_file(
    path: Path, pixels: np.ndarray, *, col: int, row: int, nodata: int | None = 0, gsd_m: float = GSD_M
) -> Path:
    """A tiled GeoTIFF whose corner is `col` and `row` pixels of 0.2 m right and down of the scene's."""
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=pixels.shape[0],
        height=pixels.shape[1],
        width=pixels.shape[2],
        dtype=pixels.dtype.name,
        crs="EPSG:2154",
        transform=Affine(gsd_m, 0, LEFT + col * GSD_M, 0, -gsd_m, TOP - row * GSD_M),
        nodata=nodata,
        tiled=True,
        photometric="MINISBLACK",
    ) as file:
        file.write(pixels)
    return path


def smooth(height: int, width: int, *, bands: int = 3, seed: int = 0) -> np.ndarray:
    """Gentle hills of 1 to 251 with some grain, uint8."""
    y, x = np.mgrid[:height, :width]
    hills = [110 + 70 * np.sin(x / (60 + 9 * band) + seed) * np.cos(y / (50 + 7 * band)) for band in range(bands)]
    grain = np.random.default_rng(seed).integers(-8, 9, (bands, height, width))
    return np.clip(np.stack(hills) + grain, 1, 251).astype(np.uint8)


def grid_of_files(folder: Path, *, across: int = 3, side: int = 400, step: int = 380, gap: bool = True) -> list[Path]:
    """Square files that overlap their neighbours, each with a hole of nodata; with `gap`, the last is left out."""
    paths = []
    for row in range(across):
        for col in range(across):
            if gap and row == col == across - 1:
                continue
            pixels = smooth(side, side, seed=10 * row + col)
            pixels[:, 30:60, side - 45 : side - 5] = 0
            paths.append(write_file(folder / f"file-{row}-{col}.tif", pixels, col=col * step, row=row * step))
    return paths


def as_cells(
    paths: Sequence[Path],
    out_dir: Path,
    *,
    cell_px: int = 512,
    dates: Sequence[str | None] | None = None,
    earlier: Earlier | None = None,
    processes: int = 2,
    progress: Callable[[float, str], None] = lambda share, message: None,
    **options: Any,
) -> LayerFiles:
    """The files as a layer of cells, each written by a process of its own."""
    first = 1 if earlier is None else max(earlier.days, default=0) + 1
    onto = None if earlier is None else earlier.files.as_json()
    plan = plans.plan_import(paths, dates=dates, first_number=first, onto=onto, **options)
    return import_cells(
        plan,
        out_dir=out_dir,
        cell_px=cell_px,
        earlier=earlier,
        workers=Workers(processes, require_isolation=False),
        progress=progress,
    )
