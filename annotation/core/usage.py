"""Polygons of land use read from a decoded file: each valid, with a code that the nomenclature has."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from annotation.core.boundaries import polygons_of
from annotation.core.features import shown
from annotation.core.grid import PixelGrid, lonlat_transformers
from annotation.errors import InvalidBoundaries, InvalidUsage

MAX_POLYGONS = 500_000  # a département of OCS GE has 200,000 to 400,000


@dataclass(frozen=True, slots=True)
class UsedGround:
    """A code, empty where the file gives none, and a valid polygon in the CRS that was asked for."""

    code: str
    polygon: shapely.Polygon


def parse_usage(
    payload: object, *, code_field: str | None, codes: Collection[str], grid: PixelGrid
) -> tuple[list[UsedGround], int]:
    """Read a FeatureCollection in longitude and latitude into the CRS of a layer.

    Corners are moved, edges stay straight between them: an edge of 1 km is then off by less than 10 cm.

    Args:   payload: decoded JSON. code_field: the property with the code; None: polygons without one. codes: those
            that may occur.
    Returns: polygons that touch the layer, in the file's order, and how many of the file lie beside it.
    Raises: InvalidUsage, UnlocatedGrid.
    """
    items = payload.get("features") if isinstance(payload, dict) else None
    if not isinstance(payload, dict) or payload.get("type") != "FeatureCollection" or not isinstance(items, list):
        raise InvalidUsage(
            f"The file must be a GeoJSON FeatureCollection, not {shown(payload)}: export it as RFC 7946 GeoJSON, or "
            "give a GeoPackage."
        )
    if "crs" in payload:
        raise InvalidUsage("The file names a coordinate system: export it as RFC 7946 GeoJSON (ogr2ogr -lco RFC7946).")
    if not 1 <= len(items) <= MAX_POLYGONS:
        raise InvalidUsage(f"The file has {len(items)} features: 1 to {MAX_POLYGONS} are read; cut it to the layer.")
    to_crs = lonlat_transformers(grid.crs)[1]
    layer = shapely.box(*grid.bounds_crs)
    shapely.prepare(layer)

    def placed(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(to_crs.transform(lonlat[:, 0], lonlat[:, 1]))

    found, outside = [], 0
    for number, item in enumerate(items, start=1):
        code = _code(item, number=number, code_field=code_field, codes=codes)
        for polygon in _polygons(item, number=number):
            moved = shapely.transform(polygon, placed)
            if not np.isfinite(moved.bounds).all() or not layer.intersects(moved):
                outside += 1
            elif not moved.is_valid:
                raise InvalidUsage(
                    f"Feature number {number} meets itself in the layer's coordinates "
                    f"({shapely.is_valid_reason(moved)}): repair it and import the file again."
                )
            else:
                found.append(UsedGround(code, moved))
    return found, outside


def _polygons(item: object, *, number: int) -> Iterator[shapely.Polygon]:
    geometry = item.get("geometry") if isinstance(item, dict) else None
    if not isinstance(geometry, dict):
        raise InvalidUsage(f"Feature number {number} has no geometry: remove or complete it.")
    try:
        rings = polygons_of(geometry, who=f"Feature number {number}")
    except InvalidBoundaries as error:
        raise InvalidUsage(str(error)) from error
    for shell, *holes in rings:
        yield shapely.Polygon(shell, holes)


def _code(item: object, *, number: int, code_field: str | None, codes: Collection[str]) -> str:
    if code_field is None:
        return ""
    properties = item.get("properties") if isinstance(item, dict) else None
    if not isinstance(properties, dict) or code_field not in properties:
        has = ", ".join(sorted(map(str, properties or {}))[:20]) or "none"
        raise InvalidUsage(f"Feature number {number} has no property {code_field!r}: it has {has}. Name the right one.")
    code = properties[code_field]
    if not isinstance(code, str) or code not in codes:
        raise InvalidUsage(
            f"Feature number {number} has {shown(code)} in {code_field!r}: one of {', '.join(sorted(codes))} is "
            "expected. Correct the file, or name the field that holds the codes."
        )
    return code
