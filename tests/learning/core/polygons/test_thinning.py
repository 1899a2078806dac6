from __future__ import annotations

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from polygon_maps import pieces_of, raster

from learning.core.polygons.thinning import thinned
from learning.core.polygons.trace import outlines


def thin(text: str, *, tolerance: float = 1.0, exact: tuple[int, ...] = ()) -> NDArray[np.object_]:
    rings = outlines(pieces_of(raster(text)))
    kept = np.isin(np.arange(len(rings.per_region)), exact)
    return thinned(rings, tolerance=tolerance, exact=kept).polygons()


def points(polygon: shapely.Polygon) -> set[tuple[float, ...]]:
    return {tuple(point) for point in shapely.get_coordinates(polygon)}


STAIR = "abbbbb aabbbb aaabbb aaaabb aaaaab"


def test_a_stair_of_single_pixels_becomes_one_straight_line() -> None:
    """From (1, 0) down to (5, 5), where both end at the edge: the corners of one side of the stair lie on a line."""
    lower, upper = thin(STAIR)
    assert points(lower) == {(0, 0), (1, 0), (5, 4), (5, 5), (0, 5)}
    assert points(upper) == {(1, 0), (6, 0), (6, 5), (5, 5), (5, 4)}


def test_a_region_that_is_to_keep_its_outline_does_and_so_does_its_neighbour_along_it() -> None:
    full = outlines(pieces_of(raster(STAIR))).polygons()
    for region in (0, 1):
        assert all(a.equals_exact(b, 0) for a, b in zip(thin(STAIR, exact=(region,)), full, strict=True))


def test_a_triangle_as_large_as_the_tolerances_square_stays() -> None:
    """Steps of three pixels by one: triangles of 1.5 px."""
    stair = "abbbbbbbbbb aaaabbbbbbb aaaaaaabbbb aaaaaaaaaab"
    full = outlines(pieces_of(raster(stair))).polygons()
    assert all(a.equals_exact(b, 0) for a, b in zip(thin(stair, tolerance=1.5**0.5), full, strict=True))
    assert len(points(thin(stair, tolerance=1.25)[0])) < len(points(full[0]))


def test_a_corner_where_three_regions_meet_stays() -> None:
    polygons = thin("aabbb aabbb accbb acccc ccccc")
    assert all((2, 2) in points(polygon) for polygon in polygons)


def test_steps_at_the_edge_of_the_imagery_stay() -> None:
    [polygon] = thin("a... aa.. aaa. aaaa")
    assert len(points(polygon)) == 10
    assert polygon.area == 10


def test_nothing_is_lost_of_what_is_one_pixel_wide() -> None:
    polygons = thin("aaaaa abaaa abbaa aabba aaaaa acaaa aaaaa", tolerance=9.0)
    assert len(polygons) == 3 and (shapely.area(polygons) >= 1).all()
    assert shapely.coverage_is_valid(polygons)


def test_islands_stay_where_they_are_and_as_large_as_they_are() -> None:
    """40 diamonds of 145 px: what their stairs lose on two sides they gain on the other two."""
    rows, cols = np.indices((21, 21 * 40))
    diamond = np.abs(rows - 10) + np.abs(cols % 21 - 10) <= 8
    rings = outlines(pieces_of(np.where(diamond, 2, 1 + 2 * (cols // 21 % 2)).astype(np.uint8)))
    islands = np.flatnonzero(rings.areas() == 145)
    assert len(islands) == 40
    made = thinned(rings, tolerance=1.0, exact=np.zeros(len(rings.per_region), bool)).polygons()[islands]
    assert shapely.get_num_coordinates(made).max() < 20
    assert np.abs(shapely.area(made) - 145).max() <= 1
    middle = shapely.centroid(made)
    assert np.abs(shapely.get_y(middle) - 10.5).max() < 0.1 and np.abs(shapely.get_x(middle) % 21 - 10.5).max() < 0.1


@pytest.mark.parametrize("tolerance", [0.8, 2.5, 9.0])
def test_any_raster_stays_a_valid_coverage_in_which_each_region_has_an_area(tolerance: float) -> None:
    rng = np.random.default_rng(11)
    for _each in range(150):
        shape = rng.integers(1, 20, 2)
        rough = rng.integers(0, 4, shape)
        slope = np.add.outer(np.arange(shape[0]) * rng.integers(1, 4), np.arange(shape[1]) * rng.integers(1, 4))
        classes = np.where(rng.random(shape) < rng.random(), rough, slope // rng.integers(1, 7) % 3 + 1)
        rings = outlines(pieces_of(classes.astype(np.uint8)))
        exact = rng.random(len(rings.per_region)) < 0.1
        polygons = thinned(rings, tolerance=tolerance, exact=exact).polygons()
        assert shapely.is_valid(polygons).all() and shapely.coverage_is_valid(polygons)
        assert (shapely.area(polygons) > 0).all()
        assert shapely.area(polygons).sum() == (classes > 0).sum()
        kept = rings.polygons()[exact]
        assert all(a.equals_exact(b, 0) for a, b in zip(polygons[exact], kept, strict=True))
