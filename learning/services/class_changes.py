"""Changes of a campaign's classes as its maintainers decide on them: what else than labels they touch, when they are
started, and until when they are taken back (docs/adr/0056). The labels themselves: annotation.services.class_changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q

from annotation.core.class_changes import Outcome
from annotation.errors import CannotChangeClasses, CannotReverse, NotThere
from annotation.models import Campaign, ChangeCell, ClassChange, Job, Nomenclature, PlaceReport, Validation
from annotation.services.class_changes import no_fault, outcome_of, plan_change, preview_change, reverse_change
from annotation.services.class_guard import codes_now
from annotation.services.jobs import enqueue_job
from annotation.services.nomenclatures import finest_codes
from learning.models import Release, RetrainingPolicy, SampleUnit, TrainedModel

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KIND = "change_classes"


def preview(*, campaign: Campaign, plan: object) -> dict[str, Any]:
    """What a plan would do, to labels and to all that speaks of classes. Nothing is written.

    Raises: CannotChangeClasses, NotANomenclature.
    """
    outcome = outcome_of(campaign, plan)
    touched = outcome.touched
    classes = [
        {
            "from": code,
            "to": list(outcome.targets[code]),
            "default": outcome.default[code],
            "by_ground": code in outcome.areas,
        }
        for code in campaign_order(campaign, touched)
    ]
    return {
        "version": campaign.nomenclature.version,
        "classes": classes,
        "labels": preview_change(campaign=campaign, plan=plan),
        "touched": _else_touched(campaign, outcome),
    }


def campaign_order(campaign: Campaign, codes: frozenset[str]) -> list[str]:
    """Codes in the order of the campaign's classes."""
    return [
        code
        for code in campaign.nomenclature.classes.order_by("position").values_list("code", flat=True)
        if code in codes
    ]


def _else_touched(campaign: Campaign, outcome: Outcome) -> dict[str, Any]:
    touched, default = outcome.touched, outcome.default
    models = list(campaign.trained_models.select_related("run__training_set", "origin"))
    speak = [model for model in models if touched & set(model.class_codes)]
    published = next((model for model in models if model.state == TrainedModel.State.PROMOTED), None)
    policy = RetrainingPolicy.objects.filter(campaign=campaign).first()
    return {
        "models": len(speak),
        "published_model": published.version if published in speak and published is not None else None,
        "published_stays_comparable": published is not None
        and all(default.get(code, code) is not None for code in published.class_codes),
        "training_sets": sum(bool(touched & set(one.class_codes)) for one in campaign.training_sets.all()),
        "verdicts": Validation.objects.filter(tile__campaign=campaign, class_code__in=touched).count(),
        "reports": PlaceReport.objects.waiting().filter(tile__campaign=campaign, class_code__in=touched).count(),
        **_places_asked(campaign, touched, outcome),
        "floors": sorted(touched & set(policy.class_floors)) if policy else [],
        "releases": campaign.releases.count(),
    }


def _places_asked(campaign: Campaign, touched: frozenset[str], outcome: Outcome) -> dict[str, int]:
    """Cells of the open round about change that name a class that changes; and places of open samples of which somebody
    is asked again, since the class that they saw is split.
    """
    named = Q(first_code__in=touched) | Q(second_code__in=touched)
    cells = ChangeCell.objects.filter(named, round__campaign=campaign, round__closed_at__isnull=True)
    several = [code for code in touched if len(outcome.targets[code]) > 1]
    split = Q(answers__first_code__in=several) | Q(answers__second_code__in=several)
    units = SampleUnit.objects.filter(split, sample__campaign=campaign, sample__closed_at__isnull=True)
    return {"cells": cells.count(), "places_again": units.distinct().count()}


@transaction.atomic
def start_change(*, campaign: Campaign, plan: object, actor: User | None, reason: str) -> tuple[ClassChange, Job]:
    """Keep a plan and queue its migration.

    Raises: CannotChangeClasses, NotANomenclature, ReasonRequired, JobAlreadyRunning (another one is under way).
    """
    change = plan_change(campaign=campaign, plan=plan, actor=actor, reason=reason)
    return change, _enqueue(change, actor, reverse=False)


@transaction.atomic
def start_reversal(*, change: ClassChange, actor: User | None) -> Job:
    """Queue that a change is taken back. Raises: CannotReverse, JobAlreadyRunning."""
    require_unreleased(change)
    if change.state != ClassChange.State.APPLIED or change.campaign.nomenclature_id != change.after_id:
        raise CannotReverse("Only the latest change that applies can be taken back: take back the later ones first.")
    return _enqueue(change, actor, reverse=True)


@transaction.atomic
def start_again(*, change: ClassChange, actor: User | None) -> Job:
    """Queue a change once more whose first try ended without changing anything.

    Raises: CannotChangeClasses (it applies, was taken back, or the classes are others now), JobAlreadyRunning.
    """
    if change.state != ClassChange.State.PLANNED or change.campaign.nomenclature_id != change.before_id:
        raise CannotChangeClasses("The classes have changed since this was planned: look at a new preview.")
    return _enqueue(change, actor, reverse=False)


def _enqueue(change: ClassChange, actor: User | None, *, reverse: bool) -> Job:
    payload = {"change": change.pk, "reverse": reverse, "actor": actor.pk if actor else None}
    return enqueue_job(
        kind=KIND, payload=payload, owner=actor, campaign=change.campaign, key=f"classes-{change.campaign_id}"
    )


def take_back(
    *, change: ClassChange, actor: User | None, progress: Any, faultpoint: Callable[[str], None] = no_fault
) -> ClassChange:
    """Take a change back at once, unless a release was made with it. Raises: CannotReverse, Conflict."""
    if change.state == ClassChange.State.APPLIED:
        require_unreleased(change)
    return reverse_change(change_id=change.pk, actor=actor, progress=progress, faultpoint=faultpoint)


def require_unreleased(change: ClassChange) -> None:
    """Refuse once a release speaks of the classes that a change made, or is being made. Raises: CannotReverse."""
    since = Release.objects.filter(campaign=change.campaign, created_at__gt=change.applied_at or change.created_at)
    named = since.order_by("created_at").values_list("folder", flat=True).first()
    if named is not None:
        raise CannotReverse(
            f"Release {named} was made with these classes: they stay. Change them once more instead, by a plan of the "
            "other way."
        )


def change_of(*, campaign: Campaign, number: int) -> ClassChange:
    """A change of this campaign. Raises: NotThere."""
    found = ClassChange.objects.filter(campaign=campaign, pk=number).select_related(
        "campaign__nomenclature", "before", "after"
    )
    change = found.first()
    if change is None:
        raise NotThere(f"There is no change of classes {number} in {campaign.slug}: see the list of changes.")
    return change


def todays_codes(campaign: Campaign, codes: list[str]) -> list[str | None]:
    """What each of a model's classes is called now; None where that is for somebody to look at."""
    now = codes_now(campaign)
    return [now.get(code, code) for code in codes]


def can_be_compared(model: TrainedModel) -> bool:
    """Whether all that a model says has a class today: where it has not, its figures say nothing beside another's."""
    return None not in todays_codes(model.campaign, model.class_codes)


def speaks_todays_classes(model: TrainedModel) -> bool:
    """Whether all of a model’s classes are among those that a model tells apart now."""
    return set(model.class_codes) <= set(finest_codes(model.campaign))


def classes_ever(campaign: Campaign) -> dict[str, Any]:
    """Every class that the campaign has, in its order, then those it had in earlier versions, by code."""
    versions = [campaign.nomenclature]
    changes = ClassChange.objects.filter(campaign=campaign, applied_at__isnull=False).select_related("before", "after")
    for change in changes.order_by("-applied_at"):
        versions += [version for version in (change.after, change.before) if version is not None]
    found: dict[str, Any] = {}
    for version in _once(versions):
        for item in version.classes.order_by("position"):
            found.setdefault(item.code, item)
    return found


def _once(versions: list[Nomenclature]) -> list[Nomenclature]:
    return list({version.pk: version for version in versions}.values())
