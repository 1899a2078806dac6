"""Reading a mosaic graph: a GeoPackage of polygons, each the ground that one photograph gave, with its day.

A GeoPackage is an SQLite database, which is read as such: GDAL's driver for it is not among those of the sandbox, in
which this is called. Source: OGC 12-128r19 (GeoPackage 1.4), clauses 1.1.2 and 2.1.3.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyproj
import shapely

from annotation.raster.errors import UnusableMosaicGraph
from annotation.raster.gate import local_file

MAX_FILE_BYTES = 512 * 2**20
MAX_PIECES = 500_000
ANSWER_BYTES = 4 * 2**20  # of hexadecimal in one answer: what a sandbox says is one line
DEGREES = 7  # decimals: a centimetre
ENVELOPE_BYTES = (0, 32, 48, 48, 64)
DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ].*)?")
OTHER_DAYS = (
    re.compile(r"(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)"),
    re.compile(r"(?P<d>\d\d)/(?P<m>\d\d)/(?P<y>\d{4})"),
)


def read_pieces(path: str, *, date_field: str | None = None, begin: int = 0) -> dict[str, Any]:
    """Pieces of a mosaic graph from number `begin` on, as many as fit in an answer.

    Args: date_field: the column with the day; may be left out where one column alone has a name with "date" in it.

    Returns: `pieces`: [day, WKB of a multipolygon in degrees as hexadecimal] each; `next`: where to go on, None at the
    end. Raises: UnusableMosaicGraph, NotALocalFile.
    """
    file = local_file(path)
    if file.stat().st_size > MAX_FILE_BYTES:
        raise _refused(file, f"has {file.stat().st_size / 2**20:.0f} MiB, {MAX_FILE_BYTES >> 20} are read")
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            database.execute("PRAGMA trusted_schema = OFF")
            database.execute("PRAGMA query_only = ON")
            return _read(database, file, date_field, begin)
    except (sqlite3.Error, UnicodeDecodeError, OverflowError) as error:
        raise _refused(file, f"cannot be read as a GeoPackage ({error})") from error


def _read(database: sqlite3.Connection, file: Path, date_field: str | None, begin: int) -> dict[str, Any]:
    table, geometry, srs = _geometry_column(database, file)
    field = _date_field(database, file, table, date_field)
    to_degrees = pyproj.Transformer.from_crs(_crs(database, file, srs), "EPSG:4326", always_xy=True)
    (total,) = database.execute(f"SELECT count(*) FROM {_quoted(table)}").fetchone()  # noqa: S608 (quoted below)
    if total > MAX_PIECES:
        raise _refused(file, f"has {total:,} pieces, {MAX_PIECES:,} are read")
    rows = database.execute(
        f"SELECT {_quoted(field)}, {_quoted(geometry)} FROM {_quoted(table)} "  # noqa: S608 (names quoted, of the file)
        "ORDER BY rowid LIMIT -1 OFFSET ?",
        (begin,),
    )
    pieces: list[list[str]] = []
    size = 0
    for number, (day, blob) in enumerate(rows, start=begin):
        ground = _in_degrees(_shape(file, blob, number), to_degrees)
        pieces.append([_day(file, day, field, number).isoformat(), ground])
        size += len(ground)
        if size > ANSWER_BYTES:
            return {"pieces": pieces, "next": number + 1 if number + 1 < total else None}
    return {"pieces": pieces, "next": None}


def _geometry_column(database: sqlite3.Connection, file: Path) -> tuple[str, str, int]:
    """Table, geometry column and spatial reference of the one layer of features."""
    found = database.execute(
        "SELECT g.table_name, g.column_name, g.srs_id FROM gpkg_geometry_columns g JOIN sqlite_master m "
        "ON m.name = g.table_name AND m.type = 'table'"
    ).fetchmany(10)
    if len(found) != 1:
        names = ", ".join(str(row[0])[:60] for row in found) or "none"
        raise _refused(file, f"has the layers {names} where a mosaic graph has one")
    table, geometry, srs = found[0]
    return str(table), str(geometry), int(srs)


def _crs(database: sqlite3.Connection, file: Path, srs: int) -> pyproj.CRS:
    row = database.execute(
        "SELECT organization, organization_coordsys_id FROM gpkg_spatial_ref_sys WHERE srs_id = ?", (srs,)
    ).fetchone()
    if row is None or str(row[0]).upper() != "EPSG":
        raise _refused(file, f"has the coordinate system {row}, not one with an EPSG code")
    try:
        return pyproj.CRS.from_epsg(int(row[1]))
    except (pyproj.exceptions.CRSError, ValueError, TypeError) as error:
        raise _refused(file, f"has the unknown coordinate system EPSG:{str(row[1])[:20]}") from error


def _date_field(database: sqlite3.Connection, file: Path, table: str, wanted: str | None) -> str:
    names = [str(row[1]) for row in database.execute(f"PRAGMA table_info({_quoted(table)})")]
    if wanted is not None:
        if wanted in names:
            return wanted
        raise _refused(file, f"has no column {wanted!r}, but {', '.join(names)[:300]}")
    likely = [name for name in names if "date" in name.lower()]
    if len(likely) != 1:
        raise _refused(file, f"has the columns {', '.join(names)[:300]}: say which one is the day")
    return likely[0]


def _shape(file: Path, blob: Any, number: int) -> shapely.Geometry:
    """The geometry of a GeoPackage's binary: a header, then WKB."""
    if not isinstance(blob, bytes) or len(blob) < 8 or blob[:2] != b"GP" or (blob[3] >> 1 & 7) > 4:
        raise _refused(file, f"has no geometry in piece {number + 1}")
    try:
        shape = shapely.force_2d(shapely.from_wkb(blob[8 + ENVELOPE_BYTES[blob[3] >> 1 & 7] :]))
    except shapely.errors.GEOSException as error:
        raise _refused(file, f"has a damaged geometry in piece {number + 1} ({str(error)[:80]})") from error
    if shape is None or shape.geom_type not in ("Polygon", "MultiPolygon") or shape.is_empty or not shape.is_valid:
        what = "nothing" if shape is None else f"{shape.geom_type}: {shapely.is_valid_reason(shape)[:80]}"
        raise _refused(file, f"has no valid polygon in piece {number + 1} ({what})")
    return shape if isinstance(shape, shapely.MultiPolygon) else shapely.MultiPolygon([cast(shapely.Polygon, shape)])


def _in_degrees(shape: shapely.Geometry, to_degrees: pyproj.Transformer) -> str:
    moved = shapely.transform(shape, lambda xy: _columns(to_degrees.transform(xy[:, 0], xy[:, 1])))
    return str(shapely.to_wkb(moved, hex=True))


def _columns(lonlat: Sequence[Any]) -> Any:
    return np.column_stack(lonlat).round(DEGREES)


def _day(file: Path, value: Any, field: str, number: int) -> date:
    text = str(value).strip()
    match = DAY.fullmatch(text)
    try:
        if match:
            return date(int(match[1]), int(match[2]), int(match[3]))
        for pattern in OTHER_DAYS:
            if other := pattern.fullmatch(text):
                return date(int(other["y"]), int(other["m"]), int(other["d"]))
    except ValueError:
        pass
    raise _refused(file, f"has {text[:40]!r} in {field} of piece {number + 1}, not a day such as 2022-06-14")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _refused(file: Path, what: str) -> UnusableMosaicGraph:
    return UnusableMosaicGraph(f"{file.name} {what}. Export the mosaic graph again as a GeoPackage of one layer.")
