"""Gold tiles for tests: a campaign whose tiles have accepted labels, some of them taken for the truth."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from learning_rows import Labelled, labelled_campaign
from scenes import TWO_CLASSES, person, square

GREY, GREEN = TWO_CLASSES
SIDE = 64  # of the tiles of labelled_campaign, in pixels


def halves(left: str = GREY, right: str = GREEN) -> list[dict[str, Any]]:
    """A whole tile, one class at each side."""
    return [rectangle(left, 0, 0, SIDE // 2, SIDE), rectangle(right, SIDE // 2, 0, SIDE // 2, SIDE)]


def rectangle(code: str, x: int, y: int, width: int, height: int) -> dict[str, Any]:
    """A rectangle; in pixels of the tile."""
    shape = square(code, x, y, 1)
    x, y, width, height = x * 8, y * 8, width * 8, height * 8
    shape["rings"] = [[[x, y], [x + width, y], [x + width, y + height], [x, y + height]]]
    return shape


def gold_campaign(slug: str = "camp", *, golds: int = 1, **options: Any) -> tuple[Labelled, Any, list[Any]]:
    """A campaign, its maintainer, and its gold tiles: halves drawn by the scene's author, given for sure when due."""
    from scenes import accepted

    from annotation.services.gold import mark_gold
    from annotation.services.people import set_role

    share = options.pop("gold_share", 0.1)
    scene = labelled_campaign(slug, **options)
    maintainer = person(f"{slug}-maintainer")
    set_role(campaign=scene.campaign, user=maintainer, role="maintainer")
    scene.campaign.gold_share = share
    scene.campaign.save(update_fields=["gold_share"])
    marked = []
    for tile in scene.pool_tiles()[:golds]:
        label = accepted(scene.campaign, tile, scene.author, scene.reviewer, halves())
        marked.append(mark_gold(campaign=scene.campaign, annotation_id=label.pk, actor=maintainer))
    return scene, maintainer, marked


def hand_in(tile: Any, someone: Any, features: list[dict[str, Any]]) -> Any:
    """Labels of somebody, saved and submitted; their lease is made where they have none."""
    from annotation.models import Annotation, Lease
    from annotation.services.annotations import save_annotation, submit_annotation
    from annotation.services.clock import database_now

    now = database_now()
    Lease.objects.get_or_create(tile=tile, annotator=someone, defaults={"granted_at": now, "expires_at": now})
    version = Annotation.objects.filter(tile=tile, annotator=someone).values_list("version", flat=True).first() or 0
    saved = save_annotation(
        tile=tile, annotator=someone, features=features, operation_id=uuid.uuid4(), expected_version=version
    )
    submit_annotation(tile=tile, annotator=someone, operation_id=uuid.uuid4(), expected_version=saved.version)
    saved.annotation.refresh_from_db()
    return saved.annotation


def yesterday() -> None:
    """Outcomes as if they were a day old; they are never changed, so the trigger is set aside."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE annotation_goldoutcome DISABLE TRIGGER gold_outcome_append_only")
        cursor.execute("UPDATE annotation_goldoutcome SET created_at = created_at - %s", [timedelta(days=1)])
        cursor.execute("ALTER TABLE annotation_goldoutcome ENABLE TRIGGER gold_outcome_append_only")
