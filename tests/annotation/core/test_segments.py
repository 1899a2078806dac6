"""Segments: a partition of the tile into connected pieces, the same at each call."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scenes import checker_truth, image_of

from annotation.core.segments import MAX_SEGMENTS, SEGMENT_SIDE_PX, connected_pieces, segment_tile


def picture(height: int, width: int, *, square_px: int = 32) -> NDArray[np.uint8]:
    """Two colours in squares, with noise: uint8 (h, w, 3)."""
    return np.ascontiguousarray(image_of(checker_truth(height, width, square_px=square_px))[:3].transpose(1, 2, 0))


def everywhere(rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.ones(rgb.shape[:2], dtype=bool)


def assert_sound(ids: NDArray[np.uint16]) -> None:
    """Ids from 0 in reading order, each in one 4-connected piece."""
    assert ids.dtype == np.uint16
    assert np.array_equal(connected_pieces(ids.astype(np.int64)), ids)
    assert int(ids.max()) < MAX_SEGMENTS


@pytest.mark.parametrize("level", SEGMENT_SIDE_PX)
def test_segments_are_connected_numbered_in_reading_order_and_as_many_as_asked(level: str) -> None:
    rgb = picture(256, 256)
    ids = segment_tile(rgb, everywhere(rgb))[level]
    assert_sound(ids)
    usual = SEGMENT_SIDE_PX[level] ** 2
    sizes = np.bincount(ids.ravel())
    assert usual * 0.9 < sizes.mean() < usual * 1.1
    assert sizes.min() >= SEGMENT_SIDE_PX["fine"] ** 2 / 4


def test_each_segment_lies_within_one_of_the_size_above() -> None:
    rgb = picture(192, 192)
    levels = list(segment_tile(rgb, everywhere(rgb)).values())
    for larger, smaller in pairwise(levels):
        held = np.unique(np.stack([smaller.ravel(), larger.ravel()]), axis=1)
        assert held.shape[1] == int(smaller.max()) + 1


def test_a_large_segment_is_as_large_as_what_it_shows_and_keeps_a_small_thing_apart() -> None:
    rgb = np.full((256, 256, 3), (90, 140, 70), np.uint8)  # a meadow
    rgb[100:124, 60:84] = (190, 90, 70)  # a roof of 24 px in it
    rgb[:, 200:] = (150, 150, 150)  # a yard beside it
    rgb = (rgb + np.random.default_rng(5).integers(-6, 7, rgb.shape)).astype(np.uint8)
    ids = segment_tile(rgb, everywhere(rgb))["broadest"]
    assert (ids[104:120, 64:80] == ids[112, 72]).all()
    assert (ids == ids[112, 72]).sum() < 24 * 24 * 1.3
    # SLIC's own pieces of this size would mix the yard's edge with the meadow every 64 pixels.
    assert not np.isin(ids[:, 204:], ids[:, :196]).any()


def test_the_same_picture_gives_the_same_bytes() -> None:
    rgb = picture(192, 192)
    first, again = (segment_tile(rgb.copy(), everywhere(rgb)) for _ in range(2))
    assert [first[level].tobytes() for level in first] == [again[level].tobytes() for level in SEGMENT_SIDE_PX]


def test_segments_keep_to_the_edges_of_what_is_seen() -> None:
    truth = checker_truth(256, 256, square_px=64)
    rgb = picture(256, 256, square_px=64)
    ids = segment_tile(rgb, everywhere(rgb))["medium"]
    is_second = np.bincount(ids.ravel(), weights=(truth == 2).ravel()) / np.bincount(ids.ravel())
    wrong = np.minimum(is_second, 1 - is_second)[ids]
    assert wrong.mean() < 0.02


def test_ground_without_imagery_has_segments_of_its_own_and_specks_of_it_have_none() -> None:
    rgb = picture(128, 128)
    valid = everywhere(rgb)
    valid[:, :40] = False
    valid[70, 90] = valid[100, 100] = False
    ids = segment_tile(rgb, valid)["fine"]
    assert_sound(ids)
    assert len(np.unique(ids[:, :40])) == 1 and not np.isin(ids[:, 40:], ids[0, 0]).any()
    assert (ids == ids[70, 90]).sum() > 1 and (ids == ids[100, 100]).sum() > 1


def test_a_tile_without_any_imagery_is_one_segment() -> None:
    ids = segment_tile(np.zeros((96, 96, 3), np.uint8), np.zeros((96, 96), bool))["coarse"]
    assert ids.shape == (96, 96) and not ids.any()


def test_noise_and_a_mask_like_a_sieve_stay_within_the_limit() -> None:
    rng = np.random.default_rng(3)
    rgb = rng.integers(0, 256, (640, 640, 3), dtype=np.uint8)
    valid = (np.indices((640, 640)).sum(axis=0) % 2).astype(bool)
    assert_sound(segment_tile(rgb, valid)["fine"])
    assert_sound(segment_tile(rgb, everywhere(rgb))["fine"])


def test_stripes_of_missing_imagery_are_joined_until_there_are_few_enough() -> None:
    rgb = picture(512, 512)
    valid = everywhere(rgb)
    valid[::3] = False
    ids = segment_tile(rgb, valid)["fine"]
    assert_sound(ids)
    assert np.bincount(ids.ravel()).min() >= 16


def test_connected_pieces_tells_apart_what_touches_at_a_corner_only() -> None:
    labels = np.array([[7, 7, 3], [3, 7, 7], [3, 3, 7]])
    assert connected_pieces(labels).tolist() == [[0, 0, 1], [2, 0, 0], [2, 2, 0]]
    assert connected_pieces(np.array([[1, 2], [2, 1]])).tolist() == [[0, 1], [2, 3]]
