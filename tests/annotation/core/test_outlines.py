"""Many outlines at once are the outlines one by one."""

from __future__ import annotations

import numpy as np
import pytest

from annotation.core.grid import PixelGrid, TileGrid
from annotation.core.outlines import tile_outlines
from annotation.errors import TileOutsideGrid

LAMBERT = PixelGrid(crs="EPSG:2154", transform=(0.2, 0.0, 500_000.0, 0.0, -0.2, 6_300_000.0), width=1100, height=600)
GRID = TileGrid(LAMBERT, tile_px=250)  # 2 rows, 4 columns


def places(*given: tuple[int, int]) -> dict[str, np.ndarray]:
    array = np.array(given, dtype=np.int64).reshape(-1, 2)
    return {"rows": array[:, 0], "cols": array[:, 1]}


def test_each_ring_is_the_ring_of_its_tile() -> None:
    given = [(1, 3), (0, 0), (1, 2)]
    corners, rings = tile_outlines(GRID, **places(*given))
    for ring, (row, col) in zip(rings, given, strict=True):
        assert corners[ring] == pytest.approx(np.array(GRID.polygon_wgs84(row, col)), abs=1e-12)


def test_neighbours_share_their_corners() -> None:
    corners, rings = tile_outlines(GRID, **places((0, 0), (0, 1), (1, 0), (1, 1)))
    assert corners.shape == (9, 2)  # 2 × 2 squares have 3 × 3 corners
    assert set(rings[0]) & set(rings[3]) == {4}  # the one in the middle, fifth from the upper left


def test_no_tile_has_no_corner() -> None:
    corners, rings = tile_outlines(GRID, **places())
    assert corners.shape == (0, 2) and rings.shape == (0, 5)


@pytest.mark.parametrize("place", [(2, 0), (0, 4), (-1, 0), (0, -1)])
def test_a_place_without_a_whole_tile_is_refused_and_named(place: tuple[int, int]) -> None:
    with pytest.raises(TileOutsideGrid, match=rf"row {place[0]}, column {place[1]}\) does not exist"):
        tile_outlines(GRID, **places((0, 0), place))
