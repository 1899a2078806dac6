from __future__ import annotations

from pathlib import Path

import numpy as np
from polygon_maps import drawn, painted, plan_of, raster

from learning.core.polygons.merging import Regions, merge_small


def merged(tmp_path: Path, text: str, **options: object) -> list[str]:
    classes = raster(text)
    return painted(drawn(plan_of(tmp_path, classes, **options)), classes.shape)


def test_a_region_that_is_large_enough_stays(tmp_path: Path) -> None:
    assert merged(tmp_path, "aabb aabb", minimum=4) == ["aabb", "aabb"]


def test_a_small_region_goes_to_the_nearest_class_in_the_tree_before_the_longest_border(tmp_path: Path) -> None:
    """The c in the middle has five sides with a and three with b, and b is its sister."""
    text = "aaaaaa aaccbb aaacbb aaabbb"
    parents = {"a": None, "up": None, "b": "up", "c": "up"}
    assert merged(tmp_path / "1", text, minimum=4, parents=parents)[1:3] == ["aabbbb", "aaabbb"]
    assert merged(tmp_path / "2", text, minimum=4)[1:3] == ["aaaabb", "aaaabb"]


def test_with_equal_borders_the_larger_neighbour_takes_it_and_with_equal_sizes_the_first(tmp_path: Path) -> None:
    assert merged(tmp_path / "1", "aacbbb", minimum=2) == ["aabbbb"]
    assert merged(tmp_path / "2", "aacbb", minimum=2) == ["aaabb"]


def test_the_smallest_goes_first_and_what_takes_it_in_may_be_large_enough_by_then(tmp_path: Path) -> None:
    """b (1 px) goes to c, its only neighbour of 2 px beside a; c is then 3 px and stays."""
    assert merged(tmp_path, "aaaabccdddd", minimum=3, parents={"b": "c"}) == ["aaaacccdddd"]


def test_neighbours_that_become_of_one_class_are_one_region(tmp_path: Path) -> None:
    classes = raster("aabaa")
    found = drawn(plan_of(tmp_path, classes, minimum=2))
    assert painted(found, classes.shape) == ["aaaaa"]
    assert found.pixels.tolist() == [5] and found.reason.tolist() == [""]


def test_what_has_no_neighbour_stays_and_says_why(tmp_path: Path) -> None:
    found = drawn(plan_of(tmp_path, raster("a..bb"), minimum=2))
    assert found.pixels.tolist() == [1, 2]
    assert found.reason.tolist() == ["no_neighbour", ""]


def test_a_class_may_have_a_minimum_of_its_own(tmp_path: Path) -> None:
    text = "bbbaabbb bbbccbbb bbbbbbbb"
    assert merged(tmp_path, text, minimum=[2, 2, 3, 2]) == ["bbbaabbb", "bbbbbbbb", "bbbbbbbb"]


def test_the_minimum_is_that_of_the_zone_in_which_most_of_a_region_lies(tmp_path: Path) -> None:
    """Zone 1 asks for 2 px, zone 2 for 4, and where no zone is said 1 px is enough."""
    classes = raster("bbaabbaabbbaab")
    zones = np.array([[0, 0, 1, 1, 0, 0, 2, 2, 0, 0, 0, 1, 2, 0]], np.uint8)  # the last: as much of each, the first
    found = drawn(plan_of(tmp_path, classes, zones=zones, minimum=[[1] * 4, [2] * 4, [4] * 4]))
    assert painted(found, classes.shape) == ["bbaabbbbbbbaab"]


def test_a_region_whose_size_is_not_known_takes_others_in_and_stays() -> None:
    """Numbers 0, 1, 2 in a row, of 1, 1 and 9 px; 0 touches a seam, 1 is between."""
    regions = Regions(
        np.array([1, 2, 3], np.uint8), np.array([1, 1, 9]), np.array([5, 5, 5]), settled=np.array([True, False, False])
    )
    borders = np.array([0, 1]), np.array([1, 2]), np.array([3, 1])
    home, after = merge_small(regions, borders, distance=np.full((4, 4), 2))
    assert home.tolist() == [0, 0, 2]
    assert after.pixels[[0, 2]].tolist() == [2, 9]
