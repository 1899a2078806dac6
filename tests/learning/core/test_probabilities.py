from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from learning.core import probabilities
from learning.core.entropy import classes_and_entropy
from learning.core.probabilities import probability_levels

torch.set_num_threads(1)


def test_levels_are_one_more_than_254_times_the_probability_and_0_where_nothing_is_known():
    # Softmax of (0, ln 3): a quarter and three quarters; 63.5 rounds to the even 64, 190.5 to the even 190.
    logits = torch.tensor([0.0, math.log(3)]).reshape(1, 2, 1, 1).expand(1, 2, 1, 3).clone()
    logits[0, :, 0, 1] = torch.tensor([0.0, 100.0])
    known = torch.tensor([[[True, True, False]]])
    found = probability_levels(logits, known)
    assert found.tolist() == [[[[65, 1, 0]], [[191, 255, 0]]]]


def test_a_temperature_divides_the_outputs():
    logits = torch.tensor([0.0, 2 * math.log(4)]).reshape(1, 2, 1, 1)
    # Divided by 2: a fifth (50.8) and four fifths (203.2).
    assert probability_levels(logits, torch.ones(1, 1, 1, dtype=torch.bool), temperature=2.0).ravel().tolist() == [
        52, 204,
    ]  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_class_has_the_highest_level_and_levels_add_up_to_one(dtype):
    generator = torch.Generator().manual_seed(3)
    logits = (4 * torch.randn((2, 5, 37, 300), generator=generator)).to(dtype)
    known = torch.rand((2, 37, 300), generator=generator) > 0.2
    found = probability_levels(logits, known, temperature=1.5).astype(int)
    classes, _nats = classes_and_entropy(logits, temperature=1.5)
    mask = known.numpy()
    assert (found.max(axis=1)[mask] == np.take_along_axis(found, classes.numpy()[:, None], axis=1)[:, 0][mask]).all()
    assert (found.transpose(0, 2, 3, 1)[~mask] == 0).all()
    # Each of five is rounded by half a level at most.
    assert np.abs((found - 1).sum(axis=1)[mask] - 254).max() <= 2.5
    expected = torch.softmax(logits.float() / 1.5, dim=1).numpy()
    assert np.abs((found - 1) / 254 - expected).transpose(0, 2, 3, 1)[mask].max() <= 0.5 / 254 + 1e-6


def test_a_gpu_says_the_same_but_for_roundings() -> None:
    generator = torch.Generator().manual_seed(4)
    logits = 3 * torch.randn((1, 6, 40, 50), generator=generator)
    known = torch.rand((1, 40, 50), generator=generator) > 0.1
    here = probability_levels(logits, known, temperature=0.7).astype(int)
    there = probabilities._on_device(logits, known, 0.7).astype(int)
    assert np.abs(here - there).max() <= 1
    assert (here == there).mean() > 0.999
    assert np.array_equal(here == 0, there == 0)
