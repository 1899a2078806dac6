"""Accuracy and area of a map from a stratified sample whose strata need not be the map's classes. numpy only.

A sample outlives the map it was drawn for: another model's map of the same ground is judged with the same places, its
class read at each. Where strata are the map's classes this is `area.stratified_estimates`, but for the share of the
ground that was drawn, which that one takes as nought.

Source: Stehman 2014, International Journal of Remote Sensing 35:4923-4939, doi 10.1080/01431161.2014.930207.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from learning.core.area import Z_95, AreaAccuracy, Estimate
from learning.errors import InvalidSample

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


def strata_estimates(
    *,
    places: Sequence[int],
    stratum: IntArray,
    mapped: IntArray,
    reference: IntArray,
    mapped_area: Sequence[float],
    place_area: float,
) -> AreaAccuracy:
    """Estimate accuracies and areas with 95 % intervals (equations 1 to 5 and 25 to 29).

    Args:
        places: of each stratum, drawn or not (N*_h).
        stratum, mapped, reference: int (unit), the place of its stratum in `places`, and of the class that the map
            and the reference give it in `mapped_area`.
        mapped_area: of each class of the map, counted; told beside the estimates, which do not use it.
        place_area: of one place, in the unit of `mapped_area`.

    Returns: `user` is None where no unit has the map's class; `producer` as in AreaAccuracy.
    Raises:  InvalidSample: lengths differ, a number is out of range, or a stratum with places has fewer than two units.
    """
    size = np.asarray(places, np.float64)
    _check(size, stratum, mapped, reference, n_classes=len(mapped_area))
    drawn = np.bincount(stratum, minlength=len(size)).astype(np.float64)
    scale = np.divide(size**2 * (1 - drawn / np.maximum(size, 1)), drawn, out=np.zeros_like(size), where=drawn > 0)
    shows = np.arange(len(mapped_area))
    is_mapped, is_reference = (codes[:, None] == shows for codes in (mapped, reference))
    both = is_mapped & is_reference
    total = float(size.sum())

    def summed(values: NDArray[np.bool_]) -> float:
        """Places that show something: the strata's sizes times their means."""
        return float((_means(values, stratum, drawn) * size).sum())

    def ratio(numerator: NDArray[np.bool_], denominator: NDArray[np.bool_]) -> Estimate | None:
        """A ratio of two sums; one lies within the other."""
        below = summed(denominator)
        if below == 0:
            return None
        value = summed(numerator) / below
        residual = numerator.astype(np.float64) - value * denominator
        return _estimate(value, float((scale * _variances(residual, stratum, drawn)).sum()) / below**2)

    def share(values: NDArray[np.bool_]) -> Estimate:
        variance = float((scale * _variances(values.astype(np.float64), stratum, drawn)).sum())
        return _estimate(summed(values) / total, variance / total**2)

    shares = [share(is_reference[:, j]) for j in shows]
    ground = total * place_area
    return AreaAccuracy(
        overall=share(both.any(axis=1)),
        user=tuple(ratio(both[:, i], is_mapped[:, i]) for i in shows),
        producer=tuple(ratio(both[:, j], is_reference[:, j]) for j in shows),
        area=tuple(Estimate(one.value * ground, one.half_width * ground) for one in shares),
        mapped_area=tuple(float(area) for area in mapped_area),
        proportions=tuple(
            tuple(summed(is_mapped[:, i] & is_reference[:, j]) / total for j in shows) for i in shows
        ),
    )  # fmt: skip


def _means(values: NDArray[np.bool_], stratum: IntArray, drawn: FloatArray) -> FloatArray:
    sums = np.bincount(stratum, weights=values, minlength=len(drawn))
    return np.divide(sums, drawn, out=np.zeros_like(sums), where=drawn > 0)


def _variances(values: FloatArray, stratum: IntArray, drawn: FloatArray) -> FloatArray:
    """Variance between the units of each stratum: s² of a ratio's residual is s_y² + R²·s_x² − 2·R·s_xy."""
    sums = np.bincount(stratum, weights=values, minlength=len(drawn))
    mean = np.divide(sums, drawn, out=np.zeros_like(sums), where=drawn > 0)
    squares = np.bincount(stratum, weights=(values - mean[stratum]) ** 2, minlength=len(drawn))
    return np.asarray(np.divide(squares, drawn - 1, out=np.zeros_like(squares), where=drawn > 1))


def _estimate(value: float, variance: float) -> Estimate:
    return Estimate(value, float(Z_95 * np.sqrt(variance)))


def _check(size: FloatArray, stratum: IntArray, mapped: IntArray, reference: IntArray, *, n_classes: int) -> None:
    if not len(stratum) == len(mapped) == len(reference):
        raise InvalidSample(
            f"{len(stratum)} strata, {len(mapped)} mapped and {len(reference)} reference classes: one of each a unit."
        )
    for name, codes, end in (
        ("stratum", stratum, len(size)),
        ("map", mapped, n_classes),
        ("ref", reference, n_classes),
    ):
        if len(codes) and (int(codes.min()) < 0 or int(codes.max()) >= end):
            raise InvalidSample(f"Numbers of {name} go from {codes.min()} to {codes.max()}; there are {end}.")
    if size.ndim != 1 or (size < 0).any() or size.sum() <= 0:
        raise InvalidSample(f"Places {size.tolist()}: expected one number a stratum, none negative, some above zero.")
    drawn = np.bincount(stratum, minlength=len(size))
    few = np.flatnonzero((size > 0) & (drawn < 2))
    if len(few):
        raise InvalidSample(f"Stratum {int(few[0])} has {int(drawn[few[0]])} units of the sample; it takes at least 2.")
