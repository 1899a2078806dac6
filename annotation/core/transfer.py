"""Labels of one tile grid brought onto a tile of another: another vintage, another pixel size, the same CRS.

Outlines pass through the CRS and are rounded to the target's integer grid together, so that neighbours stay
neighbours: rounded one by one, two features that share an edge could come to share ground.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from annotation.core.features import MAX_FEATURE_VERTICES, MAX_FEATURES, MAX_TILE_VERTICES, Feature, Ring, Rings
from annotation.core.grid import SUBPIXELS, Bounds, TileGrid
from annotation.core.tile_geometry import check_coverage, to_crs
from annotation.errors import InvalidFeature, OverlappingFeatures

Polygons = NDArray[np.object_]

_SLIVER_UNITS = SUBPIXELS / 2
"""A piece that vanishes when shrunk by this much on all sides is nowhere a pixel wide."""


@dataclass(frozen=True, slots=True)
class LabelledTile:
    """A tile's coverage on its own grid; `name` begins the ids of what is made from it."""

    name: str
    grid: TileGrid
    row: int
    col: int
    features: Sequence[Feature]


def carried_over(sources: Sequence[LabelledTile], *, grid: TileGrid, row: int, col: int) -> tuple[Feature, ...]:
    """Features of other tiles as features of this one: clipped, on its integer grid, a valid coverage.

    Pieces that are nowhere a pixel wide are left out, and so is whatever would not be valid. A feature cut in pieces
    becomes several; ids are "<name>-<number>" and then "-<number of the piece>", the same at each call.

    Args:
        sources: distinct tiles of one grid in the same CRS as `grid`, each a coverage.

    Returns: at most 5,000 features of provenance "copied".

    Raises: TileOutsideGrid.
    """
    side = SUBPIXELS * grid.tile_px
    owners, outlines = _clipped(sources, grid=grid, row=row, col=col, side=side)
    if not owners:
        return ()
    pieces = _rounded_together(np.array(outlines, dtype=np.object_))
    features: list[Feature] = []
    for owner, parts in zip(owners, pieces, strict=True):
        wide = parts[~shapely.is_empty(shapely.buffer(parts, -_SLIVER_UNITS))]
        for number, part in enumerate(wide, start=1):
            name = owner.id if len(wide) == 1 else f"{owner.id}-{number}"
            features.append(Feature(name, owner.class_code, rings_of(part), "copied"))
    return valid_coverage(features)


def valid_coverage(features: Sequence[Feature]) -> tuple[Feature, ...]:
    """The features that a tile may hold together: those beyond its limits, or that break a rule, are left out."""
    kept: list[Feature] = []
    vertices = 0
    for feature in features:
        size = sum(map(len, feature.rings))
        if size <= MAX_FEATURE_VERTICES and vertices + size <= MAX_TILE_VERTICES and len(kept) < MAX_FEATURES:
            kept.append(feature)
            vertices += size
    while True:
        try:
            check_coverage(kept)
        except (InvalidFeature, OverlappingFeatures) as fault:
            wrong = fault.details["feature_id"]
            kept = [feature for feature in kept if wrong is not None and feature.id != wrong]
        else:
            return tuple(kept)


def _clipped(
    sources: Sequence[LabelledTile], *, grid: TileGrid, row: int, col: int, side: int
) -> tuple[list[Feature], list[shapely.Geometry]]:
    """Features renamed, and the part of each inside the tile, in its units but not rounded yet."""
    window = grid.window(row, col)
    a, _, c, _, e, f = grid.pixels.transform
    frame = shapely.box(0, 0, side, side)
    owners: list[Feature] = []
    outlines: list[shapely.Geometry] = []
    vertices = 0
    for source in sources:
        reach = _frame_in_units_of(source, bounds=grid.bounds_crs(row, col))
        for number, feature in enumerate(source.features, start=1):
            if not _meets(feature.rings[0], reach):
                continue
            placed = to_crs(feature.rings, grid=source.grid, row=source.row, col=source.col)
            units = shapely.transform(
                placed, lambda xy: ((xy - (c, f)) / (a, e) - (window.col_off, window.row_off)) * SUBPIXELS
            )
            parts = shapely.get_parts(shapely.intersection(units, frame))
            inside = shapely.multipolygons(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON])
            if shapely.is_empty(inside):
                continue
            vertices += int(shapely.get_num_coordinates(inside))
            if len(owners) == MAX_FEATURES or vertices > MAX_TILE_VERTICES:
                return owners, outlines
            owners.append(Feature(f"{source.name}-{number}", feature.class_code, feature.rings, "copied"))
            outlines.append(inside)
    return owners, outlines


def _frame_in_units_of(source: LabelledTile, *, bounds: Bounds) -> Bounds:
    """Bounds in the CRS as (left, top, right, bottom) in a source tile's units, y down."""
    window = source.grid.window(source.row, source.col)
    a, _, c, _, e, f = source.grid.pixels.transform
    left, bottom, right, top = bounds
    return (
        ((left - c) / a - window.col_off) * SUBPIXELS,
        ((top - f) / e - window.row_off) * SUBPIXELS,
        ((right - c) / a - window.col_off) * SUBPIXELS,
        ((bottom - f) / e - window.row_off) * SUBPIXELS,
    )


def _meets(ring: Ring, frame: Bounds) -> bool:
    """Whether a ring's box and a frame share ground: far cheaper than asking GEOS of thousands of features."""
    xs, ys = [x for x, _ in ring], [y for _, y in ring]
    left, top, right, bottom = frame
    return min(xs) < right and max(xs) > left and min(ys) < bottom and max(ys) > top


def laid_over(under: Sequence[Feature], over: Sequence[Feature]) -> tuple[Feature, ...]:
    """One coverage of two on the same tile: where both have a feature, that of `over` has the ground.

    Features of `under` that meet none of `over` stay as they are; the others lose that ground, keep id, class and
    provenance, and where they fall apart their pieces are numbered. Pieces that are nowhere a pixel wide are left out.

    Returns: `over` first, at most 5,000 features.
    """
    if not under or not over:
        return valid_coverage([*over, *under])
    top = _polygons(over)
    met = shapely.STRtree(top).query(_polygons(under), predicate="intersects")[0]
    touched = set(met.tolist())
    cut = [feature for number, feature in enumerate(under) if number in touched]
    pieces = _rounded_together(np.concatenate([top, _polygons(cut)]) if cut else top)
    taken = {feature.id for feature in over}
    features: list[Feature] = []
    for feature, parts in zip([*over, *cut], pieces, strict=True):
        wide = parts[~shapely.is_empty(shapely.buffer(parts, -_SLIVER_UNITS))]
        for number, part in enumerate(wide, start=1):
            name = feature.id if len(wide) == 1 else _free_name(f"{feature.id[:34]}-{number}", taken)
            features.append(Feature(name, feature.class_code, rings_of(part), feature.provenance))
    rest = [feature for number, feature in enumerate(under) if number not in touched and feature.id not in taken]
    return valid_coverage([*features, *rest])


def _free_name(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "x"
    taken.add(name)
    return name


def faces_of(first: Sequence[Feature], second: Sequence[Feature]) -> dict[tuple[str, str], shapely.Geometry]:
    """The ground that `first` labels, by (its class, that of `second` there or ""), on the integer grid.

    Both are coverages of one tile.
    """
    below, above = _polygons(first), _polygons(second)
    faces, inner = _faces(np.concatenate([below, above]))
    of_first, of_second = _holders(below, inner), _holders(above, inner)
    found: dict[tuple[str, str], list[shapely.Geometry]] = {}
    for face, a, b in zip(faces, of_first, of_second, strict=True):
        if a >= 0:
            said = (first[a].class_code, second[b].class_code if b >= 0 else "")
            found.setdefault(said, []).append(face)
    return {said: shapely.coverage_union_all(of_said) for said, of_said in sorted(found.items())}


def _polygons(features: Sequence[Feature]) -> Polygons:
    made = [shapely.Polygon(feature.rings[0], feature.rings[1:]) for feature in features]
    return np.array(made, dtype=np.object_)


def _faces(outlines: Polygons) -> tuple[Polygons, Polygons]:
    """What all edges enclose once they are noded on the integer grid (snap rounding), and a point inside each."""
    edges = shapely.union_all(shapely.boundary(outlines), grid_size=1.0)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(edges)))
    return faces, shapely.point_on_surface(faces)


def _holders(outlines: Polygons, inner: Polygons) -> list[int]:
    """For each point the first outline that holds it, whatever rounding did; -1: none."""
    holder = np.full(len(inner), len(outlines), dtype=np.int64)
    if len(outlines):
        point, outline = shapely.STRtree(outlines).query(inner, predicate="within")
        np.minimum.at(holder, point, outline)
    return [int(number) if number < len(outlines) else -1 for number in holder]


def _rounded_together(outlines: Polygons) -> list[Polygons]:
    """Each outline's pieces on the integer grid; no two pieces of any outlines share ground.

    All edges are noded on the grid at once, the faces they enclose go to the first outline that holds them, and the
    faces of an outline are joined again along their common edges.
    """
    faces, inner = _faces(outlines)
    holder = np.array(_holders(outlines, inner), dtype=np.int64)
    pieces: list[Polygons] = []
    for number in range(len(outlines)):
        joined = shapely.coverage_union_all(faces[holder == number])
        parts = shapely.get_parts(joined)
        pieces.append(parts[np.argsort(-shapely.area(parts), kind="stable")])
    return pieces


def rings_of(polygon: shapely.Polygon) -> Rings:
    """Exterior and holes of a polygon whose corners are on the integer grid."""
    return tuple(_ring(line) for line in (polygon.exterior, *polygon.interiors))


def _ring(line: shapely.LinearRing) -> Ring:
    xy = np.rint(shapely.get_coordinates(line)[:-1]).astype(np.int64)
    return tuple((x, y) for x, y in xy.tolist())
