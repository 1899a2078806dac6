from __future__ import annotations

import time

import numpy as np
import pytest

from learning.core.acquisition import least_confidence, margin_uncertainty, predictive_entropy, rank_tiles
from learning.errors import InvalidScores, NotProbabilities


def pixels(*distributions) -> np.ndarray:
    """(1 tile, class, 1 row, n pixels)"""
    return np.array(distributions, np.float32).T[None, :, None, :]


def ranked(scores, *, batch, share=0.0, cell=1, eligible=None, seed=0):
    scores = np.asarray(scores, np.float32)
    eligible = np.ones(scores.shape, np.bool_) if eligible is None else eligible
    return rank_tiles(
        scores, eligible=eligible, batch_size=batch, random_share=share, spatial_cell_tiles=cell,
        rng=np.random.default_rng(seed),
    )  # fmt: skip


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


def test_without_spreading_tiles_come_by_descending_score():
    result = ranked([[0.1, 0.9], [0.5, 0.3]], batch=3)
    assert [(t.row, t.col) for t in result] == [(0, 1), (1, 0), (1, 1)]
    assert [t.rank for t in result] == [0, 1, 2]
    assert all(t.kind == "uncertainty" and t.probability is None for t in result)


def test_the_best_tile_of_every_cell_comes_before_the_second_best_of_any():
    # cells of 2 x 2 tiles, left cell holds the four best scores
    scores = [[0.9, 0.8, 0.10, 0.2], [0.7, 0.6, 0.3, 0.4]]
    result = ranked(scores, batch=5, cell=2)
    assert [t.score for t in result] == pytest.approx([0.9, 0.4, 0.8, 0.3, 0.7])


def test_a_cell_cut_by_the_border_is_a_cell_of_its_own():
    result = ranked([[0.9, 0.8, 0.1], [0.7, 0.6, 0.2], [0.3, 0.4, 0.5]], batch=4, cell=2)
    # cells: {.9 .8 .7 .6}, {.1 .2}, {.3 .4}, {.5}
    assert [t.score for t in result] == pytest.approx([0.9, 0.5, 0.4, 0.2])


def test_only_eligible_tiles_with_a_finite_score_are_chosen():
    scores = np.array([[np.nan, 0.9], [0.5, np.inf]])
    eligible = np.array([[True, False], [True, True]])
    assert [(t.row, t.col) for t in ranked(scores, batch=4, share=0.5, eligible=eligible)] == [(1, 0)]
    assert ranked(scores, batch=4, eligible=np.zeros((2, 2), np.bool_)) == ()


def test_random_tiles_are_the_share_asked_for_evenly_placed_with_their_probability():
    rng = np.random.default_rng(3)
    eligible = np.ones((20, 20), np.bool_)
    eligible[0] = False
    result = ranked(rng.random((20, 20)), batch=50, share=0.2, eligible=eligible)
    random = [t for t in result if t.kind == "random"]
    assert [t.rank for t in random] == [2, 7, 12, 17, 22, 27, 32, 37, 42, 47]
    assert {t.probability for t in random} == {10 / 380}
    assert len({(t.row, t.col) for t in result}) == 50
    assert all(t.row > 0 for t in result)


def test_every_eligible_tile_is_drawn_at_random_as_often_as_the_logged_probability():
    scores = np.arange(10.0).reshape(2, 5)  # the best tiles must not be drawn less often
    hits = np.zeros((2, 5))
    n = 2000
    for seed in range(n):
        for t in ranked(scores, batch=5, share=0.4, seed=seed):
            hits[t.row, t.col] += t.kind == "random"
    # 2 of 10: p = .2, standard error sqrt(.2 · .8 / 2000) = .009
    assert np.abs(hits / n - 0.2).max() < 4 * 0.009


def test_equal_scores_are_not_taken_from_one_corner():
    result = ranked(np.zeros((100, 100)), batch=100, cell=100)
    assert np.mean([t.row for t in result]) == pytest.approx(49.5, abs=12)


def test_the_same_seed_gives_the_same_batch():
    scores = np.random.default_rng(0).random((30, 30))
    assert ranked(scores, batch=40, share=0.25, cell=5) == ranked(scores, batch=40, share=0.25, cell=5)
    assert ranked(scores, batch=40, share=0.25, seed=1) != ranked(scores, batch=40, share=0.25, seed=2)


def test_a_million_tiles_are_ranked_in_seconds():
    scores = np.random.default_rng(0).random((1000, 1000), np.float32)
    start = time.process_time()
    assert len(ranked(scores, batch=1000, share=0.1, cell=50)) == 1000
    assert time.process_time() - start < 10


@pytest.mark.parametrize("change", [{"batch": 0}, {"share": 1.5}, {"cell": 0}])
def test_options_out_of_range_are_refused(change):
    with pytest.raises(InvalidScores):
        ranked([[0.1]], **{"batch": 1, **change})
