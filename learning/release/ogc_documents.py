"""The documents of OGC API Features around the features: landing page, conformance, collections, its own OpenAPI.

Sources: OGC 17-069r4 (Part 1: Core), OGC 18-058r1 (Part 2: CRS by reference).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from learning.release import geodesy
from learning.release.feature_files import FeatureFile
from learning.release.ogc_items import Link
from learning.release.ogc_query import CRS84, DEFAULT_LIMIT, MOST_FEATURES, crs_uri, offered_crs

JSON = "application/json"
GEOJSON = "application/geo+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
CONFORMANCE = (
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs",
)


@dataclass(frozen=True, slots=True)
class CollectionText:
    """What is said of a collection. Args: page: address of the release's page. licence: identifier by SPDX or ours."""

    id: str
    title: str
    description: str
    page: str
    licence: str


def link(href: str, rel: str, media_type: str, title: str = "") -> Link:
    """A link of any of these documents."""
    return {"href": href, "rel": rel, "type": media_type} | ({"title": title} if title else {})


def landing_page(root: str, *, title: str, description: str, pages: Sequence[Link]) -> dict[str, Any]:
    """The first document. Args: root: its address, with a slash at the end. pages: links to pages for people."""
    return {
        "title": title,
        "description": description,
        "links": [
            link(root, "self", JSON),
            link(f"{root}api", "service-desc", OPENAPI),
            link(f"{root}conformance", "conformance", JSON),
            link(f"{root}collections", "data", JSON),
            *pages,
        ],
    }


def conformance() -> dict[str, Any]:
    """The classes that are followed."""
    return {"conformsTo": list(CONFORMANCE)}


def collections(root: str, found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All collections."""
    return {"links": [link(f"{root}collections", "self", JSON)], "collections": list(found)}


def collection(root: str, text: CollectionText, source: FeatureFile) -> dict[str, Any]:
    """One collection: where it lies, of which days it is, in which CRS it may be asked for."""
    own = f"{root}collections/{text.id}"
    extent: dict[str, Any] = {"spatial": {"bbox": [geodesy.bounds_wgs84(source.bounds_crs, source.crs)], "crs": CRS84}}
    if source.days:
        first, last = (day.isoformat() for day in source.days)
        extent["temporal"] = {"interval": [[f"{first}T00:00:00Z", f"{last}T23:59:59Z"]]}
    return {
        "id": text.id,
        "title": text.title,
        "description": text.description,
        "itemType": "feature",
        "extent": extent,
        "crs": offered_crs(source.crs),
        "storageCrs": crs_uri(source.crs) or CRS84,
        "links": [
            link(own, "self", JSON),
            link(f"{own}/items", "items", GEOJSON),
            link(text.page, "describedby", "text/html"),
            link(f"{text.page}files/LICENSE.txt", "license", "text/plain", text.licence),
        ],
    }


def openapi(root: str, *, title: str, description: str, version: str, filters: Mapping[str, str]) -> dict[str, Any]:
    """The API described as OpenAPI 3.0.3. Args: filters: properties that may be asked to hold a text, and of what."""
    known = _parameters(filters)
    by_id = known["collectionId"]
    items = [by_id, *(known[name] for name in known if name not in _IDS)]
    one = [by_id, known["featureId"], known["crs"]]
    return {
        "openapi": "3.0.3",
        "info": {"title": title, "description": description, "version": version},
        "servers": [{"url": root.rstrip("/")}],
        "tags": [{"name": "Capabilities"}, {"name": "Data"}],
        "paths": {
            "/": _path("getLandingPage", "Capabilities", "landingPage"),
            "/api": _path("getApi", "Capabilities", "anything", media_type=OPENAPI),
            "/conformance": _path("getConformanceDeclaration", "Capabilities", "confClasses"),
            "/collections": _path("getCollections", "Capabilities", "collections"),
            "/collections/{collectionId}": _path("describeCollection", "Capabilities", "collection", [by_id]),
            "/collections/{collectionId}/items": _path(
                "getFeatures", "Data", "featureCollectionGeoJSON", items, media_type=GEOJSON
            ),
            "/collections/{collectionId}/items/{featureId}": _path(
                "getFeature", "Data", "featureGeoJSON", one, media_type=GEOJSON
            ),
        },
        "components": {"schemas": _SCHEMAS},
    }


def _path(
    operation: str, tag: str, schema: str, parameters: Sequence[Any] = (), *, media_type: str = JSON
) -> dict[str, Any]:
    def answer(text: str, name: str, kind: str) -> dict[str, Any]:
        return {"description": text, "content": {kind: {"schema": {"$ref": f"#/components/schemas/{name}"}}}}

    responses = {"200": answer("What was asked for", schema, media_type)}
    if parameters:
        responses["400"] = answer("A parameter is not usable", "exception", JSON)
        responses["404"] = answer("There is no such collection or feature", "exception", JSON)
        responses["410"] = answer("The release of the collection was withdrawn", "exception", JSON)
    responses["429"] = answer("Too many requests: wait as Retry-After says", "exception", JSON)
    responses["500"] = answer("A fault of the server", "exception", JSON)
    responses["503"] = answer("Others are being served: wait as Retry-After says", "exception", JSON)
    return {"get": {"operationId": operation, "tags": [tag], "parameters": list(parameters), "responses": responses}}


_IDS = ("collectionId", "featureId")


def _parameters(filters: Mapping[str, str]) -> dict[str, Any]:
    def query(name: str, description: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"name": name, "in": "query", "description": description, "required": False, "schema": schema, **more}

    text, listed = {"type": "string"}, {"style": "form", "explode": False}
    numbers = {"type": "array", "oneOf": [{"minItems": n, "maxItems": n} for n in (4, 6)], "items": {"type": "number"}}
    uri = {"type": "string", "format": "uri", "default": CRS84}
    count = {"type": "integer", "minimum": 1, "maximum": MOST_FEATURES, "default": DEFAULT_LIMIT}
    return {
        "collectionId": {"name": "collectionId", "in": "path", "required": True, "schema": text},
        "featureId": {"name": "featureId", "in": "path", "required": True, "schema": text},
        "bbox": query("bbox", "Features that meet this box: west,south,east,north.", numbers, **listed),
        "bbox-crs": query("bbox-crs", "CRS of bbox, one of those of the collection.", uri),
        "datetime": query("datetime", "Features of imagery of this day or interval, and of unknown days.", text),
        "limit": query("limit", "Features in one answer.", count, style="form", explode=False),
        "crs": query("crs", "CRS of the coordinates, one of those of the collection.", uri),
        "cursor": query("cursor", "Where the answer begins: from the link `next` of the one before.", text),
        **{name: query(name, what, text) for name, what in filters.items()},
    }


def _object(required: Sequence[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


_TEXT: dict[str, Any] = {"type": "string"}
_TEXTS: dict[str, Any] = {"type": "array", "items": _TEXT}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_LINKS: dict[str, Any] = {"type": "array", "items": _ref("link")}
_SCHEMAS: dict[str, Any] = {
    "anything": {"type": "object"},
    "link": _object(["href", "rel"], href=_TEXT, rel=_TEXT, type=_TEXT, title=_TEXT),
    "exception": _object(["code"], code=_TEXT, description=_TEXT),
    "landingPage": _object(["links"], title=_TEXT, description=_TEXT, links=_LINKS),
    "confClasses": _object(["conformsTo"], conformsTo=_TEXTS),
    "collections": _object(
        ["links", "collections"], links=_LINKS, collections={"type": "array", "items": _ref("collection")}
    ),
    "collection": _object(
        ["id", "links"], id=_TEXT, title=_TEXT, description=_TEXT, links=_LINKS, extent={"type": "object"},
        itemType=_TEXT, crs=_TEXTS, storageCrs=_TEXT,
    ),
    "featureCollectionGeoJSON": _object(
        ["type", "features"], type={"type": "string", "enum": ["FeatureCollection"]},
        features={"type": "array", "items": _ref("featureGeoJSON")}, links=_LINKS, numberMatched=_COUNT,
        numberReturned=_COUNT,
    ),
    "featureGeoJSON": _object(
        ["type", "geometry", "properties"], type={"type": "string", "enum": ["Feature"]}, id=_TEXT,
        geometry={"type": "object"}, properties={"type": "object", "nullable": True}, links=_LINKS,
    ),
}  # fmt: skip
