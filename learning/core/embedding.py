"""What a tile looks like to the network, in a few numbers: made in the same pass as its map. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from learning.core.map_tables import FEATURE_LEVELS, random_projection

MAX_STAGE_FEATURES = 320  # of a wider stage of the encoder, random sums are kept


def decoded_and_features(network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """A forward pass up to the head that also keeps what the encoder saw, from texture to objects.

    Args:    network: a segmentation network of network.build_network. images: float32 (batch, band, row, col).
    Returns: what the head reads, (batch, channel, row, col), and the features of every stage of the encoder but the
             image itself, averaged over the cells of the coarsest one: float32 (batch, feature, row / s, col / s), s
             its stride.
    """
    parts: Any = network
    stages = parts.encoder(images)
    decoded: Tensor = parts.decoder(stages)
    return decoded, cells_of(stages)


def cells_of(stages: Sequence[Tensor]) -> Tensor:
    """The features of decoded_and_features, of the encoder's stages from the image on."""
    size = (stages[-1].shape[2], stages[-1].shape[3])
    seen = [functional.adaptive_avg_pool2d(stage, size).float() for stage in stages[1:] if stage.shape[1] > 0]
    return torch.cat([_narrowed(stage) for stage in seen], dim=1)


def _narrowed(stage: Tensor) -> Tensor:
    if stage.shape[1] <= MAX_STAGE_FEATURES:
        return stage
    projection = torch.from_numpy(random_projection(stage.shape[1], MAX_STAGE_FEATURES)).to(stage.device)
    with torch.autocast(stage.device.type, enabled=False):
        return torch.einsum("bcyx,cd->bdyx", stage, projection)


def feature_sums(
    cells: NDArray[np.float32],
    known: NDArray[np.bool_],
    rows: NDArray[np.intp],
    cols: NDArray[np.intp],
    shape: tuple[int, int],
) -> NDArray[np.int32]:
    """Sum of the cells' features per part, in whole 256ths, with the number of cells in the last place.

    Args:
        cells: (feature, row, col). known: (row, col), whether a cell has imagery.
        rows, cols: part of each row and column of cells, within `shape`, never going down.
    Returns: (*shape, feature + 1).
    """
    sums = np.zeros((*shape, len(cells) + 1), np.int32)
    if rows.size and cols.size:
        whole = np.concatenate([np.rint(cells * np.float32(FEATURE_LEVELS)), np.ones_like(cells[:1])])
        whole = whole.astype(np.int32) * known
        for axis, places in ((1, rows), (2, cols)):
            whole = np.add.reduceat(whole, np.flatnonzero(np.diff(places, prepend=-1)), axis=axis)
        sums[np.ix_(np.unique(rows), np.unique(cols))] = whole.transpose(1, 2, 0)
    return sums
