"""Two maps held against a label."""

from __future__ import annotations

import numpy as np
import pytest

from learning.core.map_changes import Comparison, compare_maps


def test_only_labelled_ground_on_which_both_maps_say_something_is_compared() -> None:
    labels = np.array([[1, 1, 2, 2, 0]], np.uint8)
    before = np.array([[1, 2, 0, 1, 1]], np.uint8)
    after = np.array([[1, 1, 2, 2, 1]], np.uint8)
    # The third pixel has no earlier map and the fifth no label: of three, the earlier map has one, the later all.
    found = compare_maps(labels, before=before, after=after)
    assert found == Comparison(compared_px=3, agreed_before_px=1, agreed_after_px=3)
    assert (found.before, found.after) == (1 / 3, 1.0)


@pytest.mark.parametrize(
    ("before", "after", "direction"), [(500, 510, 1), (500, 509, 0), (500, 490, -1), (500, 491, 0), (500, 500, 0)]
)
def test_a_map_has_moved_from_one_hundredth_of_the_ground_on(before: int, after: int, direction: int) -> None:
    assert Comparison(1000, before, after).direction == direction


def test_nothing_compared_is_no_change() -> None:
    assert (Comparison(0, 0, 0).before, Comparison(0, 0, 0).direction) == (0.0, 0)
