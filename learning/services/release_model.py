"""A trained model as a release describes it, from its row, its file's header and its figures. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from django.conf import settings
from django.db.models import Sum

from annotation.models import AnnotatedFeature
from learning.core import evaluate
from learning.models import Evaluation, ModelOrigin, TrainedModel, TrainingRun
from learning.release.contents import (
    CalibrationScores,
    ClassScore,
    HoldoutScores,
    Interval,
    ModelRecord,
    OriginRecord,
    TrainingSummary,
)
from learning.release.weights import read_weights_header
from learning.services.evaluations import LEVEL_REPLICATES, draws_of, national_level_of
from learning.services.provenance import UNKNOWN_COMMIT, code_commit, software_versions

CONVENTION = (
    "Truth in rows, prediction in columns; pixels without a label or without imagery are left out; the "
    "mean IoU is over the classes present in truth or prediction."
)
CONFIDENCE, REPLICATES = 0.95, 2000
BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


def model_record(model: TrainedModel) -> ModelRecord:
    """The model's description for a release. Raises UnusableArtefact (the weights are not readable)."""
    header = read_weights_header(model.path)
    card: dict[str, Any] = json.loads(header.metadata["solcommun"])
    spec, scaling = card["spec"], card["normalisation"]
    evaluation = model.evaluations.order_by("-created_at").first()
    origin = model.foreign_origin
    return ModelRecord(
        name=model.campaign.slug,
        version=f"m{model.number}",
        weights_path=model.path,
        architecture=spec["architecture"],
        encoder=spec["encoder"],
        bands=tuple(spec["bands"]),
        mean=tuple(scaling["mean"]),
        std=tuple(scaling["std"]),
        patch_px=int(model.options.get("crop_px", model.campaign.tile_px)),
        class_codes=tuple(spec["class_codes"]),
        nomenclature_code=card["nomenclature_code"],
        nomenclature_version=card["nomenclature_version"],
        parameters=sum(prod(shape) for name, shape in header.shapes.items() if not name.endswith(BUFFERS)),
        framework_version=software_versions().get("torch", "unknown"),
        licence=settings.CONTRIBUTION_LICENCE,
        training=_training_summary(model.run, model, pretrained=bool(spec["pretrained"])) if model.run else None,
        scores=holdout_scores(evaluation) if evaluation else None,
        architecture_options=architecture_options(spec),
        temperature=model.temperature or 1.0,
        limits=_limits(model, origin),
        base_model=_hub_name(origin),
        origin=_origin_record(origin) if origin else None,
        head_rows=tuple(spec.get("head_rows", ())),
        national_scores=national_scores(evaluation) if evaluation else None,
        code_commit=code_commit(),
        software=software_versions(),
    )


def architecture_options(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Options that segmentation-models-pytorch builds the network of a model file with."""
    widths = spec["decoder_channels"]
    name = "decoder_segmentation_channels" if spec["architecture"] == "segformer" else "decoder_channels"
    return {name: widths if len(widths) > 1 else widths[0]}


def holdout_scores(evaluation: Evaluation) -> HoldoutScores:
    """An evaluation's figures with the convention that makes them readable."""
    stack = np.array([evaluation.tile_confusions[key] for key in sorted(evaluation.tile_confusions, key=int)])
    kept = evaluation.intervals
    if kept:
        low, high = kept["overall_accuracy"]
    else:  # evaluated before intervals were by block
        counts = evaluate.resample_tiles(len(stack), n_resamples=REPLICATES, rng=draws_of(evaluation.model))
        accuracies = evaluate.overall_accuracy(evaluate.resampled_confusions(stack, counts))
        low, high = evaluate.interval(accuracies, confidence=CONFIDENCE)
    side = kept.get("block_tiles")
    return HoldoutScores(
        holdout_id=evaluation.holdout_sha256[:16],
        tiles=evaluation.n_tiles,
        pixels=int(stack.sum()),
        convention=CONVENTION,
        confidence_level=CONFIDENCE,
        bootstrap_replicates=REPLICATES,
        resampling_unit=f"blocks of {side} × {side} tiles" if kept.get("unit") == "blocks" else "tiles",
        independent_of_training=not _may_have_seen(evaluation.model),
        miou=Interval(evaluation.miou, evaluation.miou_low, evaluation.miou_high),
        overall_accuracy=Interval(evaluation.overall_accuracy, low, high),
        classes=tuple(_class_score(code, evaluation.per_class[code]) for code in evaluation.class_codes),
        confusion_codes=tuple(evaluation.class_codes),
        confusion=tuple(tuple(row) for row in evaluation.confusion),
        calibration=_calibration_scores(evaluation.calibration),
    )


def national_scores(evaluation: Evaluation) -> HoldoutScores | None:
    """The same at the national classes that those of a theme's model refine; None where it refines none."""
    level = national_level_of(evaluation)
    if level is None:
        return None
    low, high = level["overall_accuracy_low"], level["overall_accuracy_high"]
    return replace(
        holdout_scores(evaluation),
        pixels=sum(map(sum, level["confusion"])),
        bootstrap_replicates=LEVEL_REPLICATES,
        miou=Interval(level["miou"], level["miou_low"], level["miou_high"]),
        overall_accuracy=Interval(level["overall_accuracy"], low, high),
        classes=tuple(_class_score(code, level["per_class"][code]) for code in level["codes"]),
        confusion_codes=tuple(level["codes"]),
        confusion=tuple(tuple(row) for row in level["confusion"]),
        calibration=None,
    )


def _calibration_scores(found: dict[str, Any]) -> CalibrationScores | None:
    if not found:
        return None

    def error(name: str) -> Interval | None:
        part = found[name]
        return Interval(part["ece"], part["ece_low"], part["ece_high"]) if part else None

    before = error("before")
    return CalibrationScores(before=before, after=error("after"), bins=found["n_bins"]) if before else None


def _class_score(code: str, figures: dict[str, Any]) -> ClassScore:
    iou = None if figures["iou"] is None else Interval(figures["iou"], figures["iou_low"], figures["iou_high"])
    return ClassScore(code=code, iou=iou, f1=figures["f1"], support_px=figures["support_px"])


def _may_have_seen(model: TrainedModel) -> bool:
    """Whether it goes back to weights from elsewhere that may have learnt from this ground."""
    origin = model.foreign_origin
    return origin is not None and origin.may_have_seen_here


def _limits(model: TrainedModel, origin: ModelOrigin | None) -> tuple[str, ...]:
    """What a reader must know of a model that goes back to weights from elsewhere, or was never judged."""
    told = []
    if model.is_published_unjudged:
        told.append(f"Not judged yet: nothing is known of how good it is here. {model.gate['reason']}")
    if origin is not None and _may_have_seen(model):
        known = "have learnt" if origin.seen_here else "may have learnt"
        told.append(f"The weights it goes back to {known} from this ground: figures here are no independent test.")
    return tuple(told)


def _hub_name(origin: ModelOrigin | None) -> str | None:
    """Name at Hugging Face, where that is where the weights are published."""
    return origin.published_as if origin and origin.address.startswith("https://huggingface.co/") else None


def _origin_record(origin: ModelOrigin) -> OriginRecord:
    return OriginRecord(
        name=origin.name,
        published_as=origin.published_as,
        address=origin.address,
        licence=origin.licence,
        attribution=origin.attribution,
        seen=origin.seen["en"],
        file_name=origin.file_name,
        source_sha256=origin.source_sha256,
        imported_on=origin.created_at,
        rows={code: tuple(channels) for code, channels in origin.rows.items()},
        left_out=origin.left_out,
    )


def _seconds(run: TrainingRun) -> float | None:
    """How long the run's job took, from its last beginning on."""
    job = run.job
    if job is None or job.started_at is None or run.finished_at is None:
        return None
    return max(0.0, round((run.finished_at - job.started_at).total_seconds(), 1))


def _training_summary(run: TrainingRun, model: TrainedModel, *, pretrained: bool) -> TrainingSummary:
    training_set = run.training_set
    polygons = AnnotatedFeature.objects.filter(revision__in=training_set.items.values("revision_id"))
    area_m2 = polygons.aggregate(total=Sum("area_m2"))["total"] or 0.0
    start = None
    if run.initial_model is not None:
        start = run.initial_model.version
    elif pretrained:
        start = f"ImageNet weights of {run.config.get('encoder', 'the encoder')} (Apache-2.0)"
    return TrainingSummary(
        training_set_id=f"{training_set.campaign.slug}-set-{training_set.number}",
        training_set_sha256=training_set.sha256,
        tiles=training_set.n_tiles,
        labelled_px=round(area_m2 / training_set.campaign.layer.gsd_m**2),
        seed=run.seed,
        code_commit=run.code_commit or UNKNOWN_COMMIT,
        software=software_versions(),
        hyperparameters=run.config,
        validated_tiles=training_set.validated.count(),
        finished_at=run.finished_at or model.created_at,
        seconds=_seconds(run),
        initial_weights=start,
    )
