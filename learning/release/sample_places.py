"""The places of a sample as GeoParquet 1.1: where each lies, how it was drawn, what the map and people say there."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from learning.release.contents import SamplePlace
from learning.release.polygon_files import geo_metadata, geometry_columns, with_geometry
from learning.release.text import compact_json

SCHEMA = with_geometry(
    pa.schema(
        [
            pa.field("number", pa.int32(), nullable=False),
            pa.field("stratum", pa.string(), nullable=False),
            pa.field("inclusion_probability", pa.float64(), nullable=False),
            pa.field("mapped", pa.string()),
            pa.field("seen", pa.string()),
            pa.field("learnt_from", pa.bool_(), nullable=False),
        ]
    )
)


def places_table(
    places: Sequence[SamplePlace], *, unit_px: int, crs: str, transform: Sequence[float]
) -> pa.Table:  # fmt: skip
    """A row a place, in the order of numbers; geometries are squares in the layer's CRS.

    Args:
        unit_px: side of a place in pixels. transform: a, b, c, d, e, f of the layer's pixels.
    """
    attributes: list[pa.Array] = [
        pa.array([place.number for place in places], pa.int32()),
        pa.array([place.stratum for place in places], pa.string()),
        pa.array([place.inclusion_probability for place in places], pa.float64()),
        pa.array([place.mapped or None for place in places], pa.string()),
        pa.array([place.seen or None for place in places], pa.string()),
        pa.array([place.learnt_from for place in places], pa.bool_()),
    ]
    at = [(place.row, place.col) for place in places]
    return with_squares(attributes, at, schema=SCHEMA, unit_px=unit_px, crs=crs, transform=transform)


def with_squares(
    attributes: list[pa.Array], at: Sequence[tuple[int, int]], *, schema: pa.Schema, unit_px: int, crs: str,
    transform: Sequence[float],
) -> pa.Table:  # fmt: skip
    """Attributes of places and their squares, from the row and column of each one's upper-left pixel."""
    a, b, c, d, e, f = transform
    rows, cols = np.array(at, np.float64).reshape(-1, 2).T
    corners = [(0, 0), (0, unit_px), (unit_px, unit_px), (unit_px, 0), (0, 0)]
    x = np.stack([c + a * (cols + right) + b * (rows + down) for right, down in corners], axis=1)
    y = np.stack([f + d * (cols + right) + e * (rows + down) for right, down in corners], axis=1)
    squares = np.asarray(shapely.orient_polygons(shapely.polygons(np.stack([x, y], axis=-1))), np.object_)
    west, south, east, north = (float(edge) for edge in shapely.total_bounds(squares))
    geo = compact_json(geo_metadata(crs=crs, bounds_crs=(west, south, east, north)))
    columns = [*attributes, *geometry_columns(squares, shapely.bounds(squares))]
    return pa.Table.from_arrays(columns, schema=schema).replace_schema_metadata({"geo": geo})


def write_places(table: pa.Table, path: Path) -> None:
    """Write the table; the same bytes for the same table, on the same versions of the libraries."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(places_bytes(table))


def places_bytes(table: pa.Table) -> bytes:
    """The table as a file in memory: a sample is small."""
    out = BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()
