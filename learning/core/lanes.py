"""Passes of a network: side by side on a CPU, each by its share of the cores, or one ahead on a GPU. Imports torch.

Threads that share one pass wait for each other after each of its operations; passes that have a thread each do not, and
what is read and written between them costs the time that it takes and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator

import torch

from annotation.core.side_by_side import Item, Result, side_by_side

LANES = 2  # a pass more at once is as much memory more


def in_lanes(
    work: Callable[[Item], Result], items: Iterable[Item], *, lanes: int = LANES
) -> Generator[tuple[Item, Result], None, None]:
    """Items and what `work` made of each, as `side_by_side`, with as many threads as there are lanes.

    Args: work: is called with torch.get_num_threads() set to its share, which is that of every other: sums of floats
          follow the number of threads, and must not follow an item's place.
    """
    threads = torch.get_num_threads()
    lanes = min(lanes, threads)
    share = threads // lanes

    def run(item: Item) -> Result:
        if torch.get_num_threads() != share:  # of this thread
            torch.set_num_threads(share)
        return work(item)

    passes = side_by_side(run, items, threads=lanes)
    try:
        yield from passes
    finally:
        passes.close()
        torch.set_num_threads(threads)  # what threads yet to come begin with


def one_ahead(work: Callable[[Item], Result], items: Iterable[Item]) -> Generator[tuple[Item, Result], None, None]:
    """Items and what `work` made of each, when it has begun with the next: a GPU goes on with that meanwhile."""
    before: tuple[Item, Result] | None = None
    for item in items:
        begun = item, work(item)
        if before is not None:
            yield before
        before = begun
    if before is not None:
        yield before


def told_last(items: Iterable[Item]) -> Iterator[tuple[Item, bool]]:
    """Each item, and whether none comes after it."""
    coming = iter(items)
    for item in coming:
        for following in coming:
            yield item, False
            item = following
        yield item, True
