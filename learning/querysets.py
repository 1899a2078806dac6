"""The questions the learning side is asked."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, FloatField, OuterRef, Subquery
from django.db.models.query import QuerySet

from annotation.models import Annotation, Campaign, QueueRound
from annotation.querysets import AnnotationQuerySet
from learning.models import Evaluation, Prediction, TrainedModel, TrainingRun


def licensed_labels(campaign: Campaign) -> AnnotationQuerySet:
    """A campaign's accepted labels that their author gave under a licence: all that is learnt from or published."""
    return Annotation.objects.usable_as_labels().filter(tile__campaign=campaign).exclude(head__licence="")


def rounds_of(campaign: Campaign) -> QuerySet[QueueRound]:
    """A campaign's rounds in order, with their ticket counts and the figures of the loop, in one query."""
    return (
        QueueRound.objects.filter(campaign=campaign)
        .select_related("acquisition")
        .annotate(n_tickets=Count("tickets"))
        .order_by("number")
    )


def models_of(campaign: Campaign) -> QuerySet[TrainedModel]:
    """A campaign's models, newest first, each with its latest figures and its map's id."""
    latest = Evaluation.objects.filter(model=OuterRef("pk")).order_by("-created_at")
    ready = Prediction.objects.filter(model=OuterRef("pk"), state=Prediction.State.READY)
    figures: dict[str, Any] = {
        name: Subquery(latest.values(name)[:1], output_field=FloatField())
        for name in ("miou", "miou_low", "miou_high", "overall_accuracy")
    }
    return (
        TrainedModel.objects.filter(campaign=campaign)
        .select_related("campaign", "run__training_set")
        .annotate(
            **figures,
            holdout_tiles=Subquery(latest.values("n_tiles")[:1]),
            prediction_id=Subquery(ready.values("pk")[:1]),
        )
        .order_by("-number")
    )


def runs_of(campaign: Campaign) -> QuerySet[TrainingRun]:
    """A campaign's training runs, newest first."""
    return (
        TrainingRun.objects.filter(training_set__campaign=campaign)
        .select_related("training_set", "job", "trained_model__campaign")
        .order_by("-pk")
    )


def evaluation_of(model: TrainedModel) -> Evaluation | None:
    """A model's latest figures."""
    return model.evaluations.order_by("-created_at").first()
