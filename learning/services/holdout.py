"""The reference a model is judged by: hold-out tiles whose labels were accepted."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from itertools import groupby

from annotation.models import Annotation, Campaign, Tile


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
    """The campaign's hold-out tiles that have accepted labels now, by tile id."""
    labels = (
        Annotation.objects.usable_as_labels()
        .filter(tile__campaign=campaign, tile__role=Tile.Role.HOLDOUT)
        .exclude(head__features=[])  # "nothing can be told here" was accepted: no reference
        .order_by("tile_id", "head_id")
        .values_list("tile_id", "tile__row", "tile__col", "head_id")
    )
    tiles = tuple(
        ReferenceTile(tile_id, row, col, tuple(head for *_place, head in group))
        for (tile_id, row, col), group in groupby(labels, key=lambda item: item[:3])
    )
    content = [[tile.tile_id, list(tile.revision_ids)] for tile in tiles]
    return HoldoutReference(tiles, hashlib.sha256(json.dumps(content).encode()).hexdigest())
