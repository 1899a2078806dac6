"""Maps that somebody asks for beside the models' own: of a territory or another area, or with probabilities.

They are files for who asked. Nothing else comes from them: no round, no draft, no comparison, no release, and they are
never what people are shown as the campaign's map (docs/adr/0041).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import shapely
from django.conf import settings
from django.contrib.gis.geos import GEOSGeometry, MultiPolygon, Polygon
from django.db import transaction
from django.db.models.query import QuerySet
from shapely.geometry.base import BaseGeometry

from annotation.core.boundaries import parse_area
from annotation.errors import NotThere
from annotation.models import ImageryLayer, Job, Territory
from annotation.services.boundary_files import read_boundary_file
from annotation.services.jobs import enqueue_job
from learning.core.map_area import area_in_pixels, pixels_of
from learning.core.map_plan import PROBABILITIES
from learning.errors import MapAlreadyThere, NotJudgedYet
from learning.models import Prediction, TrainedModel
from learning.services.predictions import ready_prediction

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KIND = "predict_on_request"
UNDER_WAY = (Job.State.QUEUED, Job.State.RUNNING)
FILES = ("class.tif", "entropy.tif", PROBABILITIES)


@dataclass(frozen=True, slots=True)
class NamedArea:
    """An area that a map is asked of, in longitude and latitude, checked before any geometry library saw it."""

    name: str
    boundary: MultiPolygon

    @property
    def shape(self) -> BaseGeometry:
        """For shapely."""
        return shape_of(self.boundary)


@dataclass(frozen=True, slots=True)
class MapSize:
    """What a map takes, told before it is made.

    Args:
        pixels: of the layer within the area.
        probability_bytes: of the file of probabilities before it is packed, with its overviews: what it takes at most.
    """

    pixels: int
    area_m2: float
    probability_bytes: int


def shape_of(boundary: GEOSGeometry) -> BaseGeometry:
    """A stored boundary for shapely."""
    shape: BaseGeometry = shapely.from_wkb(bytes(boundary.wkb))
    return shape


def area_of_territory(territory: Territory) -> NamedArea:
    """A territory's ground."""
    return NamedArea(str(territory)[:200], territory.boundary)


def area_of_file(path: Path) -> NamedArea:
    """An area from a file of GeoJSON, in longitude and latitude. Raises: InvalidBoundaries."""
    polygons = [Polygon(*rings) for rings in parse_area(read_boundary_file(path))]
    return NamedArea(path.stem[:200], MultiPolygon(polygons, srid=4326))


def territories_on(layer: ImageryLayer) -> QuerySet[Territory]:
    """Territories of which a layer covers ground, by kind and name; their boundaries are left in the database."""
    west, south, east, north = layer.pixel_grid.bounds_wgs84
    around = Polygon.from_bbox((west, south, east, north))
    around.srid = 4326
    covered = layer.footprint or around
    return Territory.objects.filter(boundary__intersects=covered).defer("boundary").order_by("kind", "name", "code")


def map_size(model: TrainedModel, area: NamedArea | None) -> MapSize:
    """What the map of an area, or of the whole layer, takes.

    Raises: UnusableArea: the imagery does not cover it.
    """
    layer = model.campaign.layer
    pixels = layer.width * layer.height
    if area is not None:
        placed = area_in_pixels(area.shape, layer.pixel_grid)
        pixels = pixels_of(placed, width=layer.width, height=layer.height)
    # Overviews add a third: a quarter of the pixels, a quarter of these, and so on.
    return MapSize(pixels, pixels * layer.gsd_m**2, pixels * len(model.class_codes) * 4 // 3)


@transaction.atomic
def start_map_request(
    *, model: TrainedModel, area: NamedArea | None = None, probabilities: bool = False, actor: User | None = None
) -> Job:
    """Queue a map of an area, or of the whole layer, beside the model's own; one that was begun is gone on with.

    Args:   area: None = the whole layer. probabilities: whether those of all classes are kept too.
    Raises: UnusableArea: the imagery does not cover it. NotJudgedYet: the model is a candidate. MapAlreadyThere.
            JobAlreadyRunning: it is being made.
    """
    layer = model.campaign.layer
    if model.state == TrainedModel.State.CANDIDATE:
        raise NotJudgedYet(f"{model.version} is being judged, which may change how sure it is: wait until it was.")
    if area is not None:
        area_in_pixels(area.shape, layer.pixel_grid)
    elif not probabilities and ready_prediction(model) is not None:
        raise MapAlreadyThere(f"The whole map of {model.version} is there: see the page of the model.")
    prediction, _created = Prediction.objects.get_or_create(
        model=model,
        layer=layer,
        request_sha256=_request_sha256(layer, area, probabilities=probabilities),
        defaults={
            "folder": f"{model.version}-{uuid4().hex[:8]}",
            "area": area.boundary if area else None,
            "area_name": area.name if area else "",
            "probabilities": probabilities,
        },
    )
    if prediction.state == Prediction.State.READY:
        raise MapAlreadyThere(f"The map of {prediction} was made on {prediction.finished_at:%Y-%m-%d}: its files are "
                              f"in {prediction.folder}.")  # fmt: skip
    return enqueue_job(
        kind=KIND,
        payload={"prediction": prediction.pk},
        owner=actor,
        campaign=model.campaign,
        queue=settings.JOB_GPU_QUEUE,
        key=prediction.folder,
    )


def requested_maps(model: TrainedModel) -> list[tuple[Prediction, Job | None]]:
    """Maps of a model that were asked for, newest first, without their areas; with the job that makes them, or that
    should have."""
    made = Prediction.objects.requested().filter(model=model).select_related("model__campaign", "layer").defer("area")
    jobs: dict[int, Job] = {}
    keys = [one.folder for one in made]
    for job in Job.objects.filter(kind=KIND, key__in=keys).order_by("created_at"):
        jobs[job.payload["prediction"]] = job
    return [(one, jobs.get(one.pk)) for one in made]


def requested_map(model: TrainedModel, folder: str) -> Prediction:
    """A map of a model that was made on request, by its folder. Raises: NotThere."""
    made = Prediction.objects.requested().filter(model=model, folder=folder, state=Prediction.State.READY)
    found = made.select_related("model__campaign", "layer").first()
    if found is None:
        ready = [one.folder for one, _job in requested_maps(model) if one.state == Prediction.State.READY]
        raise NotThere(f"{model.version} has no map {folder!r} made on request (it has: {', '.join(ready) or 'none'}).")
    return found


def _request_sha256(layer: ImageryLayer, area: NamedArea | None, *, probabilities: bool) -> str:
    """What tells one request from another: after ground was replaced, the same area is another map."""
    ground = shapely.to_wkb(shapely.normalize(area.shape), hex=True) if area else "all"
    return hashlib.sha256(f"{layer.version} {probabilities} {ground}".encode()).hexdigest()
