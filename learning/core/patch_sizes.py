"""Which patches of a raster that is read block by block are too small, wherever they lie over the blocks' borders.

A patch is a 4-connected region. Memory holds one block, and of all blocks the patches along their borders.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from learning.core.polygons.plan import Block

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

_UNKNOWN = -1  # on a block's side: no imagery


@dataclass(frozen=True, slots=True)
class BlockGrid:
    """A raster of `height` × `width` px cut into squares of `block_px`, numbered row by row from 0."""

    height: int
    width: int
    block_px: int

    @property
    def n_cols(self) -> int:
        """Columns of blocks."""
        return -(-self.width // self.block_px)

    @property
    def n_blocks(self) -> int:
        """Blocks in all."""
        return self.n_cols * -(-self.height // self.block_px)

    def block(self, number: int) -> Block:
        """A block by its number."""
        row, col = divmod(number, self.n_cols)
        top, left = row * self.block_px, col * self.block_px
        return Block(row, col, top, left, min(self.block_px, self.height - top), min(self.block_px, self.width - left))


def patches(inside: Bools) -> tuple[NDArray[np.int32], int]:
    """Number of each pixel's patch, int32 (row, col), from 1 and 0 outside; and how many there are."""
    labels, count = ndimage.label(inside)
    return labels, int(count)


def small_patches(
    grid: BlockGrid,
    read: Callable[[int], tuple[Bools, Bools]],
    *,
    least_px: int,
    on_block: Callable[[int], None] = lambda number: None,
) -> list[Bools]:
    """For each block, bool (patch + 1,) by the numbers of `patches`: whether a patch is smaller than `least_px`.

    A patch that touches ground without imagery, or the raster's edge, is not small: it may go on there.

    Args: read: a block's pixels of which patches are made, and where it has imagery: bool (row, col) each.
    """
    seams = _Seams(grid)
    tables = []
    for number in range(grid.n_blocks):
        inside, imagery = read(number)
        labels, count = patches(inside)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        goes_on = _beside_nothing(labels, imagery, count, grid, grid.block(number))
        small = (sizes < least_px) & ~goes_on
        small[0] = False
        tables.append(small)
        seams.add(number, labels, imagery, sizes, goes_on)
        on_block(number)
    for number, (local, small_ones) in enumerate(seams.joined(least_px)):
        tables[number][local] = small_ones
    return tables


def _beside_nothing(labels: NDArray[np.int32], imagery: Bools, count: int, grid: BlockGrid, block: Block) -> Bools:
    """Which patches touch ground without imagery within the block, or the edge of the raster."""
    found = np.zeros(count + 1, bool)
    if not imagery.all():
        found[labels[ndimage.binary_dilation(~imagery)]] = True
    if block.top == 0:
        found[labels[0]] = True
    if block.left == 0:
        found[labels[:, 0]] = True
    if block.top + block.height == grid.height:
        found[labels[-1]] = True
    if block.left + block.width == grid.width:
        found[labels[:, -1]] = True
    return found


@dataclass(slots=True)
class _Seams:
    """Patches along the borders of blocks, gathered block by block in their order."""

    grid: BlockGrid
    names: list[Ints] = field(default_factory=list)  # of each block, ascending over all blocks
    locals: list[Ints] = field(default_factory=list)
    sizes: list[Ints] = field(default_factory=list)
    goes_on: list[Bools] = field(default_factory=list)
    links: list[Ints] = field(default_factory=list)  # (pair, 2), names of patches that are one
    open_names: list[Ints] = field(default_factory=list)  # that touch, over a seam, ground without imagery
    _bottoms: dict[int, Ints] = field(default_factory=dict)
    _right: Ints | None = None
    _offset: int = 0

    def add(self, number: int, labels: NDArray[np.int32], imagery: Bools, sizes: Ints, goes_on: Bools) -> None:
        """One more block."""
        block = self.grid.block(number)

        def side(at: Any) -> Ints:
            named = np.where(labels[at] > 0, labels[at] + np.int64(self._offset), 0)
            return np.where(imagery[at], named, _UNKNOWN)

        top, left, bottom, right = side(0), side((slice(None), 0)), side(-1), side((slice(None), -1))
        if block.row:
            self._meet(self._bottoms[block.col], top)
        if block.col and self._right is not None:
            self._meet(self._right, left)
        self._bottoms[block.col], self._right = bottom, right
        found = np.unique(np.concatenate([top, left, bottom, right]))
        found = found[found > 0]
        local = found - self._offset
        self.names.append(found)
        self.locals.append(local)
        self.sizes.append(sizes[local])
        self.goes_on.append(goes_on[local])
        self._offset += len(sizes)

    def _meet(self, one: Ints, other: Ints) -> None:
        """The two sides of a seam."""
        both = (one > 0) & (other > 0)
        self.links.append(np.unique(np.column_stack([one[both], other[both]]), axis=0))
        for here, there in ((one, other), (other, one)):
            self.open_names.append(np.unique(here[(here > 0) & (there == _UNKNOWN)]))

    def joined(self, least_px: int) -> Sequence[tuple[Ints, Bools]]:
        """For each block, its patches along its borders and whether each, put together with all that it touches over
        seams, is small."""
        names = np.concatenate(self.names)
        count = len(names)
        pairs = np.searchsorted(names, np.concatenate([np.zeros((0, 2), np.int64), *self.links]))
        links = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
        n_groups, group = connected_components(links, directed=False) if count else (0, np.zeros(0, np.int64))
        sizes = np.bincount(group, weights=np.concatenate(self.sizes), minlength=n_groups)
        goes_on = np.zeros(n_groups, bool)
        goes_on[group[np.concatenate(self.goes_on)]] = True
        opened = np.concatenate([np.zeros(0, np.int64), *self.open_names])
        goes_on[group[np.searchsorted(names, opened)]] = True
        small = ((sizes < least_px) & ~goes_on)[group] if count else np.zeros(0, bool)
        stops = np.cumsum([len(local) for local in self.locals])
        return [(local, small[stop - len(local) : stop]) for local, stop in zip(self.locals, stops, strict=True)]
