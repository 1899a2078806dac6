"""Artificialised ground as GeoParquet 1.1 with the names of fields that the OCS GE layer has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from learning.core.artificialisation import ARTIFICIALISED, NOT_ARTIFICIALISED, UNDECIDED
from learning.core.artificialised_kinds import Kind
from learning.core.polygons.join import Polygons
from learning.release.errors import InvalidContents
from learning.release.map_polygons import whole_groups
from learning.release.polygon_files import ROWS_PER_GROUP, geo_metadata, geometry_columns, with_geometry
from learning.release.text import compact_json

#: As OCS GE writes it; "indetermine" is ours, for ground whose usage nobody says and which that would decide.
WORDS = {ARTIFICIALISED: "artif", NOT_ARTIFICIALISED: "non artif", UNDECIDED: "indetermine"}

_ATTRIBUTES = pa.schema(
    [
        ("code_cs", pa.string()),
        ("code_us", pa.string()),  # empty: nobody says
        ("millesime", pa.int32()),
        ("artif", pa.string()),  # see WORDS
        ("crit_seuil", pa.string()),  # code of the criterion; empty: cover and usage alone
        ("motif", pa.string()),  # the criterion in French
        ("reason", pa.string()),  # and in English
        ("class_code", pa.string()),  # of the campaign's own nomenclature
        ("area_m2", pa.float64()),
        ("source", pa.string()),  # the model, then what was known of usage, what wins first
    ]
)
SCHEMA = with_geometry(_ATTRIBUTES)


@dataclass(frozen=True, slots=True)
class ArtificialisationFacts:
    """What is written of a map.

    Args:
        kinds: codes of cover and usage, and the kind, in the order of the raster's values from 1.
        class_codes: in the map's order.
        m_per_unit: metres on the ground in a unit of the CRS.
        criteria: reasons by criterion and language.
    """

    crs: str
    kinds: Sequence[tuple[str, str, Kind]]
    class_codes: Sequence[str]
    m_per_unit: float
    vintage: int
    source: str
    criteria: Mapping[str, Mapping[str, str]]


@dataclass(slots=True)
class _Tally:
    polygons: int = 0
    low: np.ndarray = field(default_factory=lambda: np.full(2, np.inf))
    high: np.ndarray = field(default_factory=lambda: np.full(2, -np.inf))


def write_artificialisation(path: Path, polygons: Iterable[Polygons], *, facts: ArtificialisationFacts) -> int:
    """Write the polygons of kinds, ZSTD, in row groups of 20,000; how many there are.

    Raises: InvalidContents: there is none.
    """
    tally = _Tally()
    with pq.ParquetWriter(path, SCHEMA, compression="zstd", version="2.6") as writer:
        for table in whole_groups(_batches(polygons, facts, tally), SCHEMA):
            writer.write_table(table, row_group_size=ROWS_PER_GROUP)
        if not tally.polygons:
            raise InvalidContents("the map has no imagery, so no ground is artificialised or not; make the map again")
        bounds = (float(tally.low[0]), float(tally.low[1]), float(tally.high[0]), float(tally.high[1]))
        writer.add_key_value_metadata({"geo": compact_json(geo_metadata(crs=facts.crs, bounds_crs=bounds))})
    return tally.polygons


def _batches(polygons: Iterable[Polygons], facts: ArtificialisationFacts, tally: _Tally) -> Iterator[pa.RecordBatch]:
    for found in polygons:
        if len(found.region):
            yield _batch(found, facts, tally)


def _batch(found: Polygons, facts: ArtificialisationFacts, tally: _Tally) -> pa.RecordBatch:
    place, count = found.value.astype(np.int64) - 1, len(found.region)
    bounds = shapely.bounds(found.geometry)
    tally.polygons += count
    tally.low, tally.high = np.minimum(tally.low, bounds[:, :2].min(0)), np.maximum(tally.high, bounds[:, 2:].max(0))
    texts = [
        np.array(values, object)[place]
        for values in zip(*(_texts(cover, usage, kind, facts) for cover, usage, kind in facts.kinds), strict=True)
    ]
    cover, usage, word, criterion, motif, reason, class_code = texts
    columns = [
        cover, usage, np.full(count, facts.vintage), word, criterion, motif, reason, class_code,
        shapely.area(found.geometry) * facts.m_per_unit**2, np.full(count, facts.source, object),
    ]  # fmt: skip
    arrays = [pa.array(values, type=each.type) for values, each in zip(columns, _ATTRIBUTES, strict=True)]
    return pa.RecordBatch.from_arrays([*arrays, *geometry_columns(found.geometry, bounds)], schema=SCHEMA)


def _texts(cover: str, usage: str, kind: Kind, facts: ArtificialisationFacts) -> tuple[str, ...]:
    reasons = facts.criteria.get(kind.criterion, {"fr": "", "en": ""})
    code = facts.class_codes[kind.class_value - 1]
    return cover, usage, WORDS[kind.state], kind.criterion, reasons["fr"], reasons["en"], code
