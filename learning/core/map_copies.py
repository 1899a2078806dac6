"""Copies of a prediction's maps with other values: part of the ground hidden, or classes renumbered. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from annotation.core.grid import PixelWindow
from annotation.raster.cog import CogWriter
from learning.core.map_files import BLOCK_PX, NODATA

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
        tags = {name: value for name, value in dataset.tags().items() if name != "AREA_OR_POINT"}
    _write_changed_copy(source, target, change=hide, colours=colours, overviews=overviews, tags=tags)


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
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write `change(block, left, top)` of every block as a COG on the source's grid."""
    with rasterio.open(source, driver="GTiff") as dataset:
        width, height = dataset.width, dataset.height
        with CogWriter(
            target, width=width, height=height, crs=dataset.crs, transform=dataset.transform, overviews=overviews,
            colours=colours, smooth=colours is None, tags=tags,
        ) as out:  # fmt: skip
            for top in range(0, height, BLOCK_PX):
                rows = dataset.read(1, window=Window(0, top, width, min(BLOCK_PX, height - top)))
                if rows.any():
                    out.write(change(rows, 0, top))
                else:  # nothing is hidden where nothing is
                    out.skip(len(rows))
