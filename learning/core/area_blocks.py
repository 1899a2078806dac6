"""Area of each class from a hold-out of whole blocks of tiles, drawn by chance. numpy and scipy.

What was drawn are blocks, not pixels: pixels of a block are alike, and the formulas for single places (`area`), fed
with a hold-out's million pixels, give intervals many times too narrow. Here a block is the unit: how far the map is off
in one block differs from how far it is in the next, and that alone tells how far it may be off in those not drawn.

The estimate is what the map counts everywhere, corrected by what it is off in the blocks (a ratio, as blocks at the
layer's edge hold less ground). Sources: Cochran 1977, Sampling Techniques, §6 (ratio estimator) and §9 (clusters);
Stehman, Wickham 2011, Remote Sensing of Environment 115:3044-3055, doi 10.1016/j.rse.2011.06.007 (blocks of pixels).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from learning.core.area import Estimate
from learning.errors import InvalidSample

FEWEST_BLOCKS = 8
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BlockEstimates:
    """Overall accuracy and the area of each class, in the order of the matrices; the latter in the unit of `mapped`."""

    overall: Estimate
    area: tuple[Estimate, ...]
    blocks: int


def block_estimates(confusions: NDArray[np.int64], *, mapped: FloatArray, drawn_share: float) -> BlockEstimates:
    """Estimate areas and the overall accuracy with 95 % intervals (Student's, for as many blocks).

    Args:
        confusions: int64 (block, reference, map), pixels of each block.
        mapped: float64 (class,), area that the map gives each class, everywhere that blocks were drawn from.
        drawn_share: share of the usable blocks that were drawn.

    Raises: InvalidSample: fewer than FEWEST_BLOCKS blocks, shapes differ, or a block has no pixel.
    """
    counts = np.asarray(confusions, np.float64)
    if counts.ndim != 3 or counts.shape[1:] != (len(mapped), len(mapped)):
        raise InvalidSample(f"Matrices {counts.shape} for {len(mapped)} classes: expected (block, class, class).")
    if len(counts) < FEWEST_BLOCKS:
        raise InvalidSample(f"{len(counts)} blocks: how far blocks differ cannot be told below {FEWEST_BLOCKS}.")
    ground = counts.sum(axis=(1, 2))
    if (ground <= 0).any() or not 0 < drawn_share <= 1:
        raise InvalidSample("Each block must hold pixels, and the share drawn lie above 0 and not above 1.")
    total = float(mapped.sum())
    off = counts.sum(axis=2) - counts.sum(axis=1)  # reference less map, by class
    right = np.trace(counts, axis1=1, axis2=2)
    overall = _ratio(right, ground, drawn_share=drawn_share)
    corrections = [_ratio(off[:, j], ground, drawn_share=drawn_share) for j in range(len(mapped))]
    return BlockEstimates(
        overall=overall,
        area=tuple(
            Estimate(float(area) + total * one.value, total * one.half_width)
            for area, one in zip(mapped, corrections, strict=True)
        ),
        blocks=len(counts),
    )


def _ratio(values: FloatArray, ground: FloatArray, *, drawn_share: float) -> Estimate:
    """Sum of the blocks' values by the sum of their ground."""
    n = len(ground)
    value = float(values.sum() / ground.sum())
    residual = values - value * ground
    variance = (1 - drawn_share) * float((residual**2).sum()) / (n - 1) / n / float(ground.mean()) ** 2
    return Estimate(value, float(stdtrit(n - 1, 0.975) * np.sqrt(variance)))
