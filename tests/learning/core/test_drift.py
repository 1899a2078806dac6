from __future__ import annotations

from math import log

import pytest

from learning.core.drift import LEAST_SHARE, class_drift
from learning.errors import InvalidEvaluation


def test_the_index_of_worked_shares() -> None:
    # 0.5 → 0.8 and 0.5 → 0.2: 0.3 · ln 1.6 + (-0.3) · ln 0.4 = 0.141 + 0.275
    found = class_drift({"a": 50, "b": 50}, {"a": 8, "b": 2}, learnt_tiles=40, new_tiles=20)
    assert found is not None
    assert found.index == pytest.approx(0.3 * log(1.6) - 0.3 * log(0.4)) == pytest.approx(0.41589, abs=1e-5)
    # χ² of one degree of freedom at 95 %: 3.8415
    assert found.chance == pytest.approx(3.8415 * (1 / 40 + 1 / 20), abs=1e-4)
    assert (found.moved_most, found.share_before, found.share_after) == ("b", 0.5, 0.2)


def test_equal_shares_have_not_moved_whatever_their_ground() -> None:
    found = class_drift({"a": 50, "b": 30}, {"a": 5, "b": 3}, learnt_tiles=40, new_tiles=20)
    assert found is not None and found.index == pytest.approx(0)


def test_a_class_that_is_new_counts_without_being_endless() -> None:
    found = class_drift({"a": 100}, {"a": 90, "b": 10}, learnt_tiles=40, new_tiles=20)
    assert found is not None and found.moved_most == "b" and found.share_before == 0
    assert found.index == pytest.approx((0.1 - LEAST_SHARE) * log(0.1 / LEAST_SHARE) + (-0.1) * log(0.9))


@pytest.mark.parametrize(
    ("learnt", "new", "tiles"),
    [
        ({}, {"a": 1.0, "b": 1.0}, 9),
        ({"a": 1.0, "b": 1.0}, {}, 9),
        ({"a": 1.0}, {"a": 1.0}, 9),
        ({"a": 1.0}, {"b": 1.0}, 4),
    ],
)
def test_too_little_to_compare_says_nothing(learnt: dict[str, float], new: dict[str, float], tiles: int) -> None:
    assert class_drift(learnt, new, learnt_tiles=40, new_tiles=tiles) is None


def test_ground_below_nothing_is_refused() -> None:
    with pytest.raises(InvalidEvaluation, match="below 0"):
        class_drift({"a": -1.0}, {"a": 1.0}, learnt_tiles=9, new_tiles=9)
