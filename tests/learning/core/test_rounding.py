"""Digits worth showing, by hand."""

from __future__ import annotations

import pytest

from learning.core.rounding import Rounded, decimals_of_count, rounded_to_interval
from learning.errors import InvalidSample


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        # A half-width of 6157.63 leaves hundreds: 21157.76 becomes 21200, its ends 15000.13 and 27315.39 go outwards.
        ((21157.76, 15000.13, 27315.39), Rounded(21200, 15000, 27400, 0)),
        # A half-width of 0.0374: thousandths.
        ((0.1234, 0.0860, 0.1608), Rounded(0.123, 0.086, 0.161, 3)),
        # The shorter reach counts: 0.42 below, 8.1 above.
        ((0.5, 0.08, 8.6), Rounded(0.5, 0.08, 8.6, 2)),
        # Loss larger than gain.
        ((-12.34, -20.06, -4.61), Rounded(-12.3, -20.1, -4.6, 1)),
        # None was seen, and some could be.
        ((0.0, 0.0, 1.26), Rounded(0.0, 0.0, 1.3, 1)),
        # All of it certain.
        ((3.14159, 3.14159, 3.14159), Rounded(3.14, 3.14, 3.14, 2)),
        # Never finer than a square metre.
        ((0.00012, 0.00011, 0.00013), Rounded(0.0001, 0.0001, 0.0002, 4)),
    ],
)
def test_a_figure_has_the_digits_that_its_interval_leaves(given: tuple[float, float, float], shown: Rounded) -> None:
    found = rounded_to_interval(*given)
    assert (found.value, found.lower, found.upper) == pytest.approx((shown.value, shown.lower, shown.upper), abs=1e-9)
    assert found.decimals == shown.decimals


def test_an_interval_is_never_shown_narrower_than_it_is() -> None:
    for number in range(1, 400):
        value = number * 0.7371
        lower, upper = value - number * 0.0131, value + number * 0.0057
        found = rounded_to_interval(value, lower, upper)
        assert found.lower <= lower + 1e-9 and found.upper >= upper - 1e-9, number


def test_ends_that_need_no_rounding_stay() -> None:
    # 0.3 / 0.1 is a little less than 3, 0.7 / 0.1 a little less than 7.
    assert rounded_to_interval(5.0, 0.3, 9.7) == Rounded(5.0, 0.3, 9.7, 1)


@pytest.mark.parametrize(
    "wrong", [(1.0, 2.0, 3.0), (4.0, 2.0, 3.0), (float("nan"), 0.0, 1.0), (1.0, 0.0, float("inf"))]
)
def test_what_is_no_interval_around_its_value_is_refused(wrong: tuple[float, float, float]) -> None:
    with pytest.raises(InvalidSample, match="cannot be rounded"):
        rounded_to_interval(*wrong)


@pytest.mark.parametrize(
    ("value", "decimals"), [(0.0, 0), (0.0123, 4), (0.00001, 4), (3.14159, 2), (31.4, 1), (1234.5, 0)]
)
def test_what_was_counted_shows_three_digits(value: float, decimals: int) -> None:
    assert decimals_of_count(value) == decimals
