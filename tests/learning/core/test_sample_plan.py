"""How many places a sample takes."""

from __future__ import annotations

import numpy as np
import pytest

from learning.core.area import stratified_estimates
from learning.core.sample_plan import (
    Expected,
    allocation,
    expected_half_widths,
    fewest_places,
    places_for_accuracy,
    places_for_area,
)
from learning.errors import InvalidSample

# The example of Olofsson 2014 (§5.1): deforestation, gain, stable forest, stable non-forest.
PAPER = Expected(share=(0.02, 0.015, 0.32, 0.645), user=(0.7, 0.6, 0.9, 0.95))


def test_the_number_of_places_of_the_paper_is_found():
    # For a standard error of 0.01
    assert places_for_accuracy(PAPER, half_width=0.01 * 1.959964) == 641


def test_a_class_that_takes_half_of_well_mapped_ground_wants_places_as_worked_by_hand():
    # Half and half, each right 9 times in 10: S = 0.3 in both, so n = (0.3 · 1.96 / 0.02)² = 864.3
    even = Expected(share=(1, 1), user=(0.9, 0.9))
    assert places_for_area(even, class_number=0, half_width=0.02) == 865
    assert places_for_accuracy(even, half_width=0.02) == 865


def test_wrong_ground_is_taken_to_belong_to_the_others_by_their_shares():
    expected = Expected(share=(50, 30, 20), user=(0.9, 0.8, 0.6))
    assert expected.reference_share(0) == pytest.approx([0.9, 0.2 * 0.5 / 0.7, 0.4 * 0.5 / 0.8])
    assert sum(expected.reference_share(j)[1] for j in range(3)) == pytest.approx(1)


def test_places_are_shared_out_in_three_ways():
    assert allocation(PAPER, total=640, how="equal", fewest=75) == (160, 160, 160, 160)
    assert allocation(PAPER, total=640, how="proportional", fewest=75) == (15, 11, 204, 410)
    fewest = allocation(PAPER, total=640, how="fewest", fewest=75)
    assert fewest[:2] == (82, 80) and sum(fewest) == pytest.approx(640, abs=2)
    assert allocation(Expected((1, 0, 1), (1, 1, 1)), total=10, how="equal", fewest=2) == (5, 0, 5)


def test_what_a_plan_expects_is_what_such_a_sample_gives():
    places = (80, 80, 160, 320)
    shares = np.stack([PAPER.reference_share(j) for j in range(4)], axis=1)
    sample = np.round(shares * np.array(places)[:, None] * 1000)  # a thousand times as many: counts without rounding
    found = stratified_estimates(sample.astype(int), mapped_area=list(PAPER.share))
    told = expected_half_widths(PAPER, places)
    assert found.overall.half_width * 1000**0.5 == pytest.approx(told.overall, rel=0.01)
    assert [one.half_width * 1000**0.5 for one in found.area] == pytest.approx(list(told.area), rel=0.02)
    assert told.user[0] == pytest.approx(1.96 * (0.7 * 0.3 / 79) ** 0.5, rel=1e-3)


@pytest.mark.parametrize(
    ("share", "user", "told"),
    [
        ((1,), (0.9,), "two classes"),
        ((1, 2), (0.9,), "one of each"),
        ((-1, 2), (0.9, 0.9), "none negative"),
        ((1, 2), (0.9, 90), "from 0 to 1"),
    ],
)
def test_expectations_that_make_no_sense_are_refused(share, user, told):
    with pytest.raises(InvalidSample, match=told):
        Expected(share, user)


def test_a_target_or_a_number_of_places_that_makes_no_sense_is_refused():
    with pytest.raises(InvalidSample, match="half-width of 2"):
        places_for_accuracy(PAPER, half_width=2)
    with pytest.raises(InvalidSample, match="not 'best'"):
        allocation(PAPER, total=10, how="best", fewest=2)
    with pytest.raises(InvalidSample, match="at least two"):
        expected_half_widths(PAPER, (1, 20, 20, 20))


def test_the_fewest_places_are_those_of_the_sample_that_is_drawn():
    # Half and half, each right 9 times in 10, n/2 places each: half-width of the accuracy
    # 1.96 · √(2 · 0.25 · 0.09 / (n/2 − 1)) ≤ 0.02 where n/2 − 1 ≥ 432.2, so 434 in each
    even = Expected(share=(1, 1), user=(0.9, 0.9))
    assert fewest_places(even, overall=0.02, fewest=2) == 868
    assert expected_half_widths(even, (434, 434)).overall <= 0.02 < expected_half_widths(even, (433, 433)).overall


def test_of_two_wishes_the_one_that_takes_more_decides():
    both = fewest_places(PAPER, overall=0.05, area=(0, 0.005), fewest=50)
    assert both == fewest_places(PAPER, area=(0, 0.005), fewest=50) > fewest_places(PAPER, overall=0.05, fewest=50)


def test_a_wish_that_the_fewest_places_of_each_stratum_tell_takes_just_those():
    assert fewest_places(PAPER, overall=0.2, fewest=75) == 4 * 75


def test_a_stratum_of_a_millionth_of_the_ground_has_its_fewest_places():
    tiny = Expected(share=(1e-6, 1 - 1e-6), user=(0.5, 0.9))
    assert allocation(tiny, total=200, how="fewest", fewest=75)[0] == 75


def test_what_no_number_of_places_tells_and_no_wish_are_refused():
    with pytest.raises(InvalidSample, match="wider interval"):
        fewest_places(PAPER, overall=0.0001, fewest=50)
    with pytest.raises(InvalidSample, match="Nothing is wished for"):
        fewest_places(PAPER, fewest=50)
    with pytest.raises(InvalidSample, match="half-width of 3"):
        fewest_places(PAPER, overall=3, fewest=50)
