"""What a layer of cells has once for all of them: the coarse file, the valid shares, the coarse pictures.

Called in the sandbox like `cell_writer`, when every cell is there.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.io import DatasetReader
from rasterio.windows import Window

from annotation.raster import display, plans
from annotation.raster.cell_writer import PLAN_NAME, WORK_DIR, lossless_options
from annotation.raster.cells import BLOCK_PX, COARSE_NAME, CellGrid, cell_name
from annotation.raster.errors import NothingVisible
from annotation.raster.layer_files import DISPLAY_NAME, VALID_CELL_PX, VALID_NAME, Stretch, flush_to_disk, sha256_of
from annotation.raster.sources import GDAL_OPTIONS, SourceReport
from annotation.raster.valid_cells import valid_share


def join_analysis(folder: str) -> dict[str, Any]:
    """Write the coarse file and the valid shares, and measure the stretch.

    Returns: `stretch` by band, and `sha256` by file name. Raises: NothingVisible.
    """
    root = Path(folder)
    stored = json.loads((root / WORK_DIR / PLAN_NAME).read_text("utf-8"))
    plan = plans.from_json(stored["plan"])
    cells = CellGrid(plan.grid.width, plan.grid.height, stored["cell_px"])
    with rasterio.Env(**GDAL_OPTIONS, GDAL_TIFF_INTERNAL_MASK=True):
        shares = _write_coarse(root, plan, cells, kept=None if stored["kept"] is None else Path(stored["kept"]))
        if not shares.any():
            raise NothingVisible(
                f"None of the {plan.grid.width} x {plan.grid.height} pixels is valid: all are nodata or transparent. "
                "Check the nodata value and the alpha band of the files."
            )
        np.save(root / VALID_NAME, shares, allow_pickle=False)
        with rasterio.open(root / COARSE_NAME, driver="GTiff") as coarse:
            stretch = display.measure_stretch(coarse)
    flush_to_disk([root / COARSE_NAME, root / VALID_NAME])
    return {
        "stretch": {name: list(bounds) for name, bounds in stretch.items()},
        "sha256": {name: sha256_of(root / name) for name in (COARSE_NAME, VALID_NAME)},
    }


def join_display(folder: str, *, stretch: Stretch) -> dict[str, Any]:
    """Write the map tiles that show more than a cell; returns `sha256` by file name."""
    root = Path(folder)
    with rasterio.Env(**GDAL_OPTIONS, GDAL_TIFF_INTERNAL_MASK=True):
        display.write_display_copy(
            root / COARSE_NAME, root / DISPLAY_NAME, stretch=stretch, progress=lambda share: None
        )
    flush_to_disk([root / DISPLAY_NAME])
    return {"sha256": {DISPLAY_NAME: sha256_of(root / DISPLAY_NAME)}}


def _write_coarse(root: Path, plan: SourceReport, cells: CellGrid, *, kept: Path | None) -> NDArray[np.uint8]:
    """The coarse file, a map tile for each cell; returns the valid shares of the whole layer."""
    factor, squares = cells.coarse_factor, cells.cell_px // VALID_CELL_PX
    shares = np.zeros(tuple(-(-side // VALID_CELL_PX) for side in (plan.grid.height, plan.grid.width)), dtype=np.uint8)
    a, _, c, _, e, f = plan.grid.transform
    staging = root / f"{COARSE_NAME}.staging.tif"
    width, height, overviews = coarse_size(cells)
    profile = display.staging_profile(width=width, height=height, count=len(plan.bands), dtype=plan.dtype)
    located = {"crs": CRS.from_user_input(plan.grid.crs), "transform": Affine(a * factor, 0, c, 0, e * factor, f)}
    with ExitStack() as stack:
        copy = stack.enter_context(rasterio.open(staging, "w", photometric="MINISBLACK", **located, **profile))
        copy.descriptions = plan.bands
        old = None if kept is None else stack.enter_context(_Kept(kept))
        for cell in ((row, col) for row in range(cells.n_rows) for col in range(cells.n_cols)):
            at = np.s_[cell[0] * squares : (cell[0] + 1) * squares, cell[1] * squares : (cell[1] + 1) * squares]
            side = display.MAP_TILE_PX
            window = Window(cell[1] * side, cell[0] * side, side, side)
            made = root / WORK_DIR / f"{cell_name(cell)}.npz"
            if made.exists():
                mean, valid, share = _made(made, cells.size(cell))
            elif old is not None:
                mean, valid, share = old.read(window, at)
            else:
                continue
            copy.write_mask(valid, window=window)
            copy.write(mean, window=window)
            shares[at] = share
    with rasterio.open(staging, driver="GTiff") as source:
        rasterio.shutil.copy(source, root / COARSE_NAME, **lossless_options(overviews))
    staging.unlink()
    return shares


def coarse_size(cells: CellGrid) -> tuple[int, int, int]:
    """Width and height of the coarse file in pixels, and its overviews: a map tile for each cell, and as much more as
    makes every overview an exact division."""
    across, down = cells.n_cols * display.MAP_TILE_PX, cells.n_rows * display.MAP_TILE_PX
    overviews = 0
    while BLOCK_PX << overviews < max(across, down):
        overviews += 1
    step = 1 << overviews
    return -(-across // step) * step, -(-down // step) * step, overviews


def _made(path: Path, size: tuple[int, int]) -> tuple[NDArray[Any], NDArray[np.bool_], NDArray[np.uint8]]:
    with np.load(path, allow_pickle=False) as small:
        return small["mean"], small["valid"], valid_share(small["counted"], *size)


class _Kept:
    """The coarse file and valid shares of the layer whose cells stay."""

    def __init__(self, folder: Path) -> None:
        self._coarse: DatasetReader = rasterio.open(folder / COARSE_NAME, driver="GTiff")
        self._shares = np.load(folder / VALID_NAME, mmap_mode="r", allow_pickle=False)

    def __enter__(self) -> _Kept:
        return self

    def __exit__(self, *error: object) -> None:
        self._coarse.close()

    def read(self, window: Window, at: Any) -> tuple[NDArray[Any], NDArray[np.bool_], NDArray[np.uint8]]:
        valid = self._coarse.dataset_mask(window=window) > 127
        return self._coarse.read(window=window), valid, self._shares[at]
