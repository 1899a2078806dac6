"""Annotations as GeoParquet 1.1, GeoPackage and GeoJSON.

GeoParquet and GeoPackage are written together, in one pass over the rows; the GeoJSON is copied from the GeoParquet, so
that the three hold the same rows in the same order. Memory is that of a few batches.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely

from annotation.core.side_by_side import Behind, side_by_side
from learning.release import geodesy, layout
from learning.release.annotation_rows import (
    COMMON,
    ROWS_PER_GROUP,
    CheckedRows,
    Key,
    RowRules,
    checked_rows,
    refuse_order,
)
from learning.release.errors import InvalidContents
from learning.release.gpkg_process import gpkg_writer
from learning.release.polygon_files import geo_metadata, without_bbox
from learning.release.text import compact_json

CHECKING_THREADS = 2
_NEVER_REPEATING = ("feature_id", "bbox", "geometry")  # a dictionary of them would be as long as they are


@dataclass(frozen=True, slots=True)
class AnnotationSummary:
    """What was written: features, distinct annotations and contributors, features a class, bounds."""

    features: int
    annotations: int
    contributors: int
    class_counts: dict[str, int]
    bounds_crs: tuple[float, float, float, float]


class _Tally:
    """Counts and bounds gathered while the rows stream by."""

    def __init__(self) -> None:
        self.features = 0
        self.annotations = 0
        self.contributors: set[str] = set()
        self.classes: Counter[str] = Counter()
        self.bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])
        self.last: Key | None = None

    def add(self, rows: CheckedRows) -> None:
        """Count one batch. Raises UnorderedRecords when it does not come behind the one before."""
        if self.last is not None:
            refuse_order(rows.first, self.last)
        # All rows of an annotation follow each other.
        goes_on = self.last is not None and self.last[:3] == rows.first[:3]
        ids = rows.batch["annotation_id"]
        self.annotations += len(ids.unique()) - goes_on
        self.features += rows.batch.num_rows
        self.contributors.update(rows.batch["contributor_id"].unique().to_pylist())
        for found in rows.batch["class_code"].value_counts().to_pylist():
            self.classes[found["values"]] += found["counts"]
        self.bounds[:2] = np.minimum(self.bounds[:2], rows.bounds_crs[:2])
        self.bounds[2:] = np.maximum(self.bounds[2:], rows.bounds_crs[2:])
        self.last = rows.last

    def summary(self) -> AnnotationSummary:
        """The counts as a plain record."""
        left, bottom, right, top = (float(value) for value in self.bounds)
        return AnnotationSummary(
            features=self.features,
            annotations=self.annotations,
            contributors=len(self.contributors),
            class_counts=dict(sorted(self.classes.items())),
            bounds_crs=(left, bottom, right, top),
        )


def write_annotations(
    root: Path, batches: Iterable[pa.RecordBatch], *, rules: RowRules, crs: str, published_on: datetime
) -> AnnotationSummary:
    """Write `annotations/annotations.parquet` (ZSTD) and `.gpkg` (layer `annotations`) under `root`.

    Args:    batches: of annotation_rows.ROWS, by tile row, tile column, annotation id, revision number and feature id
             (by code point), each once; a batch is a row group, cut where it is longer than 5,000 rows. Geometries
             are in `crs`.
    Raises:  InvalidContents: no row, unknown class, invalid polygon. UnorderedRecords: order or repeated key.
             UnusableArtefact: the GeoPackage could not be written.
    Source:  GeoParquet 1.1.0 (`geo` metadata, WKB, `covering.bbox`), rings counter-clockwise.
    """
    path = root / layout.ANNOTATIONS_PARQUET
    path.parent.mkdir(parents=True, exist_ok=True)
    tally, gpkg_schema = _Tally(), without_bbox(rules.schema)
    with (
        gpkg_writer(
            root / layout.ANNOTATIONS_GPKG, gpkg_schema, layer=layout.ANNOTATIONS_LAYER, crs=crs,
            changed_at=published_on,
        ) as gpkg,
        _parquet(path, rules) as parquet,
    ):  # fmt: skip
        # Each file waits for its own writer alone: they take turns at being the slower one.
        with Behind(gpkg.write_batch) as to_gpkg, Behind(parquet.write_batch) as to_parquet:
            for rows in _checked(batches, rules):
                tally.add(rows)
                to_gpkg.give(rows.batch.select(gpkg_schema.names))
                to_parquet.give(rows.batch)
        if tally.features == 0:
            raise InvalidContents("no annotation to publish; accept some before making a release")
        summary = tally.summary()
        parquet.add_key_value_metadata({"geo": compact_json(geo_metadata(crs=crs, bounds_crs=summary.bounds_crs))})
    return summary


def write_history(root: Path, batches: Iterable[pa.RecordBatch], *, rules: RowRules, crs: str) -> int:
    """Write `annotations/history.parquet`: every revision that led to what is published, as write_annotations does.

    Returns: rows. Raises: as write_annotations; no row is no error.
    """
    tally = _Tally()
    with _parquet(root / layout.ANNOTATIONS_HISTORY, rules) as parquet:
        for rows in _checked(batches, rules):
            tally.add(rows)
            parquet.write_batch(rows.batch)
        bounds = tally.summary().bounds_crs if tally.features else (0.0, 0.0, 0.0, 0.0)
        parquet.add_key_value_metadata({"geo": compact_json(geo_metadata(crs=crs, bounds_crs=bounds))})
    return tally.features


def _parquet(path: Path, rules: RowRules) -> pq.ParquetWriter:
    repeating = [name for name in rules.schema.names if name not in _NEVER_REPEATING]
    return pq.ParquetWriter(path, rules.schema, compression="zstd", version="2.6", use_dictionary=repeating)


def _checked(batches: Iterable[pa.RecordBatch], rules: RowRules) -> Iterator[CheckedRows]:
    """The batches in their order, some checked at once, since most of a check is done without Python's lock."""
    groups = (
        batch.slice(start, ROWS_PER_GROUP) for batch in batches for start in range(0, batch.num_rows, ROWS_PER_GROUP)
    )
    checked = side_by_side(lambda group: checked_rows(group, rules), groups, threads=CHECKING_THREADS)
    with contextlib.closing(checked):
        for _group, rows in checked:
            yield rows


def write_annotations_geojson(root: Path, *, crs: str) -> None:
    """Copy the GeoParquet into `annotations/annotations.geojson`, one feature a line.

    RFC 7946: longitude and latitude, 7 decimals; without the columns that the nomenclature and the release say for all.
    The STAC label extension asks for a GeoJSON label asset.
    """
    source = pq.ParquetFile(root / layout.ANNOTATIONS_PARQUET, pre_buffer=False)
    kept = [name for name in source.schema_arrow.names if name not in {*COMMON, "bbox", "geometry"}]
    with (root / layout.ANNOTATIONS_GEOJSON).open("w", encoding="utf-8", newline="\n") as handle:
        handle.write('{"type":"FeatureCollection","features":[\n')
        separator = ""
        for batch in source.iter_batches(batch_size=ROWS_PER_GROUP, columns=[*kept, "geometry"]):
            geometries = geodesy.geometries_wgs84(shapely.from_wkb(batch["geometry"].to_numpy(False)), crs)
            handle.write(separator)
            handle.write(",\n".join(_features(batch.select(kept), shapely.to_geojson(geometries))))
            separator = ",\n"
        handle.write("\n]}\n")


def _features(attributes: pa.RecordBatch, geometries: np.ndarray) -> list[str]:
    """One GeoJSON feature a row, its members in order of their names as everywhere in a release."""
    pieces: list[pa.Array | str] = []
    for name in sorted(attributes.schema.names):
        pieces += [f'{"," if pieces else ""}"{name}":', _as_json(attributes[name])]
    properties = pc.binary_join_element_wise(*pieces, "")
    shapes = pa.array(geometries, pa.string())
    head, middle, tail = '{"geometry":', ',"properties":{', '},"type":"Feature"}'
    return list(pc.binary_join_element_wise(head, shapes, middle, properties, tail, "").to_pylist())


def _as_json(column: pa.Array) -> pa.Array:
    """JSON text of each value; texts and days are quoted, nothing is `null`."""
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        written = column.cast(pa.string())
    else:
        coded = column.cast(pa.string()).dictionary_encode()
        quoted = pa.array([json.dumps(text, ensure_ascii=False) for text in coded.dictionary.to_pylist()], pa.string())
        written = quoted.take(coded.indices)
    return written.fill_null("null")
