"""The job "import_model": weights published elsewhere → candidate → figures → gate → map.

Every step looks first whether it was done: a job killed anywhere and run again goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

from annotation.errors import JobLost
from annotation.jobs.registry import job
from annotation.models import Campaign
from annotation.raster.sandbox import SandboxLimits, run_in_sandbox
from annotation.services.jobs import TRANSIENT, JobContext
from learning.jobs.judging import judge_model, queue_map
from learning.models import TrainedModel
from learning.services import imports, promotion, publishing

CONVERT_END, EVALUATION_END = 0.6, 0.95  # shares of the progress bar
# torch reserves address space by the gigabyte before it reads anything.
LIMITS = SandboxLimits(memory_bytes=16 * 2**30, cpu_seconds=1800, file_bytes=4 * 2**30, wall_seconds=3600.0)


@job("import_model")
def import_model(context: JobContext) -> dict[str, Any]:
    """Make a model of ours from a file, then have it judged; the result says what became of it."""
    payload = context.payload
    campaign = Campaign.objects.select_related("layer", "nomenclature", "holdout").get(pk=payload["campaign"])
    source = Path(payload["path"])
    model = TrainedModel.objects.filter(origin__job=context.job).select_related("campaign__layer", "origin").first()
    if model is None:
        model = _made(source, campaign, context)
    if payload["uploaded"]:
        source.unlink(missing_ok=True)
    return _judged(model, context)


def _made(source: Path, campaign: Campaign, context: JobContext) -> TrainedModel:
    """The candidate; an upload of which none can be made is removed at once."""
    payload = context.payload
    try:
        file = f"{campaign.slug}/import-{str(context.job.id)[:8]}.safetensors"
        converted = convert_isolated(
            source,
            Path(settings.MODELS_DIR) / file,
            recipe=payload["recipe"],
            archives=not payload["uploaded"],
            campaign=campaign,
            progress=lambda share: context.progress(CONVERT_END * share, "Reading the weights."),
        )
        imports.finish_import(job=context.job, campaign=campaign, file=file, converted=converted)
    except (JobLost, *TRANSIENT):
        raise  # another worker reads it now, or this one again in a while
    except Exception:
        if payload["uploaded"]:
            source.unlink(missing_ok=True)
        raise
    return TrainedModel.objects.select_related("campaign__layer", "origin").get(origin__job=context.job)


def convert_isolated(
    source: Path,
    out: Path,
    *,
    recipe: dict[str, Any],
    archives: bool,
    campaign: Campaign,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """`foreign_weights.convert_weights` in a child process without network, and whether the imagery can be read.

    Returns: `Converted.as_json`; the model file is in place.
    Raises:  UnusableWeights, ModelCannotUseImagery, and the errors of `run_in_sandbox`.
    """
    from learning.core.model_file import match_imagery, read_metadata

    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        converted: dict[str, Any] = run_in_sandbox(
            "learning.core.foreign_weights.convert_weights",
            {"path": str(source.absolute()), "out": str(out.absolute()), "recipe": recipe, "archives": archives},
            on_progress=progress,
            limits=LIMITS,
            require_isolation=settings.REQUIRE_SANDBOX,
        )
        layer = campaign.layer
        match_imagery(read_metadata(out), bands=layer.bands, dtype=layer.dtype, gsd_m=layer.gsd_m)
    except BaseException:
        out.unlink(missing_ok=True)
        out.with_name(out.name + ".partial").unlink(missing_ok=True)
        raise
    return converted


def _judged(model: TrainedModel, context: JobContext) -> dict[str, Any]:
    """Figures where control tiles are labelled, the gate's decision, and the map that follows."""
    payload = context.payload
    if model.state == TrainedModel.State.CANDIDATE:
        model = judge_model(model, context=context, start=CONVERT_END, stop=EVALUATION_END)
        if model.state == TrainedModel.State.PROMOTED:
            queue_map(model, None)
    too_few = model.gate.get("n_tiles", 0) < promotion.RULE.min_holdout_tiles
    if payload["publish_unjudged"] and too_few and model.state == TrainedModel.State.HELD:
        model = publishing.publish_unjudged(model=model, actor=context.job.owner, reason=payload["reason"])
    return {
        "model": model.version,
        "state": model.state,
        "outcome": model.outcome,
        "judged": model.is_judged,
        "reason": model.gate["reason"],
    }
