"""People at work in a campaign and its never-attacked twin, and the state that others trust."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from scenes import TWO_CLASSES, campaign, person, square, virtual_layer

BUILT, GRASS = TWO_CLASSES


def labels(code: str = BUILT, *, at: int = 0) -> list[dict[str, Any]]:
    """Two squares on a tile of 64 px; `at` tells one person's from another's."""
    return [square(code, at, 0, 16, "one"), square(GRASS, at, 20, 12, "two")]


def hand_in(tile: Any, who: Any, features: list[dict[str, Any]]) -> Any:
    """Save and submit; the tile must have been given to this person."""
    from annotation.services.annotations import save_annotation, submit_annotation

    saved = save_annotation(
        tile=tile, annotator=who, features=features, operation_id=uuid.uuid4(), expected_version=0, seconds_spent=60
    )
    submit_annotation(tile=tile, annotator=who, operation_id=uuid.uuid4(), expected_version=saved.version)
    saved.annotation.refresh_from_db()
    return saved.annotation


def review(annotation: Any, reviewer: Any, verdict: str = "accept") -> Any:
    """A verdict on the latest revision."""
    from annotation.services.reviews import record_review

    found = record_review(
        annotation_id=annotation.pk,
        reviewer=reviewer,
        verdict=verdict,
        reason="class" if verdict == "send_back" else "",
        operation_id=uuid.uuid4(),
        expected_version=annotation.version,
    )
    annotation.refresh_from_db()
    return found


def correct(annotation: Any, reviewer: Any) -> Any:
    """A reviewer accepts what they made of it."""
    from annotation.services.reviews import save_correction

    here = {"annotation_id": annotation.pk, "reviewer": reviewer}
    save_correction(**here, features=labels(GRASS, at=5), operation_id=uuid.uuid4(), expected_version=0)
    return review(annotation, reviewer, "correct")


def reviewer_of(camp: Any, name: str) -> Any:
    """Somebody who may review here."""
    from annotation.services.people import set_role

    someone = person(name)
    set_role(campaign=camp, user=someone, role="reviewer")
    return someone


@dataclass
class World:
    """A campaign in which people label what they choose on the map, and a reviewer."""

    campaign: Any
    reviewer: Any

    def places(self) -> list[tuple[int, int]]:
        """Places of the pool, row by row."""
        import numpy as np

        from annotation.services.tiles import pool_mask

        return [(int(row), int(col)) for row, col in np.argwhere(pool_mask(self.campaign))]

    def label(
        self, who: Any, place: tuple[int, int], *, code: str = BUILT, at: int = 0, verdict: str = "accept"
    ) -> Any:
        """Pick a tile, label it, hand it in, and have it reviewed, unless `verdict` is empty."""
        from annotation.services.queue_pick import pick_tile

        lease = pick_tile(campaign=self.campaign, annotator=who, row=place[0], col=place[1])
        annotation = hand_in(lease.tile, who, labels(code, at=at))
        if verdict:
            review(annotation, self.reviewer, verdict)
        return annotation


def world(slug: str = "camp", **options: Any) -> World:
    """A campaign of 16 × 16 tiles of 64 px, always the same."""
    layer = virtual_layer(f"layer-{slug}", width=1024, height=1024)
    camp = campaign(slug, layer=layer, tile_px=64, seed=5, **{"first_round": 40, **options})
    return World(camp, reviewer_of(camp, f"{slug}-reviewer"))


def trusted_state(camp: Any) -> dict[str, Any]:
    """What counts in a campaign, and what is still asked for, without ids: equal for twins."""
    from annotation.models import Annotation
    from learning.querysets import licensed_labels
    from learning.services.validations import validated_labels

    tiles = {tile.pk: (tile.row, tile.col) for tile in camp.tiles.all()}
    count = Annotation.objects.filter(tile__campaign=camp)
    held = camp.tickets.filter(state__in=["leased", "done"]).values_list("tile", "slot")
    return {
        "labels": sorted((tiles[tile], sha) for tile, sha in licensed_labels(camp).values_list("tile", "head__sha256")),
        "waiting": sorted(tiles[tile] for tile in count.filter(state="submitted").values_list("tile", flat=True)),
        "sent_back": sorted(tiles[tile] for tile in count.filter(state="sent_back").values_list("tile", flat=True)),
        "judged": [(tiles[tile.tile_id], tile.sha256) for tile in validated_labels(camp)],
        "states": sorted((tiles[tile.pk], tile.state) for tile in camp.tiles.exclude(state="open")),
        "taken": sorted((tiles[tile], slot) for tile, slot in held),
    }
