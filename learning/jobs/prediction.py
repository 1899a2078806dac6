"""The "predict" job: a model's class and entropy maps of its campaign's layer, then the next round."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotation.errors import UserError
from annotation.jobs.registry import job
from annotation.services.jobs import JobContext
from learning.core.durable import write_durably
from learning.core.map_copies import write_hidden_copy
from learning.core.map_plan import MapPaths, remove_work_dir
from learning.core.uncertainty import pixel_score
from learning.errors import PredictionStopped
from learning.jobs.options import CORE_PX, device_of
from learning.jobs.weights import loaded_model
from learning.models import Prediction, TrainedModel, TrainingRun
from learning.services import acquisition, map_changes, predictions
from learning.services.holdout import holdout_windows
from learning.services.other_vintage import write_other_vintage
from learning.services.round_options import other_opinions, round_options

if TYPE_CHECKING:
    from learning.core.model_file import TrainedModel as LoadedModel

FILES = MapPaths.in_folder(Path()).names()
PARTS_FILES = MapPaths.in_folder(Path()).names(parts=2)[len(FILES) :]
# What is shown while people label, the hold-out left out: the copy, the map it is made of, how that is thinned out.
PUBLIC_COPIES = (("class_public.tif", "class.tif", "MODE"), ("entropy_public.tif", "entropy.tif", "AVERAGE"))
MADE_WITH = "made_with.json"
MAP_END, COPIES_END, COMPARED_END = 0.9, 0.95, 0.98  # shares of the progress bar


@job("predict")
def predict(context: JobContext) -> dict[str, Any]:
    """Map the layer with one model, unless that was done, and open the round that follows."""
    model = TrainedModel.objects.select_related(
        "campaign__layer", "campaign__nomenclature", "run__training_set", "origin"
    ).get(pk=context.payload["model"])
    prediction = predictions.prediction_row(model)
    if prediction.state != Prediction.State.READY:
        _write_map(model, prediction, context)
        _write_public_copies(model, prediction, context)
        names = [*_files(prediction), *(name for name, *_made_of in PUBLIC_COPIES)]
        names += write_other_vintage(prediction, on_progress=lambda share: _compared(context, share))
        prediction = predictions.finish_prediction(
            prediction=prediction,
            files={name: file_sha256(prediction.path(name)) for name in names},
            tile_entropy=np.load(prediction.path("tile_entropy.npy"), allow_pickle=False),
            histogram=np.load(prediction.path("histogram.npy"), mmap_mode="r", allow_pickle=False),
            job=context.job,
        )
    context.progress(COMPARED_END, "Opening the next round.")
    run_id = context.payload.get("training_run")
    run = TrainingRun.objects.select_related("training_set").get(pk=run_id) if run_id else None
    candidate = TrainedModel.objects.filter(run=run).first() if run else _first_shown(model, prediction)
    opened = acquisition.open_acquisition_round(
        campaign=model.campaign,
        prediction=prediction,
        training_run=run,
        candidate=candidate,
        after_round=None if run else context.payload.get("after_round"),
    )
    # After the round is open: people go on meanwhile.
    for share in map_changes.count_map_changes(prediction):
        context.progress(COMPARED_END + (1 - COMPARED_END) * share, "Comparing the map with what people drew.")
    return {
        "prediction": prediction.pk,
        "mean_entropy_nats": prediction.mean_entropy_nats,
        "round": opened.queue_round.number if opened else None,
    }


def _first_shown(model: TrainedModel, prediction: Prediction) -> TrainedModel | None:
    """An imported model whose map opens its first round is what led there, as a candidate is after a training."""
    imported = model.origin_id is not None and not prediction.acquisition_rounds.exists()  # type: ignore[attr-defined]
    return model if imported else None


def _write_map(model: TrainedModel, prediction: Prediction, context: JobContext) -> None:
    from learning.core.predict import predict_raster

    campaign = model.campaign
    work = prediction.path("rows")
    if not work.exists() and all(prediction.path(name).exists() for name in FILES):
        remove_work_dir(work)  # what is left of it
        return  # the worker died between the last file and the row
    loaded = loaded_model(model)
    prediction.path("").mkdir(parents=True, exist_ok=True)
    made_with = _made_with(model, prediction, dropout=loaded.metadata.spec.dropout)
    predictions.begin_prediction(prediction, pixel_score=made_with["pixel_score"])
    device = device_of(model.options)
    colours = dict(campaign.nomenclature.classes.values_list("code", "colour"))
    try:
        predict_raster(
            loaded,
            campaign.layer.path("analysis.tif"),
            out=MapPaths.in_folder(prediction.path("")),
            tile_px=campaign.tile_px,
            colours=colours,
            bands=campaign.layer.bands,
            gsd_m=campaign.layer.gsd_m,
            core_px=int(model.options.get("core_px", CORE_PX.get(device.partition(":")[0], 1024))),
            device=device,
            pixel_score=made_with["pixel_score"],
            opinions=made_with["opinions"],
            others=_others(made_with, loaded),
            parts=made_with["parts"],
            work_dir=work,
            on_progress=lambda share: context.progress(MAP_END * share, "Mapping the imagery."),
            should_stop=context.should_stop,
        )
    except PredictionStopped:
        context.progress(0.0)  # says why: cancelled, or taken over by another worker
        raise
    except UserError:
        prediction.path(MADE_WITH).unlink()  # refused: the next attempt is made with what the policy says by then
        raise


def _files(prediction: Prediction) -> list[str]:
    """Names of the map's files: those of parts where it tells them apart."""
    return [*FILES, *(name for name in PARTS_FILES if prediction.path(name).exists())]


def _made_with(model: TrainedModel, prediction: Prediction, *, dropout: float) -> dict[str, Any]:
    """What the policy says of the map, as it was when the map was begun: a worker that goes on with it must not begin
    anew because the policy or the published model has changed meanwhile."""
    path = prediction.path(MADE_WITH)
    if path.exists():
        kept: dict[str, Any] = json.loads(path.read_bytes())
        return kept
    wanted = round_options(model.campaign)
    # Nobody else is heard where one opinion is enough, or the model gives several by itself.
    alone = pixel_score(wanted.pixel_score).members == 1 or dropout > 0
    others = [] if alone else other_opinions(model, count=wanted.opinions - 1)
    made_with = {
        "pixel_score": wanted.pixel_score, "opinions": wanted.opinions, "parts": wanted.parts,
        "others": [other.pk for other in others],
    }  # fmt: skip
    write_durably(path, json.dumps(made_with).encode())
    return made_with


def _others(made_with: dict[str, Any], loaded: LoadedModel) -> list[LoadedModel]:
    """The models whose opinion is heard beside."""
    rows = TrainedModel.objects.select_related("campaign", "run__training_set").in_bulk(made_with["others"])
    others = [loaded_model(rows[pk]) for pk in made_with["others"]]
    return [other for other in others if other.metadata.spec.bands == loaded.metadata.spec.bands]


def _write_public_copies(model: TrainedModel, prediction: Prediction, context: JobContext) -> None:
    """Control tiles are labelled blind: until the campaign is closed nobody is shown the map there."""
    hidden = holdout_windows(model.campaign)
    for number, (name, source, overviews) in enumerate(PUBLIC_COPIES):
        share = MAP_END + (COPIES_END - MAP_END) * number / len(PUBLIC_COPIES)
        context.progress(share, "Leaving the control tiles out of the map that is shown.")
        if not prediction.path(name).exists():
            write_hidden_copy(prediction.path(source), prediction.path(name), hidden=hidden, overviews=overviews)


def _compared(context: JobContext, share: float) -> None:
    done = COPIES_END + (COMPARED_END - COPIES_END) * share
    context.progress(done, "Comparing the map with that of another vintage.")


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
