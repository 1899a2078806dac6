from __future__ import annotations

from typing import Any

from annotation.core.differences import class_changes


def box(code: str, x0: int, y0: int, x1: int, y1: int) -> dict[str, Any]:
    return {"class_code": code, "rings": [[[x0, y0], [x1, y0], [x1, y1], [x0, y1]]]}


def test_the_same_coverage_in_other_pieces_has_not_changed() -> None:
    assert class_changes([box("a", 0, 0, 8, 8)], [box("a", 0, 0, 4, 8), box("a", 4, 0, 8, 8)], side=8) == ()


def test_ground_is_told_by_the_class_it_had_and_the_class_it_has_the_largest_first() -> None:
    # A tile of 8 × 8: a on the left half; then a on the left quarter, b on the second, c on the last row of the rest.
    found = class_changes(
        [box("a", 0, 0, 4, 8)], [box("a", 0, 0, 2, 8), box("b", 2, 0, 4, 8), box("c", 4, 7, 8, 8)], side=8
    )
    assert [(one.before, one.after, one.share) for one in found] == [("a", "b", 16 / 64), ("", "c", 4 / 64)]
    assert {*found[0].rings[0]} == {(2, 0), (4, 0), (4, 8), (2, 8)}


def test_what_was_taken_away_is_unlabelled_now() -> None:
    (found,) = class_changes([box("a", 0, 0, 8, 8)], [], side=8)
    assert (found.before, found.after, found.share) == ("a", "", 1.0)


def test_the_hole_of_a_change_is_a_ring_of_its_own() -> None:
    ring = {"class_code": "a", "rings": [box("", 0, 0, 8, 8)["rings"][0], box("", 2, 2, 6, 6)["rings"][0]]}
    (found,) = class_changes([ring], [], side=8)
    assert len(found.rings) == 2 and found.share == 48 / 64
