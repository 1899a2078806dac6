"""Rounds that ask for parts of tiles, and people who draw there, for tests."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
from gold_rows import GREY, rectangle
from queue_rows import pool_places

from annotation.api.presenters import assignment_body
from annotation.models import Annotation, Lease
from annotation.services.annotations import save_annotation, submit_annotation
from annotation.services.people import set_role
from annotation.services.queue import claim_next_tile
from annotation.services.reviews import record_review
from annotation.services.rounds import QueuedTile, open_queue_round

ASKED = ((64, 0, 32, 32), (0, 96, 32, 32))  # upper right, then lower left, of tiles of 128 px


def asking_round(campaign: Any, count: int = 3, *, asked: Any = ASKED, **more: Any) -> None:
    """A round whose tiles are all asked for by parts."""
    tickets = [
        QueuedTile(row=row, col=col, kind="uncertainty", regions=asked) for row, col in pool_places(campaign, count)
    ]
    open_queue_round(
        campaign=campaign, function="doubt_and_diversity", model_version="m1", control_share=0.0, tickets=tickets,
        scores=np.full((campaign.n_rows, campaign.n_cols), 0.4, np.float32), **{"pixel_score": "margin", **more},
    )  # fmt: skip


def held(campaign: Any, someone: Any) -> Lease:
    lease = claim_next_tile(campaign=campaign, annotator=someone)
    assert lease is not None
    return lease


def body_of(lease: Lease) -> dict[str, Any]:
    return assignment_body(lease.tile, lease.annotator, lease)


def in_parts(*windows: Any, code: str = GREY) -> list[dict[str, Any]]:
    """One rectangle for each window, drawn to its edges."""
    return [rectangle(code, *window) for window in windows]


def hand_in(lease: Lease, features: list[dict[str, Any]]) -> Annotation:
    saved = save_annotation(
        tile=lease.tile, annotator=lease.annotator, features=features, operation_id=uuid.uuid4(), expected_version=0
    )
    submit_annotation(
        tile=lease.tile, annotator=lease.annotator, operation_id=uuid.uuid4(), expected_version=saved.version
    )
    saved.annotation.refresh_from_db()
    return saved.annotation


def accept(annotation: Annotation, reviewer: Any) -> None:
    set_role(campaign=annotation.tile.campaign, user=reviewer, role="reviewer")
    record_review(
        annotation_id=annotation.pk, reviewer=reviewer, verdict="accept", operation_id=uuid.uuid4(),
        expected_version=annotation.version,
    )  # fmt: skip
    annotation.refresh_from_db()
