"""The four quarters of a tile: where each lies, and cutting a coverage along the lines between them.

Quarters are numbered as one reads: 1 upper left, 2 upper right, 3 lower left, 4 lower right. Labels of a quarter are in
1/8 pixel from its own upper-left corner, as those of a tile of half the side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import shapely
from shapely.geometry.polygon import orient

from annotation.core.grid import SUBPIXELS
from annotation.core.tile_geometry import Feature, Rings, check_coverage

QUARTERS = (1, 2, 3, 4)
_LONGEST_ID = 40


def corner(part: int, *, tile_px: int) -> tuple[int, int]:
    """Upper-left corner of a quarter on its tile, x and y in 1/8 pixel; that of the tile for 0."""
    if part == 0:
        return 0, 0
    down, right = divmod(part - 1, 2)
    half = SUBPIXELS * tile_px // 2
    return right * half, down * half


def quarter_at(x: float, y: float, *, side: float) -> int:
    """The quarter that holds a place, counted from the tile's upper-left corner in the same unit as its side."""
    return 1 + (x >= side / 2) + 2 * (y >= side / 2)


def windows_in_quarter(windows: Iterable[Sequence[int]], *, part: int, tile_px: int) -> list[tuple[int, int, int, int]]:
    """What of some windows of a tile lies in one of its quarters, in the quarter's own pixels.

    Args:    windows: (col, row, width, height) in pixels of the tile; `tile_px` is the whole's, even.
    Returns: in the order of `windows`, cut at the quarter's edges; those that lie beside it are left out.
    """
    half = tile_px // 2
    right, down = (place // SUBPIXELS for place in corner(part, tile_px=tile_px))
    found = []
    for col, row, width, height in windows:
        left, top = max(0, col - right), max(0, row - down)
        wide, high = min(half, col + width - right) - left, min(half, row + height - down) - top
        if wide > 0 and high > 0:
            found.append((left, top, wide, high))
    return found


def on_whole(features: Iterable[dict[str, Any]], *, part: int, tile_px: int) -> list[dict[str, Any]]:
    """Features as a quarter's revision stores them, in the units of the whole tile; `tile_px` is the whole's."""
    right, down = corner(part, tile_px=tile_px)
    if part == 0:
        return list(features)
    return [
        {**item, "rings": [[[x + right, y + down] for x, y in ring] for ring in item["rings"]]} for item in features
    ]


def cut_in_quarters(features: Sequence[Feature], *, tile_px: int) -> dict[int, tuple[Feature, ...]]:
    """Each quarter's part of a tile's coverage, again a coverage on the integer grid.

    Where an outline crosses a line between quarters it gets a vertex there, rounded to the grid once for all shapes
    that share the place, so that neighbours stay neighbours; nothing else moves by more than that rounding asks of it.
    Class, provenance and, for the largest piece in each quarter, the id are those of the feature.

    Args:    features: of one tile, a coverage; `tile_px` even.
    Returns: by quarter, in the order of `features`.
    Raises:  InvalidFeature, OverlappingFeatures: the features are no coverage.
    """
    found: dict[int, list[tuple[int, shapely.Polygon]]] = {part: [] for part in QUARTERS}
    polygons = [shapely.Polygon(feature.rings[0], feature.rings[1:]) for feature in features]
    for nth, faces in enumerate(_faces_of(polygons, half=SUBPIXELS * tile_px // 2)):
        for part, pieces in faces.items():
            merged = shapely.union_all(pieces)
            found[part] += [(nth, piece) for piece in sorted(shapely.get_parts(merged), key=lambda one: -one.area)]
    cut = {part: _named(features, found[part], shift=corner(part, tile_px=tile_px)) for part in QUARTERS}
    for coverage in cut.values():
        check_coverage(coverage)
    return cut


def _faces_of(polygons: Sequence[shapely.Polygon], *, half: int) -> list[dict[int, list[shapely.Polygon]]]:
    """For each polygon, by quarter, the faces it is made of once everything is noded on the integer grid."""
    faces: list[dict[int, list[shapely.Polygon]]] = [{} for _polygon in polygons]
    if not polygons:
        return faces
    side = 2 * half
    lines = [shapely.LineString([(half, 0), (half, side)]), shapely.LineString([(0, half), (side, half)])]
    # Snap rounding: every crossing becomes one vertex of the grid for all lines through it.
    noded = shapely.union_all([*shapely.boundary(polygons), *lines], grid_size=1)
    pieces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    inside = shapely.point_on_surface(pieces)
    of_piece, of_polygon = shapely.STRtree(polygons).query(inside, predicate="within")
    for piece, nth in zip(of_piece.tolist(), of_polygon.tolist(), strict=True):
        at = inside[piece]
        faces[nth].setdefault(1 + (at.x > half) + 2 * (at.y > half), []).append(pieces[piece])
    return faces


def _named(
    features: Sequence[Feature], pieces: Sequence[tuple[int, shapely.Polygon]], *, shift: tuple[int, int]
) -> tuple[Feature, ...]:
    taken = {features[nth].id for nth, _piece in pieces}
    named: list[Feature] = []
    last = None
    for nth, piece in pieces:
        feature = features[nth]
        name = feature.id if nth != last else _free(feature.id, taken)
        taken.add(name)
        last = nth
        named.append(Feature(name, feature.class_code, _rings(piece, shift=shift), feature.provenance))
    return tuple(named)


def _free(name: str, taken: set[str]) -> str:
    count = 2
    while (free := f"{name[: _LONGEST_ID - 1 - len(str(count))]}-{count}") in taken:
        count += 1
    return free


def _rings(piece: shapely.Polygon, *, shift: tuple[int, int]) -> Rings:
    turned = orient(piece)
    rings = []
    for line in (turned.exterior, *turned.interiors):
        xy = np.rint(shapely.get_coordinates(line)[:-1]).astype(np.int64) - shift
        rings.append(tuple((x, y) for x, y in xy.tolist()))
    return tuple(rings)
