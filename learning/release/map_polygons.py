"""A map's polygons as GeoParquet 1.1 and GeoPackage: what each column holds, and what there is of too small ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from learning.core.polygons.join import Polygons
from learning.release.errors import InvalidContents
from learning.release.polygon_files import (
    ROWS_PER_GROUP,
    copy_to_gpkg,
    geo_metadata,
    geometry_columns,
    with_geometry,
)
from learning.release.text import compact_json

LAYER = "land_cover"

_ATTRIBUTES = pa.schema(
    [
        ("region_id", pa.int64()),  # pieces of a region that was too large to be joined share it
        ("class_code", pa.string()),
        ("label_fr", pa.string()),
        ("label_en", pa.string()),
        ("area_m2", pa.float64()),
        ("pixels", pa.int64()),  # of the whole region, before its outline was simplified
        ("mean_width_m", pa.float64()),  # twice the area by the perimeter
        ("is_narrow", pa.bool_()),  # below the least width of its class
        ("reason", pa.string()),  # why it may be below its minimum unit, see join.py; empty otherwise
        ("vintage", pa.int32()),
        ("model", pa.string()),
    ]
)
SCHEMA = with_geometry(_ATTRIBUTES)
_NATIONAL = pa.field("national_code", pa.string())  # of a theme, behind the class's own
_THEME_ATTRIBUTES = _ATTRIBUTES.insert(_ATTRIBUTES.get_field_index("class_code") + 1, _NATIONAL)


@dataclass(frozen=True, slots=True)
class ClassText:
    """What is written of a class: code, labels, its least width in metres and, of a theme's, its national code."""

    code: str
    label_fr: str
    label_en: str
    width_m: float
    national_code: str = ""


@dataclass(frozen=True, slots=True)
class MapFacts:
    """What is written of a map.

    Args:
        classes: in the order of the map's raster values from 1.
        m_per_unit: metres on the ground in a unit of the CRS: the pixel's side in the one by its side in the other.
    """

    crs: str
    classes: Sequence[ClassText]
    m_per_unit: float
    vintage: int
    model: str

    @property
    def attributes(self) -> pa.Schema:
        """Columns that are written, but the geometry's."""
        return _THEME_ATTRIBUTES if any(each.national_code for each in self.classes) else _ATTRIBUTES


@dataclass(slots=True)
class PolygonCount:
    """What was written.

    Args: area_m2: of all. exceptions: polygons by the reason why they may be below their minimum unit.
    """

    polygons: int = 0
    narrow: int = 0
    area_m2: float = 0.0
    by_class: Counter[str] = field(default_factory=Counter)
    exceptions: Counter[str] = field(default_factory=Counter)
    bounds_crs: list[float] = field(default_factory=lambda: [np.inf, np.inf, -np.inf, -np.inf])


def write_map_parquet(path: Path, polygons: Iterable[Polygons], *, facts: MapFacts) -> PolygonCount:
    """Write a map's polygons, ZSTD, in row groups of 20,000 in the order in which they come.

    Raises: InvalidContents: there is none.
    """
    count, schema = PolygonCount(), with_geometry(facts.attributes)
    with pq.ParquetWriter(path, schema, compression="zstd", version="2.6") as writer:
        for table in whole_groups(_batches(polygons, facts, count), schema):
            writer.write_table(table, row_group_size=ROWS_PER_GROUP)
        if not count.polygons:
            raise InvalidContents("the map has no imagery, so there is no polygon to write; make the map again")
        bounds = (count.bounds_crs[0], count.bounds_crs[1], count.bounds_crs[2], count.bounds_crs[3])
        writer.add_key_value_metadata({"geo": compact_json(geo_metadata(crs=facts.crs, bounds_crs=bounds))})
    return count


def write_map_gpkg(parquet: Path, path: Path, *, crs: str, changed_at: datetime) -> None:
    """Copy the polygons into a GeoPackage, layer `land_cover`."""
    copy_to_gpkg(parquet, path, layer=LAYER, crs=crs, changed_at=changed_at)


def _batches(polygons: Iterable[Polygons], facts: MapFacts, count: PolygonCount) -> Iterator[pa.RecordBatch]:
    for found in polygons:
        if len(found.region):
            yield _batch(found, facts, count)


def _batch(found: Polygons, facts: MapFacts, count: PolygonCount) -> pa.RecordBatch:
    geometry, place = found.geometry, found.value.astype(np.int64) - 1
    area = shapely.area(geometry) * facts.m_per_unit**2
    perimeter = shapely.length(geometry) * facts.m_per_unit
    width = 2 * area / perimeter
    least = np.array([each.width_m for each in facts.classes])[place]
    bounds = shapely.bounds(geometry)
    count.polygons += len(geometry)
    count.narrow += int((width < least).sum())
    count.area_m2 += float(area.sum())
    count.by_class.update(facts.classes[k].code for k in place.tolist())
    count.exceptions.update(reason for reason in found.reason.tolist() if reason)
    low, high = bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)
    count.bounds_crs = [
        *np.minimum(count.bounds_crs[:2], low).tolist(),
        *np.maximum(count.bounds_crs[2:], high).tolist(),
    ]
    names = {"class_code": "code", _NATIONAL.name: "national_code", "label_fr": "label_fr", "label_en": "label_en"}
    texts = {
        column: np.array([getattr(each, name) for each in facts.classes], object)[place]
        for column, name in names.items()
        if column in facts.attributes.names
    }
    columns = [
        found.region, *texts.values(), area, found.pixels, width, width < least, found.reason,
        np.full(len(place), facts.vintage), np.full(len(place), facts.model, object),
    ]  # fmt: skip
    arrays = [pa.array(values, type=each.type) for values, each in zip(columns, facts.attributes, strict=True)]
    schema = with_geometry(facts.attributes)
    return pa.RecordBatch.from_arrays([*arrays, *geometry_columns(geometry, bounds)], schema=schema)


def whole_groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Batches put together to whole row groups, however many rows each has."""
    kept = schema.empty_table()
    for batch in batches:
        kept = pa.concat_tables([kept, pa.Table.from_batches([batch])])
        while kept.num_rows >= ROWS_PER_GROUP:
            yield kept.slice(0, ROWS_PER_GROUP)
            kept = kept.slice(ROWS_PER_GROUP)
    if kept.num_rows:
        yield kept
