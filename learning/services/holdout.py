"""The reference a model is judged by: hold-out tiles whose labels were accepted."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from itertools import groupby

from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Coalesce

from annotation.core.grid import PixelWindow
from annotation.core.quarters import QUARTERS
from annotation.models import Campaign, Tile
from learning.querysets import licensed_labels


@dataclass(frozen=True, slots=True)
class ReferenceTile:
    """A hold-out tile and the accepted revisions that say what is there."""

    tile_id: int
    row: int
    col: int
    revision_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HoldoutReference:
    """The labelled hold-out at a moment; `sha256` names it, so that models are compared on the same one."""

    tiles: tuple[ReferenceTile, ...]
    sha256: str


def holdout_reference(campaign: Campaign) -> HoldoutReference:
    """The campaign's hold-out tiles that have accepted labels now, by tile id; of those that were split, the ones of
    which every quarter has.
    """
    labels = (
        licensed_labels(campaign)
        .filter(tile__role=Tile.Role.HOLDOUT)
        .annotate(
            whole=Coalesce("tile__whole", "tile"),
            says_nothing=ExpressionWrapper(Q(head__features=[]), output_field=BooleanField()),
        )
        .order_by("whole", "head_id")
        .values_list("whole", "tile__row", "tile__col", "tile__part", "head_id", "says_nothing")
    )
    tiles = []
    for (tile_id, row, col), group in groupby(labels, key=lambda item: item[:3]):
        accepted = [(part, head, not says_nothing) for *_place, part, head, says_nothing in group]
        parts = {part for part, *_label in accepted}
        # "Nothing can be told here" was accepted: no reference.
        heads = tuple(head for _part, head, says_something in accepted if says_something)
        if heads and (parts == {0} or parts == set(QUARTERS)):
            tiles.append(ReferenceTile(tile_id, row, col, heads))
    content = [[tile.tile_id, list(tile.revision_ids)] for tile in tiles]
    return HoldoutReference(tuple(tiles), hashlib.sha256(json.dumps(content).encode()).hexdigest())


def holdout_windows(campaign: Campaign) -> list[PixelWindow]:
    """The hold-out's blocks on the layer's pixels, as far as they hold whole tiles."""
    side, tile_px = campaign.holdout.block_tiles, campaign.tile_px
    windows = []
    for block_row, block_col in campaign.holdout.blocks:
        rows = (block_row * side, min((block_row + 1) * side, campaign.n_rows))
        cols = (block_col * side, min((block_col + 1) * side, campaign.n_cols))
        windows.append(
            PixelWindow(
                col_off=cols[0] * tile_px,
                row_off=rows[0] * tile_px,
                width=(cols[1] - cols[0]) * tile_px,
                height=(rows[1] - rows[0]) * tile_px,
            )
        )
    return windows
