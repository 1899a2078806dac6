"""Label rasters of one tile that the learning side needs: several people's merged, and what nobody drew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotation.core.consensus import majority_vote
from annotation.core.stored_labels import label_rasters


def label_raster(
    feature_lists: Iterable[list[dict[str, Any]]], *, tile_px: int, values: Mapping[str, int]
) -> NDArray[np.uint8]:
    """Rasterise the accepted revisions of one tile and merge them, each with one vote.

    Args:
        feature_lists: `features` of each revision, as stored.
        values: raster value (1..255) by class code.
    Returns: uint8 (tile_px, tile_px), 0 = unlabelled.
    Raises:  InvalidFeature: a stored feature is not one of this nomenclature.
    """
    return majority_vote(label_rasters(feature_lists, tile_px=tile_px, values=values))


def undrawn_part(judged: NDArray[np.uint8], drawn: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """What was agreed on a model's drawing, where nobody drew: people's own outlines win pixel by pixel, also where
    they contradict each other.

    Args:    judged, drawn: uint8 (row, col), 0 = unlabelled.
    Returns: uint8 (row, col).
    """
    taken = np.zeros(judged.shape, bool)
    for raster in drawn:
        taken |= raster > 0
    return np.where(taken, np.uint8(0), judged).astype(np.uint8)
