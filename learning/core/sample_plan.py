"""How many places a sample takes, before any is drawn: from what one expects of a map. numpy only.

What is expected are the share of the ground that the map gives each class and how often each is right there. Ground
that is mapped wrongly is taken to belong to the other classes in proportion to their shares, as nobody knows better.

Source: Olofsson et al. 2014, Remote Sensing of Environment 148:42-57, doi 10.1016/j.rse.2014.02.015, §5.1 (equation 13
for the overall accuracy; the same for the area of one class); Cochran 1977, Sampling Techniques, §5.5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning.core.area import Z_95
from learning.core.change_area import expected_reach
from learning.core.sample_frame import allocate
from learning.errors import InvalidSample

ALLOCATIONS = ("equal", "proportional", "fewest")
MOST_PLACES = 20_000  # more than people will ever answer
_PARTS = 10**12  # into which shares are counted, to draw in proportion: so fine that small strata have enough

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Expected:
    """What one expects of a map, by class: its share of the ground (in any unit), and how often it is right there."""

    share: tuple[float, ...]
    user: tuple[float, ...]

    def __post_init__(self) -> None:
        """Raises: InvalidSample."""
        shares = np.asarray(self.share, np.float64)
        if len(self.share) < 2 or len(self.share) != len(self.user):
            raise InvalidSample(
                f"{len(self.share)} shares and {len(self.user)} accuracies: expected one of each for two classes or "
                "more."
            )
        if not np.isfinite(shares).all() or (shares < 0).any() or shares.sum() <= 0:
            raise InvalidSample(f"Shares {list(self.share)}: expected none negative and some above zero.")
        if any(not 0 <= one <= 1 for one in self.user):
            raise InvalidSample(f"Accuracies {list(self.user)}: expected numbers from 0 to 1.")

    @property
    def weight(self) -> FloatArray:
        """Shares that add up to 1."""
        shares = np.asarray(self.share, np.float64)
        return np.asarray(shares / shares.sum())

    def reference_share(self, j: int) -> FloatArray:
        """Of the ground mapped as each class, what share is expected to be of class j."""
        weight, wrong = self.weight, 1 - np.asarray(self.user, np.float64)
        others = 1 - weight
        expected = np.divide(wrong * weight[j], others, out=np.zeros_like(wrong), where=others > 0)
        expected[j] = self.user[j]
        return np.asarray(expected)


@dataclass(frozen=True, slots=True)
class HalfWidths:
    """Half-widths of 95 % intervals that a sample is expected to give; areas as shares of the ground."""

    overall: float
    user: tuple[float, ...]
    area: tuple[float, ...]


def places_for_accuracy(expected: Expected, *, half_width: float) -> int:
    """Places for an overall accuracy to ± half_width: n = (Σ W_i S_i / S(O))². Raises: InvalidSample."""
    deviation = np.sqrt(np.asarray(expected.user) * (1 - np.asarray(expected.user)))
    return _places(float((expected.weight * deviation).sum()), half_width)


def places_for_area(expected: Expected, *, class_number: int, half_width: float) -> int:
    """Places for the area of one class, as a share of the ground, to ± half_width: the fewest that can do it.

    Raises: InvalidSample.
    """
    share = expected.reference_share(class_number)
    return _places(float((expected.weight * np.sqrt(share * (1 - share))).sum()), half_width)


def allocation(expected: Expected, *, total: int, how: str, fewest: int) -> tuple[int, ...]:
    """Places by class, in order: as many in each, in proportion to the ground, or that with a fewest in each.

    Raises: InvalidSample: `how` is not one of ALLOCATIONS.
    """
    if how not in ALLOCATIONS:
        raise InvalidSample(f"Places are shared out {' or '.join(ALLOCATIONS)}, not {how!r}.")
    parts = {number: round(weight * _PARTS) for number, weight in enumerate(expected.weight)}
    if how == "equal":
        held = [number for number, size in parts.items() if size]
        found: Mapping[int, int] = {number: math.ceil(total / len(held)) for number in held}
    else:
        found = allocate(parts, total, fewest=fewest if how == "fewest" else 2)
    return tuple(found.get(number, 0) for number in range(len(expected.share)))


def expected_half_widths(expected: Expected, places: Sequence[int], *, as_published: bool = False) -> HalfWidths:
    """What a sample of so many places a class would tell.

    Args: as_published: areas by the longer side of the interval that is published (`area_showing`), which is wider than
        the textbook's ± 1.96 standard errors where few places decide.
    Raises: InvalidSample: a class with ground has fewer than two.
    """
    n, weight = np.asarray(places, np.float64), expected.weight
    if (n[weight > 0] < 2).any():
        raise InvalidSample(f"Places {list(places)}: each class with ground takes at least two.")
    below = np.maximum(n - 1, 1)

    def half(share: FloatArray, by: FloatArray) -> float:
        return float(Z_95 * np.sqrt((by**2 * share * (1 - share) / below).sum()))

    def area(j: int) -> float:
        share = expected.reference_share(j)
        if as_published:
            return expected_reach(areas=weight.tolist(), drawn=places, shares=share.tolist())
        return half(share, weight)

    user = np.asarray(expected.user, np.float64)
    return HalfWidths(
        overall=half(user, weight),
        user=tuple((Z_95 * np.sqrt(user * (1 - user) / below)).tolist()),
        area=tuple(area(j) for j in range(len(weight))),
    )


def fewest_places(
    expected: Expected, *, overall: float | None = None, area: tuple[int, float] | None = None, fewest: int,
    as_published: bool = False,
) -> int:  # fmt: skip
    """Places in all that tell what is wanted once they are shared out as a sample is drawn ("fewest").

    The formulas of `places_for_accuracy` and `places_for_area` share places out in the way that suits their one wish
    best; a sample serves every class, so that it may take more places.

    Args:
        overall: half-width of the overall accuracy. area: number of a class, and half-width of its area's share.
        as_published: as for `expected_half_widths`.
    Raises: InvalidSample: nothing is wished for, or no number up to MOST_PLACES tells it.
    """
    if overall is None and area is None:
        raise InvalidSample("Nothing is wished for: give the half-width of the accuracy or of a class's area.")
    for half_width in (overall, area[1] if area else None):
        if half_width is not None:
            _require_half_width(half_width)

    def tells(total: int) -> bool:
        places = allocation(expected, total=total, how="fewest", fewest=fewest)
        told = expected_half_widths(expected, places, as_published=as_published)
        return (overall is None or told.overall <= overall) and (area is None or told.area[area[0]] <= area[1])

    low, high = 0, MOST_PLACES
    if not tells(high):
        raise InvalidSample(f"Even {MOST_PLACES} places would not tell it so closely: wish for a wider interval.")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if tells(middle) else (middle, high)
    # What is below the fewest of each stratum is the same sample: tell how many it has.
    return sum(allocation(expected, total=high, how="fewest", fewest=fewest))


def _places(deviation: float, half_width: float) -> int:
    _require_half_width(half_width)
    return math.ceil((deviation * Z_95 / half_width) ** 2)


def _require_half_width(half_width: float) -> None:
    if not 0 < half_width < 1:
        raise InvalidSample(f"A half-width of {half_width:g}: expected a share above 0 and below 1, such as 0.02.")
