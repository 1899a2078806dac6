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
    home = np.arange(len(regions.classes))
    pixels, minimum = regions.pixels.copy(), regions.minimum
    settled = regions.settled.copy()
    classes = regions.classes
    low, high, length = borders
    while len(low):
        small = (pixels < minimum) & ~settled
        kept = small[low] | small[high]
        low, high, length = low[kept], high[kept], length[kept]
        go, to = _leaving(low, high, length, small=small, classes=classes, pixels=pixels, distance=distance)
        if not len(go):
            break
        step = np.arange(len(home))
        step[go] = to
        np.add.at(pixels, to, pixels[go])
        low, high, length = summed_pairs(step[low], step[high], length)
        home = step[home]
        joined = _joined(low, high, classes=classes, pixels=pixels)
        moved = np.flatnonzero(joined != np.arange(len(joined)))
        if len(moved):
            np.add.at(pixels, joined[moved], pixels[moved])
            np.logical_or.at(settled, joined[moved], settled[moved])
            low, high, length = summed_pairs(joined[low], joined[high], length)
            home = joined[home]
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
    source, target = np.concatenate([low, high]), np.concatenate([high, low])
    length = np.concatenate([length, length])
    first_served = (pixels[target] < pixels[source]) | ((pixels[target] == pixels[source]) & (target < source))
    waits = np.zeros(len(small), bool)
    waits[source[small[target] & first_served]] = True
    leaves = small[source] & ~waits[source]
    source, target, length = source[leaves], target[leaves], length[leaves]
    only = np.bincount(source, minlength=len(small))[source] == 1
    go, to = source[only], target[only]  # most of them: specks within another region
    source, target, length = source[~only], target[~only], length[~only]
    order = np.lexsort((target, -pixels[target], -length, distance[classes[source], classes[target]], source))
    source, target = source[order], target[order]
    best = np.flatnonzero(np.diff(source, prepend=-1))
    return np.concatenate([go, source[best]]), np.concatenate([to, target[best]])


def _joined(low: Ints, high: Ints, *, classes: NDArray[np.uint8], pixels: Ints) -> Ints:
    """Where each region is once neighbours of one class are one."""
    where = np.arange(len(classes))
    alike = classes[low] == classes[high]
    if not alike.any():
        return where
    low, high = low[alike], high[alike]
    members, place = np.unique(np.concatenate([low, high]), return_inverse=True)
    ends = place.reshape(2, -1)
    links = coo_array((np.ones(len(low), np.int8), (ends[0], ends[1])), shape=(len(members), len(members)))
    count, group = connected_components(links, directed=False)
    largest = np.empty(count, np.int64)
    order = np.lexsort((-members, pixels[members]))  # the last written of a group stays
    largest[group[order]] = members[order]
    where[members] = largest[group]
    return where
