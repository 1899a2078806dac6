"""What a tile looks like to the network, in a few numbers: made in the same pass as its map. Imports torch."""

from __future__ import annotations

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
    size = stages[-1].shape[2:]
    seen = [functional.adaptive_avg_pool2d(stage, size).float() for stage in stages[1:] if stage.shape[1] > 0]
    return decoded, torch.cat([_narrowed(stage) for stage in seen], dim=1)


def _narrowed(stage: Tensor) -> Tensor:
    if stage.shape[1] <= MAX_STAGE_FEATURES:
        return stage
    projection = torch.from_numpy(random_projection(stage.shape[1], MAX_STAGE_FEATURES)).to(stage.device)
    with torch.autocast(stage.device.type, enabled=False):
        return torch.einsum("bcyx,cd->bdyx", stage, projection)


def feature_sums(
    cells: Tensor, known: Tensor, rows: NDArray[np.intp], cols: NDArray[np.intp], shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Sum of the cells' features per tile, in whole 256ths, with the number of cells in the last place.

    Args:
        cells: float32 (feature, row, col). known: bool (row, col), whether a cell has imagery.
        rows, cols: tile of each row and column of cells, within `shape`.
    Returns: int64 (*shape, feature + 1).
    """
    whole = torch.cat([(cells * FEATURE_LEVELS).round(), torch.ones_like(cells[:1])]).to(torch.int64) * known
    by_row = torch.zeros((len(whole), shape[0], whole.shape[2]), dtype=torch.int64, device=cells.device)
    by_row.index_add_(1, torch.from_numpy(rows).to(cells.device), whole)
    by_tile = torch.zeros((len(whole), *shape), dtype=torch.int64, device=cells.device)
    by_tile.index_add_(2, torch.from_numpy(cols).to(cells.device), by_row)
    sums: NDArray[np.int64] = by_tile.permute(1, 2, 0).cpu().numpy()
    return sums
