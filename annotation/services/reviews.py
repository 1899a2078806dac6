"""Reviews: a verdict on someone else's submission, with a reason their author can act on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from annotation.errors import (
    NotSubmitted,
    NotThere,
    OperationMismatch,
    OwnWork,
    ReasonRequired,
    StaleRevision,
    VersionRequired,
)
from annotation.models import Annotation, Campaign, Operation, Review
from annotation.services.clock import database_now
from annotation.services.people import require_consent
from annotation.services.tiles import refresh_tile_state

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SHOWN_FOR = timedelta(minutes=15)


@transaction.atomic
def next_submission(*, campaign: Campaign, reviewer: User) -> Annotation | None:
    """The oldest submission this reviewer may judge and no other reviewer is looking at; None when there is none."""
    waiting = Annotation.objects.to_review_by(reviewer).filter(tile__campaign=campaign).values("pk")
    annotation = (
        Annotation.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("tile", "head", "annotator")
        .filter(pk__in=waiting)
        .filter(Q(shown_to__isnull=True) | Q(shown_to=reviewer) | Q(shown_until__lt=Now()))
        .order_by("submitted_at", "pk")
        .first()
    )
    if annotation is not None:
        annotation.shown_to, annotation.shown_until = reviewer, database_now() + SHOWN_FOR
        annotation.save(update_fields=["shown_to", "shown_until"])
    return annotation


@transaction.atomic
def record_review(
    *,
    annotation_id: int,
    reviewer: User,
    verdict: str,
    operation_id: UUID,
    expected_version: int | None,
    reason: str = "",
    comment: str = "",
) -> Review:
    """Accept a submission or send it back with a reason.

    Raises: NotThere, OwnWork, ConsentRequired, VersionRequired, StaleRevision, NotSubmitted, ReasonRequired,
        OperationMismatch.
    """
    annotation = (
        Annotation.objects.select_for_update(of=("self",))
        .select_related("tile__campaign", "head")
        .filter(pk=annotation_id)
        .first()
    )
    # One that was submitted once and is being redrawn is still known to reviewers, so that they learn it has moved on.
    if annotation is None or annotation.submitted_at is None:
        raise NotThere(f"There is no submission {annotation_id} for you to review.")
    repeat = _repeated(operation_id, reviewer, annotation)
    if repeat is not None:
        return repeat
    if annotation.annotator_id == reviewer.pk:
        raise OwnWork("This is your own work: another reviewer will look at it.")
    if not Campaign.objects.reviewed_by(reviewer).filter(pk=annotation.tile.campaign_id).exists():
        raise NotThere(f"There is no submission {annotation_id} for you to review.")
    told = 'Verdicts can only be kept under the open licence: agree to it on the page "My work", then send this again.'
    require_consent(reviewer, told=told)
    if expected_version is None:
        raise VersionRequired("Send If-Match with the version you looked at.")
    if annotation.version != expected_version:
        raise StaleRevision(
            f"You looked at version {expected_version}, the author has since saved version {annotation.version}.",
            details={"yours": expected_version, "annotation": annotation.pk, "current_version": annotation.version},
        )
    if annotation.state != Annotation.State.SUBMITTED or annotation.head is None:
        raise NotSubmitted(f"This annotation is {annotation.get_state_display()}: there is nothing to decide.")
    if verdict == Review.Verdict.SEND_BACK and not reason:
        raise ReasonRequired("Say why it is sent back: choose a reason the author can act on.")
    if reason == Review.Reason.OTHER and not comment.strip():
        raise ReasonRequired('"Another reason" needs a few words: write what the author should change.')
    review = Review.objects.create(
        annotation=annotation,
        revision=annotation.head,
        author_id=annotation.annotator_id,
        reviewer=reviewer,
        verdict=verdict,
        reason=reason if verdict == Review.Verdict.SEND_BACK else "",
        comment=comment,
        licence=settings.CONTRIBUTION_LICENCE,
    )
    accepted = verdict == Review.Verdict.ACCEPT
    annotation.state = Annotation.State.ACCEPTED if accepted else Annotation.State.SENT_BACK
    annotation.decided_at = database_now()
    annotation.shown_to = annotation.shown_until = None
    annotation.save(update_fields=["state", "decided_at", "shown_to", "shown_until"])
    refresh_tile_state(annotation.tile)
    Operation.objects.create(
        id=operation_id,
        actor=reviewer,
        kind="review",
        annotation=annotation,
        version=annotation.version,
        answer={"review": review.pk},
    )
    return review


def _repeated(operation_id: UUID, reviewer: User, annotation: Annotation) -> Review | None:
    operation = Operation.objects.filter(pk=operation_id).first()
    if operation is None:
        return None
    if operation.actor_id != reviewer.pk or operation.kind != "review" or operation.annotation_id != annotation.pk:
        raise OperationMismatch(
            f"Operation {operation_id} was used before for something else: make a new id for each write."
        )
    return Review.objects.get(pk=operation.answer["review"])
