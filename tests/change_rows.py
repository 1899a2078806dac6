"""Two vintages of one ground, a campaign over the later one, and a round of questions about change."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import numpy as np
from scenes import campaign, person, square, virtual_layer

GREY, GREEN, SOIL = "CS1.1.1.1", "CS2.2.1", "CS1.2.1"


@dataclass
class TwoDates:
    """Layers `first` and `second` over the same ground, a campaign over the second and its pool tiles."""

    first: Any
    second: Any
    pair: Any
    campaign: Any
    tiles: list[Any]

    def cell(self, tile: Any, first: str, second: str, *, score: float = 1.0, at: int = 0, **more: Any) -> Any:
        """A square of 16 px of a tile, at `at` pixels from its corner."""
        from annotation.core.change import FoundCell
        from annotation.core.features import rings_in

        rings = rings_in(square(GREY, at, at, 16)["rings"])
        return FoundCell(tile.row, tile.col, rings, first, second, score, **more)

    def open(self, cells: list[Any], **more: Any) -> Any:
        """A round of these cells, without control tiles of its own unless a share is given."""
        from annotation.services.change_rounds import open_change_round

        more.setdefault("control_share", 0.0)
        return open_change_round(campaign=self.campaign, pair=self.pair, cells=cells, **more).round


def two_dates(slug: str = "now", *, n_tiles: int = 6, **options: Any) -> TwoDates:
    """A scene without pixels; submissions are accepted as they come, unless said otherwise."""
    from annotation.models import ImageryLayer, VintagePair
    from annotation.services.tiles import materialise_tiles, pool_mask

    first, second = virtual_layer(f"{slug}-2019"), virtual_layer(f"{slug}-2022")
    ImageryLayer.objects.filter(pk=first.pk).update(vintage=2019)
    first.refresh_from_db()
    options.setdefault("review_policy", "none")
    options.setdefault("first_reviewed", 0)
    camp = campaign(slug, layer=second, tile_px=128, **options)
    pair = VintagePair.objects.create(first=first, second=second)
    places = [(int(row), int(col)) for row, col in np.argwhere(pool_mask(camp))[:n_tiles]]
    made = materialise_tiles(campaign=camp, places=places)
    tiles = [made[place] for place in places]
    for tile in tiles:
        tile.campaign = camp
    return TwoDates(first, second, pair, camp, tiles)


def labelled(layer: Any, tile: Any, features: list[dict[str, Any]], *, name: str) -> Any:
    """Labels that were accepted on a tile's ground on another layer, in a campaign of its own."""
    from annotation.models import Campaign
    from annotation.services.annotations import save_annotation, submit_annotation
    from annotation.services.queue_pick import pick_tile

    camp = Campaign.objects.filter(slug=f"on-{layer.slug}").first() or campaign(
        f"on-{layer.slug}", layer=layer, tile_px=128, review_policy="none", first_reviewed=0
    )
    author = person(name)
    pick_tile(campaign=camp, annotator=author, row=tile.row, col=tile.col)
    there = camp.tiles.select_related("campaign__layer").get(row=tile.row, col=tile.col)
    save_annotation(tile=there, annotator=author, features=features, operation_id=uuid.uuid4(), expected_version=0)
    return submit_annotation(tile=there, annotator=author, operation_id=uuid.uuid4(), expected_version=1).annotation


def claimed(scene: TwoDates, who: Any, wanted: int = 1) -> list[Any]:
    """The tiles that this person holds after asking."""
    from annotation.services.change_queue import claim_change_tickets

    return claim_change_tickets(campaign=scene.campaign, annotator=who, wanted=wanted)


def answer(ticket: Any, who: Any, *given: Any, **more: Any) -> Any:
    """Record answers under a new operation id."""
    from annotation.services.change_answers import record_change_answers

    more.setdefault("operation_id", uuid.uuid4())
    return record_change_answers(ticket=ticket, annotator=who, answers=list(given), **more)
