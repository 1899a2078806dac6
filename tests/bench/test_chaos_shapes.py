"""The comparison of chaos_studio.py: what it calls lost, and what it lets pass."""

from __future__ import annotations

from typing import Any

from _chaos_shapes import Piece, Shape, compare

SQUARE = [[0, 0], [40, 0], [40, 40], [0, 40]]
HOLE = [[10, 10], [20, 10], [20, 20], [10, 20]]
OTHER_HOLE = [[30, 30], [35, 30], [35, 35], [30, 35]]


def stored(code: str, *rings: list[list[int]]) -> dict[str, Any]:
    return {"id": "f", "class_code": code, "rings": list(rings), "provenance": "drawn"}


def piece(code: str, *rings: list[list[int]]) -> Piece:
    return Piece("drawn", Shape.of(code, rings))


def test_the_same_rings_told_from_another_corner_the_other_way_round_with_holes_in_another_order_are_the_same() -> None:
    wanted = piece("a", SQUARE, HOLE, OTHER_HOLE)
    turned = [[40, 40], [40, 0], [0, 0], [0, 40]]
    found = compare([wanted], [stored("a", turned, OTHER_HOLE, HOLE[2:] + HOLE[:2])])
    assert (found.lost, found.surplus) == ([], 0)


def test_the_same_corners_in_another_order_are_another_shape() -> None:
    crossed = [[0, 0], [40, 40], [40, 0], [0, 40]]
    wanted = piece("a", SQUARE)
    found = compare([wanted], [stored("a", crossed)])
    assert (found.lost, found.surplus) == ([wanted], 1)


def test_another_class_is_lost_and_so_is_a_missing_hole() -> None:
    relabelled, cut = piece("b", SQUARE), piece("a", SQUARE, HOLE)
    assert compare([relabelled], [stored("a", SQUARE)]).lost == [relabelled]
    assert compare([cut], [stored("a", SQUARE)]).lost == [cut]


def test_a_shape_stored_twice_is_surplus() -> None:
    found = compare([piece("a", SQUARE)], [stored("a", SQUARE), stored("a", SQUARE)])
    assert (found.lost, found.surplus) == ([], 1)


def test_two_equal_shapes_are_not_both_there_when_one_is() -> None:
    first, second = piece("a", SQUARE), piece("a", SQUARE)
    assert compare([first, second], [stored("a", SQUARE)]).lost == [second]


def test_a_deletion_is_lost_while_the_shape_is_there_in_any_state_it_had() -> None:
    gone = piece("a", SQUARE)
    gone.become(Shape.of("b", [SQUARE]))
    gone.become(None)
    assert compare([gone], []).lost == []
    assert compare([gone], [stored("a", SQUARE)]).lost == [gone]
    assert compare([gone], [stored("b", SQUARE)]).lost == [gone]


def test_after_an_undo_the_earlier_state_is_the_one_wanted() -> None:
    changed = piece("a", SQUARE)
    changed.become(Shape.of("b", [SQUARE]))
    changed.turn_back()
    assert compare([changed], [stored("a", SQUARE)]).lost == []
    assert compare([changed], [stored("b", SQUARE)]).lost == [changed]
