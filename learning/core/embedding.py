"""What a tile looks like to the network, in a few numbers: made in the same pass as its map. Imports torch."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from learning.core.map_files import EMBEDDING_LEVELS, EMBEDDING_SIZE

_SEED = 1984


def logits_and_embedding(network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """One forward pass that also keeps what the encoder saw at its coarsest.

    Args:    network: a segmentation network of network.build_network. images: float32 (batch, band, row, col).
    Returns: logits (batch, class, row, col) and the deepest features, projected: float32 (batch, EMBEDDING_SIZE,
             row / s, col / s), with s the encoder's stride.
    Source:  Johnson & Lindenstrauss 1984: a random projection keeps distances, here from some hundred dimensions.
    """
    parts: Any = network
    features = parts.encoder(images)
    logits: Tensor = parts.segmentation_head(parts.decoder(features))
    deepest: Tensor = features[-1].float()
    projection = _projection(deepest.shape[1]).to(deepest.device)
    with torch.autocast(deepest.device.type, enabled=False):
        return logits, torch.einsum("bcyx,cd->bdyx", deepest, projection)


def cell_sums(
    cells: Tensor, rows: NDArray[np.intp], cols: NDArray[np.intp], shape: tuple[int, int]
) -> NDArray[np.int64]:
    """Sum of the cells' embeddings per tile, in whole 256ths, with the number of cells in the last place.

    Args:
        cells: float32 (EMBEDDING_SIZE, row, col), NaN where a cell has no imagery.
        rows, cols: tile of each row and column of cells, within `shape`.
    Returns: int64 (*shape, EMBEDDING_SIZE + 1).
    """
    known = torch.isfinite(cells[:1])
    whole = torch.cat([(cells.nan_to_num() * EMBEDDING_LEVELS).round(), known.to(cells.dtype)]).to(torch.int64)
    by_row = torch.zeros((EMBEDDING_SIZE + 1, shape[0], whole.shape[2]), dtype=torch.int64, device=cells.device)
    by_row.index_add_(1, torch.from_numpy(rows).to(cells.device), whole)
    by_tile = torch.zeros((EMBEDDING_SIZE + 1, *shape), dtype=torch.int64, device=cells.device)
    by_tile.index_add_(2, torch.from_numpy(cols).to(cells.device), by_row)
    sums: NDArray[np.int64] = by_tile.permute(1, 2, 0).cpu().numpy()
    return sums


@cache
def _projection(channels: int) -> Tensor:
    """Gaussian, from a fixed seed: embeddings of one model's maps can be compared."""
    values = np.random.default_rng([_SEED, channels]).standard_normal((channels, EMBEDDING_SIZE)) / np.sqrt(
        EMBEDDING_SIZE
    )
    return torch.from_numpy(values.astype(np.float32))
