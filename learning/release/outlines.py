"""Outlines of many polygons, read from their WKB at once, and a cheap proof that most of them are valid.

GEOS takes longer to build and test the polygons of a release than it takes to write both of its files. What it would
find is proven here for most by a few passes over all corners; it is asked about the others alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

_POLYGON = 3  # WKB's number of the type
_HEADER, _COUNT, _CORNER = 1 + 4 + 4, 4, 16  # bytes: order, type and rings; corners of a ring; a corner
_FEWEST_CORNERS = 4


class NotAPolygon(ValueError):
    """What stands at `position` is not the little-endian WKB of one polygon of closed rings in two dimensions."""

    def __init__(self, position: int) -> None:
        super().__init__(f"row {position} is not a polygon")
        self.position = position


@dataclass(frozen=True, slots=True)
class Outlines:
    """Corners of polygons one after another, each ring closed, the exterior first.

    `x`, `y`: float64 (corner,), as stored. `starts`, `counts`: int64 (polygon,), its first corner and how many it has.
    `rings`: int64 (polygon,), how many rings. `ring_starts`, `ring_counts`: int64 (ring,), as of the polygons.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]
    rings: NDArray[np.int64]
    ring_starts: NDArray[np.int64]
    ring_counts: NDArray[np.int64]

    def geometries(self, chosen: NDArray[np.bool_]) -> NDArray[np.object_]:
        """GEOS's polygons of some rows, in half the time of reading their WKB again."""
        corners, rings = np.repeat(chosen, self.counts), np.repeat(chosen, self.rings)
        ends = (np.cumsum(of[which]) for of, which in ((self.ring_counts, rings), (self.rings, chosen)))
        offsets = tuple(np.concatenate([np.zeros(1, np.int64), one]) for one in ends)
        xy = np.column_stack([self.x[corners], self.y[corners]])
        return np.asarray(shapely.from_ragged_array(shapely.GeometryType.POLYGON, xy, offsets), dtype=object)

    def ranges(self, along: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Least and greatest, (polygon,) each, of a value of each corner."""
        return np.minimum.reduceat(along, self.starts), np.maximum.reduceat(along, self.starts)

    def with_any(self, corners: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which polygons have a corner that is marked: bool (polygon,)."""
        if not corners.any():
            return np.zeros(len(self.starts), bool)
        return np.logical_or.reduceat(corners, self.starts)


def read_outlines(column: pa.BinaryArray) -> Outlines:
    """Corners of a column of WKB, at least one row.

    Raises: NotAPolygon (another type or byte order, more than two dimensions, no ring, a ring of less than four
            corners or not closed, bytes missing or left over, nothing at all).
    """
    if column.null_count:
        raise NotAPolygon(int(np.argmin(column.is_valid().to_numpy(zero_copy_only=False))))
    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1].astype(np.int64)
    rows = np.arange(len(column))
    _refuse(np.diff(ends) >= _HEADER + _COUNT + _FEWEST_CORNERS * _CORNER, rows)
    rows, first, corners = _rings(data, ends)
    starts = np.cumsum(corners) - corners
    places = np.repeat(first - _CORNER * starts, corners)
    places += _CORNER * np.arange(len(places))
    x, y = np.ascontiguousarray(_anywhere(data, "V16")[places].view("<f8").reshape(-1, 2).T)
    last = starts + corners - 1
    _refuse((x[starts] == x[last]) & (y[starts] == y[last]), rows)
    exterior = np.flatnonzero(np.diff(rows, prepend=-1))
    of_polygon = np.diff(exterior, append=len(rows))
    return Outlines(x, y, starts[exterior], np.add.reduceat(corners, exterior), of_polygon, starts, corners)


def _rings(data: pa.Buffer, ends: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Of each ring, by polygon: the polygon's row, the byte of its first corner, its corners."""
    words, stops, rows = _anywhere(data, "<u4"), ends[1:], np.arange(len(ends) - 1)
    left = words[ends[:-1] + 5].astype(np.int64)
    little_endian = np.frombuffer(data, np.uint8)[ends[:-1]] == 1
    _refuse(little_endian & (words[ends[:-1] + 1] == _POLYGON) & (left > 0), rows)
    at, found = ends[:-1] + _HEADER, []
    while len(rows):  # the exterior of each, then the first hole of those with one, and so on
        _refuse(at + _COUNT <= stops[rows], rows)
        corners = words[at].astype(np.int64)
        first, at = at + _COUNT, at + _COUNT + _CORNER * corners
        _refuse((corners >= _FEWEST_CORNERS) & (at <= stops[rows]), rows)
        found.append((rows, first, corners))
        more = left > 1
        _refuse(more | (at == stops[rows]), rows)
        rows, at, left = rows[more], at[more], left[more] - 1
    columns = [np.concatenate(parts) for parts in zip(*found, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    return tuple(one[order] for one in columns)


def _anywhere(data: pa.Buffer, dtype: str) -> NDArray[np.void]:
    """What would be read as `dtype` at each byte: WKB does not align what it holds."""
    width = np.dtype(dtype).itemsize
    return np.ndarray((data.size - width + 1,), dtype, buffer=data, strides=(1,))


def _refuse(sound: NDArray[np.bool_], rows: NDArray[np.int64]) -> None:
    if not sound.all():
        raise NotAPolygon(int(rows[np.argmin(sound)]))


def proven_simple(
    outlines: Outlines, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Those certainly valid, and those with exterior counter-clockwise and holes clockwise: bool (polygon,) each.

    Seen from a place near its middle, an outline of one ring that always goes on counter-clockwise and around once
    cannot meet itself. Most drawn labels are such (star-shaped) outlines; of the others nothing is said.

    Args: x, y: float64 (corner,), whole numbers below 2**25 from each other, so that the arithmetic is exact.
    """
    starts, counts = outlines.starts, outlines.counts
    last = outlines.ring_starts + outlines.ring_counts - 1  # no edge: from the end of a ring to the next
    x = x - np.repeat(np.rint(np.add.reduceat(x, starts) / counts), counts)
    y = y - np.repeat(np.rint(np.add.reduceat(y, starts) / counts), counts)
    onward = np.empty(len(x))
    np.multiply(x[:-1], y[1:], out=onward[:-1])
    onward[:-1] -= x[1:] * y[:-1]
    onward[last] = 0.0
    exterior = np.zeros(len(last), bool)
    exterior[np.cumsum(outlines.rings) - outlines.rings] = True
    left = (np.add.reduceat(onward, outlines.ring_starts) > 0) == exterior
    turned_well = np.logical_and.reduceat(left, np.flatnonzero(exterior))
    onward[last] = 1.0
    below = y < 0
    passed = np.zeros(len(x), np.int64)
    passed[:-1] = below[:-1] & ~below[1:]
    passed[last] = 0
    once = np.add.reduceat(passed, starts) == 1
    simple = (outlines.rings == 1) & once & (np.minimum.reduceat(onward, starts) > 0)
    return np.asarray(simple, dtype=bool), np.asarray(turned_well, dtype=bool)
