"""Simulated models on a simulated hold-out, as good as one says: what the gate is tried on.

A hold-out is made of blocks of 2 × 2 tiles. Classes are unequal (half of the ground to one in a hundred), a tile holds
some of them, and ground differs in difficulty, block by block and tile by tile, the same for every model. Each model
has luck of its own as well: two networks trained on the same labels with another seed differ by some points on a tile,
and by as much on all four tiles of a block.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

SHARES = (0.50, 0.20, 0.15, 0.08, 0.06, 0.01)
ACCURACY = (0.93, 0.88, 0.85, 0.80, 0.75, 0.70)  # of the published model, on ground of mean difficulty
CODES = tuple("abcdef")
TILE_PX = 128 * 128
BLOCK_TILES = 4
GROUND_BY_BLOCK, GROUND_BY_TILE = 0.06, 0.04  # spread of difficulty, in points of accuracy
LUCK_BY_BLOCK, LUCK_BY_TILE = 0.03, 0.03  # spread between two models that are as good
PATCHINESS = 3.0  # of classes over tiles: the lower, the fewer classes a tile holds
DROPS = (0.01, 0.15)  # a worse model's mean IoU is this much lower, log-uniformly


@dataclass(frozen=True)
class Holdout:
    """Truth and difficulty of a hold-out."""

    n_tiles: int
    seed: int

    @cached_property
    def blocks(self) -> NDArray[np.int64]:
        return np.arange(self.n_tiles) // BLOCK_TILES

    @cached_property
    def ground(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Pixels of each class (tile, class), and what is added to every model's accuracy there."""
        rng = np.random.default_rng([self.seed, 1])
        shares = rng.dirichlet(PATCHINESS * np.array(SHARES), size=self.n_tiles)
        return rng.multinomial(TILE_PX, shares), self._scattered(rng, GROUND_BY_BLOCK, GROUND_BY_TILE)

    def confusions(self, accuracy: NDArray[np.float64], *, rng: np.random.Generator) -> NDArray[np.int64]:
        """A model of these class accuracies: int64 (tile, class, class), truth in rows."""
        truth, ground = self.ground
        right = np.clip(accuracy + ground + self._scattered(rng, LUCK_BY_BLOCK, LUCK_BY_TILE), 0.01, 0.999)
        return rng.multinomial(truth, _rows(right)).astype(np.int64)

    def _scattered(self, rng: np.random.Generator, by_block: float, by_tile: float) -> NDArray[np.float64]:
        n_blocks, n_classes = int(self.blocks[-1]) + 1, len(CODES)
        return (
            rng.normal(0, by_block, (n_blocks, n_classes))[self.blocks]
            + rng.normal(0, by_tile, (self.n_tiles, n_classes))
        )  # fmt: skip


def worse_by(drop: float, *, rng: np.random.Generator) -> NDArray[np.float64]:
    """Class accuracies of a model whose mean IoU on endless ground is `drop` lower; some classes suffer more."""
    weights, published = rng.exponential(size=len(CODES)), np.array(ACCURACY)
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if true_miou(published) - true_miou(published - middle * weights) < drop else (low, middle)
        )
    return published - low * weights


def true_miou(accuracy: NDArray[np.float64]) -> float:
    """Mean IoU on endless ground of mean difficulty."""
    matrix = np.array(SHARES)[:, None] * _rows(np.clip(accuracy, 0.01, 0.999))
    hits = np.diagonal(matrix)
    return float((hits / (matrix.sum(axis=0) + matrix.sum(axis=1) - hits)).mean())


def _rows(right: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a class is taken for: itself, else others by their share of the ground: (…, class) → (…, class, class)."""
    n = len(SHARES)
    others = np.where(np.eye(n, dtype=bool), 0, SHARES)
    others = others / others.sum(axis=1, keepdims=True)
    return right[..., None] * np.eye(n) + (1 - right)[..., None] * others
