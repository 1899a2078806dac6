"""Labels above the classes that a model tells apart: which they are, what they weigh, and what they teach."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from annotation.core.label_table import label_table
from learning.core.levels import membership, weights_of_values
from learning.core.losses import LossMix, segmentation_loss
from learning.errors import InvalidTrainingTile

PARENTS = {"woody": None, "vine": "woody", "orchard": "woody", "water": None, "stand": "woody", "pine": "stand"}


def test_the_classes_are_those_that_no_other_refines_and_a_broader_code_leaves_open_all_under_it():
    table = label_table(["woody", "vine", "orchard", "stand", "pine", "water"], parents=PARENTS)
    assert table.class_codes == ("vine", "orchard", "pine", "water")
    assert table.broader == {"woody": ("vine", "orchard", "pine"), "stand": ("pine",)}
    assert table.values == {"vine": 1, "orchard": 2, "pine": 3, "water": 4, "woody": 5, "stand": 6}
    assert table.places == ((0, 1, 2), (2,))


def test_a_nomenclature_of_which_people_choose_leaves_alone_has_no_broader_codes():
    table = label_table(["vine", "orchard", "water"], parents=PARENTS)
    assert table.class_codes == ("vine", "orchard", "water") and table.places == ()


def test_each_value_leaves_open_its_class_or_those_of_its_row():
    assert membership(((0, 2),), n_classes=3).tolist() == [
        [True, False, False], [False, True, False], [False, False, True], [True, False, True],
    ]  # fmt: skip


@pytest.mark.parametrize("places", [(), (0, 0), (0, 3), (-1,)])
def test_a_row_that_names_no_class_or_one_that_is_not_there_is_refused(places):
    with pytest.raises(InvalidTrainingTile, match="expected 0 to 2, each once"):
        membership((places,), n_classes=3)


def test_a_broader_label_weighs_as_the_ground_of_its_classes_does_on_average():
    weights = weights_of_values(np.array([1, 4, 2], np.float32), np.array([30, 10, 0]), ((0, 1), (1, 2), (2,)))
    assert weights.tolist() == [1, 4, 2, 1.75, 4, 2]  # (30 · 1 + 10 · 4) / 40; only class 1 was met; none was met


# Softmax of these gives 1/8, 2/8 and 5/8.
LOGITS = torch.log(torch.tensor([1.0, 2.0, 5.0]))[None, :, None, None]
OPEN = torch.from_numpy(membership(((0, 1), (0, 1, 2)), n_classes=3))


def loss_of(logits: torch.Tensor, label: int, mix: LossMix | None = None) -> torch.Tensor:
    return segmentation_loss(
        logits, torch.tensor([[[label]]]), class_weight=torch.ones(5), pixel_weight=torch.ones(1), mix=mix, members=OPEN
    )


def test_the_loss_of_a_broader_label_is_the_logarithm_of_the_summed_probability_of_its_classes():
    assert loss_of(LOGITS, 4).item() == pytest.approx(-math.log(3 / 8))
    assert loss_of(LOGITS, 3).item() == pytest.approx(-math.log(5 / 8))  # of one class: cross-entropy
    assert loss_of(LOGITS, 5).item() == pytest.approx(0, abs=1e-6)  # one of all of them: nothing is learnt
    focal = loss_of(LOGITS, 4, LossMix(focal=1, focal_gamma=2)).item()
    assert focal == pytest.approx((5 / 8) ** 2 * -math.log(3 / 8))


def test_its_gradient_raises_its_classes_by_the_shares_they_have_and_leaves_open_which_it_is():
    logits = LOGITS.clone().requires_grad_()
    loss_of(logits, 4).backward()
    # softmax - share within the label: 1/8 - 1/3, 2/8 - 2/3, 5/8
    assert logits.grad is not None
    assert logits.grad.flatten().tolist() == pytest.approx([-5 / 24, -5 / 12, 5 / 8])


def test_dice_and_lovasz_leave_pixels_out_whose_class_is_open():
    logits = torch.cat([LOGITS, LOGITS], dim=3)
    for mix in (LossMix(dice=1), LossMix(lovasz=1)):
        both, alone = (
            segmentation_loss(
                logits, torch.tensor([[labels]]), class_weight=torch.ones(5), pixel_weight=torch.ones(1), mix=mix,
                members=OPEN,
            ).item()
            for labels in ([3, 4], [3, 0])
        )  # fmt: skip
        assert both == pytest.approx(alone) and both > 0
