"""The thresholds of the decree on ground drawn by hand, one pixel being 1 m²: 2,500, 50 and 5 pixels decide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from learning.core.artificialisation import ARTIFICIALISED, CRITERIA, NO_IMAGERY, NOT_ARTIFICIALISED, UNDECIDED
from learning.core.patch_sizes import BlockGrid
from learning.core.threshold_pass import Ground, ThresholdPlan, judged_blocks, least_pixels, wide_ground
from learning.errors import ArtificialisationStopped

A, N, U, O = ARTIFICIALISED, NOT_ARTIFICIALISED, UNDECIDED, NO_IMAGERY  # noqa: E741
PV = CRITERIA.index("exempt_pv")


class Drawn:
    """Ground of 200 × 200 m, all of one state to begin with."""

    def __init__(self, state: int = N, *, side: int = 200) -> None:
        self.state = np.full((side, side), state, np.uint8)
        self.building = np.zeros((side, side), bool)
        self.linear = np.zeros((side, side), bool)
        self.exempt = np.zeros((side, side), np.uint8)

    def box(self, top: int, left: int, height: int, width: int, state: int = A, **more: Any) -> Drawn:
        at = slice(top, top + height), slice(left, left + width)
        self.state[at] = state
        for name, value in more.items():
            getattr(self, name)[at] = value
        return self

    def read(self, top: int, left: int, height: int, width: int) -> Ground:
        at = slice(top, top + height), slice(left, left + width)
        return Ground(self.state[at], self.building[at], self.linear[at], self.exempt[at])


def judged(
    drawn: Drawn,
    folder: Path,
    *,
    block_px: int = 200,
    patch_px: int = 2500,
    building_px: int = 50,
    linear_px: float = 5,
    **more: Any,
) -> tuple[Any, Any]:
    height, width = drawn.state.shape
    plan = ThresholdPlan(
        BlockGrid(height, width, block_px), patch_px, building_px, linear_px, folder / f"work-{block_px}", "card"
    )
    state, criterion = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    for found in judged_blocks(plan, drawn.read, **more):
        at = (
            slice(found.block.top, found.block.top + found.block.height),
            slice(found.block.left, found.block.left + found.block.width),
        )
        state[at], criterion[at] = found.state, found.criterion
    return state, criterion


def told(result: tuple[Any, Any], row: int, col: int) -> tuple[int, str]:
    state, criterion = result
    return int(state[row, col]), CRITERIA[criterion[row, col]]


# --- one case a rule ----------------------------------------------------------------------------------------


def test_a_lawn_below_2500_m2_within_a_car_park_is_artificialised_and_one_of_2500_is_not(tmp_path: Path) -> None:
    drawn = Drawn(N).box(5, 5, 190, 190).box(20, 20, 49, 51, N).box(100, 100, 50, 50, N)
    found = judged(drawn, tmp_path)
    assert told(found, 30, 30) == (A, "trou_inf_2500")  # 49 × 51 = 2,499
    assert told(found, 120, 120) == (N, "") and told(found, 10, 10) == (A, "")
    assert (found[0] == A).sum() == 190 * 190 - 2500


def test_a_car_park_below_2500_m2_in_a_field_is_not_artificialised_and_one_of_2500_is(tmp_path: Path) -> None:
    found = judged(Drawn(N).box(20, 20, 49, 51).box(100, 100, 50, 50), tmp_path)
    assert told(found, 30, 30) == (N, "artif_inf_2500")
    assert told(found, 120, 120) == (A, "")
    assert (found[0] == A).sum() == 2500


def test_a_building_of_50_m2_in_a_field_stays_without_its_yard_and_one_of_49_goes(tmp_path: Path) -> None:
    drawn = Drawn(N).box(20, 20, 20, 20).box(25, 25, 5, 10, A, building=True).box(100, 100, 7, 7, A, building=True)
    found = judged(drawn, tmp_path)
    assert told(found, 26, 26) == (A, "bati_50") and told(found, 21, 21) == (N, "artif_inf_2500")
    assert told(found, 103, 103) == (N, "artif_inf_2500")
    assert (found[0] == A).sum() == 50


def test_a_small_building_on_a_large_sealed_ground_is_judged_with_it(tmp_path: Path) -> None:
    found = judged(Drawn(N).box(20, 20, 60, 60).box(30, 30, 4, 4, A, building=True), tmp_path)
    assert told(found, 31, 31) == (A, "") and (found[0] == A).sum() == 3600


def test_a_road_5_m_wide_counts_whatever_its_area_to_its_very_corners(tmp_path: Path) -> None:
    found = judged(Drawn(N).box(50, 20, 5, 150, A, linear=True), tmp_path)
    assert (found[0] == A).sum() == 750 and told(found, 50, 20) == (A, "lineaire_5")


def test_a_track_4_m_wide_in_fields_does_not_count_however_long_it_is(tmp_path: Path) -> None:
    drawn = Drawn(N, side=800).box(50, 20, 4, 700, A, linear=True)  # 2,800 m²
    found = judged(drawn, tmp_path)
    assert told(found, 51, 300) == (N, "lineaire_inf_5") and not (found[0] == A).any()


def test_a_narrow_street_between_gardens_is_as_wide_as_the_artificialised_ground_it_lies_in(tmp_path: Path) -> None:
    drawn = Drawn(N).box(20, 20, 60, 100).box(48, 20, 4, 100, A, linear=True)
    found = judged(drawn, tmp_path)
    assert told(found, 49, 60) == (A, "") and (found[0] == A).sum() == 6000


def test_a_road_that_runs_aslant_is_as_wide_as_across(tmp_path: Path) -> None:
    rows, cols = np.mgrid[:200, :200]
    for width, stays in ((7.0, True), (3.0, False)):
        drawn = Drawn(N)
        line = (np.abs(rows - cols) / np.sqrt(2) <= width / 2) & (rows > 30) & (rows < 160)
        drawn.state[line], drawn.linear[line] = A, True
        state, _criterion = judged(drawn, tmp_path / str(width))
        assert (state[60:130] == A).any() is np.bool_(stays)
        if stays:
            assert (state[60:130] == A).sum() == line[60:130].sum()


def test_exempt_panels_are_not_artificialised_and_no_hole_is_filled_with_them(tmp_path: Path) -> None:
    drawn = Drawn(N).box(5, 5, 190, 190).box(50, 50, 40, 40, A, exempt=PV).box(120, 120, 10, 10, N, exempt=PV)
    found = judged(drawn, tmp_path)
    assert told(found, 60, 60) == (N, "exempt_pv")
    assert told(found, 125, 125) == (N, "")  # it was none before: nothing was exempted
    assert (found[0] == A).sum() == 190 * 190 - 1600 - 100


def test_holes_are_filled_first_so_that_sealed_ground_counts_with_what_it_encloses(tmp_path: Path) -> None:
    """A ring of 2,400 m² around a lawn of 196: 2,596 together. Counted before the lawn was, the ring would go."""
    side = 51  # 51² = 2,601, less 5 in a corner
    drawn = Drawn(N).box(20, 20, side, side).box(20, 20, 1, 5, N).box(30, 30, 14, 14, N)
    assert (drawn.state == A).sum() == 2400
    found = judged(drawn, tmp_path)
    assert (found[0] == A).sum() == 2596 and told(found, 35, 35) == (A, "trou_inf_2500")


def test_what_touches_the_edge_or_ground_without_imagery_may_go_on_there_and_is_left_alone(tmp_path: Path) -> None:
    drawn = Drawn(N).box(0, 50, 10, 10).box(100, 100, 10, 10).box(100, 110, 1, 1, O)
    found = judged(drawn, tmp_path)
    assert told(found, 5, 55) == (A, "") and told(found, 105, 105) == (A, "") and told(found, 100, 110) == (O, "")


# --- where usage is unknown ---------------------------------------------------------------------------------


def test_undecided_ground_is_decided_only_where_both_answers_lead_to_the_same(tmp_path: Path) -> None:
    drawn = Drawn(N).box(5, 5, 100, 190).box(20, 20, 10, 10, U).box(20, 60, 60, 60, U).box(150, 150, 10, 10, U)
    found = judged(drawn, tmp_path)
    assert told(found, 25, 25) == (A, "trou_inf_2500")  # a hole whatever it is
    assert told(found, 40, 80) == (U, "")
    assert told(found, 155, 155) == (N, "artif_inf_2500")  # too small, even were it artificialised


@pytest.mark.parametrize("seed", range(12))
def test_whatever_undecided_ground_is_the_result_lies_between_the_bounds(seed: int, tmp_path: Path) -> None:
    drawn = random_ground(seed)
    state, _criterion = judged(drawn, tmp_path / "bounds", **SMALL)
    rng = np.random.default_rng(seed + 1000)
    for number in range(3):
        known = Drawn(N, side=60)
        known.state = np.where(drawn.state == U, rng.choice([A, N], drawn.state.shape), drawn.state).astype(np.uint8)
        known.building, known.linear, known.exempt = drawn.building, drawn.linear, drawn.exempt
        answer, _criterion = judged(known, tmp_path / str(number), **SMALL)
        assert not (answer == U).any()
        assert ((state == answer) | (state == U)).all()


# --- the pass itself ----------------------------------------------------------------------------------------

SMALL = {"patch_px": 12, "building_px": 4, "linear_px": 3}


def random_ground(seed: int) -> Drawn:
    rng = np.random.default_rng(seed)
    coarse = rng.choice([A, N, U, O], (30, 30), p=[0.42, 0.42, 0.14, 0.02]).astype(np.uint8)
    drawn = Drawn(N, side=60)
    drawn.state = np.kron(coarse, np.ones((2, 2), np.uint8)).astype(np.uint8)
    drawn.building = (rng.random((60, 60)) < 0.1) & (drawn.state == A)
    drawn.linear = np.kron(rng.random((30, 30)) < 0.2, np.ones((2, 2), bool)) & (drawn.state == A)
    drawn.exempt = np.where(rng.random((60, 60)) < 0.02, PV, 0).astype(np.uint8)
    return drawn


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("block_px", [7, 16, 33])
def test_the_result_does_not_depend_on_the_blocks(seed: int, block_px: int, tmp_path: Path) -> None:
    drawn = random_ground(seed)
    whole, in_blocks = judged(drawn, tmp_path, **SMALL), judged(drawn, tmp_path, block_px=block_px, **SMALL)
    assert np.array_equal(whole[0], in_blocks[0]) and np.array_equal(whole[1], in_blocks[1])


@pytest.mark.parametrize("seed", range(20))
def test_done_again_on_its_result_it_changes_nothing(seed: int, tmp_path: Path) -> None:
    drawn = random_ground(seed)
    drawn.state[drawn.state == U] = N
    once, _criterion = judged(drawn, tmp_path / "once", **SMALL)
    assert (once != drawn.state).any()
    drawn.state = once
    twice, _criterion = judged(drawn, tmp_path / "twice", **SMALL)
    assert np.array_equal(once, twice)


def test_a_path_that_is_wide_only_with_the_yard_beside_it_goes_with_the_yard(tmp_path: Path) -> None:
    drawn = Drawn(N).box(20, 20, 20, 40).box(20, 20, 2, 40, A, linear=True)
    state, _criterion = judged(drawn, tmp_path)
    assert not (state == A).any()


@pytest.mark.parametrize("stopped_at", [2, 6, 11, 20, 31])
def test_stopped_anywhere_it_goes_on_and_gives_the_same(stopped_at: int, tmp_path: Path) -> None:
    drawn = random_ground(3)
    whole = judged(drawn, tmp_path / "whole", block_px=30, **SMALL)
    asked = iter(range(10_000))
    with pytest.raises(ArtificialisationStopped, match="start it again"):
        judged(drawn, tmp_path, block_px=30, should_stop=lambda: next(asked) >= stopped_at, **SMALL)
    again = judged(drawn, tmp_path, block_px=30, **SMALL)
    assert np.array_equal(whole[0], again[0]) and np.array_equal(whole[1], again[1])


def test_areas_become_the_pixels_they_take_at_least() -> None:
    assert least_pixels(2500, pixel_area_m2=0.04) == 62_500
    assert least_pixels(50, pixel_area_m2=0.04) == 1250
    assert least_pixels(50, pixel_area_m2=0.09) == 556


def test_ground_is_wide_to_a_pixel_whether_its_width_in_pixels_is_odd_or_even() -> None:
    for width in (4, 5, 24, 25):
        ground = np.zeros((60, 200), bool)
        ground[10 : 10 + width, 20:180] = True
        assert np.array_equal(wide_ground(ground, width), ground)
        ground[10] = ground[11] = False
        assert not wide_ground(ground, width).any()
    assert wide_ground(np.ones((9, 9), bool), 25).all()
