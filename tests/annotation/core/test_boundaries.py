"""Boundaries of territories from a GeoJSON file, and which tiles lie in one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely

from annotation.core.boundaries import parse_boundaries
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
