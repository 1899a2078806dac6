"""The files of a prediction: finished rows of windows, then the published COGs and tile scores. No torch.

A row of windows is two files: a two-band GeoTIFF (class, entropy) and an .npz of integer sums, written last.
Whoever computes a row, in whatever order, writes the same bytes; assembly reads rows from top to bottom.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import rasterio
from rasterio import Affine
from rasterio.windows import Window

from annotation.raster.cog import CogWriter
from learning.core.durable import publish
from learning.core.edges import EdgeCount
from learning.core.map_plan import MapPaths, PredictionPlan, PredictionResult, remove_work_dir
from learning.core.map_tables import RowSums, save_sums, write_npy, write_tables
from learning.errors import InvalidPredictionGrid

BLOCK_PX = 512
NODATA = 0
ENTROPY_LEVELS = 254  # stored 1 … 255; 0 means no imagery
_COPY_PX = 4096


def row_profile(plan: PredictionPlan, core_row: int) -> dict[str, Any]:
    """Creation options of a row's GeoTIFF."""
    start, stop = plan.core_rows_px(core_row)
    # Placed in pixels counted upwards from the raster's foot: GDAL warns about files without a place.
    place = Affine(1, 0, 0, 0, -1, plan.height - start)
    return _profile(plan.width, stop - start, count=2) | {"zlevel": 1, "transform": place}


def finish_row(plan: PredictionPlan, core_row: int, *, partial: Path, sums: RowSums) -> None:
    """Put a row in place; its sums come last and mark it finished."""
    publish(partial, plan.row_path(core_row))
    save_sums(plan, core_row, sums)


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
    _write_cog(plan, 1, out.classes, tags={**tags, **classes}, colours=table, overviews="MODE", on_block=edges.add)
    _write_cog(plan, 2, out.entropy, tags={**tags, **levels}, overviews="AVERAGE", smooth=True)
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
    band: int,
    path: Path,
    *,
    on_block: Callable[..., None] = lambda block, *, top, left: None,
    **options: Any,
) -> None:
    """One band of the rows of windows as a COG; options as those of CogWriter."""
    with rasterio.open(plan.source, driver="GTiff") as source:
        place = {"crs": source.crs, "transform": source.transform}
    with CogWriter(path, width=plan.width, height=plan.height, **place, **options) as out:
        for core_row in range(plan.n_core_rows):
            start, stop = plan.core_rows_px(core_row)
            with rasterio.open(plan.row_path(core_row), driver="GTiff") as row:
                for top in range(0, stop - start, BLOCK_PX):
                    window = Window(0, top, plan.width, min(BLOCK_PX, stop - start - top))
                    rows = row.read(band, window=window)
                    for left in range(0, plan.width, _COPY_PX):
                        on_block(rows[:, left : left + _COPY_PX], top=start + top, left=left)
                    out.write(rows)


def _profile(width: int, height: int, *, count: int) -> dict[str, Any]:
    return {
        "driver": "GTiff",
        "width": width,
        "height": height,
        "count": count,
        "dtype": "uint8",
        "nodata": NODATA,
        "tiled": True,
        "blockxsize": BLOCK_PX,
        "blockysize": BLOCK_PX,
        "interleave": "band",
        "compress": "deflate",
        "bigtiff": "IF_SAFER",
    }
