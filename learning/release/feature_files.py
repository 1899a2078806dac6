"""Reading the polygons of a published GeoParquet file, a page at a time, by place, day and value.

Row groups are the index: the footer holds the bounds of each, and only those that meet the area asked are looked at;
of these the bounds of each polygon are read before any outline is. Published files never change, so that footers, and
the row groups read last, are kept between two pages.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

KEPT_BYTES = 48 * 2**20  # of row groups, in a process
PAGE_BYTES = 16 * 2**20  # of outlines, in a page
_CORNERS = ("xmin", "ymin", "xmax", "ymax")

Days = tuple[date | None, date | None]  # the first and the last, both included; None: without end


@dataclass(frozen=True, slots=True)
class FeatureFile:
    """A GeoParquet file of polygons, as its footer has it.

    Args:
        version: of what the file holds. crs: as GeoParquet's PROJJSON. bounds_crs: left, bottom, right, top of all.
        columns: attributes, in order. starts: int64 (group + 1,), number of the first row of each group, then of rows.
        group_bounds: float64 (group, 4). days: the first and the last `image_date`, None where none is known.
    """

    path: Path
    version: str
    footer: pq.FileMetaData
    crs: str
    bounds_crs: tuple[float, float, float, float]
    columns: tuple[str, ...]
    starts: NDArray[np.int64]
    group_bounds: NDArray[np.float64]
    days: tuple[date, date] | None

    @property
    def rows(self) -> int:
        """How many polygons there are."""
        return int(self.starts[-1])


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which polygons are asked for.

    Args:
        area: those that meet it, in the file's CRS; None: wherever they lie.
        days: those of imagery of these days, and those whose day is not known. equals: text that columns must hold.
    """

    area: shapely.Geometry | None = None
    days: Days | None = None
    equals: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return self.area is None and self.days is None and not self.equals


@dataclass(frozen=True, slots=True)
class FoundRows:
    """A page: its rows' numbers in the file, int64 (row,), the rows themselves, and the next one that matches."""

    numbers: NDArray[np.int64]
    table: pa.Table
    following: int | None


@lru_cache(maxsize=32)
def open_features(path: Path, version: str) -> FeatureFile:
    """The footer of a file of polygons, kept: for files that never change.

    Args:   version: that names what the file holds, such as a digest.
    Raises: OSError, pyarrow.ArrowInvalid: it is not there, or not a Parquet file. KeyError: it is no GeoParquet file.
    """
    footer = pq.read_metadata(path)
    geo = json.loads(footer.metadata[b"geo"])["columns"]["geometry"]
    names = {footer.schema.column(k).path: k for k in range(footer.num_columns)}
    groups = [footer.row_group(k) for k in range(footer.num_row_groups)]
    sizes = [group.num_rows for group in groups]
    left, bottom, right, top = geo["bbox"]
    return FeatureFile(
        path=path,
        version=version,
        footer=footer,
        crs=json.dumps(geo["crs"]),
        bounds_crs=(left, bottom, right, top),
        columns=tuple(name for name in footer.schema.to_arrow_schema().names if name not in ("bbox", "geometry")),
        starts=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        group_bounds=np.array([_group_bounds(group, names) for group in groups]).reshape(-1, 4),
        days=_first_and_last(groups, names.get("image_date")),
    )


def find_rows(source: FeatureFile, wanted: Wanted, *, first: int = 0, limit: int) -> FoundRows:
    """The first `limit` rows that match, from row number `first` on, in the order of the file.

    There are fewer where their outlines are large, and at least one: a page stays small in memory.

    Args: first, limit: at least 0 and 1.
    """
    numbers: list[NDArray[np.intp]] = []
    pieces, left, room = [], limit, PAGE_BYTES
    following = None
    for group in _groups_to_look_at(source, wanted, first):
        start = int(source.starts[group])
        places = _matching(source, group, wanted, first=max(0, first - start), most=left + 1)
        if not len(places):
            continue
        rows = _group(source, group).take(pa.array(places))
        sizes = np.cumsum(pc.binary_length(rows["geometry"]).to_numpy())
        fits = min(left, max(int(np.searchsorted(sizes, room, side="right")), 0 if numbers else 1))
        numbers.append(places[:fits] + start)
        pieces.append(rows.slice(0, fits))
        left -= fits
        room -= int(sizes[fits - 1]) if fits else 0
        if fits < len(places):
            following = start + int(places[fits])
            break
    empty = source.footer.schema.to_arrow_schema().empty_table()
    table = pa.concat_tables(pieces) if pieces else empty.drop_columns(["bbox"])
    return FoundRows(np.concatenate(numbers) if numbers else np.empty(0, np.int64), table, following)


def find_row(source: FeatureFile, equals: Mapping[str, str]) -> FoundRows:
    """The row whose columns hold these texts, alone or none."""
    return find_rows(source, Wanted(equals=equals), limit=1)


def row_numbered(source: FeatureFile, number: int) -> FoundRows:
    """The row of this number, alone or none."""
    if not 0 <= number < source.rows:
        return find_rows(source, Wanted(), first=source.rows, limit=1)
    return find_rows(source, Wanted(), first=number, limit=1)


def _groups_to_look_at(source: FeatureFile, wanted: Wanted, first: int) -> Sequence[int]:
    meets = source.starts[1:] > first
    if wanted.area is not None:
        meets &= _overlaps(source.group_bounds, wanted.area)
    return [int(k) for k in np.flatnonzero(meets)]


def _matching(source: FeatureFile, group: int, wanted: Wanted, *, first: int, most: int) -> NDArray[np.int64]:
    """The first `most` places in a row group that match, from `first` on."""
    count = int(source.starts[group + 1] - source.starts[group])
    if wanted.is_everything:
        return np.arange(first, min(count, first + most), dtype=np.int64)
    names = [*wanted.equals, *(["image_date"] if wanted.days and "image_date" in source.columns else [])]
    columns = _columns(source, group, [*names, *(["bbox"] if wanted.area is not None else [])])
    keep = np.arange(count) >= first
    for name, text in wanted.equals.items():
        keep &= _is_true(pc.equal(columns[name].cast(pa.string()), text))
    if wanted.days and "image_date" in source.columns:
        keep &= _in_days(columns["image_date"], wanted.days)
    if wanted.area is None:
        return np.flatnonzero(keep)[:most]
    bounds = np.column_stack([pc.struct_field(columns["bbox"], corner).to_numpy() for corner in _CORNERS])
    return _meeting(source, group, np.flatnonzero(keep & _overlaps(bounds, wanted.area)), wanted.area, most)


def _meeting(
    source: FeatureFile, group: int, places: NDArray[np.int64], area: shapely.Geometry, most: int
) -> NDArray[np.int64]:
    """Of the places whose bounds meet the area, the first `most` whose polygons do; outlines are read by the piece."""
    shapely.prepare(area)
    found: list[NDArray[np.int64]] = []
    for start in range(0, len(places), 2000):
        piece = places[start : start + 2000]
        outlines = _group(source, group)["geometry"].take(pa.array(piece))
        found.append(piece[shapely.intersects(area, shapely.from_wkb(outlines.to_pylist()))])
        if sum(map(len, found)) >= most:
            break
    return np.concatenate(found)[:most] if found else places


def _overlaps(bounds: NDArray[np.float64], area: shapely.Geometry) -> NDArray[np.bool_]:
    """Which of the rectangles, float64 (n, 4), meet one part of the area's bounds."""
    meets = np.zeros(len(bounds), dtype=np.bool_)
    for left, bottom, right, top in shapely.bounds(shapely.get_parts(area)):
        meets |= (bounds[:, 0] <= right) & (bounds[:, 2] >= left) & (bounds[:, 1] <= top) & (bounds[:, 3] >= bottom)
    return meets


def _in_days(column: pa.ChunkedArray, days: Days) -> NDArray[np.bool_]:
    inside = column.is_null()
    within = pa.scalar(True)
    for limit, compare in ((days[0], pc.greater_equal), (days[1], pc.less_equal)):
        if limit is not None:
            within = pc.and_(within, compare(column, pa.scalar(limit, pa.date32())))
    return _is_true(pc.or_(inside, pc.fill_null(within, False)))


def _is_true(values: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(values, False).to_numpy(zero_copy_only=False), dtype=np.bool_)


def _columns(source: FeatureFile, group: int, names: Sequence[str]) -> pa.Table:
    return _reader(source).read_row_group(group, columns=list(names), use_threads=False)


def _reader(source: FeatureFile) -> pq.ParquetFile:
    """A reader of its own for each thread: they may not share one."""
    return pq.ParquetFile(source.path, metadata=source.footer, pre_buffer=False)


def _group(source: FeatureFile, group: int) -> pa.Table:
    """A whole row group without its bounds, kept: pages that follow one another lie in the same."""
    key = (source.path, source.version, group)
    found = _kept.get(key)
    if found is None:
        found = _columns(source, group, [*source.columns, "geometry"])
        _kept.put(key, found)
    return found


class _KeptGroups:
    """The row groups read last, within a number of bytes. Thread-safe."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._guard = most_bytes, threading.Lock()
        self._groups: OrderedDict[tuple[Path, str, int], pa.Table] = OrderedDict()

    def get(self, key: tuple[Path, str, int]) -> pa.Table | None:
        """A row group that is kept."""
        with self._guard:
            if key in self._groups:
                self._groups.move_to_end(key)
            return self._groups.get(key)

    def put(self, key: tuple[Path, str, int], table: pa.Table) -> None:
        """Keep a row group; those not used for longest go. One too large for all of the room is not kept."""
        with self._guard:
            self._groups[key] = table
            while self._groups and sum(kept.nbytes for kept in self._groups.values()) > self._most:
                self._groups.popitem(last=False)


_kept = _KeptGroups(KEPT_BYTES)


def _group_bounds(group: pq.RowGroupMetaData, names: Mapping[str, int]) -> tuple[float, float, float, float]:
    """The bounds of a row group, from its statistics; the whole plane where it has none."""
    found = [group.column(names[f"bbox.{corner}"]).statistics for corner in _CORNERS]
    if any(each is None or not each.has_min_max for each in found):
        return -np.inf, -np.inf, np.inf, np.inf
    return found[0].min, found[1].min, found[2].max, found[3].max


def _first_and_last(groups: Sequence[pq.RowGroupMetaData], column: int | None) -> tuple[date, date] | None:
    if column is None:
        return None
    found = [group.column(column).statistics for group in groups]
    known = [each for each in found if each is not None and each.has_min_max]
    return (min(each.min for each in known), max(each.max for each in known)) if known else None
