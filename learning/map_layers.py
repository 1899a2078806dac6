"""What a campaign's public map can show, with the addresses of the map tiles; and its layer of changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET
from numpy.typing import NDArray

from annotation.map_views import exists_on_grid, no_such_place
from annotation.models import Annotation, Campaign, ImageryLayer, TileAgreement, VintagePair
from annotation.pictures import outline_of
from annotation.raster import map_tiles
from annotation.raster.layer_files import WEB_NAME
from annotation.raster.stored_tiles import web_zooms
from annotation.services.vector_tiles import DEEPEST_ZOOM, FIRST_POLYGON_ZOOM
from learning.core.map_disagreement import COLOURS, disagreement
from learning.core.other_vintage import changed_classes
from learning.difference_words import differences_told
from learning.models import Prediction
from learning.polygon_views import offered_polygon_tiles
from learning.services.other_vintage import other_vintages_map
from learning.services.predictions import shown_file, shown_files, shown_prediction
from learning.views import class_colours, kept_tile, map_version

#: Imagery imported before it had a copy for web maps is warped as far as this.
WARPED_TO_ZOOM = 20
KINDS = ("class", "entropy")


def map_layers(campaign: Campaign) -> dict[str, Any]:
    """What the map of a campaign can show: the map that people see, or the newest one where no model is published yet.

    Args: campaign: with its layer loaded.
    """
    offered = layers_with(campaign, shown_prediction(campaign) or newest_map(campaign))
    return {**offered, "labels": reviewed_labels(campaign)}


def layers_with(campaign: Campaign, prediction: Prediction | None) -> dict[str, Any]:
    """Imagery, one model's maps, and those of another vintage; None or an empty list for what is not there."""
    other = other_vintages_map(prediction) if prediction else None
    layers = [campaign.layer, *([other.layer] if other else [])]
    return {
        "imagery": [imagery(layer) for layer in layers],
        "maps": [one for made in (prediction, other) if made for one in maps_of(made)],
        "change": None if prediction is None or other is None else change(prediction, other),
        "disagreement": None if prediction is None or other is None else disagreement_layer(prediction, other),
        "polygons": offered_polygon_tiles(prediction) if prediction else None,
        "labels": None,
    }


def reviewed_labels(campaign: Campaign) -> dict[str, Any]:
    """The vector tiles of a campaign's reviewed labels, and how many labelled tiles they show."""
    labelled = Annotation.objects.shown_on_maps().filter(tile__campaign=campaign)
    compared = TileAgreement.objects.filter(tile__in=labelled.values("tile_id"), compared_px__gt=0)
    return {
        "url": f"/campaigns/{campaign.slug}/labels/{{z}}/{{x}}/{{y}}.mvt",
        "first_polygon_zoom": FIRST_POLYGON_ZOOM,
        "max_zoom": DEEPEST_ZOOM,
        "tiles": labelled.count(),
        "compared_tiles": compared.count(),
    }


def newest_map(campaign: Campaign) -> Prediction | None:
    """The map of the campaign's last model that has one, published or not."""
    ready = Prediction.objects.own().filter(model__campaign=campaign, state=Prediction.State.READY)
    return ready.select_related("model__campaign", "layer").order_by("-model__number").first()


def imagery(layer: ImageryLayer) -> dict[str, Any]:
    """An imagery layer's true colours."""
    grid = layer.pixel_grid
    west, south, east, north = grid.bounds_wgs84
    return {
        "layer": layer.slug,
        "title": layer.title,
        "vintage": layer.vintage,
        "attribution": layer.attribution,
        "url": f"/imagery/{layer.slug}/web/{{z}}/{{x}}/{{y}}.jpg?v={layer.map_version}",
        "max_zoom": deepest_zoom(layer),
        "bounds": [[south, west], [north, east]],
        "outline": [[lat, lon] for lon, lat in map(grid.to_lonlat, *outline_of(layer))],
    }


def deepest_zoom(layer: ImageryLayer) -> int:
    """The last zoom whose map tiles are asked for: the browser enlarges them from there on."""
    path = layer.path(WEB_NAME)
    return web_zooms(path.resolve())[1] if path.exists() else WARPED_TO_ZOOM


def maps_of(prediction: Prediction) -> list[dict[str, Any]]:
    """A model's class and entropy maps, those of them that people may see."""
    return [
        {
            "kind": kind,
            "layer": prediction.layer.slug,
            "vintage": prediction.layer.vintage,
            "model": prediction.model.version,
            "url": f"/predictions/{prediction.pk}/{kind}/web/{{z}}/{{x}}/{{y}}.png?v={map_version(prediction, name)}",
            "max_zoom": deepest_zoom(prediction.layer),
        }
        for kind in KINDS
        if (name := shown_file(prediction, kind))
    ]


def change(prediction: Prediction, before: Prediction) -> dict[str, Any] | None:
    """The layer of the later class where two maps differ; None when one of them may not be seen, or `before` is later:
    the layer would draw the earlier class."""
    names = [shown_files(one) for one in (prediction, before)]
    if names[0] is None or names[1] is None or before.layer.vintage > prediction.layer.vintage:
        return None
    return {
        "from": before.layer.vintage,
        "to": prediction.layer.vintage,
        "url": f"/predictions/{prediction.pk}/since/{before.pk}/web/{{z}}/{{x}}/{{y}}.png"
        f"?v={change_version(prediction, before)}",
        "max_zoom": deepest_zoom(prediction.layer),
        "differences": differences_told(*in_time(prediction, before)),
    }


def disagreement_layer(prediction: Prediction, other: Prediction) -> dict[str, Any] | None:
    """The layer of where two maps disagree; None when one of them may not be seen, or they cannot be compared."""
    if not comparable(prediction, other):
        return None
    first, second = in_time(prediction, other)
    pair = VintagePair.objects.filter(first=first.layer_id, second=second.layer_id).first()
    return {
        "from": first.layer.vintage,
        "to": second.layer.vintage,
        "url": f"/predictions/{prediction.pk}/against/{other.pk}/web/{{z}}/{{x}}/{{y}}.png"
        f"?v={change_version(prediction, other)}-against",
        "max_zoom": deepest_zoom(prediction.layer),
        "page": reverse("pair", args=[pair.pk]) if pair else None,
    }


def in_time(one: Prediction, other: Prediction) -> tuple[Prediction, Prediction]:
    """Two maps, that of the earlier imagery first."""
    return (one, other) if one.layer.vintage <= other.layer.vintage else (other, one)


def change_version(*predictions: Prediction) -> str:
    """What changes with either map."""
    return "-".join(map_version(one, name) for one in predictions for name in shown_files(one) or ())


@require_GET
def change_tile(request: HttpRequest, prediction_id: int, before_id: int, z: int, x: int, y: int) -> HttpResponse:
    """A PNG of where one map has another class than another vintage's, in the colour of what it has now; 204, 404 as
    for `prediction_tile`.

    Only pixels that both maps are sure of are compared, of what people may see of either.
    """
    return _compared_tile(request, "since", draw_change, (prediction_id, before_id), (z, x, y))


@require_GET
def disagreement_tile(request: HttpRequest, prediction_id: int, before_id: int, z: int, x: int, y: int) -> HttpResponse:
    """A PNG of where two vintages' maps name another class, by whether both are sure of it; 204, 404 as for
    `prediction_tile`. Of what people may see of either."""
    return _compared_tile(request, "against", draw_disagreement, (prediction_id, before_id), (z, x, y))


Draw = Callable[[Prediction, Prediction, int, int, int], bytes | None]


def _compared_tile(
    request: HttpRequest, kind: str, draw: Draw, maps: tuple[int, int], at: tuple[int, int, int]
) -> HttpResponse:
    made = Prediction.objects.select_related(
        "model__run__training_set", "model__origin", "model__campaign", "layer"
    ).in_bulk(maps)
    now, before = (made.get(number) for number in maps)
    if now is None or before is None or not comparable(now, before):
        told = f"There are no two maps {maps[0]} and {maps[1]} to compare."
        return HttpResponse(told, status=404, content_type="text/plain")
    if not exists_on_grid("web", *at):
        return no_such_place(*at)
    version = change_version(now, before) + ("" if kind == "since" else f"-{kind}")
    served = f"/predictions/{now.pk}/{kind}/{before.pk}/web"
    return kept_tile(request, served, (version, "web", *at), lambda: draw(now, before, *at))


def comparable(now: Prediction, before: Prediction) -> bool:
    """Whether two maps are ready, of two vintages of ground in one CRS, and may be seen."""
    return (
        {now.state, before.state} == {Prediction.State.READY}
        and now.layer.crs == before.layer.crs
        and now.layer.vintage != before.layer.vintage
        and shown_files(now) is not None
        and shown_files(before) is not None
    )


def draw_change(now: Prediction, before: Prediction, z: int, x: int, y: int) -> bytes | None:
    """The PNG of one map tile; None where nothing changed, or where one of the two maps has nothing."""
    values = _values_at(now, before, z, x, y)
    if values is None:
        return None
    return map_tiles.class_picture(changed_classes(*values), colours=class_colours(now))


def draw_disagreement(now: Prediction, before: Prediction, z: int, x: int, y: int) -> bytes | None:
    """The PNG of one map tile; None where the maps agree, or where one of the two has nothing."""
    values = _values_at(now, before, z, x, y)
    return None if values is None else map_tiles.class_picture(disagreement(*values), colours=COLOURS)


_Values = tuple[list[NDArray[np.uint8]], list[NDArray[np.uint8]], list[list[str]]]


def _values_at(now: Prediction, before: Prediction, z: int, x: int, y: int) -> _Values | None:
    """Classes, entropies and class codes of both maps on one map tile; None where one of them has nothing."""
    classes, entropies = [], []
    for one in (now, before):
        values = [map_tiles.web_values(one.path(name), z, x, y) for name in shown_files(one) or ()]
        if values[0] is None or values[1] is None:
            return None
        classes.append(values[0])
        entropies.append(values[1])
    return classes, entropies, [one.model.class_codes for one in (now, before)]
