"""Imagery as map tiles, on its own grid and on the web grid."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.views.decorators.http import require_GET

from annotation.errors import UserError
from annotation.models import ImageryLayer
from annotation.raster import map_tiles

IMMUTABLE = "public, max-age=31536000, immutable"


@require_GET
def imagery_tile(request: HttpRequest, slug: str, grid: str, z: int, x: int, y: int) -> HttpResponse:
    """A JPEG of an imagery layer; 204 where it shows nothing.

    A version's files never change, so a browser may keep what it got: pages name the version in the address (v), and
    the ETag is the hash of the version's pixels.
    """
    layer = ImageryLayer.objects.filter(slug=slug).first()
    if layer is None:
        return HttpResponse(f"There is no imagery layer {slug!r}.", status=404, content_type="text/plain")
    view = request.GET.get("view", "rgb")
    etag = f'"{layer.analysis_sha256[:16]}-{view[:24]}"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponseNotModified(headers={"ETag": etag, "Cache-Control": IMMUTABLE})
    draw = map_tiles.native_tile if grid == "native" else map_tiles.web_tile
    try:
        picture = draw(layer.path("").resolve(), z, x, y, bands=layer.bands, stretch=layer.stretch, view=view)
    except UserError as error:
        return HttpResponse(str(error), status=error.status, content_type="text/plain")
    return tile_response(picture, "image/jpeg", etag)


def tile_response(picture: bytes | None, content_type: str, etag: str) -> HttpResponse:
    """A cacheable map tile; an empty one is 204, which costs the browser nothing."""
    headers = {"ETag": etag, "Cache-Control": IMMUTABLE, "X-Content-Type-Options": "nosniff"}
    if picture is None:
        return HttpResponse(status=204, headers=headers)
    return HttpResponse(picture, content_type=content_type, headers=headers)
