from __future__ import annotations

import numpy as np
import pytest

from learning.core.dataset import (
    LabelledTile,
    Normalisation,
    PatchOptions,
    class_weights,
    draw_patch,
    mirror,
    summarise,
)
from learning.errors import InvalidTrainingTile, NothingToLearn

PLAIN = Normalisation("uint8", (0.0,), (1.0,))


def tile(labels, image=None, **kwargs) -> LabelledTile:
    labels = np.asarray(labels, np.uint8)
    image = np.zeros((1, *labels.shape), np.uint8) if image is None else np.asarray(image, np.uint8)
    return LabelledTile(image, labels, **kwargs)


def test_mean_and_deviation_are_taken_over_valid_pixels_only():
    valid = np.array([[True, True], [True, False]])
    one = tile([[1, 2], [0, 0]], [[[10, 20], [30, 255]]], valid=valid)
    norm = summarise([one], n_bands=1, n_classes=2).normalisation
    # 10, 20, 30: mean 20, variance (100 + 0 + 100) / 3
    assert norm.mean == pytest.approx((20.0,))
    assert norm.std == pytest.approx((np.sqrt(200 / 3),))


def test_a_constant_band_is_divided_by_one_raw_unit_and_not_by_zero():
    norm = summarise([tile([[1, 2]], [[[7, 7]]])], n_bands=1, n_classes=2).normalisation
    assert (norm.mean, norm.std) == ((7.0,), (1.0,))


def test_pixels_without_imagery_are_neither_counted_nor_learnt():
    valid = np.array([[True, True, False]])
    summary = summarise([tile([[1, 2, 2]], valid=valid)], n_bands=1, n_classes=3)
    assert summary.class_pixels.tolist() == [1, 1, 0]


def test_the_digest_follows_every_label_pixel_and_weight():
    def digest(**kwargs):
        labels = kwargs.pop("labels", [[1, 2]])
        return summarise([tile(labels, **kwargs)], n_bands=1, n_classes=2).sha256

    digests = {digest(), digest(labels=[[2, 1]]), digest(image=[[[1, 0]]]), digest(weight=0.5)}
    assert len(digests) == 4
    assert digest() == digest()


@pytest.mark.parametrize(
    ("tiles", "reason"),
    [
        ([], "0 tiles hold no labelled pixel"),
        ([tile([[0, 0]])], "1 tiles hold no labelled pixel"),
        ([tile([[2, 2, 0]])], "All 2 labelled pixels have one class"),
    ],
)
def test_an_empty_or_single_class_set_is_refused_with_the_reason(tiles, reason):
    with pytest.raises(NothingToLearn, match=reason):
        summarise(tiles, n_bands=1, n_classes=2)


def test_a_label_without_a_class_is_refused():
    with pytest.raises(InvalidTrainingTile, match="label 3"):
        summarise([tile([[1, 3]])], n_bands=1, n_classes=2)


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(InvalidTrainingTile, match="expected uint8"):
        LabelledTile(np.zeros((1, 2, 2), np.uint8), np.zeros((2, 3), np.uint8))
    with pytest.raises(InvalidTrainingTile, match="float32"):
        LabelledTile(np.zeros((1, 2, 2), np.float32), np.zeros((2, 2), np.uint8))
    with pytest.raises(InvalidTrainingTile, match="weight"):
        tile([[1]], weight=0.0)


def test_class_weights_scale_by_a_power_of_frequency_and_average_to_one():
    # shares .8 and .2, power 1: 1.25 and 5, average .8·1.25 + .2·5 = 2 → .625 and 2.5
    assert class_weights(np.array([80, 20, 0]), power=1.0).tolist() == [0.625, 2.5, 1.0]
    assert class_weights(np.array([80, 20]), power=0.0).tolist() == [1.0, 1.0]


def test_a_rare_class_never_weighs_more_than_ten():
    assert class_weights(np.array([10**6, 1]), power=1.0).max() == 10.0


def test_positions_outside_are_mirrored_without_repeating_the_edge():
    assert mirror(np.arange(-3, 7), 4).tolist() == [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]
    assert mirror(np.arange(-2, 3), 1).tolist() == [0] * 5


def test_image_and_labels_of_a_patch_are_turned_together():
    code = np.arange(64 * 64).reshape(64, 64) % 251
    labels = (code % 3 + 1).astype(np.uint8)
    options = PatchOptions(32, brightness=0.0, contrast=0.0)
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(40):
        image, patch = draw_patch(tile(labels, code[None]), normalisation=PLAIN, options=options, rng=rng)
        assert np.array_equal(image[0] % 3 + 1, patch)
        seen.add((np.sign(image[0, 0, 1] - image[0, 0, 0]), np.sign(image[0, 1, 0] - image[0, 0, 0])))
    assert len(seen) >= 4


def test_a_patch_always_holds_a_labelled_pixel_however_sparse_the_labels():
    labels = np.zeros((256, 256), np.uint8)
    labels[3, 250] = 2
    rng = np.random.default_rng(5)
    options = PatchOptions(64)
    patches = [draw_patch(tile(labels), normalisation=PLAIN, options=options, rng=rng) for _ in range(50)]
    assert all((label == 2).sum() == 1 for _, label in patches)


def test_a_tile_smaller_than_the_crop_is_mirrored_and_the_mirror_is_unlabelled():
    options = PatchOptions(64, augment=False)
    labels = np.full((10, 20), 1, np.uint8)
    image = np.arange(200).reshape(1, 10, 20)
    rng = np.random.default_rng(0)
    patch, label = draw_patch(tile(labels, image), normalisation=PLAIN, options=options, rng=rng)
    assert patch.shape == (1, 64, 64)
    assert (label > 0).sum() == 200
    rows, cols = np.nonzero(label)
    assert np.array_equal(patch[0, rows.min() : rows.max() + 1, cols.min() : cols.max() + 1], image[0])


def test_brightness_and_contrast_stay_within_their_bounds():
    image = np.full((1, 64, 64), 1)
    options = PatchOptions(64, brightness=0.2, contrast=0.1)
    rng = np.random.default_rng(0)
    values = [
        draw_patch(tile(np.ones((64, 64)), image), normalisation=PLAIN, options=options, rng=rng)[0].max()
        for _ in range(200)
    ]
    assert 0.7 <= min(values) < 0.75
    assert 1.25 < max(values) <= 1.3
