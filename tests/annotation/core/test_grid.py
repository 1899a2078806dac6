"""Grids: hand-worked windows and bounds."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.core.grid import PixelGrid, PixelWindow, TileGrid
from annotation.errors import TileOutsideGrid, UnlocatedGrid, UnusableGrid

LAMBERT = PixelGrid(crs="EPSG:2154", transform=(0.2, 0.0, 500_000.0, 0.0, -0.2, 6_300_000.0), width=1100, height=600)


def test_a_tile_grid_keeps_only_whole_tiles():
    grid = TileGrid(LAMBERT, tile_px=256)
    assert (grid.n_rows, grid.n_cols, grid.n_tiles) == (2, 4, 8)


def test_a_tiles_window_and_bounds_are_those_worked_out_by_hand():
    grid = TileGrid(LAMBERT, tile_px=250)
    assert grid.window(1, 2) == PixelWindow(col_off=500, row_off=250, width=250, height=250)
    # 500 px of 0.2 m = 100 m east; 250 px = 50 m south.
    assert grid.bounds_crs(1, 2) == pytest.approx((500_100.0, 6_299_900.0, 500_150.0, 6_299_950.0))


def test_the_bounds_of_a_raster_are_its_corners():
    assert LAMBERT.bounds_crs == pytest.approx((500_000.0, 6_299_880.0, 500_220.0, 6_300_000.0))
    assert LAMBERT.to_crs_xy(10, 20) == pytest.approx((500_002.0, 6_299_996.0))


def test_longitude_and_latitude_of_the_lambert_93_origin_are_three_degrees_east_and_forty_six_and_a_half_north():
    # EPSG:2154 has its origin at 3° E, 46.5° N with false coordinates 700000, 6600000.
    grid = PixelGrid("EPSG:2154", (0.5, 0.0, 700_000.0, 0.0, -0.5, 6_600_000.0), 100, 100)
    assert grid.to_lonlat(0, 0) == pytest.approx((3.0, 46.5), abs=1e-9)
    west, south, east, north = grid.bounds_wgs84
    assert west == pytest.approx(3.0, abs=1e-6)
    assert north == pytest.approx(46.5, abs=1e-6)
    # 50 m: 50 / 111 km of latitude, 50 / (111 km × cos 46.5°) of longitude.
    assert north - south == pytest.approx(50 / 111_150, rel=0.01)
    assert east - west == pytest.approx(50 / (111_320 * math.cos(math.radians(46.5))), rel=0.01)


def test_a_tiles_ring_is_closed_and_counter_clockwise():
    ring = TileGrid(LAMBERT, tile_px=256).polygon_wgs84(0, 0)
    assert len(ring) == 5
    assert ring[0] == ring[-1]
    twice_area = sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring))
    assert twice_area > 0


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_index_and_row_col_are_inverse(n_rows, n_cols, data):
    pixels = PixelGrid("EPSG:2154", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), n_cols * 8 + 3, n_rows * 8 + 3)
    grid = TileGrid(pixels, tile_px=8)
    index = data.draw(st.integers(0, grid.n_tiles - 1))
    assert grid.index(*grid.row_col(index)) == index


@pytest.mark.parametrize(("row", "col"), [(-1, 0), (0, -1), (2, 0), (0, 4)])
def test_a_tile_outside_the_grid_is_refused_with_the_rows_and_columns_that_exist(row, col):
    with pytest.raises(TileOutsideGrid, match=r"rows 0 to 1 and columns 0 to 3"):
        TileGrid(LAMBERT, tile_px=256).window(row, col)


@pytest.mark.parametrize("index", [-1, 8])
def test_an_index_outside_the_grid_is_refused(index):
    with pytest.raises(TileOutsideGrid, match="0 to 7"):
        TileGrid(LAMBERT, tile_px=256).row_col(index)


@pytest.mark.parametrize(
    "transform",
    [
        (0.2, 0.1, 0.0, 0.0, -0.2, 0.0),
        (0.2, 0.0, 0.0, 0.1, -0.2, 0.0),
        (-0.2, 0.0, 0.0, 0.0, -0.2, 0.0),
        (0.2, 0.0, 0.0, 0.0, 0.2, 0.0),
        (0.0, 0.0, 0.0, 0.0, -0.2, 0.0),
        (float("nan"), 0.0, 0.0, 0.0, -0.2, 0.0),
        (0.2, 0.0, float("inf"), 0.0, -0.2, 0.0),
    ],
)
def test_a_grid_that_is_not_north_up_and_finite_is_refused(transform):
    with pytest.raises(UnusableGrid):
        PixelGrid("EPSG:2154", transform, 10, 10)


def test_an_empty_raster_and_a_tile_larger_than_the_raster_are_refused():
    with pytest.raises(UnusableGrid, match="0 by 10"):
        PixelGrid("EPSG:2154", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), 0, 10)
    with pytest.raises(UnusableGrid, match="601"):
        TileGrid(LAMBERT, tile_px=601)


@pytest.mark.parametrize("crs", ["EPSG:999999", "", 'LOCAL_CS["drawing",UNIT["metre",1]]'])
def test_a_crs_without_a_place_on_earth_is_refused_with_the_next_step(crs):
    grid = PixelGrid(crs, (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), 10, 10)
    with pytest.raises(UnlocatedGrid, match="import the imagery again"):
        _ = grid.bounds_wgs84
