"""Training runs: starting one, keeping its progress, writing down its model, and starting by itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from annotation.errors import JobAlreadyRunning, UserError
from annotation.models import Campaign, Job
from annotation.services.jobs import enqueue_job
from learning.errors import NothingToTrain
from learning.models import RetrainingPolicy, TrainedModel, TrainingRun, TrainingSet
from learning.services.holdout import holdout_reference
from learning.services.predictions import ready_prediction, start_prediction
from learning.services.promotion import can_now_be_judged, published_model
from learning.services.provenance import code_commit
from learning.services.training_sets import freeze_training_set, newly_accepted

if TYPE_CHECKING:
    from django.contrib.auth.models import User

CURVE_POINTS = 200


@transaction.atomic
def start_training_run(
    *, campaign: Campaign, actor: User | None, config: dict[str, Any] | None = None, force: bool = False
) -> Job:
    """Freeze what was accepted until now and queue a training run on it.

    Args:
        config: options that replace those of the campaign's retraining policy (see learning.jobs.options).
        force: train although nothing new was accepted, or although the new batch looks suspect.
    Raises: NothingToTrain, SuspectBatch, JobAlreadyRunning.
    """
    training_set = freeze_training_set(campaign=campaign, actor=actor, force=force)
    if not force:
        _refuse_nothing_new(campaign, training_set)
    options = {**_policy_options(campaign), **(config or {})}
    run = TrainingRun.objects.create(
        training_set=training_set,
        config=options,
        seed=int(options.get("seed", (campaign.seed + training_set.number) % 2**31)),
        code_commit=code_commit(),
        initial_model=published_model(campaign) if options.get("warm_start", True) else None,
    )
    run.job = enqueue_job(
        kind="train",
        payload={"run": run.pk},
        owner=actor,
        campaign=campaign,
        queue=settings.JOB_GPU_QUEUE,
        key=campaign.slug,
    )
    run.save(update_fields=["job"])
    return run.job


def record_options(*, run: TrainingRun, options: dict[str, Any]) -> None:
    """Keep every option of a run with the value it had, so that the run can be done again."""
    run.config = options
    run.save(update_fields=["config"])


def record_progress(*, run: TrainingRun, step: int, losses: list[list[float]]) -> None:
    """Keep the step reached and the loss curve, thinned, where people see them while the run goes on."""
    TrainingRun.objects.filter(pk=run.pk).update(step=step, loss_curve=thin_curve(losses))


def thin_curve(points: list[list[float]]) -> list[list[float]]:
    """At most CURVE_POINTS points: means of equal stretches, each at its last step; this smooths noise."""
    if len(points) <= CURVE_POINTS:
        return points
    thinned = []
    for part in range(CURVE_POINTS):
        stretch = points[part * len(points) // CURVE_POINTS : (part + 1) * len(points) // CURVE_POINTS]
        thinned.append([stretch[-1][0], sum(loss for _step, loss in stretch) / len(stretch)])
    return thinned


@transaction.atomic
def finish_training_run(*, run: TrainingRun, file: str, sha256: str, losses: list[float]) -> TrainedModel:
    """Write down the model a run made, as a candidate; a second call returns the first one's model.

    Args: file: relative to MODELS_DIR, already in place and durable.
    """
    campaign = Campaign.objects.select_for_update(of=("self",)).get(pk=run.training_set.campaign_id)
    known = TrainedModel.objects.filter(run=run).first()
    if known is not None:
        return known
    last = campaign.trained_models.aggregate(last=Max("number"))["last"] or 0
    run.step, run.finished_at = len(losses), timezone.now()
    run.loss_curve = thin_curve([[step, loss] for step, loss in enumerate(losses, start=1)])
    run.save(update_fields=["step", "finished_at", "loss_curve"])
    return TrainedModel.objects.create(campaign=campaign, run=run, number=last + 1, file=file, sha256=sha256)


@transaction.atomic
def set_retraining_policy(*, campaign: Campaign, **values: Any) -> RetrainingPolicy:
    """Say when a campaign retrains by itself; fields left out keep their value."""
    policy, _created = RetrainingPolicy.objects.update_or_create(campaign=campaign, defaults=values)
    policy.full_clean()
    return policy


def consider_retraining(campaign: Campaign) -> Job | None:
    """Start a run, or the map that is missing, when the campaign's policy says it is time; else store why not.

    It is time for a run when `period_hours` have passed since the last one began and at least `min_newly_accepted`
    annotations were accepted that no judged model has learnt from, or when a model that could not be judged for want
    of control tiles now can. A published model without a map is mapped again once its last attempt is as old as that.
    """
    with transaction.atomic():
        policy = (
            RetrainingPolicy.objects.select_for_update(skip_locked=True).filter(campaign=campaign, enabled=True).first()
        )
        if policy is None or campaign.state != Campaign.State.OPEN:
            return None
        job = _map_again_if_due(policy, campaign)
        refusal = ""
        if job is None:
            job, refusal = _start_if_due(policy, campaign)
        policy.last_considered_at, policy.last_refusal = timezone.now(), refusal[:300]
        policy.save(update_fields=["last_considered_at", "last_refusal"])
    return job


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


def _start_if_due(policy: RetrainingPolicy, campaign: Campaign) -> tuple[Job | None, str]:
    last = TrainingRun.objects.filter(training_set__campaign=campaign).order_by("-created_at").first()
    if last is not None:
        due = _after_a_period(policy, last.created_at)
        if timezone.now() < due:
            return None, f"The next training may start on {due:%Y-%m-%d %H:%M} UTC."
    found = newly_accepted(campaign)
    if found < policy.min_newly_accepted and not _last_model_can_now_be_judged(campaign):
        return None, f"{found} of {policy.min_newly_accepted} newly accepted labels: waiting for more."
    try:
        with transaction.atomic():
            return start_training_run(campaign=campaign, actor=None), ""
    except UserError as error:
        return None, str(error)


def _after_a_period(policy: RetrainingPolicy, moment: datetime) -> datetime:
    return moment + timedelta(hours=policy.period_hours)


def _last_model_can_now_be_judged(campaign: Campaign) -> bool:
    model = campaign.trained_models.order_by("-number").first()
    return model is not None and can_now_be_judged(model, holdout_reference(campaign))


def _policy_options(campaign: Campaign) -> dict[str, Any]:
    policy = RetrainingPolicy.objects.filter(campaign=campaign).first()
    return dict(policy.training) if policy else {}


def _refuse_nothing_new(campaign: Campaign, training_set: TrainingSet) -> None:
    """Refuse a second run on the same labels, unless the first could not be judged and now can."""
    model = TrainedModel.objects.filter(run__training_set=training_set).order_by("-number").first()
    if model is None or model.state == TrainedModel.State.CANDIDATE:
        return
    if not can_now_be_judged(model, holdout_reference(campaign)):
        raise NothingToTrain(
            f"Nothing was accepted since {training_set}, which {model.version} has learnt from: "
            "label and review more tiles, or start again with force."
        )
