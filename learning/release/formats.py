"""Whether a file can be read as what its name says. Every reader here is told its format beforehand."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.parsers import expat

import pyarrow as pa
import pyarrow.parquet as pq

from learning.release import layout
from learning.release.errors import UnusableArtefact
from learning.release.rasters import cog_fault, tiff_fault
from learning.release.weights import read_weights_header

_GEOPARQUET_FOLDERS = (f"{layout.MAP_VECTORS_DIR}/", f"{layout.CHANGE_DIR}/", f"{layout.GROUND_DIR}/")
_GPKG_APPLICATION_ID = 0x47504B47  # "GPKG"
_GEOMETRY_TYPES = {
    "Point",
    "LineString",
    "Polygon",
    "MultiPoint",
    "MultiLineString",
    "MultiPolygon",
    "GeometryCollection",
}


def format_problems(root: Path, path: str) -> Iterator[str]:
    """Problems of one file (path relative to `root`), by its suffix; other files have no format to check."""
    file = root / path
    suffix = file.suffix
    if suffix in (".json", ".jsonld"):
        yield from _json_problems(file)
    elif path in (layout.ANNOTATIONS_PARQUET, layout.PATCHES_PARQUET) or (
        path.startswith(_GEOPARQUET_FOLDERS) and suffix == ".parquet"
    ):
        yield from geoparquet_problems(file)
    elif suffix == ".parquet":
        yield from _parquet_problems(file)
    elif suffix == ".gpkg":
        yield from gpkg_problems(file)
    elif suffix == ".tif":
        fault = cog_fault(file) if path.startswith(f"{layout.MAPS_DIR}/") else tiff_fault(file)
        if fault is not None:
            yield fault
    elif suffix in (".qml", ".sld", ".xml"):
        yield from _xml_problems(file)
    elif suffix == ".safetensors":
        try:
            read_weights_header(file)
        except UnusableArtefact as error:
            yield str(error)


def _json_problems(file: Path) -> Iterator[str]:
    try:
        json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        yield f"not JSON ({error})"


def _xml_problems(file: Path) -> Iterator[str]:
    """Declarations of types and entities are refused before anything is made of them."""
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise ValueError("it declares a document type")

    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(file.read_bytes(), True)
    except (expat.ExpatError, ValueError) as error:
        yield f"not plain XML ({error})"


def _parquet_problems(file: Path) -> Iterator[str]:
    try:
        pq.read_metadata(file)
    except (pa.ArrowInvalid, OSError) as error:
        yield f"not Parquet ({error})"


def geoparquet_problems(file: Path) -> Iterator[str]:
    """Problems of a GeoParquet 1.1 file: `geo` metadata and the columns it names."""
    try:
        parquet = pq.ParquetFile(file)
        raw = (parquet.metadata.metadata or {}).get(b"geo")
        geo = json.loads(raw) if raw is not None else None
    except (pa.ArrowInvalid, OSError, ValueError) as error:
        yield f"not GeoParquet ({error})"
        return
    if not isinstance(geo, dict):
        yield "no geo metadata"
        return
    yield from geo_metadata_problems(geo, columns=set(parquet.schema_arrow.names))


def geo_metadata_problems(geo: dict[str, Any], *, columns: set[str]) -> Iterator[str]:
    """Problems of the `geo` metadata. Source: GeoParquet 1.1.0, "File metadata" and "Column metadata"."""
    if not str(geo.get("version", "")).startswith("1.1."):
        yield f"geo version is {geo.get('version')!r}, expected 1.1.x"
    described = geo.get("columns")
    if not isinstance(described, dict) or geo.get("primary_column") not in described:
        yield f"primary_column {geo.get('primary_column')!r} is not described"
        return
    for name, column in described.items():
        if name not in columns:
            yield f"geometry column {name!r} is not in the file"
        if column.get("encoding") != "WKB":
            yield f"encoding of {name!r} is {column.get('encoding')!r}, expected WKB"
        types = column.get("geometry_types")
        if not isinstance(types, list) or not set(types) <= _GEOMETRY_TYPES:
            yield f"geometry_types of {name!r} is {types!r}"
        crs = column.get("crs")
        if not isinstance(crs, dict) or "type" not in crs or "name" not in crs:
            yield f"crs of {name!r} is not PROJJSON"
        box = column.get("bbox")
        if not isinstance(box, list) or len(box) != 4 or box[0] > box[2] or box[1] > box[3]:
            yield f"bbox of {name!r} is {box!r}"
        for corner, place in column.get("covering", {}).get("bbox", {}).items():
            if place[0] not in columns or corner != place[1]:
                yield f"covering of {name!r} names {place!r}"


def gpkg_problems(file: Path) -> Iterator[str]:
    """Problems of a GeoPackage: SQLite's own check, the application id, the layer and its geometry column."""
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            application = database.execute("PRAGMA application_id").fetchone()[0]
            check = database.execute("PRAGMA quick_check(1)").fetchone()[0]
            layers = [row[0] for row in database.execute("SELECT table_name FROM gpkg_geometry_columns")]
            known = {row[0] for row in database.execute("SELECT table_name FROM gpkg_contents")}
    except sqlite3.Error as error:
        yield f"not GeoPackage ({error})"
        return
    if application != _GPKG_APPLICATION_ID:
        yield f"application id is {application:#x}, expected {_GPKG_APPLICATION_ID:#x}"
    if check != "ok":
        yield f"SQLite finds {check}"
    if not layers or not set(layers) <= known:
        yield "no layer with geometry"
