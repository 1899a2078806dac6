"""Storing verdicts on a model's polygons, and the labels that come of them (docs/adr/0018)."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count

from annotation.errors import (
    DrawingReplaced,
    InvalidVerdict,
    JudgedTooOften,
    NotClaimed,
    OperationMismatch,
    TooManyVerdicts,
    UnknownClass,
    UnknownFeature,
    UserError,
)
from annotation.models import Contributor, Lease, Tile, Validation, ValidationBatch
from annotation.services.annotations import class_codes
from annotation.services.limits import Action, spend
from annotation.services.people import require_consent
from annotation.services.validation_queue import require_open

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LONGEST_LOOK_S = 86_400


@dataclass(frozen=True, slots=True)
class ShownDrawing:
    """What a model drew on a tile, as the server keeps it: features with id, class_code, rings and confidence."""

    model_version: str
    features: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person says of one polygon; `class_code` is the right class where they give another one."""

    feature_id: str
    verdict: str
    class_code: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a write of verdicts answers: how many it stored, and polygons this person has not judged yet."""

    stored: int
    remaining: int


def repeated_verdicts(*, operation_id: UUID, annotator: User, tile: Tile) -> Recorded | None:
    """The first answer to this operation, whatever has changed since; None when it is new.

    Raises: OperationMismatch.
    """
    batch = ValidationBatch.objects.filter(pk=operation_id).first()
    if batch is None:
        return None
    if batch.annotator_id != annotator.pk or batch.tile_id != tile.pk:
        raise OperationMismatch(
            f"Operation {operation_id} was used before for something else: make a new id for each write."
        )
    return Recorded(**batch.answer)


@transaction.atomic
def record_verdicts(
    *,
    tile: Tile,
    annotator: User,
    operation_id: UUID,
    model_version: str,
    verdicts: Sequence[Verdict],
    drawing: ShownDrawing,
    done: bool = False,
) -> Recorded:
    """Store one person's verdicts on a model's polygons of a tile: all of them or, where one is refused, none.

    Outlines and classes are those of `drawing`, which the server drew: a client only names polygons. The same
    operation id again answers as the first time and stores nothing. The error for a bad verdict names all bad ones of
    the request in its details, `refused`, so that the others can be sent again without them.

    Args:
        model_version: of the drawing the person saw.
        done: they are through with this tile, also where polygons are left; the lease ends then, or with the last one.
    Raises: OperationMismatch, CampaignClosed, ConsentRequired, NotClaimed, AccountBlocked, TooManyVerdicts,
        DrawingReplaced, UnknownFeature, InvalidVerdict, UnknownClass, JudgedTooOften.
    """
    _require_open_and_consent(tile, annotator)
    # The writes of one person follow each other: a request sent twice finds what its first copy stored.
    Contributor.objects.select_for_update(no_key=True).get(user=annotator)
    lease = (
        Lease.objects.select_for_update(of=("self",))
        .filter(tile=tile, annotator=annotator, purpose=Lease.Purpose.VALIDATE)
        .first()
    )
    if lease is None:
        raise _not_given()
    repeat = repeated_verdicts(operation_id=operation_id, annotator=annotator, tile=tile)
    if repeat is not None:
        return repeat
    # A request that stores no verdict counts as one: it is a row too.
    spend(user=annotator, action=Action.VERDICT, amount=max(1, len(verdicts)), error=TooManyVerdicts)
    if model_version != drawing.model_version:
        raise DrawingReplaced(
            f"You judged what {model_version} drew; {drawing.model_version} has drawn this tile anew: load it again.",
            details={"yours": model_version, "current": drawing.model_version},
        )
    features = {str(feature["id"]): feature for feature in drawing.features}
    mine = Validation.objects.of(annotator).filter(tile=tile, model_version=model_version)
    times = dict(mine.values_list("feature_id").annotate(Count("pk")))
    _check(verdicts, features=features, codes=class_codes(tile.campaign), times=times)
    judged = times.keys() | {verdict.feature_id for verdict in verdicts}
    remaining = len(features.keys() - judged)
    # Someone who looked and judged nothing has passed the tile on; it still waits for others.
    finished = remaining == 0 or (done and bool(judged))
    answer = Recorded(stored=len(verdicts), remaining=remaining)
    batch = _new_batch(operation_id, tile, annotator, model_version=model_version, finished=finished, answer=answer)
    Validation.objects.bulk_create(
        [_row(batch, verdict, features[verdict.feature_id]) for verdict in verdicts], batch_size=1000
    )
    if finished or done:
        _end(lease, finished=finished)
    return answer


def require_given(*, tile: Tile, annotator: User) -> None:
    """Refuse verdicts on a tile that the queue did not give this person, now or before. Raises: NotClaimed."""
    if not Lease.objects.filter(tile=tile, annotator=annotator, purpose=Lease.Purpose.VALIDATE).exists():
        raise _not_given()


def _not_given() -> NotClaimed:
    return NotClaimed("This drawing was not given to you to judge: ask for the next one.")


def _new_batch(
    operation_id: UUID, tile: Tile, annotator: User, *, model_version: str, finished: bool, answer: Recorded
) -> ValidationBatch:
    try:
        with transaction.atomic():
            return ValidationBatch.objects.create(
                id=operation_id,
                tile=tile,
                annotator=annotator,
                model_version=model_version,
                finished=finished,
                answer={"stored": answer.stored, "remaining": answer.remaining},
            )
    except IntegrityError:
        # Taken at this moment by someone else, or on another tile: one's own writes here follow each other.
        raise OperationMismatch(
            f"Operation {operation_id} was used before for something else: make a new id for each write."
        ) from None


def _require_open_and_consent(tile: Tile, annotator: User) -> None:
    require_open(tile.campaign)
    told = 'Verdicts can only be kept under the open licence: agree to it on the page "My work", then send them again.'
    require_consent(annotator, told=told)


def _check(
    verdicts: Sequence[Verdict],
    *,
    features: Mapping[str, Mapping[str, Any]],
    codes: frozenset[str],
    times: Mapping[str, int],
) -> None:
    seen: set[str] = set()
    faults: list[tuple[str, UserError]] = []
    for verdict in verdicts:
        name = verdict.feature_id
        fault = _fault(verdict, features.get(name), codes=codes, times=times.get(name, 0), is_repeated=name in seen)
        if fault is not None:
            faults.append((name, fault))
        seen.add(name)
    if faults:
        first = faults[0][1]
        first.details["refused"] = [
            {"feature_id": name, "code": fault.code, "message": str(fault), "details": dict(fault.details)}
            for name, fault in faults
        ]
        raise first


def _fault(
    verdict: Verdict, feature: Mapping[str, Any] | None, *, codes: frozenset[str], times: int, is_repeated: bool
) -> UserError | None:
    """Why a verdict cannot be stored; None when it can. `times`: how often this person has judged the polygon."""
    name = verdict.feature_id
    if feature is None:
        return UnknownFeature(
            f"The model drew no polygon {name!r} on this tile: load the tile again.", details={"feature_id": name}
        )
    problem = _problem(verdict, shown_class=str(feature["class_code"]))
    if is_repeated:
        problem = "is judged twice in one request: send its last verdict only"
    if problem:
        return InvalidVerdict(f"Polygon {name!r} {problem}.", details={"feature_id": name})
    given = _class_given(verdict, feature)
    if given and given not in codes:
        return UnknownClass(
            f"Polygon {name!r} is given the class {given!r}, which this campaign does not offer: choose one of its "
            "classes.",
            feature_id=name,
        )
    if times >= settings.MAX_VERDICTS_PER_POLYGON:
        return JudgedTooOften(
            f"You have judged polygon {name!r} {times} times, as often as is kept: your last answer stays. Go on with "
            "the next one.",
            details={"feature_id": name, "times": times},
        )
    return None


def _problem(verdict: Verdict, *, shown_class: str) -> str:
    if verdict.verdict not in Validation.Verdict.values:
        return f"has the verdict {verdict.verdict!r}: expected one of {', '.join(Validation.Verdict.values)}"
    if not (math.isfinite(verdict.seconds) and 0 <= verdict.seconds <= LONGEST_LOOK_S):
        return f"took {verdict.seconds!r} seconds: expected 0 to {LONGEST_LOOK_S}"
    if verdict.verdict == Validation.Verdict.OTHER:
        if not verdict.class_code:
            return "has another class, which is not said: name it, or disagree"
        return "is given the class it was shown with: agree with it instead" * (verdict.class_code == shown_class)
    allowed = (None, "", shown_class) if verdict.verdict == Validation.Verdict.AGREE else (None, "")
    if verdict.class_code not in allowed:
        return f"is given the class {verdict.class_code!r} by the verdict {verdict.verdict!r}: say other, or no class"
    return ""


def _class_given(verdict: Verdict, feature: Mapping[str, Any]) -> str:
    """The class that a person says is there; empty where they name none."""
    if verdict.verdict == Validation.Verdict.AGREE:
        return str(feature["class_code"])
    return (verdict.class_code or "") if verdict.verdict == Validation.Verdict.OTHER else ""


def _row(batch: ValidationBatch, verdict: Verdict, feature: Mapping[str, Any]) -> Validation:
    return Validation(
        batch=batch,
        tile_id=batch.tile_id,
        annotator_id=batch.annotator_id,
        model_version=batch.model_version,
        feature_id=verdict.feature_id,
        shown_class=feature["class_code"],
        rings=feature["rings"],
        shown_sha256=outline_sha256(feature["rings"]),
        confidence=feature["confidence"],
        verdict=verdict.verdict,
        class_code=_class_given(verdict, feature),
        seconds=verdict.seconds,
        licence=settings.CONTRIBUTION_LICENCE,
    )


def outline_sha256(rings: Any) -> str:
    """Hash of an outline as it is stored."""
    return hashlib.sha256(json.dumps(rings, separators=(",", ":")).encode()).hexdigest()


def _end(lease: Lease, *, finished: bool) -> None:
    """Judged: done. Passed on without a verdict: not offered to this person again. Lost before: stays as it is."""
    if lease.state != Lease.State.ACTIVE:
        return
    lease.state = Lease.State.DONE if finished else Lease.State.RELEASED
    lease.release_reason = "" if finished else Lease.Reason.SKIP
    lease.save(update_fields=["state", "release_reason"])


def judged_count(annotator: User) -> int:
    """How many of the model's polygons this person has judged; one looked at twice is one."""
    one = Validation.objects.of(annotator).values("tile", "model_version", "feature_id")
    return one.distinct().count()


# --- labels -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's current verdict on one polygon of one tile."""

    validation_id: int
    tile_id: int
    model_version: str
    feature_id: str
    outline_sha256: str
    class_code: str


@dataclass(frozen=True, slots=True)
class AgreedPolygon:
    """A model's polygon whose class people agree on, with the verdicts that say so."""

    model_version: str
    feature_id: str
    outline_sha256: str
    class_code: str
    validation_ids: tuple[int, ...]

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What it says, whoever said it."""
        return (self.model_version, self.feature_id, self.outline_sha256, self.class_code)


def agreed_polygons(votes: Iterable[Vote], *, needed: int) -> dict[int, tuple[AgreedPolygon, ...]]:
    """By tile, the polygons that at least `needed` people give one class and to which nobody else objects.

    A verdict without a class (disagree, unsure) only removes: it never makes a label, and one is enough to lose it.
    """
    polygons: dict[tuple[int, str, str], list[Vote]] = {}
    for vote in votes:
        polygons.setdefault((vote.tile_id, vote.model_version, vote.feature_id), []).append(vote)
    agreed: dict[int, list[AgreedPolygon]] = {}
    for (tile_id, model_version, feature_id), found in sorted(polygons.items(), key=lambda item: item[0]):
        said = {(vote.class_code, vote.outline_sha256) for vote in found}
        class_code, outline = next(iter(said))
        if len(said) > 1 or not class_code or len(found) < needed:
            continue
        ids = tuple(sorted(vote.validation_id for vote in found))
        agreed.setdefault(tile_id, []).append(AgreedPolygon(model_version, feature_id, outline, class_code, ids))
    return {tile_id: tuple(items) for tile_id, items in agreed.items()}
