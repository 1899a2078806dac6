"""Polygons to label raster, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio import features as gdal_features

from annotation.core.grid import SUBPIXELS
from annotation.core.tile_geometry import (
    MAX_FEATURE_VERTICES,
    MAX_FEATURES,
    MAX_TILE_VERTICES,
    PROVENANCES,
    Feature,
    check_coverage,
)
from annotation.errors import (
    InvalidFeature,
    LabelsTooDetailed,
    OverlappingFeatures,
    UnknownClass,
    UnusableLabels,
)

UInt8Array = NDArray[np.uint8]
IntArray = NDArray[np.int64]
RegionArray = NDArray[np.int16]
RegionShape = tuple[list[list[tuple[float, float]]], int]

_UNLABELLED = -1
_HALF = SUBPIXELS // 2
# Crossings of edges and pixel rows handled at once: bounds memory when 200,000 edges each span the whole
# tile.
_CROSSINGS_AT_ONCE = 1 << 20
# One covered pixel adds this to the running sum, so that a pixel covered twice shows.
_COVERED = 1024


# --- polygons → raster --------------------------------------------------------------------------------------


def rasterize_features(
    features: Sequence[Feature], *, tile_px: int, class_index: Mapping[str, int], unlabelled: int = 0
) -> UInt8Array:
    """Label raster of a tile: a pixel belongs to the feature that holds its centre.

    Integer arithmetic throughout. A centre exactly on a shared edge goes to the feature at its right (below,
    for a horizontal edge), so every pixel of a coverage gets one feature and none two.

    Args:
        features: a coverage, as `check_coverage` accepts it.
        tile_px: side of the tile in pixels.
        class_index: raster value (0 … 255) of each class code in use.
        unlabelled: value of uncovered pixels.

    Returns: uint8 (tile_px, tile_px).

    Raises: UnknownClass: a class without a raster value. UnusableLabels: a value is not in 0 … 255, a vertex
    lies
        outside the tile, or the features are not a coverage.
    """
    values = _raster_values(features, class_index=class_index, unlabelled=unlabelled)
    change = np.zeros(tile_px * (tile_px + 1), dtype=np.int32)
    if features:
        edges = _edges(features, values - unlabelled + _COVERED, tile_px=tile_px)
        for cell, step in _crossings(edges, tile_px=tile_px):
            np.add.at(change, cell, step)
    total = np.cumsum(change.reshape(tile_px, tile_px + 1), axis=1)[:, :tile_px]
    covered = (total + _COVERED // 2) // _COVERED
    if not ((covered == 0) | (covered == 1)).all():
        row, col = np.argwhere((covered != 0) & (covered != 1))[0]
        raise UnusableLabels(
            f"Pixel (column {col}, row {row}) is covered {covered[row, col]} times; check the coverage first."
        )
    return (total - covered * _COVERED + unlabelled).astype(np.uint8)


def _raster_values(features: Sequence[Feature], *, class_index: Mapping[str, int], unlabelled: int) -> IntArray:
    for code, value in (*class_index.items(), ("unlabelled", unlabelled)):
        if not 0 <= value <= 255:
            raise UnusableLabels(f"The raster value {value} of {code!r} does not fit in uint8; use 0 to 255.")
    for feature in features:
        if feature.class_code not in class_index:
            raise UnknownClass(
                f"Feature {feature.id!r} has the class {feature.class_code!r}, which has no raster value.",
                feature_id=feature.id,
            )
    return np.array([class_index[feature.class_code] for feature in features], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Edges:
    start: IntArray  # (edge, 2), the end with the smaller y
    end: IntArray  # (edge, 2)
    step: IntArray  # (edge,), what crossing it from left to right adds


def _edges(features: Sequence[Feature], values: IntArray, *, tile_px: int) -> _Edges:
    """Sloping edges of all features, each pointing down, with the step it makes from left to right."""
    rings = [
        (ring, number > 0, value)
        for feature, value in zip(features, values.tolist(), strict=True)
        for number, ring in enumerate(feature.rings)
    ]
    sizes = np.array([len(ring) for ring, _, _ in rings], dtype=np.int64)
    first = np.cumsum(sizes) - sizes
    start = np.array([vertex for ring, _, _ in rings for vertex in ring], dtype=np.int64)
    if start.min() < 0 or start.max() > SUBPIXELS * tile_px:
        raise UnusableLabels(f"A vertex lies outside the tile, which spans 0 to {SUBPIXELS * tile_px}.")
    following = np.arange(len(start)) + 1
    following[first + sizes - 1] = first
    end = start[following]
    twice_area = np.add.reduceat(start[:, 0] * end[:, 1] - end[:, 0] * start[:, 1], first)
    # Positive area is clockwise on screen (y down): the ground lies to the right of an edge that goes up.
    hole = np.array([is_hole for _, is_hole, _ in rings])
    per_ring = np.array([value for _, _, value in rings]) * np.sign(twice_area) * np.where(hole, -1, 1)
    rises = np.sign(start[:, 1] - end[:, 1])
    step = np.repeat(per_ring, sizes) * rises
    slopes, upward = rises != 0, (rises > 0)[:, None]
    return _Edges(
        start=np.where(upward, end, start)[slopes],
        end=np.where(upward, start, end)[slopes],
        step=step[slopes],
    )


def _crossings(edges: _Edges, *, tile_px: int) -> Iterator[tuple[IntArray, IntArray]]:
    """Where edges cross the rows of pixel centres: cell of a (tile_px, tile_px + 1) raster, step."""
    # Centres lie at 8 r + 4. A row is crossed if start.y <= centre < end.y: half-open, a vertex counts once.
    first_row = -((_HALF - edges.start[:, 1]) // SUBPIXELS)
    n_rows = -((_HALF - edges.end[:, 1]) // SUBPIXELS) - first_row
    cumulative = np.cumsum(n_rows)
    begin = 0
    while begin < len(n_rows):
        done = cumulative[begin - 1] if begin else 0
        stop = max(begin + 1, int(np.searchsorted(cumulative, done + _CROSSINGS_AT_ONCE, side="right")))
        counts = n_rows[begin:stop]
        edge = np.repeat(np.arange(begin, stop), counts)
        within = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts)
        row = first_row[edge] + within
        dx, dy = (edges.end[edge] - edges.start[edge]).T
        below = SUBPIXELS * row + _HALF - edges.start[edge, 1]
        numerator = (edges.start[edge, 0] - _HALF) * dy + below * dx
        # First column whose centre is at or after the crossing: an exact ceiling of numerator / (8 dy).
        col = -(-numerator // (SUBPIXELS * dy))
        yield row * (tile_px + 1) + col, edges.step[edge]
        begin = stop


# --- raster → polygons --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Outlines:
    """Rings of the regions of a raster, in subpixels: vertices, ring of each, region of each ring, value of
    each."""

    xy: IntArray  # (vertex, 2), rings not closed
    ring_sizes: IntArray  # (ring,)
    region_of_ring: IntArray  # (ring,), ascending, exterior first
    values: IntArray  # (region,)


def polygonize_labels(
    labels: UInt8Array,
    *,
    class_codes: Mapping[int, str],
    min_area_px: int = 16,
    simplify_px: float = 1.0,
    provenance: str = "drawn",
) -> tuple[Feature, ...]:
    """Coverage of polygons of a label raster, ready to be saved.

    Regions (4-connected) smaller than `min_area_px` go to their largest neighbour, which may be unlabelled
    ground; unlabelled ground itself is not filled. Outlines are simplified together, so neighbours keep the
    same edge and the raster's border stays straight; should a simplification break the coverage, a gentler
    one is taken, at last the exact pixel outline. If the result exceeds a tile's limits, larger
    regions are merged, and small unlabelled gaps filled, until it fits.

    Args:
        labels: uint8 (row, col).
        class_codes: class code of each raster value; other values are unlabelled.
        min_area_px: 0 or 1 keeps every region.
        simplify_px: square root of the area (in px²) of the corners removed; 0 keeps pixel outlines,
            from which `rasterize_features` gives back the input.
        provenance: of the features made.

    Returns: features with ids region-1, region-2, … in reading order of their first pixel.

    Raises: UnusableLabels; LabelsTooDetailed: no merging brings it within the limits.

    Source: Visvalingam and Whyatt 1993 (doi 10.1179/000870493786962263), on coverages as in GEOS
    CoverageSimplifier.
    """
    if labels.ndim != 2 or labels.dtype != np.uint8 or labels.size == 0:
        raise UnusableLabels(f"Labels must be a uint8 raster (row, col), not {labels.dtype} of shape {labels.shape}.")
    if provenance not in PROVENANCES or not simplify_px >= 0:
        raise UnusableLabels(f"Provenance {provenance!r} or simplify_px {simplify_px} is not usable.")
    known = np.isin(labels, np.array(sorted(class_codes), dtype=np.int64))
    # Unlabelled ground takes part as one more region (−1), so that its edges are shared and simplified once.
    regions = np.where(known, labels.astype(np.int16), np.int16(_UNLABELLED))
    merged = np.where(known, _merge_small(regions, min_area_px=min_area_px), regions)
    for next_area_px in _growing(min_area_px):
        shapes = _region_shapes(merged)
        n_regions = sum(value != _UNLABELLED for _, value in shapes)
        if n_regions <= MAX_FEATURES:
            outlines = _pixel_outlines(shapes)
            found = _simplest_coverage(outlines, labels.size, class_codes, simplify_px, provenance)
            if _within_limits(found):
                return found
        coarser = _merge_small(regions, min_area_px=next_area_px)
        if np.array_equal(coarser, merged):
            break
        merged = coarser
    raise LabelsTooDetailed(
        f"The labels have {n_regions} separate regions, or outlines too long, even after merging; a tile "
        f"holds {MAX_FEATURES} features of {MAX_FEATURE_VERTICES} vertices. Smooth the raster first."
    )


def _growing(min_area_px: int) -> Iterator[int]:
    """Thresholds to try next. Few: where all regions are small, GDAL merges none at any threshold."""
    for power in range(1, 5):
        yield max(min_area_px, 16) * 4**power


def _merge_small(regions: RegionArray, *, min_area_px: int) -> RegionArray:
    """Give regions smaller than `min_area_px` to their largest neighbour."""
    size = min(min_area_px, regions.size - 1)  # GDAL refuses a threshold as large as the raster
    if size <= 1:
        return regions
    return np.asarray(gdal_features.sieve(regions, size=size, connectivity=4), dtype=np.int16)


def _within_limits(features: Sequence[Feature]) -> bool:
    sizes = [sum(map(len, feature.rings)) for feature in features]
    return (
        len(sizes) <= MAX_FEATURES and max(sizes, default=0) <= MAX_FEATURE_VERTICES and sum(sizes) <= MAX_TILE_VERTICES
    )


def _simplest_coverage(
    exact: _Outlines, area_px: int, class_codes: Mapping[int, str], simplify_px: float, provenance: str
) -> tuple[Feature, ...]:
    """Features simplified as far as asked if that is still a coverage, else less, at last not at all."""
    ground = SUBPIXELS * SUBPIXELS * area_px
    for tolerance_px in (simplify_px, simplify_px / 2, simplify_px / 4):
        if tolerance_px > 0:
            features = _as_features(_simplified(exact, tolerance_px=tolerance_px), class_codes, provenance)
            # Valid, disjoint, and as much ground as before: nothing overlaps and no gap opened.
            if _area(features) == ground and _is_coverage(features):
                return _labelled(features)
    return _labelled(_as_features(exact, class_codes, provenance))


def _region_shapes(regions: RegionArray) -> list[RegionShape]:
    """Rings (in pixels, closed, exterior first) and value of each 4-connected region, in reading order."""
    # With 4-connectivity GDAL's rings never touch themselves, so each polygon is valid.
    shapes: list[RegionShape] = [
        (geometry["coordinates"], int(value)) for geometry, value in gdal_features.shapes(regions, connectivity=4)
    ]
    # A region's first pixel in reading order is its own: its upper-left corner orders the regions.
    shapes.sort(key=lambda shape: min((y, x) for x, y in shape[0][0]))
    return shapes


def _pixel_outlines(shapes: Sequence[RegionShape]) -> _Outlines:
    """Outlines with a vertex at each pixel corner: neighbours then share every vertex (no T-junction)."""
    corners: list[IntArray] = []
    sizes: list[int] = []
    for rings, _ in shapes:
        for ring in rings:
            dense = _densified(np.array(ring, dtype=np.float64).astype(np.int64))
            corners.append(dense)
            sizes.append(len(dense))
    return _Outlines(
        xy=np.concatenate(corners) * SUBPIXELS,
        ring_sizes=np.array(sizes, dtype=np.int64),
        region_of_ring=np.repeat(np.arange(len(shapes)), [len(rings) for rings, _ in shapes]),
        values=np.array([value for _, value in shapes], dtype=np.int64),
    )


def _densified(closed_ring: IntArray) -> IntArray:
    """A vertex at every unit along a closed ring of horizontal and vertical edges; not closed any more."""
    steps = np.diff(closed_ring, axis=0)
    lengths = np.abs(steps).sum(axis=1)
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    along = np.repeat(np.sign(steps), lengths, axis=0) * within[:, None]
    dense: IntArray = np.repeat(closed_ring[:-1], lengths, axis=0) + along
    return dense


def _simplified(outlines: _Outlines, *, tolerance_px: float) -> _Outlines:
    ring_of_vertex = np.repeat(np.arange(len(outlines.ring_sizes)), outlines.ring_sizes)
    rings = np.asarray(shapely.linearrings(outlines.xy.astype(np.float64), indices=ring_of_vertex), dtype=np.object_)
    polygons = shapely.polygons(rings, indices=outlines.region_of_ring)
    simple = shapely.coverage_simplify(polygons, tolerance_px * SUBPIXELS, simplify_boundary=False)
    kept, region = shapely.get_rings(simple, return_index=True)
    # The simplification keeps a subset of the vertices, so rounding changes nothing.
    xy, ring = shapely.get_coordinates(kept, return_index=True)
    closing = np.append(ring[1:] != ring[:-1], True)
    sizes = np.bincount(ring[~closing], minlength=len(kept))
    return _Outlines(
        xy=np.rint(xy[~closing]).astype(np.int64),
        ring_sizes=sizes.astype(np.int64),
        region_of_ring=np.asarray(region, dtype=np.int64),
        values=outlines.values,
    )


def _needed_vertices(outlines: _Outlines) -> NDArray[np.bool_]:
    """Vertices where some ring turns: a straight vertex is kept only where another ring has a corner."""
    first = np.cumsum(outlines.ring_sizes) - outlines.ring_sizes
    last = first + outlines.ring_sizes - 1
    following = np.arange(len(outlines.xy)) + 1
    following[last] = first
    before = np.arange(len(outlines.xy)) - 1
    before[first] = last
    arriving = outlines.xy - outlines.xy[before]
    leaving = outlines.xy[following] - outlines.xy
    turns = arriving[:, 0] * leaving[:, 1] != arriving[:, 1] * leaving[:, 0]
    _, place = np.unique(outlines.xy[:, 0] << 32 | outlines.xy[:, 1], return_inverse=True)
    return np.bincount(place, weights=turns)[place] > 0


def _as_features(outlines: _Outlines, class_codes: Mapping[int, str], provenance: str) -> tuple[Feature, ...]:
    """One feature a region; unlabelled regions have an empty class code."""
    needed = _needed_vertices(outlines)
    rings_of_region: list[list[tuple[tuple[int, int], ...]]] = [[] for _ in outlines.values]
    cursor = 0
    for size, region in zip(outlines.ring_sizes.tolist(), outlines.region_of_ring.tolist(), strict=True):
        part = slice(cursor, cursor + size)
        vertices = outlines.xy[part][needed[part]].tolist()
        rings_of_region[region].append(tuple((x, y) for x, y in vertices))
        cursor += size
    return tuple(
        Feature(f"region-{number}", class_codes.get(value, ""), tuple(rings), provenance)
        for number, (value, rings) in enumerate(zip(outlines.values.tolist(), rings_of_region, strict=True), start=1)
    )


def _labelled(features: Sequence[Feature]) -> tuple[Feature, ...]:
    kept = [feature for feature in features if feature.class_code]
    return tuple(
        Feature(f"region-{number}", feature.class_code, feature.rings, feature.provenance)
        for number, feature in enumerate(kept, start=1)
    )


def _area(features: Sequence[Feature]) -> float:
    """Ground of all features in square subpixels, exact."""
    twice = 0
    for feature in features:
        for number, ring in enumerate(feature.rings):
            turned = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(ring, (*ring[1:], ring[0]), strict=True))
            twice += -abs(turned) if number else abs(turned)
    return twice / 2


def _is_coverage(features: Sequence[Feature]) -> bool:
    if any(len(ring) < 3 for feature in features for ring in feature.rings):
        return False
    try:
        check_coverage(features)
    except (InvalidFeature, OverlappingFeatures):
        return False
    return True
