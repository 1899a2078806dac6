"""A U-Net's decoder as far as the core of a window needs it: of the margin only what its convolutions reach.

The last stages, whose images are the largest, take half of a pass; a margin that is context for the first of them is
nothing to the last but pixels that are thrown away. Imports torch.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from torch import Tensor, nn

Core = tuple[slice, slice]
"""Rows and columns of a window that are kept."""
Shape = tuple[int, ...]

_CONVOLUTIONS_PX = 2  # what the two convolutions of a stage reach


def decoded_core(
    network: Any, stages: Sequence[Tensor], core: Core, *, blocks: Iterable[nn.Module] | None = None
) -> tuple[Tensor, Core]:
    """What the head reads, as far as it needs it for the core, and where the core lies in it.

    Args:    network: of network.build_network. stages: of its encoder, from the image on. blocks: what computes the
             decoder's stages, the coarsest first, where it can be trimmed; None = its own.
    Returns: (batch, channel, row, col) of the whole window where the decoder is not one that can be trimmed.
    """
    parts = list(stages[::-1])  # the coarsest first
    shapes = [tuple(stage.shape[2:]) for stage in parts]
    if not (can_be_trimmed(network.decoder) and _double(shapes)):
        decoded: Tensor = network.decoder(list(stages))
        return decoded, core
    boxes = _boxes(shapes, core, reach=_reach(network.segmentation_head))
    values = network.decoder.center(parts[0])
    have = _whole(shapes[0])
    for block, wanted, skip in zip(blocks or network.decoder.blocks, boxes, [*parts[1:-1], None], strict=True):
        values = _cut(values, wanted, have)
        have = _doubled(wanted)
        beside = None if skip is None else _cut(skip, have, _whole(skip.shape[2:]))
        values = block(values, *(side.stop - side.start for side in have), skip_connection=beside)
    return values, _within(core, have)


def _double(shapes: Sequence[Shape]) -> bool:
    return all(fine == (2 * rows, 2 * cols) for (rows, cols), fine in itertools.pairwise(shapes))


def _boxes(shapes: Sequence[Shape], core: Core, *, reach: int) -> list[Core]:
    """Of each stage but the image, the coarsest first: the part that the next one is made of."""
    wanted = _grown(core, reach, shapes[-1])
    boxes = []
    for shape in shapes[:0:-1]:
        needed = _grown(wanted, _CONVOLUTIONS_PX, shape)
        wanted = _sides((side.start // 2, -(-side.stop // 2)) for side in needed)
        boxes.append(wanted)
    return boxes[::-1]


def _whole(shape: Sequence[int]) -> Core:
    return _sides((0, side) for side in shape)


def _sides(pairs: Iterable[tuple[int, int]]) -> Core:
    rows, cols = (slice(start, stop) for start, stop in pairs)
    return rows, cols


def _grown(box: Core, by: int, shape: Shape) -> Core:
    return _sides((max(0, side.start - by), min(side.stop + by, most)) for side, most in zip(box, shape, strict=True))


def _doubled(box: Core) -> Core:
    return _sides((2 * side.start, 2 * side.stop) for side in box)


def _within(box: Core, outer: Core) -> Core:
    return _sides((side.start - frame.start, side.stop - frame.start) for side, frame in zip(box, outer, strict=True))


def _cut(values: Tensor, box: Core, have: Core) -> Tensor:
    return values if box == have else values[..., *_within(box, have)]


def can_be_trimmed(decoder: nn.Module) -> bool:
    """Whether each stage doubles what is before it by repeating pixels and then convolves twice, three by three."""
    return isinstance(decoder, UnetDecoder) and all(
        block.interpolation_mode == "nearest"
        and all(isinstance(kind.attention, nn.Identity) for kind in (block.attention1, block.attention2))
        and [c.kernel_size for c in block.modules() if isinstance(c, nn.Conv2d)] == [(3, 3), (3, 3)]
        for block in decoder.blocks
    )


def _reach(head: nn.Module) -> int:
    """How far the head's convolutions reach beyond a pixel."""
    return sum(max(module.kernel_size) // 2 for module in head.modules() if isinstance(module, nn.Conv2d))
