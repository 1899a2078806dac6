"""Rasters as runs of equal pixels: what costs time is then how often a map changes, not how large it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Runs:
    """A raster of `height` × `width` px, row by row; a run never goes on in the next row.

    Args:
        starts: int64 (run,), flat index of each run's first pixel, ascending; each row begins one.
        values: (run,), what its pixels hold.
    """

    height: int
    width: int
    starts: Ints
    values: NDArray[np.integer]

    @property
    def lengths(self) -> Ints:
        """Pixels of each run, int64 (run,)."""
        return np.diff(self.starts, append=self.height * self.width)

    def at(self, pixels: Ints) -> Ints:
        """Which run holds each pixel, by flat index."""
        return np.searchsorted(self.starts, pixels, side="right") - 1

    def column(self, col: int) -> NDArray[np.integer]:
        """Values of one column of the raster, top to bottom."""
        return self.values[self.at(np.arange(self.height, dtype=np.int64) * self.width + col)]

    def row(self, row: int) -> NDArray[np.integer]:
        """Values of one row of the raster, left to right."""
        first, last = np.searchsorted(self.starts, [row * self.width, (row + 1) * self.width])
        return np.repeat(self.values[first:last], self.lengths[first:last])


@dataclass(frozen=True, slots=True)
class Contacts:
    """Where runs of one row lie on runs of the next.

    Args:
        at: int64 (contact,), flat index of the first pixel of the lower row where the two runs meet, ascending.
        upper, lower: int64 (contact,), the runs.
        lengths: int64 (contact,), pixels along which they meet.
    """

    at: Ints
    upper: Ints
    lower: Ints
    lengths: Ints


def runs_of(*layers: NDArray[np.uint8]) -> tuple[Ints, list[NDArray[np.uint8]]]:
    """Where any of several rasters of one shape changes along a row, and what each holds from there on."""
    changes = np.empty(layers[0].shape, bool)
    changes[:, 0] = True
    np.not_equal(layers[0][:, 1:], layers[0][:, :-1], out=changes[:, 1:])
    for layer in layers[1:]:
        changes[:, 1:] |= layer[:, 1:] != layer[:, :-1]
    starts = np.flatnonzero(changes)
    return starts, [layer.ravel()[starts] for layer in layers]


def fewer_runs(runs: Runs) -> Runs:
    """The same raster with neighbours of one row that hold the same made one run."""
    kept = np.empty(len(runs.starts), bool)
    kept[0] = True
    np.not_equal(runs.values[1:], runs.values[:-1], out=kept[1:])
    kept |= runs.starts % runs.width == 0
    return Runs(runs.height, runs.width, runs.starts[kept], runs.values[kept])


def contacts_of(runs: Runs) -> Contacts:
    """Every pair of runs that lie on each other."""
    starts, width = runs.starts, runs.width
    inner = np.searchsorted(starts, [width, (runs.height - 1) * width])
    above, below = starts[: inner[1]] + width, starts[inner[0] :]
    # Two ascending lists: a stable sort merges them in one pass.
    both = np.concatenate([above, below])
    order = np.argsort(both, kind="stable")
    at, from_below = both[order], order >= len(above)
    lower = np.cumsum(from_below) + inner[0] - 1
    upper = np.cumsum(~from_below) - 1
    last = np.empty(len(at), bool)  # of those that begin at the same pixel: it knows of both
    if len(at):
        last[-1] = True
        np.not_equal(at[1:], at[:-1], out=last[:-1])
    at, upper, lower = at[last], upper[last], lower[last]
    return Contacts(at, upper, lower, np.diff(at, append=runs.height * width))


def connected(runs: Runs, contacts: Contacts) -> Ints:
    """Number of each run's 4-connected region of equal value, by their first pixels from 0; -1 where the value is not
    above 0. Neighbours in a row may hold the same, as where something else told them apart."""
    values = runs.values
    same = values[contacts.upper] == values[contacts.lower]
    beside = np.flatnonzero((values[1:] == values[:-1]) & (runs.starts[1:] % runs.width != 0))
    ends = np.concatenate([contacts.upper[same], beside]), np.concatenate([contacts.lower[same], beside + 1])
    links = coo_array((np.ones(len(ends[0]), np.int8), ends), shape=(len(values), len(values)))
    _count, labels = connected_components(links, directed=False)
    return numbered(np.where(values > 0, labels, -1))


def numbered(labels: NDArray[np.integer]) -> Ints:
    """The same grouping, numbered from 0 in the order in which groups are first met; -1 stays."""
    first = np.full(int(labels.max(initial=-1)) + 2, len(labels), np.int64)  # the last is that of -1
    first[labels[::-1]] = np.arange(len(labels) - 1, -1, -1)  # of several, the last written stays
    first[-1] = -1  # before all others, so that it gets the number -1
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(-1, len(first) - 1)
    numbers: Ints = rank[labels]
    return numbers


def borders_of(runs: Runs, contacts: Contacts, region: Ints) -> tuple[Ints, Ints, Ints]:
    """Pairs of regions that touch, and the length of their border in sides of pixels: (low, high, length), each pair
    once, ascending.

    Args: region: int64 (run,), as from `connected`; runs of -1 have no borders.
    """
    upper, lower = region[contacts.upper], region[contacts.lower]
    border = np.flatnonzero(upper != lower)
    beside = np.flatnonzero((region[1:] != region[:-1]) & (runs.starts[1:] % runs.width != 0))  # not over a row's end
    return summed_pairs(
        np.concatenate([upper[border], region[beside]]),
        np.concatenate([lower[border], region[beside + 1]]),
        np.concatenate([contacts.lengths[border], np.ones(len(beside), np.int64)]),
    )


def summed_pairs(a: Ints, b: Ints, length: Ints) -> tuple[Ints, Ints, Ints]:
    """Unordered pairs of different numbers from 0 with their lengths summed: (low, high, length), ascending."""
    kept = (a != b) & (a >= 0) & (b >= 0) & (length > 0)
    a, b, length = a[kept], b[kept], length[kept]
    if not len(a):
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    size = int(max(a.max(), b.max())) + 1
    ends = np.minimum(a, b).astype(np.int32), np.maximum(a, b).astype(np.int32)
    table = csr_array(coo_array((length, ends), shape=(size, size)))  # buckets by the lower one: no sort of all pairs
    table.sort_indices()
    low = np.repeat(np.arange(size), np.diff(table.indptr))
    return low, table.indices.astype(np.int64), table.data
