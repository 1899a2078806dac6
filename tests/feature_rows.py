"""Published releases with polygons for tests of what is served from their files: made in one go, seeded."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from learning.release import annotation_rows, map_polygons
from learning.release.polygon_files import ROWS_PER_GROUP, geo_metadata, geometry_columns

CODES = ("CS1.1.1.1", "CS2.2.1")
LEFT, TOP, STEP_M = 500_000.0, 6_300_000.0, 25.0


def blobs(count: int, *, corners: int = 12, seed: int = 1) -> np.ndarray:
    """Polygons in Lambert-93, one every 25 m, row by row from the north-west."""
    side = int(np.ceil(np.sqrt(count)))
    number = np.arange(count)
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    radius = np.random.default_rng(seed).uniform(5, 12, (count, corners))
    x = LEFT + (number % side)[:, None] * STEP_M + radius * np.cos(turn)
    y = TOP - (number // side)[:, None] * STEP_M + radius * np.sin(turn)
    rings = np.stack([np.c_[x, x[:, :1]], np.c_[y, y[:, :1]]], axis=-1)
    return shapely.orient_polygons(shapely.polygons(rings))


def write_polygons(
    path: Path, polygons: np.ndarray, *, kind: str = "annotations", crs: str = "EPSG:2154", rows_per_group: int = 0
) -> None:
    """A GeoParquet file as releases hold them: annotations, five a tile, or polygons of a map."""
    schema = annotation_rows.SCHEMA if kind == "annotations" else map_polygons.SCHEMA
    group = rows_per_group or ROWS_PER_GROUP
    path.parent.mkdir(parents=True, exist_ok=True)
    bounds = shapely.bounds(polygons)
    with pq.ParquetWriter(path, schema, compression="zstd", version="2.6") as writer:
        for start in range(0, len(polygons), group):
            numbers = range(start, min(start + group, len(polygons)))
            found = [_column(field.name, field.type, numbers) for field in schema if field.name not in _GEOMETRY]
            part = slice(start, start + group)
            columns = [*found, *geometry_columns(polygons[part], bounds[part])]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
        total = tuple(float(value) for value in shapely.total_bounds(polygons))
        writer.add_key_value_metadata({"geo": json.dumps(geo_metadata(crs=crs, bounds_crs=total))})


_GEOMETRY = ("bbox", "geometry")
_VALUES = {
    "annotation_id": lambda n: str(1000 + n // 5),
    "revision_id": lambda n: str(5000 + n // 5),
    "tile_id": lambda n: str(n // 5),
    "feature_id": lambda n: f"f{n % 5}",
    "class_code": lambda n: CODES[n % 2],
    "provenance": lambda n: "drawn",
    "role": lambda n: "pool",
    # The third of every three has no known day.
    "image_date": lambda n: None if n % 3 == 2 else date(2023, 6, 1 + n % 3),
    "reason": lambda n: "",
}


def _column(name: str, kind: Any, numbers: range) -> pa.Array:
    value = _VALUES.get(name)
    if value is None:
        empty: Any = {pa.string(): "", pa.bool_(): False, pa.date32(): None}.get(kind, 0)
        return pa.array([empty] * len(numbers), type=kind)
    return pa.array([value(n) for n in numbers], type=kind)


def release_with(
    campaign: Any, version: str, polygons: np.ndarray, *, with_map: bool = False, rows_per_group: int = 0
) -> Any:
    """A published release put in place by hand, whose annotations (and map) are these polygons."""
    from learning.models import Release
    from learning.release import layout
    from learning.release.manifest import write_manifest
    from learning.services.releases import finish_release

    row = Release.objects.create(
        campaign=campaign, version=version, title=f"Release of {campaign.slug}", folder=f"{campaign.slug}-{version}"
    )
    shutil.rmtree(row.path, ignore_errors=True)
    write_polygons(row.path / layout.ANNOTATIONS_PARQUET, polygons, rows_per_group=rows_per_group)
    if with_map:
        write_polygons(row.path / layout.MAP_VECTORS_DIR / "land_cover.parquet", polygons, kind="map")
    (row.path / "LICENSE.txt").write_text("etalab-2.0")
    described = {"counts": {"tiles": {"train": 1, "test": 1}, "contributors": 1}, "licence": "etalab-2.0"}
    (row.path / "release.json").write_text(json.dumps({**described, "attribution": "a"}))
    write_manifest(row.path, version=version)
    return finish_release(release=row)
