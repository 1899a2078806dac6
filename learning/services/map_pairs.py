"""The published maps of two vintages held against each other: which they are, and what people are asked about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from annotation.core.change import FoundCell, area_px, drawn_controls
from annotation.models import Campaign, ImageryLayer, VintagePair
from annotation.services.change_rounds import LEAST_CELL_PX
from annotation.services.pairs import shift_of
from annotation.services.tiles import pool_mask
from learning.core.map_cells import MapCell, TileCells, cells_of_maps
from learning.core.other_vintage import MapPair
from learning.errors import NoPrediction
from learning.models import Prediction
from learning.services.predictions import shown_prediction


@dataclass(frozen=True, slots=True)
class MapsOfPair:
    """The published map of each vintage: of the earlier layer, and of the campaign over the later one."""

    first: Prediction
    second: Prediction


def maps_of_pair(*, campaign: Campaign, pair: VintagePair) -> MapsOfPair:
    """Both maps. Raises: NoPrediction: one of the two has none."""
    second = shown_prediction(campaign)
    if second is None or second.layer_id != pair.second_id:
        raise NoPrediction(
            f"Campaign {campaign.slug} has no published map of {pair.second.slug}: publish a model there, then compare."
        )
    return MapsOfPair(earlier_map(pair), second)


def earlier_map(pair: VintagePair) -> Prediction:
    """The published map of the earlier layer, of its newest campaign that has one. Raises: NoPrediction."""
    return _published_map(pair.first)


def published_maps(pair: VintagePair) -> MapsOfPair:
    """The published map of each layer, of its newest campaign that has one. Raises: NoPrediction: one has none."""
    return MapsOfPair(_published_map(pair.first), _published_map(pair.second))


def _published_map(layer: ImageryLayer) -> Prediction:
    for campaign in Campaign.objects.filter(layer=layer).order_by("-pk"):
        found = shown_prediction(campaign)
        if found is not None:
            return found
    raise NoPrediction(f"No campaign on {layer.slug} has a published map: publish a model there, then compare the two.")


def cells_of_published_maps(
    *, campaign: Campaign, pair: VintagePair, control_share: float, seed: int, least_px: int = LEAST_CELL_PX
) -> Iterator[FoundCell]:
    """Ground on which the two published maps differ, for open_change_round, and control tiles on which they agree.

    A piece counts by its share of the tile, and by the maps' doubt up to twice as much: large pieces first, and of
    two that are as large the one of which the maps are less sure, where an answer changes most. Control tiles are drawn
    among those without a difference, with the probability that each had.

    Raises: NoPrediction, InvalidPredictionGrid.
    """
    maps = maps_of_pair(campaign=campaign, pair=pair)
    tile_px = campaign.tile_px
    places = [(int(row), int(col)) for row, col in np.argwhere(pool_mask(campaign))]
    agreeing: list[TileCells] = []
    differing = 0
    first, second = (MapPair(one.path("class.tif"), one.path("entropy.tif")) for one in (maps.first, maps.second))
    for tile in cells_of_maps(
        first, second, places, tile_px=tile_px, shift_px=shift_px(pair), least_px=least_px,
    ):  # fmt: skip
        if tile.differing:
            differing += 1
            for cell in tile.differing:
                yield _asked(tile, cell, score=area_px(cell.rings) / tile_px**2 * (0.5 + 0.5 * cell.doubt))
        else:
            agreeing.append(tile)
    rng = np.random.default_rng(seed)
    drawn, probability = drawn_controls(range(len(agreeing)), scored=differing, control_share=control_share, rng=rng)
    for number in drawn:
        for cell in agreeing[number].agreeing:
            yield _asked(agreeing[number], cell, score=0.0, probability=probability)


def shift_px(pair: VintagePair) -> float:
    """How far the two layers lie apart, in pixels of the later one; one pixel where it is not measured."""
    shift = shift_of(pair)
    return 1.0 if shift is None else (shift.distance_m + shift.spread_m) / pair.second.gsd_m


def _asked(tile: TileCells, cell: MapCell, *, score: float, probability: float | None = None) -> FoundCell:
    return FoundCell(
        tile.row, tile.col, cell.rings, cell.first_code, cell.second_code, score, cell.doubt,
        is_control=probability is not None, probability=1.0 if probability is None else probability,
    )  # fmt: skip
