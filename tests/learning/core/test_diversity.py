from __future__ import annotations

import itertools

import numpy as np
import pytest

from learning.core.diversity import covering_radius, distances_to, farthest_first, typicality
from learning.errors import InvalidScores

LINE = np.array([[0.0], [1.0], [2.0], [10.0]], np.float32)


def test_each_point_is_the_farthest_from_those_before():
    # from 0: 10 is farthest; then 2 (2 from 0) before 1
    assert farthest_first(LINE, count=4).tolist() == [0, 3, 2, 1]
    assert farthest_first(LINE, count=2, taken=np.array([[9.0]], np.float32)).tolist() == [0, 2]


def test_worth_decides_between_a_near_and_a_far_point():
    # beside 0: squared distances 1, 4, 100; times the weights 1, .1, .001
    weights = np.array([9, 1, 0.1, 0.001])
    assert farthest_first(LINE, count=2, weights=weights).tolist() == [0, 1]


def test_more_points_than_there_are_gives_all_of_them_once():
    assert sorted(farthest_first(LINE, count=9).tolist()) == [0, 1, 2, 3]


def test_the_radius_is_at_most_twice_the_least_possible():
    rng = np.random.default_rng(4)
    for _ in range(5):
        points = rng.standard_normal((12, 2)).astype(np.float32)
        least = min(covering_radius(points, np.array(c)) for c in itertools.combinations(range(12), 3))
        assert covering_radius(points, farthest_first(points, count=3)) <= 2 * least


def test_distances_are_the_squares_to_the_nearest_taken_point():
    assert distances_to(LINE, np.array([[0.0], [4.0]], np.float32)) == pytest.approx([0, 1, 4, 36])
    assert distances_to(LINE, None) is None


@pytest.mark.parametrize(
    ("change", "met"),
    [
        ({"embeddings": np.array([[np.nan]], np.float32)}, "finite"),
        ({"taken": np.zeros((1, 2), np.float32)}, r"expected \(point, 1\)"),
        ({"weights": np.array([1.0, -1, 1, 1])}, "zero or more"),
    ],
)
def test_what_does_not_fit_is_refused(change, met):
    arguments = {"embeddings": LINE, "count": 1, **change}
    with pytest.raises(InvalidScores, match=met):
        farthest_first(arguments.pop("embeddings"), **arguments)


def test_what_lies_among_many_is_more_typical():
    # mean distances to the two nearest: (1 + 2) / 2, (1 + 1) / 2, (2 + 1) / 2, (8 + 9) / 2
    assert typicality(LINE, neighbours=2) == pytest.approx([1 / 1.5, 1, 1 / 1.5, 1 / 8.5], rel=1e-4)
    assert typicality(LINE[:1]).tolist() == [1]
    assert typicality(np.zeros((5, 3), np.float32)).tolist() == [1] * 5, "tiles that are the same"


def test_tiles_that_are_all_but_the_same_are_no_more_than_ten_times_as_typical_as_the_mean():
    water = np.concatenate([np.zeros((30, 1)), np.arange(100, 1100, 10)[:, None]]).astype(np.float32)
    found = typicality(water, neighbours=2)
    # of 130 tiles, 30 have the distance 0, 98 the distance 10, the first and the last 15
    assert found.max() == pytest.approx(1 / (0.1 * (98 * 10 + 2 * 15) / 130))


def test_typicality_told_by_a_sample_orders_sparse_and_dense_ground_alike():
    rng = np.random.default_rng(5)
    points = np.concatenate([rng.normal(0, 1, (3000, 4)), rng.normal(30, 6, (600, 4))]).astype(np.float32)
    whole, sampled = (typicality(points, neighbours=60, sample=size) for size in (3600, 600))
    assert sampled[:3000].min() > np.median(sampled[3000:])
    assert np.corrcoef(np.log(whole), np.log(sampled))[0, 1] > 0.95
