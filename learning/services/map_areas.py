"""Areas of a map's classes as it has them, and what it says at the places of samples: queued, and written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from annotation.errors import JobAlreadyRunning
from annotation.models import Job, Territory
from annotation.services.jobs import enqueue_job
from learning.errors import NoClassMap
from learning.models import MapArea, MapAtPlaces, Prediction, ReferenceSample, TrainingSetItem

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KIND = "count_map_areas"


@dataclass(frozen=True, slots=True)
class CountedGround:
    """Pixels of each class, by code, and of all the ground, with imagery or without."""

    class_px: Mapping[str, int]
    ground_px: int


def start_map_areas(*, prediction: Prediction, actor: User | None = None) -> Job:
    """Queue the counting of a ready map.

    Raises: NoClassMap: the map is not ready. JobAlreadyRunning.
    """
    if prediction.state != Prediction.State.READY:
        raise NoClassMap(f"The map of {prediction.model.version} is not there yet: wait for it to be made.")
    return enqueue_job(
        kind=KIND, payload={"prediction": prediction.pk}, owner=actor, campaign=prediction.model.campaign,
        key=prediction.folder,
    )  # fmt: skip


def want_map_areas(*, prediction: Prediction) -> None:
    """Queue the counting of a map unless it is under way."""
    try:
        start_map_areas(prediction=prediction)
    except JobAlreadyRunning:
        return


def samples_to_read(prediction: Prediction) -> list[ReferenceSample]:
    """Samples of areas at whose places the map is to be read: those of its layer's campaign."""
    found = ReferenceSample.objects.filter(campaign=prediction.model.campaign, kind=ReferenceSample.Kind.AREA)
    return list(found.select_related("campaign__layer").order_by("pk"))


def trained_tiles(prediction: Prediction) -> frozenset[tuple[int, int]]:
    """Rows and columns of the tiles that a map's model was trained on; not those of models that it goes on from."""
    run = prediction.model.run
    if run is None:
        return frozenset()
    items = TrainingSetItem.objects.filter(training_set=run.training_set)
    return frozenset(items.values_list("tile__row", "tile__col"))


@transaction.atomic
def finish_map_areas(
    *, prediction: Prediction, whole: CountedGround, territories: Mapping[int, CountedGround]
) -> list[MapArea]:
    """Write down what was counted, in the place of what was counted before.

    Args: territories: by key; those that were removed meanwhile are left out.
    """
    prediction.areas.all().delete()
    there = set(Territory.objects.filter(pk__in=territories).values_list("pk", flat=True))
    found: dict[int | None, CountedGround] = {None: whole}
    found |= {number: ground for number, ground in territories.items() if number in there}
    return MapArea.objects.bulk_create(
        MapArea(
            prediction=prediction, territory_id=number, class_px=dict(ground.class_px), ground_px=ground.ground_px,
            counted_at=timezone.now(),
        )
        for number, ground in found.items()
    )  # fmt: skip


def keep_map_at_places(
    *, prediction: Prediction, sample: ReferenceSample, codes: Sequence[str], learnt_from: Sequence[int]
) -> MapAtPlaces:
    """Write down what a map says at each place of a sample; read again, it is the same."""
    kept, _created = MapAtPlaces.objects.update_or_create(
        prediction=prediction, sample=sample, defaults={"codes": list(codes), "learnt_from": list(learnt_from)}
    )
    return kept
