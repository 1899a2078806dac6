"""Training runs: starting one, keeping its progress, writing down its model, and starting by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from annotation.models import Campaign, Job
from annotation.services.jobs import enqueue_job
from learning.errors import NothingToTrain
from learning.models import RetrainingPolicy, TrainedModel, TrainingRun, TrainingSet
from learning.services.holdout import holdout_reference
from learning.services.promotion import can_now_be_judged, published_model
from learning.services.provenance import code_commit
from learning.services.training_sets import freeze_training_set

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
    campaign = Campaign.objects.select_for_update(of=("self",), no_key=True).get(pk=run.training_set.campaign_id)
    known = TrainedModel.objects.filter(run=run).first()
    if known is not None:
        return known
    last = campaign.trained_models.aggregate(last=Max("number"))["last"] or 0
    run.step, run.finished_at = len(losses), timezone.now()
    run.loss_curve = thin_curve([[step, loss] for step, loss in enumerate(losses, start=1)])
    run.save(update_fields=["step", "finished_at", "loss_curve"])
    return TrainedModel.objects.create(campaign=campaign, run=run, number=last + 1, file=file, sha256=sha256)


def _policy_options(campaign: Campaign) -> dict[str, Any]:
    policy = RetrainingPolicy.objects.filter(campaign=campaign).first()
    return dict(policy.training) if policy else {}


def _refuse_nothing_new(campaign: Campaign, training_set: TrainingSet) -> None:
    """Refuse a second run on the same labels: it would make the same model."""
    model = TrainedModel.objects.filter(run__training_set=training_set).order_by("-number").first()
    if model is None or model.state == TrainedModel.State.CANDIDATE:
        return
    told = f"Nothing was accepted since {training_set}, which {model.version} has learnt from: "
    if can_now_be_judged(model, holdout_reference(campaign)):
        raise NothingToTrain(f"{told}there are more control tiles now, so judge {model.version} again.")
    raise NothingToTrain(f"{told}label and review more tiles, or start again with force.")
