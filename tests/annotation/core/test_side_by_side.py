"""Results come in the order of what was worked on, and work ends with whoever asked for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from annotation.core.side_by_side import side_by_side


def test_as_many_as_said_are_at_work_at_once_and_results_come_in_the_order_of_the_items() -> None:
    met = threading.Barrier(3)

    def work(item: int) -> int:
        met.wait(10)  # nobody gets past it without two others
        return 10 * item

    assert list(side_by_side(work, range(6), threads=3)) == [(item, 10 * item) for item in range(6)]


def test_items_are_drawn_by_the_caller_and_one_further_ahead_than_there_are_threads() -> None:
    drawn: list[tuple[int, str]] = []

    def items() -> Iterator[int]:
        for item in range(8):
            drawn.append((item, threading.current_thread().name))
            yield item

    found = side_by_side(lambda item: item, items(), threads=2)
    assert next(found) == (0, 0)
    assert len(drawn) == 3
    assert {name for _item, name in drawn} == {threading.current_thread().name}
    assert [item for item, _result in found] == list(range(1, 8))


def test_what_one_raises_is_raised_in_its_turn_and_nothing_is_begun_after() -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 2:
            raise ArithmeticError("not this one")
        return item

    found = side_by_side(work, range(50), threads=2)
    assert [next(found), next(found)] == [(0, 0), (1, 1)]
    with pytest.raises(ArithmeticError, match="not this one"):
        next(found)
    assert max(begun) < 6


def test_closed_early_it_waits_for_what_is_begun_and_begins_no_more() -> None:
    before = set(threading.enumerate())
    begun: list[int] = []
    found = side_by_side(begun.append, range(50), threads=2)
    next(found)
    found.close()
    assert set(threading.enumerate()) <= before
    assert len(begun) < 6
