"""Regions that are too small become part of their most similar neighbour, smallest first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from learning.core.polygons.runs import Ints, summed_pairs


@dataclass(frozen=True, slots=True)
class Regions:
    """Regions of a map; a region's number is its place.

    Args:
        classes: uint8 (region,), raster value of its class, from 1.
        pixels: int64 (region,).
        minimum: int64 (region,), pixels below which it may not stay.
        settled: bool (region,), never merged into another whatever its size: not all of it is known.
    """

    classes: NDArray[np.uint8]
    pixels: Ints
    minimum: Ints
    settled: NDArray[np.bool_]


def merge_small(
    regions: Regions, borders: tuple[Ints, Ints, Ints], *, distance: NDArray[np.integer]
) -> tuple[Ints, Regions]:
    """Merge regions below their minimum into neighbours, in rounds, until each has reached it or has no neighbour.

    In a round every region below its minimum that is smaller than all of its neighbours below theirs (equal ones: the
    lower number first) goes to the neighbour whose class is the nearest in the nomenclature's tree; among several, to
    that with the longest common border, the larger, the lower number. The one that takes it in keeps its class and its
    minimum. Neighbours that have become of one class are then one region, which has the number, the class and the
    minimum of its largest part. Two regions of one round never touch, so that it is as if they went one by one.

    Args:
        borders: (low, high, length) of regions that touch, as from runs.borders_of; those without a region below its
            minimum may be left out. Two of one class never touch.
        distance: (class, class), steps from one class to another in the tree, by raster value.

    Returns: int64 (region,), which region each is now part of; and the regions as they are then, valid at the places
        of those that remain.
    """
    home = np.arange(len(regions.classes))  # where each went; itself while it has not gone
    pixels, minimum = regions.pixels.copy(), regions.minimum
    settled = regions.settled.copy()
    classes = regions.classes
    small = (pixels < minimum) & ~settled
    low, high, length = borders
    while len(low):
        kept = np.flatnonzero(small[low] | small[high])
        low, high, length = low[kept], high[kept], length[kept]
        go, to = _leaving(low, high, length, small=small, classes=classes, pixels=pixels, distance=distance)
        if not len(go):
            break
        home[go] = to
        np.add.at(pixels, to, pixels[go])
        small[to] &= pixels[to] < minimum[to]
        low, high = home[low], home[high]
        matters = np.flatnonzero(small[low] | small[high] | (classes[low] == classes[high]))
        low, high, length = summed_pairs(low[matters], high[matters], length[matters])
        members, joined = _joined(low, high, classes=classes, pixels=pixels)
        if len(members):
            home[members] = joined
            np.add.at(pixels, joined, pixels[members])
            np.logical_or.at(settled, joined, settled[members])
            small[joined] = (pixels[joined] < minimum[joined]) & ~settled[joined]
            low, high, length = summed_pairs(home[low], home[high], length)
    while not np.array_equal(further := home[home], home):
        home = further
    return home, Regions(classes, pixels, minimum, settled)


def _leaving(
    low: Ints,
    high: Ints,
    length: Ints,
    *,
    small: NDArray[np.bool_],
    classes: NDArray[np.uint8],
    pixels: Ints,
    distance: NDArray[np.integer],
) -> tuple[Ints, Ints]:
    """Regions that go in this round, and where to."""
    low_first = pixels[low] <= pixels[high]  # of equal ones the lower number
    waits = np.zeros(len(small), bool)
    waits[high[np.flatnonzero(small[low] & low_first)]] = True
    waits[low[np.flatnonzero(small[high] & ~low_first)]] = True
    leaves = small & ~waits
    up, down = np.flatnonzero(leaves[low]), np.flatnonzero(leaves[high])
    source, target = np.concatenate([low[up], high[down]]), np.concatenate([high[up], low[down]])
    length = np.concatenate([length[up], length[down]])
    alone = np.bincount(source, minlength=len(small))[source] == 1
    only, several = np.flatnonzero(alone), np.flatnonzero(~alone)
    go, to = source[only], target[only]  # most of them: specks within another region
    source, target, length = source[several], target[several], length[several]
    order = np.lexsort((target, -pixels[target], -length, distance[classes[source], classes[target]], source))
    source, target = source[order], target[order]
    best = np.flatnonzero(np.diff(source, prepend=-1))
    return np.concatenate([go, source[best]]), np.concatenate([to, target[best]])


def _joined(low: Ints, high: Ints, *, classes: NDArray[np.uint8], pixels: Ints) -> tuple[Ints, Ints]:
    """Neighbours of one class that become part of the largest of them, and that one for each."""
    alike = np.flatnonzero(classes[low] == classes[high])
    low, high = low[alike], high[alike]
    members, place = np.unique(np.concatenate([low, high]), return_inverse=True)
    ends = place.reshape(2, -1)
    links = coo_array((np.ones(len(low), np.int8), (ends[0], ends[1])), shape=(len(members), len(members)))
    count, group = connected_components(links, directed=False)
    largest = np.empty(count, np.int64)
    order = np.lexsort((-members, pixels[members]))  # the last written of a group stays
    largest[group[order]] = members[order]
    goes = np.flatnonzero(largest[group] != members)
    return members[goes], largest[group[goes]]
