"""Work done by several threads at once, and in the order of what was worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Self, TypeVar

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


class Behind(Generic[Item]):
    """Work that follows in a thread of its own, item after item, while its caller goes on; two wait for it at most.

    What `work` raises is raised by one of the next calls of `give`, or by the end of the block, where all is done. A
    block that raises waits only for what is begun.
    """

    def __init__(self, work: Callable[[Item], object]) -> None:
        self._work = work
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[Future[object]] = deque()

    def __enter__(self) -> Self:
        return self

    def give(self, item: Item) -> None:
        """Have an item worked on after those before it."""
        if len(self._waiting) == 2:
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._work, item))

    def __exit__(self, kind: type[BaseException] | None, *_raised: object) -> None:
        self._thread.shutdown(cancel_futures=kind is not None)
        if kind is None:
            while self._waiting:
                self._waiting.popleft().result()
