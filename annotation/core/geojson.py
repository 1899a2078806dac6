"""GeoJSON received from a client (RFC 7946), read strictly and snapped to a tile's grid.

The parser is our own: GDAL's and GeoDjango's follow the `crs` member to files and URLs, and accept
infinities. It never recurses, so nesting depth cannot exhaust the stack.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod

from annotation.core.features import (
    MAX_FEATURE_VERTICES,
    MAX_FEATURES,
    MAX_TILE_VERTICES,
    Feature,
    Ring,
    is_feature_id,
    require_class,
    shown,
)
from annotation.core.grid import SUBPIXELS, LonLat, TileGrid, lonlat_transformers
from annotation.errors import InvalidFeature

_EARTH = Geod(ellps="WGS84")
# A tile's corner goes through two projections; a vertex this far outside is on the edge for its author.
_EDGE_TOLERANCE_PX = 1.0

Polygon = list[list[LonLat]]


@dataclass(frozen=True, slots=True)
class _Read:
    """One polygon as sent: closed rings of longitude, latitude."""

    feature_id: str
    class_code: str
    rings: Polygon


def parse_geojson(
    payload: object, *, grid: TileGrid, row: int, col: int, class_codes: Collection[str]
) -> tuple[tuple[Feature, ...], float]:
    """Read a FeatureCollection of polygons in longitude and latitude, snapped to a tile's 1/8 pixel grid.

    Each feature needs a `class_code` property. A MultiPolygon becomes several features (`id-1`, `id-2`, …).
    Vertices that fall on the same grid position become one; a vertex up to 1 px outside the tile is put on
    its edge. The polygons may still be invalid or overlap: call `check_coverage` on the answer.

    Args:
        payload: decoded JSON.
        grid: the campaign's tiles; row, col: the tile that receives the features.
        class_codes: codes that may be used.

    Returns: the features (provenance "imported"), and the largest move of a vertex, in metres on the ground.

    Raises: InvalidFeature, UnknownClass, TileOutsideGrid, UnlocatedGrid.
    """
    polygons = _read_collection(payload, codes=frozenset(class_codes))
    positions = [position for polygon in polygons for ring in polygon.rings for position in ring]
    if len(positions) == 0:
        return (), 0.0
    lonlat = np.array(positions, dtype=np.float64)  # (vertex, 2)
    raw = _to_subpixels(lonlat, grid=grid, row=row, col=col)
    side = SUBPIXELS * grid.tile_px
    snapped = np.rint(raw)
    _require_inside(raw, polygons, lonlat=lonlat, side=side)
    snapped = np.clip(snapped, 0, side)
    moved_m = _largest_move_m(lonlat, snapped, grid=grid, row=row, col=col)

    features: list[Feature] = []
    cursor = 0
    for polygon in polygons:
        rings: list[Ring] = []
        for ring in polygon.rings:
            rings.append(_snapped_ring(snapped[cursor : cursor + len(ring)], feature_id=polygon.feature_id))
            cursor += len(ring)
        features.append(Feature(polygon.feature_id, polygon.class_code, tuple(rings), "imported"))
    return tuple(features), moved_m


# --- reading ------------------------------------------------------------------------------------------------


def _read_collection(payload: object, *, codes: Collection[str]) -> list[_Read]:
    if not isinstance(payload, dict) or payload.get("type") != "FeatureCollection":
        kind = payload.get("type") if isinstance(payload, dict) else payload
        raise InvalidFeature(f"Send a GeoJSON object of type FeatureCollection, not {shown(kind)}.")
    _refuse_crs(payload)
    items = payload.get("features")
    if not isinstance(items, list):
        raise InvalidFeature(f"The collection's features must be a list, not {shown(items)}.")
    if len(items) > MAX_FEATURES:
        raise InvalidFeature(f"The collection has {len(items)} features; the limit is {MAX_FEATURES}: split it.")
    polygons: list[_Read] = []
    total = 0
    for position, item in enumerate(items, start=1):
        for polygon in _read_feature(item, position=position, codes=codes):
            total += sum(len(ring) - 1 for ring in polygon.rings)
            if total > MAX_TILE_VERTICES:
                raise InvalidFeature(f"The collection has more than {MAX_TILE_VERTICES} vertices; simplify it.")
            polygons.append(polygon)
        if len(polygons) > MAX_FEATURES:
            raise InvalidFeature(f"The collection has more than {MAX_FEATURES} polygons; split it.")
    seen: set[str] = set()
    for polygon in polygons:
        if polygon.feature_id in seen:
            raise InvalidFeature(
                f"Two features have the id {polygon.feature_id!r}; give each its own.",
                feature_id=polygon.feature_id,
            )
        seen.add(polygon.feature_id)
    return polygons


def _read_feature(item: object, *, position: int, codes: Collection[str]) -> list[_Read]:
    if not isinstance(item, dict) or item.get("type") != "Feature":
        kind = item.get("type") if isinstance(item, dict) else item
        raise InvalidFeature(f"Item number {position} must be an object of type Feature, not {shown(kind)}.")
    _refuse_crs(item)
    feature_id = _read_id(item.get("id"), position=position)
    properties = item.get("properties")
    if not isinstance(properties, dict):
        raise InvalidFeature(
            f"Feature {feature_id!r}: properties must be an object with class_code, not {shown(properties)}.",
            feature_id=feature_id,
        )
    class_code = require_class(properties.get("class_code"), codes=codes, feature_id=feature_id)
    geometry = item.get("geometry")
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if not isinstance(geometry, dict) or kind not in ("Polygon", "MultiPolygon"):
        raise InvalidFeature(
            f"Feature {feature_id!r}: the geometry must be a Polygon or MultiPolygon, "
            f"not {shown(kind if isinstance(geometry, dict) else geometry)}.",
            feature_id=feature_id,
        )
    _refuse_crs(geometry)
    coordinates = geometry.get("coordinates")
    if kind == "Polygon":
        return [_Read(feature_id, class_code, _read_polygon(coordinates, feature_id=feature_id))]
    if not isinstance(coordinates, list) or not coordinates:
        raise InvalidFeature(
            f"Feature {feature_id!r}: a MultiPolygon needs a list of polygons, not {shown(coordinates)}.",
            feature_id=feature_id,
        )
    if len(coordinates) > MAX_FEATURES:
        raise InvalidFeature(
            f"Feature {feature_id!r} has {len(coordinates)} polygons; the limit is {MAX_FEATURES}: split it.",
            feature_id=feature_id,
        )
    parts = []
    for number, part in enumerate(coordinates, start=1):
        part_id = f"{feature_id}-{number}"
        if not is_feature_id(part_id):
            raise InvalidFeature(
                f"Feature {feature_id!r} has several polygons and its id leaves no room to number them "
                "(40 characters); shorten it.",
                feature_id=feature_id,
            )
        parts.append(_Read(part_id, class_code, _read_polygon(part, feature_id=part_id)))
    return parts


def _read_id(value: object, *, position: int) -> str:
    if value is None:
        return f"import-{position}"
    # RFC 7946 allows a number as id.
    if type(value) is int and 0 <= value < 10**18:
        return str(value)
    if isinstance(value, str) and is_feature_id(value):
        return value
    raise InvalidFeature(
        f"Feature number {position} has the id {shown(value)}; an id is 1 to 40 characters of A-Z a-z "
        "0-9 _ -, or leave it out."
    )


def _read_polygon(value: object, *, feature_id: str) -> Polygon:
    if not isinstance(value, list) or not value:
        raise InvalidFeature(
            f"Feature {feature_id!r}: a polygon needs a list of rings, not {shown(value)}.",
            feature_id=feature_id,
        )
    rings: Polygon = []
    total = 0
    for ring in value:
        if not isinstance(ring, list) or len(ring) < 4:
            raise InvalidFeature(
                f"Feature {feature_id!r}: a ring needs at least 4 positions, the last equal to the first, "
                f"not {shown(ring)}.",
                feature_id=feature_id,
            )
        total += len(ring) - 1
        if total > MAX_FEATURE_VERTICES:
            raise InvalidFeature(
                f"Feature {feature_id!r} has {total} vertices or more; the limit is {MAX_FEATURE_VERTICES}: "
                "simplify it or split it.",
                feature_id=feature_id,
            )
        positions = [_read_position(position, feature_id=feature_id) for position in ring]
        if positions[0] != positions[-1]:
            raise InvalidFeature(
                f"Feature {feature_id!r}: a ring starts at {positions[0]} and ends at {positions[-1]}; "
                "close it with its first position.",
                feature_id=feature_id,
            )
        rings.append(positions)
    return rings


def _read_position(value: object, *, feature_id: str) -> LonLat:
    if not isinstance(value, list) or len(value) != 2:
        raise InvalidFeature(
            f"Feature {feature_id!r}: a position is [longitude, latitude], two numbers, not {shown(value)}.",
            feature_id=feature_id,
        )
    lon, lat = value
    for number, name, limit in ((lon, "longitude", 180), (lat, "latitude", 90)):
        # Compared before any conversion to float: an integer of a thousand digits would overflow it.
        if type(number) not in (int, float) or not -limit <= number <= limit:
            raise InvalidFeature(
                f"Feature {feature_id!r}: the {name} {shown(number)} must be a number of degrees from "
                f"{-limit} to {limit}; export the file in longitude and latitude (WGS 84).",
                feature_id=feature_id,
            )
    return float(lon), float(lat)


def _refuse_crs(item: dict[object, object]) -> None:
    if "crs" in item:
        raise InvalidFeature(
            "GeoJSON must not name a coordinate system (member crs): RFC 7946 is always longitude and "
            "latitude (WGS 84). Export again with the RFC 7946 option, or remove the member."
        )


# --- snapping -----------------------------------------------------------------------------------------------


def _to_subpixels(lonlat: NDArray[np.float64], *, grid: TileGrid, row: int, col: int) -> NDArray[np.float64]:
    window = grid.window(row, col)
    a, _, c, _, e, f = grid.pixels.transform
    x_crs, y_crs = lonlat_transformers(grid.pixels.crs)[1].transform(lonlat[:, 0], lonlat[:, 1])
    return np.stack(
        [
            ((np.asarray(x_crs) - c) / a - window.col_off) * SUBPIXELS,
            ((np.asarray(y_crs) - f) / e - window.row_off) * SUBPIXELS,
        ],
        axis=1,
    )


def _require_inside(raw: NDArray[np.float64], polygons: list[_Read], *, lonlat: NDArray[np.float64], side: int) -> None:
    slack = _EDGE_TOLERANCE_PX * SUBPIXELS
    # A position the projection cannot carry comes back infinite; the comparison refuses it too.
    inside = ((raw >= -slack) & (raw <= side + slack)).all(axis=1)
    if inside.all():
        return
    first = int(np.argmin(inside))
    owners = np.repeat(np.arange(len(polygons)), [sum(map(len, polygon.rings)) for polygon in polygons])
    feature_id = polygons[int(owners[first])].feature_id
    lon, lat = lonlat[first]
    raise InvalidFeature(
        f"Feature {feature_id!r}: longitude {lon:.7f}, latitude {lat:.7f} is outside the tile; "
        "clip the feature to the tile, and check that longitude comes first.",
        feature_id=feature_id,
    )


def _largest_move_m(
    lonlat: NDArray[np.float64], snapped: NDArray[np.float64], *, grid: TileGrid, row: int, col: int
) -> float:
    window = grid.window(row, col)
    a, _, c, _, e, f = grid.pixels.transform
    x_crs = c + a * (window.col_off + snapped[:, 0] / SUBPIXELS)
    y_crs = f + e * (window.row_off + snapped[:, 1] / SUBPIXELS)
    lon, lat = lonlat_transformers(grid.pixels.crs)[0].transform(x_crs, y_crs)
    _, _, distance = _EARTH.inv(lonlat[:, 0], lonlat[:, 1], lon, lat)
    largest = float(np.max(distance))
    return largest if math.isfinite(largest) else 0.0


def _snapped_ring(positions: NDArray[np.float64], *, feature_id: str) -> Ring:
    vertices: list[tuple[int, int]] = []
    for x, y in positions[:-1].astype(np.int64).tolist():
        if not vertices or vertices[-1] != (x, y):
            vertices.append((x, y))
    while len(vertices) > 1 and vertices[0] == vertices[-1]:
        vertices.pop()
    if len(vertices) < 3:
        raise InvalidFeature(
            f"Feature {feature_id!r} has a ring smaller than the grid of 1/8 pixel; remove it.",
            feature_id=feature_id,
            at=vertices[0],
        )
    return tuple(vertices)
