"""The "train" job: frozen set → weights → candidate → figures on the hold-out → gate → next round or map.

Every step looks first whether it was done: a job killed anywhere and run again goes on where it was.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from annotation.jobs.registry import job
from annotation.services.jobs import JobContext
from learning.errors import CheckpointMismatch, IncompatibleInitialWeights, TrainingStopped
from learning.jobs.judging import judge_model, open_what_follows
from learning.jobs.options import device_of, going_on_from, read_options, resolved_options
from learning.jobs.processes import fit_in_processes, processes_of
from learning.jobs.tiles import training_tiles
from learning.models import TrainedModel, TrainingRun
from learning.services import training
from learning.services.training_sets import table_of

if TYPE_CHECKING:
    from learning.core.fit import FittedModel, StepReport
    from learning.core.network import NetworkSpec

READ_END, FIT_END, EVALUATION_END = 0.05, 0.8, 0.95  # shares of the progress bar
SECONDS_BETWEEN_CURVES = 2.0


@job("train")
def train(context: JobContext) -> dict[str, Any]:
    """Train, judge and place one model; the result says what became of it."""
    run = TrainingRun.objects.select_related(
        "training_set__campaign__layer", "training_set__campaign__nomenclature"
    ).get(pk=context.payload["run"])
    candidate = TrainedModel.objects.filter(run=run).select_related("campaign__layer", "run").first()
    if candidate is None:
        candidate = _fit(run, context)
    shutil.rmtree(run.folder, ignore_errors=True)
    if candidate.state == TrainedModel.State.CANDIDATE:
        candidate = judge_model(candidate, context=context, start=FIT_END, stop=EVALUATION_END)
    following = open_what_follows(candidate, run)
    return {
        "model": candidate.version,
        "state": candidate.state,
        "outcome": candidate.outcome,
        "reason": candidate.gate["reason"],
        "training_set": run.training_set.number,
        **following,
    }


def _fit(run: TrainingRun, context: JobContext) -> TrainedModel:
    from learning.core.model_file import ModelMetadata, save_model

    training_set, campaign = run.training_set, run.training_set.campaign
    fitted, started_from = _fitted(run, context)
    file = f"{campaign.slug}/run-{run.pk}.safetensors"
    metadata = ModelMetadata(
        spec=fitted.spec,
        normalisation=fitted.normalisation,
        nomenclature_code=campaign.nomenclature.code,
        nomenclature_version=campaign.nomenclature.version,
        gsd_m=campaign.layer.gsd_m,
        training_set_sha256=training_set.sha256,
        steps=len(fitted.losses),
        notes={
            "campaign": campaign.slug,
            "training_set": str(training_set.number),
            "run": str(run.pk),
            "initial_model": started_from,
            "encoder_weights": "" if started_from or not fitted.spec.pretrained else _start_weights(fitted.spec),
            "code_commit": run.code_commit,
            "licence": settings.CONTRIBUTION_LICENCE,
            "attribution": campaign.layer.attribution,
        },
    )
    context.progress(FIT_END, "Writing the model.")
    sha256 = save_model(Path(settings.MODELS_DIR) / file, fitted.network, metadata)
    return training.finish_training_run(run=run, file=file, sha256=sha256, losses=list(fitted.losses))


def _start_weights(spec: NetworkSpec) -> str:
    from learning.core.encoder_weights import encoder_weights

    return encoder_weights(spec.encoder, settings.ENCODER_WEIGHTS_DIR).source


def _fitted(run: TrainingRun, context: JobContext) -> tuple[FittedModel, str]:
    """Train, or go on training; also the version of the model it started from."""
    from learning.core.checkpoint import clear
    from learning.core.fit import fit
    from learning.core.frozen_run import TrainRequest
    from learning.core.model_file import load_model, read_metadata
    from learning.core.network import spec_from

    campaign, start = run.training_set.campaign, run.initial_model
    previous = read_metadata(start.path).spec if start else None
    run.config = going_on_from(previous, run.config)
    spec, config = read_options(
        run.config, bands=campaign.layer.bands, class_codes=run.training_set.class_codes, seed=run.seed
    )
    training.record_options(run=run, options=resolved_options(run.config, spec, config))
    tiles = training_tiles(
        run.training_set,
        validated_weight=float(run.config["validated_weight"]),
        on_progress=lambda share: context.progress(READ_END * share, "Reading the labels."),
    )

    broader = table_of(run.training_set).places
    device = device_of(run.config)
    processes = processes_of(run.config, device=device, batch_size=config.batch_size)

    def attempt(start: TrainedModel | None) -> FittedModel:
        if processes > 1:
            return fit_in_processes(
                tiles,
                TrainRequest(
                    spec=spec if start is None or previous is None else spec_from(spec, previous),
                    config=config,
                    checkpoint_dir=run.folder,
                    device=device,
                    broader=broader,
                    initial=None if start is None else (start.path, start.sha256),
                    weights_dir=settings.ENCODER_WEIGHTS_DIR,
                ),
                processes=processes,
                folder=run.folder / "processes",
                made_of=f"{run.training_set.sha256} {run.config['validated_weight']}",
                on_step=_Reporter(run, context),
                should_stop=context.should_stop,
            )
        return fit(
            tiles,
            spec,
            config,
            checkpoint_dir=run.folder,
            device=device,
            broader=broader,
            initial=None if start is None else load_model(start.path, sha256=start.sha256),
            weights_dir=settings.ENCODER_WEIGHTS_DIR,
            on_step=_Reporter(run, context),
            should_stop=context.should_stop,
        )

    def from_checkpoint(start: TrainedModel | None) -> FittedModel:
        try:
            return attempt(start)
        except CheckpointMismatch as error:
            # Options of a run are frozen with it: its checkpoints are of an earlier version of the code.
            context.progress(READ_END, f"Starting afresh: {error}")
            clear(run.folder)
            return attempt(start)

    try:
        try:
            return from_checkpoint(start), start.version if start else ""
        except IncompatibleInitialWeights as error:
            # Another encoder was asked for on purpose: begin from its start weights instead.
            context.progress(READ_END, f"Starting afresh: {error}")
            return from_checkpoint(None), ""
    except TrainingStopped:
        context.progress(READ_END)  # says why: cancelled, or taken over by another worker
        raise


class _Reporter:
    """Carries steps to the job's progress and to the run's loss curve, without a query a step."""

    def __init__(self, run: TrainingRun, context: JobContext) -> None:
        from time import monotonic

        self._run, self._context, self._clock = run, context, monotonic
        self._points: list[list[float]] = [list(point) for point in run.loss_curve]
        self._stored_at = monotonic()

    def __call__(self, report: StepReport) -> None:
        """Note one step; raises JobCancelled or JobLost when the job is no longer ours."""
        # After a resume the steps since the last checkpoint come again.
        while self._points and self._points[-1][0] >= report.step:
            self._points.pop()
        self._points.append([report.step, report.loss])
        share = report.step / report.steps
        self._context.progress(
            READ_END + (FIT_END - READ_END) * share,
            f"Step {report.step} of {report.steps}, loss {report.loss:.3f}",
        )
        if self._clock() - self._stored_at > SECONDS_BETWEEN_CURVES:
            self._stored_at = self._clock()
            training.record_progress(run=self._run, step=report.step, losses=self._points)
