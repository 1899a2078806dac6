from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from learning.core.augment import augmented
from learning.core.dataset import AugmentOptions, LabelledTile, draw_augmentation, draw_batch
from learning.core.losses import LossMix, segmentation_loss

torch.set_num_threads(1)
ONE_OF_EACH = LossMix(dice=0.25, lovasz=0.25, focal=0.25)
ONLY = {
    "cross-entropy": LossMix(), "dice": LossMix(dice=1), "lovasz": LossMix(lovasz=1), "focal": LossMix(focal=1),
    "all": ONE_OF_EACH,
}  # fmt: skip


def logits_of(*first_class: float) -> torch.Tensor:
    """Logits (1, 2, 1, pixel) whose softmax gives class 1 these probabilities."""
    first = torch.tensor(first_class)
    return torch.log(torch.stack([first, 1 - first]))[None, :, None, :]


def loss_of(logits: torch.Tensor, labels: list[int], mix: LossMix, **weights: Any) -> float:
    given = {"class_weight": torch.ones(2), "pixel_weight": torch.ones(1), **weights}
    return segmentation_loss(logits, torch.tensor([[labels]]), mix=mix, **given).item()


@pytest.mark.parametrize("mix", ONLY.values(), ids=ONLY.keys())
def test_unlabelled_pixels_have_a_gradient_of_exactly_zero_and_labelled_ones_have_one(mix):
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 8, 8, requires_grad=True)
    labels = torch.randint(0, 4, (2, 8, 8))
    segmentation_loss(logits, labels, class_weight=torch.ones(3), pixel_weight=torch.ones(2), mix=mix).backward()
    moved = logits.grad.abs().sum(dim=1) > 0
    assert not moved[labels == 0].any()
    assert moved[labels > 0].float().mean() > 0.9  # the Lovász extension has flat stretches


@pytest.mark.parametrize("mix", ONLY.values(), ids=ONLY.keys())
def test_what_the_network_says_of_unlabelled_pixels_changes_nothing(mix):
    labels, weight = [1, 0, 2, 0], torch.tensor([[[1.0, 2.0, 0.5, 1.0]]])
    one = loss_of(logits_of(0.6, 0.1, 0.3, 0.9), labels, mix, pixel_weight=weight)
    two = loss_of(logits_of(0.6, 0.8, 0.3, 0.2), labels, mix, pixel_weight=weight)
    assert one == two


@pytest.mark.parametrize("mix", ONLY.values(), ids=ONLY.keys())
def test_a_batch_without_labels_has_loss_zero_and_no_gradient(mix):
    logits = torch.randn(1, 2, 4, 4, requires_grad=True)
    nothing = torch.zeros(1, 4, 4, dtype=torch.long)
    loss = segmentation_loss(logits, nothing, class_weight=torch.ones(2), pixel_weight=torch.ones(1), mix=mix)
    loss.backward()
    assert loss.item() == 0 and not logits.grad.any()


def test_class_and_tile_weights_weigh_the_cross_entropy():
    # probabilities .75/.25 everywhere: -ln .75 = .2877, -ln .25 = 1.3863
    logits = torch.log(torch.tensor([0.75, 0.25])).reshape(1, 2, 1, 1).expand(2, 2, 1, 1)
    labels = torch.tensor([[[1]], [[2]]])
    loss = segmentation_loss(
        logits, labels, class_weight=torch.tensor([1.0, 3.0]), pixel_weight=torch.tensor([1.0, 2.0])
    )
    assert loss.item() == pytest.approx((0.28768 * 1 + 1.38629 * 6) / 7, abs=1e-4)


def test_a_weight_for_each_pixel_weighs_it():
    loss = loss_of(logits_of(0.75, 0.75), [1, 2], LossMix(), pixel_weight=torch.tensor([[[1.0, 3.0]]]))
    assert loss == pytest.approx((0.28768 + 3 * 1.38629) / 4, abs=1e-4)


def test_weights_of_two_pixels_reach_the_loss_from_the_tile_on_by_way_of_patch_and_augmentation():
    # Two labelled pixels beside each other, of weights .25 and .75, and a third of weight 0 that nobody learns from.
    labels, weights = np.zeros((64, 64), np.uint8), np.zeros((64, 64), np.float32)
    labels[30, 30:33] = 1, 2, 1
    weights[30, 30:32] = 0.25, 0.75
    image = np.zeros((1, 64, 64), np.uint8)
    tile = LabelledTile(image, labels, weight=weights)
    drawn = draw_batch([tile], labelled_tiles=[0], crop_px=64, rngs=[np.random.default_rng(0)])
    turned = draw_augmentation(1, options=AugmentOptions(), rng=np.random.default_rng(2))
    assert turned.transposed.any() or turned.rows_flipped.any() or turned.cols_flipped.any()
    _inputs, moved, weight = augmented(
        torch.from_numpy(drawn.images).float(), torch.from_numpy(drawn.labels), torch.from_numpy(drawn.weights), turned
    )
    assert sorted(moved[moved > 0].tolist()) == [1, 2] and not torch.equal(moved, torch.from_numpy(drawn.labels))
    # Probabilities .8/.2 everywhere: -ln .8 = .22314 of weight .25, -ln .2 = 1.60944 of weight .75.
    logits = torch.log(torch.tensor([0.8, 0.2])).reshape(1, 2, 1, 1).expand(1, 2, 64, 64)
    loss = segmentation_loss(logits, moved.long(), class_weight=torch.ones(2), pixel_weight=weight)
    assert loss.item() == pytest.approx(0.25 * 0.22314 + 0.75 * 1.60944, abs=1e-4)


def test_the_focal_loss_makes_little_of_what_is_already_right():
    # (1 - .75)² · .28768 = .01798 and (1 - .25)² · 1.38629 = .77979
    assert loss_of(logits_of(0.75, 0.75), [1, 2], LossMix(focal=1)) == pytest.approx(0.39888, abs=1e-4)
    assert loss_of(logits_of(0.75, 0.75), [1, 2], LossMix(focal=1, focal_gamma=0)) == pytest.approx(
        loss_of(logits_of(0.75, 0.75), [1, 2], LossMix()), abs=1e-6
    )


def test_the_dice_loss_of_two_pixels():
    # class 1: (2·.6 + 1) / (.6 + .2 + 1 + 1) = 2.2/2.8; class 2: (2·.8 + 1) / (.4 + .8 + 1 + 1) = 2.6/3.2
    expected = 1 - (2.2 / 2.8 + 2.6 / 3.2) / 2
    assert loss_of(logits_of(0.6, 0.2), [1, 2], LossMix(dice=1)) == pytest.approx(expected, abs=1e-5)
    weighted = 1 - (2.2 / 2.8 + 3 * 2.6 / 3.2) / 4
    weights = torch.tensor([1.0, 3.0])
    assert loss_of(logits_of(0.6, 0.2), [1, 2], LossMix(dice=1), class_weight=weights) == pytest.approx(
        weighted, abs=1e-5
    )


def test_the_lovasz_loss_of_two_pixels():
    # class 1: errors .4 (its own) then .2: the first costs 1 - 0/1 = 1, the second nothing more → .4
    # class 2: errors .4 (not its own) then .2 (its own): 1 - 1/2, then 1 - 0/2: .4/2 + .2/2 → .3
    assert loss_of(logits_of(0.6, 0.2), [1, 2], LossMix(lovasz=1)) == pytest.approx(0.35, abs=1e-5)


def test_a_pixel_of_weight_three_counts_as_three_in_the_lovasz_loss():
    thrice = loss_of(logits_of(0.6, 0.2), [1, 2], LossMix(lovasz=1), pixel_weight=torch.tensor([[[3.0, 1.0]]]))
    copies = loss_of(logits_of(0.6, 0.6, 0.6, 0.2), [1, 1, 1, 2], LossMix(lovasz=1))
    assert thrice == pytest.approx(copies, abs=1e-6)


def test_with_sure_answers_the_lovasz_loss_is_one_minus_the_iou():
    # predicted 1 1 1 2, true 1 1 2 2: IoU 2/3 and 1/2
    almost = 1 - 1e-7
    loss = loss_of(logits_of(almost, almost, almost, 1e-7), [1, 1, 2, 2], LossMix(lovasz=1))
    assert loss == pytest.approx(1 - (2 / 3 + 1 / 2) / 2, abs=1e-4)


def test_a_class_that_is_absent_has_no_share_in_dice_and_lovasz():
    # Class 2 is nowhere: class 1 alone counts. Dice (2·.6 + 1) / (.6 + 1 + 1); Lovász .4.
    assert loss_of(logits_of(0.6), [1], LossMix(dice=1)) == pytest.approx(1 - 2.2 / 2.6, abs=1e-5)
    assert loss_of(logits_of(0.6), [1], LossMix(lovasz=1)) == pytest.approx(0.4, abs=1e-5)


def test_shares_add_up_the_losses():
    logits, labels = logits_of(0.6, 0.2, 0.7), [1, 2, 2]
    alone = [loss_of(logits, labels, ONLY[name]) for name in ("cross-entropy", "dice", "lovasz", "focal")]
    assert loss_of(logits, labels, ONE_OF_EACH) == pytest.approx(sum(alone) / 4, abs=1e-6)
