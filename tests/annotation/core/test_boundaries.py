"""Boundaries of territories from a GeoJSON file, and which tiles lie in one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely

from annotation.core.boundaries import parse_area, parse_boundaries
from annotation.core.grid import PixelGrid, TileGrid
from annotation.core.territory_tiles import tiles_within
from annotation.errors import InvalidBoundaries

RING = [[0.0, 43.0], [1.0, 43.0], [1.0, 44.0], [0.0, 44.0], [0.0, 43.0]]


def file_of(geometry: Any, **properties: Any) -> dict[str, Any]:
    given = {"INSEE_COM": "32013", "NOM": "Auch", **properties}
    feature = {"type": "Feature", "properties": given, "geometry": geometry}
    return {"type": "FeatureCollection", "features": [feature]}


def read(payload: Any) -> Any:
    return parse_boundaries(payload, code_field="INSEE_COM", name_field="NOM")


def test_a_polygon_and_its_height_are_read_with_code_and_name() -> None:
    [found] = read(file_of({"type": "Polygon", "coordinates": [[[*place, 120.5] for place in RING]]}, NOM=" Le  Lieu "))
    assert (found.code, found.name) == ("32013", "Le Lieu")
    assert found.polygons == ((tuple((lon, lat) for lon, lat in RING),),)


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ([], "must be a GeoJSON FeatureCollection"),
        ({"type": "FeatureCollection", "features": [], "crs": {}}, "coordinate system"),
        ({"type": "FeatureCollection", "features": []}, "0 features"),
        (file_of({"type": "Polygon", "coordinates": [RING]}, INSEE_COM=32013), "has 32013 in 'INSEE_COM'"),
        (file_of({"type": "Polygon", "coordinates": [RING]}, NOM=""), "a name has 1 to 200 signs"),
        (file_of({"type": "Point", "coordinates": [0, 0]}), "a Polygon or MultiPolygon is expected"),
        (file_of({"type": "Polygon", "coordinates": [RING[:-1]]}), "not closed"),
        (file_of({"type": "Polygon", "coordinates": [[[500000, 6290000]] * 4]}), "degrees"),
        (file_of({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}), "not valid"),
    ],
)
def test_what_is_no_file_of_territories_is_refused_with_what_is_wrong(payload: Any, words: str) -> None:
    with pytest.raises(InvalidBoundaries, match=words):
        read(payload)


def test_a_code_twice_is_refused() -> None:
    twice = file_of({"type": "Polygon", "coordinates": [RING]})
    twice["features"] *= 2
    with pytest.raises(InvalidBoundaries, match="Two features have the code '32013'"):
        read(twice)


def test_the_tiles_of_a_territory_are_those_whose_middle_lies_in_it() -> None:
    # 10 × 10 tiles of 100 m. The territory: x from 240 to 560 m, y from 0 to 310 m below the top.
    grid = TileGrid(PixelGrid("EPSG:2154", (1.0, 0.0, 500_000.0, 0.0, -1.0, 6_290_000.0), 1000, 1000), tile_px=100)
    corners = [(240, 0), (560, 0), (560, 310), (240, 310)]
    within = tiles_within(shapely.Polygon([grid.pixels.to_lonlat(x, y) for x, y in corners]), grid=grid)
    everywhere = np.ones((10, 10), dtype=bool)
    rows, cols = np.nonzero(within.of(everywhere))
    # Middles at 250, 350, 450 and 550 m across; 50, 150 and 250 m down.
    assert sorted(set(cols + within.col_off)) == [2, 3, 4, 5] and sorted(set(rows + within.row_off)) == [0, 1, 2]
    assert within.of(everywhere).sum() == 12
    far = shapely.box(10, 50, 11, 51)
    assert not tiles_within(far, grid=grid).of(everywhere).any()


SQUARE = [[[2.0, 48.0], [2.1, 48.0], [2.1, 48.1], [2.0, 48.1], [2.0, 48.0]]]
POLYGON = {"type": "Polygon", "coordinates": SQUARE}
OTHER_SQUARE = [[[lon + 1, lat] for lon, lat in SQUARE[0]]]
FEATURE = {"type": "Feature", "properties": {"name": "ours"}, "geometry": POLYGON}


@pytest.mark.parametrize("payload", [POLYGON, FEATURE, {"type": "FeatureCollection", "features": [FEATURE]}])
def test_an_area_is_read_from_a_polygon_a_feature_or_a_collection_of_one(payload):
    assert parse_area(payload) == (((tuple(map(tuple, SQUARE[0]))),),)


def test_an_area_may_have_several_polygons():
    found = parse_area({"type": "MultiPolygon", "coordinates": [SQUARE, OTHER_SQUARE]})
    assert [polygon[0][0] for polygon in found] == [(2.0, 48.0), (3.0, 48.0)]


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (None, "The area is None"),
        ({"type": "Point", "coordinates": [2, 48]}, "The area is a 'Point'"),
        ({**FEATURE, "geometry": None}, "The area is None"),
        ({"type": "FeatureCollection", "features": []}, "a list of 0: one is expected"),
        ({"type": "FeatureCollection", "features": [FEATURE, FEATURE]}, "a list of 2: one is expected"),
        ({**POLYGON, "crs": "EPSG:2154"}, "names a coordinate system, 'EPSG:2154'"),
        ({**FEATURE, "crs": None}, "names a coordinate system, None"),
        ({**POLYGON, "coordinates": [[[650_000, 6_860_000]] * 4]}, "The area has the position a list of 2"),
        ({**POLYGON, "coordinates": [[[float("nan"), 48.0]] * 4]}, "The area has the position"),
        ({**POLYGON, "coordinates": [SQUARE[0][:-1]]}, "ring that is not closed"),
        ({**POLYGON, "coordinates": [[SQUARE[0][i] for i in (0, 2, 1, 3, 0)]]}, r"not valid \(Self-intersection"),
        ({"type": "MultiPolygon", "coordinates": [SQUARE, SQUARE]}, "The area is not valid"),
    ],
)
def test_what_is_no_area_is_refused_with_what_was_met(payload, why):
    with pytest.raises(InvalidBoundaries, match=why):
        parse_area(payload)
