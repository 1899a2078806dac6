"""Polygons with their attributes as GeoParquet 1.1 and GeoPackage, in one pass and constant memory."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely
from numpy.typing import NDArray

from learning.release import geodesy

ROWS_PER_GROUP = 20_000
GEOPARQUET_VERSION = "1.1.0"
_GPKG_PAGE = 16_384  # bytes; SQLite's own 4,096 hold five polygons and take a fifth longer to write

_BBOX = pa.struct([("xmin", pa.float64()), ("ymin", pa.float64()), ("xmax", pa.float64()), ("ymax", pa.float64())])


def with_geometry(attributes: pa.Schema) -> pa.Schema:
    """A schema of attributes, followed by `bbox` and `geometry` (WKB)."""
    return attributes.append(pa.field("bbox", _BBOX)).append(pa.field("geometry", pa.binary()))


def geometry_columns(geometries: NDArray[np.object_], bounds: NDArray[np.float64]) -> list[pa.Array]:
    """The columns that `with_geometry` adds; `bounds` is float64 (polygon, 4)."""
    return [bbox_column(bounds), wkb_column(geometries)]


def bbox_column(bounds: NDArray[np.float64]) -> pa.StructArray:
    """Bounds, float64 (polygon, 4), as the column that covers each geometry."""
    corners = [pa.array(bounds[:, k]) for k in range(4)]
    return pa.StructArray.from_arrays(corners, fields=list(_BBOX))


def wkb_column(geometries: NDArray[np.object_]) -> pa.BinaryArray:
    """Polygons as little-endian WKB."""
    return pa.array(shapely.to_wkb(geometries, byte_order=1), type=pa.binary())


def geo_metadata(*, crs: str, bounds_crs: tuple[float, float, float, float]) -> dict[str, object]:
    """GeoParquet's `geo` metadata for a file of polygons in `crs`."""
    covering = {corner: ["bbox", corner] for corner in ("xmin", "ymin", "xmax", "ymax")}
    column: dict[str, object] = {
        "encoding": "WKB",
        "geometry_types": ["Polygon"],
        "crs": geodesy.projjson(crs),
        "orientation": "counterclockwise",
        "edges": "planar",
        "bbox": list(bounds_crs),
        "covering": {"bbox": covering},
    }
    return {"version": GEOPARQUET_VERSION, "primary_column": "geometry", "columns": {"geometry": column}}


def copy_to_gpkg(parquet: Path, path: Path, *, layer: str, crs: str, changed_at: datetime) -> None:
    """Copy a GeoParquet of polygons into a layer of a GeoPackage, without its `bbox`, batch by batch."""
    source = pq.ParquetFile(parquet, pre_buffer=False)  # else all of the file is read ahead
    schema = without_bbox(source.schema_arrow)
    batches = (batch.select(schema.names) for batch in source.iter_batches(ROWS_PER_GROUP, columns=schema.names))
    reader = pa.RecordBatchReader.from_batches(schema, batches)
    write_gpkg(reader, path, layer=layer, crs=crs, changed_at=changed_at)


def without_bbox(schema: pa.Schema) -> pa.Schema:
    """The columns that a GeoPackage has, whose spatial index says where each polygon is."""
    return pa.schema([item for item in schema if item.name != "bbox"])


def write_gpkg(
    reader: pa.RecordBatchReader, path: Path, *, layer: str, crs: str, changed_at: datetime, flushed: bool = True
) -> None:
    """Write polygons, their WKB in the column `geometry`, as a layer of a GeoPackage, the spatial index last.

    GeoPackage stores the time of its last change: it is set to `changed_at` (UTC), and the spatial index is
    built on one thread, so that a second build has the same bytes. GDAL's options are process-wide and
    restored after. Not `flushed`, the bytes may not be on the disk yet: for whoever flushes the whole file once,
    where SQLite waits for the disk at each step.
    """
    options = {
        "OGR_CURRENT_DATE": changed_at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "OGR_GPKG_ALLOW_THREADED_RTREE": "NO",
        "OGR_SQLITE_PRAGMA": f"page_size={_GPKG_PAGE}",
        "OGR_SQLITE_SYNCHRONOUS": None if flushed else "OFF",
    }
    pyogrio.set_gdal_config_options(options)
    try:
        pyogrio.write_arrow(
            reader, path, layer=layer, driver="GPKG", geometry_type="Polygon", geometry_name="geometry", crs=crs
        )
    finally:
        pyogrio.set_gdal_config_options(dict.fromkeys(options))
