"""From the database's revisions to label rasters: one tile, one or several people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotation.core.labels import rasterize_features
from annotation.core.tile_geometry import parse_features


def class_index(class_codes: Sequence[str]) -> dict[str, int]:
    """Raster value by class code: position + 1, since 0 is unlabelled."""
    return {code: position for position, code in enumerate(class_codes, start=1)}


def label_raster(
    feature_lists: Iterable[list[dict[str, Any]]], *, tile_px: int, values: Mapping[str, int]
) -> NDArray[np.uint8]:
    """Rasterise the accepted revisions of one tile and merge them.

    Args:
        feature_lists: `features` of each revision, as stored.
        values: raster value (1..255) by class code.
    Returns: uint8 (tile_px, tile_px), 0 = unlabelled.
    Raises:  InvalidFeature: a stored feature is not one of this nomenclature.
    """
    return merge_labels(label_rasters(feature_lists, tile_px=tile_px, values=values))


def label_rasters(
    feature_lists: Iterable[list[dict[str, Any]]], *, tile_px: int, values: Mapping[str, int]
) -> list[NDArray[np.uint8]]:
    """Rasterise each list of stored features apart; see label_raster."""
    return [
        rasterize_features(
            parse_features(features, tile_px=tile_px, class_codes=values.keys()),
            tile_px=tile_px,
            class_index=values,
        )
        for features in feature_lists
    ]


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


def merge_labels(rasters: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Majority per pixel among those who labelled it; a tie is unlabelled rather than decided by order.

    Args:    rasters: uint8 (row, col) each, 0 = unlabelled, at least one.
    Returns: uint8 (row, col).
    """
    if len(rasters) == 1:
        return rasters[0]
    stack = np.stack(rasters)
    best = np.zeros(stack.shape[1:], np.uint8)
    votes = np.zeros(stack.shape[1:], np.int16)
    for value in np.unique(stack[stack > 0]):
        count = (stack == value).sum(axis=0, dtype=np.int16)
        best = np.where(count > votes, value, np.where((count == votes) & (count > 0), 0, best)).astype(np.uint8)
        votes = np.maximum(votes, count)
    return best
