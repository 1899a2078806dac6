"""The page of one model: what it is, how good, against which, what it learnt from, and where it errs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET
from django.views.generic import TemplateView

from annotation.models import Campaign, Job, Tile
from annotation.pictures import imagery_of
from annotation.raster.map_tiles import errors_png
from annotation.views import in_words
from learning import decision_words
from learning import model_figures as figures
from learning.core.error_maps import RIGHT, read_error_map
from learning.errors import InvalidEvaluation
from learning.model_figures import NamedClass
from learning.models import Evaluation, Prediction, Release, TrainedModel, TrainingRun
from learning.querysets import may_see_control_tiles, model_named, shared_evaluations
from learning.services.class_changes import classes_ever
from learning.services.composition import composition_of
from learning.services.polygons import offered_polygons, polygons_under_way
from learning.services.promotion import RULE, published_model

TILES_SHOWN = 12
TERRITORIES_SHOWN = 20
POLYGON_FORMATS = {".gpkg": "GeoPackage", ".parquet": "GeoParquet", ".pmtiles": "PMTiles", ".json": "JSON"}
#: Kept by the browser that was allowed to see them, and asked for again each time: who may see them can change.
PRIVATE = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}


class ModelView(TemplateView):
    """Public to read, as the campaign is; what it says of single control tiles is not while the campaign is open."""

    template_name = "learning/model.html"

    def get_context_data(self, *, slug: str = "", model_version: str = "", **kwargs: Any) -> dict[str, Any]:
        """The model with its latest figures; what needs a tile's figures is read only for who may see it."""
        campaign = get_object_or_404(Campaign.objects.select_related("layer", "nomenclature"), slug=slug)
        model = model_or_404(campaign, model_version)
        user = self.request.user
        sees_tiles = may_see_control_tiles(campaign, user)
        maintains = Campaign.objects.maintained_by(user).filter(pk=campaign.pk).exists()
        classes = figures.named_classes(campaign)
        latest = model.evaluations.order_by("-created_at", "-pk")
        evaluation = (latest if sees_tiles else latest.defer("tile_confusions", "intervals")).first()
        published = published_model(campaign)
        return super().get_context_data(
            campaign=campaign,
            model=model,
            maintains=maintains,
            sees_tiles=sees_tiles,
            state_words=decision_words.state_in_words(model),
            reasons=decision_words.gate_in_words(model),
            judging=judging_of(model),
            gate=gate_figures(model),
            published=published if published is not None and published.pk != model.pk else None,
            needed_tiles=RULE.min_holdout_tiles,
            evaluation=evaluation,
            **map_of(model),
            releases=list(Release.objects.public().filter(trained_model=model)),
            **quality(evaluation, classes),
            **comparison(model, published, classes),
            **(learnt_from(model.run, classes, maintains=maintains) if model.run else {}),
            **began_elsewhere(model, classes),
            **(self.errors(campaign, evaluation, classes) if evaluation and sees_tiles else {}),
            **kwargs,
        )

    def errors(self, campaign: Campaign, evaluation: Evaluation, classes: dict[str, NamedClass]) -> dict[str, Any]:
        """A page of control tiles, the most wrong first, each with its imagery where the maps are still there."""
        has_maps = bool(evaluation.error_maps) and (Path(settings.MODELS_DIR) / evaluation.error_maps).is_file()
        page = Paginator(figures.tile_rows(evaluation, classes), TILES_SHOWN).get_page(self.request.GET.get("tiles"))
        tiles = Tile.objects.in_bulk([row["tile_id"] for row in page])
        shown = []
        for row in page:
            tile = tiles.get(row["tile_id"])
            if tile is not None:
                tile.campaign = campaign
                window = tile.window
                images = imagery_of(
                    campaign.layer, left=window.col_off, top=window.row_off, width=window.width, height=window.height
                )
                shown.append({**row, "tile": tile, "images": images})
        return {"error_page": page, "error_tiles": shown, "has_error_maps": has_maps}


@require_GET
def error_map_picture(request: HttpRequest, slug: str, model_version: str, tile_id: int) -> HttpResponse:
    """A PNG of where a model errs on one control tile, to lay over its imagery; to who may not see it there is none."""
    campaign = get_object_or_404(Campaign.objects.select_related("nomenclature"), slug=slug)
    model = model_or_404(campaign, model_version)
    if not may_see_control_tiles(campaign, request.user):
        raise Http404
    evaluation = model.evaluations.defer("tile_confusions").order_by("-created_at", "-pk").first()
    if evaluation is None or not evaluation.error_maps:
        raise Http404
    etag = f'"{evaluation.holdout_sha256[:16]}-{evaluation.pk}-{tile_id}"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponseNotModified(headers={"ETag": etag, **PRIVATE})
    try:
        values = read_error_map(Path(settings.MODELS_DIR) / evaluation.error_maps, tile_id)
    except InvalidEvaluation as error:
        raise Http404 from error
    by_code = {code: item.colour for code, item in classes_ever(campaign).items()}
    colours = {
        RIGHT + position: by_code.get(code, figures.GREY)
        for position, code in enumerate(evaluation.class_codes, start=1)
    }
    return HttpResponse(
        errors_png(values, colours=colours), content_type="image/png", headers={"ETag": etag, **PRIVATE}
    )


def map_of(model: TrainedModel) -> dict[str, Any]:
    """The model's map, with its polygons as files to take away, or whether they are being made."""
    ready = Prediction.objects.own().filter(model=model, state=Prediction.State.READY)
    prediction = ready.select_related("model__campaign").first()
    if prediction is None:
        return {"prediction": None}
    return {"prediction": prediction, **polygons_of(prediction)}


def polygons_of(prediction: Prediction) -> dict[str, Any]:
    """A ready map's polygons as files to take away, or whether they are being made."""
    made = offered_polygons(prediction)
    if made is None:
        return {"polygons_under_way": polygons_under_way(prediction) is not None}
    files = [
        {"name": name, "format": title, "mb": entry["bytes"] / 1e6}
        for suffix, title in POLYGON_FORMATS.items()
        for name, entry in made.files.items()
        if name.endswith(suffix)
    ]
    zone = in_words(made.figures["without_zones"])
    return {"polygons": made, "polygon_files": files, "polygons_zone": zone}


def model_or_404(campaign: Campaign, version: str) -> TrainedModel:
    """A campaign's model by the name people know it by."""
    model = model_named(campaign, version)
    if model is None:
        raise Http404
    return model


def judging_of(model: TrainedModel) -> dict[str, Any]:
    """Whether a model that is not decided is being judged, or that the job which should have judged it ended."""
    if model.state not in {TrainedModel.State.CANDIDATE, TrainedModel.State.HELD}:
        return {}
    again = model.campaign.jobs.filter(kind="judge", payload__model=model.pk).order_by("-created_at").first()
    made_by = model.run or model.origin if model.state == TrainedModel.State.CANDIDATE else None
    job = again or (made_by.job if made_by else None)
    if job is None:
        return {}
    under_way = job.state in {Job.State.QUEUED, Job.State.RUNNING}
    return {"under_way": under_way, "ended": job.state in {Job.State.FAILED, Job.State.CANCELLED}, "error": job.error}


def gate_figures(model: TrainedModel) -> dict[str, Any]:
    """The decision's figures that people read; differences in points of mean IoU."""
    gate = model.gate
    return {
        name: figures.signed_points(gate.get(name)) for name in ("delta", "low", "high")
    } | {
        name: gate.get(name)
        for name in ("against", "n_tiles", "n_units", "tiles_needed", "shadow", "restored_from", "rolled_back_to")
    } | {
        "is_majority": gate.get("baseline") == "majority",
        "confidence": round(100 * RULE.confidence),
        "published_unjudged": gate.get("published_unjudged", {}).get("why"),
    }  # fmt: skip


def quality(evaluation: Evaluation | None, classes: dict[str, NamedClass]) -> dict[str, Any]:
    """How good it is on the control tiles: classes, levels, territories, what is taken for what, confidence."""
    if evaluation is None:
        return {}
    calibration = evaluation.calibration
    return {
        "scores": figures.score_rows(evaluation.per_class, classes),
        "unmet": figures.unmet_classes(evaluation.per_class, classes),
        "matrix": figures.confusion_rows(evaluation.confusion, evaluation.class_codes, classes),
        "said_wrongly": figures.said_wrongly(evaluation.confusion, evaluation.class_codes, classes),
        "levels": [(level, figures.score_rows(level["per_class"], classes)) for level in evaluation.levels],
        "territories": [
            (one, figures.score_rows(one["per_class"], classes)) for one in evaluation.territories[:TERRITORIES_SHOWN]
        ],
        "more_territories": max(0, len(evaluation.territories) - TERRITORIES_SHOWN),
        "calibration": calibration,
        "reliability": figures.reliability_rows(calibration) if calibration else [],
    }


def comparison(model: TrainedModel, published: TrainedModel | None, classes: dict[str, NamedClass]) -> dict[str, Any]:
    """Against what it was judged against and, where that is another one by now, against what is published."""
    judged = figures.gate_comparison(model, classes)
    if published is None or published.pk == model.pk:
        return {"judged": judged}
    if model.gate.get("against") == published.version and model.gate.get("baseline") != "majority":
        return {"judged": judged}
    pair = shared_evaluations(model, published)
    now = figures.evaluation_comparison(*pair, against=published.version, classes=classes) if pair else None
    return {"judged": judged, "now": now, "never_compared": pair is None}


def began_elsewhere(model: TrainedModel, classes: dict[str, NamedClass]) -> dict[str, Any]:
    """Weights from elsewhere that it goes back to and, where it is them as they came, what became of each class."""
    origin = model.foreign_origin
    if origin is None:
        return {}
    told = {"origin": origin, "origin_title": in_words(origin.title), "origin_seen": in_words(origin.seen)}
    if model.origin is None:
        return told
    return told | {
        "channels": figures.channel_rows(origin, classes),
        "unmapped": sorted(origin.left_out.items()),
    }


def learnt_from(run: TrainingRun, classes: dict[str, NamedClass], *, maintains: bool) -> dict[str, Any]:
    """Its training, what the training set holds, and what was left out of it; who it was is for maintainers."""
    training_set = run.training_set
    composition = composition_of(training_set)
    total = sum(composition.provenance_m2.values())
    return {
        "run": run,
        "training_set": training_set,
        "redo": redo_of(run),
        "composition": composition,
        "ground": figures.ground_rows(composition.drawn_m2, classes),
        "provenances": [
            (decision_words.PROVENANCES.get(name, name), area / 10_000, 100 * area / total)
            for name, area in composition.provenance_m2.items()
            if total
        ],
        "left_out": [
            {
                "item": figures.named(classes, one["class_code"]),
                "share": 100 * one["share"],
                "most": 100 * one["most"],
                "contributor": one["contributor"] if maintains else "",
            }
            for one in training_set.left_out.get("why", [])
        ],
    }


def redo_of(run: TrainingRun) -> str:
    """All that a run was given, as one text to copy."""
    given = {
        "code_commit": run.code_commit,
        "training_set": {"number": run.training_set.number, "sha256": run.training_set.sha256},
        "initial_model": run.initial_model.version if run.initial_model else None,
        "seed": run.seed,
        "options": run.config,
        "weights_sha256": run.trained_model.sha256,
    }
    return json.dumps(given, indent=2, sort_keys=False, ensure_ascii=False)
