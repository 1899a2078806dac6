"""The part of a raster that a map is made of: which windows touch it, and which pixels lie in it. No torch.

An area is kept as text, the hexadecimal WKB of its polygons in the raster's pixels, so that a plan holds it whole and
is the same for whoever reads it. A pixel belongs to it where its centre does.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from annotation.core.grid import PixelGrid, lonlat_transformers
from learning.errors import UnusableArea, UnusableOutline

STEP_DEG = 0.01  # a straight line in degrees is off by 3 cm at most, on the ground, where its ends are so near
MOST_VERTICES = 1_000_000
_LOOK_PX = 1024
_EDGE_PX = 0.499  # from a window's edge to its outermost centres, less what arithmetic may be wrong by


def area_in_pixels(area: BaseGeometry, grid: PixelGrid) -> str:
    """The part of an area that lies on a raster, in its pixels.

    Args:   area: valid polygons in longitude and latitude (WGS 84), with straight edges there, as RFC 7946 says.
    Raises: UnusableArea: no pixel's centre lies in it, UnusableOutline: it is too fine to be followed; UnlocatedGrid.
    """
    west, south, east, north = grid.bounds_wgs84
    around = shapely.box(west - STEP_DEG, south - STEP_DEG, east + STEP_DEG, north + STEP_DEG)
    near = _polygons(shapely.intersection(area, around))
    if near.is_empty:
        raise UnusableArea(f"The area lies {_span(area.bounds)}, and the imagery {_span(grid.bounds_wgs84)}: "
                           "choose one that the imagery covers.")  # fmt: skip
    wanted = shapely.get_num_coordinates(near) + near.length / STEP_DEG
    if wanted > MOST_VERTICES:
        raise UnusableOutline(f"The area's outline takes {wanted:.0f} points to follow, {MOST_VERTICES} at most: "
                           "simplify it.")  # fmt: skip
    a, _, c, _, e, f = grid.transform
    to_crs = lonlat_transformers(grid.crs)[1]

    def to_pixels(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = to_crs.transform(lonlat[:, 0], lonlat[:, 1])
        return np.stack([(np.asarray(x) - c) / a, (np.asarray(y) - f) / e], axis=1)

    placed = shapely.transform(shapely.segmentize(near, STEP_DEG), to_pixels)
    if not placed.is_valid:
        raise UnusableOutline(f"The area's outline meets itself once it is on the imagery's grid "
                           f"({shapely.is_valid_reason(placed)}): simplify it.")  # fmt: skip
    text: str = shapely.to_wkb(placed, hex=True)
    if not _holds_pixels(text, width=grid.width, height=grid.height):
        raise UnusableArea(f"The area lies {_span(area.bounds)}, beside the imagery's pixels or between their centres: "
                           "choose one that the imagery covers.")  # fmt: skip
    return text


@lru_cache(maxsize=8)
def windows_within(area: str, *, width: int, height: int, side_px: int) -> NDArray[np.bool_]:
    """Which windows of a raster hold pixels whose centres may lie in an area: bool (row, col), not to be written to.

    Args: side_px: of a window, the grid's origin being the raster's upper-left corner; those at its ends are smaller.
    """
    shape = _parsed(area)
    tops, lefts = np.arange(0, height, side_px), np.arange(0, width, side_px)
    bottoms, rights = np.minimum(tops + side_px, height), np.minimum(lefts + side_px, width)
    # Between the outermost centres: a window that only touches the area at its edge has no pixel of it.
    found = shapely.intersects(
        shape, shapely.box(lefts + _EDGE_PX, tops[:, None] + _EDGE_PX, rights - _EDGE_PX, bottoms[:, None] - _EDGE_PX)
    )
    found.flags.writeable = False
    return np.asarray(found, np.bool_)


def pixels_within(area: str, *, left: int, top: int, width: int, height: int) -> NDArray[np.bool_]:
    """Which pixels of a window have their centre in an area: bool (row, col).

    Where an edge crosses the middle of a row is computed of its two ends alone, so that a pixel's answer does not
    depend on the window. A centre on an edge belongs to what lies on its right, or below.
    """
    x, y, x_next, y_next = _edges(area)
    upper, lower = np.minimum(y, y_next), np.maximum(y, y_next)
    first = np.clip(np.ceil(upper - 0.5) - top, 0, height).astype(np.intp)  # rows whose middle is at `upper` or below
    after = np.clip(np.ceil(lower - 0.5) - top, 0, height).astype(np.intp)
    some = np.flatnonzero(after > first)
    counts = after[some] - first[some]
    edge = np.repeat(some, counts)
    rows = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    crossed = x[edge] + (top + rows + 0.5 - y[edge]) * ((x_next - x)[edge] / (y_next - y)[edge])
    cols = np.clip(np.ceil(crossed - 0.5) - left, 0, width).astype(np.intp)
    crossings = np.bincount(rows * (width + 1) + cols, minlength=height * (width + 1)).reshape(height, width + 1)
    return np.asarray(np.cumsum(crossings[:, :width], axis=1) % 2 == 1)


def _holds_pixels(area: str, *, width: int, height: int) -> bool:
    side = _LOOK_PX
    return any(
        pixels_within(
            area, left=col * side, top=row * side, width=min(side, width - col * side),
            height=min(side, height - row * side),
        ).any()
        for row, col in np.argwhere(windows_within(area, width=width, height=height, side_px=side)).tolist()
    )  # fmt: skip


def pixels_of(area: str, *, width: int, height: int) -> int:
    """About how many pixels of a raster lie in an area: its surface in pixels."""
    return round(shapely.intersection(_parsed(area), shapely.box(0, 0, width, height)).area)


@lru_cache(maxsize=8)
def _edges(area: str) -> tuple[NDArray[np.float64], ...]:
    """Both ends of each edge of an area's rings: x, y, next x, next y."""
    rings = [shapely.get_coordinates(ring) for ring in shapely.get_rings(shapely.get_parts(_parsed(area)))]
    edges = np.concatenate([np.hstack([ring[:-1], ring[1:]]) for ring in rings])
    return tuple(np.ascontiguousarray(column) for column in edges.T)


@lru_cache(maxsize=8)
def _parsed(area: str) -> BaseGeometry:
    shape = shapely.from_wkb(area)
    shapely.prepare(shape)
    return shape


def _polygons(shape: BaseGeometry) -> BaseGeometry:
    """The polygons of what a cut left: points and lines hold no pixel."""
    parts = shapely.get_parts(shapely.get_parts(shape))  # a collection may hold multipolygons
    return shapely.MultiPolygon([part for part in parts if part.geom_type == "Polygon" and not part.is_empty])


def _span(bounds: tuple[float, float, float, float]) -> str:
    west, south, east, north = bounds
    return f"between {west:.4f}° and {east:.4f}° east and {south:.4f}° and {north:.4f}° north"
