"""Areas from blocks that were drawn whole."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from learning.core.area import stratified_estimates
from learning.core.area_blocks import block_estimates
from learning.errors import InvalidSample


def blocks(wrong: list[int]) -> np.ndarray:
    """Blocks of 100 pixels, mapped half and half; so many of the first class are really of the second."""
    return np.array([[[50 - w, 0], [w, 50]] for w in wrong])


def test_the_map_is_corrected_by_what_it_is_off_in_the_blocks():
    wrong = [0, 0, 0, 0, 10, 10, 10, 10]  # 5 % of the ground, between blocks as unlike as can be
    found = block_estimates(blocks(wrong), mapped=np.array([600.0, 400.0]), drawn_share=0.0 + 1e-12)
    assert [one.value for one in found.area] == pytest.approx([550, 450])
    # s² of the shares is 8·0.05²/7; the standard error of their mean √(s²/8)
    half = t.ppf(0.975, 7) * np.sqrt(0.05**2 / 7)
    assert [one.half_width for one in found.area] == pytest.approx([1000 * half, 1000 * half])
    assert (found.overall.value, found.overall.half_width) == pytest.approx((0.95, half))


def test_blocks_that_hold_less_ground_count_for_less():
    small = blocks([0] * 7 + [10])
    small[:7] *= 3
    found = block_estimates(small, mapped=np.array([600.0, 400.0]), drawn_share=0.1)
    assert found.area[1].value == pytest.approx(400 + 1000 * 10 / 2200)


def test_all_blocks_drawn_leave_no_doubt():
    found = block_estimates(blocks(list(range(8))), mapped=np.array([1.0, 1.0]), drawn_share=1.0)
    assert found.area[0].half_width == 0


def test_pixels_taken_for_places_would_give_an_interval_many_times_too_narrow():
    wrong = blocks([0, 0, 0, 0, 10, 10, 10, 10]) * 100
    honest = block_estimates(wrong, mapped=np.array([500.0, 500.0]), drawn_share=0.01)
    naive = stratified_estimates(wrong.sum(axis=0).T, mapped_area=[500.0, 500.0])
    assert honest.area[0].value == pytest.approx(naive.area[0].value)
    assert honest.area[0].half_width > 20 * naive.area[0].half_width


def test_too_few_blocks_or_shapes_that_do_not_fit_are_refused():
    with pytest.raises(InvalidSample, match="7 blocks"):
        block_estimates(blocks([1] * 7), mapped=np.array([1.0, 1.0]), drawn_share=0.1)
    with pytest.raises(InvalidSample, match="expected"):
        block_estimates(blocks([1] * 8), mapped=np.array([1.0, 1.0, 1.0]), drawn_share=0.1)
    with pytest.raises(InvalidSample, match="share drawn"):
        block_estimates(blocks([1] * 8), mapped=np.array([1.0, 1.0]), drawn_share=0)
