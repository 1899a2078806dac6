"""Imagery as map tiles, on its own grid and on the web grid; reviewed labels as vector tiles."""

from __future__ import annotations

import gzip
from functools import partial

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.views.decorators.http import require_GET

from annotation.errors import UserError
from annotation.models import Campaign, ImageryLayer
from annotation.raster import map_tiles
from annotation.served_tiles import ServedTiles, remember
from annotation.services import vector_tiles

DEEPEST_ZOOM = 30
VECTOR_TILE = "application/vnd.mapbox-vector-tile"


@require_GET
def imagery_tile(request: HttpRequest, slug: str, grid: str, z: int, x: int, y: int) -> HttpResponse:
    """A JPEG of an imagery layer; 204 where it shows nothing, 404 for a place that the grid does not have.

    An address that names the layer's version (?v=…) shows the same for ever; another one is asked for again.
    """
    layer = ImageryLayer.objects.filter(slug=slug).first()
    if layer is None:
        return HttpResponse(f"There is no imagery layer {slug!r}.", status=404, content_type="text/plain")
    if not exists_on_grid(grid, z, x, y):
        return no_such_place(z, x, y)
    view = request.GET.get("view", "rgb")
    folder = layer.path("").resolve()
    stored = map_tiles.stored_native_layer_tile if grid == "native" else map_tiles.stored_web_layer_tile
    tiles = ServedTiles(
        version=layer.map_version if view == "rgb" else f"{layer.map_version}-{view[:24]}",
        content_type="image/jpeg",
        draw=partial(stored, folder),
    )
    if view == "rgb":
        remember(f"/imagery/{slug}/{grid}", tiles)
    asked = request.GET.get("v", "")
    if view != "rgb" and asked == layer.map_version:
        asked = tiles.version
    if request.headers.get("If-None-Match") == tiles.etag:
        return HttpResponseNotModified(headers=tiles.headers(asked))
    draw = map_tiles.native_tile if grid == "native" else map_tiles.web_tile
    try:
        picture = draw(folder, z, x, y, bands=layer.bands, stretch=layer.stretch, view=view)
    except UserError as error:
        return HttpResponse(str(error), status=error.status, content_type="text/plain")
    return tile_response(picture, tiles, asked)


@require_GET
def labels_tile(request: HttpRequest, slug: str, z: int, x: int, y: int) -> HttpResponse:
    """A vector tile of a campaign's reviewed labels; 204 where there is none, 404 for a place that no map has.

    Labels change: the browser asks each time, and is told by the ETag that nothing has.
    """
    campaign = Campaign.objects.select_related("layer").filter(slug=slug).first()
    if campaign is None:
        return HttpResponse(f"There is no campaign {slug!r}.", status=404, content_type="text/plain")
    if not exists_on_grid("web", z, x, y) or z > vector_tiles.DEEPEST_ZOOM:
        return no_such_place(z, x, y, deepest=vector_tiles.DEEPEST_ZOOM)
    tile = vector_tiles.vector_tile(campaign=campaign, z=z, x=x, y=y)
    headers = {"ETag": f'W/"{tile.etag}"', "Cache-Control": "public, no-cache", "X-Content-Type-Options": "nosniff"}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return HttpResponseNotModified(headers=headers)
    if not tile.compressed:
        return HttpResponse(status=204, headers=headers)
    headers["Vary"] = "Accept-Encoding"
    if "gzip" not in request.headers.get("Accept-Encoding", ""):
        return HttpResponse(gzip.decompress(tile.compressed), content_type=VECTOR_TILE, headers=headers)
    headers["Content-Encoding"] = "gzip"
    return HttpResponse(tile.compressed, content_type=VECTOR_TILE, headers=headers)


def exists_on_grid(grid: str, z: int, x: int, y: int) -> bool:
    """Whether a grid has this place: the web grid has 2**z map tiles a side, a layer's own ends with its pixels."""
    return z <= DEEPEST_ZOOM and (grid == "native" or max(x, y) < 1 << z)


def no_such_place(z: int, x: int, y: int, *, deepest: int = DEEPEST_ZOOM) -> HttpResponse:
    """What is said of a place beyond the grid."""
    told = f"There is no map tile {z}/{x}/{y}: zoom z has 2**z columns and rows, and the deepest is {deepest}."
    return HttpResponse(told, status=404, content_type="text/plain")


def tile_response(
    picture: bytes | None, tiles: ServedTiles, asked: str, *, accepted_encodings: str = ""
) -> HttpResponse:
    """A cacheable map tile; an empty one is 204, which costs the browser nothing."""
    headers = tiles.headers(asked)
    if picture is None:
        return HttpResponse(status=204, headers=headers)
    sent, described = tiles.body(picture, accepted_encodings)
    return HttpResponse(sent, headers=headers | described)
