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


def test_threads_are_as_before_once_one_raised_or_it_was_closed() -> None:
    def work(item: int) -> int:
        raise ArithmeticError(f"not {item}")

    with pytest.raises(ArithmeticError, match="not 0"):
        next(in_lanes(work, range(5)))
    assert torch.get_num_threads() == 4
    passes = in_lanes(lambda item: item, range(50))
    next(passes)
    passes.close()
    later: list[int] = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [4]


def test_on_a_device_of_its_own_the_next_is_begun_before_one_is_kept() -> None:
    said: list[str] = []
    for item, _result in one_ahead(lambda item: said.append(f"begin {item}"), range(3)):
        said.append(f"keep {item}")
    assert said == ["begin 0", "begin 1", "keep 0", "begin 2", "keep 1", "keep 2"]


def test_the_last_of_some_is_told_also_where_it_is_the_only_one() -> None:
    assert list(told_last("abc")) == [("a", False), ("b", False), ("c", True)]
    assert list(told_last("a")) == [("a", True)]
    assert list(told_last("")) == []
