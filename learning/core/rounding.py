"""How many digits of a figure are worth showing. No Django, no numpy."""

from __future__ import annotations

import math
from dataclasses import dataclass

from learning.errors import InvalidSample

SIGNIFICANT = 2  # digits of the reach of an interval: more would be digits that another sample would have otherwise
SIGNIFICANT_COUNTED = 3  # digits of what was counted, which has no interval
MOST_DECIMALS = 4  # of a hectare: a square metre


@dataclass(frozen=True, slots=True)
class Rounded:
    """A figure and its interval, to the digits that the interval leaves, and how many of them are decimals."""

    value: float
    lower: float
    upper: float
    decimals: int


def rounded_to_interval(value: float, lower: float, upper: float) -> Rounded:
    """A figure to the place of the second digit of its interval's shorter reach; the interval is rounded outwards.

    So 21157.76 from 15000.13 to 27315.39 is 21200, 15000 to 27400: the interval never looks narrower than it is.

    Args:   lower, upper: of the interval, in the unit of the value, around it. Where all three are one number, as of
        ground that no unit shows and none can, it is rounded as what was counted.
    Raises: InvalidSample: a number is not finite, or the value lies outside its interval.
    """
    if not all(map(math.isfinite, (value, lower, upper))) or not lower <= value <= upper:
        raise InvalidSample(f"{value} is not in an interval from {lower} to {upper}: it cannot be rounded to it.")
    reaches = [reach for reach in (value - lower, upper - value) if reach > 0]
    if not reaches:
        decimals = decimals_of_count(value)
        shown = _nearest(value, decimals)
        return Rounded(shown, shown, shown, decimals)
    place = min(MOST_DECIMALS, SIGNIFICANT - 1 - math.floor(math.log10(min(reaches))))
    step = 10.0**-place
    # What a division leaves over in the last bits must not take a whole step outwards.
    down, up = math.floor(lower / step + 1e-9) * step, math.ceil(upper / step - 1e-9) * step
    return Rounded(_nearest(value, place), _nearest(down, place), _nearest(up, place), max(0, place))


def decimals_of_count(value: float) -> int:
    """Decimals that show three digits of what was counted, and all of its whole ones; at most four.

    So 0.0123 has four, 3.14 two, 1234 none.
    """
    if value == 0 or not math.isfinite(value):
        return 0
    return min(MOST_DECIMALS, max(0, SIGNIFICANT_COUNTED - 1 - math.floor(math.log10(abs(value)))))


def _nearest(value: float, place: int) -> float:
    return round(value, place) + 0.0  # never -0.0
