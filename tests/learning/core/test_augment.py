from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from learning.core.augment import augmented, normalised
from learning.core.dataset import Augmentation, AugmentOptions, Normalisation, draw_augmentation

torch.set_num_threads(1)
SIDE = 8


def as_drawn(count: int, **changes: list[float]) -> Augmentation:
    """Nothing is changed but what is given."""
    none = AugmentOptions(turns=False, contrast=0, brightness=0)
    drawn = draw_augmentation(count, options=none, rng=np.random.default_rng(0))
    given = {name: np.asarray(value, getattr(drawn, name).dtype) for name, value in changes.items()}
    return replace(drawn, **given)


def numbered(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images whose value is the label of the pixel, each pixel another."""
    labels = torch.arange(1, SIDE * SIDE + 1, dtype=torch.uint8).reshape(1, SIDE, SIDE).repeat(count, 1, 1)
    return labels[:, None].float(), labels


def test_each_patch_is_turned_as_it_was_drawn_and_its_labels_with_it():
    transposed, rows, cols = (list(bits) for bits in zip(*np.ndindex(2, 2, 2), strict=True))
    images, labels = numbered(8)
    drawn = as_drawn(8, transposed=transposed, rows_flipped=rows, cols_flipped=cols)
    found, turned, _weights = augmented(images, labels, torch.ones(len(labels)), drawn)
    assert torch.equal(found[:, 0], turned.float())
    # The first two of a corner say which of the eight it is.
    assert len({(int(one[0, 0]), int(one[0, 1])) for one in turned}) == 8
    assert torch.equal(turned[4], labels[0].T) and torch.equal(turned[1], labels[0].flip(1))


def test_gain_and_shift_are_each_patchs_own():
    images, labels = numbered(2)
    unweighed = torch.ones(2)
    found, same, _weights = augmented(images, labels, unweighed, as_drawn(2, gain=[1, 2], shift=[0.5, -1]))
    torch.testing.assert_close(found[0], images[0] + 0.5)
    torch.testing.assert_close(found[1], images[1] * 2 - 1)
    assert torch.equal(same, labels)


def test_an_enlarged_patch_shows_its_middle_and_a_reduced_one_is_unlabelled_around():
    images, labels = numbered(2)
    _found, changed, _weights = augmented(images, labels, torch.ones(len(labels)), as_drawn(2, zoom=[2, 0.5]))
    # Twice as large: each pixel of the middle 4 x 4 four times.
    assert torch.equal(changed[0], labels[0, 2:6, 2:6].repeat_interleave(2, 0).repeat_interleave(2, 1))
    assert (changed[1, 2:6, 2:6] > 0).all() and (changed[1] > 0).sum() == 16


def test_a_rotation_by_a_quarter_is_a_turn():
    images, labels = numbered(1)
    found, changed, _weights = augmented(images, labels, torch.ones(len(labels)), as_drawn(1, radians=[np.pi / 2]))
    assert torch.equal(changed[0], labels[0].rot90(1)) or torch.equal(changed[0], labels[0].rot90(-1))
    torch.testing.assert_close(found[0, 0], changed[0].float(), atol=1e-3, rtol=0)


def test_weights_of_pixels_go_where_the_labels_go_and_weights_of_tiles_stay():
    options = AugmentOptions(zoom=0.25, rotation=30)
    drawn = draw_augmentation(8, options=options, rng=np.random.default_rng(4))
    images, labels = numbered(8)
    by_pixel = labels.float() / 1000  # the weight says which pixel it is of
    found, changed, weights = augmented(images, labels, by_pixel, drawn)
    assert changed.dtype == torch.uint8 and weights.dtype == torch.float32
    assert torch.equal(weights, changed.float() / 1000) and len(changed.unique()) > SIDE * SIDE // 2
    by_tile = torch.arange(8.0)
    again, same, untouched = augmented(images, labels, by_tile, drawn)
    assert torch.equal(again, found) and torch.equal(same, changed) and torch.equal(untouched, by_tile)


def test_input_is_in_deviations_from_the_mean_and_zero_where_there_is_no_imagery():
    images = torch.tensor([[[[30, 10]], [[7, 9]]]], dtype=torch.uint8)
    valid = torch.tensor([[[True, False]]])
    found = normalised(images, valid, Normalisation("uint8", (10.0, 8.0), (20.0, 0.5)))
    assert found.flatten().tolist() == [1.0, 0.0, -2.0, 0.0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_eight_and_sixteen_bits_are_read(dtype):
    images = torch.from_numpy(np.full((1, 1, 2, 2), 200, dtype))
    valid = torch.ones((1, 2, 2), dtype=torch.bool)
    assert normalised(images, valid, Normalisation("uint16", (100.0,), (50.0,))).unique().tolist() == [2.0]
