from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from learning.core.network import NetworkSpec, build_network
from learning.core.trimmed import _boxes, decoded_core

torch.set_num_threads(1)
SIDE = 160


def network(**options: Any) -> nn.Module:
    torch.manual_seed(3)
    spec = NetworkSpec(bands=("R", "G", "B"), class_codes=("a", "b", "c"), pretrained=False, **options)
    return build_network(spec).eval().requires_grad_(False)


def noise(side: int = SIDE) -> torch.Tensor:
    return torch.randn((1, 3, side, side), generator=torch.Generator().manual_seed(1))


def test_what_a_core_is_made_of_is_found_from_the_last_stage_back():
    # Of 64 px, 16 to 48 are kept, and the head reaches one further: 15 to 49. Two convolutions: 13 to 51, which is
    # 6 to 26 of the stage of 32 px; that needs 4 to 28 of itself, which is 2 to 14 of the one of 16.
    core = (slice(16, 48), slice(16, 48))
    assert _boxes([(16, 16), (32, 32), (64, 64)], core, reach=1) == [
        (slice(2, 14), slice(2, 14)),
        (slice(6, 26), slice(6, 26)),
    ]


def test_what_a_core_at_the_edge_is_made_of_ends_at_the_edge():
    core = (slice(0, 20), slice(40, 64))
    assert _boxes([(32, 32), (64, 64)], core, reach=1) == [(slice(0, 12), slice(18, 32))]


@pytest.mark.parametrize("encoder", ["resnet18", "tu-tf_efficientnet_lite0", "mit_b0"])
@pytest.mark.parametrize(
    "core",
    [
        (slice(32, 128), slice(32, 128)),
        (slice(33, 90), slice(64, 65)),
        (slice(0, 40), slice(100, SIDE)),
        (slice(0, SIDE), slice(0, SIDE)),
    ],
)
def test_a_core_has_the_outputs_that_a_whole_pass_gives_it(encoder, core):
    whole = network(encoder=encoder)
    with torch.inference_mode():
        decoded, within = decoded_core(whole, whole.encoder(noise()), core)
        outputs = whole.segmentation_head(decoded)[..., *within]
        torch.testing.assert_close(outputs, whole(noise())[..., *core], rtol=1e-4, atol=1e-5)
    shape = [side.stop - side.start for side in core]
    assert list(outputs.shape[2:]) == shape
    # The core, what the head and two convolutions reach, and whole pixels of the stage before.
    assert all(got <= min(SIDE, side + 2 * 4) for got, side in zip(decoded.shape[2:], shape, strict=True))


def test_a_decoder_of_another_kind_is_run_as_it_is():
    whole = network(architecture="deeplabv3plus", encoder="resnet18")
    core = (slice(32, 64), slice(32, 64))
    with torch.inference_mode():
        decoded, within = decoded_core(whole, whole.encoder(noise()), core)
        torch.testing.assert_close(whole.segmentation_head(decoded), whole(noise()))
    assert within == core
