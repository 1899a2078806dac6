"""Rasters as runs of equal pixels: what costs time is then how often a map changes, not how large it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
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
        at: (contact,), flat index of the first pixel of the lower row where the two runs meet, ascending.
        upper, lower: (contact,), the runs. lengths: (contact,), pixels along which they meet.
            All four are int32, or int64 where twice the raster's pixels are too many for that.
    """

    at: NDArray[np.integer]
    upper: NDArray[np.integer]
    lower: NDArray[np.integer]
    lengths: NDArray[np.integer]


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
    pixels = runs.height * width
    first, stop = np.searchsorted(starts, [width, pixels - width])  # of the second row, of the last
    # Both lists of beginnings in one sort, and in the lowest bit which of the two each is of.
    whole = np.dtype(np.int32 if 2 * pixels <= np.iinfo(np.int32).max else np.int64)
    tagged: NDArray[Any] = np.concatenate([2 * (starts[:stop] + width), 2 * starts[first:] + 1]).astype(whole)
    tagged.sort()
    at = tagged >> 1
    before = int(first) - 1
    lower = np.cumsum(tagged & 1, dtype=whole) + before
    upper = np.arange(before, before + len(at), dtype=whole) - lower
    last = np.ones(len(at), bool)  # of those that begin at the same pixel: it knows of both
    np.not_equal(at[1:], at[:-1], out=last[:-1])
    kept = np.flatnonzero(last)
    at = at[kept]
    return Contacts(at, upper[kept], lower[kept], np.diff(at, append=np.array([pixels], whole)))


def connected(runs: Runs, contacts: Contacts) -> Ints:
    """Number of each run's 4-connected region of equal value, by their first pixels from 0; -1 where the value is not
    above 0. Neighbours in a row may hold the same, as where something else told them apart."""
    values = runs.values
    count = len(values)
    same = np.flatnonzero(values[contacts.upper] == values[contacts.lower])
    upper, lower = contacts.upper[same], contacts.lower[same]
    beside = np.flatnonzero(values[1:] == values[:-1])
    beside = beside[runs.starts[beside + 1] % runs.width != 0]
    if len(beside):
        upper = np.concatenate([upper, beside])
        lower = np.concatenate([lower, beside + 1])[np.argsort(upper, kind="stable")]
    # Contacts come by their upper run: the table of links is there already.
    links = csr_array((np.ones(len(lower)), lower, _offsets(upper, count)), shape=(count, count))
    _count, labels = connected_components(links, directed=False)
    return numbered(np.where(values > 0, labels, -1))


def _offsets(groups: NDArray[np.integer], count: int) -> NDArray[np.int32]:
    """Where each of `count` groups begins once its members lie together, and where the last one ends."""
    offsets = np.zeros(count + 1, np.int32)
    np.cumsum(np.bincount(groups, minlength=count), out=offsets[1:])
    return offsets


def numbered(labels: NDArray[np.integer]) -> Ints:
    """The same grouping, numbered from 0 in the order in which groups are first met; -1 stays."""
    first = np.full(int(labels.max(initial=-1)) + 2, len(labels), np.int64)  # the last is that of -1
    first[labels[::-1]] = np.arange(len(labels) - 1, -1, -1)  # of several, the last written stays
    first[-1] = -1  # before all others, so that it gets the number -1
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(-1, len(first) - 1)
    numbers: Ints = rank[labels]
    return numbers


def borders_of(
    runs: Runs, contacts: Contacts, region: Ints, *, asked: NDArray[np.bool_] | None = None
) -> tuple[Ints, Ints, Ints]:
    """Pairs of regions that touch, and the length of their border in sides of pixels: (low, high, length), each pair
    once, ascending.

    Args:
        region: int64 (run,), as from `connected`; runs of -1 have no borders.
        asked: bool (region,); given, only pairs of which one is asked for.
    """
    upper, lower = region[contacts.upper], region[contacts.lower]
    begins = np.searchsorted(runs.starts, np.arange(1, runs.height) * runs.width)
    changes = region[1:] != region[:-1]
    changes[begins - 1] = False  # not over a row's end
    border, beside = upper != lower, np.flatnonzero(changes)
    left, right = region[beside], region[beside + 1]
    if asked is not None:
        wanted = np.append(asked, False)  # the last for -1
        border &= wanted[upper] | wanted[lower]
        kept = np.flatnonzero(wanted[left] | wanted[right])
        left, right = left[kept], right[kept]
    along = np.flatnonzero(border)
    return summed_pairs(
        np.concatenate([upper[along], left]),
        np.concatenate([lower[along], right]),
        np.concatenate([contacts.lengths[along], np.ones(len(left), np.int64)]),
    )


def summed_pairs(
    a: NDArray[np.integer], b: NDArray[np.integer], length: NDArray[np.integer]
) -> tuple[Ints, Ints, Ints]:
    """Unordered pairs of different numbers from 0 with their lengths summed: (low, high, length), ascending."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    wanted = (low != high) & (low >= 0) & (length > 0)
    if not wanted.all():
        kept = np.flatnonzero(wanted)
        low, high, length = low[kept], high[kept], length[kept]
    if not len(low):
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    bits, length_bits = int(high.max()).bit_length(), int(length.max()).bit_length()
    pairs: Ints = low.astype(np.int64)
    pairs <<= bits
    pairs |= high
    if 2 * bits + length_bits < np.iinfo(np.int64).bits:
        pairs <<= length_bits  # with its length in one word: sorted, and no order to look up by
        pairs |= length
        pairs.sort()
        length = pairs & ((1 << length_bits) - 1)
        pairs >>= length_bits
    else:
        order = np.argsort(pairs)
        pairs, length = pairs[order], length[order].astype(np.int64)
    first = np.append(0, np.flatnonzero(pairs[1:] != pairs[:-1]) + 1)
    total: Ints = np.add.reduceat(length, first)
    pairs = pairs[first]
    return pairs >> bits, pairs & ((1 << bits) - 1), total
