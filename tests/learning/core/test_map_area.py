from __future__ import annotations

import numpy as np
import pytest
import shapely

from annotation.core.grid import PixelGrid
from learning.core.map_area import area_in_pixels, pixels_within, windows_within
from learning.errors import UnusableArea, UnusableOutline

# A pixel is a thousandth of a degree, so that pixels are read off the degrees.
GRID = PixelGrid("EPSG:4326", (0.001, 0, 2.0, 0, -0.001, 48.0), 100, 60)


def in_wkb(*rings: list[tuple[float, float]]) -> str:
    return shapely.to_wkb(shapely.MultiPolygon([shapely.Polygon(ring) for ring in rings]), hex=True)


def box(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def test_a_pixel_belongs_to_an_area_where_its_centre_does():
    area = in_wkb(box(2.4, 1.6, 5.6, 3.4))  # centres 2.5 … 4.5 across (5.5 too), 2.5 down
    found = pixels_within(area, left=0, top=0, width=8, height=5)
    expected = np.zeros((5, 8), bool)
    expected[2, 2:6] = True
    assert np.array_equal(found, expected)


def test_the_pixels_of_an_area_do_not_depend_on_the_windows_it_is_cut_into():
    # Its edges go through centres of pixels: 1 down every 9 across.
    wedge = [(10, 5), (91, 14), (46, 59)]
    star = [
        (50 + r * np.cos(t), 30 + r * np.sin(t)) for t, r in zip(np.linspace(0, 6.2, 60), [28.3, 9.7] * 30, strict=True)
    ]
    area = in_wkb(star, wedge)
    whole = pixels_within(area, left=0, top=0, width=100, height=60)
    assert 0 < whole.sum() < whole.size
    for side in (7, 32):
        for top in range(0, 60, side):
            for left in range(0, 100, side):
                height, width = min(side, 60 - top), min(side, 100 - left)
                part = pixels_within(area, left=left, top=top, width=width, height=height)
                assert np.array_equal(part, whole[top : top + height, left : left + width])


def test_a_centre_on_an_edge_belongs_to_one_of_the_two_sides():
    # Through the centres of (1, 1), (2, 2), (3, 3): what lies above and what lies below share the pixels out.
    above = pixels_within(in_wkb([(0, 0), (5, 0), (5, 5)]), left=0, top=0, width=5, height=5)
    below = pixels_within(in_wkb([(0, 0), (5, 5), (0, 5)]), left=0, top=0, width=5, height=5)
    assert np.array_equal(above, ~below)
    assert above.diagonal().all()
    side_by_side = [pixels_within(in_wkb(box(*one)), left=0, top=0, width=6, height=2)
                    for one in ((0, 0, 2.5, 2), (2.5, 0, 6, 2))]  # fmt: skip
    assert side_by_side[0][0].tolist() == [True, True, False, False, False, False]
    assert np.array_equal(side_by_side[0], ~side_by_side[1])


def test_windows_are_those_with_a_pixel_of_the_area_and_none_that_it_only_touches():
    # From the edge between the first two columns of windows to just past the centre of the third one's first pixel.
    area = in_wkb(box(32, 8, 64.6, 20))
    found = windows_within(area, width=100, height=60, side_px=32)
    assert found.tolist() == [[False, True, True, False], [False, False, False, False]]
    short = windows_within(in_wkb(box(32, 8, 64.4, 20)), width=100, height=60, side_px=32)
    assert short.tolist() == [[False, True, False, False], [False, False, False, False]]


def test_windows_of_an_area_in_two_parts_with_a_hole_are_those_of_the_parts():
    ring = shapely.Polygon(box(0, 0, 96, 60), [box(20, 10, 76, 50)])
    found = windows_within(shapely.to_wkb(ring, hex=True), width=100, height=60, side_px=20)
    assert found.tolist() == [
        [True, True, True, True, True],
        [True, False, False, True, True],  # the hole's edge is at 76: pixels 76 … 79 of the fourth window are inside
        [True, True, True, True, True],
    ]


def test_an_area_in_degrees_is_put_on_the_pixels_and_cut_to_the_imagery():
    area = shapely.box(2.0104, 47.9806, 2.0206, 47.9904)
    placed = area_in_pixels(area, GRID)
    found = pixels_within(placed, left=0, top=0, width=100, height=60)
    rows, cols = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    # 10.4 to 20.6 across, 9.6 to 19.4 down.
    assert (cols.min(), cols.max(), rows.min(), rows.max()) == (10, 20, 10, 18)
    beyond = area_in_pixels(shapely.box(-20, 30, 2.0105, 60), GRID)
    assert shapely.get_num_coordinates(shapely.from_wkb(beyond)) < 100
    assert pixels_within(beyond, left=0, top=0, width=100, height=60).sum() == 10 * 60


def test_a_long_straight_edge_in_degrees_bends_with_the_projection():
    grid = PixelGrid("EPSG:2154", (10.0, 0, 600_000, 0, -10.0, 6_700_000), 12_000, 4_000)
    west, south, east, _north = grid.bounds_wgs84
    latitude = south + 0.2
    placed = area_in_pixels(shapely.box(west, south, east, latitude), grid)
    for share in (0.2, 0.5, 0.8):
        x, y = grid.from_lonlat(west + share * (east - west), latitude)
        column = pixels_within(placed, left=int(x), top=0, width=1, height=4_000)[:, 0]
        assert abs(int(np.flatnonzero(column)[0]) - y) <= 1


@pytest.mark.parametrize(
    ("area", "why"),
    [
        (shapely.box(3, 40, 4, 41), r"between 3.0000° and 4.0000° east and 40.0000°.*imagery between 2.0000°"),
        (shapely.box(2.10005, 47.9, 2.2, 48), r"beside the imagery's pixels"),  # within the margin of a hundredth
        (shapely.box(2.0106, 47.95, 2.0114, 47.99), r"or between their centres"),  # 10.6 to 11.4 across
    ],
)
def test_an_area_beside_the_imagery_is_refused(area, why):
    with pytest.raises(UnusableArea, match=why):
        area_in_pixels(area, GRID)


def test_an_outline_that_would_take_too_many_points_is_refused():
    grid = PixelGrid("EPSG:4326", (0.01, 0, -180, 0, -0.01, 90), 36_000, 18_000)

    def comb(teeth: int) -> shapely.Polygon:
        across = np.repeat(np.linspace(-170, 170, 2 * teeth), 2)
        edge = [(x, 80.0 if n % 4 in (1, 2) else -80.0) for n, x in enumerate(across)]
        return shapely.Polygon([*edge, (170, -85), (-170, -85)])

    assert comb(20).is_valid
    assert area_in_pixels(comb(20), grid)
    # 80 teeth with two sides of 160° each: 2.56 million steps of a hundredth, and the rest.
    with pytest.raises(UnusableOutline, match=r"takes 26[0-9]{5} points to follow, 1000000 at most"):
        area_in_pixels(comb(80), grid)
