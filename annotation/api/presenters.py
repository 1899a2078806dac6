"""From rows to the API's bodies; no decision is taken here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import QuerySet

from annotation.compiled import Compiled
from annotation.core.grid import SUBPIXELS
from annotation.models import (
    Annotation,
    AnnotationRevision,
    Campaign,
    Correction,
    GoldLease,
    Lease,
    PlaceReport,
    Ticket,
    Tile,
)
from annotation.services.asked import asked_of
from annotation.services.ground_dates import tile_acquired_on
from annotation.services.people import contributor_of
from annotation.services.tiles import is_blind_tile
from annotation.services.vintages import OtherVintage, has_other_vintages

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.contrib.gis.geos import Point

MOST_WORDS = 5  # of reports on one tile that are shown to who draws it


def _labels_on_tile(tile: int, annotator: int) -> QuerySet[Annotation]:
    return Annotation.objects.select_related("head").filter(tile=tile, annotator=annotator)


LABELS_ON_TILE = Compiled(_labels_on_tile, tile=int, annotator=int)


def tile_body(tile: Tile, campaign: Campaign) -> dict[str, Any]:
    """A tile's place."""
    west, south, east, north = tile.grid.bounds_wgs84(*tile.place)
    window = tile.window
    return {
        "id": tile.pk,
        "campaign": campaign.slug,
        "row": tile.row,
        "col": tile.col,
        "part": tile.part,
        "tile_px": tile.px,
        "origin_px": [window.col_off, window.row_off],
        "role_visible": "control" if tile.role == Tile.Role.HOLDOUT else "pool",
        "state": tile.state,
        "gsd_m": campaign.layer.gsd_m,
        "bounds_wgs84": [west, south, east, north],
        "acquired_on": tile_acquired_on(tile),
    }


def annotation_body(annotation: Annotation | None, revision: AnnotationRevision | None = None) -> dict[str, Any]:
    """An annotation at its head, or at the revision given."""
    if annotation is None or annotation.head is None:
        version = 0 if annotation is None else annotation.version
        is_split = annotation is not None and annotation.state == Annotation.State.SPLIT
        state = Annotation.State.SPLIT if is_split else "new"
        return {"version": version, "state": state, "features": [], "saved_at": None, "review": None}
    shown = revision or annotation.head
    return {
        "version": shown.number,
        "state": annotation.state,
        "features": shown.features,
        "saved_at": shown.created_at,
        "review": outcome_body(annotation),
    }


def outcome_body(annotation: Annotation) -> dict[str, Any] | None:
    """The latest verdict, or None. Reads a prefetched list where there is one."""
    latest = next(iter(annotation.reviews.all()), None)
    if latest is None:
        return None
    return {
        "verdict": latest.verdict,
        "reason": latest.reason,
        "comment": latest.comment,
        "marks": latest.marks,
        "at": latest.created_at,
    }


def submission_body(annotation: Annotation, tile: Tile, risk: Annotation) -> dict[str, Any]:
    """A submission with what a reviewer should know of it; `risk` is its row in the review queue."""
    return {
        "annotation_id": annotation.pk,
        # Of what waits for a review, whatever the tile's own state: that of a gold tile would tell it.
        "tile": {**tile_body(tile, tile.campaign), "state": annotation.state},
        "author": contributor_of(annotation.annotator).public_id,
        "submitted_at": annotation.submitted_at,
        "annotation": annotation_body(annotation),
        "asked": asked_of(annotation),
        "draft_available": draft_is_offered(tile),
        "opinions": [
            {
                "by_author": opinion.asked_by_id == annotation.annotator_id,
                "comment": opinion.comment,
                "at": opinion.created_at,
            }
            for opinion in annotation.second_opinions.of_same_work(annotation.head)
        ],
        "is_new_author": risk.is_new_author,  # type: ignore[attr-defined]
        "disagreement": risk.disagreement,  # type: ignore[attr-defined]
        "reports": reported_words(tile),
    }


def correction_body(annotation: Annotation, correction: Correction | None) -> dict[str, Any]:
    """What a reviewer corrects: the submission, or their correction of it as they saved it last."""
    head = annotation.head
    return {
        "annotation_id": annotation.pk,
        "tile": {**tile_body(annotation.tile, annotation.tile.campaign), "state": annotation.state},
        "author": contributor_of(annotation.annotator).public_id,
        "submitted_version": annotation.version,
        "version": correction.version if correction else 0,
        "features": correction.features if correction else head.features if head else [],
        "saved_at": correction.saved_at if correction else None,
        "asked": asked_of(annotation),
        "draft_available": draft_is_offered(annotation.tile),
        "blind": is_blind_tile(annotation.tile),
    }


def why_body(ticket: Ticket | None, annotation: Annotation | None) -> dict[str, Any] | None:
    """The reason a tile was given, as logged when its round was opened."""
    sent_back = annotation is not None and annotation.state == Annotation.State.SENT_BACK
    if ticket is None and not sent_back:
        return None
    return {
        "kind": "sent_back" if sent_back or ticket is None else ticket.kind,
        "function": ticket.round.function if ticket else "",
        "score": ticket.score if ticket else None,
        "pixel_score": ticket.round.pixel_score if ticket else "",
        "rank": ticket.rank if ticket and ticket.rank >= 0 else None,
        "round": ticket.round.number if ticket else None,
        "model_version": ticket.round.model_version if ticket else "",
        "probability": ticket.probability if ticket else None,
        "reports": reported_words(ticket.tile) if ticket and ticket.kind == Ticket.Kind.REPORTED else [],
    }


def reported_words(tile: Tile) -> list[dict[str, Any]]:
    """What people said of a tile, and where on it (subpixels). A blind tile is drawn without what others say of it."""
    if is_blind_tile(tile):
        return []
    waiting = PlaceReport.objects.waiting().filter(tile=tile).order_by("created_at", "pk")
    return [
        {"class_code": report.class_code, "comment": report.words, "at": _place_on(tile, report.marker)}
        for report in waiting[:MOST_WORDS]
    ]


def _place_on(tile: Tile, point: Point) -> list[int]:
    window = tile.window
    x, y = tile.grid.pixels.from_lonlat(*point.coords)
    inside = (x - window.col_off, y - window.row_off)
    return [min(max(0, round(SUBPIXELS * place)), SUBPIXELS * window.width) for place in inside]


def lease_body(lease: Lease) -> dict[str, Any]:
    """A person's hold on a tile."""
    return {
        "token": lease.token,
        "expires_at": lease.expires_at,
        "heartbeat_seconds": settings.HEARTBEAT_SECONDS,
        "extra": lease.extra,
    }


def assignment_body(tile: Tile, annotator: User, lease: Lease | None) -> dict[str, Any]:
    """A tile with this person's lease and labels on it."""
    campaign = tile.campaign
    annotation = LABELS_ON_TILE.first(tile=tile.pk, annotator=annotator.pk)
    ticket = None if lease is None else lease.ticket
    if ticket is not None:
        ticket.tile = tile
    gold = None if lease is None or lease.ticket_id is not None else GoldLease.objects.filter(lease=lease).first()
    return {
        "lease": lease_body(lease) if lease is not None and lease.state == Lease.State.ACTIVE else None,
        "tile": tile_body(tile, campaign) | {"state": _state_to_show(tile, annotation)},
        "why": _why_of_gold(gold, annotation) or why_body(ticket, annotation),
        "asked": [] if lease is None else lease.asked,
        "annotation": annotation_body(annotation),
        "draft_available": draft_is_offered(tile, of=ticket),
        "blind": is_blind_tile(tile),
        "other_vintages": has_other_vintages(tile),
    }


def _why_of_gold(given: GoldLease | None, annotation: Annotation | None) -> dict[str, Any] | None:
    """The reason shown with a gold tile, which has no ticket."""
    if given is None:
        return None
    is_sent_back = annotation is not None and annotation.state == Annotation.State.SENT_BACK
    return {"pixel_score": "entropy", **given.why, "reports": [], **({"kind": "sent_back"} if is_sent_back else {})}


def _state_to_show(tile: Tile, annotation: Annotation | None) -> str:
    """A tile that is to do for others is, for whoever handed it in, in the state that their work is in."""
    mine = None if annotation is None else annotation.state
    waits = mine in (Annotation.State.SUBMITTED, Annotation.State.SENT_BACK)
    done = mine == Annotation.State.ACCEPTED and tile.campaign.redundancy == 1
    if annotation is not None and tile.state == Tile.State.OPEN and (waits or done):
        return annotation.state
    return tile.state


def vintage_body(other: OtherVintage) -> dict[str, Any]:
    """Labels of a tile's ground from another campaign."""
    layer = other.campaign.layer
    return {
        "vintage": layer.vintage,
        "acquired_on": layer.acquired_on,
        "layer": layer.slug,
        "layer_title": layer.title,
        "campaign": other.campaign.slug,
        "features": [feature.as_json() for feature in other.features],
    }


def draft_is_offered(tile: Tile, *, of: Ticket | None = None) -> bool:
    """Whether the model's draft may be shown: never on a blind tile, and only once a model has been published.

    A ticket `of` the open round tells without a question to the database.
    """
    if is_blind_tile(tile):
        return False
    if of is not None and of.round.closed_at is None:
        return of.round.model_version != ""
    return tile.campaign.rounds.filter(closed_at__isnull=True).exclude(model_version="").exists()
