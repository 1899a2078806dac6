"""What a hold-out of blocks says of a map, once it is labelled to the end (docs/adr/0053)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotation.models import Tile
from learning.core.area import Estimate
from learning.core.area_blocks import FEWEST_BLOCKS, block_estimates
from learning.models import Prediction


@dataclass(frozen=True, slots=True)
class FigureOfBlocks:
    """Estimates in hectares, in the order of the model's classes; `matrix` in pixels, rows the map's classes."""

    overall: Estimate
    area: tuple[Estimate, ...]
    matrix: tuple[tuple[int, ...], ...]
    blocks: int


def figures_of_blocks(prediction: Prediction, *, mapped_ha: Sequence[float | None]) -> FigureOfBlocks | str:
    """What the model's newest evaluation on whole blocks says of its map; else the reason why nothing can be said."""
    campaign = prediction.model.campaign
    evaluation = prediction.model.evaluations.order_by("-pk").first()
    if evaluation is None:
        return "no_sample"
    holdout = campaign.tiles.filter(role=Tile.Role.HOLDOUT, whole__isnull=True)
    places = {str(pk): (row, col) for pk, row, col in holdout.values_list("pk", "row", "col")}
    if evaluation.n_tiles < len(places):
        return "holdout_unfinished"
    side, size = campaign.holdout.block_tiles, len(evaluation.class_codes)
    confusions: defaultdict[tuple[int, int], NDArray[np.int64]] = defaultdict(lambda: np.zeros((size, size), np.int64))
    for tile, confusion in evaluation.tile_confusions.items():
        row, col = places[tile]
        confusions[row // side, col // side] += np.array(confusion, np.int64)
    if len(confusions) < FEWEST_BLOCKS:
        return "few_blocks"
    mapped = [area for area in mapped_ha if area is not None]
    if len(mapped) < len(mapped_ha):
        return "not_counted"
    found = block_estimates(
        np.stack([confusions[block] for block in sorted(confusions)]),
        mapped=np.array(mapped, np.float64),
        drawn_share=campaign.holdout.inclusion_probability,
    )
    total = np.array(evaluation.confusion, np.int64).T
    return FigureOfBlocks(found.overall, found.area, tuple(tuple(row) for row in total.tolist()), len(confusions))
