"""Writing the cells of a layer.

Each function here meets foreign files or works beside one that does: it is called in the sandbox (`cell_import`), by
any number of processes, and writes the same bytes whoever calls it.

In the folder of an import under way, `work/` holds what is not part of the layer: the plan, and for each finished cell
a JSON file, written last, with its hashes and counts beside a small picture of it for the coarse file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.windows import Window

from annotation.raster import display, gate, plans
from annotation.raster.before import open_before
from annotation.raster.cells import ANALYSIS_DIR, BLOCK_PX, DISPLAY_DIR, ORIGIN_DIR, CellGrid, cell_name
from annotation.raster.errors import DamagedTiff
from annotation.raster.ground import Ground, Readers, read_ground, under
from annotation.raster.layer_files import flush_to_disk, sha256_of
from annotation.raster.sources import GDAL_OPTIONS, SourceReport
from annotation.raster.valid_cells import count_valid, no_counts

WORK_DIR, PLAN_NAME, PARTIAL_END = "work", "plan.json", ".partial.tif"
Progress = Callable[[float], None]


def lossless_options(overviews: int) -> dict[str, Any]:
    """Creation options of a lossless COG of ours with as many overviews."""
    return {
        "driver": "COG",
        "compress": "DEFLATE",
        "predictor": "STANDARD",
        "blocksize": BLOCK_PX,
        "overview_resampling": "AVERAGE",
        "bigtiff": "IF_SAFER",
        "statistics": "NO",
        **({"overview_count": overviews} if overviews else {"overviews": "NONE"}),
    }


def write_analysis_cell(
    folder: str, row: int, col: int, *, max_pixels: int = gate.DEFAULT_MAX_PIXELS, progress: Progress
) -> dict[str, Any]:
    """Write the lossless pixels of one cell, and which source each one is of.

    Returns: what the cell's JSON file says: `analysis` and `origin` (SHA-256; None where there is no file) and
    `shown_px` (pixels by source). A cell without a valid pixel has no files.
    Raises: DamagedTiff and the gate's errors, when a source is not what it was when the plan was made.
    """
    root, work = Path(folder), Path(folder) / WORK_DIR
    stored = json.loads((work / PLAN_NAME).read_text("utf-8"))
    plan = plans.from_json(stored["plan"])
    cells = CellGrid(plan.grid.width, plan.grid.height, stored["cell_px"])
    width, height = cells.size((row, col))
    place = Window(col * cells.cell_px, row * cells.cell_px, width, height)
    plan = under(plan, place)
    if plan.files:
        gate.pass_gate([source.path for source in plan.files], max_pixels=max_pixels)
    name = cell_name((row, col))
    try:
        with rasterio.Env(**GDAL_OPTIONS, GDAL_TIFF_INTERNAL_MASK=True):
            writer = _CellWriter(plan, cells, place, root=root, name=name, keeps_origin=stored["keeps_origin"])
            writer.write(before=stored["before"], progress=progress)
    except RasterioError as error:
        raise DamagedTiff(
            f"The import stopped in cell {name}: {str(error)[:300]}. Check the files, then import again."
        ) from error
    return writer.finish(work)


class _CellWriter:
    """One cell on its way: staging files, counts, and the small picture for the coarse file."""

    def __init__(
        self, plan: SourceReport, cells: CellGrid, place: Window, *, root: Path, name: str, keeps_origin: bool
    ) -> None:
        self.plan, self.cells, self.place, self.name = plan, cells, place, name
        self.analysis = root / ANALYSIS_DIR / name
        self.origin = root / ORIGIN_DIR / name if keeps_origin else None
        self.counted = no_counts(int(place.width), int(place.height))
        side = display.MAP_TILE_PX
        self.sums = np.zeros((len(plan.bands), side, side), dtype=np.uint64)
        self.counts = np.zeros((side, side), dtype=np.uint64)
        self.shown: dict[int, int] = {}

    def write(self, *, before: dict[str, Any] | None, progress: Progress) -> None:
        """Read the ground window by window into staging files, then write them as they stay."""
        a, _, c, _, e, f = self.plan.grid.transform
        transform = Affine(a, 0, c, 0, e, f) @ Affine.translation(self.place.col_off, self.place.row_off)
        side, bands, dtype = self.cells.cell_px, len(self.plan.bands), self.plan.dtype
        located = {"crs": CRS.from_user_input(self.plan.grid.crs), "transform": transform}
        profile = display.staging_profile(width=side, height=side, count=bands, dtype=dtype)
        staging = _partial(self.analysis).with_suffix(f".staging{PARTIAL_END}")
        budget = 2 * bands * np.dtype(dtype).itemsize + 6
        width, height = int(self.place.width), int(self.place.height)
        with (
            closing(Readers()) as readers,
            open_before(before) as old,
            rasterio.open(staging, "w", photometric="MINISBLACK", **located, **profile) as copy,
            _OriginFile(self.origin, side, located) as origin,
        ):
            copy.descriptions = self.plan.bands
            days = {} if before is None else {int(number): day for number, day in before["days"]}
            for window in display.windows(width, height, bytes_per_pixel=budget):
                there = Window(
                    self.place.col_off + window.col_off,
                    self.place.row_off + window.row_off,
                    window.width,
                    window.height,
                )
                seen = read_ground(self.plan, readers, there, before=old, days_before=days)
                copy.write_mask(seen.valid, window=window)
                copy.write(seen.pixels, window=window)
                origin.write(seen, window)
                self._count(seen, window)
                progress(0.6 * min(1.0, (window.row_off + window.height) / height))
        if self.counts.any():
            with rasterio.open(staging, driver="GTiff") as source:
                rasterio.shutil.copy(source, _partial(self.analysis), **lossless_options(self.cells.overviews))
            _partial(self.analysis).replace(self.analysis)
            origin.keep()
        else:
            origin.drop()
        staging.unlink()
        progress(1.0)

    def finish(self, work: Path) -> dict[str, Any]:
        """Leave what the rest of the import needs, its JSON file last."""
        empty = not self.counts.any()
        if not empty:
            flush_to_disk([path for path in (self.analysis, self.origin) if path is not None])
        mean = ((self.sums + self.counts // 2) // np.maximum(self.counts, 1)).astype(self.plan.dtype)
        valid = self.counts > 0
        partial = work / f"{self.name}.{os.getpid()}.npz"
        np.savez(partial, mean=mean, valid=valid, counted=self.counted)
        partial.replace(work / f"{self.name}.npz")
        told = {
            "analysis": None if empty else sha256_of(self.analysis),
            "origin": None if empty or self.origin is None else sha256_of(self.origin),
            "shown_px": [[number, count] for number, count in sorted(self.shown.items())],
        }
        write_json(work / f"{self.name}.json", told)
        return told

    def _count(self, seen: Ground, window: Window) -> None:
        count_valid(self.counted, seen.valid, window)
        numbers, counts = np.unique(seen.origin[seen.valid], return_counts=True)
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
            self.shown[number] = self.shown.get(number, 0) + count
        factor = self.cells.coarse_factor
        rows, cols = (np.arange(0, length, factor) for length in seen.valid.shape)
        top, left = int(window.row_off) // factor, int(window.col_off) // factor
        at = np.s_[top : top + len(rows), left : left + len(cols)]
        self.counts[at] += _block_sums(seen.valid, rows, cols)
        for band, pixels in enumerate(seen.pixels):
            self.sums[band][at] += _block_sums(np.where(seen.valid, pixels, 0), rows, cols)


def _block_sums(values: NDArray[Any], rows: NDArray[np.intp], cols: NDArray[np.intp]) -> NDArray[np.uint64]:
    down = np.add.reduceat(values, rows, axis=0, dtype=np.uint64)
    return np.asarray(np.add.reduceat(down, cols, axis=1, dtype=np.uint64))


class _OriginFile:
    """The numbers of the sources of a cell's pixels, or nothing where the layer has one source."""

    def __init__(self, path: Path | None, side: int, located: dict[str, Any]) -> None:
        self._path = path
        self._file = None
        if path is not None:
            profile = display.staging_profile(width=side, height=side, count=1, dtype="uint16")
            self._file = rasterio.open(_partial(path), "w", **located, **profile)

    def __enter__(self) -> _OriginFile:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, seen: Ground, window: Window) -> None:
        if self._file is not None and seen.valid.any():
            self._file.write(seen.origin, 1, window=window)

    def keep(self) -> None:
        if self._path is not None:
            _partial(self._path).replace(self._path)

    def drop(self) -> None:
        if self._path is not None:
            _partial(self._path).unlink()


def write_display_cell(
    folder: str, row: int, col: int, *, stretch: dict[str, tuple[float, float]], progress: Progress
) -> dict[str, Any]:
    """Write the picture of one cell that is served undecoded; returns its SHA-256 as `display`."""
    root, work, name = Path(folder), Path(folder) / WORK_DIR, cell_name((row, col))
    stored = json.loads((work / PLAN_NAME).read_text("utf-8"))
    cells = CellGrid(stored["plan"]["width"], stored["plan"]["height"], stored["cell_px"])
    target = root / DISPLAY_DIR / name
    with rasterio.Env(**GDAL_OPTIONS, GDAL_TIFF_INTERNAL_MASK=True):
        display.write_display_copy(
            root / ANALYSIS_DIR / name, _partial(target), stretch=stretch, progress=progress, overviews=cells.overviews
        )
    _partial(target).replace(target)
    flush_to_disk([target])
    told = {"display": sha256_of(target)}
    write_json(work / f"{name}.display.json", told)
    return told


def write_json(path: Path, value: Any, *, by_way_of: Path | None = None) -> None:
    """Write a JSON file so that it is there whole or not at all.

    Args: by_way_of: the folder, on the same file system, in which a process that is killed leaves its half; the file's
        own where that is not part of what is made.
    """
    partial = (by_way_of or path.parent) / f"{path.name}.{os.getpid()}"
    partial.write_text(json.dumps(value, indent=1), "utf-8")
    partial.replace(path)


def _partial(path: Path) -> Path:
    """A working file of this process: another one may write the same cell after a lost lease."""
    return path.parent.parent / WORK_DIR / f"{path.parent.name}-{path.stem}.{os.getpid()}{PARTIAL_END}"
