"""Design-based accuracy and area from a stratified random sample. numpy only.

Source: Olofsson et al. 2014, Remote Sensing of Environment 148:42-57, doi 10.1016/j.rse.2014.02.015. Strata
are the classes of the map. Never use it on tiles chosen by a model's uncertainty: those are not a
probability sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning.errors import InvalidSample

Z_95 = 1.959963984540054  # standard normal quantile of a two-sided 95 % interval


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and the half-width of its 95 % confidence interval."""

    value: float
    half_width: float


@dataclass(frozen=True, slots=True)
class AreaAccuracy:
    """Accuracy and area per class, in the order of the matrix; areas in the unit of `mapped_area`.

    None marks what the sample cannot say: the accuracy of a class that no unit of it belongs to.
    """

    overall: Estimate
    user: tuple[Estimate | None, ...]
    producer: tuple[Estimate | None, ...]
    area: tuple[Estimate, ...]
    mapped_area: tuple[float, ...]
    proportions: tuple[tuple[float, ...], ...]


def stratified_estimates(counts: NDArray[np.int64], *, mapped_area: Sequence[float]) -> AreaAccuracy:
    """Estimate accuracies and areas with 95 % intervals (equations 1 to 11).

    Args:
        counts: int (map class, reference class), sample units; at least two per map class with area.
        mapped_area: area of each map class, in any one unit (m², ha, pixels).

    Raises: InvalidSample: shapes differ, or a stratum with area has fewer than two units.
    """
    n = np.asarray(counts, np.float64)
    mapped = np.asarray(mapped_area, np.float64)
    _check_sample(n, mapped)
    drawn = n.sum(axis=1)
    used = drawn > 0
    weight = mapped / mapped.sum()
    share = np.divide(n, drawn[:, None], out=np.zeros_like(n), where=used[:, None])  # n_ij / n_i.
    variance = np.divide(share * (1 - share), drawn[:, None] - 1, out=np.zeros_like(n), where=used[:, None])
    proportions = weight[:, None] * share
    user, user_variance = np.diagonal(share), np.diagonal(variance)
    total = mapped.sum()
    reference = proportions.sum(axis=0)
    reference_error = np.sqrt((weight[:, None] ** 2 * variance).sum(axis=0))
    return AreaAccuracy(
        overall=_estimate(np.diagonal(proportions).sum(), (weight**2 * user_variance).sum()),
        user=tuple(_estimate(u, v) if seen else None for u, v, seen in zip(user, user_variance, used, strict=True)),
        producer=tuple(_producer(j, mapped, share, variance) for j in range(len(n))),
        area=tuple(
            Estimate(float(total * p), float(Z_95 * total * s)) for p, s in zip(reference, reference_error, strict=True)
        ),
        mapped_area=tuple(mapped.tolist()),
        proportions=tuple(tuple(row) for row in proportions.tolist()),
    )


def _producer(
    j: int, mapped: NDArray[np.float64], share: NDArray[np.float64], variance: NDArray[np.float64]
) -> Estimate | None:
    """Producer's accuracy of class j (equations 3 and 7)."""
    found = (mapped * share[:, j]).sum()
    if found == 0:
        return None
    accuracy = mapped[j] * share[j, j] / found
    others = np.arange(len(mapped)) != j
    spread = (mapped[j] * (1 - accuracy)) ** 2 * variance[j, j]
    spread += accuracy**2 * (mapped[others] ** 2 * variance[others, j]).sum()
    return _estimate(accuracy, spread / found**2)


def _estimate(value: float, variance: float) -> Estimate:
    return Estimate(float(value), float(Z_95 * np.sqrt(variance)))


def _check_sample(n: NDArray[np.float64], mapped: NDArray[np.float64]) -> None:
    if n.ndim != 2 or n.shape[0] != n.shape[1] or mapped.shape != (len(n),):
        raise InvalidSample(f"Counts {n.shape} and {mapped.shape[0]} areas: expected (class, class) and one area each.")
    if (n < 0).any() or (mapped < 0).any() or not np.isfinite(mapped).all() or mapped.sum() <= 0:
        raise InvalidSample("Counts and areas must be positive or zero, and some area must be mapped.")
    few = np.flatnonzero((mapped > 0) & (n.sum(axis=1) < 2))
    if len(few):
        raise InvalidSample(
            f"Map class {int(few[0])} has {int(n[few[0]].sum())} reference units; draw at least two per class."
        )
