"""Rows of prediction maps: a model's own, one a layer, and those made on request; ready once the files are in place."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import Case, When
from django.utils import timezone
from numpy.typing import NDArray

from annotation.core.stored_labels import class_index
from annotation.models import Campaign, Job, Tile
from annotation.raster.reader import read_window
from annotation.services.jobs import enqueue_job
from annotation.services.tiles import pool_mask
from learning.models import Prediction, TrainedModel, TrainingRun
from learning.services.acquisition import latest_round_number


def prediction_row(model: TrainedModel) -> Prediction:
    """The model's own prediction of its campaign's layer, written down at first need."""
    layer = model.campaign.layer
    prediction, _created = Prediction.objects.get_or_create(
        model=model, layer=layer, request_sha256="", defaults={"folder": f"{model.version}-{uuid4().hex[:8]}"}
    )
    return prediction


def ready_prediction(model: TrainedModel) -> Prediction | None:
    """The model's own map of its campaign's layer, once its files are in place."""
    ready = Prediction.objects.own().filter(state=Prediction.State.READY, model=model, layer=model.campaign.layer)
    return ready.select_related("model__campaign", "model__run__training_set", "model__origin").first()


def shown_prediction(campaign: Campaign) -> Prediction | None:
    """The map people see: the published model's, or while that is being made, its predecessor's."""
    ready = Prediction.objects.own().filter(
        state=Prediction.State.READY,
        model__campaign=campaign,
        model__state__in=[TrainedModel.State.PROMOTED, TrainedModel.State.RETIRED],
    )
    promoted_first = Case(When(model__state=TrainedModel.State.PROMOTED, then=0), default=1)
    return ready.select_related("model__campaign").order_by(promoted_first, "-model__decided_at").first()


def shown_file(prediction: Prediction, what: str) -> str | None:
    """The file that people are shown of a map ("class" or "entropy"); None when it must not be shown."""
    is_open = prediction.model.campaign.state == Campaign.State.OPEN
    name = f"{what}_public.tif" if is_open else f"{what}.tif"
    return name if name in prediction.files else None


def shown_files(prediction: Prediction) -> tuple[str, str] | None:
    """The class and the entropy file that people may see; None when one is missing."""
    classes, entropy = (shown_file(prediction, kind) for kind in ("class", "entropy"))
    return (classes, entropy) if classes and entropy else None


@transaction.atomic
def start_prediction(*, model: TrainedModel, training_run: TrainingRun | None = None) -> Job:
    """Queue the map of a model, after which the next round opens.

    Args:   training_run: the run that led here; without one, a round opens only if no other opened meanwhile.
    Raises: JobAlreadyRunning.
    """
    campaign = model.campaign
    return enqueue_job(
        kind="predict",
        payload={
            "model": model.pk,
            "training_run": training_run.pk if training_run else None,
            "after_round": latest_round_number(campaign),
        },
        owner=training_run.job.owner if training_run and training_run.job else None,
        campaign=campaign,
        queue=settings.JOB_GPU_QUEUE,
        key=model.version,
    )


def begin_prediction(prediction: Prediction, *, pixel_score: str, layer_version: int) -> None:
    """Note what its tiles' scores will be of, and which version of the imagery the model is going to see."""
    Prediction.objects.filter(pk=prediction.pk).update(pixel_score=pixel_score, layer_version=layer_version)


@transaction.atomic
def finish_prediction(
    *,
    prediction: Prediction,
    files: dict[str, str],
    tile_entropy: NDArray[np.float32],
    histogram: NDArray[np.int64],
    job: Job | None,
) -> Prediction:
    """Mark a prediction ready. `files` are names with SHA-256, in place; `tile_entropy` as in tile_entropy.npy,
    `histogram` as in histogram.npy.
    """
    prediction = (
        Prediction.objects.select_for_update(of=("self",))
        .select_related("model__campaign__layer", "model__run__training_set", "model__origin")
        .get(pk=prediction.pk)
    )
    if prediction.state == Prediction.State.READY:
        return prediction
    prediction.files = files
    prediction.mean_entropy_nats = mean_pool_entropy(prediction.model.campaign, tile_entropy)
    prediction.class_px = dict(zip(prediction.model.class_codes, histogram.sum(axis=(0, 1)).tolist(), strict=True))
    prediction.job = job
    prediction.state = Prediction.State.READY
    prediction.finished_at = timezone.now()
    prediction.save()
    return prediction


def map_before(model: TrainedModel) -> Prediction | None:
    """The map that people saw when this model was published: that of the model it was judged against."""
    against = model.gate.get("against")
    earlier = model.campaign.trained_models.filter(number__lt=model.number).select_related("campaign")
    before = next((one for one in earlier if one.version == against), None)
    return ready_prediction(before) if before else None


def classes_of_tile(prediction: Prediction, tile: Tile, values: Mapping[str, int]) -> NDArray[np.uint8]:
    """A map's classes on one tile: uint8 (row, col), in the raster values given by class code; 0 where it has none."""
    classes = read_window(prediction.path("class.tif"), tile.window)[0][0]
    table = np.zeros(256, np.uint8)
    for code, value in class_index(prediction.model.class_codes).items():
        table[value] = values.get(code, 0)
    mapped: NDArray[np.uint8] = table[classes]
    return mapped


def mean_pool_entropy(campaign: Campaign, tile_entropy: NDArray[np.float32]) -> float:
    """Mean over the pool's tiles, in nats; 0 when none has imagery."""
    values = tile_entropy[pool_mask(campaign) & np.isfinite(tile_entropy)]
    return float(values.mean(dtype=np.float64)) if values.size else 0.0
