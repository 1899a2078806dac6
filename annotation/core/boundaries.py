"""Boundaries of territories read from a GeoJSON file (RFC 7946): strictly, before any geometry library sees them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import shapely

from annotation.core.features import shown
from annotation.core.grid import LonLat
from annotation.errors import InvalidBoundaries

MAX_TERRITORIES = 40_000  # France has 35,000 communes
MAX_VERTICES = 200_000  # of one territory; the largest département at full detail has 60,000
_CODE = re.compile(r"[0-9A-Za-z]{1,20}")

Polygon = tuple[tuple[LonLat, ...], ...]


@dataclass(frozen=True, slots=True)
class Boundary:
    """A territory's code, its name, and its polygons: closed rings of longitude and latitude, the outer one first."""

    code: str
    name: str
    polygons: tuple[Polygon, ...]


def parse_boundaries(payload: object, *, code_field: str, name_field: str) -> list[Boundary]:
    """Read a FeatureCollection of Polygons and MultiPolygons.

    Args:   payload: decoded JSON. code_field, name_field: properties that hold the territory's code and name.
    Raises: InvalidBoundaries: not such a collection, a code twice, coordinates that are no degrees, an invalid polygon.
    """
    if not isinstance(payload, dict) or payload.get("type") != "FeatureCollection":
        kind = payload.get("type") if isinstance(payload, dict) else payload
        raise InvalidBoundaries(f"The file must be a GeoJSON FeatureCollection, not {shown(kind)}.")
    items = payload.get("features")
    if "crs" in payload or not isinstance(items, list):
        raise InvalidBoundaries(
            "The file names a coordinate system or has no list of features: export it as RFC 7946 GeoJSON, in "
            "longitude and latitude (ogr2ogr -lco RFC7946=YES)."
        )
    if not 1 <= len(items) <= MAX_TERRITORIES:
        raise InvalidBoundaries(f"The file has {len(items)} features: 1 to {MAX_TERRITORIES} are expected.")
    found: dict[str, Boundary] = {}
    for number, item in enumerate(items, start=1):
        boundary = _boundary(item, number=number, code_field=code_field, name_field=name_field)
        if boundary.code in found:
            raise InvalidBoundaries(f"Two features have the code {boundary.code!r}: merge them before the import.")
        found[boundary.code] = boundary
    return list(found.values())


def parse_area(payload: object) -> tuple[Polygon, ...]:
    """Read an area: a Polygon or MultiPolygon, alone, as a Feature, or in a FeatureCollection of one feature.

    Args:   payload: decoded JSON.
    Raises: InvalidBoundaries: not such an object, coordinates that are no degrees, or a polygon that is not valid.
    """
    kind = payload.get("type") if isinstance(payload, dict) else payload
    geometry = payload
    if isinstance(payload, dict) and kind == "FeatureCollection":
        features = payload.get("features")
        if not isinstance(features, list) or len(features) != 1:
            raise InvalidBoundaries(f"The area's features are {shown(features)}: one is expected; merge them.")
        _refuse_crs(payload)
        geometry = features[0]
    if isinstance(geometry, dict) and geometry.get("type") == "Feature":
        _refuse_crs(geometry)
        geometry = geometry.get("geometry")
    if not isinstance(geometry, dict):
        raise InvalidBoundaries(f"The area is {shown(geometry)}: a GeoJSON Polygon or MultiPolygon is expected.")
    _refuse_crs(geometry)
    return polygons_of(geometry, who="The area")


def _refuse_crs(item: dict[str, object]) -> None:
    if "crs" in item:
        raise InvalidBoundaries(
            f"The area names a coordinate system, {shown(item['crs'])}: export it as RFC 7946 GeoJSON, in longitude "
            "and latitude (ogr2ogr -lco RFC7946=YES)."
        )


def _boundary(item: object, *, number: int, code_field: str, name_field: str) -> Boundary:
    properties = item.get("properties") if isinstance(item, dict) else None
    geometry = item.get("geometry") if isinstance(item, dict) else None
    if not isinstance(properties, dict) or not isinstance(geometry, dict):
        raise InvalidBoundaries(f"Feature number {number} has no properties or no geometry: remove or complete it.")
    code, name = properties.get(code_field), properties.get(name_field)
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        has = ", ".join(sorted(map(str, properties))[:20])
        raise InvalidBoundaries(
            f"Feature number {number} has {shown(code)} in {code_field!r}: a code is text of 1 to 20 letters and "
            f"digits. Its properties are {has}."
        )
    if not isinstance(name, str) or not name.strip() or len(name) > 200:
        raise InvalidBoundaries(f"Territory {code} has {shown(name)} in {name_field!r}: a name has 1 to 200 signs.")
    polygons = polygons_of(geometry, who=f"Territory {code}")
    return Boundary(code=code, name=" ".join(name.split()), polygons=polygons)


def polygons_of(geometry: dict[str, object], *, who: str) -> tuple[Polygon, ...]:
    """The polygons of a GeoJSON Polygon or MultiPolygon; `who` is what errors call it. Raises: InvalidBoundaries."""
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind not in ("Polygon", "MultiPolygon") or not isinstance(coordinates, list) or not coordinates:
        raise InvalidBoundaries(f"{who} is a {shown(kind)}: a Polygon or MultiPolygon is expected.")
    parts = [coordinates] if kind == "Polygon" else coordinates
    polygons = tuple(_polygon(part, who=who) for part in parts)
    if sum(len(ring) for polygon in polygons for ring in polygon) > MAX_VERTICES:
        raise InvalidBoundaries(f"{who} has more than {MAX_VERTICES} vertices: simplify it.")
    shape = shapely.MultiPolygon([(polygon[0], polygon[1:]) for polygon in polygons])
    if not shape.is_valid:
        raise InvalidBoundaries(f"{who} is not valid ({shapely.is_valid_reason(shape)}): repair it.")
    return polygons


def _polygon(value: object, *, who: str) -> Polygon:
    if not isinstance(value, list) or not value:
        raise InvalidBoundaries(f"{who} has a polygon without rings: remove it.")
    return tuple(_ring(ring, who=who) for ring in value)


def _ring(value: object, *, who: str) -> tuple[LonLat, ...]:
    if not isinstance(value, list) or not 4 <= len(value) <= MAX_VERTICES:
        raise InvalidBoundaries(f"{who} has a ring that is {shown(value)}: it needs 4 positions or more.")
    ring = tuple(_position(position, who=who) for position in value)
    if ring[0] != ring[-1]:
        raise InvalidBoundaries(f"{who} has a ring that is not closed: end it with its first position.")
    return ring


def _position(value: object, *, who: str) -> LonLat:
    if isinstance(value, list) and len(value) in (2, 3):
        lon, lat = value[:2]
        if all(type(number) in (int, float) for number in (lon, lat)) and -180 <= lon <= 180 and -90 <= lat <= 90:
            return float(lon), float(lat)
    raise InvalidBoundaries(
        f"{who} has the position {shown(value)}: longitude and latitude in degrees (WGS 84) are expected."
    )
