from __future__ import annotations

from itertools import pairwise

import numpy as np

from learning.release.map_grid import map_places

LAMBERT = "EPSG:2154"


def cut(transform: tuple[float, ...], width: int, height: int, crs: str = LAMBERT) -> dict[str, tuple[int, ...]]:
    """(first column, first row, columns, rows) by place."""
    places = map_places(transform, width, height, crs=crs)  # type: ignore[arg-type]
    return {
        each.place: (each.window.col_off, each.window.row_off, each.window.width, each.window.height) for each in places
    }


def test_a_map_within_a_tile_is_one_piece_named_by_the_tile_s_upper_left_corner() -> None:
    assert cut((0.2, 0, 426000, 0, -0.2, 6435000), 100, 70) == {"0420-6440": (0, 0, 100, 70)}


def test_a_map_over_a_corner_of_the_grid_is_four_pieces_from_the_north_west() -> None:
    # The lines x = 430 km and y = 6440 km are 10 m east and 4 m south of the map's corner: 50 and 20 pixels.
    found = cut((0.2, 0, 429990, 0, -0.2, 6440004), 100, 70)
    assert found == {
        "0420-6450": (0, 0, 50, 20),
        "0430-6450": (50, 0, 50, 20),
        "0420-6440": (0, 20, 50, 50),
        "0430-6440": (50, 20, 50, 50),
    }
    assert list(found) == ["0420-6450", "0430-6450", "0420-6440", "0430-6440"]


def test_a_map_that_only_touches_a_line_is_not_cut_there() -> None:
    assert cut((1.0, 0, 420000, 0, -1.0, 6440000), 10_000, 10_000) == {"0420-6440": (0, 0, 10_000, 10_000)}


def test_a_pixel_belongs_to_the_tile_of_its_centre_and_south_or_east_when_that_is_on_the_line() -> None:
    # Pixels of 10 m from x = 429,983: centres at 429,988, 429,998, 430,008. From y = 6,440,025: 6,440,020, 6,440,010,
    # 6,440,000 (on the line), 6,439,990.
    found = cut((10, 0, 429983, 0, -10, 6440025), 3, 4)
    assert found["0420-6450"] == (0, 0, 2, 2) and found["0430-6440"] == (2, 2, 1, 2)
    found = cut((10, 0, 429985, 0, -10, 6440023), 3, 4)  # a centre on x = 430,000
    assert found["0420-6450"] == (0, 0, 1, 2) and found["0430-6440"] == (1, 2, 2, 2)


def test_west_of_the_meridian_and_south_of_the_equator_names_say_minus_by_a_letter() -> None:
    found = cut((100, 0, -5000, 0, -100, 5000), 100, 100, crs="EPSG:5490")
    assert found == {
        "M0010-0010": (0, 0, 50, 50),
        "0000-0010": (50, 0, 50, 50),
        "M0010-0000": (0, 50, 50, 50),
        "0000-0000": (50, 50, 50, 50),
    }
    assert set(cut((100, 0, -25000, 0, -100, -15000), 10, 10)) == {"M0030-M0010"}


def test_a_crs_without_metres_has_no_kilometres_and_the_map_stays_whole() -> None:
    degrees = map_places((1e-5, 0, 0.5, 0, -1e-5, 43.6), 3_000, 2_000, crs="EPSG:4326", number=2)
    assert [(each.place, each.window.width, each.window.height) for each in degrees] == [("P0002", 3_000, 2_000)]
    feet = map_places((1, 0, 0, 0, -1, 0), 50_000, 10, crs="EPSG:2263")
    assert [each.place for each in feet] == ["P0001"]


def test_pieces_hold_every_pixel_once_at_pixel_sizes_that_no_float_holds() -> None:
    rng = np.random.default_rng(5)
    for _ in range(200):
        gsd = float(rng.choice([0.2, 0.15, 0.05, 0.3, 7.1, 400.0]))
        left, top = (float(v) for v in rng.integers(-60_000, 60_000, 2) + rng.random(2).round(2))
        width, height = (int(v) for v in np.minimum(rng.integers(1, 400_000, 2), 60_000 / gsd + 1))
        across, down = set(), set()
        for col, row, columns, rows in cut((gsd, 0, left, 0, -gsd, top), width, height).values():
            across.add((col, col + columns))
            down.add((row, row + rows))
        for cuts, size in ((sorted(across), width), (sorted(down), height)):
            assert cuts[0][0] == 0 and cuts[-1][1] == size
            assert all(before[1] == after[0] for before, after in pairwise(cuts))
