"""What labels above the classes of a model leave open, and what they weigh (annotation.core.label_table)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from annotation.core.label_table import Broader
from learning.errors import InvalidTrainingTile


def membership(broader: Broader, *, n_classes: int) -> NDArray[np.bool_]:
    """Which classes each raster value leaves open: bool (n_classes + broader, class), row k for value k + 1.

    Raises: InvalidTrainingTile: a broader label leaves open no class, one that is not there, or one twice.
    """
    for number, places in enumerate(broader):
        if not places or len(set(places)) < len(places) or not all(0 <= place < n_classes for place in places):
            raise InvalidTrainingTile(
                f"Broader label {number} leaves open {list(places)}; expected 0 to {n_classes - 1}, each once"
            )
    found = np.zeros((n_classes + len(broader), n_classes), np.bool_)
    found[np.arange(n_classes), np.arange(n_classes)] = True
    for number, places in enumerate(broader):
        found[n_classes + number, list(places)] = True
    return found


def weights_of_values(
    class_weight: NDArray[np.float32], class_pixels: NDArray[np.int64], broader: Broader
) -> NDArray[np.float32]:
    """Loss weight of each raster value: a broader label weighs as its classes do on average, by how often they occur.

    Args:    class_weight: float32 (class,). class_pixels: int64 (class,), labelled pixels of each.
    Returns: float32 (n_classes + broader,), the classes' own first.
    """
    averages = []
    for places in broader:
        share = class_pixels[list(places)].astype(np.float64)
        averages.append(np.average(class_weight[list(places)], weights=share if share.any() else None))
    return np.concatenate([class_weight, np.asarray(averages, np.float32)])
