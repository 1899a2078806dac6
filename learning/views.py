"""Files of the learning side: prediction maps as map tiles, and downloads of releases."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotModified,
    StreamingHttpResponse,
)
from django.views.decorators.http import require_GET, require_safe

from annotation.core.stored_labels import class_index
from annotation.map_views import exists_on_grid, no_such_place, tile_response
from annotation.raster import map_tiles
from annotation.served_tiles import IMMUTABLE, ServedTiles, kept, remember
from learning.models import Prediction, Release
from learning.open_data import open_data
from learning.release import layout
from learning.release.errors import InvalidContents
from learning.release.manifest import FileEntry, file_sha256, read_manifest
from learning.services.class_changes import classes_ever
from learning.services.polygons import offered_polygons
from learning.services.predictions import shown_file
from learning.withdrawn_pages import gone, is_kept

CHUNK_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_TYPES = {".parquet": "application/vnd.apache.parquet", ".gpkg": "application/geopackage+sqlite3",
          ".pmtiles": "application/vnd.pmtiles",
          ".geojson": "application/geo+json", ".jsonld": "application/ld+json",
          ".safetensors": "application/octet-stream",
          ".tif": "image/tiff", ".md": "text/markdown; charset=utf-8"}  # fmt: skip


@require_GET
def prediction_tile(
    request: HttpRequest, prediction_id: int, what: str, grid: str, z: int, x: int, y: int
) -> HttpResponse:
    """A PNG of a class or entropy map; 204 where it shows nothing, 404 for a place that the grid does not have.

    While the campaign is open the control tiles are left out, for they are labelled blind: that is another version than
    the whole map. A process keeps the map tiles it drew last.
    """
    prediction = (
        Prediction.objects.select_related("model__run__training_set", "model__origin", "model__campaign")
        .filter(pk=prediction_id, state=Prediction.State.READY)
        .first()
    )
    name = None if prediction is None else shown_file(prediction, what)
    if prediction is None or name is None:
        told = f"There is no map {prediction_id} to show: wait for the next training."
        return HttpResponse(told, status=404, content_type="text/plain")
    if not exists_on_grid(grid, z, x, y):
        return no_such_place(z, x, y)

    def draw() -> bytes | None:
        path, native = prediction.path(name), grid == "native"
        if what == "entropy":
            return map_tiles.entropy_tile(path, z, x, y, native=native)
        return map_tiles.class_tile(path, z, x, y, colours=class_colours(prediction), native=native)

    served = f"/predictions/{prediction.pk}/{what}/{grid}"
    return kept_tile(request, served, (map_version(prediction, name), grid, z, x, y), draw)


def kept_tile(
    request: HttpRequest, served: str, place: tuple[str, str, int, int, int], draw: Callable[[], bytes | None]
) -> HttpResponse:
    """The answer for a map tile that is drawn once and kept; from now on others of its set need no look here.

    Args: served: address of the set, up to its zooms. place: version, grid, zoom, column, row.
    """
    version, grid, z, x, y = place

    def drawn(z: int, x: int, y: int) -> tuple[bytes | None, bool]:
        return kept.get((version, grid, z, x, y))

    tiles = ServedTiles(version, "image/png", drawn)
    remember(served, tiles)
    asked = request.GET.get("v", "")
    if request.headers.get("If-None-Match") == tiles.etag:
        return HttpResponseNotModified(headers=tiles.headers(asked))
    picture, is_drawn = drawn(z, x, y)
    if not is_drawn:
        picture = draw()
        kept.put(place, picture)
    return tile_response(picture, tiles, asked)


def map_version(prediction: Prediction, name: str) -> str:
    """What changes with a map's pixels and with the colours they are shown in."""
    campaign = prediction.model.campaign
    colours = f"{campaign.nomenclature_id}" if name.startswith("class") else ""
    return hashlib.sha256(f"{prediction.files[name]} {colours}".encode()).hexdigest()[:16]


def class_colours(prediction: Prediction) -> dict[int, str]:
    """Colour of each raster value of a class map."""
    classes = classes_ever(prediction.model.campaign)
    values = class_index(prediction.model.class_codes)
    return {value: classes[code].colour for code, value in values.items()}


@open_data
@require_safe
def release_file(request: HttpRequest, version: str, path: str) -> HttpResponseBase:
    """One file of a published release, whole or one range of it. Only what the manifest lists exists; of a withdrawn
    release the manifest alone is given, with its sums.
    """
    release = Release.objects.named(version)
    if release is not None and release.yanked_at is not None and not is_kept(path):
        return gone(request, release)
    files = {} if release is None else files_in_place(release)
    entry = None if files is None else files.get(path)
    if release is not None and (files is None or (entry is not None and not (release.path / path).is_file())):
        told = f"The files of {release.folder} are away: nothing is wrong with your copy of them. Try again later."
        return HttpResponse(told, status=503, content_type="text/plain", headers={"Cache-Control": "no-store"})
    if release is None or entry is None:
        return HttpResponse("There is no such file in a published release.", status=404, content_type="text/plain")
    return download(request, release.path / path, sha256=entry.sha256, size=entry.size, name=Path(path).name)


@require_safe
def polygons_file(request: HttpRequest, prediction_id: int, file: str) -> HttpResponseBase:
    """The polygons of a map, whole or one range; without control tiles while the campaign is open."""
    prediction = Prediction.objects.select_related("model__campaign").filter(pk=prediction_id).first()
    made = offered_polygons(prediction) if prediction is not None else None
    if made is None or file not in made.files:
        return HttpResponse(
            f"There are no polygons {file} of map {prediction_id}: see the page of its model.", status=404,
            content_type="text/plain",
        )  # fmt: skip
    entry = made.files[file]
    shown = f"{made.prediction.model.version}-{file}"
    cache = "public, no-cache"  # made again, it keeps its name
    return download(request, made.path(file), sha256=entry["sha256"], size=entry["bytes"], name=shown, cache=cache)


def download(
    request: HttpRequest, path: Path, *, sha256: str, size: int, name: str, cache: str = IMMUTABLE
) -> HttpResponseBase:
    """A file to be saved under `name`, whole or one range of it."""
    etag = f'"{sha256}"'
    headers = {
        "ETag": etag,
        "Cache-Control": cache,
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    if etag in [tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")]:
        return HttpResponseNotModified(headers=headers)
    span = requested_span(request, size=size, etag=etag)
    if span is None:
        headers["Content-Range"] = f"bytes */{size}"
        return HttpResponse(status=416, headers=headers)
    start, stop = span
    headers["Content-Length"] = str(stop - start)
    partial = (start, stop) != (0, size)
    if partial:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    body = [] if request.method == "HEAD" else file_part(path, start, stop)
    return StreamingHttpResponse(
        body, status=206 if partial else 200, content_type=content_type_of(name), headers=headers
    )


def files_in_place(release: Release) -> dict[str, FileEntry] | None:
    """Files of a release by path; None where its folder is away: lost, or being moved."""
    if not release.path.is_dir():
        return None
    try:
        return listed_files(release.path, release.manifest_sha256)
    except (OSError, InvalidContents):
        return None


@lru_cache(maxsize=32)
def listed_files(root: Path, _manifest_sha256: str) -> dict[str, FileEntry]:
    """The files of a release, kept.

    The digest stands in the key because it names the content: a published manifest never changes.
    """
    return read_files(root)


def read_files(root: Path) -> dict[str, FileEntry]:
    """Files of a release by path, from its manifest, and the manifest itself with its sums.

    Raises: OSError, InvalidContents: the folder, or what lists its files, is not there or not readable.
    """
    files = {entry.path: entry for entry in read_manifest(root).files}
    for name in (layout.MANIFEST, layout.SUMS):
        files[name] = FileEntry(name, (root / name).stat().st_size, file_sha256(root / name))
    return files


def requested_span(request: HttpRequest, *, size: int, etag: str) -> tuple[int, int] | None:
    """First byte and the one after the last; the whole file unless one valid range is asked; None = beyond.

    Source: RFC 9110, section 14. Several ranges, or a stale If-Range, get the whole file, as it allows.
    """
    found = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if found is None or found.group() == "bytes=-" or request.headers.get("If-Range", etag) != etag:
        return 0, size
    first, last = found.groups()
    if not first:
        length = int(last[:18])
        return (max(0, size - length), size) if length else None
    start = int(first[:18])
    if last and int(last[:18]) < start:
        return 0, size
    stop = min(int(last[:18]) + 1, size) if last else size
    return (start, stop) if start < size else None


def file_part(path: Path, start: int, stop: int) -> Iterator[bytes]:
    """Bytes [start, stop) of a file, in pieces."""
    with path.open("rb") as stream:
        stream.seek(start)
        left = stop - start
        while left > 0:
            piece = stream.read(min(CHUNK_BYTES, left))
            if not piece:
                return
            left -= len(piece)
            yield piece


def content_type_of(path: str) -> str:
    """Media type by file name; never one that a browser would run."""
    suffix = Path(path).suffix
    if suffix in _TYPES:
        return _TYPES[suffix]
    guessed = mimetypes.guess_type(path)[0] or "application/octet-stream"
    return "text/plain; charset=utf-8" if guessed.startswith(("text/html", "application/xhtml")) else guessed
