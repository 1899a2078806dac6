"""The hold-out: whole blocks of tiles, set apart by chance before anyone labels, to measure quality on.

Blocks, because neighbouring tiles look alike: a tile next to a training tile would flatter the model. A
buffer of tiles around each block is kept out of training too. The draw is a simple random sample of the
usable blocks without replacement, so every usable block, hence every usable tile, has the same known
probability of being drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from annotation.errors import HoldoutImpossible

Block = tuple[int, int]
Role = Literal["holdout", "buffer", "pool"]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class HoldoutDraw:
    """Blocks drawn, as (block row, block column), sorted; a block (r, c) holds tile rows r·n … r·n + n − 1.

    `inclusion_probability` is that of each usable block (and tile), for design-based estimators.
    """

    blocks: tuple[Block, ...]
    inclusion_probability: float
    seed: int
    block_set: frozenset[Block] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the blocks once: `role_of` is asked for millions of tiles."""
        object.__setattr__(self, "block_set", frozenset(self.blocks))


def draw_holdout(
    *,
    n_rows: int,
    n_cols: int,
    usable: BoolArray | None,
    block_tiles: int,
    buffer_tiles: int,
    fraction: float,
    seed: int,
) -> HoldoutDraw:
    """Draw the hold-out of a campaign.

    Args:
        n_rows, n_cols: of the campaign's tile grid. Blocks at the right and bottom may be incomplete.
        usable: bool (n_rows, n_cols), tiles with imagery; None: all. A block is usable if one of its tiles
        is. block_tiles: side of a block, in tiles. buffer_tiles: width of the buffer around a block, in tiles
        (diagonals included). fraction: share of the usable blocks to draw, in (0, 1); rounded to the nearest
        block, at least one. seed: of `numpy.random.default_rng`; the same arguments give the same draw.

    Raises: HoldoutImpossible: wrong arguments, no usable tile, or no usable tile left to label.

    Source: Roberts et al. 2017 (doi 10.1111/ecog.02881) on spatial blocks.
    """
    _require_arguments(n_rows, n_cols, usable, block_tiles, buffer_tiles, fraction)
    mask = np.ones((n_rows, n_cols), dtype=np.bool_) if usable is None else usable
    blocks = _usable_blocks(mask, block_tiles=block_tiles)
    if len(blocks) == 0:
        raise HoldoutImpossible("No tile has usable imagery; check the layer's valid area.")
    n_drawn = max(1, int(fraction * len(blocks) + 0.5))
    chosen = np.random.default_rng(seed).choice(len(blocks), size=n_drawn, replace=False)
    drawn = blocks[np.sort(chosen)]
    kept_out = _kept_out(drawn, shape=(n_rows, n_cols), block_tiles=block_tiles, buffer_tiles=buffer_tiles)
    if not (mask & ~kept_out).any():
        raise HoldoutImpossible(
            f"A hold-out of {n_drawn} of {len(blocks)} usable blocks of {block_tiles} × {block_tiles} tiles, with "
            f"a buffer of {buffer_tiles}, leaves no tile to label in {n_rows} × {n_cols} tiles; choose smaller "
            "blocks, a smaller buffer, a smaller fraction or smaller tiles."
        )
    return HoldoutDraw(
        blocks=tuple((row, col) for row, col in drawn.tolist()),
        inclusion_probability=n_drawn / len(blocks),
        seed=seed,
    )


def role_of(row: int, col: int, draw: HoldoutDraw | AbstractSet[Block], block_tiles: int, buffer_tiles: int) -> Role:
    """Role of a tile, from the drawn blocks alone; its cost does not depend on the size of the grid.

    Args:
        draw: a draw, or the set of its blocks.
        block_tiles, buffer_tiles: as given to `draw_holdout`.
    """
    blocks = draw.block_set if isinstance(draw, HoldoutDraw) else draw
    if (row // block_tiles, col // block_tiles) in blocks:
        return "holdout"
    # A tile is within the buffer of a block if the square of ± buffer tiles around it meets the block.
    rows = range((row - buffer_tiles) // block_tiles, (row + buffer_tiles) // block_tiles + 1)
    cols = range((col - buffer_tiles) // block_tiles, (col + buffer_tiles) // block_tiles + 1)
    near = any((block_row, block_col) in blocks for block_row in rows for block_col in cols)
    return "buffer" if near else "pool"


def iter_holdout_tiles(
    draw: HoldoutDraw, *, n_rows: int, n_cols: int, block_tiles: int, usable: BoolArray | None = None
) -> Iterator[tuple[int, int]]:
    """The usable (row, col) of the hold-out, block by block, row by row."""
    for block_row, block_col in draw.blocks:
        for row in range(block_row * block_tiles, min((block_row + 1) * block_tiles, n_rows)):
            for col in range(block_col * block_tiles, min((block_col + 1) * block_tiles, n_cols)):
                if usable is None or usable[row, col]:
                    yield row, col


def _require_arguments(
    n_rows: int, n_cols: int, usable: BoolArray | None, block_tiles: int, buffer_tiles: int, fraction: float
) -> None:
    if n_rows < 1 or n_cols < 1 or block_tiles < 1 or buffer_tiles < 0:
        raise HoldoutImpossible(
            f"A grid of {n_rows} × {n_cols} tiles, blocks of {block_tiles} and a buffer of {buffer_tiles} make no "
            "hold-out; the grid and the blocks need at least 1, the buffer at least 0."
        )
    if not 0 < fraction < 1:
        raise HoldoutImpossible(f"The fraction {fraction} must lie between 0 and 1, both excluded.")
    if usable is not None and (usable.shape != (n_rows, n_cols) or usable.dtype != np.bool_):
        raise HoldoutImpossible(
            f"The usable mask is {usable.dtype} {usable.shape}; it must be bool ({n_rows}, {n_cols})."
        )


def _usable_blocks(mask: BoolArray, *, block_tiles: int) -> NDArray[np.int64]:
    """(block, 2): row and column of the blocks with a usable tile, in reading order."""
    rows = np.logical_or.reduceat(mask, np.arange(0, mask.shape[0], block_tiles), axis=0)
    blocks = np.logical_or.reduceat(rows, np.arange(0, mask.shape[1], block_tiles), axis=1)
    return np.stack(np.divmod(np.flatnonzero(blocks), blocks.shape[1]), axis=1)


def _kept_out(blocks: NDArray[np.int64], *, shape: tuple[int, int], block_tiles: int, buffer_tiles: int) -> BoolArray:
    """bool (n_rows, n_cols): tiles of the blocks and of their buffers, by a summed-area table of corners."""
    first = np.maximum(blocks * block_tiles - buffer_tiles, 0)
    after = np.minimum((blocks + 1) * block_tiles + buffer_tiles, shape)
    change = np.zeros((shape[0] + 1, shape[1] + 1), dtype=np.int32)
    np.add.at(change, (first[:, 0], first[:, 1]), 1)
    np.add.at(change, (first[:, 0], after[:, 1]), -1)
    np.add.at(change, (after[:, 0], first[:, 1]), -1)
    np.add.at(change, (after[:, 0], after[:, 1]), 1)
    np.cumsum(change, axis=0, out=change)
    np.cumsum(change, axis=1, out=change)
    kept_out: BoolArray = change[:-1, :-1] > 0
    return kept_out
