from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from learning.core import sample_frame
from learning.core.sample_frame import (
    CHANGE_STRATA,
    GAIN,
    LOSS,
    OTHER_CHANGE,
    OUTSIDE,
    STABLE_IN,
    STABLE_OUT,
    allocate,
    change_table,
    class_table,
    draw_units,
    strata_blocks,
    stratum_sizes,
)
from learning.errors import InvalidPredictionGrid, InvalidSample

CODES = ["built", "grass", "crops"]


def write_map(path, classes, *, codes=CODES, origin=(0.0, 100.0), gsd=1.0, crs="EPSG:2154"):
    height, width = classes.shape
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=1, nodata=0, width=width, height=height, crs=crs,
        transform=from_origin(*origin, gsd, gsd),
    ) as out:  # fmt: skip
        out.write(classes.astype(np.uint8), 1)
        if codes:
            out.update_tags(CLASS_CODES=json.dumps(codes))
    return path


def table(first, second):
    return change_table(first, second, counted=frozenset({"built"}))


def grids(first, second, **options):
    return [strata for _top, _left, strata in strata_blocks(first, second, table, **{"unit_px": 2, **options})]


def test_a_stratum_is_what_the_two_maps_say_of_counted_ground():
    found = table(CODES, CODES)
    assert [found[1, 1], found[2, 2], found[2, 1], found[1, 3], found[2, 3]] == [
        STABLE_IN, STABLE_OUT, GAIN, LOSS, OTHER_CHANGE,
    ]  # fmt: skip
    assert [found[0, 1], found[1, 0], found[4, 1]] == [OUTSIDE] * 3
    assert CHANGE_STRATA[GAIN] == "gain"


def test_codes_and_not_values_are_compared():
    assert table(["grass", "built"], ["built"])[2, 1] == STABLE_IN


def test_a_place_has_the_classes_of_its_middle_pixel(tmp_path):
    first, second = np.full((4, 4), 2), np.full((4, 4), 2)
    second[1, 1] = 1  # the middle of the first place of 2 px
    second[0, 2] = 1  # a corner of the second
    [found] = grids(write_map(tmp_path / "a.tif", first), write_map(tmp_path / "b.tif", second))
    assert found.tolist() == [[GAIN, STABLE_OUT], [STABLE_OUT, STABLE_OUT]]


def test_pixels_that_make_no_whole_place_are_left_out(tmp_path):
    flat = np.full((5, 7), 2)
    [found] = grids(write_map(tmp_path / "a.tif", flat), write_map(tmp_path / "b.tif", flat))
    assert found.shape == (2, 3)


def test_a_first_map_that_is_coarser_and_lies_elsewhere_is_read_where_the_second_lies(tmp_path):
    # The second map covers x 4..8, y 92..96: of the first, whose pixels have 2 m, rows 2..3 and cols 2..3
    first = np.full((8, 8), 2)
    first[2, 3] = 1
    second = np.full((4, 4), 2)
    [found] = grids(
        write_map(tmp_path / "a.tif", first, gsd=2.0), write_map(tmp_path / "b.tif", second, origin=(4.0, 96.0))
    )
    assert found.tolist() == [[STABLE_OUT, LOSS], [STABLE_OUT, STABLE_OUT]]


def test_ground_beyond_the_first_map_is_outside(tmp_path):
    flat = np.full((4, 4), 2)
    [found] = grids(write_map(tmp_path / "a.tif", flat, origin=(-2.0, 100.0)), write_map(tmp_path / "b.tif", flat))
    assert found.tolist() == [[STABLE_OUT, OUTSIDE]] * 2
    [none] = grids(write_map(tmp_path / "c.tif", flat, origin=(900.0, 100.0)), write_map(tmp_path / "d.tif", flat))
    assert (none == OUTSIDE).all()


def test_maps_that_cannot_be_held_against_each_other_are_refused(tmp_path):
    flat = np.full((4, 4), 2)
    here = write_map(tmp_path / "a.tif", flat)
    with pytest.raises(InvalidPredictionGrid, match="only maps in one CRS"):
        grids(here, write_map(tmp_path / "b.tif", flat, crs="EPSG:32631"))
    with pytest.raises(InvalidPredictionGrid, match="which classes"):
        grids(here, write_map(tmp_path / "c.tif", flat, codes=None))


def test_without_a_first_map_each_class_is_a_stratum(tmp_path):
    values = np.array([[1, 2], [3, 0]])
    path = write_map(tmp_path / "a.tif", values)
    [(_top, _left, found)] = strata_blocks(None, path, lambda _first, second: class_table(second), unit_px=1)
    assert found.tolist() == [[0, 1], [2, OUTSIDE]]


def test_the_frame_does_not_depend_on_the_windows_it_is_read_by(tmp_path, monkeypatch):
    rng = np.random.default_rng(3)
    first, second = rng.integers(0, 4, (40, 52)), rng.integers(0, 4, (40, 52))
    paths = write_map(tmp_path / "a.tif", first), write_map(tmp_path / "b.tif", second)
    [whole] = grids(*paths)
    monkeypatch.setattr(sample_frame, "_WINDOW_PX", 12)
    joined = np.zeros_like(whole)
    for top, left, strata in strata_blocks(*paths, table, unit_px=2):
        assert max(strata.shape) <= 6
        joined[top : top + strata.shape[0], left : left + strata.shape[1]] = strata
    assert np.array_equal(joined, whole)


def test_places_are_shared_out_in_proportion_with_a_floor():
    # 20, 20 and the 12 that the third has; the 48 left by size: 43.7 and 4.3
    assert allocate({0: 9000, 1: 880, 2: 12, 3: 0}, 100, fewest=20) == {0: 20 + 44, 1: 20 + 4, 2: 12}


def test_nothing_to_draw_from_is_refused():
    with pytest.raises(InvalidSample, match="share no ground"):
        allocate({0: 0}, 100)


def drawn(strata, wanted, seed=0):
    blocks = [(0, 0, strata[:3]), (3, 0, strata[3:])]
    sizes = stratum_sizes(iter(blocks))
    return draw_units(iter(blocks), sizes=sizes, wanted=wanted, unit_px=10, rng=np.random.default_rng(seed))


def test_units_lie_in_the_stratum_they_name_each_once_with_their_probability():
    strata = np.zeros((6, 5), np.uint8)
    strata[4:, 3:] = GAIN
    units = drawn(strata, {0: 6, GAIN: 3})
    assert len({(unit.row, unit.col) for unit in units}) == 9
    assert all(strata[unit.row // 10, unit.col // 10] == unit.stratum for unit in units)
    assert {(unit.stratum, unit.probability) for unit in units} == {(0, 6 / 26), (GAIN, 3 / 4)}


def test_the_same_seed_draws_the_same_units_in_the_same_order_and_another_one_others():
    strata = np.zeros((6, 5), np.uint8)
    assert drawn(strata, {0: 6}, seed=4) == drawn(strata, {0: 6}, seed=4)
    assert drawn(strata, {0: 6}, seed=4) != drawn(strata, {0: 6}, seed=5)


def test_every_place_of_a_stratum_is_drawn_as_often_as_any_other():
    strata = np.zeros((6, 5), np.uint8)
    counts = np.zeros((6, 5), int)
    for seed in range(3000):
        for unit in drawn(strata, {0: 3}, seed=seed):
            counts[unit.row // 10, unit.col // 10] += 1
    # 300 expected of each, standard deviation 16.4: beyond 4.5 of them one of 30 strays once in 5,000 runs
    assert np.abs(counts - 300).max() < 4.5 * 16.4
