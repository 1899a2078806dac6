"""Figures in sentences are rounded as people round."""

from __future__ import annotations

from django.utils.translation import override

from learning.core.drift import Drift
from learning.core.learning_curve import ExpectedGain
from learning.decision_words import drift_in_words, gain_in_words


def test_an_expected_gain_is_rounded_and_not_cut_off() -> None:
    gain = ExpectedGain(
        more_tiles=20, points=0.78, spread_points=0.19, low=0.4, high=1.2, below=None, curve=(), n_models=4
    )
    assert gain_in_words(gain).endswith("are expected to bring +0.8 ± 0.2 points of mean IoU.")
    with override("fr"):
        assert "+0,8 ± 0,2" in gain_in_words(gain)


def test_shares_that_moved_are_rounded_and_not_cut_off() -> None:
    moved = Drift(index=0.128, chance=0.049, moved_most="CS2.2.1", share_before=0.298, share_after=0.506)
    words = drift_in_words(moved)
    assert "moved by 0.13 (chance makes up to 0.05)" in words and "from 30% to 51% of the ground" in words
