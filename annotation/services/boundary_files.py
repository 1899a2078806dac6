"""Files of boundaries as decoded GeoJSON in degrees: GeoJSON itself, or a layer of a GeoPackage in any CRS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyproj
import shapely

from annotation.errors import InvalidBoundaries

MAX_FILE_BYTES = 512 * 2**20  # all communes of France at full detail are 330 MB of GeoJSON
SQLITE = b"SQLite format 3\x00"
DEGREES = 7  # decimals: a centimetre
UNREADABLE = (
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    pyproj.exceptions.CRSError,
    shapely.errors.GEOSException,
)


def read_boundary_file(path: Path, *, layer: str | None = None) -> Any:
    """The file's features; what is in them is for `annotation.core.boundaries` to check.

    Args:   layer: of a GeoPackage; may be left out where it has one.
    Raises: InvalidBoundaries.
    """
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise InvalidBoundaries(f"{path.name} has {size / 2**20:.0f} MiB: split it, {MAX_FILE_BYTES >> 20} are read.")
    if is_geopackage(path):
        return _read_geopackage(path, layer)
    if layer is not None:
        raise InvalidBoundaries(f"{path.name} is no GeoPackage, so it has no layer {layer!r}: leave the layer out.")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InvalidBoundaries(
            f"{path.name} is neither a GeoPackage nor JSON in UTF-8 ({error}): export it as one of them."
        ) from error


def is_geopackage(path: Path) -> bool:
    """Whether a file is a database, whatever its name says."""
    with path.open("rb") as file:
        return file.read(len(SQLITE)) == SQLITE


def layer_of_geopackage(path: Path, layer: str | None) -> str:
    """The name of the layer with geometries that is asked for, or of the only one. Raises: InvalidBoundaries."""
    if path.suffix.lower() != ".gpkg":
        raise InvalidBoundaries(f"{path.name} looks like a GeoPackage: give it the ending .gpkg.")
    try:
        layers = [str(name) for name, geometry in pyogrio.list_layers(path) if geometry is not None]
    except UNREADABLE as error:
        raise InvalidBoundaries(f"{path.name} cannot be read ({error}): export it again.") from error
    if layer is None and len(layers) != 1:
        raise InvalidBoundaries(f"{path.name} has the layers {', '.join(layers) or 'none'}: say which one.")
    if layer is not None and layer not in layers:
        raise InvalidBoundaries(f"{path.name} has no layer {layer!r}: it has {', '.join(layers) or 'none'}.")
    return layer or layers[0]


def _read_geopackage(path: Path, layer: str | None) -> dict[str, Any]:
    name = layer_of_geopackage(path, layer)
    try:
        meta, _ids, shapes, columns = pyogrio.raw.read(path, layer=name, force_2d=True)
        degrees = _in_degrees(shapely.from_wkb(shapes), meta["crs"], path)
    except UNREADABLE as error:
        raise InvalidBoundaries(f"{path.name} cannot be read ({error}): export it again.") from error
    names = [str(name) for name in meta["fields"]]
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": dict(zip(names, values, strict=True)),
                "geometry": None if shape is None else json.loads(shapely.to_geojson(shape)),
            }
            for shape, *values in zip(degrees, *columns, strict=True)
        ],
    }


def _in_degrees(shapes: Any, crs: str | None, path: Path) -> Any:
    if not crs:
        raise InvalidBoundaries(f"{path.name} does not say its coordinate system: set it, then export again.")
    transformer = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)

    def moved(places: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.column_stack(transformer.transform(places[:, 0], places[:, 1])).round(DEGREES)

    return shapely.transform(shapes, moved)
