"""Work done by several threads at once, its results in the order of what was worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(
    work: Callable[[Item], Result], items: Iterable[Item], *, threads: int
) -> Generator[tuple[Item, Result], None, None]:
    """Items and what `work` made of each, in their order, up to `threads` of them at work at once.

    Items are drawn by the caller's thread, one more than there are threads at most. Close it where it is not gone
    through to the end: what is begun is waited for, and nothing else is begun.

    Args:   work: is called in threads of its own.
    Raises: what `work` raises, when its item's turn has come.
    """
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            waiting.append((item, pool.submit(work, item)))
            if len(waiting) > threads:
                done, future = waiting.popleft()
                yield done, future.result()
        while waiting:
            done, future = waiting.popleft()
            yield done, future.result()
    finally:
        pool.shutdown(cancel_futures=True)
