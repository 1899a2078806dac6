from __future__ import annotations

import pytest
import torch
from torch import nn

from learning.core.doubled import DoubledBlock, doubled_blocks
from learning.core.network import NetworkSpec, build_network
from learning.core.trimmed import decoded_core

torch.set_num_threads(1)


def network(encoder: str, *, biased: bool = False) -> nn.Module:
    """With norms that shift and scale, or with biases in their place, as folding leaves them."""
    torch.manual_seed(3)
    spec = NetworkSpec(bands=("R", "G", "B"), class_codes=("a", "b", "c"), encoder=encoder, pretrained=False)
    made = build_network(spec).eval()
    for block in made.decoder.blocks:
        for part in (block.conv1, block.conv2):
            if biased:
                part[0].bias = nn.Parameter(torch.randn(part[0].out_channels))
                part[1] = nn.Identity()
            else:
                part[1].running_mean.uniform_(-0.2, 0.2)
                nn.init.uniform_(part[1].bias, -0.2, 0.2)
    return made.requires_grad_(False)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("encoder", ["resnet18", "tu-tf_efficientnet_lite0", "mit_b0"])
def test_each_stage_has_the_image_that_repeated_pixels_give_it(encoder: str, biased: bool) -> None:
    made = network(encoder, biased=biased)
    blocks = made.decoder.blocks
    for block, doubled in zip(blocks, doubled_blocks(made), strict=True):
        coarse = noise(2, doubled.places[0].in_channels, 6, 9)
        beside = None if doubled.beside is None else noise(2, doubled.beside.in_channels, 12, 18)
        with torch.inference_mode():
            expected = block(coarse, 12, 18, skip_connection=beside)
            found = doubled(coarse, 12, 18, skip_connection=beside)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        assert expected.abs().mean() > 0.01
    assert [doubled.beside is None for doubled in doubled_blocks(made)][-1]


@pytest.mark.parametrize("encoder", ["resnet18", "tu-tf_efficientnet_lite0", "mit_b0"])
def test_a_core_has_the_outputs_that_a_whole_pass_gives_it(encoder: str) -> None:
    made, core = network(encoder), (slice(32, 90), slice(0, 100))
    with torch.inference_mode():
        stages = made.encoder(noise(1, 3, 128, 160))
        decoded, within = decoded_core(made, stages, core, blocks=doubled_blocks(made))
        found = made.segmentation_head(decoded)[..., *within]
        torch.testing.assert_close(found, made(noise(1, 3, 128, 160))[..., *core], rtol=1e-4, atol=1e-5)


def test_one_pixel_becomes_what_its_square_sees_by_hand() -> None:
    # Taps 1 2 3 / 4 5 6 / 7 8 9 over a square of four ones in zeros: its upper left corner sees 5 + 6 + 8 + 9.
    block = network("resnet18").decoder.blocks[-1]
    block.conv1 = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, bias=False))
    block.conv1[0].weight = nn.Parameter(torch.arange(1.0, 10.0).reshape(1, 1, 3, 3), requires_grad=False)
    block.conv2 = nn.Identity()
    coarse = torch.zeros(1, 1, 3, 3)
    coarse[0, 0, 1, 1] = 1.0
    found = DoubledBlock(block, coarse=1)(coarse, 6, 6)[0, 0]
    assert found.tolist() == [
        [0, 0, 0, 0, 0, 0],
        [0, 9, 17, 15, 7, 0],
        [0, 15, 28, 24, 11, 0],
        [0, 9, 16, 12, 5, 0],
        [0, 3, 5, 3, 1, 0],
        [0, 0, 0, 0, 0, 0],
    ]


def test_an_image_that_is_not_doubled_and_a_skip_connection_too_many_are_refused() -> None:
    last = doubled_blocks(network("resnet18"))[-1]
    coarse = noise(1, last.places[0].in_channels, 4, 4)
    with pytest.raises(ValueError, match="4 × 4 px to 8 × 9, 0 channels beside: not the double"):
        last(coarse, 8, 9)
    with pytest.raises(ValueError, match=r"3 channels beside: .* not as the stage was made"):
        last(coarse, 8, 8, skip_connection=noise(1, 3, 8, 8))
