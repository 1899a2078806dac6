"""Windows of a raster as a network reads them: with margins, mirrored at the edges, in batches of one shape."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from annotation.raster.reader import Raster, open_layer
from learning.core.dataset import mirror
from learning.core.map_area import pixels_within
from learning.core.map_plan import PredictionPlan
from learning.core.network import STRIDE

Pixels = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Patch:
    """One window as read: image and validity with margins, where its core lies in the raster, and which pixels of the
    core are mapped, bool (row, col); None = all."""

    image: Pixels
    valid: NDArray[np.bool_]
    left: int
    width: int
    mapped: NDArray[np.bool_] | None = None


def batches(plan: PredictionPlan, core_row: int, *, ahead: bool = True) -> Iterator[list[Patch]]:
    """Windows of a row, equal shapes together.

    Batches are those of the whole row, so that an area has the bytes that the whole map has there; those without a
    window that touches it are left out.

    Args: ahead: read the next batch while the caller is at this one; else once it is asked for.
    """
    lefts = list(range(0, plan.width, plan.core_px))
    groups = [lefts[:-1], lefts[-1:]] if plan.width % plan.core_px else [lefts]
    every = [g[i : i + plan.batch_size] for g in groups for i in range(0, len(g), plan.batch_size)]
    wanted = plan.wanted_lefts(core_row)
    chunks = [chunk for chunk in every if not wanted.isdisjoint(chunk)]
    if not chunks:
        return
    with open_layer(plan.source) as dataset:

        def read(chunk: list[int]) -> list[Patch]:
            return [_read_patch(dataset, plan, core_row, left) for left in chunk]

        if not ahead:
            yield from map(read, chunks)
            return
        with ThreadPoolExecutor(max_workers=1) as pool:
            coming: Future[list[Patch]] = pool.submit(read, chunks[0])
            for following in [*chunks[1:], None]:
                batch = coming.result()
                if following is not None:
                    coming = pool.submit(read, following)
                yield batch


def _read_patch(dataset: Raster, plan: PredictionPlan, core_row: int, left: int) -> Patch:
    """Read a window with its margins; what lies outside the raster is mirrored."""
    top, bottom = plan.core_rows_px(core_row)
    width = min(plan.core_px, plan.width - left)
    rows = _mirrored_span(top, bottom - top, plan.margin_px, plan.height)
    cols = _mirrored_span(left, width, plan.margin_px, plan.width)
    window = Window.from_slices((int(rows.min()), int(rows.max()) + 1), (int(cols.min()), int(cols.max()) + 1))
    image = dataset.read(list(plan.band_indexes), window=window)
    valid = dataset.dataset_mask(window=window) > 0
    for axis, positions in ((-2, rows), (-1, cols)):
        if len(positions) != valid.shape[axis]:
            image, valid = (_mirrored(values, positions - positions.min(), axis) for values in (image, valid))
    mapped = None
    if plan.area:
        mapped = pixels_within(plan.area, left=left, top=top, width=width, height=bottom - top)
    return Patch(image, valid, left, width, mapped)


def _mirrored(values: NDArray[Any], positions: NDArray[np.intp], axis: int) -> NDArray[Any]:
    """`values` at these positions along an axis. Most of them are the axis itself, which is copied at one go."""
    begin = int(np.argmin(positions))  # position 0
    inside = values.shape[axis]
    if not np.array_equal(positions[begin : begin + inside], np.arange(inside)):
        return np.take(values, positions, axis=axis)
    after = np.take(values, positions[begin + inside :], axis=axis)
    return np.concatenate([np.take(values, positions[:begin], axis=axis), values, after], axis=axis)


def _mirrored_span(start: int, core: int, margin: int, length: int) -> NDArray[np.intp]:
    """Raster positions of a core with margins, rounded up to whole network strides and mirrored at the
    edges."""
    begin = start - margin
    return mirror(np.arange(begin, begin + round_up(core + 2 * margin)), length)


def round_up(length: int) -> int:
    """The next whole number of network strides."""
    return -(-length // STRIDE) * STRIDE
