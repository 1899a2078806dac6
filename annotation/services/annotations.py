"""Saving and submitting labels: append-only revisions, one effect a request, no silent overwrite."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import numpy as np
import shapely
from django.conf import settings
from django.contrib.gis.geos import GEOSGeometry, Polygon
from django.db import transaction
from pyproj import CRS, Transformer

from annotation.core.grid import web_transformer
from annotation.core.tile_geometry import Feature, check_coverage, parse_features, to_crs
from annotation.errors import (
    AlreadyAccepted,
    CampaignClosed,
    ClassesChanged,
    NotClaimed,
    NothingChanged,
    NothingToSubmit,
    OperationMismatch,
    SetAside,
    StaleRevision,
    TileIsSplit,
    VersionRequired,
)
from annotation.models import (
    AnnotatedFeature,
    Annotation,
    AnnotationRevision,
    Campaign,
    ImageryLayer,
    Lease,
    Operation,
    Tile,
)
from annotation.services.class_guard import CHANGED, hold_classes
from annotation.services.clock import database_now
from annotation.services.gold import record_gold_outcome
from annotation.services.leases import finish_lease
from annotation.services.limits import Action, spend
from annotation.services.people import require_consent
from annotation.services.report_following import lock_labels
from annotation.services.standing import counts_at_once
from annotation.services.tiles import refresh_tile_state

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True, slots=True)
class Saved:
    """What a write answers: the annotation, the version it then had, and whether this was a repeat."""

    annotation: Annotation
    version: int
    repeated: bool


def save_annotation(
    *,
    tile: Tile,
    annotator: User,
    features: object,
    operation_id: UUID,
    expected_version: int | None,
    seconds_spent: float = 0.0,
    draft_model: str = "",
    views_seen: Sequence[str] = (),
    classes: str | None = None,
) -> Saved:
    """Store one person's labels of a tile as a new revision; earlier revisions stay.

    `features` is the payload as received; it is checked here (class codes, integer grid, coverage) and refused, never
    repaired. The same operation id again answers as the first time and changes nothing. `views_seen` are the names of
    the views of the imagery that were looked at; the layer and its file are noted in any case. `classes` is the version
    of the classes that the labels speak of, where the sender says it.

    Raises: OperationMismatch, VersionRequired, StaleRevision, CampaignClosed, NotClaimed, AlreadyAccepted, SetAside,
        TileIsSplit, AccountBlocked, TooManyThisHour, InvalidFeature, UnknownClass, OverlappingFeatures, ClassesChanged,
        ClassesChanging.
    """
    repeat = _repeated(operation_id, annotator, "save", tile)
    if repeat is not None:
        return repeat
    if expected_version is None:
        raise VersionRequired('Send If-Match with the version these labels were drawn on ("0" for a new tile).')
    _require_consent(annotator)
    _require_claimed(tile, annotator)  # before the costly checks
    if classes is not None and classes != tile.campaign.nomenclature.version:
        raise ClassesChanged(CHANGED, details={"version": tile.campaign.nomenclature.version})
    parsed = parse_features(features, tile_px=tile.px, class_codes=class_codes(tile.campaign))
    check_coverage(parsed)
    with transaction.atomic():
        hold_classes(tile.campaign)
        spend(user=annotator, action=Action.SAVE)
        annotation = _locked_annotation(tile, annotator)
        repeat = _repeated(operation_id, annotator, "save", tile)
        if repeat is not None:
            return repeat
        _require_version(annotation, expected_version)
        append_revision(
            annotation,
            parsed,
            author=annotator,
            seconds_spent=seconds_spent,
            draft_model=draft_model,
            imagery_seen=imagery_seen(tile.campaign.layer, views_seen),
        )
        annotation.state = Annotation.State.DRAFT
        annotation.save(update_fields=["version", "head", "state"])
        refresh_tile_state(tile)
        _remember(operation_id, annotator, "save", annotation)
    return Saved(annotation=annotation, version=annotation.version, repeated=False)


def submit_annotation(*, tile: Tile, annotator: User, operation_id: UUID, expected_version: int | None) -> Saved:
    """Hand the latest revision in: to review, or accepted at once where the campaign has none and the person is no
    newcomer.

    Raises: OperationMismatch, VersionRequired, StaleRevision, CampaignClosed, NotClaimed, AlreadyAccepted, SetAside,
        TileIsSplit, AccountBlocked, TooManyThisHour, NothingToSubmit, ClassesChanging, ClassesChanged.
    """
    repeat = _repeated(operation_id, annotator, "submit", tile)
    if repeat is not None:
        return repeat
    if expected_version is None:
        raise VersionRequired("Send If-Match with the version you submit.")
    with transaction.atomic():
        hold_classes(tile.campaign)
        spend(user=annotator, action=Action.SUBMIT)
        annotation = _locked_annotation(tile, annotator)
        repeat = _repeated(operation_id, annotator, "submit", tile)
        if repeat is not None:
            return repeat
        _require_version(annotation, expected_version)
        if annotation.head is None or not annotation.head.features:
            raise NothingToSubmit(
                "Nothing is labelled on this tile yet: draw at least one area, or skip the tile with a reason."
            )
        if annotation.reviews.of_same_work(annotation.head).exists():
            raise NothingChanged("This was sent back as it is: change what the reviewer named, then submit again.")
        # Whoever lost the tile to someone else before submitting makes an extra contribution: kept, not counted.
        annotation.is_extra = not finish_lease(tile=tile, annotator=annotator)
        close_submission(annotation, tile, annotator)
        _remember(operation_id, annotator, "submit", annotation)
    return Saved(annotation=annotation, version=annotation.version, repeated=False)


def close_submission(annotation: Annotation, tile: Tile, annotator: User) -> None:
    """Put a locked annotation's head in: to review, or accepted at once. Called in the transaction of the write."""
    assert annotation.head is not None  # noqa: S101 - the caller has looked
    write_polygons(annotation.head, tile)
    reviewed = _is_reviewed(tile.campaign, annotator)
    annotation.state = Annotation.State.SUBMITTED if reviewed else Annotation.State.ACCEPTED
    annotation.submitted_at = database_now()
    annotation.decided_at = None if reviewed else annotation.submitted_at
    annotation.save(update_fields=["version", "head", "state", "submitted_at", "decided_at", "is_extra"])
    refresh_tile_state(tile)
    record_gold_outcome(annotation)


def _is_reviewed(campaign: Campaign, annotator: User) -> bool:
    """Whether a reviewer looks at what this person hands in: at every newcomer's first tiles in any case."""
    every_one = campaign.review_policy == Campaign.ReviewPolicy.REVIEW
    return every_one or not counts_at_once(campaign=campaign, user=annotator)


def class_codes(campaign: Campaign) -> frozenset[str]:
    """Codes that a label in this campaign may carry."""
    return frozenset(campaign.nomenclature.classes.filter(selectable=True).values_list("code", flat=True))


def canonical_sha256(features: list[dict[str, Any]]) -> str:
    """Hash of features as they are stored: the identity of a revision's content."""
    return hashlib.sha256(json.dumps(features, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _repeated(operation_id: UUID, actor: User, kind: str, tile: Tile) -> Saved | None:
    operation = Operation.objects.select_related("annotation").filter(pk=operation_id).first()
    if operation is None:
        return None
    if operation.actor_id != actor.pk or operation.kind != kind or operation.annotation.tile_id != tile.pk:
        raise OperationMismatch(
            f"Operation {operation_id} was used before for something else: make a new id for each write."
        )
    return Saved(annotation=operation.annotation, version=operation.version, repeated=True)


def _remember(operation_id: UUID, actor: User, kind: str, annotation: Annotation) -> None:
    Operation.objects.create(id=operation_id, actor=actor, kind=kind, annotation=annotation, version=annotation.version)


def _locked_annotation(tile: Tile, annotator: User) -> Annotation:
    _require_claimed(tile, annotator)
    annotation, _created = Annotation.objects.get_or_create(tile=tile, annotator=annotator)
    lock_labels([annotation.pk])
    return Annotation.objects.select_related("head").get(pk=annotation.pk)


def _require_claimed(tile: Tile, annotator: User) -> None:
    if tile.campaign.state != Campaign.State.OPEN:
        raise CampaignClosed(f"Campaign {tile.campaign.slug!r} is closed: your work stays in this browser.")
    if not Lease.objects.filter(tile=tile, annotator=annotator, purpose=Lease.Purpose.DRAW).exists():
        raise NotClaimed("You have not taken this tile: ask for the next one or choose it on the map.")


def _require_consent(annotator: User) -> None:
    told = 'Labels can only be kept under the open licence: agree to it on the page "My work", then save again.'
    require_consent(annotator, told=told)


def _require_version(annotation: Annotation, expected_version: int) -> None:
    if annotation.state == Annotation.State.ACCEPTED:
        raise AlreadyAccepted("This tile is accepted and closed: report a wrong place instead of editing it.")
    if annotation.state == Annotation.State.REVERTED:
        raise SetAside("Your labels of this tile were set aside by a maintainer: take another tile.")
    if annotation.state == Annotation.State.SPLIT:
        raise TileIsSplit(
            "This tile was split in four meanwhile, and its quarters have what was saved before. What was not stays in "
            "this browser: load the page again to look at it and to go on with a quarter.",
            details={"yours": expected_version, "current_version": annotation.version},
        )
    if annotation.version != expected_version:
        raise StaleRevision(
            f"These labels were drawn on version {expected_version}, the server has version {annotation.version}: "
            "compare the two before saving.",
            details={"yours": expected_version, "annotation": annotation.pk, "current_version": annotation.version},
        )


def append_revision(
    annotation: Annotation,
    features: tuple[Feature, ...],
    *,
    author: User,
    seconds_spent: float,
    draft_model: str,
    imagery_seen: dict[str, Any],
) -> AnnotationRevision:
    """Add a revision to a locked annotation and make it its head. The caller holds the campaign's classes."""
    content = [feature.as_json() for feature in features]
    revision = AnnotationRevision.objects.create(
        annotation=annotation,
        number=next_number(annotation),
        parent=annotation.head,
        author=author,
        features=content,
        sha256=canonical_sha256(content),
        seconds_spent=seconds_spent,
        draft_model=draft_model,
        imagery_seen=imagery_seen,
        licence=settings.CONTRIBUTION_LICENCE,
    )
    annotation.version, annotation.head = revision.number, revision
    return revision


def next_number(annotation: Annotation) -> int:
    """The number of a locked annotation's next revision: after a change of classes was taken back, more revisions were
    written than its version says.
    """
    latest = annotation.revisions.order_by("-number").values_list("number", flat=True).first()
    return (latest or 0) + 1


def imagery_seen(layer: ImageryLayer, views: Sequence[str]) -> dict[str, Any]:
    """What the labels were drawn on; each view once, in the order in which it was first named."""
    return {"layer": layer.slug, "file": layer.analysis_sha256, "views": list(dict.fromkeys(views))}


def write_polygons(revision: AnnotationRevision, tile: Tile) -> None:
    """Store a revision's polygons in the imagery's CRS, once."""
    if revision.polygons.exists():
        return
    grid, (row, col) = tile.grid, tile.place
    srid = CRS.from_user_input(grid.pixels.crs).to_epsg() or 0
    unit_m2 = tile.campaign.layer.gsd_m**2
    a, _, _, _, e, _ = grid.pixels.transform
    to_web = web_transformer(grid.pixels.crs)
    rows = []
    for item in revision.features:
        rings = tuple(tuple((x, y) for x, y in ring) for ring in item["rings"])
        polygon = to_crs(rings, grid=grid, row=row, col=col)
        rows.append(
            AnnotatedFeature(
                revision=revision,
                feature_id=item["id"],
                class_code=item["class_code"],
                provenance=item["provenance"],
                geometry=cast(Polygon, GEOSGeometry(memoryview(polygon.wkb), srid=srid)),
                ground_web=cast(Polygon, GEOSGeometry(memoryview(on_web_grid(polygon, to_web).wkb), srid=3857)),
                area_m2=polygon.area / abs(a * e) * unit_m2,
            )
        )
    AnnotatedFeature.objects.bulk_create(rows, batch_size=1000)


def on_web_grid(polygon: shapely.Polygon, to_web: Transformer) -> shapely.Polygon:
    """A polygon's corners on the web grid."""
    return shapely.transform(polygon, lambda xy: np.column_stack(to_web.transform(xy[:, 0], xy[:, 1])))
