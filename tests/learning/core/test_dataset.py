from __future__ import annotations

import numpy as np
import pytest

from learning.core.dataset import (
    AugmentOptions,
    LabelledTile,
    class_weights,
    draw_augmentation,
    draw_batch,
    draw_patch,
    mirror,
    summarise,
)
from learning.errors import InvalidTrainingTile, NothingToLearn


def tile(labels, image=None, **kwargs) -> LabelledTile:
    labels = np.asarray(labels, np.uint8)
    image = np.zeros((1, *labels.shape), np.uint8) if image is None else np.asarray(image, np.uint8)
    return LabelledTile(image, labels, **kwargs)


def by_pixel(*weights) -> np.ndarray:
    return np.array([weights], np.float32)


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


def test_pixels_of_weight_zero_are_neither_counted_nor_drawn_around_nor_learnt():
    believed = tile([[1, 2, 2, 1]], weight=by_pixel(1, 0.5, 0, 0))
    nobody = tile([[1, 2]], weight=by_pixel(0, 0))
    summary = summarise([believed, nobody], n_bands=1, n_classes=2)
    assert summary.class_pixels.tolist() == [1, 1] and summary.labelled_tiles == (0,)
    labels = np.ones((128, 128), np.uint8)
    weights = np.zeros((128, 128), np.float32)
    weights[100, 7] = 0.25
    for number in range(20):
        _image, patch, _valid, weight = draw_patch(
            tile(labels, weight=weights), crop_px=64, rng=np.random.default_rng(number)
        )
        assert patch.sum() == 1 and weight[patch > 0].tolist() == [0.25]


def test_the_digest_follows_every_label_pixel_and_weight():
    def digest(**kwargs):
        labels = kwargs.pop("labels", [[1, 2]])
        return summarise([tile(labels, **kwargs)], n_bands=1, n_classes=2).sha256

    digests = {digest(), digest(labels=[[2, 1]]), digest(image=[[[1, 0]]]), digest(weight=0.5)}
    digests |= {digest(weight=by_pixel(0.5, 0.5)), digest(weight=by_pixel(0.5, 0.501))}
    assert len(digests) == 6
    assert digest() == digest() and digest(weight=by_pixel(0.5, 1)) == digest(weight=by_pixel(0.5, 1))


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
    for weight in ([[0.5, -0.1]], [[0.5, np.nan]], [[np.inf, 1]], [[0.5]], [0.5, 0.5]):
        with pytest.raises(InvalidTrainingTile, match="Weights"):
            tile([[1, 2]], weight=np.array(weight, np.float32))
    with pytest.raises(InvalidTrainingTile, match="float64"):
        tile([[1, 2]], weight=np.array([[0.5, 0.5]]))


def test_class_weights_scale_by_a_power_of_frequency_and_average_to_one():
    # shares .8 and .2, power 1: 1.25 and 5, average .8·1.25 + .2·5 = 2 → .625 and 2.5
    assert class_weights(np.array([80, 20, 0]), power=1.0).tolist() == [0.625, 2.5, 1.0]
    assert class_weights(np.array([80, 20]), power=0.0).tolist() == [1.0, 1.0]


def test_a_rare_class_never_weighs_more_than_ten():
    assert class_weights(np.array([10**6, 1]), power=1.0).max() == 10.0


def test_positions_outside_are_mirrored_without_repeating_the_edge():
    assert mirror(np.arange(-3, 7), 4).tolist() == [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]
    assert mirror(np.arange(-2, 3), 1).tolist() == [0] * 5


def test_a_patch_always_holds_a_labelled_pixel_however_sparse_the_labels():
    labels = np.zeros((256, 256), np.uint8)
    labels[3, 250] = 2
    rng = np.random.default_rng(5)
    patches = [draw_patch(tile(labels), crop_px=64, rng=rng) for _ in range(50)]
    assert all((label == 2).sum() == 1 for _, label, _, _ in patches)


def test_image_labels_validity_and_weights_of_a_patch_are_cut_at_the_same_place():
    code = np.arange(96 * 80).reshape(96, 80) % 251
    labels, valid = (code % 3 + 1).astype(np.uint8), code % 5 > 0
    weights = (code / 256 + 0.01).astype(np.float32)
    for size in (64, 90):  # smaller than the tile, and larger than one of its sides
        rng = np.random.default_rng(0)
        for _ in range(20):
            whole = tile(labels, code[None], valid=valid, weight=weights)
            image, patch, seen, weight = draw_patch(whole, crop_px=size, rng=rng)
            assert image.shape == (1, size, size) and image.dtype == np.uint8
            assert np.array_equal(seen, image[0] % 5 > 0)
            assert np.array_equal(weight, (image[0] / 256 + 0.01).astype(np.float32))
            known = patch > 0
            assert np.array_equal(patch[known], image[0][known] % 3 + 1) and not known[~seen].any()


def test_a_tile_smaller_than_the_crop_is_mirrored_and_the_mirror_is_unlabelled():
    labels = np.full((10, 20), 1, np.uint8)
    image = np.arange(200).reshape(1, 10, 20)
    patch, label, _valid, weight = draw_patch(tile(labels, image), crop_px=64, rng=np.random.default_rng(0))
    assert patch.shape == (1, 64, 64)
    assert (label > 0).sum() == 200 and weight == 1.0
    rows, cols = np.nonzero(label)
    assert np.array_equal(patch[0, rows.min() : rows.max() + 1, cols.min() : cols.max() + 1], image[0])


def test_a_patch_follows_from_its_own_generator_whoever_draws_the_others():
    tiles = [
        tile(np.full((64, 64), number + 1), np.full((1, 64, 64), number), weight=number + 1) for number in range(5)
    ]
    rngs = np.random.default_rng([7, 3]).spawn(6)
    whole = draw_batch(tiles, labelled_tiles=range(5), crop_px=64, rngs=rngs)
    again = np.random.default_rng([7, 3]).spawn(6)
    parts = [draw_batch(tiles, labelled_tiles=range(5), crop_px=64, rngs=again[part]) for part in np.s_[:4, 4:]]
    assert np.array_equal(whole.images, np.concatenate([part.images for part in parts]))
    assert np.array_equal(whole.weights, np.concatenate([part.weights for part in parts]))
    assert len(set(whole.weights.tolist())) > 1


def test_a_batch_has_a_weight_a_patch_unless_pixels_of_one_of_its_tiles_differ():
    plain = tile(np.ones((64, 64)), weight=0.5)
    weights = np.full((64, 64), 0.2, np.float32)
    weights[:32] = 0.7
    mixed = tile(np.ones((64, 64)), weight=weights)

    def drawn(*tiles):
        # The first draws of seeds 0 to 7 take each of two tiles.
        rngs = [np.random.default_rng(seed) for seed in range(8)]
        return draw_batch(tiles, labelled_tiles=range(len(tiles)), crop_px=64, rngs=rngs).weights

    assert drawn(plain, plain).dtype == np.float32 and drawn(plain, plain).tolist() == [0.5] * 8
    found = drawn(plain, mixed)
    assert found.dtype == np.float32 and found.shape == (8, 64, 64)
    kinds = [bool((patch == np.float32(0.5)).all()) for patch in found]
    assert set(kinds) == {True, False}
    assert all(whole or np.array_equal(patch, weights) for patch, whole in zip(found, kinds, strict=True))


def test_augmentation_stays_within_its_bounds_and_draws_all_eight_turns():
    options = AugmentOptions(contrast=0.1, brightness=0.2, zoom=0.25, rotation=30)
    drawn = draw_augmentation(4000, options=options, rng=np.random.default_rng(1))
    turns = 4 * drawn.transposed + 2 * drawn.rows_flipped + drawn.cols_flipped
    assert np.bincount(turns, minlength=8).min() > 4000 / 8 * 0.8
    for values, low, high in (
        (drawn.gain, 0.9, 1.1), (drawn.shift, -0.2, 0.2), (drawn.zoom, 0.8, 1.25),
        (drawn.radians, -np.pi / 6, np.pi / 6),
    ):  # fmt: skip
        assert values.dtype == np.float32 and low <= values.min() and values.max() <= high * (1 + 1e-6)
        assert values.max() - values.min() > 0.95 * (high - low)


def test_no_augmentation_changes_nothing():
    none = AugmentOptions(turns=False, contrast=0, brightness=0)
    drawn = draw_augmentation(5, options=none, rng=np.random.default_rng(1))
    assert not (drawn.transposed | drawn.rows_flipped | drawn.cols_flipped).any()
    assert set(drawn.gain) == set(drawn.zoom) == {1.0} and set(drawn.shift) == set(drawn.radians) == {0.0}
