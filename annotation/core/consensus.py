"""One label raster out of several people's: by vote, by weighted vote, by STAPLE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotation.core.agreement import stacked
from annotation.errors import UnusableLabels

UInt8Array = NDArray[np.uint8]
IntArray = NDArray[np.int64]
Weights = Sequence[float | Mapping[int, float]]

_VALUES = 256
# Weights count in thousandths, as whole numbers: sums then do not depend on who comes first, and a tie is a tie.
WEIGHT_UNIT = 1000


def majority_vote(rasters: Sequence[UInt8Array], *, unlabelled: int = 0) -> UInt8Array:
    """Majority per pixel among those who labelled it; a tie is unlabelled rather than decided by order.

    Args:    rasters: uint8 (row, col) each, one a person, at least one.
    Returns: uint8 (row, col).
    Raises:  UnusableLabels.
    """
    return weighted_vote(rasters, weights=[1.0] * len(rasters), unlabelled=unlabelled)


def weighted_vote(rasters: Sequence[UInt8Array], *, weights: Weights, unlabelled: int = 0) -> UInt8Array:
    """The class with the most weight per pixel, among those who labelled it; a tie is unlabelled.

    One person's raster alone is returned as it is: there is nothing to weigh it against. Where all weights of a pixel
    are 0 nobody is believed, and it is unlabelled.

    Args:
        rasters: uint8 (row, col) each, one a person, at least one.
        weights: one number a person, or one mapping a person from raster value to number, 1 where it says nothing;
            from 0, in thousandths (finer differences are rounded away).

    Returns: uint8 (row, col).

    Raises: UnusableLabels: shapes or types differ, or weights do not fit.
    """
    tables = _weight_tables(weights, n_people=len(rasters))
    if len(rasters) == 1:
        return rasters[0]
    stack = stacked(rasters)
    best = np.full(stack.shape[1:], unlabelled, np.uint8)
    most = np.zeros(stack.shape[1:], np.int64)
    for value in np.unique(stack[stack != unlabelled]).tolist():
        said = stack == value
        weight = np.tensordot(tables[:, value], said, axes=1)
        best = np.where(weight > most, value, np.where((weight == most) & (weight > 0), unlabelled, best))
        most = np.maximum(most, weight)
    return best.astype(np.uint8)


def support_map(
    rasters: Sequence[UInt8Array], merged: UInt8Array, *, weights: Weights, unlabelled: int = 0
) -> NDArray[np.uint16]:
    """How far each pixel of what was merged is to be believed: the largest weight among those who gave the class that
    won, at most 1.

    Args:    as weighted_vote; merged: what it returned, uint8 (row, col).
    Returns: uint16 (row, col), 0 to 1000 thousandths, 0 where unlabelled.
    Raises:  UnusableLabels: weights do not fit.
    """
    tables = np.minimum(_weight_tables(weights, n_people=len(rasters)), WEIGHT_UNIT).astype(np.uint16)
    largest = np.zeros(merged.shape, np.uint16)
    for raster, table in zip(rasters, tables, strict=True):
        largest = np.maximum(largest, np.where(raster == merged, table[raster], np.uint16(0)))
    return np.where(merged == unlabelled, np.uint16(0), largest)


def staple(rasters: Sequence[UInt8Array], *, unlabelled: int = 0, max_iterations: int = 50) -> UInt8Array:
    """The most likely labels when each person's confusions are estimated along with them (SimpleITK, in workers only).

    STAPLE has no notion of a missing label, so "unlabelled" takes part as a class of its own while it estimates; a
    pixel that it then leaves unlabelled though somebody labelled it goes by the majority of those who did. A pixel
    that it cannot decide is unlabelled. It assumes that people err independently: report the vote beside it.

    Args:    rasters: uint8 (row, col) each, one a person, at least one.
    Returns: uint8 (row, col).
    Raises:  UnusableLabels.
    Source:  Rohlfing, Russakoff & Maurer 2004, IEEE TMI 23(8), after Warfield, Zou & Wells 2004, IEEE TMI 23(7).
    """
    if len(rasters) == 1:
        return rasters[0]
    stack = stacked(rasters)
    values = np.unique(stack)
    if len(values) == 1:
        return rasters[0]
    if len(values) == _VALUES:
        raise UnusableLabels("STAPLE needs a raster value that nobody uses, and all 256 are in use.")
    import SimpleITK

    # Values in a row from 0, so that the confusion matrices are no larger than needed; the next one means undecided.
    compact = np.searchsorted(values, stack).astype(np.uint8)
    estimator: Any = SimpleITK.MultiLabelSTAPLEImageFilter  # its types are not written down
    filtered = estimator()
    filtered.SetMaximumNumberOfIterations(max_iterations)
    filtered.SetLabelForUndecidedPixels(len(values))
    found = SimpleITK.GetArrayFromImage(filtered.Execute([SimpleITK.GetImageFromArray(one) for one in compact]))
    merged = np.append(values, np.uint8(unlabelled))[found].astype(np.uint8)
    left_out = (merged == unlabelled) & (found < len(values))
    return np.where(left_out, majority_vote(rasters, unlabelled=unlabelled), merged).astype(np.uint8)


def _weight_tables(weights: Weights, *, n_people: int) -> IntArray:
    """Weight of each raster value for each person, in thousandths: int64 (person, 256)."""
    if len(weights) != n_people or n_people == 0:
        raise UnusableLabels(f"{len(weights)} weight(s) for {n_people} raster(s): one a person is needed.")
    tables = np.full((n_people, _VALUES), WEIGHT_UNIT, np.int64)
    for person, weight in enumerate(weights):
        by_value: Mapping[int, float] = (
            dict.fromkeys(range(_VALUES), float(weight)) if isinstance(weight, float | int) else weight
        )
        for value, number in by_value.items():
            if not (np.isfinite(number) and number >= 0):
                raise UnusableLabels(f"The weight {number} of person {person} is not a number from 0.")
            tables[person, value] = round(number * WEIGHT_UNIT)
    return tables
