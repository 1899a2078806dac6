"""The questions the learning side is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Count, Exists, FloatField, Max, OuterRef, Q, Subquery
from django.db.models.query import QuerySet

from annotation.models import Annotation, Campaign, QueueRound, Territory, Tile
from annotation.querysets import AnnotationQuerySet
from learning.models import Evaluation, Prediction, TrainedModel, TrainingRun

if TYPE_CHECKING:
    from annotation.querysets import Person


def licensed_labels(campaign: Campaign) -> AnnotationQuerySet:
    """A campaign's accepted labels that their author gave under a licence: all that is learnt from or published."""
    return Annotation.objects.usable_as_labels().filter(tile__campaign=campaign).exclude(head__licence="")


def campaigns_at(territory: Territory) -> QuerySet[Campaign]:
    """Campaigns whose imagery, or tiles, lie in a territory."""
    tiles = Tile.objects.filter(campaign=OuterRef("pk"), footprint__intersects=territory.boundary)
    return Campaign.objects.filter(Q(layer__footprint__intersects=territory.boundary) | Exists(tiles))


def rounds_of(campaign: Campaign) -> QuerySet[QueueRound]:
    """A campaign's rounds in order, with their ticket counts and the figures of the loop, in one query."""
    return (
        QueueRound.objects.filter(campaign=campaign)
        .select_related("acquisition__candidate__campaign")
        .annotate(n_tickets=Count("tickets"))
        .order_by("number")
    )


def models_of(campaign: Campaign) -> QuerySet[TrainedModel]:
    """A campaign's models, newest first, each with its latest figures and its map's id."""
    latest = Evaluation.objects.filter(model=OuterRef("pk")).order_by("-created_at")
    ready = Prediction.objects.own().filter(model=OuterRef("pk"), state=Prediction.State.READY)
    figures: dict[str, Any] = {
        name: Subquery(latest.values(name)[:1], output_field=FloatField())
        for name in ("miou", "miou_low", "miou_high", "overall_accuracy")
    }
    return (
        TrainedModel.objects.filter(campaign=campaign)
        .select_related("campaign", "run__training_set", "origin")
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


def runs_without_model(campaign: Campaign) -> list[TrainingRun]:
    """Trainings that wait, go on, or ended without a model since the last one that made one; newest first."""
    made = TrainedModel.objects.filter(campaign=campaign).aggregate(last=Max("run"))["last"] or 0
    return list(runs_of(campaign).filter(trained_model__isnull=True, job__isnull=False, pk__gt=made)[:3])


def evaluation_of(model: TrainedModel) -> Evaluation | None:
    """A model's latest figures."""
    return model.evaluations.order_by("-created_at").first()


def model_named(campaign: Campaign, version: str) -> TrainedModel | None:
    """One of a campaign's models by the name people know it by, with its training or its origin; None = no such one."""
    prefix = f"{campaign.slug}-m"
    number = version.removeprefix(prefix)
    if not version.startswith(prefix) or not (number.isascii() and number.isdigit() and len(number) < 10):
        return None
    found = (
        TrainedModel.objects.filter(campaign=campaign, number=int(number))
        .select_related(
            "campaign",
            "run__training_set",
            "run__job",
            "run__initial_model__campaign",
            "origin__job",
            "origin__imported_by",
        )
        .first()
    )
    return found if found is not None and found.version == version else None


def shared_evaluations(model: TrainedModel, other: TrainedModel) -> tuple[Evaluation, Evaluation] | None:
    """The latest figures of both on the same labelled hold-out; None = they were never judged on the same one."""
    without_tiles = Evaluation.objects.defer("tile_confusions", "intervals").order_by("-created_at", "-pk")
    own = {one.holdout_sha256: one for one in without_tiles.filter(model=model)}
    theirs = without_tiles.filter(model=other, holdout_sha256__in=own).first()
    return (own[theirs.holdout_sha256], theirs) if theirs is not None else None


def may_see_control_tiles(campaign: Campaign, user: Person) -> bool:
    """Whether somebody may see what a model says of single control tiles: they are labelled blind, so only
    maintainers may while the campaign is open, and everybody once it is closed.
    """
    return campaign.state != Campaign.State.OPEN or bool(
        Campaign.objects.maintained_by(user).filter(pk=campaign.pk).exists()
    )
