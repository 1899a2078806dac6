"""What labels changed: maps held against the labels that their model was the first to learn from.

Counted once by the job that makes a map, and kept; a person is told of their own labels, nobody of anybody else's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Exists, ExpressionWrapper, F, FloatField, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Abs

from annotation.core.stored_labels import class_index, label_rasters
from annotation.models import Annotation, AnnotationRevision
from learning.core.map_changes import MOVED_SHARE, compare_maps
from learning.models import Evaluation, MapChange, Prediction, TrainingSetItem
from learning.services.predictions import classes_of_tile, map_before

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST_MAPS = 8
MOST_TILES = 12


# --- counting -----------------------------------------------------------------------------------------------


def labels_to_compare(*, before: Prediction, after: Prediction) -> QuerySet[AnnotationRevision]:
    """Labels that the later map's model has learnt from and no training set up to the earlier model's had, and that
    are not compared yet.
    """
    learnt = TrainingSetItem.objects.filter(training_set=after.model.training_set)
    earlier = before.model.training_set
    known = TrainingSetItem.objects.filter(
        training_set__campaign=after.model.campaign,
        training_set__number__lte=earlier.number if earlier else 0,
        revision__annotation=OuterRef("annotation"),
    )
    return (
        AnnotationRevision.objects.filter(pk__in=learnt.values("revision"))
        .exclude(Exists(known))
        .exclude(Exists(MapChange.objects.filter(revision=OuterRef("pk"), after=after)))
        .select_related("annotation__tile__campaign__layer")
        .order_by("pk")
    )


def count_map_changes(after: Prediction) -> Iterator[float]:
    """Compare a new map and the one people saw before it with every label that only the new one's model knows; gives
    the share done after each. A second call goes on where the first was; the first map of a campaign changed nothing.
    """
    before = map_before(after.model)
    if before is None or not before.path("class.tif").exists():
        return
    campaign = after.model.campaign
    values = class_index(list(campaign.nomenclature.classes.order_by("position").values_list("code", flat=True)))
    wanted = labels_to_compare(before=before, after=after)
    total = wanted.count()
    for number, revision in enumerate(wanted.iterator(chunk_size=200), start=1):
        tile = revision.annotation.tile
        [labels] = label_rasters([revision.features], tile_px=tile.px, values=values)
        found = compare_maps(
            labels, before=classes_of_tile(before, tile, values), after=classes_of_tile(after, tile, values)
        )
        MapChange.objects.get_or_create(
            revision=revision,
            after=after,
            defaults={
                "before": before,
                "compared_px": found.compared_px,
                "agreed_before_px": found.agreed_before_px,
                "agreed_after_px": found.agreed_after_px,
            },
        )
        yield number / total


# --- asking -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChangedMap:
    """One map against the labels of one person that its model was the first to learn from.

    Args:
        towards, away, stayed: labels by what the map did (learning.core.map_changes.Comparison.direction).
        before, after: share of their ground on which the earlier map and this one say what the labels say.
        control: the same two shares on control tiles, which nobody's labels ever taught; None where the two models
            were not judged on the same ones.
    """

    map: Prediction
    tiles: int
    towards: int
    away: int
    before: float
    after: float
    control: tuple[float, float] | None

    @property
    def stayed(self) -> int:
        """Labels on which the two maps agree equally well."""
        return self.tiles - self.towards - self.away


def changes_of(user: User) -> QuerySet[MapChange]:
    """What this person's accepted labels changed, each label once: by the latest map that it was new to."""
    later = MapChange.objects.filter(revision=OuterRef("revision"), pk__gt=OuterRef("pk"))
    return MapChange.objects.filter(
        ~Exists(later),
        revision__annotation__annotator=user,
        revision__annotation__state=Annotation.State.ACCEPTED,
        compared_px__gt=0,
    )


def changed_maps(user: User) -> list[ChangedMap]:
    """The latest maps that this person's labels were new to, newest first."""
    change = F("agreed_after_px") - F("agreed_before_px")
    least = ExpressionWrapper(MOVED_SHARE * F("compared_px"), output_field=FloatField())
    sums = (
        changes_of(user)
        .annotate(change=change, least=least)
        .values("after", "before")
        .annotate(
            tiles=Count("pk"),
            towards=Count("pk", filter=Q(change__gt=0, change__gte=F("least"))),
            away=Count("pk", filter=Q(change__lt=0, change__lte=-F("least"))),
            compared=Sum("compared_px"),
            agreed_before=Sum("agreed_before_px"),
            agreed_after=Sum("agreed_after_px"),
        )
        .order_by("-after")[:MOST_MAPS]
    )
    rows = list(sums)
    maps = Prediction.objects.select_related("model__campaign").in_bulk(
        [row[name] for row in rows for name in ("after", "before")]
    )
    accuracies = _accuracies(maps.values())
    return [
        ChangedMap(
            map=maps[row["after"]],
            tiles=row["tiles"],
            towards=row["towards"],
            away=row["away"],
            before=row["agreed_before"] / row["compared"],
            after=row["agreed_after"] / row["compared"],
            control=_on_control_tiles(accuracies, before=maps[row["before"]], after=maps[row["after"]]),
        )
        for row in rows
    ]


def most_changed(user: User) -> list[MapChange]:
    """This person's labels on which the map changed most, in either direction."""
    share = ExpressionWrapper(
        Abs(F("agreed_after_px") - F("agreed_before_px")) * 1.0 / F("compared_px"), output_field=FloatField()
    )
    found = changes_of(user).annotate(share=share).filter(share__gte=MOVED_SHARE).order_by("-share", "-pk")
    return list(
        found.select_related("revision__annotation__tile__campaign__layer", "after__model__campaign")[:MOST_TILES]
    )


def _accuracies(maps: Iterable[Prediction]) -> dict[tuple[int, str], float]:
    """Share of the control tiles' pixels that each map's model has right, by model and reference."""
    figures = Evaluation.objects.filter(model__in=[one.model_id for one in maps])
    found = figures.values_list("model_id", "holdout_sha256", "overall_accuracy")
    return {(model, reference): accuracy for model, reference, accuracy in found}


def _on_control_tiles(
    accuracies: Mapping[tuple[int, str], float], *, before: Prediction, after: Prediction
) -> tuple[float, float] | None:
    """Both accuracies on the reference by which the later model was judged against the earlier one."""
    reference = after.model.gate.get("holdout_sha256", "")
    earlier, later = accuracies.get((before.model_id, reference)), accuracies.get((after.model_id, reference))
    return None if earlier is None or later is None else (earlier, later)
