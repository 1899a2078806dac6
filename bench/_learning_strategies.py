"""How the next tiles are chosen in learning_curve.py: ours, what it has to beat, and another library's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from _learning_head import Head, World, doubts, miou, region_embedding, train
from numpy.typing import NDArray

from learning.core.acquisition import (
    AtRandom,
    Candidates,
    Diversity,
    Doubt,
    DoubtAndDiversity,
)
from learning.core.regions import MOST_PARTS, PARTS, rank_parts
from learning.core.rounds import Mix, rank_tiles

Choice = Callable[[Candidates, int, np.random.Generator], NDArray[np.intp]]


@dataclass(frozen=True)
class Strategy:
    """A way of choosing. Args: parts: regions a side of a tile that are labelled one by one; 1 = whole tiles."""

    choose: Choice
    parts: int = 1
    needs_model: bool = True


def _ours(mix: Mix, function: DoubtAndDiversity | None = None) -> Choice:
    """Rounds as the platform makes them, by its default function if by no other. What is ranked has no place but its
    position."""
    acquisition = function or DoubtAndDiversity()

    def choose(candidates: Candidates, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
        placed = replace(candidates, row=np.zeros(len(candidates), np.intp), col=np.arange(len(candidates)))
        ranked = rank_tiles(placed, acquisition=acquisition, mix=mix, batch_size=count, rng=rng)
        return np.array([one.col for one in ranked], np.intp)

    return choose


def _asked_regions(candidates: Candidates, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Parts as the platform asks for them: tiles by their best part, of each what was ranked, four at most.

    Rounds follow each other until there is as much ground as is wanted; a tile is asked for once.
    """
    # A candidate's column is its position among all parts of all tiles, which lie here in one row.
    tile, part = np.divmod(candidates.col, PARTS**2)
    placed = replace(candidates, row=part // PARTS, col=tile * PARTS + part % PARTS)
    left, chosen = np.arange(len(candidates)), np.empty(0, np.intp)
    while len(chosen) < count and len(left):
        wanted = -(-(count - len(chosen)) // MOST_PARTS)
        ranked = rank_parts(
            placed.at(left), acquisition=DoubtAndDiversity(), mix=Mix(suspects=0.0), batch_size=wanted, rng=rng
        )
        numbers = [one.col * PARTS**2 + row * PARTS + col for one in ranked for row, col in one.parts]
        chosen = np.r_[chosen, np.searchsorted(candidates.col, numbers)]
        left = left[~np.isin(tile[left], [one.col for one in ranked])]
    return chosen[:count]


def _typiclust(candidates: Candidates, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """scikit-activeml's TypiClust (Hacohen et al. 2022): the most typical tile of each cluster not yet labelled."""
    from skactiveml.pool import TypiClust

    embedding, known = candidates.embedding, candidates.known_embedding
    if embedding is None or known is None:
        raise SystemExit("TypiClust needs embeddings.")
    everything = np.concatenate([known, embedding])
    labels = np.r_[np.zeros(len(known)), np.full(len(embedding), np.nan)]
    query = TypiClust(random_state=int(rng.integers(2**31)), missing_label=np.nan)
    chosen: NDArray[np.intp] = np.asarray(query.query(X=everything, y=labels, batch_size=count)) - len(known)
    return chosen


def _by(function: Any) -> Choice:
    return lambda candidates, count, rng: function(candidates, count=count, rng=rng)


_ODD_TOO = DoubtAndDiversity(typical=0)
STRATEGIES = {
    "random": Strategy(_by(AtRandom()), needs_model=False),
    "entropy": Strategy(_by(Doubt())),
    "diversity": Strategy(_by(Diversity()), needs_model=False),
    "typiclust (scikit-activeml)": Strategy(_typiclust, needs_model=False),
    "ours": Strategy(_ours(Mix())),
    "ours, odd tiles too": Strategy(_ours(Mix(), _ODD_TOO)),
    "ours, odd tiles and suspects by looks": Strategy(_ours(Mix(by_looks=True), _ODD_TOO)),
    "random regions": Strategy(_by(AtRandom()), parts=4, needs_model=False),
    "our regions": Strategy(_ours(Mix()), parts=4),
    "our regions, odd ones too": Strategy(_ours(Mix(), _ODD_TOO), parts=4),
    "asked regions": Strategy(_asked_regions, parts=PARTS),
}


def curve(
    world: World, strategy: Strategy, *, budgets: tuple[int, ...], seed: int, opened_once: bool
) -> dict[int, float]:
    """Mean IoU on the hold-out by labelled ground, in tiles, as one strategy has it labelled round by round.

    Args: opened_once: see Dataset.
    """
    n_tiles, side = len(world.pool.labels), world.pool.side
    per_tile = strategy.parts**2
    order = np.random.default_rng([seed, 7]).permutation(n_tiles * per_tile)
    embedding = world.embedding if per_tile == 1 else region_embedding(world, strategy.parts)
    truth = _true_shares(world, strategy.parts)
    chosen = list(order[: budgets[0] * per_tile])
    found: dict[int, float] = {}
    head: Head | None = None
    for number, budget in enumerate(budgets):
        if head is not None:
            count = budget * per_tile - len(chosen)
            asked = np.zeros((n_tiles, per_tile), np.bool_)
            asked.flat[chosen] = True
            left = np.flatnonzero(~(asked.any(axis=1, keepdims=True) & opened_once | asked))
            candidates = _candidates(world, head if strategy.needs_model else None, embedding, truth,
                                     left=left, chosen=np.array(chosen), parts=strategy.parts)  # fmt: skip
            picked = strategy.choose(candidates, count, np.random.default_rng([seed, number]))
            chosen += left[picked].tolist()
        head = train(world, _mask(np.array(chosen), n_tiles, side, strategy.parts), seed=seed * 1000 + number)
        found[budget] = miou(world, head)
    return found


def ceiling(world: World, *, seed: int) -> float:
    """Mean IoU with the whole pool labelled, trained for four times as long."""
    everything = np.ones(world.pool.labels.shape, np.bool_)
    return miou(world, train(world, everything, seed=seed, steps=1000))


def _candidates(
    world: World,
    head: Head | None,
    embedding: NDArray[np.float32],
    truth: NDArray[np.float32],
    *,
    left: NDArray[np.intp],
    chosen: NDArray[np.intp],
    parts: int,
) -> Candidates:
    if head is None:
        same = np.ones((len(embedding), world.n_classes), np.float32)
        doubt, share = same, same / world.n_classes
    else:
        doubt, share = doubts(world, head, parts=parts)
    return Candidates(
        row=np.zeros(len(left), np.intp), col=left, doubt=doubt[left], share=share[left],
        embedding=embedding[left], known_embedding=embedding[chosen], known_share=truth[chosen],
    )  # fmt: skip


def _true_shares(world: World, parts: int) -> NDArray[np.float32]:
    """What part of each region's labelled ground each class has."""
    size = world.pool.side // parts
    grid = world.pool.labels.numpy().reshape(-1, parts, size, parts, size)
    flat = grid.transpose(0, 1, 3, 2, 4).reshape(-1, size * size)
    counts = np.stack([(flat == k + 1).sum(axis=1) for k in range(world.n_classes)], axis=1).astype(np.float32)
    shares: NDArray[np.float32] = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def _mask(chosen: NDArray[np.intp], n_tiles: int, side: int, parts: int) -> NDArray[np.bool_]:
    """Cells of the chosen regions, bool (tile, cell)."""
    flags = np.zeros(n_tiles * parts**2, np.bool_)
    flags[chosen] = True
    size = side // parts
    grid = flags.reshape(n_tiles, parts, 1, parts, 1)
    return np.broadcast_to(grid, (n_tiles, parts, size, parts, size)).reshape(n_tiles, side * side).copy()
