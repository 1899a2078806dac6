"""Outlines of regions along the sides of pixels, with a corner wherever three regions meet.

What follows one region at a time leaves such a corner out of the region that it goes straight past, and outlines that
are not made of the same corners are no coverage. Here corners are found first, for all regions alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from learning.core.polygons.plan import SIDES
from learning.core.polygons.runs import Ints, Runs, contacts_of

Sides = dict[str, NDArray[np.bool_]]
_EAST, _SOUTH, _WEST, _NORTH = range(4)


@dataclass(frozen=True, slots=True)
class Corners:
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


@dataclass(frozen=True, slots=True)
class Rings:
    """Closed outlines of regions: of each region its shell and then its holes, with the region on the left.

    Args:
        corners: what they are made of.
        of: int64 (point,), the corner at each point, ring by ring.
        lengths: int64 (ring,), points of each.
        per_region: int64 (region,), rings of each.
    """

    corners: Corners
    of: Ints
    lengths: Ints
    per_region: Ints

    def areas(self) -> NDArray[np.float64]:
        """Area of each region in pixels, float64 (region,)."""
        if not len(self.of):
            return np.zeros(len(self.per_region))
        starts = np.cumsum(self.lengths) - self.lengths
        following = np.arange(1, len(self.of) + 1)
        following[starts + self.lengths - 1] = starts
        x, y = self.corners.cols[self.of], self.corners.rows[self.of]
        # With y down, shells come out positive, as the region lies to the left of its outline.
        twice = np.add.reduceat(x[following] * y - x * y[following], starts)
        first = np.cumsum(self.per_region) - self.per_region
        return np.add.reduceat(twice, first) / 2

    def of_corners(self, kept: NDArray[np.bool_]) -> Rings:
        """The same without some corners; each ring must keep three."""
        stays = kept[self.of]
        starts = np.cumsum(self.lengths) - self.lengths
        lengths = np.add.reduceat(stays.astype(np.int64), starts) if len(starts) else self.lengths
        return Rings(self.corners, self.of[stays], lengths, self.per_region)

    def polygons(self) -> NDArray[np.object_]:
        """Shapely polygons, object (region,), in pixels: x right, y down from the raster's upper left corner."""
        stops = np.cumsum(self.lengths + 1)
        first = np.cumsum(self.lengths) - self.lengths
        take = np.arange(int(stops[-1]) if len(stops) else 0) - np.repeat(np.arange(len(stops)), self.lengths + 1)
        take[stops - 1] = first
        points = self.of[take]
        made: NDArray[np.object_] = shapely.from_ragged_array(
            shapely.GeometryType.POLYGON,
            np.column_stack([self.corners.cols[points], self.corners.rows[points]]).astype(np.float64),
            (np.append(0, stops), np.append(0, np.cumsum(self.per_region))),
        )
        return made


def outlines(runs: Runs, *, beyond: Sides | None = None) -> Rings:
    """Outlines of 4-connected regions.

    Args:
        runs: values from 0 upwards are regions, each 4-connected; -1 is nothing.
        beyond: for each side of the raster, where what lies beyond it changes, as in seams.join_seams: there are
            corners too.

    Returns: rings of which the polygons are a valid coverage; a shell may meet a hole in a point.
    """
    corners = _corners(_padded(runs), beyond or {})
    count = int(runs.values.max(initial=-1)) + 1
    following, region = _steps(corners)
    walked, starts = _walked(following)
    lengths = np.diff(starts, append=len(walked))
    rings = Rings(corners, walked % max(corners.ahead.shape[1], 1), lengths, np.ones(len(starts), np.int64))
    owner = region[walked[starts]]
    order = np.lexsort((starts, rings.areas() <= 0, owner))  # of each region, its shell first
    place = np.arange(len(walked)) + np.repeat(
        starts[order] - (np.cumsum(lengths[order]) - lengths[order]), lengths[order]
    )
    return Rings(corners, rings.of[place], lengths[order], np.bincount(owner, minlength=count))


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


def _corners(padded: Runs, beyond: Sides) -> Corners:
    """Where borders turn or meet. Of the padded raster, corner (row, col) is the upper left one of pixel (row, col)."""
    width = padded.width
    contacts = contacts_of(padded)
    upper, lower = padded.values[contacts.upper], padded.values[contacts.lower]
    # What lies to the west of a contact is the contact before it: nothing ever begins or ends at a padded row's end.
    west_upper, west_lower = np.append(-1, upper[:-1]), np.append(-1, lower[:-1])
    straight = ((upper == lower) & (west_upper == west_lower)) | ((upper == west_upper) & (lower == west_lower))
    turns = np.flatnonzero(~straight)
    at = contacts.at[turns].astype(np.int64)
    around = np.stack([west_upper[turns], upper[turns], lower[turns], west_lower[turns]])
    more = np.unique(_seam_corners(padded, beyond))
    more = more[np.append(at, -1)[np.searchsorted(at, more)] != more]
    if len(more):
        beside = np.stack([padded.values[padded.at(more - step)] for step in (width + 1, width, 0, 1)])
        order = np.argsort(np.concatenate([at, more]), kind="stable")
        at, around = np.concatenate([at, more])[order], np.concatenate([around, beside], axis=1)[:, order]
    rows, cols = np.divmod(at, width)

    _northwest, northeast, southeast, southwest = around
    ahead = np.full((4, len(at)), -1, np.int64)
    east = np.flatnonzero(northeast != southeast)
    ahead[_EAST, east] = east + 1
    ahead[_WEST, east + 1] = east
    down = np.argsort(cols * padded.height + rows)
    south = np.flatnonzero((southwest != southeast)[down])
    ahead[_SOUTH, down[south]] = down[south + 1]
    ahead[_NORTH, down[south + 1]] = down[south]
    return Corners(rows - 1, cols - 1, around, ahead)


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


def _steps(corners: Corners) -> tuple[Ints, Ints]:
    """Outlines as steps: a step is a corner and a way to go from it, numbered way · corners + corner.

    Each border is gone along twice, with the region on the left. Where a region's pixels meet across a corner only,
    its outline goes over to the other pixel: the region being connected elsewhere, what lies on the two sides of the
    corner are different rings, and none crosses its own path.

    Returns: int64 (4 · corner,), the step that follows each, -1 where there is none; and whose outline it is.
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
    return following.ravel(), region.ravel()


def _walked(following: Ints) -> tuple[Ints, Ints]:
    """The cycles of a permutation, each from its first member on, and where each begins; -1 is no member."""
    used = np.flatnonzero(following >= 0)
    count = len(used)
    if not count:
        return used, used
    place = np.empty(len(following), np.int32)
    place[used] = np.arange(count)
    after = place[following[used]]
    n_cycles, cycle = connected_components(_one_each(after), directed=True, connection="strong")
    heads = np.empty(n_cycles, np.int64)
    heads[cycle[::-1]] = np.arange(count - 1, -1, -1)  # of several, the last written stays
    heads.sort()
    # Each cycle's last member led on to the next cycle, they are one path, which a search goes along in one pass.
    before = np.empty(count, np.int32)
    before[after] = np.arange(count)
    ends = before[heads]
    after[ends[:-1]] = heads[1:]
    after[ends[-1]] = ends[-1]
    path = breadth_first_order(_one_each(after), 0, directed=True, return_predecessors=False)
    where = np.empty(count, np.int64)
    where[path] = np.arange(count)
    return used[path], where[heads]


def _one_each(after: NDArray[np.int32]) -> csr_array:
    """A graph in which one way leads on from each node."""
    count = len(after)
    return csr_array((np.ones(count), after, np.arange(count + 1, dtype=np.int32)), shape=(count, count))
