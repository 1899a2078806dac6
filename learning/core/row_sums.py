"""Integer sums of a row of windows over the tiles, or parts of tiles, it touches, on the device. Imports torch."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from learning.core.embedding import feature_sums
from learning.core.map_plan import PredictionPlan
from learning.core.map_tables import SUM_LEVELS, RowSums
from learning.core.windows import Patch
from learning.errors import InvalidPredictionGrid

# On a GPU a tensor, on a CPU an array: what is computed of pixels runs beside the next forward pass there, and a second
# pool of torch's threads would be in its way. Sums, products and comparisons are written alike for both.
Pixelwise = Any


def beside_network(values: Tensor) -> Pixelwise:
    """A tensor as what is computed beside the network takes it."""
    return values.numpy() if values.device.type == "cpu" else values


def as_uint8(values: Pixelwise) -> NDArray[np.uint8]:
    """On the host."""
    if isinstance(values, Tensor):
        found: NDArray[np.uint8] = values.to(torch.uint8).cpu().numpy()
        return found
    return np.asarray(values, np.uint8)


class WindowSums:
    """What a row of windows adds to the parts it touches, window by window: whole tiles, unless the plan has more."""

    def __init__(self, plan: PredictionPlan, core_row: int) -> None:
        self.plan = plan
        self.top, self.bottom = plan.core_rows_px(core_row)
        self.first, last = self.top // plan.part_px, (self.bottom - 1) // plan.part_px
        self.shape = (last - self.first + 1, plan.n_part_cols + 1)
        self.doubt = np.zeros((*self.shape, len(plan.class_codes)), np.int64)
        self.histogram = np.zeros_like(self.doubt)
        self.entropy = np.zeros(self.shape, np.int64)
        self.features: NDArray[np.int32] | None = None  # how many, the first window says

    @torch.inference_mode()
    def add(
        self,
        patch: Patch,
        *,
        classes: Pixelwise,
        class_map: NDArray[np.uint8],
        entropy: Pixelwise,
        doubt: Pixelwise | None,
        cells: Tensor,
    ) -> None:
        """One window: classes, entropy and doubt (shares of their largest values) of its core, features of all of it.

        Without doubt, the entropy is it.
        """
        rows = self._part_rows(np.arange(self.top, self.bottom))
        cols, here = self._part_cols(np.arange(patch.left, patch.left + patch.width))
        shape = (self.shape[0], here.stop - here.start, len(self.plan.class_codes))
        of_entropy = _part_sums(entropy, classes, rows, cols, shape)
        self.entropy[:, here] += of_entropy.sum(axis=2)
        self.doubt[:, here] += of_entropy if doubt is None else _part_sums(doubt, classes, rows, cols, shape)
        self.histogram[:, here] += _by_part(class_map, rows, cols, shape)
        if self.features is None:
            self.features = np.zeros((*self.shape, len(cells) + 1), np.int32)
        margin = self.plan.margin_px
        strides = [px // count for px, count in zip(patch.image.shape[1:], cells.shape[1:], strict=True)]
        down = _cell_centres(self.bottom - self.top, margin=margin, stride=strides[0])
        across = _cell_centres(patch.width, margin=margin, stride=strides[1])
        first_row, first_col = (margin // stride for stride in strides)
        core = cells[:, first_row : first_row + len(down), first_col : first_col + len(across)]
        known = patch.valid[np.ix_(margin + down, margin + across)]
        if patch.mapped is not None:
            known = known & patch.mapped[np.ix_(down, across)]
        rows = self._part_rows(self.top + down)
        cols, here = self._part_cols(patch.left + across)
        self.features[:, here] += feature_sums(
            core.cpu().numpy(), known, rows, cols, (shape[0], here.stop - here.start)
        )

    def total(self) -> RowSums:
        """The sums, once every window was added."""
        features = np.zeros((*self.shape, 1), np.int32) if self.features is None else self.features
        return RowSums(self.first, self.doubt, self.entropy, self.histogram, features)

    def _part_rows(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        return rows // self.plan.part_px - self.first

    def _part_cols(self, cols: NDArray[np.intp]) -> tuple[NDArray[np.intp], slice]:
        """The column of parts of each column of pixels, counted from the window's first, and which these are: what a
        window takes does not depend on the width of the raster."""
        parts = np.minimum(cols // self.plan.part_px, self.plan.n_part_cols)
        return parts - parts[0], slice(int(parts[0]), int(parts[-1]) + 1)


def _cell_centres(length: int, *, margin: int, stride: int) -> NDArray[np.intp]:
    """Centres of the cells that begin inside a core, in pixels from the core's edge; none beyond it."""
    if margin % stride:
        raise InvalidPredictionGrid(f"Margin {margin} is not a multiple of the network's stride {stride}.")
    return np.minimum(np.arange(0, length, stride) + stride // 2, length - 1)


def _part_sums(
    share: Pixelwise, classes: Pixelwise, rows: NDArray[np.intp], cols: NDArray[np.intp], shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """A score (share of its largest value) summed per part and class in whole 65,535ths: order cannot matter.

    They are whole numbers far below 2 ** 53: exact in float64, whatever the order of the additions.
    """
    if isinstance(share, np.ndarray):
        return _by_part(classes, rows, cols, shape, weights=(share * SUM_LEVELS).round())
    on_device = (share * SUM_LEVELS).round().to(torch.float64)
    parts = torch.from_numpy(rows)[:, None] * shape[1] + torch.from_numpy(cols)[None, :]
    place = parts.to(share.device) * (shape[2] + 1) + classes
    size = shape[0] * shape[1] * (shape[2] + 1)
    counted = torch.bincount(place.ravel(), weights=on_device.ravel(), minlength=size)
    sums: NDArray[np.int64] = counted.reshape(shape[0], shape[1], -1)[:, :, 1:].round().to(torch.int64).cpu().numpy()
    return sums


def _by_part(
    classes: NDArray[np.uint8],
    rows: NDArray[np.intp],
    cols: NDArray[np.intp],
    shape: tuple[int, ...],
    *,
    weights: NDArray[np.float32] | None = None,
) -> NDArray[np.int64]:
    """Pixels, or the sum of their whole-numbered weights, per part and class; `rows` and `cols` never go down."""
    n_values = shape[2] + 1
    sums = np.zeros(shape, np.int64)
    spans = [(slice(*cut), int(cols[cut[0]])) for cut in _runs(cols)]
    for top, bottom in _runs(rows):
        for across, col in spans:
            part = np.s_[top:bottom, across]
            weight = None if weights is None else weights[part].ravel()
            sums[rows[top], col] += np.bincount(classes[part].ravel(), weight, n_values)[1:].astype(np.int64)
    return sums


def _runs(places: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Where each run of equal places begins and ends."""
    edges = [0, *(np.flatnonzero(np.diff(places)) + 1).tolist(), len(places)]
    return list(itertools.pairwise(edges)) if len(places) else []
