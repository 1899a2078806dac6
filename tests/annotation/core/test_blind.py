"""Which tiles are labelled without help: a share, spread without pattern, the same for ever."""

from __future__ import annotations

import numpy as np
import pytest

from annotation.core.blind import is_blind

SIDE = 300


def grid(share: float, seed: int = 0) -> np.ndarray:
    return np.array([[is_blind(seed=seed, row=r, col=c, share=share) for c in range(SIDE)] for r in range(SIDE)])


@pytest.mark.parametrize("share", [0.03, 0.1, 0.5])
def test_the_share_of_blind_tiles_is_the_share_asked_for(share: float) -> None:
    four_deviations = 4 * (share * (1 - share)) ** 0.5 / SIDE
    assert grid(share).mean() == pytest.approx(share, abs=four_deviations)


def test_no_share_means_no_tile_and_a_full_one_every_tile() -> None:
    places = [(r, c) for r in range(50) for c in range(50)]
    assert not any(is_blind(seed=1, row=r, col=c, share=0.0) for r, c in places)
    assert all(is_blind(seed=1, row=r, col=c, share=1.0) for r, c in places)


def test_neither_rows_nor_columns_nor_neighbours_show_a_pattern() -> None:
    blind = grid(0.1)
    spread = (0.1 * 0.9 / SIDE) ** 0.5
    for axis in (0, 1):
        assert abs(blind.mean(axis=axis) - 0.1).max() < 4.5 * spread
    for step in (1, 2, 3, 7, 10):
        for one, other in ((blind[step:], blind[:-step]), (blind[:, step:], blind[:, :-step])):
            assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(blind.ravel(), blind.T.ravel())[0, 1]) < 0.02


def test_another_seed_draws_other_tiles() -> None:
    first, second = grid(0.1, seed=1), grid(0.1, seed=2)
    assert (first & second).mean() == pytest.approx(0.01, abs=0.002)


def test_a_larger_share_keeps_the_tiles_of_a_smaller_one() -> None:
    assert not (grid(0.05) & ~grid(0.2)).any()


def test_the_draw_does_not_change_with_the_version_of_the_platform() -> None:
    drawn = [c for c in range(60) if is_blind(seed=7, row=4, col=c, share=0.1)]
    assert drawn == [5, 7, 11, 14, 21, 29, 31, 47, 54]
