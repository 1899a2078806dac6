"""The files of a prediction: finished rows of windows, then the published COGs and tile scores. No torch.

A row of windows is three files, GeoTIFFs of class and entropy, and an .npz of integer sums, written last; four where
probabilities are kept. Whoever
computes a row, in whatever order, writes the same bytes; assembly goes through them from top to bottom, and copies
their blocks as they are stored where rows are whole blocks high.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import rasterio
from rasterio import Affine
from rasterio.windows import Window

from annotation.raster.cog import BLOCK_PX, NODATA, SMOOTH_ZLEVEL, ZLEVEL, CogWriter, stored_rows
from annotation.raster.reader import open_layer
from learning.core.durable import publish
from learning.core.edges import Classes, EdgeCount
from learning.core.map_plan import (
    PROBABILITIES,
    PROBABILITY_LEVELS,
    MapPaths,
    PredictionPlan,
    PredictionResult,
    remove_work_dir,
)
from learning.core.map_tables import RowSums, save_sums, write_npy, write_tables
from learning.errors import InvalidPredictionGrid

ENTROPY_LEVELS = 254  # stored 1 … 255; 0 means no imagery
_COPY_PX = 4096
# Of classes, of entropy, of probabilities.
_PACKING = ({"predictor": 1, "zlevel": ZLEVEL}, *2 * ({"predictor": 2, "zlevel": SMOOTH_ZLEVEL},))


@contextlib.contextmanager
def row_writer(plan: PredictionPlan, core_row: int) -> Iterator[RowWriter]:
    """Where the windows of a row are written; in place once the context ends and its sums are kept.

    Two workers may be at the same row, where one was thought dead: each writes files of its own.
    """
    start, stop = plan.core_rows_px(core_row)
    final = plan.row_files(core_row)
    own = f"{os.getpid()}-{uuid4().hex[:8]}"
    partial = [path.with_name(f"{path.name}.{own}.partial") for path in final]
    # Placed in pixels counted upwards from the raster's foot: GDAL warns about files without a place.
    place = Affine(1, 0, 0, 0, -1, plan.height - start)
    try:
        with contextlib.ExitStack() as stack:
            classes, entropy, *probabilities = [
                stack.enter_context(rasterio.open(
                    path, "w", **_profile(plan.width, stop - start, bands=bands), transform=place, **packing
                ))
                for path, packing, bands in zip(partial, _PACKING, (1, 1, len(plan.class_codes)), strict=False)
            ]  # fmt: skip
            beside = stack.enter_context(ThreadPoolExecutor(max_workers=1))
            writer = RowWriter(classes, entropy, beside, *probabilities)
            yield writer
        if writer.sums is None:
            raise InvalidPredictionGrid(f"Row {core_row} of windows has no sums: they belong to it.")
        for path, done in zip(partial, final, strict=True):
            publish(path, done)
        save_sums(plan, core_row, writer.sums)
    finally:
        for path in partial:
            path.unlink(missing_ok=True)


@dataclass(slots=True)
class RowWriter:
    """The files of a row of windows while they are written, and its sums once these are known."""

    _classes: Any
    _entropy: Any
    _beside: ThreadPoolExecutor
    _probabilities: Any = None
    sums: RowSums | None = None

    def begin_classes(self, classes: Classes, *, left: int) -> Future[None]:
        """Write the classes of a window's core, uint8 (row, col), from column `left` on, in a thread of its own."""
        return self._beside.submit(self._classes.write, classes, 1, window=_place(classes, left))

    def write_entropy(self, levels: Classes, *, left: int) -> None:
        """Write its entropy levels, uint8 (row, col)."""
        self._entropy.write(levels, 1, window=_place(levels, left))

    def write_probabilities(self, levels: Classes, *, left: int) -> None:
        """Write its levels of probability, uint8 (class, row, col), where the plan keeps them."""
        self._probabilities.write(levels, window=_place(levels[0], left))


def _place(values: Classes, left: int) -> Window:
    return Window(left, 0, values.shape[1], values.shape[0])


def assemble(
    plan: PredictionPlan, out: MapPaths, *, colours: Mapping[str, str], tags: Mapping[str, str]
) -> PredictionResult:
    """Write the files of a prediction from its finished rows, then remove the work folder.

    Raises: InvalidPredictionGrid: a row is not finished, or a class has no colour.
    """
    missing = [row for row in range(plan.n_core_rows) if not plan.is_done(row)]
    if missing:
        raise InvalidPredictionGrid(f"{len(missing)} rows of windows are not predicted yet, first {missing[0]}.")
    table = colour_table(plan.class_codes, colours)
    most = math.log(len(plan.class_codes))
    levels = {"ENTROPY_MAX_NATS": repr(most), "ENTROPY_LEVELS": str(ENTROPY_LEVELS)}
    classes = {"CLASS_CODES": json.dumps(plan.class_codes)}
    edges = EdgeCount(width=plan.width, tile_px=plan.tile_px, n_rows=plan.n_rows, n_cols=plan.n_cols)
    with ThreadPoolExecutor(max_workers=1) as beside:
        entropy = beside.submit(
            _write_cog, plan, PredictionPlan.entropy_path, out.entropy, tags={**tags, **levels}, overviews="AVERAGE",
            smooth=True,
        )  # fmt: skip
        _write_cog(
            plan, PredictionPlan.row_path, out.classes, tags={**tags, **classes}, colours=table, overviews="MODE",
            edges=edges,
        )  # fmt: skip
        entropy.result()
    if plan.probabilities:
        shares = {"PROBABILITY_LEVELS": str(PROBABILITY_LEVELS)}
        _write_cog(
            plan, PredictionPlan.probabilities_path, out.classes.with_name(PROBABILITIES),
            tags={**tags, **classes, **shares}, overviews="AVERAGE", smooth=True, bands=plan.class_codes,
            scale=1 / PROBABILITY_LEVELS, offset=-1 / PROBABILITY_LEVELS,
        )  # fmt: skip
    write_npy(out.edges, edges.counts)
    result = write_tables(plan, out)
    remove_work_dir(plan.work_dir)
    return result


def colour_table(class_codes: Sequence[str], colours: Mapping[str, str]) -> dict[int, tuple[int, int, int, int]]:
    """GeoTIFF colour table of a class map from "#RRGGBB" by class code; 0 is transparent.

    Raises: InvalidPredictionGrid: a class has no colour.
    """
    without = [code for code in class_codes if code not in colours]
    if without:
        raise InvalidPredictionGrid(f"No colour for class(es) {', '.join(without)}; complete the nomenclature.")
    table = {NODATA: (0, 0, 0, 0)}
    for value, code in enumerate(class_codes, start=1):
        red, green, blue = bytes.fromhex(colours[code].removeprefix("#"))
        table[value] = (red, green, blue, 255)
    return table


def _write_cog(
    plan: PredictionPlan,
    path_of: Callable[[PredictionPlan, int], Path],
    path: Path,
    *,
    edges: EdgeCount | None = None,
    **options: Any,
) -> None:
    """One map of the rows of windows as a COG, band after band; options as those of CogWriter."""
    with open_layer(plan.source) as source:
        place = {"crs": source.crs, "transform": source.transform}
    bands = max(1, len(options.get("bands", ())))
    with CogWriter(path, width=plan.width, height=plan.height, **place, **options) as out:
        for band in range(1, bands + 1):
            if band > 1:
                out.next_band()
            for core_row in range(plan.n_core_rows):
                _copy_row(plan, core_row, path_of(plan, core_row), out, band=band, edges=edges)


def _copy_row(
    plan: PredictionPlan, core_row: int, path: Path, out: CogWriter, *, band: int, edges: EdgeCount | None
) -> None:
    """One band of a row of windows into a map; as stored, where it is whole blocks high."""
    start, stop = plan.core_rows_px(core_row)
    if not plan.is_wanted(core_row):
        out.skip(stop - start)
        if edges is not None:
            edges.skip()
        return
    stored = stored_rows(path, band=band) if plan.core_px % BLOCK_PX == 0 else itertools.repeat(None)
    with rasterio.open(path, driver="GTiff") as row:
        for top, packed in zip(range(0, stop - start, BLOCK_PX), stored, strict=False):
            rows = row.read(band, window=Window(0, top, plan.width, min(BLOCK_PX, stop - start - top)))
            if edges is not None:
                for left in range(0, plan.width, _COPY_PX):
                    edges.add(rows[:, left : left + _COPY_PX], top=start + top, left=left)
            out.write(rows, packed=packed)


def _profile(width: int, height: int, *, bands: int) -> dict[str, Any]:
    several = {"interleave": "band", "photometric": "MINISBLACK"} if bands > 1 else {}
    return {
        **several,
        "driver": "GTiff",
        "width": width,
        "height": height,
        "count": bands,
        "dtype": "uint8",
        "nodata": NODATA,
        "tiled": True,
        "blockxsize": BLOCK_PX,
        "blockysize": BLOCK_PX,
        "compress": "deflate",
        "bigtiff": "IF_SAFER",
    }
