"""Which submission a reviewer looks at next: the riskiest first, never their own, and not one they have judged or left
to another reviewer.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Case, Exists, F, FloatField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Greatest, Now

from annotation.errors import AlreadyDisputed, NotSubmitted, NotThere, ReasonRequired, StaleRevision
from annotation.models import Annotation, Campaign, Review, SecondOpinion, SubmissionCheck
from annotation.services.clock import database_now
from annotation.services.tiles import refresh_tile_state

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SHOWN_FOR = timedelta(minutes=15)
NEW_AUTHOR_TILES = 3  # accepted in the campaign, before an author is known there
NEW_AUTHOR_RISK = 0.5  # as much as another class on half of the pixels


def waiting_for(reviewer: User, campaign: Campaign) -> QuerySet[Annotation]:
    """Submissions this reviewer may judge, with what makes them risky; the riskiest first, then the oldest.

    `is_disputed`: its author or another reviewer asked for a second opinion. `is_new_author`: fewer than three of the
    author's tiles are accepted here. `disagreement`: the larger share of pixels on which a model's map or other people
    have another class; None where there is nothing to compare with. `risk`: 0 and up.
    """
    accepted = Annotation.objects.filter(
        annotator=OuterRef("annotator"), tile__campaign=campaign, state=Annotation.State.ACCEPTED
    ).order_by()
    known = accepted.values("pk")[NEW_AUTHOR_TILES - 1 : NEW_AUTHOR_TILES]
    checks = SubmissionCheck.objects.filter(revision=OuterRef("head"))
    disagreement = Subquery(
        checks.annotate(most=Greatest("against_map", "against_people")).values("most")[:1], output_field=FloatField()
    )
    return (
        Annotation.objects.to_review_by(reviewer)
        .filter(tile__campaign=campaign)
        .exclude(Exists(Review.objects.of_heads().filter(reviewer=reviewer)))
        .exclude(Exists(SecondOpinion.objects.of_heads().filter(asked_by=reviewer)))
        .annotate(
            is_disputed=Exists(SecondOpinion.objects.of_heads()),
            is_new_author=~Exists(known),
            disagreement=disagreement,
        )
        .annotate(
            risk=Coalesce(F("disagreement"), Value(0.0)) + _when(Q(is_new_author=True), NEW_AUTHOR_RISK),
        )
        .order_by("-is_disputed", "-risk", "submitted_at", "pk")
    )


def _when(condition: Q, value: float) -> Case:
    return Case(When(condition, then=Value(value)), default=Value(0.0), output_field=FloatField())


@transaction.atomic
def next_submission(*, campaign: Campaign, reviewer: User, wanted: int | None = None) -> Annotation | None:
    """The riskiest submission this reviewer may judge and no other reviewer is looking at; None when there is none.

    Args: wanted: an annotation that comes before all others, if it is one of these.
    """
    free = Q(shown_to__isnull=True) | Q(shown_to=reviewer) | Q(shown_until__lt=Now())
    waiting = waiting_for(reviewer, campaign).filter(free).values_list("pk", flat=True)
    asked = [] if wanted is None else list(waiting.filter(pk=wanted))
    for pk in [*asked, *waiting[:50]]:
        annotation = (
            Annotation.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("tile", "head", "annotator")
            .filter(free, pk=pk, state=Annotation.State.SUBMITTED)
            .first()
        )
        if annotation is not None:
            annotation.shown_to, annotation.shown_until = reviewer, database_now() + SHOWN_FOR
            annotation.save(update_fields=["shown_to", "shown_until"])
            return annotation
    return None


@transaction.atomic
def leave_to_another(*, annotation_id: int, reviewer: User, expected_version: int, comment: str) -> SecondOpinion:
    """A reviewer who is not sure leaves a submission to another one, with what they saw.

    Raises: NotThere, ReasonRequired, NotSubmitted, StaleRevision.
    """
    annotation = _locked(annotation_id)
    head = annotation.head if annotation else None
    if (
        annotation is None
        or head is None
        or not waiting_for(reviewer, annotation.tile.campaign).filter(pk=annotation_id).exists()
    ):
        raise NotThere(f"There is no submission {annotation_id} for you to review.")
    _require_current(annotation, expected_version)
    if not comment.strip():
        raise ReasonRequired("Write what you are not sure of, for the reviewer who comes after you.")
    annotation.shown_to = annotation.shown_until = None
    annotation.save(update_fields=["shown_to", "shown_until"])
    return SecondOpinion.objects.create(annotation=annotation, revision=head, asked_by=reviewer, comment=comment)


@transaction.atomic
def dispute_review(*, annotation_id: int, author: User, expected_version: int, comment: str) -> SecondOpinion:
    """The author of labels that were sent back asks another reviewer to decide on them as they are.

    Raises: NotThere, NotSubmitted, StaleRevision, ReasonRequired, AlreadyDisputed.
    """
    annotation = _locked(annotation_id)
    if annotation is None or annotation.annotator_id != author.pk:
        raise NotThere(f"There is no work {annotation_id} of yours.")
    if annotation.state != Annotation.State.SENT_BACK or annotation.head is None:
        raise NotSubmitted(
            f"These labels are {annotation.get_state_display()}: only what was sent back can be disputed."
        )
    _require_current(annotation, expected_version)
    if not comment.strip():
        raise ReasonRequired("Write why the labels are right as they are, for the reviewer who decides.")
    if annotation.second_opinions.of_same_work(annotation.head).filter(asked_by=author).exists():
        raise AlreadyDisputed(
            "You have disputed this version before, and the second reviewer decided: change it first."
        )
    opinion = SecondOpinion.objects.create(
        annotation=annotation,
        revision=annotation.head,
        asked_by=author,
        disputes=annotation.reviews.of_same_work(annotation.head).first(),
        comment=comment,
    )
    annotation.state, annotation.decided_at = Annotation.State.SUBMITTED, None
    annotation.save(update_fields=["state", "decided_at"])
    refresh_tile_state(annotation.tile)
    return opinion


def _locked(annotation_id: int) -> Annotation | None:
    return (
        Annotation.objects.select_for_update(of=("self",))
        .select_related("tile__campaign", "head")
        .filter(pk=annotation_id)
        .first()
    )


def _require_current(annotation: Annotation, expected_version: int) -> None:
    if annotation.version != expected_version:
        raise StaleRevision(
            f"You looked at version {expected_version}, there is version {annotation.version} now: look at it first.",
            details={"yours": expected_version, "annotation": annotation.pk, "current_version": annotation.version},
        )
