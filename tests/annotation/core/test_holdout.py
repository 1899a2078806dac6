"""The hold-out: draws, roles and refusals."""

import time

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from annotation.core.holdout import HoldoutDraw, draw_holdout, iter_holdout_tiles, role_of
from annotation.errors import HoldoutImpossible

ARGUMENTS = {"usable": None, "block_tiles": 4, "buffer_tiles": 1, "fraction": 0.1, "seed": 7}


def test_roles_around_one_block_are_those_drawn_by_hand():
    # Blocks of 2 × 2, buffer 1, block (1, 1) drawn: tiles 2-3 are held out, 1 and 4 are the buffer.
    rows = ["".join(role_of(r, c, frozenset({(1, 1)}), 2, 1)[0] for c in range(6)) for r in range(6)]
    assert rows == ["pppppp", "pbbbbp", "pbhhbp", "pbhhbp", "pbbbbp", "pppppp"]


def test_without_buffer_only_the_block_itself_leaves_the_pool():
    roles = [role_of(0, col, frozenset({(0, 0)}), 2, 0) for col in range(4)]
    assert roles == ["holdout", "holdout", "pool", "pool"]


def test_a_draw_is_repeatable_and_another_seed_gives_another():
    first = draw_holdout(n_rows=100, n_cols=100, **ARGUMENTS)
    assert draw_holdout(n_rows=100, n_cols=100, **ARGUMENTS) == first
    assert draw_holdout(n_rows=100, n_cols=100, **{**ARGUMENTS, "seed": 8}).blocks != first.blocks


def test_a_tenth_of_625_blocks_is_63_and_the_probability_says_so():
    draw = draw_holdout(n_rows=100, n_cols=100, **ARGUMENTS)
    assert len(draw.blocks) == 63  # 62.5 rounds up
    assert draw.inclusion_probability == 63 / 625
    assert len(set(draw.blocks)) == 63


def test_at_least_one_block_is_drawn():
    draw = draw_holdout(n_rows=20, n_cols=20, **{**ARGUMENTS, "fraction": 0.001})
    assert len(draw.blocks) == 1
    assert draw.inclusion_probability == 1 / 25


def test_blocks_without_usable_tiles_are_never_drawn_nor_counted():
    usable = np.zeros((40, 40), dtype=bool)
    usable[0:8, 0:40] = True  # block rows 0 and 1: 20 of the 100 blocks
    draw = draw_holdout(n_rows=40, n_cols=40, **{**ARGUMENTS, "usable": usable, "fraction": 0.25})
    assert draw.inclusion_probability == 5 / 20
    assert all(block_row <= 1 for block_row, _ in draw.blocks)


def test_every_usable_block_is_drawn_about_as_often_as_its_probability_says():
    counts = np.zeros((5, 5))
    for seed in range(2000):
        for row, col in draw_holdout(n_rows=20, n_cols=20, **{**ARGUMENTS, "seed": seed, "fraction": 0.2}).blocks:
            counts[row, col] += 1
    # Binomial(2000, 0.2): mean 400, standard deviation 17.9; 5 deviations.
    assert np.abs(counts - 400).max() < 90


@settings(max_examples=60, deadline=None)
@given(st.integers(6, 40), st.integers(6, 40), st.integers(1, 7), st.integers(0, 5), st.integers(0, 2**32), st.data())
def test_roles_agree_with_a_measure_of_the_distance_to_the_blocks(n_rows, n_cols, block, buffer, seed, data):
    try:
        draw = draw_holdout(
            n_rows=n_rows,
            n_cols=n_cols,
            usable=None,
            block_tiles=block,
            buffer_tiles=buffer,
            fraction=0.1,
            seed=seed,
        )
    except HoldoutImpossible:
        assume(False)
    held = np.array(list(iter_holdout_tiles(draw, n_rows=n_rows, n_cols=n_cols, block_tiles=block)))
    row, col = data.draw(st.integers(0, n_rows - 1)), data.draw(st.integers(0, n_cols - 1))
    distance = np.abs(held - (row, col)).max(axis=1).min()
    # Tiles of an incomplete block beyond the grid do not exist, hence never bring a tile nearer.
    expected = "holdout" if distance == 0 else "buffer" if distance <= buffer else "pool"
    assert role_of(row, col, draw, block, buffer) == expected


def test_the_tiles_of_the_holdout_are_the_usable_ones_of_its_blocks_within_the_grid():
    usable = np.ones((5, 5), dtype=bool)
    usable[4, 4] = False
    draw = HoldoutDraw(blocks=((0, 0), (1, 1)), inclusion_probability=0.5, seed=1)
    tiles = list(iter_holdout_tiles(draw, n_rows=5, n_cols=5, block_tiles=3, usable=usable))
    assert tiles == [(r, c) for r in range(3) for c in range(3)] + [(3, 3), (3, 4), (4, 3)]


def test_a_grid_that_would_keep_no_tile_to_label_is_refused_with_what_to_change():
    with pytest.raises(HoldoutImpossible, match="leaves no tile to label"):
        draw_holdout(n_rows=4, n_cols=4, **ARGUMENTS)
    with pytest.raises(HoldoutImpossible, match="smaller buffer"):
        draw_holdout(n_rows=6, n_cols=6, **{**ARGUMENTS, "buffer_tiles": 6})


@pytest.mark.parametrize(
    "change",
    [{"fraction": 0.0}, {"fraction": 1.0}, {"fraction": float("nan")}, {"block_tiles": 0}, {"buffer_tiles": -1},
     {"usable": np.ones((3, 3), dtype=bool)}, {"usable": np.ones((40, 40), dtype=np.uint8)},
     {"usable": np.zeros((40, 40), dtype=bool)}],
)  # fmt: skip
def test_wrong_arguments_are_refused(change):
    with pytest.raises(HoldoutImpossible):
        draw_holdout(n_rows=40, n_cols=40, **{**ARGUMENTS, **change})


@pytest.mark.parametrize(("block_tiles", "n_drawn"), [(1, 100_000), (10, 1_000)])
def test_five_million_tiles_are_drawn_in_under_two_seconds(block_tiles, n_drawn):
    usable = np.ones((2500, 2000), dtype=bool)
    begin = time.process_time()
    draw = draw_holdout(
        n_rows=2500,
        n_cols=2000,
        usable=usable,
        block_tiles=block_tiles,
        buffer_tiles=2,
        fraction=0.02,
        seed=1,
    )
    assert time.process_time() - begin < 2
    assert len(draw.blocks) == n_drawn
    begin = time.process_time()
    for row in range(1000):
        role_of(row, row, draw, block_tiles, 2)
    assert time.process_time() - begin < 0.5
