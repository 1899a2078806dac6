"""Pixels of the ground from foreign files that overlap: which one is seen, and which one it was.

The rule: the newest acquisition date, then the order given, files without a date last; nodata never wins. On imagery
that is there already, a file is seen where it is at least as new as what was seen, or where nothing was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from annotation.raster.sources import Source, SourceReport, StackPart, read_source

MAX_OPEN_FILES = 64
MAX_SOURCES = 65_535
"""Sources of a layer, counted over all of its imports: their numbers are uint16, 0 is for an unknown one."""


def day_number(acquired_on: date | None) -> int:
    """A date as an integer that grows with time; 0 for none."""
    return 0 if acquired_on is None else acquired_on.toordinal()


def by_rank(sources: Sequence[Source]) -> list[Source]:
    """Sources in the order in which they are seen."""
    return sorted(sources, key=lambda source: -day_number(source.acquired_on))  # stable: then the order given


@dataclass(frozen=True, slots=True)
class Ground:
    """A window as seen: pixels (bands, h, w), validity (h, w), and uint16 (h, w) numbers of the sources seen."""

    pixels: NDArray[Any]
    valid: NDArray[np.bool_]
    origin: NDArray[np.uint16]


class Before(Protocol):
    """Imagery that is there already, on the same pixel grid."""

    def read(self, window: Window) -> Ground:
        """The window as it was."""


class Readers:
    """Source files held open, the first opened closed when there are too many."""

    def __init__(self) -> None:
        self._open: dict[Path, DatasetReader] = {}

    def get(self, path: Path) -> DatasetReader:
        """The file, open. Raises rasterio.errors.RasterioIOError."""
        if path not in self._open:
            if len(self._open) >= MAX_OPEN_FILES:
                self._open.pop(next(iter(self._open))).close()
            self._open[path] = rasterio.open(path, driver="GTiff")
        return self._open[path]

    def close(self) -> None:
        """Close every file."""
        for dataset in self._open.values():
            dataset.close()


def read_ground(
    plan: SourceReport,
    readers: Readers,
    window: Window,
    *,
    before: Before | None = None,
    days_before: Mapping[int, int] | None = None,
) -> Ground:
    """A window of the mosaic, in its pixels.

    Args:
        before: what an earlier import shows, None for nothing. days_before: `day_number` by source of that import; a
        source that is not in it is older than all.

    Raises: DamagedTiff.
    """
    shape = (int(window.height), int(window.width))
    own = len(plan.bands) - sum(len(part.picked) for part in plan.stack)
    seen = Ground(
        np.full((own, *shape), plan.nodata or 0, dtype=plan.dtype),
        np.zeros(shape, dtype=bool),
        np.zeros(shape, dtype=np.uint16),
    )
    for source in by_rank(plan.sources):
        part = overlap(source, window)
        if part is None:
            continue
        in_source, rows, cols = part
        if seen.valid[rows, cols].all():
            continue
        found, found_valid = read_source(readers.get(source.path), source, in_source)
        wanted = found_valid & ~seen.valid[rows, cols]
        np.copyto(seen.pixels[:, rows, cols], found, where=wanted)
        seen.valid[rows, cols] |= wanted
        seen.origin[rows, cols][wanted] = source.number
    for added in plan.stack:
        seen = _with_bands(seen, added, readers, window)
    if before is not None:
        _keep(before.read(window), seen, plan, days_before or {})
    return seen


def _with_bands(seen: Ground, part: StackPart, readers: Readers, window: Window) -> Ground:
    """A window with the bands of other files: their pixels repeated, valid where both are."""
    touched = part.window(window)
    found = read_ground(part.plan, readers, touched)
    height, width = seen.valid.shape
    first_row, first_col = int(window.row_off) - part.offset_px[1], int(window.col_off) - part.offset_px[0]
    at_rows = np.arange(first_row, first_row + height) // part.ratio - int(touched.row_off)
    at_cols = np.arange(first_col, first_col + width) // part.ratio - int(touched.col_off)
    added = found.pixels[np.ix_(np.array(part.picked), at_rows, at_cols)]
    valid = seen.valid & found.valid[np.ix_(at_rows, at_cols)]
    return Ground(np.concatenate([seen.pixels, added]), valid, np.where(valid, seen.origin, 0).astype(np.uint16))


def _keep(old: Ground, seen: Ground, plan: SourceReport, days_before: Mapping[int, int]) -> None:
    """Put back what was there where nothing is seen, or something older."""
    days = np.full(MAX_SOURCES + 1, -1, dtype=np.int64)
    for number, day in days_before.items():
        days[number] = day
    for source in plan.sources:
        days[source.number] = day_number(source.acquired_on)
    kept = old.valid & (~seen.valid | (days[old.origin] > days[seen.origin]))
    np.copyto(seen.pixels, old.pixels, where=kept)
    seen.valid[kept] = True
    seen.origin[kept] = old.origin[kept]


def overlap(source: Source, window: Window) -> tuple[Window, slice, slice] | None:
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


def under(plan: SourceReport, window: Window) -> SourceReport:
    """A plan with only those files that lie under a window."""
    return replace(
        plan,
        sources=tuple(source for source in plan.sources if overlap(source, window) is not None),
        stack=tuple(replace(part, plan=under(part.plan, part.window(window))) for part in plan.stack),
    )
