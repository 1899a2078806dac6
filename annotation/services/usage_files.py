"""Polygons of land use in a GeoPackage, some thousands at a time: a département has hundreds of thousands."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyproj
import shapely
from numpy.typing import NDArray

from annotation.core.boundaries import MAX_VERTICES
from annotation.core.features import shown
from annotation.core.grid import PixelGrid
from annotation.core.usage import MAX_POLYGONS, UsedGround
from annotation.errors import InvalidUsage
from annotation.services.boundary_files import UNREADABLE, layer_of_geopackage

FEATURES_AT_ONCE = 5_000
_POLYGONS = (int(shapely.GeometryType.POLYGON), int(shapely.GeometryType.MULTIPOLYGON))


def usage_of_geopackage(
    path: Path, *, file_layer: str | None, code_field: str | None, codes: Collection[str], grid: PixelGrid
) -> Iterator[tuple[list[UsedGround], int]]:
    """Polygons that touch a layer, in its CRS, and how many lie beside it, for each part of the file.

    Raises: InvalidUsage, InvalidBoundaries (the file or its layer).
    """
    name = layer_of_geopackage(path, file_layer)
    layer, seen = shapely.box(*grid.bounds_crs), 0
    shapely.prepare(layer)
    while True:
        meta, shapes, column = _read(path, name, code_field, skip=seen)
        if not seen and not len(shapes):
            raise InvalidUsage(f"Layer {name} of {path.name} has no feature: give a file that has some.")
        _require_polygons(shapes, first=seen)
        found = _codes(column, len(shapes), code_field=code_field, codes=codes, first=seen)
        moved = _in_crs(shapes, meta["crs"], grid, path)
        touches = layer.intersects(moved)
        parts, whose = shapely.get_parts(moved[touches], return_index=True)
        yield (
            [UsedGround(code, part) for code, part in zip(found[touches][whose], parts, strict=True)],
            int((~touches).sum()),
        )
        seen += len(shapes)
        if seen > MAX_POLYGONS:
            raise InvalidUsage(f"{path.name} has more than {MAX_POLYGONS} features: cut it to the layer.")
        if len(shapes) < FEATURES_AT_ONCE:
            return


def _read(path: Path, name: str, code_field: str | None, *, skip: int) -> tuple[Any, NDArray[np.object_], Any]:
    columns = [] if code_field is None else [code_field]
    try:
        meta, _ids, wkb, values = pyogrio.raw.read(
            path, layer=name, columns=columns, force_2d=True, skip_features=skip, max_features=FEATURES_AT_ONCE
        )
        if code_field is not None and not values:
            fields = ", ".join(map(str, pyogrio.read_info(path, layer=name)["fields"])) or "none"
            raise InvalidUsage(f"{path.name} has no field {code_field!r}: it has {fields}. Name the right one.")
        return meta, shapely.from_wkb(wkb), values[0] if values else None
    except UNREADABLE as error:
        raise InvalidUsage(f"{path.name} cannot be read ({error}): export it again.") from error


def _require_polygons(shapes: NDArray[np.object_], *, first: int) -> None:
    faults = {
        "is no Polygon or MultiPolygon: remove it": ~np.isin(shapely.get_type_id(shapes), _POLYGONS),
        "is empty: remove it": shapely.is_empty(shapes),
        "has a corner that is no finite number: correct it": ~np.isfinite(shapely.bounds(shapes)).all(axis=1),
        f"has more than {MAX_VERTICES} corners: simplify it": shapely.get_num_coordinates(shapes) > MAX_VERTICES,
    }
    for fault, where in faults.items():
        if where.any():
            raise InvalidUsage(f"Feature number {first + int(where.argmax()) + 1} {fault}.")
    invalid = ~shapely.is_valid(shapes)
    if invalid.any():
        at = int(invalid.argmax())
        reason = shapely.is_valid_reason(shapes[at])
        raise InvalidUsage(f"Feature number {first + at + 1} is not valid ({reason}): repair it.")


def _codes(
    column: Any, count: int, *, code_field: str | None, codes: Collection[str], first: int
) -> NDArray[np.object_]:
    if code_field is None:
        return np.full(count, "", object)
    known = np.array([isinstance(code, str) and code in codes for code in column], bool)
    if not known.all():
        at = int((~known).argmax())
        raise InvalidUsage(
            f"Feature number {first + at + 1} has {shown(column[at])} in {code_field!r}: one of "
            f"{', '.join(sorted(codes))} is expected. Correct the file, or name the field that holds the codes."
        )
    return np.asarray(column, object)


def _in_crs(shapes: NDArray[np.object_], crs: str | None, grid: PixelGrid, path: Path) -> NDArray[np.object_]:
    """Corners moved to the layer's CRS; where the file has it already they stay as they are."""
    if not crs:
        raise InvalidUsage(f"{path.name} does not say its coordinate system: set it, then export again.")
    given, wanted = pyproj.CRS.from_user_input(crs), pyproj.CRS.from_user_input(grid.crs)
    if given == wanted:
        return shapes
    transformer = pyproj.Transformer.from_crs(given, wanted, always_xy=True)
    moved: NDArray[np.object_] = shapely.transform(
        shapes, lambda xy: np.column_stack(transformer.transform(xy[:, 0], xy[:, 1]))
    )
    if not shapely.is_valid(moved).all() or not np.isfinite(shapely.bounds(moved)).all():
        at = int((~shapely.is_valid(moved)).argmax())
        raise InvalidUsage(
            f"Feature number {at + 1} of {path.name} is not valid in the layer's coordinates: repair it, or export the "
            "file in the layer's coordinate system."
        )
    return moved
