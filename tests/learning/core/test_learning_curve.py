from __future__ import annotations

import numpy as np
import pytest

from learning.core.learning_curve import expected_gain
from learning.errors import TooFewModels


def curve(n: float, *, ends_at: float = 0.8, gap: float = 1.2, exponent: float = 0.5) -> float:
    """0.8 - 1.2 / √n: 0.68 at 100 tiles, 0.74 at 400."""
    return ends_at - gap * n**-exponent


SIZES = (25, 50, 100, 150, 200, 300, 400)


def test_a_known_curve_is_recovered() -> None:
    found = expected_gain([(n, curve(n)) for n in SIZES], more_tiles=100)
    # 0.8 - 1.2 / √500 = 0.7463 after 0.74: 0.63 points
    assert found.points == pytest.approx(0.633, abs=0.1)
    assert found.low < 0.633 < found.high and found.spread_points < 0.25
    assert found.n_models == 7
    tiles, mean, low, high = found.curve[-1]
    assert tiles == pytest.approx(500) and mean == pytest.approx(0.7463, abs=0.003) and low < 0.7463 < high


def test_the_true_gain_lies_within_the_interval_nineteen_times_of_twenty() -> None:
    inside = 0
    for seed in range(100):
        noise = np.random.default_rng(seed).normal(0, 0.008, len(SIZES))
        found = expected_gain([(n, curve(n) + off) for n, off in zip(SIZES, noise, strict=True)])
        inside += found.low <= 0.633 <= found.high
    assert inside >= 90


def test_two_models_leave_nearly_everything_open() -> None:
    two = expected_gain([(50, 0.5), (100, 0.55)])
    many = expected_gain([(n, curve(n)) for n in SIZES])
    assert two.high - two.low > 3, "several points either way of nothing and of as much again"
    assert many.high - many.low < (two.high - two.low) / 4


def test_a_level_curve_brings_nothing_more_and_says_so_with_certainty() -> None:
    flat = [
        (n, 0.71 + off)
        for n, off in zip((40, 80, 120, 160, 200, 240), (0, 0.002, -0.002, 0.001, 0, 0.001), strict=True)
    ]
    found = expected_gain(flat, threshold_points=0.5)
    assert 0 <= found.points < 0.2 and found.below is not None and found.below > 0.95
    rising = expected_gain([(n, curve(n)) for n in (25, 50, 100, 150)], threshold_points=0.5)
    assert rising.below is not None and rising.below < 0.05
    assert expected_gain(flat).below is None


def test_the_order_of_the_models_does_not_matter_and_nothing_is_drawn_by_chance() -> None:
    models = [(n, curve(n)) for n in SIZES]
    assert expected_gain(models) == expected_gain(models[::-1])


@pytest.mark.parametrize("models", [[], [(50, 0.5)], [(50, 0.5), (50, 0.6)]])
def test_one_model_or_one_number_of_tiles_is_no_curve(models: list[tuple[float, float]]) -> None:
    with pytest.raises(TooFewModels, match="a curve needs at least 2 of both"):
        expected_gain(models)


@pytest.mark.parametrize("models", [[(0, 0.5), (5, 0.5)], [(5, 0.5), (6, 1.2)], [(5, float("nan")), (6, 0.2)]])
def test_figures_that_are_none_are_refused(models: list[tuple[float, float]]) -> None:
    with pytest.raises(TooFewModels, match="a mean IoU from 0 to 1"):
        expected_gain(models)
    with pytest.raises(TooFewModels, match="ask for 1 or more"):
        expected_gain([(1, 0.1), (2, 0.2)], more_tiles=0)
