"""Work goes on in the order of what is worked on, and ends with whoever asked for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from annotation.core.side_by_side import Behind, side_by_side


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


def test_work_that_follows_is_done_in_its_order_and_whole_when_the_block_ends() -> None:
    done: list[tuple[int, str]] = []
    with Behind[int](lambda item: done.append((item, threading.current_thread().name))) as behind:
        for item in range(20):
            behind.give(item)
    assert [item for item, _thread in done] == list(range(20))
    assert threading.current_thread().name not in {thread for _item, thread in done}


def test_whoever_gives_work_is_held_back_once_it_is_two_ahead() -> None:
    go_on, given = threading.Event(), threading.Event()

    def give() -> None:
        with Behind[int](lambda _item: go_on.wait(10)) as behind:
            behind.give(1)
            behind.give(2)
            behind.give(3)
            given.set()

    giver = threading.Thread(target=give)
    giver.start()
    assert not given.wait(0.2)
    go_on.set()
    giver.join(10)
    assert given.is_set()


def test_what_work_that_follows_raises_is_raised_by_the_next_that_is_given_or_at_the_end() -> None:
    def work(item: int) -> None:
        if item == 3:
            raise OSError("no room left")

    for count in (4, 50):
        given: list[int] = []
        with pytest.raises(OSError, match="no room left"), Behind(work) as behind:
            for item in range(count):
                behind.give(item)
                given.append(item)
        assert len(given) <= 6


def test_a_block_that_raises_leaves_undone_what_is_not_begun() -> None:
    begun, go_on, done = threading.Event(), threading.Event(), list[int]()

    def work(item: int) -> None:
        begun.set()
        go_on.wait(10)
        done.append(item)

    with pytest.raises(ValueError, match="not this"), Behind(work) as behind:
        behind.give(1)
        behind.give(2)
        begun.wait(10)
        threading.Timer(0.1, go_on.set).start()
        raise ValueError("not this")
    assert done == [1]
