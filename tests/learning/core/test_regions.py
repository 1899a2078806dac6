"""Which parts of tiles a round asks for."""

from __future__ import annotations

import time

import numpy as np
import pytest

from learning.core.acquisition import AtRandom, Candidates, Doubt, DoubtAndDiversity
from learning.core.regions import PARTS, RankedParts, check_parts, rank_parts
from learning.core.rounds import Mix
from learning.errors import InvalidPredictionGrid, InvalidScores

NO_CHANCE = Mix(random=0.0, suspects=0.0)


def on_parts(doubt: np.ndarray, *, known: np.ndarray | None = None, known_share: np.ndarray | None = None,
             look: np.ndarray | None = None, share: np.ndarray | None = None) -> Candidates:  # fmt: skip
    """Parts of a grid, (part row, part column) of doubt in one class of two."""
    row, col = np.indices(doubt.shape).reshape(2, -1)
    by_class = np.stack([doubt.ravel(), np.zeros(doubt.size)], axis=1)
    whole = np.tile([1.0, 0.0], (doubt.size, 1))
    return Candidates(
        row=row, col=col, doubt=by_class, share=whole if share is None else share.reshape(-1, 2),
        embedding=None if look is None else look.reshape(doubt.size, -1).astype(np.float32),
        known_embedding=None if known is None else known.astype(np.float32), known_share=known_share,
    )  # fmt: skip


def by_doubt(
    candidates: Candidates, *, tiles: int, mix: Mix = NO_CHANCE, seed: int = 0, **more
) -> tuple[RankedParts, ...]:
    rng = np.random.default_rng(seed)
    return rank_parts(candidates, acquisition=Doubt(), mix=mix, batch_size=tiles, rng=rng, **more)


def test_tiles_come_by_their_best_part_and_are_asked_for_what_was_ranked_of_them():
    doubt = np.zeros((4, 12))  # one row of three tiles
    doubt[1, 2], doubt[3, 0] = 0.9, 0.5  # first tile
    doubt[0, 8] = 0.7  # third
    doubt[2, 6], doubt[2, 7] = 0.8, 0.6  # second
    first, second = by_doubt(on_parts(doubt), tiles=2, most=2)
    # four parts are ranked for two tiles: .9, .8, .7 (of a third tile, one too many), .6
    assert (first.row, first.col, first.parts) == (0, 0, ((1, 2),))
    assert (second.row, second.col, second.parts) == (0, 1, ((2, 2), (2, 3)))
    assert (first.rank, second.rank, first.kind, first.probability) == (0, 1, "uncertainty", None)
    assert first.windows(32) == ((64, 32, 32, 32),), "column, row, width, height in the tile's pixels"


def test_no_more_than_four_parts_of_a_tile_are_asked_for_and_all_the_tiles_wanted_are():
    doubt = np.zeros((8, 8))  # four tiles
    doubt[:4, :4] = 1 + np.arange(16).reshape(4, 4)  # all of one tile's parts before any of another's
    doubt[4:, 4:] = 0.5
    tiles = by_doubt(on_parts(doubt), tiles=2)
    assert [(t.row, t.col) for t in tiles] == [(0, 0), (1, 1)]
    assert tiles[0].parts == ((3, 3), (3, 2), (3, 1), (3, 0)) and len(tiles[1].parts) == 4
    assert len(by_doubt(on_parts(doubt), tiles=9)) == 4, "there are no more"


def test_parts_are_unlike_each_other_and_unlike_the_parts_that_are_labelled():
    look = np.zeros((4, 8, 1))
    look[0, 0], look[0, 4], look[3, 7] = 5, 4.9, -5
    doubt = np.full((4, 8), 0.01)
    doubt[0, 0], doubt[0, 4], doubt[3, 7] = 0.9, 0.89, 0.8
    candidates = on_parts(doubt, look=look, known=np.zeros((1, 1)), known_share=np.array([[1.0, 0.0]]))
    tiles = rank_parts(candidates, acquisition=DoubtAndDiversity(typical=0), mix=NO_CHANCE, batch_size=1, most=2,
                       rng=np.random.default_rng(0))  # fmt: skip
    assert (tiles[0].col, tiles[0].parts) == (0, ((0, 0),)), "its neighbour's look is taken, and it lies elsewhere"
    known = on_parts(doubt, look=look, known=np.array([[5.0]]), known_share=np.array([[1.0, 0.0]]))
    again = rank_parts(known, acquisition=DoubtAndDiversity(typical=0), mix=NO_CHANCE, batch_size=1, most=1,
                       rng=np.random.default_rng(0))  # fmt: skip
    assert (again[0].col, again[0].parts) == (1, ((3, 3),))


def test_chance_draws_tiles_with_one_logged_probability_and_as_many_parts_of_them_as_others_have():
    doubt = np.random.default_rng(2).random((40, 40))
    doubt[:4, :4] = np.nan  # a tile without imagery
    mix = Mix(random=0.25, suspects=0.0)
    counts, parts_drawn = np.zeros((10, 10)), np.zeros((4, 4))
    for seed in range(300):
        drawn = [t for t in by_doubt(on_parts(doubt), tiles=20, mix=mix, seed=seed) if t.kind == "random"]
        assert len(drawn) == 5 and {t.probability for t in drawn} == {5 / 99}
        for tile in drawn:
            assert len(set(tile.parts)) == 4
            counts[tile.row, tile.col] += 1
            for part in tile.parts:
                parts_drawn[part] += 1
    assert counts[0, 0] == 0 and counts.sum() == 1500
    assert abs(counts.ravel()[1:] - 1500 / 99).max() < 5 * (1500 / 99) ** 0.5
    assert abs(parts_drawn - 375).max() < 5 * 375**0.5


def test_a_batch_has_each_tile_once_with_its_kinds_spread_over_the_ranks():
    rng = np.random.default_rng(1)
    doubt, look = rng.random((80, 80)), rng.normal(size=(80, 80, 8))
    known_share = np.tile([0.0, 1.0], (150, 1))
    candidates = on_parts(doubt, look=look, known=rng.normal(size=(150, 8)), known_share=known_share)
    inside = np.isin(candidates.row // PARTS, [0]) & (candidates.col // PARTS < 3)
    tiles = rank_parts(candidates, acquisition=DoubtAndDiversity(), mix=Mix(by_looks=True), batch_size=60,
                       rng=np.random.default_rng(3), first=inside)  # fmt: skip
    kinds = [tile.kind for tile in tiles]
    assert [tile.rank for tile in tiles] == list(range(60)) and len({(t.row, t.col) for t in tiles}) == 60
    expected = {kind: kinds.count(kind) for kind in ("random", "suspect")}
    assert expected == {"random": round(60 * Mix().random), "suspect": round(60 * Mix().suspects)}
    area = [n for n, kind in enumerate(kinds) if kind == "area"]
    assert area and max(area) < min(n for n, kind in enumerate(kinds) if kind == "uncertainty")
    again = rank_parts(candidates, acquisition=DoubtAndDiversity(), mix=Mix(by_looks=True), batch_size=60,
                       rng=np.random.default_rng(3), first=inside)  # fmt: skip
    assert again == tiles


def test_of_every_square_of_the_ground_one_tile_comes_before_the_second_of_any():
    doubt = np.zeros((16, 16))  # 4 × 4 tiles in cells of 2 × 2
    doubt[:8, :8] = 0.9
    tiles = by_doubt(on_parts(doubt), tiles=4, mix=Mix(0.0, 0.0, spatial_cell_tiles=2), most=16)
    assert len({(t.row // 2, t.col // 2) for t in tiles}) == 4


def test_a_random_round_of_parts_asks_for_all_the_tiles_it_wants():
    doubt = np.ones((12, 12))
    tiles = rank_parts(on_parts(doubt), acquisition=AtRandom(), mix=NO_CHANCE, batch_size=9,
                       rng=np.random.default_rng(0))  # fmt: skip
    assert len(tiles) == 9


@pytest.mark.parametrize(("tile_px", "parts"), [(130, 4), (64, 4), (256, 0), (127, 2)])
def test_tiles_that_cannot_be_told_apart_are_refused_with_what_could_be(tile_px: int, parts: int):
    with pytest.raises(InvalidPredictionGrid, match=f"Tiles of {tile_px} px"):
        check_parts(tile_px, parts)


def test_tiles_that_can_be_told_apart_are_let_through_and_odd_rounds_are_not():
    check_parts(128, 4), check_parts(50, 1)
    with pytest.raises(InvalidScores):
        by_doubt(on_parts(np.ones((4, 4))), tiles=0)


def test_a_quarter_of_a_million_parts_are_ranked_in_seconds():
    rng = np.random.default_rng(0)
    doubt, look = rng.random((500, 500)), rng.normal(size=(500, 500, 16))
    candidates = on_parts(doubt, look=look, known=rng.normal(size=(500, 16)), known_share=np.tile([1.0, 0], (500, 1)))
    began = time.perf_counter()
    tiles = rank_parts(candidates, acquisition=DoubtAndDiversity(), mix=Mix(), batch_size=200, rng=rng)
    assert len(tiles) == 200 and time.perf_counter() - began < 20
