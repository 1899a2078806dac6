"""When a campaign retrains by itself, and why it did not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from annotation.errors import JobAlreadyRunning, NotThere, UserError
from annotation.models import Campaign, Job
from annotation.services.nomenclatures import finest_codes
from learning.core.drift import Drift, class_drift
from learning.errors import InvalidPolicy
from learning.models import RetrainingPolicy, TrainingRun
from learning.services.forecast import MORE_TILES, forecast_gain
from learning.services.holdout import holdout_reference
from learning.services.predictions import ready_prediction, start_prediction
from learning.services.promotion import can_now_be_judged, published_model, start_judging
from learning.services.round_options import check_round_options
from learning.services.training import start_training_run
from learning.services.training_sets import ground_accepted_since, newly_accepted

if TYPE_CHECKING:
    from django.contrib.auth.models import User

ENOUGH_CERTAINTY = 0.9  # that the next tiles bring less than the policy asks for
MODELS_TO_STOP_ON = 4
BOUNDS = {
    "period_hours": (0.0, 24.0 * 366),
    "min_newly_accepted": (0, 1_000_000),
    "round_size": (0, 1_000_000),
    "drift_index": (0.0, 100.0),
    "stop_below_points": (0.0, 100.0),
}
MAY_BE_NONE = frozenset({"drift_index", "stop_below_points"})
REFUSALS = {
    "period": "The next training may start on {due} UTC.",
    "waiting": "{found} of {wanted} newly accepted labels: waiting for more.",
    "stopped": "Stopped: the next {more_tiles} labelled tiles are expected to bring {points:+.1f} ± {spread:.1f} "
    "points, and the limit is {threshold:g}. Go on for {more_tiles} tiles, or change the limit.",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing was started: in words, and as a code with figures for readers of other languages."""

    text: str = ""
    code: str = ""
    figures: dict[str, Any] = field(default_factory=dict)


def refusal(code: str, **figures: Any) -> Refusal:
    """A refusal of the schedule's own."""
    return Refusal(REFUSALS[code].format(**figures), code, figures)


@transaction.atomic
def set_retraining_policy(*, campaign: Campaign, **values: Any) -> RetrainingPolicy:
    """Say when a campaign retrains by itself and what its models must be; fields left out keep their value.

    Raises: InvalidPolicy (a number outside its bounds, a floor of a class that the campaign does not have, an option of
            rounds that could not be honoured), UnknownAcquisition.
    """
    _check_policy(campaign, values)
    policy, _created = RetrainingPolicy.objects.update_or_create(campaign=campaign, defaults=values)
    return policy


@transaction.atomic
def go_on(*, campaign: Campaign, actor: User) -> RetrainingPolicy:
    """Let a campaign that stopped by itself go on until it has MORE_TILES more labelled tiles.

    Raises: NotThere (not a maintainer, or no schedule).
    """
    policy = RetrainingPolicy.objects.select_for_update().filter(campaign=campaign).first()
    if policy is None or not Campaign.objects.maintained_by(actor).filter(pk=campaign.pk).exists():
        raise NotThere(f"{campaign.slug!r} has no schedule that you may change: ask one of its maintainers.")
    policy.go_on_until_tiles = _learnt_tiles(campaign) + MORE_TILES
    policy.save(update_fields=["go_on_until_tiles"])
    return policy


def consider_retraining(campaign: Campaign) -> Job | None:
    """Start a run, another look at a held model, or the map that is missing, when it is time; else store why not.

    It is time for a run when `period_hours` have passed since the last one began and at least `min_newly_accepted`
    annotations were accepted that no judged model has learnt from, or when the classes of those that were have moved
    from what the last model learnt (learning.core.drift). Unless they have, no run is started when the next tiles are
    expected to bring too little (learning.core.learning_curve). A model that could not be told from worse is judged
    again once there are the control tiles for it. A published model without a map is mapped again once its last
    attempt is as old as the period.
    """
    with transaction.atomic():
        policy = (
            RetrainingPolicy.objects.select_for_update(skip_locked=True).filter(campaign=campaign, enabled=True).first()
        )
        if policy is None or campaign.state != Campaign.State.OPEN:
            return None
        why = Refusal()
        job = _map_again_if_due(policy, campaign) or _judge_again_if_due(campaign)
        if job is None:
            job, why = _start_if_due(policy, campaign)
        policy.last_considered_at = timezone.now()
        policy.last_refusal, policy.last_refusal_code = why.text[:300], why.code[:40]
        policy.last_refusal_figures = why.figures
        policy.save(update_fields=["last_considered_at", "last_refusal", "last_refusal_code", "last_refusal_figures"])
    return job


def drift_since_last_model(campaign: Campaign) -> Drift | None:
    """How far the classes of newly accepted labels have moved from what the last judged model learnt."""
    ground = ground_accepted_since(campaign)
    if ground is None:
        return None
    return class_drift(ground.learnt, ground.new, learnt_tiles=ground.learnt_tiles, new_tiles=ground.new_tiles)


def has_moved(drift: Drift | None, policy: RetrainingPolicy) -> bool:
    """Whether that is more than the policy bears and more than chance makes of so few tiles."""
    if drift is None or policy.drift_index is None:
        return False
    return drift.index >= max(policy.drift_index, drift.chance)


def _map_again_if_due(policy: RetrainingPolicy, campaign: Campaign) -> Job | None:
    """The next round comes from the published model's map: should its job have failed, the queue would run dry."""
    published = published_model(campaign)
    if published is None or ready_prediction(published) is not None:
        return None
    last = Job.objects.filter(kind="predict", key=published.version).order_by("-created_at").first()
    if last is not None and (last.finished_at is None or timezone.now() < _after_a_period(policy, last.finished_at)):
        return None
    try:
        return start_prediction(model=published, training_run=published.run)
    except JobAlreadyRunning:
        return None


def _judge_again_if_due(campaign: Campaign) -> Job | None:
    """The last model, once there are the control tiles that it was held back for; before it, a published one of which
    nothing is known yet.
    """
    published = published_model(campaign)
    last_model = campaign.trained_models.select_related("campaign").order_by("-number").first()
    model = published if published is not None and published.is_published_unjudged else last_model
    if model is None or not can_now_be_judged(model, holdout_reference(campaign)):
        return None
    last = Job.objects.filter(kind="judge", key=model.version).order_by("-created_at").first()
    if last is not None and last.state in {Job.State.FAILED, Job.State.CANCELLED}:
        return None  # somebody should look first
    try:
        return start_judging(model=model, actor=None)
    except UserError:
        return None  # under way, or its file is gone: the next training makes another


def _start_if_due(policy: RetrainingPolicy, campaign: Campaign) -> tuple[Job | None, Refusal]:
    last = TrainingRun.objects.filter(training_set__campaign=campaign).order_by("-created_at").first()
    if last is not None:
        due = _after_a_period(policy, last.created_at)
        if timezone.now() < due:
            return None, refusal("period", due=f"{due:%Y-%m-%d %H:%M}")
    if not has_moved(drift_since_last_model(campaign), policy):
        stopped = _stopped(policy, campaign)
        if stopped is not None:
            return None, stopped
        found = newly_accepted(campaign)
        if found < policy.min_newly_accepted:
            return None, refusal("waiting", found=found, wanted=policy.min_newly_accepted)
    try:
        with transaction.atomic():
            return start_training_run(campaign=campaign, actor=None), Refusal()
    except UserError as error:
        return None, Refusal(str(error), error.code)


def _stopped(policy: RetrainingPolicy, campaign: Campaign) -> Refusal | None:
    threshold = policy.stop_below_points
    if threshold is None or _learnt_tiles(campaign) < policy.go_on_until_tiles:
        return None
    gain = forecast_gain(campaign, threshold_points=threshold)
    if gain is None or gain.n_models < MODELS_TO_STOP_ON or (gain.below or 0.0) < ENOUGH_CERTAINTY:
        return None
    return refusal(
        "stopped",
        more_tiles=gain.more_tiles,
        points=round(gain.points, 2),
        spread=round(gain.spread_points, 2),
        threshold=threshold,
    )


def _learnt_tiles(campaign: Campaign) -> int:
    """Labelled tiles of the last training set."""
    last = campaign.training_sets.order_by("-number").values_list("n_tiles", flat=True).first()
    return last or 0


def _after_a_period(policy: RetrainingPolicy, moment: datetime) -> datetime:
    return moment + timedelta(hours=policy.period_hours)


def _check_policy(campaign: Campaign, values: Mapping[str, Any]) -> None:
    for name, (above, most) in BOUNDS.items():
        value = values.get(name)
        if name not in values or (value is None and name in MAY_BE_NONE):
            continue
        if not isinstance(value, int | float) or not math.isfinite(value) or not above < value <= most:
            raise InvalidPolicy(f"{name} is {value}: give a number above {above:g}, at most {most:g}.")
    if "training" in values:
        check_round_options(campaign, values["training"])
    known = finest_codes(campaign)
    for code, floor in dict(values.get("class_floors") or {}).items():
        if code not in known:
            raise InvalidPolicy(f"There is no class {code!r} to set a floor for; the classes are {', '.join(known)}.")
        if not isinstance(floor, int | float) or not 0 < floor < 1:
            raise InvalidPolicy(f"The floor of {code} is {floor}: give an IoU above 0 and below 1.")
