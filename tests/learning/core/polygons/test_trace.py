from __future__ import annotations

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from polygon_maps import pieces_of, raster
from skimage.measure import label

from learning.core.polygons.runs import Runs, borders_of, contacts_of
from learning.core.polygons.trace import outlines


def spread(runs: Runs) -> NDArray[np.int64]:
    return np.repeat(runs.values, runs.lengths).reshape(runs.height, runs.width)


def corners(polygon: shapely.Polygon) -> set[tuple[float, ...]]:
    return {tuple(point) for point in shapely.get_coordinates(polygon)}


def test_regions_are_the_four_connected_ones_in_the_order_of_their_first_pixels() -> None:
    classes = np.random.default_rng(3).integers(0, 3, (40, 57)).astype(np.uint8)
    expected = label(classes, connectivity=1, background=0) - 1
    assert np.array_equal(spread(pieces_of(classes)), expected)


def test_borders_are_counted_in_sides_of_pixels_on_both_axes() -> None:
    runs = pieces_of(raster("aab aab ccb"))
    low, high, length = borders_of(runs, contacts_of(runs), runs.values)
    assert list(zip(low.tolist(), high.tolist(), length.tolist(), strict=True)) == [(0, 1, 2), (0, 2, 2), (1, 2, 1)]


def test_a_rectangle_has_its_four_corners() -> None:
    [polygon] = outlines(pieces_of(raster("aaa aaa"))).polygons()
    assert corners(polygon) == {(0, 0), (3, 0), (3, 2), (0, 2)}


def test_a_region_has_a_corner_where_two_others_meet_at_its_straight_side() -> None:
    """Without (1, 1) in a's outline the three would be no coverage."""
    polygons = outlines(pieces_of(raster("aa bc"))).polygons()
    assert (1, 1) in corners(polygons[0])
    assert shapely.coverage_is_valid(polygons)


def test_a_hole_is_the_outline_of_what_lies_in_it() -> None:
    ring, inside = outlines(pieces_of(raster("aaa aba aaa"))).polygons()
    assert ring.area == 8 and len(ring.interiors) == 1
    assert shapely.Polygon(ring.interiors[0]).equals(inside)


def test_pixels_that_meet_at_a_corner_only_are_two_polygons() -> None:
    polygons = outlines(pieces_of(raster("ab ba"))).polygons()
    assert [polygon.area for polygon in polygons] == [1, 1, 1, 1]


def test_a_ring_that_closes_over_a_corner_has_a_hole_that_touches_its_shell() -> None:
    """The a's go round b and end where two of them meet in the point (1, 1); b does not get out there."""
    polygons = outlines(pieces_of(raster("caa aba aaa"))).polygons()
    ring = next(polygon for polygon in polygons if polygon.area == 7)
    assert ring.is_valid and len(ring.interiors) == 1
    assert shapely.intersection(ring.exterior, ring.interiors[0]).equals(shapely.Point(1, 1))


def test_what_changes_beyond_a_side_has_a_corner_there_where_something_lies_inside() -> None:
    beyond = {
        "top": np.array([True, False, False]), "bottom": np.array([False, False, True]),
        "left": np.array([True]), "right": np.array([True]),
    }  # fmt: skip
    [polygon] = outlines(pieces_of(raster("aaa. aaa.")), beyond=beyond).polygons()
    square = {(0, 0), (3, 0), (3, 2), (0, 2)}
    assert corners(polygon) == square | {(1, 0), (0, 1)}


@pytest.mark.parametrize("lowest", [0, 1])
def test_any_raster_becomes_a_valid_coverage_with_the_area_of_its_pixels(lowest: int) -> None:
    rng = np.random.default_rng(7)
    for _each in range(100):
        runs = pieces_of(rng.integers(lowest, 4, rng.integers(1, 14, 2)).astype(np.uint8))
        polygons = outlines(runs).polygons()
        assert shapely.is_valid(polygons).all() and shapely.coverage_is_valid(polygons)
        found = spread(runs)
        assert shapely.area(polygons).tolist() == np.bincount(found[found >= 0], minlength=len(polygons)).tolist()
