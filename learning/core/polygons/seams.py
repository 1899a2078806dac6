"""All blocks at once: regions over seams joined, and those too small then merged by the same rule.

Only regions that touch a seam, and those beside one that may be too small, are held in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from learning.core.polygons.merging import Regions, merge_small
from learning.core.polygons.plan import SIDES, PolygonPlan, load_arrays, save, save_arrays
from learning.core.polygons.runs import Ints, numbered, summed_pairs

_OVER = (("right", "left"), ("bottom", "top"))  # sides that lie on each other, seen from the first block


@dataclass(frozen=True, slots=True)
class _Nodes:
    """Regions of blocks that are looked at together, by (block, region).

    Args:
        names: int64 (node,), ascending: the block's `offsets` + its region's number.
        offsets: int64 (block + 1,), regions in the blocks before.
        classes: uint8 (node,). zone_pixels: int64 (node, zone + 1).
    """

    names: Ints
    offsets: Ints
    classes: NDArray[np.uint8]
    zone_pixels: Ints

    def find(self, names: Ints) -> Ints:
        """Places of names; those asked for must be nodes."""
        return np.searchsorted(self.names, names)

    @property
    def blocks(self) -> Ints:
        """The block of each node."""
        return np.searchsorted(self.offsets, self.names, side="right") - 1


def join_seams(plan: PolygonPlan) -> None:
    """Write, from the surveys of all blocks, what each block is to draw; unless that was done.

    A block's file holds:
        offset: int64 (), regions in the blocks before; a region that is not listed keeps its class and bears the
            number offset + its place + 1;
        local: int64 (listed,), regions that are or may be more than what the block knew;
        region, classes, pixels, minimum, blocks, last: of each of these, the number of the region of the whole map that
            it is part of, this one's class, size and least size, on how many blocks it lies and the last of them;
        top, bottom, left, right: bool, whether what lies beyond the side changes after each of its pixels but the last.
    """
    if plan.seams_done_path.exists():
        return
    nodes = _nodes(plan)
    joined, over = _over_seams(plan, nodes)
    count = len(nodes.names)
    links = coo_array((np.ones(len(joined), np.int8), (joined[:, 0], joined[:, 1])), shape=(count, count))
    group = numbered(connected_components(links, directed=False)[1])
    regions = _regions(plan, nodes, group)
    home, merged = merge_small(regions, _borders(plan, nodes, group, over), distance=plan.distance)
    final = home[group] if count else group

    first = np.full(len(home), np.iinfo(np.int64).max)
    np.minimum.at(first, final, nodes.names)
    placed = np.unique(np.column_stack([final, nodes.blocks]), axis=0)
    blocks = np.bincount(placed[:, 0], minlength=len(home))
    last = np.zeros(len(home), np.int64)
    np.maximum.at(last, placed[:, 0], placed[:, 1])
    facts = {
        "region": (first + 1)[final], "classes": merged.classes[final], "pixels": merged.pixels[final],
        "minimum": merged.minimum[final], "blocks": blocks[final], "last": last[final],
    }  # fmt: skip
    bounds = np.searchsorted(nodes.names, nodes.offsets)
    for number in range(plan.n_blocks):
        mine = slice(bounds[number], bounds[number + 1])
        found: dict[str, NDArray[Any]] = {name: values[mine] for name, values in facts.items()}
        found["local"] = nodes.names[mine] - nodes.offsets[number]
        found["offset"] = np.array(nodes.offsets[number])
        found |= _changes_beyond(plan, nodes, number, facts["region"])
        save_arrays(plan.seams_path(number), found)
    save(plan.seams_done_path, b"")


def _nodes(plan: PolygonPlan) -> _Nodes:
    names, classes, zone_pixels = [], [], []
    counts: list[int] = []
    for number in range(plan.n_blocks):
        all_classes, pixels, *ends = load_arrays(plan.survey_path(number), "classes", "pixels", "low", "high", *SIDES)
        local = np.unique(np.concatenate([np.unique(found) for found in ends]))
        local = local[local >= 0]
        names.append(local + sum(counts))
        classes.append(all_classes[local])
        zone_pixels.append(
            pixels[local, None]
            if plan.zones is None
            else load_arrays(plan.survey_path(number), "zone_pixels")[0][local]
        )
        counts.append(len(all_classes))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return _Nodes(np.concatenate(names).astype(np.int64), offsets, np.concatenate(classes), np.concatenate(zone_pixels))


def _seams(plan: PolygonPlan, nodes: _Nodes) -> Iterator[tuple[Ints, Ints]]:
    """Nodes on both sides of each seam, pixel by pixel where both have one."""
    for number in range(plan.n_blocks):
        for side, other_side in _OVER:
            other = plan.beside(number, side)
            if other is None:
                continue
            [here] = load_arrays(plan.survey_path(number), side)
            [there] = load_arrays(plan.survey_path(other), other_side)
            both = (here >= 0) & (there >= 0)
            yield (
                nodes.find(here[both] + nodes.offsets[number]),
                nodes.find(there[both] + nodes.offsets[other]),
            )


def _over_seams(plan: PolygonPlan, nodes: _Nodes) -> tuple[Ints, tuple[Ints, Ints, Ints]]:
    """Nodes of one class that touch over a seam, int64 (pair, 2); and borders of the others: (low, high, length)."""
    joined = [np.zeros((0, 2), np.int64)]
    low, high, length = ([np.zeros(0, np.int64)] for _list in range(3))
    for here, there in _seams(plan, nodes):
        alike = nodes.classes[here] == nodes.classes[there]
        joined.append(np.unique(np.column_stack([here[alike], there[alike]]), axis=0))
        border = summed_pairs(here[~alike], there[~alike], np.ones(int((~alike).sum()), np.int64))
        for kept, found in zip((low, high, length), border, strict=True):
            kept.append(found)
    return np.concatenate(joined), (np.concatenate(low), np.concatenate(high), np.concatenate(length))


def _regions(plan: PolygonPlan, nodes: _Nodes, group: Ints) -> Regions:
    """The regions that nodes make together, before any is merged."""
    count = int(group.max(initial=-1)) + 1
    classes = np.zeros(count, np.uint8)
    classes[group] = nodes.classes
    zone_pixels = np.zeros((count, nodes.zone_pixels.shape[1]), np.int64)
    np.add.at(zone_pixels, group, nodes.zone_pixels)
    minimum = plan.minimum_px[zone_pixels.argmax(axis=1), classes]
    return Regions(classes, zone_pixels.sum(axis=1), minimum, settled=np.zeros(count, bool))


def _borders(plan: PolygonPlan, nodes: _Nodes, group: Ints, over: tuple[Ints, Ints, Ints]) -> tuple[Ints, Ints, Ints]:
    """Borders of these regions, within blocks and over seams: (low, high, length)."""
    low, high, length = [group[over[0]]], [group[over[1]]], [over[2]]
    for number in range(plan.n_blocks):
        a, b, along = load_arrays(plan.survey_path(number), "low", "high", "length")
        low.append(group[nodes.find(a + nodes.offsets[number])])
        high.append(group[nodes.find(b + nodes.offsets[number])])
        length.append(along)
    return summed_pairs(np.concatenate(low), np.concatenate(high), np.concatenate(length))


def _changes_beyond(plan: PolygonPlan, nodes: _Nodes, number: int, region: Ints) -> dict[str, NDArray[np.bool_]]:
    """Where the regions over each side of a block change."""
    found = {}
    opposite = {a: b for pair in _OVER for a, b in (pair, pair[::-1])}
    for side in SIDES:
        other = plan.beside(number, side)
        if other is None:
            found[side] = np.zeros(0, bool)
            continue
        [line] = load_arrays(plan.survey_path(other), opposite[side])
        beyond = np.full(len(line), -1, np.int64)
        beyond[line >= 0] = region[nodes.find(line[line >= 0] + nodes.offsets[other])]
        found[side] = beyond[1:] != beyond[:-1]
    return found
