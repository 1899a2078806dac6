"""Reviews: a verdict on someone else's submission, with a reason their author can act on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from django.conf import settings
from django.db import transaction

from annotation.core.grid import SUBPIXELS
from annotation.core.tile_geometry import Feature, check_coverage, parse_features
from annotation.errors import (
    AlreadyJudged,
    InvalidReview,
    NothingChanged,
    NotSubmitted,
    NotThere,
    OperationMismatch,
    OwnWork,
    ReasonRequired,
    StaleRevision,
    UserError,
    VersionRequired,
)
from annotation.models import Annotation, AnnotationRevision, Campaign, Correction, Operation, Review
from annotation.services.annotations import append_revision, class_codes, imagery_seen, write_polygons
from annotation.services.class_guard import hold_classes_of
from annotation.services.clock import database_now
from annotation.services.limits import Action, spend
from annotation.services.people import require_consent
from annotation.services.report_following import lock_labels
from annotation.services.standing import refresh_standing
from annotation.services.tiles import refresh_tile_state

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST_MARKS = 20
MOST_AT_ONCE = 200


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
    marks: Sequence[Mapping[str, Any]] = (),
) -> Review:
    """Accept a submission, correct it and accept that, or send it back with a reason.

    Args:
        marks: places on the tile that the verdict speaks of: `at` (x, y in 1/8 pixel), `reason` and `comment`.

    With the verdict "correct" what the reviewer last saved as their correction becomes a revision of theirs, on top of
    the submitted one, which stays.

    Raises: NotThere, OwnWork, VersionRequired, StaleRevision, NotSubmitted, AlreadyJudged, ReasonRequired,
        InvalidReview, NothingChanged, OperationMismatch, ConsentRequired, AccountBlocked, TooManyThisHour,
        ClassesChanging; with
        "correct" what `save_correction` raises for features.
    """
    if not Operation.objects.filter(pk=operation_id, actor=reviewer).exists():  # a repeat costs nothing
        spend(user=reviewer, action=Action.REVIEW)
    hold_classes_of(annotation_id)  # before any lock: a change of classes has its labels' for long
    lock_labels([annotation_id])
    annotation = Annotation.objects.select_related("tile__campaign", "head").filter(pk=annotation_id).first()
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
    if annotation.reviews.of_same_work(annotation.head).filter(reviewer=reviewer).exists():
        raise AlreadyJudged(
            "You have judged this version before, and its author disputes it: another reviewer decides."
        )
    _require_reason(verdict, reason=reason, comment=comment)
    submitted = annotation.head
    places = _checked_marks(marks, annotation)
    corrected = _correct(annotation, reviewer) if verdict == Review.Verdict.CORRECT else None
    review = Review.objects.create(
        annotation=annotation,
        revision=submitted,
        author_id=annotation.annotator_id,
        reviewer=reviewer,
        verdict=verdict,
        reason=reason if verdict != Review.Verdict.ACCEPT else "",
        comment=comment,
        marks=places,
        corrected=corrected,
        licence=settings.CONTRIBUTION_LICENCE,
    )
    sent_back = verdict == Review.Verdict.SEND_BACK
    annotation.state = Annotation.State.SENT_BACK if sent_back else Annotation.State.ACCEPTED
    annotation.decided_at = database_now()
    annotation.shown_to = annotation.shown_until = None
    annotation.save(update_fields=["state", "version", "head", "decided_at", "shown_to", "shown_until"])
    refresh_tile_state(annotation.tile)
    refresh_standing(campaign=annotation.tile.campaign, users=[annotation.annotator_id])
    Operation.objects.create(
        id=operation_id,
        actor=reviewer,
        kind="review",
        annotation=annotation,
        version=annotation.version,
        answer={"review": review.pk},
    )
    return review


def _require_reason(verdict: str, *, reason: str, comment: str) -> None:
    if verdict == Review.Verdict.SEND_BACK and not reason:
        raise ReasonRequired("Say why it is sent back: choose a reason the author can act on.")
    if reason == Review.Reason.OTHER and not comment.strip():
        raise ReasonRequired('"Another reason" needs a few words: write what the author should change.')


def _checked_marks(marks: Sequence[Mapping[str, Any]], annotation: Annotation) -> list[dict[str, Any]]:
    if len(marks) > MOST_MARKS:
        raise InvalidReview(
            f"{len(marks)} places are marked: at most {MOST_MARKS}, so that the author can follow them."
        )
    side = annotation.tile.px * SUBPIXELS
    for mark in marks:
        x, y = mark["at"]
        if not (0 <= x <= side and 0 <= y <= side):
            raise InvalidReview(f"The mark at {x}, {y} is outside the tile, which goes from 0 to {side}.")
    return [{"at": list(mark["at"]), "reason": mark["reason"], "comment": mark["comment"]} for mark in marks]


def _correct(annotation: Annotation, reviewer: User) -> AnnotationRevision:
    """The reviewer's own revision of a submission, as strictly checked as its author's."""
    tile, submitted = annotation.tile, annotation.head
    kept = Correction.objects.filter(revision=submitted, reviewer=reviewer).first()
    if kept is None:
        raise NothingChanged("Nothing is corrected: accept it as it is, or change a shape first.")
    parsed = _parsed(annotation, kept.features)
    corrected = append_revision(
        annotation,
        parsed,
        author=reviewer,
        seconds_spent=0.0,
        draft_model="",
        imagery_seen=imagery_seen(tile.campaign.layer, ()),
    )
    if submitted is not None and corrected.sha256 == submitted.sha256:
        raise NothingChanged("Nothing is corrected: accept it as it is, or change a shape first.")
    write_polygons(corrected, tile)
    return corrected


def _parsed(annotation: Annotation, features: object) -> tuple[Feature, ...]:
    tile = annotation.tile
    parsed = parse_features(features, tile_px=tile.px, class_codes=class_codes(tile.campaign))
    if not parsed:
        raise InvalidReview("A correction without a single shape leaves nothing to accept: send it back instead.")
    check_coverage(parsed)
    return parsed


@transaction.atomic
def save_correction(
    *, annotation_id: int, reviewer: User, features: object, operation_id: UUID, expected_version: int | None
) -> Correction:
    """Keep a submission as a reviewer is correcting it. It has no effect until they accept it.

    Args:   expected_version: of their correction, 0 for a new one.
    Raises: NotThere, VersionRequired, StaleRevision, InvalidReview, ConsentRequired, InvalidFeature, UnknownClass,
        OverlappingFeatures, ClassesChanging.
    """
    hold_classes_of(annotation_id)
    annotation = submission_to_judge(annotation_id=annotation_id, reviewer=reviewer, lock=True)
    if expected_version is None:
        raise VersionRequired('Send If-Match with the version of your correction ("0" for a new one).')
    kept = Correction.objects.filter(revision=annotation.head, reviewer=reviewer).first()
    if kept is not None and kept.operation_id == operation_id:
        return kept
    version = 0 if kept is None else kept.version
    if version != expected_version:
        raise StaleRevision(
            f"This was corrected on version {expected_version}, the server has version {version}: compare the two.",
            details={"yours": expected_version, "annotation": annotation.pk, "current_version": version},
        )
    told = 'Corrections can only be kept under the open licence: agree to it on the page "My work", then save again.'
    require_consent(reviewer, told=told)
    content = [feature.as_json() for feature in _parsed(annotation, features)]
    correction, _created = Correction.objects.update_or_create(
        revision=annotation.head,
        reviewer=reviewer,
        defaults={"features": content, "operation_id": operation_id, "version": version + 1},
    )
    return correction


def submission_to_judge(*, annotation_id: int, reviewer: User, lock: bool = False) -> Annotation:
    """A submission that this reviewer may decide on. Raises: NotThere."""
    waiting = Annotation.objects.to_review_by(reviewer).filter(pk=annotation_id).values("pk")
    found = Annotation.objects.select_related(
        "tile__campaign__layer", "tile__campaign__nomenclature", "head", "annotator"
    ).filter(pk__in=waiting)
    if lock:
        found = found.select_for_update(of=("self",))
    annotation = found.first()
    if annotation is None or annotation.head is None:
        raise NotThere(f"There is no submission {annotation_id} for you to review.")
    return annotation


@dataclass(frozen=True, slots=True)
class Refused:
    """A submission of several on which a verdict could not be recorded, and why."""

    annotation_id: int
    error: UserError

    @property
    def reason(self) -> str:
        """Why, as the API says it."""
        return str(self.error)


def record_reviews(
    *,
    submissions: Iterable[tuple[int, int]],
    reviewer: User,
    verdict: str,
    operation_id: UUID,
    reason: str = "",
    comment: str = "",
) -> tuple[list[Review], list[Refused]]:
    """The same verdict on several submissions, each for itself: one that has changed meanwhile stops no other.

    Args:   submissions: (annotation id, the version looked at), at most MOST_AT_ONCE. Sent again with the same
                operation id, each happens once.
    Raises: ReasonRequired, InvalidReview (a correction, or too many).
    """
    wanted = list(dict.fromkeys(submissions))
    if verdict == Review.Verdict.CORRECT:
        raise InvalidReview("Corrections are made one tile at a time: open the tile in the review desk.")
    if len(wanted) > MOST_AT_ONCE:
        raise InvalidReview(f"{len(wanted)} submissions at once: choose at most {MOST_AT_ONCE}.")
    _require_reason(verdict, reason=reason, comment=comment)
    recorded, refused = [], []
    for annotation_id, version in wanted:
        try:
            review = record_review(
                annotation_id=annotation_id,
                reviewer=reviewer,
                verdict=verdict,
                operation_id=uuid5(operation_id, f"{annotation_id}/{version}"),
                expected_version=version,
                reason=reason,
                comment=comment,
            )
        except UserError as error:
            refused.append(Refused(annotation_id, error))
        else:
            recorded.append(review)
    return recorded, refused


def _repeated(operation_id: UUID, reviewer: User, annotation: Annotation) -> Review | None:
    operation = Operation.objects.filter(pk=operation_id).first()
    if operation is None:
        return None
    if operation.actor_id != reviewer.pk or operation.kind != "review" or operation.annotation_id != annotation.pk:
        raise OperationMismatch(
            f"Operation {operation_id} was used before for something else: make a new id for each write."
        )
    return Review.objects.get(pk=operation.answer["review"])
