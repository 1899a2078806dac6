from __future__ import annotations

import numpy as np
import pytest

from learning.core.gate import GateDecision, GateRule, decide, majority_confusions
from learning.errors import InvalidEvaluation

CODES = ("road", "tree", "water")


def simulated(seed: int, accuracy: float, *, n_tiles: int = 80) -> np.ndarray:
    """Confusions of one model on a fixed simulated hold-out, tiles of 10,000 px.

    Tiles differ in difficulty (5 points, the same for every model), models in luck (1 point a tile).
    """
    holdout, luck = np.random.default_rng(99), np.random.default_rng(seed)
    truth = holdout.multinomial(10_000, [0.5, 0.3, 0.2], size=n_tiles)
    difficulty = holdout.normal(0, 0.05, (n_tiles, 3))
    p = np.clip(accuracy + difficulty + luck.normal(0, 0.01, (n_tiles, 3)), 0.01, 0.99)
    spread = p[..., None] * np.eye(3) + ((1 - p) / 2)[..., None] * (1 - np.eye(3))
    return luck.multinomial(truth, spread).astype(np.int64)


def judged(candidate: np.ndarray, published: np.ndarray | None, **rule) -> GateDecision:
    return decide(candidate, published, class_codes=CODES, rng=np.random.default_rng(0), rule=GateRule(**rule))


def test_the_same_model_is_promoted_with_a_difference_of_zero():
    confusions = simulated(0, 0.8)
    decision = judged(confusions, confusions.copy())
    assert decision.promote
    assert (decision.delta, decision.low, decision.high) == (0.0, 0.0, 0.0)
    assert decision.baseline == "published"


def test_of_a_hundred_models_one_point_worse_none_is_promoted():
    published = simulated(0, 0.80)
    worse = [judged(simulated(seed, 0.79), published, n_resamples=500) for seed in range(1, 101)]
    assert sum(decision.promote for decision in worse) == 0


def test_of_a_hundred_equal_models_at_least_ninety_are_promoted():
    published = simulated(0, 0.80)
    equal = [judged(simulated(seed, 0.80), published, n_resamples=500) for seed in range(1, 101)]
    assert sum(decision.promote for decision in equal) >= 90


def test_a_class_that_falls_by_more_than_three_points_vetoes_a_better_mean():
    published = np.array([[[80, 20, 0], [20, 80, 0], [0, 0, 100]]] * 10) * 10
    candidate = np.array([[[95, 5, 0], [5, 95, 0], [5, 0, 95]]] * 10) * 10
    decision = judged(candidate, published)
    road, _, water = decision.per_class
    # water: 100/100 → 95/100; road: 80/120 → 95/110
    assert (water.baseline_iou, water.candidate_iou) == (1.0, 0.95)
    assert road.candidate_iou == pytest.approx(95 / 110)
    assert decision.low > 0 and not decision.promote
    assert [c.code for c in decision.per_class if c.dropped] == ["water"]
    assert "water (-5.0 points)" in decision.reason


def test_a_class_with_too_little_support_cannot_veto():
    published = np.array([[[80, 20, 0], [20, 80, 0], [0, 0, 0]]] * 10) * 10
    candidate = np.array([[[95, 5, 0], [5, 95, 0], [0, 0, 0]]] * 10) * 10
    published[:4, 2], candidate[:4, 2] = (0, 0, 1000), (50, 0, 950)
    decision = judged(candidate, published)
    assert decision.per_class[2].candidate_iou < 0.96 and not decision.per_class[2].watched
    assert decision.promote, decision.reason
    assert not judged(candidate, published, min_tiles=4).promote


def test_the_first_model_must_beat_the_most_frequent_class_everywhere():
    useful = judged(simulated(1, 0.7), None)
    assert useful.promote and useful.baseline == "majority"
    lazy = judged(majority_confusions(simulated(1, 0.7)), None)
    assert not lazy.promote and lazy.delta == 0.0


def test_the_constant_answer_puts_every_pixel_in_the_most_frequent_class():
    confusions = np.array([[[1, 1], [0, 1]], [[0, 0], [1, 5]]])  # truth: a 2, b 1 then a 0, b 6
    assert majority_confusions(confusions).tolist() == [[[0, 2], [0, 1]], [[0, 0], [0, 6]]]


def test_the_difference_of_a_worked_pair():
    published = np.array([[[4, 0, 0], [4, 0, 0], [0, 0, 0]]] * 8)
    candidate = np.array([[[4, 0, 0], [0, 4, 0], [0, 0, 0]]] * 8)
    # published: road 4/8, tree 0 → .25; candidate: 1 and 1; water is not in the truth
    decision = decide(candidate, published, class_codes=CODES, rng=np.random.default_rng(0))
    assert decision.delta == decision.low == decision.high == 0.75


@pytest.mark.parametrize("published", [None, 0.5])
def test_nine_control_tiles_judge_no_model_however_good_and_ten_do(published):
    excellent, other = simulated(1, 0.95, n_tiles=10), None if published is None else simulated(0, 0.5, n_tiles=10)
    few = judged(excellent[:9], None if other is None else other[:9])
    assert not few.promote and few.n_tiles == 9
    assert few.reason == "Too few control tiles to judge a model by: 9 labelled, 10 needed. Label at least 1 more."
    assert few.low > 0.2, "the figures are given all the same"
    assert judged(excellent, other).promote
    assert judged(excellent[:9], None if other is None else other[:9], min_holdout_tiles=9).promote


def test_evaluations_of_different_hold_outs_cannot_be_compared():
    one = simulated(1, 0.8)
    other = one.copy()
    other[7, 0, 0] += 1
    with pytest.raises(InvalidEvaluation, match="first tile 7"):
        judged(one, other)
    with pytest.raises(InvalidEvaluation, match="shape"):
        judged(one, one[:5])
