"""The rules a tile's polygons obey, and their passage to and from the imagery's CRS.

Vertices are integers in 1/8 pixel (docs/adr/0002), so every predicate below is exact: GEOS decides orientation in
extended precision, no tolerance and no area threshold is used. A polygon that breaks a rule is refused with
its place, never repaired (docs/adr/0003).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from annotation.core.features import (
    MAX_FEATURE_VERTICES,
    MAX_FEATURES,
    MAX_TILE_VERTICES,
    PROVENANCES,
    Feature,
    Ring,
    Rings,
    Vertex,
    parse_features,
)
from annotation.core.geojson import parse_geojson
from annotation.core.grid import SUBPIXELS, TileGrid
from annotation.errors import InvalidFeature, OverlappingFeatures

__all__ = [
    "MAX_FEATURES",
    "MAX_FEATURE_VERTICES",
    "MAX_TILE_VERTICES",
    "PROVENANCES",
    "Feature",
    "Ring",
    "Rings",
    "Vertex",
    "check_coverage",
    "from_crs",
    "parse_features",
    "parse_geojson",
    "to_crs",
]

# Work allowed for pairs whose boxes overlap, in vertices of the smaller of each pair. An ordinary tile of
# 5,000 features needs 0.1 million; only thousands of long, interlocking diagonals come near, and would hold a
# worker.
_MAX_PAIR_WORK = 10_000_000
_ROWS_AT_ONCE = 256
# Above this product of vertex counts an overlay may create millions of crossings, so the place is found
# otherwise.
_MAX_OVERLAY_WORK = 40_000

_REASON = re.compile(r"(?P<what>[^\[]+)\[(?P<x>[-+.\deE]+) (?P<y>[-+.\deE]+)\]")
_WORDS = {
    "Self-intersection": "its outline crosses or touches itself",
    "Ring Self-intersection": "a ring touches itself",
    "Hole lies outside shell": "a hole lies outside the exterior",
    "Holes are nested": "a hole lies inside another hole",
    "Interior is disconnected": "its holes cut it in two",
    "Too few points in geometry component": "a ring encloses no ground",
}

Polygons = NDArray[np.object_]


# --- coverage -----------------------------------------------------------------------------------------------


def check_coverage(features: Sequence[Feature]) -> None:
    """Require that each polygon is valid and that no two share ground; shared edges and corners are fine.

    Args:
        features: of one tile, as `parse_features` or `parse_geojson` return them.

    Raises:
        InvalidFeature: a polygon crosses itself, a hole is outside its exterior, … with the place.
        OverlappingFeatures: the first pair, in the order of `features`, whose interiors meet, with a place.
    """
    if not features:
        return
    polygons = _polygons(features)
    valid = shapely.is_valid(polygons)
    if not valid.all():
        position = int(np.argmin(valid))
        raise _invalid(features[position], polygons[position])
    pair = _first_overlap(polygons)
    if pair is not None:
        first, second = features[pair[0]], features[pair[1]]
        at = _place_of_overlap(polygons[pair[0]], polygons[pair[1]])
        raise OverlappingFeatures(
            f"Features {first.id!r} and {second.id!r} overlap near ({at[0]}, {at[1]}); "
            "take the shared ground from one of them.",
            first_id=first.id,
            second_id=second.id,
            at=at,
        )


def _polygons(features: Sequence[Feature]) -> Polygons:
    """One shapely polygon a feature, in subpixels, y down."""
    rings = [ring for feature in features for ring in feature.rings]
    vertices = np.array([vertex for ring in rings for vertex in ring], dtype=np.float64)
    ring_of_vertex = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    feature_of_ring = np.repeat(np.arange(len(features)), [len(feature.rings) for feature in features])
    linear_rings = np.asarray(shapely.linearrings(vertices, indices=ring_of_vertex), dtype=np.object_)
    return np.asarray(shapely.polygons(linear_rings, indices=feature_of_ring), dtype=np.object_)


def _invalid(feature: Feature, polygon: shapely.Polygon) -> InvalidFeature:
    match = _REASON.fullmatch(shapely.is_valid_reason(polygon))
    if match is None:
        return InvalidFeature(
            f"Feature {feature.id!r} is not a valid polygon; redraw it.",
            feature_id=feature.id,
            at=feature.rings[0][0],
        )
    at = (round(float(match["x"])), round(float(match["y"])))
    what = _WORDS.get(match["what"], match["what"])
    return InvalidFeature(
        f"Feature {feature.id!r}: {what} near ({at[0]}, {at[1]}); correct it there.",
        feature_id=feature.id,
        at=at,
    )


def _first_overlap(polygons: Polygons) -> tuple[int, int] | None:
    """Lowest pair (i, j), i < j, of valid polygons whose interiors meet.

    Interiors of two polygons meet if and only if the polygons intersect and do not merely touch; both
    predicates stop at the first proof, where the full relate matrix (pattern T********) does not (23 s on two
    combs of 4,000 vertices).
    """
    sizes = np.asarray(shapely.get_num_coordinates(polygons), dtype=np.int64)
    bounds = shapely.bounds(polygons)
    tree = shapely.STRtree(polygons)
    shapely.prepare(polygons)
    work = 0
    for start in range(0, len(polygons), _ROWS_AT_ONCE):
        left, right = tree.query(polygons[start : start + _ROWS_AT_ONCE])
        left = left + start
        later = right > left
        left, right = left[later], right[later]
        apart = (bounds[left, :2] >= bounds[right, 2:]) | (bounds[right, :2] >= bounds[left, 2:])
        boxes_meet = ~apart.any(axis=1)
        left, right = left[boxes_meet], right[boxes_meet]
        work += int(np.minimum(sizes[left], sizes[right]).sum())
        if work > _MAX_PAIR_WORK:
            raise InvalidFeature(
                f"The features interlock too closely to be checked (more than {_MAX_PAIR_WORK} comparisons); "
                "split the long diagonal ones or merge neighbours of the same class."
            )
        # The larger polygon comes first: its prepared index answers for the smaller one (250 × faster than
        # reversed).
        swap = sizes[left] < sizes[right]
        large, small = polygons[np.where(swap, right, left)], polygons[np.where(swap, left, right)]
        meets = shapely.intersects(large, small)
        meets[meets] = ~shapely.touches(large[meets], small[meets])
        if meets.any():
            return min(zip(left[meets].tolist(), right[meets].tolist(), strict=True))
    return None


def _place_of_overlap(first: shapely.Polygon, second: shapely.Polygon) -> Vertex:
    """A position in, or at the edge of, the ground two overlapping polygons share, rounded to the grid."""
    sizes = [int(shapely.get_num_coordinates(polygon)) for polygon in (first, second)]
    if sizes[0] * sizes[1] <= _MAX_OVERLAY_WORK:
        parts = shapely.get_parts(shapely.intersection(first, second))
        point = shapely.point_on_surface(parts[int(np.argmax(shapely.area(parts)))])
        return round(point.x), round(point.y)
    for outer, inner in ((first, second), (second, first)):
        vertices = shapely.get_coordinates(inner)
        strictly_inside = shapely.contains_xy(outer, vertices)
        if strictly_inside.any():
            x, y = vertices[int(np.argmax(strictly_inside))]
            return round(float(x)), round(float(y))
    point = shapely.point_on_surface(min(first, second, key=lambda polygon: float(polygon.area)))
    return round(point.x), round(point.y)


# --- the imagery's CRS --------------------------------------------------------------------------------------


def to_crs(rings: Rings, *, grid: TileGrid, row: int, col: int) -> shapely.Polygon:
    """Polygon of a feature in the imagery's CRS; `from_crs` gives back exactly the same rings.

    Raises: TileOutsideGrid.
    """
    window = grid.window(row, col)
    a, _, c, _, e, f = grid.pixels.transform
    placed = [
        [(c + a * (window.col_off + x / SUBPIXELS), f + e * (window.row_off + y / SUBPIXELS)) for x, y in ring]
        for ring in rings
    ]
    return shapely.Polygon(placed[0], placed[1:])


def from_crs(polygon: shapely.Polygon, *, grid: TileGrid, row: int, col: int) -> tuple[Rings, float]:
    """Rings of a polygon of the imagery's CRS, on a tile's grid.

    Returns: the rings, and the largest move of a coordinate, in pixels (below 1e-6 for a polygon that
    `to_crs` made).

    Raises: TileOutsideGrid; InvalidFeature: the polygon is empty or leaves the tile.
    """
    window = grid.window(row, col)
    a, _, c, _, e, f = grid.pixels.transform
    if polygon.is_empty:
        raise InvalidFeature("The polygon is empty; there is nothing to place on the tile.")
    side = SUBPIXELS * grid.tile_px
    rings: list[Ring] = []
    moved = 0.0
    for line in (polygon.exterior, *polygon.interiors):
        xy = shapely.get_coordinates(line)[:-1]
        raw = (xy - (c, f)) / (a, e)
        raw = (raw - (window.col_off, window.row_off)) * SUBPIXELS
        snapped = np.rint(raw)
        outside = ~((snapped >= 0) & (snapped <= side)).all(axis=1)
        if outside.any():
            x_crs, y_crs = xy[int(np.argmax(outside))]
            raise InvalidFeature(
                f"The polygon's vertex ({x_crs}, {y_crs}) is outside tile (row {row}, column {col}); clip it first."
            )
        moved = max(moved, float(np.abs(raw - snapped).max()) / SUBPIXELS)
        rings.append(tuple((x, y) for x, y in snapped.astype(np.int64).tolist()))
    return tuple(rings), moved
