"""Passes side by side come in their order, each with its share of the threads, and end with whoever asked for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from learning.core.lanes import in_lanes, one_ahead, told_last


@pytest.fixture(autouse=True)
def four_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def test_two_are_at_work_at_once_and_results_come_in_the_order_of_the_items() -> None:
    met = threading.Barrier(2)

    def work(item: int) -> int:
        met.wait(10)  # nobody gets past it alone
        return 10 * item

    assert list(in_lanes(work, range(6))) == [(item, 10 * item) for item in range(6)]


def test_each_has_half_of_the_threads_the_last_one_as_well() -> None:
    for count in (4, 3, 1):
        found = [share for _item, share in in_lanes(lambda _item: torch.get_num_threads(), range(count))]
        assert found == count * [2]
    assert torch.get_num_threads() == 4
    found: list[int] = []
    later = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    later.start()
    later.join()
    assert found == [4]


def test_with_one_thread_there_is_one_lane() -> None:
    torch.set_num_threads(1)
    names = {name for _item, name in in_lanes(lambda _item: threading.current_thread().name, range(5))}
    assert len(names) == 1


def test_items_are_drawn_by_the_caller_and_no_further_ahead_than_said() -> None:
    drawn: list[tuple[int, str]] = []

    def items() -> Iterator[int]:
        for item in range(8):
            drawn.append((item, threading.current_thread().name))
            yield item

    passes = in_lanes(lambda item: item, items())
    assert next(passes) == (0, 0)
    assert len(drawn) <= 4
    assert {name for _item, name in drawn} == {threading.current_thread().name}
    assert [item for item, _found in passes] == list(range(1, 8))


def test_what_one_raises_is_raised_in_its_turn_and_nothing_is_begun_after() -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 2:
            raise ArithmeticError("not this one")
        return item

    passes = in_lanes(work, range(50))
    assert [next(passes), next(passes)] == [(0, 0), (1, 1)]
    with pytest.raises(ArithmeticError, match="not this one"):
        next(passes)
    assert max(begun) < 6
    assert torch.get_num_threads() == 4


def test_closed_early_it_waits_for_what_is_begun_and_begins_no_more() -> None:
    before = set(threading.enumerate())
    begun: list[int] = []
    passes = in_lanes(lambda item: begun.append(item), range(50))
    next(passes)
    passes.close()
    assert set(threading.enumerate()) <= before
    assert len(begun) < 6


def test_on_a_device_of_its_own_the_next_is_begun_before_one_is_kept() -> None:
    said: list[str] = []
    for item, _result in one_ahead(lambda item: said.append(f"begin {item}"), range(3)):
        said.append(f"keep {item}")
    assert said == ["begin 0", "begin 1", "keep 0", "begin 2", "keep 1", "keep 2"]


def test_the_last_of_some_is_told_also_where_it_is_the_only_one() -> None:
    assert list(told_last("abc")) == [("a", False), ("b", False), ("c", True)]
    assert list(told_last("a")) == [("a", True)]
    assert list(told_last("")) == []
