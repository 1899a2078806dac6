"""A campaign with a model's drawings for people to judge, without weights, maps or imagery."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from learning_rows import model_row, ready_map
from scenes import TWO_CLASSES, campaign, person, square, virtual_layer

GREY, GREEN = TWO_CLASSES
THIRD = "CS1.2.1"


def drawing() -> list[dict[str, Any]]:
    """What the model drew on a tile: three squares of 16 px, the second the least certain."""
    return [
        {**square(GREY, 0, 0, 16, "region-1"), "provenance": "accepted", "confidence": 0.9},
        {**square(GREEN, 16, 0, 16, "region-2"), "provenance": "accepted", "confidence": 0.4},
        {**square(GREY, 32, 0, 16, "region-3"), "provenance": "accepted", "confidence": 0.6},
    ]


def ranked_round(camp: Any, count: int, *, model_version: str) -> list[Any]:
    """A round of `count` pool tiles whose scores fall with their rank; returns the tiles, best first."""
    from annotation.services.rounds import QueuedTile, open_queue_round
    from annotation.services.tiles import pool_mask

    places = [(int(row), int(col)) for row, col in np.argwhere(pool_mask(camp))[:count]]
    assert len(places) == count
    opened = open_queue_round(
        campaign=camp,
        function="entropy",
        model_version=model_version,
        control_share=0.0,
        tickets=[
            QueuedTile(row=row, col=col, kind="uncertainty", score=1.0 - position / count)
            for position, (row, col) in enumerate(places)
        ],
    )
    tiles = {(ticket.tile.row, ticket.tile.col): ticket.tile for ticket in opened.tickets.select_related("tile")}
    return [camp.tiles.select_related("campaign__layer").get(pk=tiles[place].pk) for place in places]


@dataclass
class Drawn:
    """A campaign whose tiles a model has drawn, and the prediction that holds the drawings."""

    campaign: Any
    prediction: Any
    tiles: list[Any] = field(default_factory=list)

    @property
    def model_version(self) -> str:
        return self.prediction.model.version

    def draw(self, tile: Any, features: list[dict[str, Any]]) -> None:
        """Keep a drawing as the platform does."""
        kept = self.prediction.path(f"drafts/{tile.row}-{tile.col}.json")
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(features), encoding="utf-8")

    def judge(self, tile: Any, who: Any, verdicts: dict[str, str], **more: Any) -> Any:
        """Verdicts by polygon: "agree", "disagree", "unsure", or a class code. The lease is made if there is none."""
        from annotation.models import Lease
        from annotation.services.clock import database_now
        from annotation.services.validations import Verdict
        from learning.services.validations import judge

        Lease.objects.get_or_create(
            tile=tile, annotator=who, purpose="validate",
            defaults={"granted_at": database_now(), "expires_at": database_now(), "state": "released"},
        )  # fmt: skip
        plain = {"agree", "disagree", "unsure"}
        given = [
            Verdict(name, said if said in plain else "other", None if said in plain else said, 1.5)
            for name, said in verdicts.items()
        ]
        options = {"operation_id": uuid.uuid4(), "model_version": self.model_version, **more}
        return judge(tile=tile, user=who, verdicts=given, **options)

    def agree(self, tile: Any, who: Any) -> Any:
        """Agree with everything."""
        return self.judge(tile, who, {"region-1": "agree", "region-2": "agree", "region-3": "agree"})


def drawn_campaign(slug: str = "camp", *, tiles: int = 6, **options: Any) -> Drawn:
    """A campaign of 16 × 16 tiles of 64 px with a published model that has drawn the round's tiles."""
    camp = campaign(
        slug, layer=virtual_layer(f"layer-{slug}", width=1024, height=1024), tile_px=64, seed=5,
        **{"first_round": 2, **options},
    )  # fmt: skip
    prediction = ready_map(model_row(camp, state="promoted"), np.zeros((16, 16), np.float32))
    scene = Drawn(camp, prediction)
    scene.tiles = ranked_round(camp, tiles, model_version=scene.model_version)
    for tile in scene.tiles:
        scene.draw(tile, drawing())
    return scene


def judges(count: int) -> list[Any]:
    """People who agreed to the licence."""
    return [person(f"judge-{number}") for number in range(count)]
