from __future__ import annotations

import math

import pytest
import torch

from learning.core.entropy import PIXELS_AT_A_TIME, _on_device, classes_and_entropy

torch.set_num_threads(2)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("temperature", [1.0, 1.7])
def test_class_and_entropy_are_those_of_the_definition(layout, dtype, temperature):
    torch.manual_seed(1)
    # More pixels than are computed at a time, and not a multiple of them.
    side = math.isqrt(9 * PIXELS_AT_A_TIME) + 7
    logits = (4 * torch.randn(2, 5, side, side + 3)).to(dtype).contiguous(memory_format=layout)
    classes, nats = classes_and_entropy(logits, temperature=temperature)
    wide = logits.double() / temperature
    assert torch.equal(classes.long(), wide.argmax(dim=1))
    direct = -(wide.softmax(dim=1) * wide.log_softmax(dim=1)).sum(dim=1)
    torch.testing.assert_close(nats.double(), direct, atol=1e-5, rtol=1e-5)
    there = _on_device(logits, temperature)  # as on a GPU
    assert torch.equal(there[0], classes)
    torch.testing.assert_close(there[1], nats, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_middle_of_a_window_gets_what_the_whole_would_give_it(layout, dtype):
    torch.manual_seed(2)
    logits = (4 * torch.randn(2, 5, 300, 217)).to(dtype).contiguous(memory_format=layout)
    classes, nats = classes_and_entropy(logits)
    middle = classes_and_entropy(logits[:, :, 32:-40, 17:-30])
    assert torch.equal(middle[0], classes[:, 32:-40, 17:-30])
    assert torch.equal(middle[1], nats[:, 32:-40, 17:-30])


def test_a_row_longer_than_what_is_computed_at_a_time_is_computed_whole():
    logits = torch.randn(1, 3, 2, PIXELS_AT_A_TIME + 5)
    assert torch.equal(classes_and_entropy(logits)[0].long(), logits.argmax(dim=1))


def test_of_equal_classes_the_first_is_taken_and_all_equal_is_the_most_doubt():
    classes, nats = classes_and_entropy(torch.tensor([[1.0, 5.0, 5.0], [2.0, 2.0, 2.0]]).T.reshape(1, 3, 1, 2))
    assert classes.flatten().tolist() == [1, 0]
    # exp(-4), 1 and 1: s = 2.0183, H = ln s + 4 · .0183 / s
    assert nats.flatten().tolist() == pytest.approx(
        [math.log(2.018316) + 4 * 0.018316 / 2.018316, math.log(3)], rel=1e-5
    )


def test_a_sure_answer_has_no_entropy_however_large_its_logits():
    _classes, nats = classes_and_entropy(torch.tensor([1e30, 0.0, -1e30]).reshape(1, 3, 1, 1))
    assert nats.item() == 0


def test_logits_that_are_no_numbers_give_a_class_that_exists():
    classes, _nats = classes_and_entropy(torch.full((1, 4, 2, 2), float("nan")))
    assert classes.max() < 4
