from __future__ import annotations

import numpy as np
import pytest

from learning.core.uncertainty import (
    PIXEL_SCORES,
    bald,
    least_confidence,
    margin_uncertainty,
    pixel_score,
    predictive_entropy,
)
from learning.errors import NotProbabilities, UnknownAcquisition


def pixels(*distributions) -> np.ndarray:
    """(1 tile, class, 1 row, n pixels)"""
    return np.array(distributions, np.float32).T[None, :, None, :]


def test_entropy_is_zero_when_certain_and_ln_k_when_uniform():
    entropy = predictive_entropy(pixels([1, 0, 0, 0], [0.25] * 4, [0.5, 0.5, 0, 0]))
    assert entropy.dtype == np.float32
    assert entropy[0, 0] == pytest.approx([0, np.log(4), np.log(2)], abs=1e-6)


def test_margin_and_least_confidence_follow_the_two_likeliest_classes():
    p = pixels([0.6, 0.3, 0.1], [0.4, 0.4, 0.2])
    assert margin_uncertainty(p)[0, 0] == pytest.approx([0.7, 1.0])
    assert least_confidence(p)[0, 0] == pytest.approx([0.4, 0.6])


@pytest.mark.parametrize("function", [predictive_entropy, margin_uncertainty, least_confidence])
@pytest.mark.parametrize("bad", [[2.0, -1.0], [3.1, 0.2], [np.nan, 0.5]])
def test_logits_passed_by_mistake_are_refused(function, bad):
    with pytest.raises(NotProbabilities):
        function(pixels(bad))


def test_bald_is_what_the_members_disagree_about_and_nothing_of_what_they_all_doubt():
    sure_of_one, sure_of_other, unsure = [1.0, 0.0], [0.0, 1.0], [0.5, 0.5]
    members = np.stack([pixels(sure_of_one, unsure, sure_of_one), pixels(sure_of_other, unsure, sure_of_one)])
    assert bald(members)[0, 0] == pytest.approx([np.log(2), 0, 0], abs=1e-6)


def test_bald_between_an_unsure_and_a_sure_member_is_worked_out_by_hand():
    # mean (.75, .25): H = .5623; members' entropies 0 and ln 2: mean .3466
    members = np.stack([pixels([1.0, 0.0]), pixels([0.5, 0.5])])
    assert bald(members)[0, 0, 0] == pytest.approx(0.562335 - 0.346574, abs=1e-5)


def test_bald_needs_two_members():
    with pytest.raises(NotProbabilities, match="two members"):
        bald(pixels([0.5, 0.5])[None])


def test_every_named_score_stays_within_its_bound():
    rng = np.random.default_rng(0)
    members = rng.dirichlet([0.3] * 4, size=(3, 2, 5, 6)).transpose(0, 1, 4, 2, 3)
    for score in PIXEL_SCORES.values():
        values = score.function(members)
        assert values.shape == (2, 5, 6) and values.dtype == np.float32
        assert values.min() >= 0 and values.max() <= score.upper_bound(4) + 1e-6


def test_an_unknown_score_is_refused_with_those_there_are():
    with pytest.raises(UnknownAcquisition, match="bald, entropy, least_confidence, margin"):
        pixel_score("entropie")
