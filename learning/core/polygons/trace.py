"""Outlines of regions along the sides of pixels, with a corner wherever three regions meet.

What follows one region at a time leaves such a corner out of the region that it goes straight past, and outlines that
are not made of the same corners are no coverage. Here corners are found first, for all regions alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from learning.core.polygons.plan import SIDES
from learning.core.polygons.runs import Ints, Runs, contacts_of

Sides = dict[str, NDArray[np.bool_]]
_EAST, _SOUTH, _WEST, _NORTH = range(4)


@dataclass(frozen=True, slots=True)
class _Corners:
    """Points of the pixels' grid that outlines are made of, row by row from the upper left.

    Args:
        rows, cols: int64 (corner,).
        around: int64 (4, corner), what lies to the north-west, north-east, south-east, south-west; -1 = nothing.
        ahead: int64 (4, corner), the corner that a border leads to going east, south, west, north; -1 = no border.
    """

    rows: Ints
    cols: Ints
    around: Ints
    ahead: Ints


def outlines(runs: Runs, *, beyond: Sides | None = None) -> NDArray[np.object_]:
    """Polygons of 4-connected regions, in pixels: x right, y down from the raster's upper left corner.

    Args:
        runs: values from 0 upwards are regions, each 4-connected; -1 is nothing.
        beyond: for each side of the raster, where what lies beyond it changes, as in seams.join_seams: there are
            corners too.

    Returns: object (region,), shapely polygons. They are a valid coverage, and a shell may meet a hole in a point.
    """
    corners = _corners(_padded(runs), beyond or {})
    count = int(runs.values.max(initial=-1)) + 1
    rings, starts, owner = _rings(corners)
    x, y = corners.cols[rings].astype(np.float64), corners.rows[rings].astype(np.float64)
    lengths = np.diff(starts, append=len(rings))
    # Twice the signed area: with y down, shells come out positive, as the region lies to the left of its outline.
    following = _following(starts, lengths)
    areas = np.add.reduceat(x[following] * y - x * y[following], starts) if len(starts) else np.zeros(0)
    order = np.lexsort((starts, areas <= 0, owner))
    return _polygons(x, y, starts, lengths, order=order, rings_of=np.bincount(owner, minlength=count))


def _padded(runs: Runs) -> Runs:
    """The raster with a border of nothing, one pixel wide."""
    width = runs.width + 2
    rows, cols = np.divmod(runs.starts, runs.width)
    edge_rows = np.arange(1, runs.height + 1, dtype=np.int64) * width
    nothing = np.concatenate([[0], edge_rows, edge_rows + width - 1, [(runs.height + 1) * width]])
    starts = np.concatenate([(rows + 1) * width + cols + 1, nothing])
    values = np.concatenate([runs.values.astype(np.int64), np.full(len(nothing), -1, np.int64)])
    order = np.argsort(starts, kind="stable")
    return Runs(runs.height + 2, width, starts[order], values[order])


def _corners(padded: Runs, beyond: Sides) -> _Corners:
    """Where borders turn or meet. Of the padded raster, corner (row, col) is the upper left one of pixel (row, col)."""
    width = padded.width
    contacts = contacts_of(padded)
    upper, lower = padded.values[contacts.upper], padded.values[contacts.lower]
    goes_on = np.zeros(len(upper), bool)
    goes_on[1:] = (upper[1:] == upper[:-1]) & (lower[1:] == lower[:-1]) & (contacts.at[1:] % width != 0)
    first = np.flatnonzero(~goes_on)
    stop = np.append(contacts.at[first[1:]], padded.height * width)
    border = upper[first] != lower[first]
    ends = [contacts.at[first[border]], stop[border], _seam_corners(padded, beyond)]
    at = np.unique(np.concatenate(ends))
    rows, cols = np.divmod(at, width)

    around = np.stack([padded.values[padded.at(at - step)] for step in (width + 1, width, 0, 1)])
    _northwest, northeast, southeast, southwest = around
    ahead = np.full((4, len(at)), -1, np.int64)
    number = np.arange(len(at))
    east = np.flatnonzero(northeast != southeast)
    ahead[_EAST, east] = number[east] + 1
    ahead[_WEST, ahead[_EAST, east]] = east
    down = np.lexsort((rows, cols))
    south = np.flatnonzero((southwest != southeast)[down])
    ahead[_SOUTH, down[south]] = down[south + 1]
    ahead[_NORTH, down[south + 1]] = down[south]
    return _Corners(rows - 1, cols - 1, around, ahead)


def _seam_corners(padded: Runs, beyond: Sides) -> Ints:
    """Corners on the raster's sides where what lies beyond changes and something lies inside."""
    width, (height, inner) = padded.width, (padded.height - 2, padded.width - 2)
    lines = {
        "top": (width + np.arange(2, inner + 1), 0, -1),
        "bottom": ((height + 1) * width + np.arange(2, inner + 1), -width, -width - 1),
        "left": (np.arange(2, height + 1) * width + 1, 0, -width),
        "right": (np.arange(2, height + 1) * width + inner + 1, -1, -width - 1),
    }
    found = [np.zeros(0, np.int64)]
    for side in SIDES:
        if side in beyond and len(beyond[side]):
            at, *inside = lines[side]
            at = at[beyond[side]]
            found.append(at[np.logical_or(*(padded.values[padded.at(at + step)] >= 0 for step in inside))])
    return np.concatenate(found)


def _rings(corners: _Corners) -> tuple[Ints, Ints, Ints]:
    """Closed outlines: the corners of one after the other, where each begins, and whose it is.

    Each border is gone along twice, with the region on the left. Where a region's pixels meet across a corner only,
    its outline goes over to the other pixel: the region being connected elsewhere, what lies on the two sides of the
    corner are different rings, and none crosses its own path.
    """
    count = corners.ahead.shape[1]
    # Seen from a corner going east, south, west, north: what is on the left and on the right ahead, by place in around.
    left_of, right_of = (1, 2, 3, 0), (2, 3, 0, 1)
    following = np.full((4, count), -1, np.int64)
    region = np.full((4, count), -1, np.int64)
    for way in range(4):
        here = np.flatnonzero((corners.ahead[way] >= 0) & (corners.around[left_of[way]] >= 0))
        mine = corners.around[left_of[way], here]
        there = corners.ahead[way, here]
        turns_right = corners.around[right_of[way], there] == mine
        straight = corners.around[left_of[way], there] == mine
        then = np.where(turns_right, (way + 1) % 4, np.where(straight, way, (way - 1) % 4))
        following[way, here] = then * count + there
        region[way, here] = mine
    return _walked(following.ravel(), region.ravel(), count)


def _walked(following: Ints, region: Ints, count: int) -> tuple[Ints, Ints, Ints]:
    """The cycles of a permutation, each from its first member on."""
    used = np.flatnonzero(following >= 0)
    place = np.empty(len(following), np.int64)
    place[used] = np.arange(len(used))
    after = place[following[used]].tolist()
    waiting = bytearray(b"\x01") * len(after)
    order: list[int] = []
    starts: list[int] = []
    for head in range(len(after)):
        if not waiting[head]:
            continue
        starts.append(len(order))
        step = head
        while waiting[step]:
            waiting[step] = 0
            order.append(step)
            step = after[step]
    walked = used[np.array(order, np.int64)]
    begins = np.array(starts, np.int64)
    return walked % count if count else walked, begins, region[walked[begins]] if len(begins) else begins


def _following(starts: Ints, lengths: Ints) -> Ints:
    """Place of the next corner of the same ring, for each."""
    following = np.arange(1, int(lengths.sum()) + 1)
    following[starts + lengths - 1] = starts
    return following


def _polygons(
    x: NDArray[np.float64], y: NDArray[np.float64], starts: Ints, lengths: Ints, *, order: Ints, rings_of: Ints
) -> NDArray[np.object_]:
    """Polygons of rings in this order, of which each region has so many."""
    closed = lengths[order] + 1
    stops = np.cumsum(closed)
    begins = stops - closed
    take = np.arange(int(closed.sum())) - np.repeat(begins, closed) + np.repeat(starts[order], closed)
    take[stops - 1] = starts[order]
    offsets = np.concatenate([[0], stops]), np.concatenate([[0], np.cumsum(rings_of)])
    made: NDArray[np.object_] = shapely.from_ragged_array(
        shapely.GeometryType.POLYGON, np.column_stack([x[take], y[take]]), offsets
    )
    return made
