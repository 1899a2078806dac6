"""Copies of a prediction's maps with other values: part of the ground hidden, or classes renumbered. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.windows import Window

from annotation.core.grid import PixelWindow
from learning.core.durable import publish
from learning.core.map_files import BLOCK_PX, NODATA

STRIP_PX = 2048  # rows and columns handled at once: constant memory whatever the layer

Block = NDArray[np.uint8]
ColourTable = Mapping[int, tuple[int, int, int, int]]


def write_hidden_copy(source: Path, target: Path, *, hidden: Sequence[PixelWindow], overviews: str) -> None:
    """Copy a map with some rectangles of it without value, in the overviews too.

    Args:
        source: uint8 COG of one band, 0 = nothing known. target: where the copy is put, whole or absent.
        hidden: rectangles of the source's pixels. overviews: resampling, as in the source ("MODE", "AVERAGE").
    """

    def hide(block: Block, left: int, top: int) -> Block:
        for window in hidden:
            rows = slice(max(0, window.row_off - top), max(0, window.row_off + window.height - top))
            cols = slice(max(0, window.col_off - left), max(0, window.col_off + window.width - left))
            block[rows, cols] = NODATA
        return block

    with rasterio.open(source, driver="GTiff") as dataset:
        colours = dataset.colormap(1) if dataset.colorinterp[0].name == "palette" else None
    _write_changed_copy(source, target, change=hide, colours=colours, overviews=overviews)


def write_renumbered_copy(source: Path, target: Path, *, values: Mapping[int, int], colours: ColourTable) -> None:
    """Copy a class map with other values and colours.

    Args:
        source: uint8 COG, 0 = no imagery. target: where the new COG is put, whole or absent.
        values: new value (1..255) of each value of `source`; any other becomes 0.
    """
    table = np.zeros(256, np.uint8)
    for old, new in values.items():
        table[old] = new
    _write_changed_copy(
        source, target, change=lambda block, _left, _top: table[block], colours=colours, overviews="MODE"
    )


def _write_changed_copy(
    source: Path,
    target: Path,
    *,
    change: Callable[[Block, int, int], Block],
    colours: ColourTable | None,
    overviews: str,
) -> None:
    """Write `change(block, left, top)` of every block as a COG on the source's grid."""
    target.parent.mkdir(parents=True, exist_ok=True)
    flat, partial = target.with_suffix(".flat.tif"), target.with_suffix(".partial.tif")
    with rasterio.open(source, driver="GTiff") as dataset:
        profile = {
            "driver": "GTiff",
            "width": dataset.width,
            "height": dataset.height,
            "count": 1,
            "dtype": "uint8",
            "nodata": NODATA,
            "crs": dataset.crs,
            "transform": dataset.transform,
            "tiled": True,
            "blockxsize": BLOCK_PX,
            "blockysize": BLOCK_PX,
            "compress": "deflate",
            "bigtiff": "IF_SAFER",
        }
        with rasterio.open(flat, "w", **profile) as out:
            if colours is not None:
                out.write_colormap(1, colours)
            for top in range(0, dataset.height, STRIP_PX):
                for left in range(0, dataset.width, STRIP_PX):
                    width, height = min(STRIP_PX, dataset.width - left), min(STRIP_PX, dataset.height - top)
                    window = Window(left, top, width, height)
                    out.write(change(dataset.read(1, window=window), left, top), 1, window=window)
    with rasterio.open(flat, driver="GTiff") as dataset:
        rasterio.shutil.copy(
            dataset,
            partial,
            driver="COG",
            COMPRESS="DEFLATE",
            BLOCKSIZE=str(BLOCK_PX),
            OVERVIEW_RESAMPLING=overviews,
            BIGTIFF="IF_SAFER",
        )
    flat.unlink()
    publish(partial, target)
