"""Polygons of a prediction: queued after its map, offered once they are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rasterio
from django.db import transaction
from django.utils import timezone

from annotation.models import Campaign, Job
from annotation.services.jobs import enqueue_job
from learning.core.polygons.rule import PolygonRule, shipped_rule
from learning.errors import NoClassMap
from learning.models import PolygonMap, Prediction

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KIND = "vectorise"
DEFAULT_RULE = "ocsge"


def class_map_of(prediction: Prediction, *, with_control_tiles: bool) -> str:
    """Name of the file that a prediction's polygons are made from."""
    return "class.tif" if with_control_tiles else "class_public.tif"


def has_ground(prediction: Prediction) -> bool:
    """Whether the map that polygons are made of has a class anywhere: of an area within control tiles it has none."""
    whole = prediction.model.campaign.state != Campaign.State.OPEN
    path = prediction.path(class_map_of(prediction, with_control_tiles=whole))
    with rasterio.open(path, driver="GTiff") as dataset:
        return any(dataset.read(1, window=window).any() for _block, window in dataset.block_windows(1))


def start_polygons(
    *, prediction: Prediction, rule: str = DEFAULT_RULE, actor: User | None = None, with_control_tiles: bool = False
) -> Job:
    """Queue the polygons of a ready map: without its control tiles for as long as its campaign is open.

    Args:   with_control_tiles: all the same, for a release, which holds the whole map.
    Raises: NoClassMap: the map is not ready. InvalidPolygonRule: there is no such rule. JobAlreadyRunning.
    """
    campaign = prediction.model.campaign
    whole = with_control_tiles or campaign.state != Campaign.State.OPEN
    name = class_map_of(prediction, with_control_tiles=whole)
    if prediction.state != Prediction.State.READY or name not in prediction.files:
        raise NoClassMap(f"The map of {prediction.model.version} is not there yet: wait for it to be made.")
    return enqueue_job(
        kind=KIND,
        payload={"prediction": prediction.pk, "with_control_tiles": whole, "rule": shipped_rule(rule).code},
        owner=actor,
        campaign=campaign,
        key=f"{prediction.folder}-{'whole' if whole else 'public'}",
    )


@transaction.atomic
def finish_polygons(
    *,
    prediction: Prediction,
    with_control_tiles: bool,
    rule: PolygonRule,
    files: dict[str, dict[str, Any]],
    figures: dict[str, Any],
    job: Job | None,
) -> PolygonMap:
    """Write down that polygons are there, in the place of those made before of the same map.

    Args:
        files: name → {"sha256", "bytes"}, in place.
        figures: {"polygons", "area_m2", "narrow", "exceptions": {reason: polygons}, "zones": whether a raster of zones
            said which minimum holds where, "without_zones": name by language of the zone of all that it left open}.
    """
    made, _created = PolygonMap.objects.update_or_create(
        prediction=prediction,
        with_control_tiles=with_control_tiles,
        defaults={
            "rule": rule.code, "rule_version": rule.version, "files": files, "figures": figures,
            "finished_at": timezone.now(), "job": job,
        },
    )  # fmt: skip
    return made


def offered_polygons(prediction: Prediction) -> PolygonMap | None:
    """The polygons that anybody may have: those without control tiles while the campaign is open, then the whole."""
    found = PolygonMap.objects.filter(prediction=prediction).select_related("prediction")
    if prediction.model.campaign.state == Campaign.State.OPEN:
        found = found.filter(with_control_tiles=False)
    return found.order_by("-with_control_tiles").first()


def whole_polygons(prediction: Prediction) -> PolygonMap | None:
    """The polygons of all of a map, control tiles included, which a release publishes."""
    return PolygonMap.objects.filter(prediction=prediction, with_control_tiles=True).first()


def polygons_under_way(prediction: Prediction) -> Job | None:
    """The job that makes a prediction's polygons, while it waits or runs."""
    unfinished = [Job.State.QUEUED, Job.State.RUNNING]
    jobs = Job.objects.filter(kind=KIND, payload__prediction=prediction.pk, state__in=unfinished)
    return jobs.order_by("-created_at").first()
