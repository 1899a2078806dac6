"""Regions over the seams of blocks, by hand: blocks are 4 px wide and high."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
from polygon_maps import drawn, painted, pieces_of, plan_of, raster

from learning.core.polygons import join
from learning.core.polygons.outline import simplified
from learning.core.polygons.trace import outlines


def seen(tmp_path: Path, text: str, **options: object) -> list[str]:
    classes = raster(text)
    return painted(drawn(plan_of(tmp_path, classes, block_px=4, **options)), classes.shape)


def test_a_region_too_small_in_each_of_two_blocks_stays_when_both_parts_together_are_large_enough(
    tmp_path: Path,
) -> None:
    assert seen(tmp_path, "aaabbaaa aaabbaaa", minimum=4) == ["aaabbaaa", "aaabbaaa"]


def test_a_region_too_small_on_both_sides_of_a_seam_is_merged_on_both(tmp_path: Path) -> None:
    assert seen(tmp_path, "aaabbaaa aaabbaaa", minimum=5) == ["aaaaaaaa", "aaaaaaaa"]


def test_a_border_over_a_seam_counts(tmp_path: Path) -> None:
    """The c has two sides with a and two with d in its own block, and four with b over the seam; then three with a,
    and two with b over the seam."""
    text = "aaacbbbb aaacbbbb dddcbbbb dddcbbbb"
    assert seen(tmp_path / "1", text, minimum=5) == ["aaabbbbb", "aaabbbbb", "dddbbbbb", "dddbbbbb"]
    assert seen(tmp_path / "2", "aaaabbbb aaacbbbb aaacbbbb", minimum=3) == ["aaaabbbb"] * 3


def test_what_lies_on_four_blocks_is_one_polygon_and_has_one_number(tmp_path: Path) -> None:
    text = "aaaaaaaa aaaaaaaa aabbbbaa aabbbbaa aabbbbaa aabbbbaa aaaaaaaa aaaaaaaa"
    found = drawn(plan_of(tmp_path, raster(text), block_px=4, minimum=4))
    assert sorted(found.pixels.tolist()) == [16, 48]
    assert len(set(found.region.tolist())) == 2
    inner = found.geometry[found.value == 2][0]
    assert inner.equals(shapely.box(2, 2, 6, 6))


def test_parts_of_one_region_that_meet_in_the_next_block_are_one_polygon(tmp_path: Path) -> None:
    """The b's are two arms in the left block, and the hand that holds both is in the right one."""
    text = "abbbbbaa aaaaabaa abbbbbaa aaaaaaaa"
    found = drawn(plan_of(tmp_path, raster(text), block_px=4))
    assert painted(found, (4, 8)) == text.split()
    assert (found.value == 2).sum() == 1
    assert shapely.coverage_is_valid(found.geometry)


def test_both_sides_of_a_seam_have_the_corners_of_either(tmp_path: Path) -> None:
    """Left of the seam nothing changes; right of it three regions follow each other."""
    found = drawn(plan_of(tmp_path, raster("aaaabbbb aaaacccc aaaadddd"), block_px=4))
    left = found.geometry[found.value == 1][0]
    assert {(4, 1), (4, 2)} <= {tuple(point) for point in shapely.get_coordinates(left)}


def test_a_region_on_more_blocks_than_are_joined_is_cut_along_them_under_one_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(join, "JOINED_BLOCKS", 2)
    found = drawn(plan_of(tmp_path, raster("aaaaaaaaaaaabbbb"), block_px=4))
    cut = found.reason == "cut"
    assert found.value[cut].tolist() == [1, 1, 1] and set(found.region[cut].tolist()) == {1}
    assert [polygon.bounds[::2] for polygon in found.geometry[cut]] == [(0, 4), (4, 8), (8, 12)]
    assert found.value[~cut].tolist() == [2]


def test_a_polygon_keeps_its_outline_rather_than_lose_its_minimum() -> None:
    """Seven pixels of b, of which the outline would cut some: they keep seven where they must."""
    runs = pieces_of(raster("aaaaaaa aaaaaaa abbaaaa aabbaaa aaabbba aaaaaaa aaaaaaa"))
    rings = outlines(runs)
    free = simplified(rings, tolerance=2.0, least=np.array([0.0, 0.0]))
    assert shapely.get_num_coordinates(free[1]) < shapely.get_num_coordinates(rings.polygons()[1])
    assert free[1].area < 7
    held = simplified(rings, tolerance=2.0, least=np.array([0.0, 7.0]))
    assert held[1].equals(rings.polygons()[1]) and shapely.coverage_is_valid(held)


def test_an_outline_is_simplified_between_the_points_where_three_regions_meet(tmp_path: Path) -> None:
    """A stair of 1 px between a and b becomes fewer corners; where it meets c it stays."""
    steps = np.fromfunction(lambda row, col: np.where(col > row, 2, 1), (16, 16)).astype(np.uint8)
    steps[8:, 8:] = 3
    steps[8:, :8] = 1
    found = drawn(plan_of(tmp_path, steps, tolerance_px=1.0))
    stairs = found.geometry[found.value == 2][0].exterior.coords
    assert (8.0, 8.0) in list(stairs) and len(stairs) < 16
    assert shapely.coverage_is_valid(found.geometry)
