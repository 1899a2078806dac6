from __future__ import annotations

import numpy as np
import pytest

from learning.core.gate import (
    GateDecision,
    GateRule,
    decide,
    majority_confusions,
    student_interval,
    tiles_that_would_tell,
)
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
    assert sum(decision.outcome == "reject" for decision in worse) >= 90


def test_of_a_hundred_equal_models_at_least_ninety_are_promoted():
    published = simulated(0, 0.80, n_tiles=120)
    equal = [judged(simulated(seed, 0.80, n_tiles=120), published, n_resamples=500) for seed in range(1, 101)]
    assert sum(decision.promote for decision in equal) >= 90
    assert not any(decision.outcome == "reject" for decision in equal)


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
    assert decision.outcome == "reject"
    assert decision.reason == "water fell by 5.0 points of IoU, 3 are allowed."
    assert [(reason.code, reason.figures["class_code"]) for reason in decision.reasons] == [("class_fell", "water")]


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
    assert lazy.outcome == "reject" and lazy.delta == 0.0, "it is that answer"
    assert lazy.reasons[0].code == "first_worse"


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
    assert few.outcome == "hold" and few.n_tiles == 9 and few.tiles_needed == 10
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


def by_tile(*accuracies: float) -> np.ndarray:
    """Two classes of a hundred pixels on each tile, as often right as said."""
    right = np.rint(100 * np.array(accuracies)).astype(np.int64)
    off = 100 - right
    return np.stack([np.stack([right, off], axis=1), np.stack([off, right], axis=1)], axis=1)


def compared(candidate: np.ndarray, published: np.ndarray, *, blocks: np.ndarray | None = None, **rule) -> GateDecision:
    return decide(
        candidate, published, class_codes=("a", "b"), rng=np.random.default_rng(0), blocks=blocks, rule=GateRule(**rule)
    )


def test_a_difference_that_may_be_chance_is_held_and_says_how_many_tiles_would_tell():
    # Ten points better on half of the tiles, nine worse on the other half.
    decision = compared(by_tile(*[0.9, 0.71] * 8), by_tile(*[0.8] * 16))
    assert decision.outcome == "hold" and decision.low < -0.005 < 0 < decision.delta
    assert [reason.code for reason in decision.reasons] == ["cannot_tell", "about_tiles"]
    # The bound's distance shrinks as 1 / √n: n' = 16 · ((delta - low) / (delta + 0.005))²
    wanted = 16 * ((decision.delta - decision.low) / (decision.delta + 0.005)) ** 2
    assert decision.tiles_needed == int(np.ceil(wanted)) > 16
    assert f"About {decision.tiles_needed} labelled control tiles" in decision.reason


def test_tiles_that_would_tell_are_worked_out_by_the_square_of_the_distance():
    # 0.02 above the least, and the bound lies 0.06 below the difference: three times too far, nine times the tiles.
    assert tiles_that_would_tell(delta=0.015, low=-0.045, least=-0.005, n_tiles=20) == 180
    assert tiles_that_would_tell(delta=-0.01, low=-0.05, least=-0.005, n_tiles=20) is None, "they would show it worse"


def test_what_four_tiles_of_a_block_share_counts_once():
    # Two blocks of four worse, four better: by tiles it is 8 against 16, by blocks 2 against 4.
    candidate = by_tile(*[0.78] * 8, *[0.83] * 16)
    published, blocks = by_tile(*[0.8] * 24), np.arange(24) // 4
    apart, together = compared(candidate, published), compared(candidate, published, blocks=blocks)
    assert apart.outcome == "promote" and apart.n_units == 24
    assert together.outcome == "hold" and together.n_units == 6
    assert together.delta == apart.delta and together.low < apart.low


def test_three_blocks_that_agree_by_chance_show_nothing():
    candidate, published = by_tile(*[0.79, 0.78, 0.70] * 4), by_tile(*[0.8] * 12)
    blocks = np.array([0, 1, 2] * 4)
    assert compared(candidate, published).outcome == "reject", "twelve tiles that agree would show it"
    decision = compared(candidate, published, blocks=blocks)
    assert decision.outcome == "hold" and decision.delta < -0.05 and decision.high > 0


def test_student_s_interval_of_a_worked_sample():
    # standard error 1 of 4 units: t(3) = 3.1824, √(4 / 3) = 1.1547
    values = np.array([-1.0, 1.0] * 500)
    assert student_interval(values, confidence=0.95, n_units=4) == (
        pytest.approx(-3.6748, abs=1e-3),
        pytest.approx(3.6748, abs=1e-3),
    )


def test_a_class_that_may_have_fallen_by_chance_holds_a_better_mean():
    # Of 100 pixels of b 50 were right; now 25 on half of the tiles and 66 on the rest: either sign is likely.
    def with_b(*found: int) -> np.ndarray:
        return np.array([[[800, 100, 0], [0, 0, 0], [0, 0, 0]]] * len(found)) + np.array(
            [[[0, 0, 0], [0, hits, 100 - hits], [0, 0, 300]] for hits in found]
        )

    published, candidate = with_b(*[50] * 20), with_b(*[25, 66] * 10)
    candidate[:, 0, 0] += 100
    candidate[:, 0, 1] -= 100
    decision = decide(
        candidate, published, class_codes=CODES, rng=np.random.default_rng(0), rule=GateRule(class_drop=0.0)
    )
    assert decision.low > 0 and decision.outcome == "hold"
    assert [reason.code for reason in decision.reasons] == ["class_may_have_fallen"]
    assert "which may be chance: label control tiles that hold it" in decision.reason


@pytest.mark.parametrize(("floor", "outcome"), [(0.85, "promote"), (0.93, "reject")])
def test_a_class_below_its_floor_keeps_a_first_model_from_being_published(floor: float, outcome: str):
    model = np.array([[[96, 4, 0], [4, 96, 0], [0, 0, 100]]] * 12) * 10  # road 96/104 = 0.923
    decision = decide(
        model, None, class_codes=CODES, rng=np.random.default_rng(0), rule=GateRule(class_floors={"road": floor})
    )
    assert decision.outcome == outcome
    if outcome == "reject":
        assert decision.reason == "road has 92.3 points of IoU, its floor is 93."


def test_a_floor_does_not_keep_out_what_is_no_worse_than_the_published_model():
    published = np.array([[[90, 10, 0], [10, 90, 0], [0, 0, 100]]] * 12) * 10
    candidate = np.array([[[92, 8, 0], [8, 92, 0], [0, 0, 100]]] * 12) * 10
    assert judged(candidate, published, class_floors={"road": 0.99}).outcome == "promote"
    assert judged(published, candidate, class_floors={"road": 0.99}, tolerance=0.1).outcome == "reject"
