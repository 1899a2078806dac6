"""Annotations as GeoParquet 1.1, GeoPackage and GeoJSON.

The GeoParquet is written first, in one pass over the records; the two others are copied from it batch by
batch, so that the three hold the same rows in the same order and memory stays constant.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from learning.release import geodesy, layout
from learning.release.contents import AnnotationRecord
from learning.release.errors import InvalidContents, UnorderedRecords
from learning.release.polygon_files import (
    ROWS_PER_GROUP,
    copy_to_gpkg,
    geo_metadata,
    geometry_columns,
    with_geometry,
)
from learning.release.rules import check_annotation
from learning.release.text import compact_json

_ATTRIBUTES = pa.schema(
    [
        ("annotation_id", pa.string()),
        ("revision_id", pa.string()),
        ("revision_number", pa.int32()),
        ("tile_id", pa.string()),
        ("tile_row", pa.int32()),
        ("tile_col", pa.int32()),
        ("role", pa.string()),
        ("feature_id", pa.string()),
        ("class_code", pa.string()),
        ("provenance", pa.string()),
        ("state", pa.string()),
        ("contributor_id", pa.string()),
        ("reviewed_on", pa.date32()),
        ("image_date", pa.date32()),
        ("licence", pa.string()),
    ]
)
SCHEMA = with_geometry(_ATTRIBUTES)


@dataclass(frozen=True, slots=True)
class AnnotationSummary:
    """What was written: features, distinct annotations and contributors, features a class, bounds."""

    features: int
    annotations: int
    contributors: int
    class_counts: dict[str, int]
    bounds_crs: tuple[float, float, float, float]


class _Tally:
    """Counts and bounds gathered while the records stream by."""

    def __init__(self) -> None:
        self.features = 0
        self.annotations: set[str] = set()
        self.contributors: set[str] = set()
        self.classes: Counter[str] = Counter()
        self.bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])

    def add(self, records: list[AnnotationRecord], bounds: np.ndarray) -> None:
        """Count one batch; `bounds` is float64 (record, 4)."""
        self.features += len(records)
        self.annotations.update(record.annotation_id for record in records)
        self.contributors.update(record.contributor_id for record in records)
        self.classes.update(record.class_code for record in records)
        self.bounds[:2] = np.minimum(self.bounds[:2], bounds[:, :2].min(axis=0))
        self.bounds[2:] = np.maximum(self.bounds[2:], bounds[:, 2:].max(axis=0))

    def summary(self) -> AnnotationSummary:
        """The counts as a plain record."""
        left, bottom, right, top = (float(value) for value in self.bounds)
        return AnnotationSummary(
            features=self.features,
            annotations=len(self.annotations),
            contributors=len(self.contributors),
            class_counts=dict(sorted(self.classes.items())),
            bounds_crs=(left, bottom, right, top),
        )


def write_annotations_parquet(
    root: Path,
    records: Iterable[AnnotationRecord],
    *,
    crs: str,
    codes: frozenset[str],
    account_names: frozenset[str] = frozenset(),
) -> AnnotationSummary:
    """Write `annotations/annotations.parquet` under `root`, ZSTD, one row group every 20,000 features.

    Args:    records: sorted by `AnnotationRecord.sort_key`, strictly increasing; geometries in `crs`.
    Raises:  InvalidContents: no record, unknown class, invalid polygon. UnorderedRecords: order or repeated
             key.
    Source:  GeoParquet 1.1.0 (`geo` metadata, WKB, `covering.bbox`), rings counter-clockwise.
    """
    path = root / layout.ANNOTATIONS_PARQUET
    path.parent.mkdir(parents=True, exist_ok=True)
    tally = _Tally()
    ordered = _in_order(records, codes=codes, account_names=account_names)
    with pq.ParquetWriter(path, SCHEMA, compression="zstd", version="2.6") as writer:
        while batch := list(islice(ordered, ROWS_PER_GROUP)):
            geometries = shapely.orient_polygons(np.array([record.geometry for record in batch], dtype=object))
            bounds = shapely.bounds(geometries)
            tally.add(batch, bounds)
            writer.write_batch(_batch(batch, geometries, bounds))
        if tally.features == 0:
            raise InvalidContents("no annotation to publish; accept some before making a release")
        summary = tally.summary()
        writer.add_key_value_metadata({"geo": compact_json(geo_metadata(crs=crs, bounds_crs=summary.bounds_crs))})
    return summary


def _in_order(
    records: Iterable[AnnotationRecord], *, codes: frozenset[str], account_names: frozenset[str]
) -> Iterator[AnnotationRecord]:
    previous: tuple[int, int, str, str] | None = None
    for record in records:
        check_annotation(record, codes=codes, account_names=account_names)
        if previous is not None and record.sort_key <= previous:
            raise UnorderedRecords(
                f"annotation record {record.sort_key} comes after {previous}; sort by tile row, tile column, "
                "annotation id, feature id (by code point), each once"
            )
        previous = record.sort_key
        yield record


def _batch(records: list[AnnotationRecord], geometries: np.ndarray, bounds: np.ndarray) -> pa.RecordBatch:
    columns = [pa.array([getattr(record, field.name) for record in records], type=field.type) for field in _ATTRIBUTES]
    return pa.RecordBatch.from_arrays([*columns, *geometry_columns(geometries, bounds)], schema=SCHEMA)


def write_annotations_gpkg(root: Path, *, crs: str, published_on: datetime) -> None:
    """Copy the GeoParquet into `annotations/annotations.gpkg`, layer `annotations`, as copy_to_gpkg does."""
    copy_to_gpkg(
        root / layout.ANNOTATIONS_PARQUET, root / layout.ANNOTATIONS_GPKG, layer=layout.ANNOTATIONS_LAYER, crs=crs,
        changed_at=published_on,
    )  # fmt: skip


def write_annotations_geojson(root: Path, *, crs: str) -> None:
    """Copy the GeoParquet into `annotations/annotations.geojson`, one feature a line.

    RFC 7946: longitude and latitude, 7 decimals. The STAC label extension asks for a GeoJSON label asset.
    """
    source = pq.ParquetFile(root / layout.ANNOTATIONS_PARQUET, pre_buffer=False)
    kept = [*_ATTRIBUTES.names, "geometry"]
    separator = "\n"
    with (root / layout.ANNOTATIONS_GEOJSON).open("w", encoding="utf-8", newline="\n") as handle:
        handle.write('{"type":"FeatureCollection","features":[')
        for batch in source.iter_batches(batch_size=ROWS_PER_GROUP, columns=kept):
            rows = batch.drop_columns(["geometry"]).to_pylist()
            geometries = geodesy.geometries_wgs84(shapely.from_wkb(batch["geometry"].to_pylist()), crs)
            for row, geometry in zip(rows, shapely.to_geojson(geometries), strict=True):
                properties = {key: _json_value(value) for key, value in row.items()}
                feature = {"type": "Feature", "geometry": json.loads(geometry), "properties": properties}
                handle.write(separator + compact_json(feature))
                separator = ",\n"
        handle.write("\n]}\n")


def _json_value(value: object) -> object:
    return value.isoformat() if hasattr(value, "isoformat") else value
