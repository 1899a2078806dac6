"""Weights of labels in training: frozen by person and class, down to each pixel of a batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gold_rows import GREEN, GREY, rectangle
from scenes import accepted, campaign, person, real_layer

from learning.core.dataset import draw_batch, summarise
from learning.jobs.tiles import PlacedLabels, packed_labels, training_tiles
from learning.models import TrainingSet, TrainingSetItem
from learning.services.training_sets import training_set_sha256

CODES = [GREY, GREEN]


def weighed_set(camp: Any, drawn: list[tuple[Any, Any, list[dict[str, Any]], dict[str, float]]]) -> TrainingSet:
    """A training set of accepted labels: tile, person, what they drew, and the weights frozen with it."""
    reviewer = person("reviewer")
    heads = [
        (tile, accepted(camp, tile, someone, reviewer, features).head, by_class)
        for tile, someone, features, by_class in drawn
    ]
    sha256 = training_set_sha256(
        campaign=camp,
        class_codes=CODES,
        items=[(tile.pk, head.pk, head.sha256) for tile, head, _weights in heads],
        weights={head.pk: by_class for _tile, head, by_class in heads},
    )
    frozen = TrainingSet.objects.create(campaign=camp, number=1, class_codes=CODES, sha256=sha256, n_tiles=1)
    for tile, head, by_class in heads:
        TrainingSetItem.objects.create(training_set=frozen, tile=tile, revision=head, weights=by_class)
    return frozen


def test_two_people_believed_differently_by_class_give_their_tile_a_weight_for_each_pixel(
    tmp_path: Path, db: None
) -> None:
    layer, _truth = real_layer(tmp_path, "weighed", size_px=768)
    camp = campaign("weighed", layer=layer, tile_px=64, seed=3, redundancy=2)
    ana, ben = person("ana"), person("ben")
    both, alone, nobody = camp.tiles.filter(role="pool").order_by("pk")[:3]
    # Ana draws the left three quarters, grey then green; Ben the right half, green then grey.
    of_ana = [rectangle(GREY, 0, 0, 32, 64), rectangle(GREEN, 32, 0, 16, 64)]
    of_ben = [rectangle(GREEN, 32, 0, 16, 64), rectangle(GREY, 48, 0, 16, 64)]
    as_ana, as_ben = {GREY: 0.4, GREEN: 0.9}, {GREY: 0.0, GREEN: 0.7}
    frozen = weighed_set(
        camp,
        [
            (both, ana, of_ana, as_ana), (both, ben, of_ben, as_ben),
            (alone, ana, [rectangle(GREY, 0, 0, 64, 64)], as_ana),
            (nobody, ben, [rectangle(GREY, 0, 0, 64, 64)], as_ben),
        ],
    )  # fmt: skip
    tiles = training_tiles(frozen, on_progress=lambda _share: None)
    shared, single, left = tiles
    columns = np.broadcast_to(np.arange(64), (64, 64))
    # Grey by Ana, 0.4; green by both, of whom Ana is believed more; grey by Ben, who is not believed: unlabelled.
    weights = np.select([columns < 32, columns < 48], [0.4, 0.9], 0).astype(np.float32)
    assert isinstance(shared.weight, np.ndarray) and np.array_equal(shared.weight, weights)
    assert np.array_equal(shared.labels, np.select([columns < 32, columns < 48], [1, 2], 0))
    assert single.weight == 0.4 and (single.labels == 1).all()
    assert not left.labels.any()

    summary = summarise(tiles, n_bands=4, n_classes=2)
    assert summary.labelled_tiles == (0, 1)
    assert summary.class_pixels.tolist() == [32 * 64 + 64 * 64, 16 * 64]
    drawn = draw_batch(tiles, labelled_tiles=(0, 1), crop_px=64, rngs=np.random.default_rng(0).spawn(8))
    seen = {
        (int(label), round(float(weight), 3))
        for label, weight in zip(drawn.labels.ravel(), drawn.weights.ravel(), strict=True)
        if label
    }
    assert drawn.weights.shape == (8, 64, 64) and seen == {(1, 0.4), (2, 0.9)}


def test_labels_and_weights_are_kept_in_little_room_and_read_back_as_they_were() -> None:
    columns = np.broadcast_to(np.arange(512) // 128, (512, 512))
    labels = np.choose(columns, [0, 1, 2, 2]).astype(np.uint8)
    thousandths = np.choose(columns, [0, 300, 300, 1000]).astype(np.uint16)
    deflated, weight = packed_labels(labels, thousandths)
    assert weight == ((0, 0.0), (1, 0.3), (2, 0.3), (2, 1.0)) and len(deflated) < 4096
    found, weights = PlacedLabels(0, 0, deflated, weight).unpacked(512)
    assert np.array_equal(found, labels) and found.dtype == np.uint8
    assert np.array_equal(weights, (thousandths / 1000).astype(np.float32))


@pytest.mark.parametrize("n_kinds", [255, 256, 257, 1000])
def test_any_number_of_kinds_of_pixels_can_be_kept(n_kinds: int) -> None:
    thousandths = np.minimum(np.arange(1, 1025), n_kinds).reshape(32, 32).astype(np.uint16)
    labels = (thousandths % 19 + 1).astype(np.uint8)
    found, weights = PlacedLabels(0, 0, *packed_labels(labels, thousandths)).unpacked(32)
    assert np.array_equal(found, labels)
    assert np.array_equal(weights, (thousandths / 1000).astype(np.float32))


def test_pixels_that_weigh_the_same_have_one_weight_and_those_that_weigh_nothing_no_label() -> None:
    labels, thousandths = np.array([[1, 2], [0, 1]], np.uint8), np.array([[357, 357], [0, 0]], np.uint16)
    found, weight = PlacedLabels(0, 0, *packed_labels(labels, thousandths)).unpacked(2)
    assert found.tolist() == [[1, 2], [0, 0]] and weight == 0.357
    found, weight = PlacedLabels(0, 0, *packed_labels(labels, np.zeros_like(thousandths))).unpacked(2)
    assert not found.any() and weight == 1.0
