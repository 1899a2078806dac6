"""Shapes given back in degrees are the shapes that were drawn."""

from __future__ import annotations

import pytest
import shapely

from annotation.core.geojson_out import polygon_geometry
from annotation.core.grid import PixelGrid, TileGrid
from annotation.core.tile_geometry import parse_geojson
from annotation.errors import TileOutsideGrid

GRID = TileGrid(PixelGrid("EPSG:2154", (0.2, 0, 500_000.0, 0, -0.2, 6_300_000.0), 1024, 1024), tile_px=512)
OUTER = ((80, 80), (160, 80), (160, 160), (80, 160))
HOLE = ((100, 100), (120, 100), (120, 120))


def test_what_goes_out_comes_back_in_as_it_was():
    geometry = polygon_geometry((OUTER, HOLE), grid=GRID, row=1, col=0)
    feature = {"type": "Feature", "id": "a", "properties": {"class_code": "water"}, "geometry": geometry}
    payload = {"type": "FeatureCollection", "features": [feature]}
    (back,), moved_m = parse_geojson(payload, grid=GRID, row=1, col=0, class_codes=["water"])
    assert [set(ring) for ring in back.rings] == [set(OUTER), set(HOLE)]
    assert moved_m < 0.02  # seven decimals


def test_rings_are_closed_and_wound_as_rfc_7946_asks():
    geometry = polygon_geometry((OUTER, HOLE), grid=GRID, row=0, col=0)
    outer, hole = (shapely.LinearRing(ring) for ring in geometry["coordinates"])
    assert all(ring[0] == ring[-1] for ring in geometry["coordinates"])
    assert outer.is_ccw and not hole.is_ccw


def test_a_tile_outside_is_refused():
    with pytest.raises(TileOutsideGrid):
        polygon_geometry((OUTER,), grid=GRID, row=2, col=0)
