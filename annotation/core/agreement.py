"""How far people, or a person and a map, agree on the same pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotation.errors import UnusableLabels

UInt8Array = NDArray[np.uint8]
IntArray = NDArray[np.int64]

_VALUES = 256


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Agreement of two label rasters on the pixels both label.

    Args:
        compared_px: pixels that both label.
        overall: share of them with the same class; None when there are none.
        iou: intersection over union of each class asked for, 0 to 1; None for a class neither uses there.
    """

    compared_px: int
    overall: float | None
    iou: Mapping[str, float | None]


def compare_labels(
    first: UInt8Array, second: UInt8Array, *, class_codes: Mapping[int, str], unlabelled: int = 0
) -> PairAgreement:
    """Overall agreement and IoU per class of two label rasters; symmetric in the two.

    Args:
        first, second: uint8, same shape.
        class_codes: class code of each raster value to report.
        unlabelled: value of pixels left out; they are left out when either raster has it.

    Raises: UnusableLabels: wrong type or shapes, or a value that is neither unlabelled nor a class.
    """
    stack = stacked([first, second])
    _require_known(stack, class_codes=class_codes, unlabelled=unlabelled)
    both = (stack != unlabelled).all(axis=0)
    left, right = stack[0][both].astype(np.int64), stack[1][both].astype(np.int64)
    pairs = np.bincount(left * _VALUES + right, minlength=_VALUES**2).reshape(_VALUES, _VALUES)
    total = int(pairs.sum())
    same = np.diagonal(pairs)
    union = pairs.sum(axis=0) + pairs.sum(axis=1) - same
    return PairAgreement(
        compared_px=total,
        overall=int(same.sum()) / total if total else None,
        iou={
            code: int(same[value]) / int(union[value]) if union[value] else None
            for value, code in class_codes.items()
            if value != unlabelled
        },
    )


def krippendorff_alpha(rasters: Sequence[UInt8Array], *, unlabelled: int = 0) -> float | None:
    """Krippendorff's alpha, nominal, of two or more label rasters; each pixel is a unit, and may lack labels.

    1 is perfect agreement, 0 what chance gives with these class shares, below 0 is systematic disagreement.

    Args:
        rasters: uint8, same shape, one a person.
        unlabelled: value of a missing label.

    Returns: alpha, or None where it is undefined: no pixel has two labels, or all labels are of one class.

    Raises: UnusableLabels.

    Source: Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C.
    """
    return alpha_of([coincidences(rasters, unlabelled=unlabelled)])


@dataclass(frozen=True, slots=True)
class Coincidences:
    """What Krippendorff's alpha is made of; those of several tiles add up.

    Args:
        totals: n_c, labels of each raster value on pixels that two people or more label.
        agreeing: sum of o_cc, coincidences of a class with itself.
    """

    totals: Mapping[int, int]
    agreeing: float


def coincidences(rasters: Sequence[UInt8Array], *, unlabelled: int = 0) -> Coincidences:
    """The coincidences of two or more label rasters; see krippendorff_alpha."""
    stack = stacked(rasters).reshape(len(rasters), -1)
    values = [int(value) for value in np.unique(stack) if value != unlabelled]
    labels_per_pixel = (stack != unlabelled).sum(axis=0)
    paired = labels_per_pixel >= 2
    labels = labels_per_pixel[paired]
    totals: dict[int, int] = {}
    agreeing = 0.0
    for value in values:
        count = (stack[:, paired] == value).sum(axis=0)
        totals[value] = int(count.sum())
        agreeing += float((count * (count - 1) / (labels - 1)).sum())
    return Coincidences(totals, agreeing)


def coincidences_of_units(units: Iterable[Sequence[Hashable]]) -> Coincidences:
    """The coincidences of units that several people named, each unit the values they gave; see krippendorff_alpha."""
    numbers: dict[Hashable, int] = {}
    totals: Counter[int] = Counter()
    agreeing = 0.0
    for values in units:
        if len(values) < 2:
            continue
        counts = Counter(numbers.setdefault(value, len(numbers)) for value in values)
        totals += counts
        agreeing += sum(count * (count - 1) for count in counts.values()) / (len(values) - 1)
    return Coincidences(totals, agreeing)


def alpha_of(parts: Iterable[Coincidences]) -> float | None:
    """Krippendorff's alpha of all these units together; None where it is undefined."""
    totals: dict[int, int] = {}
    agreeing = 0.0
    for part in parts:
        agreeing += part.agreeing
        for value, total in part.totals.items():
            totals[value] = totals.get(value, 0) + total
    n = sum(totals.values())
    chance = sum(total * (total - 1) for total in totals.values())
    if n == 0 or chance == n * (n - 1):
        return None
    return ((n - 1) * agreeing - chance) / (n * (n - 1) - chance)


def confusion_counts(
    reference: UInt8Array, said: UInt8Array, *, class_codes: Mapping[int, str], unlabelled: int = 0
) -> dict[str, dict[str, int]]:
    """Pixels by class in the reference, then by class said; "" is ground of the reference that was left out.

    Ground that the reference does not label is left out of the count. Only classes met appear.

    Args:
        reference, said: uint8, same shape.
        class_codes: class code of each raster value.

    Raises: UnusableLabels.
    """
    stack = stacked([reference, said])
    _require_known(stack, class_codes=class_codes, unlabelled=unlabelled)
    counted = stack[0] != unlabelled
    left, right = stack[0][counted].astype(np.int64), stack[1][counted].astype(np.int64)
    pairs, pixels = np.unique(left * _VALUES + right, return_counts=True)
    found: dict[str, dict[str, int]] = {}
    for pair, count in zip(pairs.tolist(), pixels.tolist(), strict=True):
        code = "" if pair % _VALUES == unlabelled else class_codes[pair % _VALUES]
        found.setdefault(class_codes[pair // _VALUES], {})[code] = count
    return found


def disagreement(rasters: Sequence[UInt8Array], *, unlabelled: int = 0) -> UInt8Array:
    """Where people differ: 0 where fewer than two labelled the pixel, 1 where all who did agree, 2 where they differ.

    Args: rasters: uint8, same shape, one a person, two or more. Returns: uint8 of that shape.

    Raises: UnusableLabels.
    """
    stack = stacked(rasters)
    labelled = stack != unlabelled
    highest = np.where(labelled, stack, np.uint8(0)).max(axis=0)
    lowest = np.where(labelled, stack, np.uint8(_VALUES - 1)).min(axis=0)
    differ = np.where(highest == lowest, np.uint8(1), np.uint8(2))
    return np.where(labelled.sum(axis=0) >= 2, differ, np.uint8(0))


def stacked(rasters: Sequence[UInt8Array]) -> UInt8Array:
    """Two label rasters or more as one array (person, row, col). Raises: UnusableLabels."""
    if len(rasters) < 2:
        raise UnusableLabels(f"Agreement needs two rasters or more, not {len(rasters)}.")
    for raster in rasters:
        if raster.dtype != np.uint8 or raster.shape != rasters[0].shape:
            raise UnusableLabels(
                f"Rasters must be uint8 of one shape, not {raster.dtype} {raster.shape} "
                f"beside {rasters[0].dtype} {rasters[0].shape}."
            )
    return np.stack(rasters)


def _require_known(stack: UInt8Array, *, class_codes: Mapping[int, str], unlabelled: int) -> None:
    for value in np.unique(stack).tolist():
        if value != unlabelled and value not in class_codes:
            raise UnusableLabels(f"The raster value {value} is neither unlabelled ({unlabelled}) nor a class.")
