"""What there is to draw on a tile, and how long it is expected to take."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from learning.core.edges import EdgeCount
from learning.core.effort import ENOUGH_TIMED, Effort, fit_effort


def counted(classes: np.ndarray, *, side: int, cuts: tuple[list[int], list[int]]) -> np.ndarray:
    """Counts of a map that comes in blocks, cut before these rows and columns."""
    height, width = classes.shape
    count = EdgeCount(width=width, tile_px=side, n_rows=height // side, n_cols=width // side)
    tops, lefts = [0, *cuts[0], height], [0, *cuts[1], width]
    for top, bottom in itertools.pairwise(tops):
        for left, right in itertools.pairwise(lefts):
            count.add(classes[top:bottom, left:right], top=top, left=left)
    assert count.counts.dtype == np.int32
    return count.counts


def test_borders_are_pairs_beside_and_below_within_a_tile_where_both_have_imagery():
    classes = np.array(
        [[1, 1, 2, 2],
         [1, 2, 2, 2],
         [3, 3, 0, 1],
         [3, 3, 1, 1]], np.uint8,
    )  # fmt: skip
    # 2 × 2 tiles of 2 px. Upper left: 1|2 in its second row, 1 over 2 in its second column. Upper right: none, though
    # 1|2 lies over its left side. Lower right: no pair with the pixel without imagery.
    assert counted(classes, side=2, cuts=([], [])).tolist() == [[2, 0], [0, 0]]
    # one tile: beside 1|2, 1|2, 3|1; below 1/2, 1/3, 2/3, 2/1
    assert counted(classes, side=4, cuts=([], [])).tolist() == [[7]]


def test_each_pair_is_counted_once_however_the_map_is_cut_into_blocks():
    classes = np.random.default_rng(1).integers(0, 4, (23, 31)).astype(np.uint8)
    whole = counted(classes, side=7, cuts=([], []))
    for cuts in (([5], [9]), ([7, 14], [7, 14, 21]), ([1, 2, 22], [30])):
        assert np.array_equal(counted(classes, side=7, cuts=cuts), whole), cuts
    expected = 0
    for row in range(7, 14):
        for col in range(14, 21):
            for other in ((row, col + 1), (row + 1, col)):
                if other[0] < 14 and other[1] < 21:
                    expected += 0 < classes[row, col] != classes[other] > 0
    assert whole.shape == (3, 4) and whole[1, 2] == expected


def test_the_line_through_labelled_tiles_is_worked_out_by_hand():
    # 21 tiles on 30 s + 2 s a pixel but for two left open over lunch and one that was hurried
    edges = np.arange(21) * 10
    seconds = 30.0 + 2 * edges
    seconds[[3, 17]], seconds[8] = 5_000, 1
    effort = fit_effort(edges, seconds)
    assert effort is not None and (effort.base_s, effort.per_edge_s) == pytest.approx((30, 2))
    assert effort.seconds(np.array([0, 50])) == pytest.approx([30, 130])


def test_of_four_points_the_slope_is_the_median_of_six(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("learning.core.effort.ENOUGH_TIMED", 4)
    # slopes: (0,1) 1, (0,2) 2, (0,3) 6, (1,2) 3, (1,3) 8.5, (2,3) 14: the median is 4.5;
    # what is left of 10, 11, 14, 28 without 4.5 x: 10, 6.5, 5, 14.5: the median is 8.25
    effort = fit_effort(np.array([0, 1, 2, 3]), np.array([10.0, 11, 14, 28]))
    assert effort == Effort(base_s=pytest.approx(8.25), per_edge_s=pytest.approx(4.5))


def test_nothing_is_told_from_few_tiles_or_from_tiles_that_are_all_alike():
    few = np.arange(ENOUGH_TIMED - 1)
    assert fit_effort(few, few * 2.0) is None
    assert fit_effort(np.full(30, 7), np.arange(30.0)) is None


def test_a_slope_below_zero_is_taken_for_none_and_no_tile_takes_no_time():
    edges = np.arange(30)
    effort = fit_effort(edges, 100.0 - edges)
    assert effort is not None and effort.per_edge_s == 0 and effort.base_s == pytest.approx(85.5)
    assert Effort(base_s=-50.0, per_edge_s=1.0).seconds(np.array([10, 60])).tolist() == [1, 10]
