"""Stages of a U-Net's decoder that convolve doubled pixels, computed on the pixels as they were. Imports torch.

A stage repeats each pixel of the coarser image in a square of four, lays the skip connection beside, and convolves
both three by three. Of nine taps over repeated pixels some always fall on the same one: at each place of the square
there are four pixels left, under taps that are added up once and for all. That is four ninths of the products, and
neither the repeated image nor the one with both is ever written. Outputs are those of the stage but for rounding, which
in bf16 happens once more: what the two images give is added up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

_PLACES = ((0, 0), (0, 1), (1, 0), (1, 1))  # row and column in the square


class DoubledBlock(nn.Module):
    """A stage whose image is doubled by repetition, computed as above. Called as the block that it is made of.

    Args: block: of smp's UnetDecoder, see trimmed.can_be_trimmed. coarse: channels of the image that is doubled, which
          come before those of the skip connection.
    """

    def __init__(self, block: Any, *, coarse: int) -> None:
        super().__init__()
        first, *rest = block.conv1
        weight = first.weight.detach()
        beside = weight.shape[1] > coarse
        self.places = nn.ModuleList(
            _convolution(taps, bias=None if beside else first.bias) for taps in _added_up(weight[:, :coarse])
        )
        self.beside = _convolution(weight[:, coarse:], bias=first.bias) if beside else None
        self.rest = nn.Sequential(*rest)
        self.second: Any = block.conv2

    def forward(self, coarse: Tensor, height: int, width: int, skip_connection: Tensor | None = None) -> Tensor:
        """The stage's image, (batch, channel, height, width): twice the rows and columns of `coarse`."""
        rows, cols = coarse.shape[2:]
        given = 0 if skip_connection is None else skip_connection.shape[1]  # some encoders have stages of no channels
        if (height, width) != (2 * rows, 2 * cols) or (self.beside is None) != (given == 0):
            found = f"{rows} × {cols} px to {height} × {width}, {given} channels beside"
            raise ValueError(f"{found}: not the double, or not as the stage was made.")
        coarse = coarse.contiguous(memory_format=torch.channels_last)  # once, not by each convolution
        out = None if self.beside is None else self.beside(skip_connection)
        for (row, col), convolution in zip(_PLACES, self.places, strict=True):
            part = convolution(coarse)[:, :, row : row + rows, col : col + cols]
            if out is None:
                shape = (*part.shape[:2], height, width)
                out = torch.empty(shape, dtype=part.dtype, device=part.device, memory_format=torch.channels_last)
            place = out[:, :, row::2, col::2]
            if self.beside is None:
                place.copy_(part)
            else:
                place.add_(part)
        made: Tensor = self.second(self.rest(out))
        return made


def doubled_blocks(network: Any) -> nn.ModuleList:
    """The stages of a network's decoder, the coarsest first; of one for which trimmed.can_be_trimmed holds."""
    blocks = network.decoder.blocks
    coarse = [network.encoder.out_channels[-1], *(block.conv2[0].out_channels for block in blocks[:-1])]
    return nn.ModuleList(DoubledBlock(block, coarse=channels) for block, channels in zip(blocks, coarse, strict=True))


def _added_up(weight: Tensor) -> Iterator[Tensor]:
    """Two by two taps over the pixels themselves for each of _PLACES, of three by three over repeated ones.

    The upper place of a square sees the pixel above and twice its own; the lower one twice its own and the one below.
    """
    for row, col in _PLACES:
        taps = weight
        for axis, place in ((2, row), (3, col)):
            before, own, after = taps.unbind(axis)
            pair = (before, own + after) if place == 0 else (before + own, after)
            taps = torch.stack(pair, axis)
        yield taps


def _convolution(weight: Tensor, *, bias: Tensor | None) -> nn.Conv2d:
    """With one pixel of zeros around: of two by two taps the output has a row and a column more than the input."""
    made, read, *_size, side = weight.shape
    convolution = nn.Conv2d(read, made, side, padding=1, bias=bias is not None, device="meta")  # draws no weights
    convolution.weight = nn.Parameter(weight.clone(), requires_grad=False)
    if bias is not None:
        convolution.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)
    return convolution
