"""Corners of pixels' stairs that simplifying would drop anyway, dropped for all outlines at once.

Of an outline along pixels most corners are such, and what simplifies a coverage takes time by the corner.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning.core.polygons.runs import Ints
from learning.core.polygons.trace import Corners, Rings

_EAST, _SOUTH, _WEST, _NORTH = range(4)
HALF_PIXEL = 1  # twice the area of the smallest triangle on the grid


def thinned(rings: Rings, *, tolerance: float, exact: NDArray[np.bool_]) -> Rings:
    """Outlines without the corners of some triangles below `tolerance`²: those in which no other corner can lie.

    A corner and its neighbours are a triangle. Where that holds no other corner, its outer side crosses no outline, and
    going along it is as valid a coverage. On the grid of pixels that is certain of a triangle with a side of one pixel
    along the grid, and of one of half a pixel's area, which no point of the grid lies in (Pick's theorem). No two
    corners that follow each other go at once. Corners where three outlines meet, those beside what is no region, and
    those of rings of four and of `exact` regions stay.

    Args:
        tolerance: in pixels. exact: bool (region,), regions that keep their outline.
    """
    corners = rings.corners
    odd = _odd_quadrant(corners)
    kept_regions = np.append(exact, True)  # the last for -1
    free = (odd >= 0) & ~kept_regions[corners.around].any(axis=0)
    free[_of_short(rings)] = False
    kept = np.ones(len(free), bool)
    most = 2 * tolerance**2
    kept[_stairs(corners, odd, np.flatnonzero(free), most=most)] = False
    rings = rings.of_corners(kept)
    rings = _without_straight(rings, free, kept)
    if most > HALF_PIXEL:
        before, after, twice = _triangles(rings)
        free[_of_short(rings)] = False
        goes = free[rings.of] & (twice == HALF_PIXEL)
        rank = np.where(goes, _shuffled(rings.of), 0)
        kept[rings.of[goes & (rank > rank[before]) & (rank > rank[after])]] = False
        rings = _without_straight(rings.of_corners(kept), free, kept)
    return rings


def _odd_quadrant(corners: Corners) -> NDArray[np.int8]:
    """Where an outline turns and nothing else meets it: which of the four around lies alone; -1 elsewhere."""
    a, b, c, d = corners.around
    odd = np.full(len(a), -1, np.int8)
    odd[(b == c) & (c == d)] = 0
    odd[(a == c) & (c == d)] = 1
    odd[(a == b) & (b == d)] = 2
    odd[(a == b) & (b == c)] = 3
    return odd


def _stairs(corners: Corners, odd: NDArray[np.int8], free: Ints, *, most: float) -> Ints:
    """Every other corner of stairs of which a step is one pixel high or wide, and twice its triangle below `most`.

    Of stairs that go up to the right, those go at which the region of the lower number juts out, of the others those at
    which it is cut into: never two that follow each other, and what an island loses on two of its sides it gains on
    the other two, so that it stays where it is and as large as it is.
    """
    quadrant = odd[free]
    across = np.where((quadrant == 0) | (quadrant == 3), corners.ahead[_WEST, free], corners.ahead[_EAST, free])
    along = np.where(quadrant < 2, corners.ahead[_NORTH, free], corners.ahead[_SOUTH, free])
    wide, high = np.abs(corners.cols[across] - corners.cols[free]), np.abs(corners.rows[along] - corners.rows[free])
    juts_out = corners.around[quadrant, free] < corners.around[(quadrant + 2) % 4, free]
    goes = (juts_out == (quadrant % 2 == 0)) & (np.minimum(wide, high) == 1) & (wide * high < most)
    chosen: Ints = free[goes]
    return chosen


def _of_short(rings: Rings) -> Ints:
    """Corners of rings of four at the most: two that are opposite going, nothing would be left of what is between."""
    return rings.of[np.repeat(rings.lengths <= 4, rings.lengths)]


def _without_straight(rings: Rings, free: NDArray[np.bool_], kept: NDArray[np.bool_]) -> Rings:
    """Outlines without the corners that they go straight on at, which are noted in `kept` too."""
    _before, _after, twice = _triangles(rings)
    kept[rings.of[free[rings.of] & (twice == 0)]] = False
    return rings.of_corners(kept)


def _triangles(rings: Rings) -> tuple[Ints, Ints, Ints]:
    """Places of the points before and after each in its ring, and twice the area of the triangle of the three."""
    count = len(rings.of)
    starts = np.cumsum(rings.lengths) - rings.lengths
    before, after = np.arange(-1, count - 1), np.arange(1, count + 1)
    before[starts], after[starts + rings.lengths - 1] = starts + rings.lengths - 1, starts
    x, y = rings.corners.cols[rings.of], rings.corners.rows[rings.of]
    return before, after, np.abs((x[before] - x) * (y[after] - y) - (x[after] - x) * (y[before] - y))


def _shuffled(numbers: Ints) -> Ints:
    """Numbers from 1 to 2²⁴ in an order that has nothing to do with theirs; few are the same."""
    shuffled: Ints = (numbers * 2_654_435_761 % (1 << 32) >> 8) + 1
    return shuffled
