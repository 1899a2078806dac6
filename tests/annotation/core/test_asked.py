"""Parts of a tile that are asked for: as pixels, and as a quarter of the tile has them."""

from __future__ import annotations

import numpy as np

from annotation.core.asked import asked_mask
from annotation.core.quarters import windows_in_quarter


def test_asked_pixels_are_those_of_the_windows_and_without_windows_all_of_them() -> None:
    mask = asked_mask([(1, 0, 2, 1), (2, 0, 2, 3)], tile_px=4)
    assert mask.tolist() == [
        [False, True, True, True],
        [False, False, True, True],
        [False, False, True, True],
        [False] * 4,
    ]
    assert asked_mask([], tile_px=4).all()


def test_what_lies_beyond_the_tile_is_nowhere() -> None:
    mask = asked_mask([(-2, -2, 3, 3), (3, 3, 9, 9), (-5, 0, 2, 2)], tile_px=4)
    assert np.argwhere(mask).tolist() == [[0, 0], [3, 3]]


def test_windows_are_cut_at_a_quarter_s_edges_and_counted_from_its_corner() -> None:
    # Over the middle of a tile of 128 px, then in its lower left quarter alone.
    windows = [(48, 56, 32, 16), (0, 64, 64, 64)]
    in_quarter = {part: windows_in_quarter(windows, part=part, tile_px=128) for part in (1, 2, 3, 4)}
    assert in_quarter == {
        1: [(48, 56, 16, 8)],
        2: [(0, 56, 16, 8)],
        3: [(48, 0, 16, 8), (0, 0, 64, 64)],
        4: [(0, 0, 16, 8)],
    }


def test_a_window_that_ends_at_the_line_between_two_quarters_lies_in_one() -> None:
    assert windows_in_quarter([(32, 0, 32, 32)], part=1, tile_px=128) == [(32, 0, 32, 32)]
    assert windows_in_quarter([(32, 0, 32, 32)], part=2, tile_px=128) == []
