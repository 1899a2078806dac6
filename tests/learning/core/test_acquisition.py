from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from learning.core.acquisition import (
    ACQUISITIONS,
    Candidates,
    ConfidentErrors,
    Doubt,
    DoubtAndDiversity,
    acquisition_named,
    disagreement,
    heeds_cost,
    tile_worth,
)
from learning.core.rounds import Mix, rank_tiles
from learning.errors import InvalidScores, UnknownAcquisition


def on_a_grid(scores, eligible=None) -> Candidates:
    scores = np.asarray(scores, np.float64)
    row, col = np.nonzero(np.ones(scores.shape, np.bool_) if eligible is None else eligible)
    doubt = scores[row, col][:, None]
    return Candidates(row=row, col=col, doubt=doubt, share=np.ones_like(doubt))


def ranked(scores, *, batch, share=0.0, cell=1, eligible=None, seed=0):
    mix = Mix(random=share, suspects=0.0, spatial_cell_tiles=cell)
    candidates = on_a_grid(scores, eligible)
    return rank_tiles(candidates, acquisition=Doubt(), mix=mix, batch_size=batch, rng=np.random.default_rng(seed))


def looking(embedding, *, doubt=None, share=None, known=None, known_share=None, seconds=None) -> Candidates:
    """Candidates in a row, of two classes, that look as given."""
    n_tiles = len(embedding)
    return Candidates(
        row=np.zeros(n_tiles, np.intp),
        col=np.arange(n_tiles),
        doubt=np.full((n_tiles, 2), 0.5) if doubt is None else np.asarray(doubt, np.float64),
        share=np.full((n_tiles, 2), 0.5) if share is None else np.asarray(share, np.float64),
        embedding=np.asarray(embedding, np.float32),
        known_embedding=None if known is None else np.asarray(known, np.float32),
        known_share=None if known_share is None else np.asarray(known_share, np.float64),
        seconds=None if seconds is None else np.asarray(seconds, np.float64),
    )


def test_without_spreading_tiles_come_by_descending_score():
    result = ranked([[0.1, 0.9], [0.5, 0.3]], batch=3)
    assert [(t.row, t.col) for t in result] == [(0, 1), (1, 0), (1, 1)]
    assert [t.rank for t in result] == [0, 1, 2]
    assert all(t.kind == "uncertainty" and t.probability is None for t in result)


def test_the_best_tile_of_every_cell_comes_before_the_second_best_of_any():
    # cells of 2 x 2 tiles, left cell holds the four best scores
    scores = [[0.9, 0.8, 0.10, 0.2], [0.7, 0.6, 0.3, 0.4]]
    result = ranked(scores, batch=5, cell=2)
    assert [scores[t.row][t.col] for t in result] == [0.9, 0.4, 0.8, 0.3, 0.7]


def test_a_cell_cut_by_the_border_is_a_cell_of_its_own():
    scores = [[0.9, 0.8, 0.1], [0.7, 0.6, 0.2], [0.3, 0.4, 0.5]]
    result = ranked(scores, batch=4, cell=2)
    # cells: {.9 .8 .7 .6}, {.1 .2}, {.3 .4}, {.5}
    assert [scores[t.row][t.col] for t in result] == [0.9, 0.5, 0.4, 0.2]


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


def test_doubt_about_a_rare_class_counts_more():
    # class 0 covers .8 of the ground, class 1 .2: weights ∝ .8^-.5 = 1.118, .2^-.5 = 2.236, over .8·1.118 + .2·2.236
    candidates = looking([[0.0]] * 2, doubt=[[0.4, 0.0], [0.0, 0.3]], share=[[0.8, 0.2], [0.8, 0.2]])
    assert tile_worth(candidates, rarity=0, cost=0) == pytest.approx([0.4, 0.3])
    assert tile_worth(candidates, rarity=0.5, cost=0) == pytest.approx([0.4 * 0.83333, 0.3 * 1.66667], abs=1e-4)


def test_what_takes_long_is_put_off_by_its_cost():
    candidates = looking([[0.0]] * 2, doubt=[[0.6, 0.0], [0.4, 0.0]], seconds=[40, 10])
    assert tile_worth(candidates, rarity=0, cost=1) == pytest.approx([0.6 / 40, 0.4 / 10])
    assert tile_worth(candidates, rarity=0, cost=0) == pytest.approx([0.6, 0.4])


def test_of_two_tiles_that_look_the_same_the_second_is_not_asked_for_next():
    candidates = looking([[0.0], [0.1], [3.0]], doubt=[[0.9, 0], [0.85, 0], [0.5, 0]])
    rng = np.random.default_rng(0)
    assert DoubtAndDiversity(rarity=0, typical=0)(candidates, count=2, rng=rng).tolist() == [0, 2]
    assert Doubt()(candidates, count=2, rng=rng).tolist() == [0, 1]


def test_an_odd_tile_is_not_asked_for_just_because_it_is_far_from_all_others():
    # two crowds and a stray; beside the known first crowd the stray is farthest, the second crowd typical
    look = [[x] for x in (0.0, 0.1, 0.2, 5.0, 5.1, 5.2, 11.0)]
    candidates = looking(look, doubt=[[0.5, 0]] * 7, known=[[0.1]])
    rng = np.random.default_rng(0)
    assert DoubtAndDiversity(typical=0)(candidates, count=1, rng=rng).tolist() == [6]
    assert DoubtAndDiversity(typical=2)(candidates, count=1, rng=rng)[0] in (3, 4, 5)


def test_what_looks_like_a_labelled_tile_is_asked_for_last():
    candidates = looking([[0.0], [2.0]], doubt=[[0.9, 0], [0.3, 0]], known=[[0.05]])
    assert DoubtAndDiversity(rarity=0)(candidates, count=2, rng=np.random.default_rng(0)).tolist() == [1, 0]


def test_a_sure_tile_whose_look_was_labelled_otherwise_is_a_suspect():
    candidates = looking(
        [[0.0], [0.1], [9.0]],
        doubt=[[0.0, 0.0], [0.4, 0.0], [0.0, 0.0]],
        share=[[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]],
        known=[[0.0], [9.0]],
        known_share=[[0.0, 1.0], [1.0, 0.0]],
    )
    # the two labelled tiles together are each tile's neighbours: half of their ground is of the other class
    assert disagreement(candidates) == pytest.approx([0.5, 0.5, 0.5])
    many = looking(
        [[0.0], [9.0]],
        doubt=[[0.1, 0.0], [0.1, 0.0]],
        share=[[1.0, 0.0], [1.0, 0.0]],
        known=[[0.0]] * 5 + [[9.0]] * 5,
        known_share=[[0.25, 0.75]] * 5 + [[1.0, 0.0]] * 5,
    )
    assert disagreement(many) == pytest.approx([0.75, 0.0])
    for times, suspects in ((9, []), (10, [0])):  # of ten labelled tiles: 90 are too few, 100 are enough
        doubtless = looking(many.embedding, doubt=[[0.0, 0.0], [0.0, 0.0]], share=many.share,
                            known=np.tile(many.known_embedding, (times, 1)),
                            known_share=np.tile(many.known_share, (times, 1)))  # fmt: skip
        suspected = ConfidentErrors(by_looks=True)(doubtless, count=2, rng=np.random.default_rng(0))
        assert suspected.tolist() == suspects
        assert len(ConfidentErrors()(doubtless, count=2, rng=np.random.default_rng(0))) == 0, "not asked to, by looks"


def test_the_strongest_evidence_against_a_sure_tile_makes_it_a_suspect():
    # Doubts 0.0, 0.2 and 0.4 of at most 0.4: sure by 1, 0.5 and 0. The fourth tile has nothing to be held against.
    candidates = replace(on_a_grid([[0.0, 0.2, 0.4, 0.0, 0.0]]), contradicted=np.array([0.3, 0.8, 1.0, np.nan, 0.0]))
    suspected = ConfidentErrors()(candidates, count=5, rng=np.random.default_rng(0))
    assert suspected.tolist() == [1, 0]  # 0.4 before 0.3; what is doubted, unknown or agreed upon is no suspect
    little = replace(on_a_grid([[0.0, 0.0]]), contradicted=np.array([0.009, 0.01]))
    assert ConfidentErrors()(little, count=2, rng=np.random.default_rng(0)).tolist() == [1], "a hundredth, or nothing"
    looks = replace(
        looking([[0.0], [9.0]], doubt=[[0.0, 0.0]] * 2, share=[[1.0, 0.0]] * 2,
                known=[[0.0]] * 50 + [[9.0]] * 50, known_share=[[0.25, 0.75]] * 50 + [[1.0, 0.0]] * 50),
        contradicted=np.array([0.5, 0.6]),
    )  # fmt: skip
    # By looks 0.75 and 0, by the other vintage 0.5 and 0.6: the larger of the two counts, if looks are asked.
    order = [ConfidentErrors(by_looks=asked)(looks, count=2, rng=np.random.default_rng(0)) for asked in (True, False)]
    assert [one.tolist() for one in order] == [[0, 1], [1, 0]]


def test_without_labelled_tiles_or_embeddings_nobody_is_a_suspect():
    assert disagreement(looking([[0.0]])) is None
    suspected = ConfidentErrors(by_looks=True)(on_a_grid([[0.1]]), count=1, rng=np.random.default_rng(0))
    assert len(suspected) == 0


def test_a_round_is_made_of_its_shares_at_evenly_spaced_ranks():
    rng = np.random.default_rng(1)
    embedding = rng.standard_normal((200, 3))
    candidates = looking(embedding, doubt=rng.random((200, 2)), share=rng.dirichlet([1, 1], 200),
                         known=rng.standard_normal((120, 3)), known_share=rng.dirichlet([1, 1], 120))  # fmt: skip
    tiles = rank_tiles(candidates, acquisition=DoubtAndDiversity(), mix=Mix(by_looks=True), batch_size=40, rng=rng)
    kinds = [tile.kind for tile in tiles]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"uncertainty": 28, "suspect": 8, "random": 4}
    assert [rank for rank, kind in enumerate(kinds) if kind == "random"] == [5, 15, 25, 35]
    assert len({tile.col for tile in tiles}) == 40
    assert all((tile.probability == 4 / 200) == (tile.kind == "random") for tile in tiles)


def test_tiles_of_a_priority_area_come_before_all_others_of_the_function():
    candidates = on_a_grid([[0.9, 0.1, 0.8, 0.2]])
    tiles = rank_tiles(candidates, acquisition=Doubt(), mix=Mix(0, 0), batch_size=3,
                       rng=np.random.default_rng(0), first=np.array([False, True, False, True]))  # fmt: skip
    assert [(tile.col, tile.kind) for tile in tiles] == [(3, "area"), (1, "area"), (0, "uncertainty")]


@pytest.mark.parametrize("name", sorted(ACQUISITIONS))
def test_every_named_function_names_different_tiles_and_as_many_as_there_are_at_most(name):
    rng = np.random.default_rng(2)
    candidates = looking(rng.standard_normal((30, 4)), doubt=rng.random((30, 2)))
    for count in (0, 7, 50):
        chosen = acquisition_named(name)(candidates, count=count, rng=rng)
        assert len(set(chosen.tolist())) == len(chosen) == min(count, 30)


def test_an_unknown_function_is_refused_with_those_there_are():
    with pytest.raises(UnknownAcquisition, match=r"'badge' is unknown.*doubt_and_diversity"):
        acquisition_named("badge")


def test_candidates_that_do_not_fit_together_are_refused():
    with pytest.raises(InvalidScores, match="share of the candidates does not fit 2 tiles"):
        looking([[0.0], [1.0]], share=[[1.0, 0.0]])


def test_a_function_that_a_policy_names_heeds_cost_where_it_asks_what_a_tile_is_worth():
    candidates = looking([[0.0], [9.0]], doubt=[[0.6, 0.0], [0.4, 0.0]], seconds=[400, 100])
    rng = np.random.default_rng(0)
    for name in ("entropy", "rare_doubt", "doubt_and_diversity"):
        assert heeds_cost(name)
        assert acquisition_named(name, cost=1.0)(candidates, count=1, rng=rng).tolist() == [1], name
        assert acquisition_named(name)(candidates, count=1, rng=rng).tolist() == [0], name
    assert not heeds_cost("diversity") and not heeds_cost("random")
