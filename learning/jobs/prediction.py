"""The "predict" job: a model's class and entropy maps of its campaign's layer, then the next round; and the
"predict_on_request" job, which makes a map beside it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotation.errors import JobAlreadyRunning, UserError
from annotation.jobs.registry import job
from annotation.services.jobs import JobContext
from learning.core.map_area import area_in_pixels, pixels_of
from learning.core.map_copies import write_hidden_copy
from learning.core.map_files import assemble, colour_table
from learning.core.map_plan import PROBABILITIES, MapPaths, claim_work_dir, remove_work_dir
from learning.jobs.forecast import Forecast
from learning.jobs.made_with import begin_with, forget, other_models
from learning.jobs.options import device_of, usual_core_px
from learning.jobs.rows import Rows
from learning.jobs.shards import SharedOut
from learning.jobs.weights import loaded_model
from learning.models import Prediction, TrainedModel, TrainingRun
from learning.services import acquisition, map_areas, map_changes, polygons, predictions
from learning.services.class_changes import classes_ever
from learning.services.holdout import holdout_windows
from learning.services.map_requests import KIND as ON_REQUEST
from learning.services.map_requests import shape_of
from learning.services.other_vintage import write_other_vintage

if TYPE_CHECKING:
    from learning.core.model_file import TrainedModel as LoadedModel

FILES = MapPaths.in_folder(Path()).names()
PARTS_FILES = MapPaths.in_folder(Path()).names(parts=2)[len(FILES) :]
# What is shown while people label, the hold-out left out: the copy, the map it is made of, how that is thinned out.
PUBLIC_COPIES = (("class_public.tif", "class.tif", "MODE"), ("entropy_public.tif", "entropy.tif", "AVERAGE"))
WORTH_A_TRIAL = 128  # windows: a trial takes as long as a dozen
SMALLER_CORES_PX = (512,)  # of which small networks keep more in a processor's caches than they lose by margins
MAP_END, COPIES_END, COMPARED_END = 0.9, 0.95, 0.98  # shares of the progress bar


@job("predict")
def predict(context: JobContext) -> dict[str, Any]:
    """Map the layer with one model, unless that was done, and open the round that follows."""
    model = TrainedModel.objects.select_related(
        "campaign__layer", "campaign__nomenclature", "run__training_set", "origin"
    ).get(pk=context.payload["model"])
    prediction = predictions.prediction_row(model)
    if prediction.state != Prediction.State.READY:
        _write_files(model, prediction, context)
        compared = write_other_vintage(prediction, on_progress=lambda share: _compared(context, share))
        prediction = _finished(prediction, context, more=compared)
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
    with contextlib.suppress(JobAlreadyRunning):  # delivered twice
        polygons.start_polygons(prediction=prediction)
    map_areas.want_map_areas(prediction=prediction)
    return {
        "prediction": prediction.pk,
        "mean_entropy_nats": prediction.mean_entropy_nats,
        "round": opened.queue_round.number if opened else None,
    }


@job(ON_REQUEST)
def predict_on_request(context: JobContext) -> dict[str, Any]:
    """Make a map that was asked for beside the model's own, and its polygons; nothing else follows from it."""
    prediction = Prediction.objects.select_related(
        "model__campaign__layer", "model__campaign__nomenclature", "model__run__training_set", "model__origin"
    ).get(pk=context.payload["prediction"])
    if prediction.state != Prediction.State.READY:
        _write_files(prediction.model, prediction, context)
        prediction = _finished(prediction, context)
    if polygons.has_ground(prediction):
        with contextlib.suppress(JobAlreadyRunning):  # delivered twice
            polygons.start_polygons(prediction=prediction)
    return {
        "prediction": prediction.pk,
        "folder": prediction.folder,
        "area": prediction.area_name or None,
        "class_px": prediction.class_px,
        "files": {name: prediction.path(name).stat().st_size for name in prediction.files},
    }


def _write_files(model: TrainedModel, prediction: Prediction, context: JobContext) -> None:
    _write_map(model, prediction, context)
    _write_public_copies(model, prediction, context)


def _finished(prediction: Prediction, context: JobContext, *, more: Sequence[str] = ()) -> Prediction:
    """The row, once its files are in place. `more`: names of other files beside the map's own and their copies."""
    names = [*_files(prediction), *(name for name, *_made_of in PUBLIC_COPIES), *more]
    return predictions.finish_prediction(
        prediction=prediction,
        files={name: file_sha256(prediction.path(name)) for name in names},
        tile_entropy=np.load(prediction.path("tile_entropy.npy"), allow_pickle=False),
        histogram=np.load(prediction.path("histogram.npy"), mmap_mode="r", allow_pickle=False),
        job=context.job,
    )


def _first_shown(model: TrainedModel, prediction: Prediction) -> TrainedModel | None:
    """An imported model whose map opens its first round is what led there, as a candidate is after a training."""
    imported = model.origin_id is not None and not prediction.acquisition_rounds.exists()  # type: ignore[attr-defined]
    return model if imported else None


def _write_map(model: TrainedModel, prediction: Prediction, context: JobContext) -> None:
    from learning.core.predict import plan_prediction

    campaign = model.campaign
    work = prediction.path("rows")
    if not work.exists() and all(prediction.path(name).exists() for name in _expected(prediction)):
        remove_work_dir(work)  # what is left of it
        return  # the worker died between the last file and the row
    loaded = loaded_model(model)
    prediction.path("").mkdir(parents=True, exist_ok=True)
    device = device_of(model.options)
    grid, area = campaign.layer.pixel_grid, ""
    if prediction.area:
        area = area_in_pixels(shape_of(prediction.area), grid)
    pixels = pixels_of(area, width=grid.width, height=grid.height) if area else grid.width * grid.height
    choice = begin_with(
        prediction, dropout=loaded.metadata.spec.dropout, device=device, way=lambda: _way(loaded, model, pixels)
    )
    predictions.begin_prediction(prediction, pixel_score=choice["pixel_score"], layer_version=campaign.layer.version)
    colours = {code: item.colour for code, item in classes_ever(campaign).items()}
    try:
        plan = plan_prediction(
            loaded,
            campaign.layer.analysis_path,
            tile_px=campaign.tile_px,
            bands=campaign.layer.bands,
            gsd_m=campaign.layer.gsd_m,
            core_px=choice.get("core_px", usual_core_px(device)),
            device=device,
            pixel_score=choice["pixel_score"],
            opinions=choice["opinions"],
            others=other_models(choice, loaded),
            parts=choice["parts"],
            area=area,
            probabilities=prediction.probabilities,
            engine=choice.get("engine", "torch"),
            work_dir=work,
        )
        colour_table(plan.class_codes, colours)
    except UserError:
        forget(prediction)
        raise
    claim_work_dir(plan)
    forecast = Forecast()

    def report(share: float) -> None:
        context.progress(MAP_END * share, f"Mapping the imagery.{forecast.words(share)}")

    SharedOut(context, Rows(prediction, plan, loaded), report).complete()
    tags = {"MODEL_SHA256": loaded.sha256}
    if prediction.area:
        tags["AREA"] = prediction.area_name
    assemble(plan, MapPaths.in_folder(prediction.path("")), colours=colours, tags=tags)


def _way(loaded: LoadedModel, model: TrainedModel, pixels: int) -> tuple[str, int]:
    """What runs the network fastest here and by which windows, where the map is long enough for a trial to be worth its
    time; a core that the model's options name stays."""
    from learning.core.inference import chosen_way

    device = device_of(model.options)
    usual = usual_core_px(device)
    cores = [int(model.options["core_px"])] if "core_px" in model.options else [usual, *SMALLER_CORES_PX]
    if pixels < WORTH_A_TRIAL * usual**2:
        return "torch", cores[0]
    return chosen_way(loaded, device=device, cores=cores)


def _files(prediction: Prediction) -> list[str]:
    """Names of the map's files: those of parts where it tells them apart."""
    return [*_expected(prediction), *(name for name in PARTS_FILES if prediction.path(name).exists())]


def _expected(prediction: Prediction) -> tuple[str, ...]:
    """Names of the files that any map of what was asked has."""
    return (*FILES, PROBABILITIES) if prediction.probabilities else FILES


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
