"""Where two maps differ, tile by tile, worked out by hand on small rasters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

from learning.core.map_cells import cells_of_maps, pieces
from learning.core.other_vintage import MapPair

CODES = (["built", "grass", "water"], ["grass", "built", "water"])  # value 1 of the one is value 2 of the other


def doubts(shape: tuple[int, int], level: int = 128) -> NDArray[np.uint8]:
    return np.full(shape, level, np.uint8)


def test_a_piece_is_ground_of_one_class_before_and_another_now_by_code_and_not_by_value() -> None:
    first, second = np.full((16, 16), 2, np.uint8), np.full((16, 16), 1, np.uint8)  # grass, at both dates
    second[2:10, 4:12] = 3  # water now
    [found] = pieces(first, second, doubts((16, 16)), CODES, reach_px=1, least_px=10)
    assert (found.first_code, found.second_code, found.area_px) == ("grass", "water", 64.0)
    assert set(found.rings[0]) == {(32, 16), (96, 16), (96, 80), (32, 80)} and len(found.rings) == 1
    assert found.doubt == 127 / 254


def test_an_edge_that_is_a_little_off_is_no_piece_and_neither_is_a_speck() -> None:
    first, second = np.full((32, 32), 1, np.uint8), np.full((32, 32), 2, np.uint8)  # built, at both dates
    first[:, 16:], second[:, 18:] = 2, 1  # grass beyond an edge that lies two pixels further now
    second[4:9, 4:9] = 3  # 25 pixels of water
    assert [cell.second_code for cell in pieces(first, second, doubts((32, 32)), CODES, reach_px=1, least_px=20)] == [
        "water"
    ]
    assert not pieces(first, second, doubts((32, 32)), CODES, reach_px=1, least_px=30)
    assert not pieces(first, second, doubts((32, 32)), CODES, reach_px=3, least_px=20)


def test_a_class_that_only_one_map_knows_is_no_difference() -> None:
    first, second = np.full((16, 16), 1, np.uint8), np.full((16, 16), 1, np.uint8)
    assert not pieces(first, second, doubts((16, 16)), (["CS2.1.1"], ["CS2.1.1.1"]), reach_px=1, least_px=1)


def test_ground_that_one_of_the_maps_does_not_show_differs_from_nothing() -> None:
    first, second = np.zeros((16, 16), np.uint8), np.full((16, 16), 3, np.uint8)
    assert not pieces(first, second, doubts((16, 16)), CODES, reach_px=1, least_px=1)


def test_a_piece_is_not_thin_because_the_tile_ends_there() -> None:
    first, second = np.full((16, 16), 2, np.uint8), np.full((16, 16), 1, np.uint8)
    second[4:12, :2] = 3  # goes on beyond the tile's left border
    [found] = pieces(first, second, doubts((16, 16)), CODES, reach_px=1, least_px=10)
    assert found.area_px == 16.0
    second[:] = 1
    second[4:12, 6:8] = 3  # as thin, within the tile
    assert not pieces(first, second, doubts((16, 16)), CODES, reach_px=1, least_px=10)


def test_two_pieces_are_told_apart_and_a_hole_stays_a_hole() -> None:
    first, second = np.full((40, 40), 2, np.uint8), np.full((40, 40), 1, np.uint8)
    second[2:12, 2:12], second[20:38, 20:38], second[25:33, 25:33] = 3, 3, 1
    large, small = pieces(first, second, doubts((40, 40)), CODES, reach_px=1, least_px=10)
    assert (large.area_px, small.area_px) == (18 * 18 - 64, 100)
    assert len(large.rings) == 2 and len(small.rings) == 1


def write(path: Path, values: NDArray[np.uint8], *, origin: tuple[float, float], **tags: str) -> Path:
    profile: dict[str, Any] = {
        "driver": "GTiff", "height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": "uint8",
        "crs": "EPSG:2154", "transform": from_origin(*origin, 1.0, 1.0), "nodata": 0,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(values, 1)
        file.update_tags(**tags)
    return path


def test_maps_on_grids_of_different_corners_are_compared_by_the_ground(tmp_path: Path) -> None:
    later = np.full((64, 64), 1, np.uint8)
    later[10:26, 10:26] = 3  # water
    earlier = np.full((64, 80), 2, np.uint8)  # grass, from eight metres further west
    later[40:60, 40:60], earlier[40:60, 48:68] = 2, 1  # built at both dates, on the same ground
    maps = [
        MapPair(
            write(tmp_path / f"{name}.tif", values, origin=origin, CLASS_CODES=json.dumps(codes)),
            write(tmp_path / f"{name}-entropy.tif", doubts(values.shape, 1), origin=origin),
        )
        for name, values, origin, codes in (
            ("first", earlier, (492.0, 1000.0), CODES[0]), ("second", later, (500.0, 1000.0), CODES[1]),
        )
    ]  # fmt: skip
    places = [(row, col) for row in range(2) for col in range(3)]  # the last column lies beyond the map
    found = list(cells_of_maps(*maps, places, tile_px=32, shift_px=0.4, least_px=16))
    assert [(tile.row, tile.col, bool(tile.differing)) for tile in found] == [
        (0, 0, True), (0, 1, False), (1, 0, False), (1, 1, False),
    ]  # fmt: skip
    [cell] = found[0].differing
    assert (cell.first_code, cell.second_code, cell.area_px, cell.doubt) == ("grass", "water", 256.0, 0.0)
    assert [cell.second_code for cell in found[3].agreeing] == ["grass", "built"]
