"""OGC API Features, to read: annotations and map polygons of published releases, for QGIS, GDAL and scripts.

Anyone may read, from any page: no session is looked at, and no token. `learning.release.ogc_query` reads parameters.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from annotation.served_tiles import BRIEF, IMMUTABLE
from learning.release import ogc_documents as documents
from learning.release.feature_files import find_row, find_rows, row_numbered
from learning.release.ogc_documents import GEOJSON, JSON, OPENAPI, link
from learning.release.ogc_items import collection_json, feature_ids, feature_json, features_json
from learning.release.ogc_query import CRS84, BadParameter, offered_crs, read_items_query, read_single
from learning.services.published_features import (
    ANNOTATIONS,
    FILTERS,
    PublishedFeatures,
    features_named,
    published_features,
    withdrawn_release,
)
from learning.services.release_proposals import VERSION

#: Large pages take tens of megabytes while they are made, and more at once would not be made sooner.
_PAGES = threading.BoundedSemaphore(2)
SECONDS_FOR_A_PLACE = 5.0


class Busy(APIException):
    """Others' pages are being made, and no thread of the site waits for them longer than this."""

    status_code = 503
    default_code = "Busy"
    wait = SECONDS_FOR_A_PLACE


class Withdrawn(APIException):
    """The release of a collection was withdrawn."""

    status_code = 410
    default_code = "Withdrawn"


class AlwaysJson(BaseContentNegotiation):
    """Whatever is accepted gets JSON: clients ask for GeoJSON by names of their own."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Nothing is sent to these addresses."""
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> tuple[BaseRenderer, str]:
        """JSON."""
        return JSONRenderer(), JSON


@extend_schema(exclude=True)  # it has an OpenAPI document of its own
class OgcView(APIView):
    """One resource of the API; its faults are told as the standard wants them."""

    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]
    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "features"
    content_negotiation_class = AlwaysJson

    def handle_exception(self, exc: Exception) -> Any:
        """An exception as OGC 17-069r4, clause 7.5, describes it; what is not foreseen is raised."""
        if isinstance(exc, BadParameter):
            return told(exc.code, str(exc), status=400)
        if isinstance(exc, Http404 | FileNotFoundError):
            text = str(exc) if isinstance(exc, Http404) else _("These files are away: ask for another release.")
            return told("NotFound", text, status=404)
        if isinstance(exc, APIException):
            answer = told(str(exc.default_code), str(exc.detail), status=exc.status_code)
            wait_s = getattr(exc, "wait", None)  # of what is asked too often, or at a bad moment
            if wait_s is not None:
                answer.headers["Retry-After"] = str(int(wait_s) + 1)
            return answer
        raise exc

    @property
    def root(self) -> str:
        """The API's own address, with a slash at the end."""
        return self.request.build_absolute_uri(reverse("ogc-landing"))

    def page_of(self, found: PublishedFeatures) -> str:
        """Address of a release's page."""
        return self.request.build_absolute_uri(reverse("release", args=[found.release.folder]))

    def no_parameters(self) -> None:
        """Refuse what is not known: all but `f`."""
        read_single(dict(self.request.GET.lists()), ["f"])

    def named(self, collection_id: str, *, version: str = "") -> PublishedFeatures:
        """A collection, or 404; 410 where its release was withdrawn."""
        found = features_named(collection_id, version=version)
        if found is None and (gone := withdrawn_release(collection_id, version=version)) is not None:
            raise Withdrawn(f"{gone.folder} was withdrawn on {gone.yanked_at:%Y-%m-%d}: {gone.yank_reason}")
        if found is None:
            raise Http404(f"There is no collection {collection_id!r}: see {self.root}collections.")
        return found


@contextmanager
def a_place_among_pages() -> Iterator[None]:
    """Wait until few enough pages are being made. Raises Busy."""
    if not _PAGES.acquire(timeout=SECONDS_FOR_A_PLACE):
        raise Busy(_("Others are reading large pages just now: ask again in some seconds, or for a smaller limit."))
    try:
        yield
    finally:
        _PAGES.release()


def told(code: str, description: str, *, status: int) -> HttpResponse:
    """A fault, as the standard's exception schema."""
    return document({"code": code, "description": description}, status=status)


def document(body: Any, *, media_type: str = JSON, status: int = 200) -> HttpResponse:
    """A JSON document that changes with the releases and with the reader's language."""
    text = json.dumps(body, ensure_ascii=False)
    caching = {"Cache-Control": BRIEF if status == 200 else "no-store"}
    return HttpResponse(text, status=status, content_type=media_type, headers=caching)


class LandingView(OgcView):
    """What this API is, and where to go on."""

    def get(self, request: Request) -> HttpResponse:
        """Links to everything else."""
        self.no_parameters()
        page = request.build_absolute_uri(reverse("releases"))
        pages = [link(page, "alternate", "text/html", _("Open data"))]
        return document(documents.landing_page(self.root, title=title(), description=description(), pages=pages))


class ConformanceView(OgcView):
    """Which classes of the standards are followed."""

    def get(self, request: Request) -> HttpResponse:
        """The list."""
        self.no_parameters()
        return document(documents.conformance())


class ApiView(OgcView):
    """This API as OpenAPI 3.0."""

    def get(self, request: Request) -> HttpResponse:
        """The document."""
        self.no_parameters()
        filters = {name: _("Features whose property has this value.") for names in FILTERS.values() for name in names}
        body = documents.openapi(self.root, title=title(), description=description(), version="1.0.0", filters=filters)
        return document(body, media_type=OPENAPI)


class CollectionsView(OgcView):
    """Every collection."""

    def get(self, request: Request) -> HttpResponse:
        """Those of the latest releases first."""
        self.no_parameters()
        return document(documents.collections(self.root, [described(self, found) for found in published_features()]))


class CollectionView(OgcView):
    """One collection."""

    def get(self, request: Request, collection_id: str) -> HttpResponse:
        """Its extent and CRS."""
        self.no_parameters()
        return document(described(self, self.named(collection_id)))


class MissingView(OgcView):
    """Any other address under the API's own."""

    def get(self, request: Request, anything: str) -> HttpResponse:
        """404."""
        raise Http404(f"There is nothing at {anything[:100]!r}: see {self.root}collections.")


class ItemsView(OgcView):
    """Features of a collection."""

    def get(self, request: Request, collection_id: str) -> HttpResponseBase:
        """A page of them; `next` leads on, in the release that the first page was of."""
        version, first = read_cursor(request.GET.get("cursor", ""))
        found = self.named(collection_id, version=version)
        query = read_items_query(dict(request.GET.lists()), source=found.source, filters=found.filters)
        headers = kept_headers(request, found)
        if is_known(request, headers):
            return HttpResponseNotModified(headers=headers)
        with a_place_among_pages():
            rows = find_rows(found.source, query.wanted, first=first, limit=query.limit)
            features = features_json(found.source, rows, crs=query.crs)
        members: dict[str, Any] = {"numberReturned": len(features), "links": self.links(found, rows.following)}
        if query.wanted.is_everything:
            members["numberMatched"] = found.source.rows
        elif first == 0 and rows.following is None:
            members["numberMatched"] = len(features)
        headers |= {"Content-Crs": f"<{query.crs}>"}
        return HttpResponse(collection_json(features, members), content_type=GEOJSON, headers=headers)

    def links(self, found: PublishedFeatures, following: int | None) -> list[documents.Link]:
        """This page, the next one, and where it all belongs."""
        own = f"{self.root}collections/{found.id}"
        links = [
            link(self.request.build_absolute_uri(), "self", GEOJSON),
            link(own, "collection", JSON),
            link(self.page_of(found), "describedby", "text/html"),
        ]
        if following is not None:
            asked = {name: values for name, values in self.request.GET.lists() if name != "cursor"}
            cursor = f"{found.release.version}~{following}"
            links.append(link(f"{own}/items?{urlencode([*_pairs(asked), ('cursor', cursor)])}", "next", GEOJSON))
        return links


class ItemView(OgcView):
    """One feature."""

    def get(self, request: Request, collection_id: str, feature_id: str) -> HttpResponseBase:
        """The feature, with links."""
        found = self.named(collection_id)
        given = read_single(dict(request.GET.lists()), ["crs", "f"])
        crs = given.get("crs", CRS84)
        if crs not in offered_crs(found.source.crs):
            raise BadParameter(f"The parameter crs is {crs[:100]!r}: see the collection for those offered.")
        headers = kept_headers(request, found)
        if is_known(request, headers):
            return HttpResponseNotModified(headers=headers)
        rows = self.row(found, feature_id)
        if not len(rows.numbers):
            raise Http404(f"There is no feature {feature_id!r} in {found.id}.")
        own = f"{self.root}collections/{found.id}"
        links = [
            link(f"{own}/items/{quote(feature_ids(rows)[0])}", "self", GEOJSON),
            link(own, "collection", JSON),
        ]
        [feature] = features_json(found.source, rows, crs=crs)
        headers |= {"Content-Crs": f"<{crs}>"}
        return HttpResponse(feature_json(feature, links), content_type=GEOJSON, headers=headers)

    def row(self, found: PublishedFeatures, feature_id: str) -> Any:
        """The row of a feature, alone or none."""
        if found.kind == ANNOTATIONS:
            annotation, _dot, feature = feature_id.partition(".")
            return find_row(found.source, {"annotation_id": annotation, "feature_id": feature})
        is_number = feature_id.isascii() and feature_id.isdigit() and len(feature_id) < 16
        return row_numbered(found.source, int(feature_id) - 1 if is_number else -1)


def described(view: OgcView, found: PublishedFeatures) -> dict[str, Any]:
    """The document of a collection."""
    what = _("Annotations") if found.kind == ANNOTATIONS else _("Polygons of the map")
    which = _("latest release") if found.is_latest else found.release.version
    text = documents.CollectionText(
        id=found.id,
        title=_("%(title)s: %(what)s (%(which)s)") % {"title": found.release.title, "what": what, "which": which},
        description=_("Of the release %(folder)s, published on %(day)s.")
        % {"folder": found.release.folder, "day": f"{found.release.published_at:%Y-%m-%d}"},
        page=view.page_of(found),
        licence=str(found.release.summary.get("licence", "")),
    )
    return documents.collection(view.root, text, found.source)


def title() -> str:
    """What the API is called."""
    return _("Solcommun: features of published releases")


def description() -> str:
    """What the API is for."""
    return _("Annotations and map polygons of published releases, as OGC API Features. Anyone may read them.")


def read_cursor(text: str) -> tuple[str, int]:
    """The version and the row where a page begins.

    Raises: BadParameter.
    """
    version, _mark, row = text.partition("~")
    if not text:
        return "", 0
    if not (row.isascii() and row.isdigit() and len(row) < 16 and VERSION.fullmatch(version)):
        raise BadParameter(f"The parameter cursor is {text[:60]!r}: take it from the link `next` of the page before.")
    return version, int(row)


def kept_headers(request: HttpRequest | Request, found: PublishedFeatures) -> dict[str, str]:
    """How long an answer may be kept: for good where the address names the release, which never changes."""
    asked = f"{found.release.manifest_sha256} {request.build_absolute_uri()}"
    return {
        "ETag": f'"{hashlib.sha256(asked.encode()).hexdigest()[:32]}"',
        "Cache-Control": BRIEF if found.is_latest else IMMUTABLE,
    }


def is_known(request: HttpRequest | Request, headers: dict[str, str]) -> bool:
    """Whether the caller has this answer already."""
    return headers["ETag"] in [tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")]


def _pairs(asked: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, values in asked.items() for value in values]
