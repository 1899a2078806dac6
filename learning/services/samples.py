"""Answering the places of a sample: who is asked what, what is kept, and what the answers come to (docs/adr/0054).

Two people answer each place, from the images alone, without knowing of each other; where they differ somebody else
settles it. A place is never shown with a map.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from annotation.core.agreement import alpha_of, coincidences_of_units
from annotation.errors import CampaignClosed, OperationMismatch
from annotation.models import Campaign, Contributor
from annotation.services.annotations import class_codes
from annotation.services.class_lineage import Lineage, lineage_of
from annotation.services.limits import Action, spend
from annotation.services.people import require_consent
from learning.errors import InvalidAnswer, NoSuchPlace, NotDisputed, SampleClosed, SampleOpen
from learning.models import ReferenceSample, SampleAnswer, SampleUnit
from learning.services.map_areas import want_map_areas
from learning.services.predictions import shown_prediction

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LONGEST_LOOK_S = 86_400
LISTED = 20
Codes = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a person saw: a class a date, in a sample at one date the second alone; None: they could not tell."""

    codes: Codes | None
    sureness: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Resolved:
    """A place and what its answers come to.

    Args:
        state: "open" (too few answers), "disputed", or "agreed" (also where somebody settled it).
        codes: what is there; None also where those who looked could not tell.
    """

    unit: SampleUnit
    state: str
    codes: Codes | None
    answers: tuple[SampleAnswer, ...]


def samples_for(user: User) -> list[int]:
    """Numbers of the samples that a person may answer: those of campaigns in which they review."""
    campaigns = Campaign.objects.reviewed_by(user)
    return list(ReferenceSample.objects.filter(campaign__in=campaigns).values_list("pk", flat=True))


def sample_for(*, sample_id: int, user: User) -> ReferenceSample:
    """A sample that a person may answer. Raises: NoSuchPlace: it is not there, or not for them."""
    found = (
        ReferenceSample.objects.select_related(
            "campaign__layer", "campaign__nomenclature", "pair__first", "pair__second"
        )
        .filter(pk=sample_id, campaign__in=Campaign.objects.reviewed_by(user))
        .first()
    )
    if found is None:
        raise NoSuchPlace(f"There is no sample {sample_id} for you to answer: reviewers and maintainers answer them.")
    return found


def resolve(sample: ReferenceSample) -> list[Resolved]:
    """Every place of a sample, in its order, with what its answers come to: a few questions to the database.

    Answers and maps speak in the campaign's classes of today. Where a class was split since, an answer that names it
    counts no more while the sample is open, so that its giver is asked again; in a closed one it stays, and its parts
    are that class (docs/adr/0056). What was said of a class while others were merged into it counts no more once they
    are taken back.
    """
    by_unit: dict[int, list[SampleAnswer]] = {}
    for answer in SampleAnswer.objects.filter(unit__sample=sample).order_by("pk"):
        by_unit.setdefault(answer.unit_id, []).append(answer)
    units, lineage = list(sample.units.all()), lineage_of(sample.campaign)
    answers = [answer for given in by_unit.values() for answer in given]
    blurred = _blurred(answers, lineage)
    if lineage.known:
        _speak_of_today(sample, units, answers, lineage)
    asks = lineage if sample.closed_at is None else Lineage()
    return [_resolved(unit, by_unit.get(unit.pk, []), sample, asks, blurred) for unit in units]


def _blurred(answers: Iterable[SampleAnswer], lineage: Lineage) -> set[int]:
    """Answers in a class that was wider when they were given; as they are stored."""
    return {
        answer.pk
        for answer in answers
        if any(lineage.was_wider(code, answer.answered_at) for code in (answer.first_code, answer.second_code))
    }


def _speak_of_today(
    sample: ReferenceSample, units: Sequence[SampleUnit], answers: Sequence[SampleAnswer], lineage: Lineage
) -> None:
    """Give rows that were read the codes of today; they are never written. The level is that of the answers alone:
    what a map says is no evidence."""
    rows: list[tuple[SampleUnit | SampleAnswer, tuple[str, str]]] = [
        (unit, ("first_mapped", "second_mapped")) for unit in units
    ]
    rows += [(answer, ("first_code", "second_code")) for answer in answers]
    said = {code for answer in answers for code in (answer.first_code, answer.second_code)}
    levels = lineage.levels(said) if sample.closed_at is not None else {}
    for row, names in rows:
        for name in names:
            now = lineage.now(getattr(row, name))
            setattr(row, name, levels.get(now, now))


def _resolved(
    unit: SampleUnit, given: Sequence[SampleAnswer], sample: ReferenceSample, asks: Lineage, blurred: set[int]
) -> Resolved:
    """Args: asks: answers of classes that were split by it are asked for again. blurred: answers that do not count."""

    def counts(answer: SampleAnswer) -> bool:
        if answer.pk in blurred:
            return False
        return not asks.is_open(answer.first_code) and not asks.is_open(answer.second_code)

    wanted = sample.answers_wanted
    settled = [answer for answer in [answer for answer in given if answer.settles][-1:] if counts(answer)]
    latest = {answer.person_id: answer for answer in given if not answer.settles}  # the last of each person
    answers = tuple(answer for answer in latest.values() if counts(answer))
    if settled:
        return Resolved(unit, "agreed", _codes(settled[-1]), answers)
    if len(answers) < wanted:
        return Resolved(unit, "open", None, answers)
    said = {_codes(answer) for answer in answers}
    return Resolved(unit, "disputed" if len(said) > 1 else "agreed", said.pop() if len(said) == 1 else None, answers)


def _codes(answer: SampleAnswer) -> Codes | None:
    return (answer.first_code, answer.second_code) if answer.second_code else None


def open_for(places: Iterable[Resolved], user: User) -> list[SampleUnit]:
    """Places that want an answer of this person: they have given none, and too few others have."""
    return [
        place.unit
        for place in places
        if place.state == "open" and all(answer.person_id != user.pk for answer in place.answers)
    ]


def disputed_for(places: Iterable[Resolved], user: User) -> list[Resolved]:
    """Places whose answers differ, none of them this person's."""
    return [
        place
        for place in places
        if place.state == "disputed" and all(answer.person_id != user.pk for answer in place.answers)
    ]


@transaction.atomic
def answer_unit(
    *, unit: SampleUnit, person: User, operation_id: UUID, seen: Seen, settles: bool = False
) -> SampleAnswer:
    """Keep what a person saw at a place. The same operation id again keeps nothing and answers as the first time.

    Args: settles: it decides where the answers of others differ (maintainers).
    Raises: OperationMismatch, SampleClosed, CampaignClosed, ConsentRequired, AccountBlocked, TooManyThisHour,
        InvalidAnswer, NotDisputed.
    """
    # One write at a time at a place, and none once its sample is closed.
    sample = ReferenceSample.objects.select_for_update(of=("self",), no_key=True).get(pk=unit.sample_id)
    repeat = SampleAnswer.objects.filter(operation_id=operation_id).first()
    if repeat is not None:
        if repeat.person_id != person.pk or repeat.unit_id != unit.pk:
            raise OperationMismatch(f"Operation {operation_id} was used for something else: make an id for each write.")
        return repeat
    if sample.closed_at is not None:
        raise SampleClosed(f"Sample {sample.pk} is closed since {sample.closed_at:%Y-%m-%d}: its answers are counted.")
    campaign = sample.campaign
    if campaign.state != Campaign.State.OPEN:
        raise CampaignClosed(f"Campaign {campaign.slug} is closed: choose another one.")
    require_consent(person, told='Answers are kept under the open licence: agree to it on the page "My work" first.')
    Contributor.objects.select_for_update(no_key=True).get(user=person)
    spend(user=person, action=Action.VERDICT)
    first, second = _checked(seen, sample)
    if settles:
        _require_disputed(unit, sample, person)
    return SampleAnswer.objects.create(
        unit=unit, person=person, operation_id=operation_id, first_code=first, second_code=second,
        sureness=seen.sureness, settles=settles, seconds=seen.seconds, licence=settings.CONTRIBUTION_LICENCE,
    )  # fmt: skip


def _checked(seen: Seen, sample: ReferenceSample) -> Codes:
    if seen.codes is None:
        return "", ""
    known, lineage = class_codes(sample.campaign), lineage_of(sample.campaign)
    first, second = (lineage.now(code) for code in seen.codes)  # given before the classes changed, and sent since
    asked = (first, second) if sample.kind == ReferenceSample.Kind.CHANGE else (second,)
    if unknown := [code for code in asked if code not in known]:
        raise InvalidAnswer(
            f"Class {unknown[0]!r} is not one of this campaign's: choose one of {', '.join(sorted(known))}."
        )
    if sample.kind == ReferenceSample.Kind.AREA and first:
        raise InvalidAnswer(f"This sample is at one date: leave the class of another one out ({first!r}).")
    return first, second


def _require_disputed(unit: SampleUnit, sample: ReferenceSample, person: User) -> None:
    given, lineage = list(unit.answers.order_by("pk")), lineage_of(sample.campaign)
    blurred = _blurred(given, lineage)
    _speak_of_today(sample, [], given, lineage)
    place = _resolved(unit, given, sample, lineage, blurred)
    settled = any(answer.settles for answer in given)
    if place.state != "disputed" and not settled:
        raise NotDisputed(f"Place {unit.number} is {place.state}: only places whose answers differ are settled.")
    if any(answer.person_id == person.pk for answer in place.answers):
        raise NotDisputed(f"You answered place {unit.number} yourself: somebody else settles it.")


@transaction.atomic
def close_sample(*, sample: ReferenceSample, closed_by: User | None, as_it_is: bool = False) -> ReferenceSample:
    """End the answering: figures are made of closed samples alone.

    Args:   as_it_is: also where places lack an answer that counts; these are left out, and told.
    Raises: SampleClosed, SampleOpen: places lack answers or are disputed.
    """
    sample = ReferenceSample.objects.select_for_update(of=("self",)).get(pk=sample.pk)
    if sample.closed_at is not None:
        raise SampleClosed(f"Sample {sample.pk} is closed since {sample.closed_at:%Y-%m-%d}.")
    states = [place.state for place in resolve(sample)]
    waiting, disputed = states.count("open"), states.count("disputed")
    if (waiting or disputed) and not as_it_is:
        raise SampleOpen(
            f"{waiting} places want more answers and {disputed} are to be settled: answer them, or close it as it is.",
            details={"waiting": waiting, "disputed": disputed},
        )
    sample.closed_at, sample.closed_by = timezone.now(), closed_by
    sample.save(update_fields=["closed_at", "closed_by"])
    if sample.kind == ReferenceSample.Kind.AREA:
        shown = shown_prediction(sample.campaign)
        for prediction in {sample.second_map, shown or sample.second_map}:
            want_map_areas(prediction=prediction)
    return sample


def agreement(places: Iterable[Resolved]) -> float | None:
    """Krippendorff's alpha of the answers of different people, before anything was settled; None: undefined.

    What somebody could not tell is no answer. At two dates an answer is the pair of classes.
    """
    said = [[codes for answer in place.answers if (codes := _codes(answer)) is not None] for place in places]
    return alpha_of([coincidences_of_units(said)])
