"""A map's polygons as vector tiles: bytes of its PMTiles file, as they are stored."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.views.decorators.http import require_GET

from annotation.map_views import VECTOR_TILE, exists_on_grid, no_such_place, tile_response
from annotation.served_tiles import ServedTiles, remember
from learning.models import Prediction
from learning.models.polygons import PolygonMap
from learning.release.pmtiles import read_archive, read_tile
from learning.services.polygons import offered_polygons

SUFFIX = ".pmtiles"


def tiles_file(made: PolygonMap | None) -> Path | None:
    """Where the tiles of polygons lie; None of those made before there were any, and where the file is gone."""
    names = [] if made is None else [name for name in made.files if name.endswith(SUFFIX)]
    if made is None or not names:
        return None
    path = made.path(names[0])
    return path if path.exists() else None


def offered_polygon_tiles(prediction: Prediction) -> dict[str, Any] | None:
    """The vector tiles of a prediction's polygons that anybody may see; None where there are none."""
    made = offered_polygons(prediction)
    path = tiles_file(made)
    if made is None or path is None:
        return None
    archive = read_archive(path)
    return {
        "url": f"/predictions/{prediction.pk}/polygons/tiles/{{z}}/{{x}}/{{y}}.mvt?v={archive.version}",
        "max_zoom": archive.max_zoom,
        "polygons": made.figures["polygons"],
    }


@require_GET
def polygon_tile(request: HttpRequest, prediction_id: int, z: int, x: int, y: int) -> HttpResponse:
    """A vector tile of a map's polygons; 204 where there is none, 404 for a place that the grid does not have.

    Without control tiles while the campaign is open. The version is the file's own: polygons made again have another
    one from the moment they take the place of those before.
    """
    prediction = (
        Prediction.objects.select_related("model__campaign")
        .filter(pk=prediction_id, state=Prediction.State.READY)
        .first()
    )
    path = tiles_file(offered_polygons(prediction)) if prediction is not None else None
    if prediction is None or path is None:
        told = f"There are no polygons of map {prediction_id} to show: see the page of its model."
        return HttpResponse(told, status=404, content_type="text/plain")
    if not exists_on_grid("web", z, x, y):
        return no_such_place(z, x, y)
    version = read_archive(path).version
    tiles = ServedTiles(version, VECTOR_TILE, partial(_stored, path, version), is_gzip=True)
    remember(f"/predictions/{prediction.pk}/polygons/tiles", tiles)
    asked = request.GET.get("v", "")
    if request.headers.get("If-None-Match") == tiles.etag:
        return HttpResponseNotModified(headers=tiles.headers(asked))
    try:
        tile = read_tile(path, z, x, y, version=version)
    except FileNotFoundError:  # made again at this very moment
        told = f"The polygons of map {prediction_id} are just being replaced: load this again."
        return HttpResponse(told, status=503, content_type="text/plain", headers={"Retry-After": "1"})
    return tile_response(tile, tiles, asked, accepted_encodings=request.headers.get("Accept-Encoding", ""))


def _stored(path: Path, version: str, z: int, x: int, y: int) -> tuple[bytes | None, bool]:
    """A tile, and that nobody else needs to be asked for it, unless there is no such place."""
    if not exists_on_grid("web", z, x, y):
        return None, False
    return read_tile(path, z, x, y, version=version), True
