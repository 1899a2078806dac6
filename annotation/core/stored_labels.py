"""From features as revisions store them to label rasters."""

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


def label_rasters(
    feature_lists: Iterable[list[dict[str, Any]]], *, tile_px: int, values: Mapping[str, int]
) -> list[NDArray[np.uint8]]:
    """Rasterise each list of stored features apart.

    Args:
        feature_lists: `features` of each revision, as stored.
        values: raster value (1..255) by class code.
    Returns: uint8 (tile_px, tile_px) each, 0 = unlabelled.
    Raises:  InvalidFeature: a stored feature is not one of this nomenclature.
    """
    return [
        rasterize_features(
            parse_features(features, tile_px=tile_px, class_codes=values.keys()),
            tile_px=tile_px,
            class_index=values,
        )
        for features in feature_lists
    ]
