"""Copies of a prediction's maps: part of the ground hidden, classes renumbered, or a window cut out. No torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import Affine
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
        tags, whole = _own_tags(dataset), PixelWindow(0, 0, dataset.width, dataset.height)
    _write_changed(source, target, window=whole, change=hide, colours=colours, overviews=overviews, tags=tags)


def write_cut(
    source: Path,
    target: Path,
    *,
    window: PixelWindow,
    overviews: str,
    values: Mapping[int, int] | None = None,
    colours: ColourTable | None = None,
) -> bool:
    """Write a window of a map as a COG of its own, its pixels as they are or renumbered.

    Args:
        source: uint8 COG of one band, 0 = nothing known. target: where the new COG is put, whole or absent.
        window: pixels of `source`, all within it. overviews: resampling, as in the source ("MODE", "AVERAGE").
        values: new value (1..255) of each value of `source`, any other becomes 0; None keeps them.
        colours: colour table of a class map; None is for a map of quantities, whose tags are kept.
    Returns: whether anything is known there; where nothing is, no file stays.
    """
    table = np.arange(256, dtype=np.uint8)
    if values is not None:
        table = np.zeros(256, np.uint8)
        for old, new in values.items():
            table[old] = new
    tags: Mapping[str, str] = {}
    if colours is None:
        with rasterio.open(source, driver="GTiff") as dataset:
            tags = _own_tags(dataset)
    known = _write_changed(
        source, target, window=window, change=lambda block, _left, _top: table[block], colours=colours,
        overviews=overviews, tags=tags,
    )  # fmt: skip
    if not known:
        target.unlink()
    return known


def _own_tags(dataset: Any) -> dict[str, str]:
    return {name: value for name, value in dataset.tags().items() if name != "AREA_OR_POINT"}


def _write_changed(
    source: Path,
    target: Path,
    *,
    window: PixelWindow,
    change: Callable[[Block, int, int], Block],
    colours: ColourTable | None,
    overviews: str,
    tags: Mapping[str, str],
) -> bool:
    """Write `change(block, left, top)` of a window as a COG on the source's grid, row of blocks by row of blocks.

    Returns: whether anything is known there after the change.
    """
    left, width, known = window.col_off, window.width, False
    with rasterio.open(source, driver="GTiff") as dataset, CogWriter(
        target, width=width, height=window.height, crs=dataset.crs,
        transform=dataset.transform @ Affine.translation(left, window.row_off), overviews=overviews,
        colours=colours, smooth=colours is None, tags=tags,
    ) as out:  # fmt: skip
        for top, height in _strips(window.row_off, window.height):
            rows = dataset.read(1, window=Window(left, top, width, height))
            if not rows.any():  # nothing is changed where nothing is
                out.skip(height)
                continue
            changed = change(rows, left, top)
            known = known or bool(changed.any())
            out.write(changed)
    return known


def _strips(top: int, height: int) -> Iterator[tuple[int, int]]:
    """(first row, rows) within each row of the source's blocks, so that each block is unpacked once."""
    stop = top + height
    while top < stop:
        end = min(stop, (top // BLOCK_PX + 1) * BLOCK_PX)
        yield top, end - top
        top = end
