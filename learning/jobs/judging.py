"""Judging a model: figures on the hold-out, the gate, what follows; and the "judge" job, for one held back before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from annotation.core.label_table import LabelTable
from annotation.errors import JobAlreadyRunning
from annotation.jobs.registry import job
from annotation.models import Campaign
from annotation.services.jobs import JobContext
from annotation.services.nomenclatures import label_table_of
from learning.core.calibration import CalibrationCounts, tile_calibration
from learning.core.error_maps import error_map, write_error_maps
from learning.core.evaluate import broader_confusion, tile_confusion
from learning.jobs.options import device_of
from learning.jobs.tiles import labels_of, read_with_context
from learning.jobs.weights import loaded_model
from learning.models import TrainedModel, TrainingRun
from learning.services import acquisition, predictions, promotion
from learning.services.class_changes import can_be_compared, todays_codes
from learning.services.evaluations import evaluation_on, record_evaluation
from learning.services.holdout import HoldoutReference, holdout_reference

if TYPE_CHECKING:
    from learning.core.model_file import TrainedModel as LoadedModel


@job("judge")
def judge(context: JobContext) -> dict[str, Any]:
    """Look again at a model that was held back, on the control tiles that are labelled now."""
    model = TrainedModel.objects.select_related("campaign__layer", "campaign__nomenclature", "run", "origin").get(
        pk=context.payload["model"]
    )
    was_published = model.state == TrainedModel.State.PROMOTED
    if model.state == TrainedModel.State.HELD or model.is_published_unjudged:
        model = judge_model(model, context=context, start=0.0, stop=0.95)
    following: dict[str, Any] = {}
    if model.state == TrainedModel.State.PROMOTED:
        # A job done twice finds it published: its map is queued all the same, once.
        following = {} if was_published and predictions.ready_prediction(model) else queue_map(model, None)
    return {
        "model": model.version,
        "state": model.state,
        "outcome": model.outcome,
        "reason": model.gate["reason"],
        **following,
    }


def judge_model(model: TrainedModel, *, context: JobContext, start: float, stop: float) -> TrainedModel:
    """Evaluate a model and the published one on the hold-out as it is labelled now, and decide.

    Args: start, stop: the part of the job's progress that this is.
    """
    reference = holdout_reference(model.campaign)
    published = promotion.published_model(model.campaign)
    both = [one for one in (model, published) if one is not None and can_be_compared(one)]
    models = {one.pk: one for one in both}.values() if reference.tiles else ()
    for number, one in enumerate(models):
        if evaluation_on(one, reference) is None:
            share = (stop - start) / len(models)
            evaluate_model(
                one, reference, context=context, start=start + number * share, stop=start + (number + 1) * share
            )
    context.progress(stop, "Comparing with the published model.")
    return promotion.promote_or_reject(candidate=model, reference=reference)


def evaluate_model(
    model: TrainedModel, reference: HoldoutReference, *, context: JobContext, start: float, stop: float
) -> None:
    """Predict every reference tile with its surroundings; store the figures, and the maps of errors beside the weights.

    Raises: InvalidEvaluation (no labelled pixel), ModelCannotUseImagery.
    """
    from learning.core.model_file import match_imagery

    campaign = model.campaign
    loaded = loaded_model(model)
    own = list(loaded.metadata.spec.class_codes)
    # In today's classes, where they have changed since it learnt.
    today = [code or "" for code in todays_codes(campaign, own)]
    table = label_table_of(campaign)
    codes = own if today == own else list(table.class_codes)
    table = LabelTable(tuple(codes), {code: open_ for code, open_ in table.broader.items() if {*open_} <= {*codes}})
    said = np.array([0, *(codes.index(code) + 1 for code in today)], np.uint8)
    bands = match_imagery(
        loaded.metadata, bands=campaign.layer.bands, dtype=campaign.layer.dtype, gsd_m=campaign.layer.gsd_m
    )
    values, device = table.values, device_of(model.options)
    confusions: dict[int, NDArray[np.int64]] = {}
    broader: dict[int, NDArray[np.int64]] = {}
    calibration: dict[int, CalibrationCounts] = {}

    def looked_at() -> Iterator[tuple[int, NDArray[np.uint8]]]:
        for done, tile in enumerate(reference.tiles, start=1):
            labels = labels_of(campaign, tile.revision_ids, values=values)
            truth = np.where(labels > len(codes), np.uint8(0), labels)
            outputs, valid = tile_outputs(loaded, campaign, tile.row, tile.col, bands=bands, device=device)
            predicted = said[(outputs.argmax(axis=0) + 1) * valid]
            confusions[tile.tile_id] = tile_confusion(truth, predicted, n_classes=len(codes))
            broader[tile.tile_id] = broader_confusion(
                labels, predicted, n_classes=len(codes), n_broader=len(table.broader)
            )
            if codes is own:  # its channels are classes of today
                calibration[tile.tile_id] = tile_calibration(outputs, (truth * valid).astype(np.uint8))
            share = start + (stop - start) * done / len(reference.tiles)
            context.progress(share, f"Evaluating {model.version} on the control tiles.")
            yield tile.tile_id, error_map(truth, predicted)

    file = f"{Path(model.file).with_suffix('')}.errors-{reference.sha256[:16]}.zip"
    write_error_maps(Path(settings.MODELS_DIR) / file, looked_at())
    record_evaluation(
        model=model, reference=reference, confusions=confusions, class_codes=codes,
        broader=(table.places, broader),
        calibration=calibration or None,
        error_maps=file,
    )  # fmt: skip


def tile_outputs(
    loaded: LoadedModel, campaign: Campaign, row: int, col: int, *, bands: tuple[int, ...], device: str
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """A network's outputs on one tile (class, row, col), seen with its surroundings, and where there is imagery."""
    from learning.core.predict import window_logits

    margin, side = loaded.metadata.margin_px, campaign.tile_px
    image, valid = read_with_context(campaign.layer.analysis_path, row=row, col=col, tile_px=side, margin_px=margin)
    outputs = window_logits(
        loaded, np.ascontiguousarray(image[list(bands)]), valid=valid, margin_px=margin, device=device
    )
    return outputs, valid[margin : margin + side, margin : margin + side]


def open_what_follows(candidate: TrainedModel, run: TrainingRun) -> dict[str, Any]:
    """Queue the new model's map; after one that was not published, the next round comes from the published model's map.

    While no model is published the next round is drawn at random: people go on, and the next model has more to learn
    from and more control tiles to be judged by.
    """
    if candidate.state == TrainedModel.State.PROMOTED:
        return queue_map(candidate, run)
    published = promotion.published_model(candidate.campaign)
    ready = predictions.ready_prediction(published) if published else None
    if published is not None and ready is None:
        return queue_map(published, run)
    opened = acquisition.open_acquisition_round(
        campaign=candidate.campaign, prediction=ready, training_run=run, candidate=candidate
    )
    return {"round": opened.queue_round.number if opened else None}


def queue_map(model: TrainedModel, run: TrainingRun | None) -> dict[str, Any]:
    """Queue a model's map, or name the job that makes it already."""
    try:
        return {"prediction_job": str(predictions.start_prediction(model=model, training_run=run).id)}
    except JobAlreadyRunning as error:
        return {"prediction_job": str(error.details["job"])}
