from __future__ import annotations

import numpy as np
import pytest
from _gate_models import ACCURACY, CODES, Holdout, true_miou, worse_by
from gate import outcomes

from learning.core.evaluate import mean_iou


def test_a_worse_model_is_as_much_worse_as_it_is_said_to_be() -> None:
    for drop in (0.01, 0.1):
        accuracy = worse_by(drop, rng=np.random.default_rng(5))
        assert true_miou(np.array(ACCURACY)) - true_miou(accuracy) == pytest.approx(drop, abs=1e-6)
        assert (accuracy <= ACCURACY).all()


def test_a_large_hold_out_shows_a_model_s_own_mean_iou() -> None:
    holdout, accuracy = Holdout(4000, seed=1), np.array(ACCURACY)
    seen = mean_iou(holdout.confusions(accuracy, rng=np.random.default_rng(2)).sum(axis=0))
    assert float(seen) == pytest.approx(true_miou(accuracy), abs=0.02)
    assert holdout.ground[0].shape == (4000, len(CODES)) and (np.bincount(holdout.blocks) == 4).all()


@pytest.mark.parametrize("n_tiles", [24, 96])
def test_of_a_hundred_worse_models_none_is_promoted_and_of_a_hundred_equal_ones_ninety_are_not_rejected(
    n_tiles: int,
) -> None:
    assert outcomes(n_tiles=n_tiles, repeats=100, kind="worse", n_resamples=400)["promote"] == 0
    assert outcomes(n_tiles=n_tiles, repeats=100, kind="equal", n_resamples=400)["reject"] <= 10
