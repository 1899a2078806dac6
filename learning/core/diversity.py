"""A varied choice among many tiles: farthest-first traversal in the space of their embeddings. numpy only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning.errors import InvalidScores

# Beyond so many rows at once the table of distances to what was taken before would no longer fit a processor's cache.
_CHUNK = 1024
_LEAST_DISTANCE = 0.1  # of the mean: tiles that are all but the same, of open water, are no more typical than this

Embeddings = NDArray[np.float32]


def farthest_first(
    embeddings: Embeddings,
    *,
    count: int,
    taken: Embeddings | None = None,
    weights: NDArray[np.floating[Any]] | None = None,
) -> NDArray[np.intp]:
    """Choose points one by one, each the farthest from all chosen and taken so far.

    The largest distance from any point to its nearest chosen one is at most twice the least possible for that many
    points. With `weights` the largest of weight times squared distance is chosen, so that what is worth more may lie
    closer to what is known.

    Args:
        embeddings: float32 (point, dimension).
        count: points wanted; all of them, in this order, when there are fewer.
        taken: float32 (point, dimension), points that are known already.
        weights: (point,), zero or more.

    Returns: positions in `embeddings`, in the order of choice. Ties go to the lower position.
    Raises:  InvalidScores: shapes that do not fit, a value that is not finite, a negative weight.
    Source:  Gonzalez 1985 (the traversal and its bound); Sener & Savarese 2018, arXiv:1708.00489 (core-set selection).
    """
    _check(embeddings, taken, weights)
    n_points = len(embeddings)
    points = np.ascontiguousarray(embeddings, np.float32)
    lengths = np.einsum("ij,ij->i", points, points)
    nearest = distances_to(points, taken)
    worth = np.ones(n_points, np.float32) if weights is None else np.asarray(weights, np.float32).copy()
    chosen = np.empty(min(count, n_points), np.intp)
    gain = np.empty(n_points, np.float32)
    is_left = np.ones(n_points, np.bool_)
    for number in range(len(chosen)):
        # Nothing taken yet: all are as far, and the worth alone decides.
        np.multiply(worth, 1.0 if nearest is None else nearest, out=gain)
        gain[~is_left] = -1
        best = int(gain.argmax())
        chosen[number], is_left[best] = best, False
        squared = lengths + (lengths[best] - 2 * (points @ points[best]))
        np.maximum(squared, 0, out=squared)
        nearest = squared if nearest is None else np.minimum(nearest, squared, out=nearest)
    return chosen


def distances_to(points: Embeddings, taken: Embeddings | None) -> NDArray[np.float32] | None:
    """Squared distance of each point to the nearest of `taken`, float32 (point,); None where nothing was taken."""
    if taken is None or len(taken) == 0:
        return None
    lengths = np.einsum("ij,ij->i", points, points)
    nearest = np.full(len(points), np.inf, np.float32)
    for start in range(0, len(taken), _CHUNK):
        block = np.ascontiguousarray(taken[start : start + _CHUNK], np.float32)
        squared = lengths[:, None] + np.einsum("ij,ij->i", block, block) - 2 * (points @ block.T)
        np.minimum(nearest, squared.min(axis=1), out=nearest)
    return np.maximum(nearest, 0, out=nearest)


def typicality(points: Embeddings, *, neighbours: int = 20, sample: int = 1024) -> NDArray[np.float32]:
    """How much each point is like others: one over its mean distance to those nearest to it.

    Of more than `sample` points, distances are to as many of them, evenly spaced, and to as few of these as
    `neighbours` would be: a density is told by a sample as well.

    Returns: float32 (point,), positive and finite; 1 for all where there is one point, or none.
    Source:  Hacohen, Dekel & Weinshall 2022, arXiv:2202.02794 (TypiClust), equation 4.
    """
    n_points = len(points)
    if n_points < 2:
        return np.ones(n_points, np.float32)
    lengths = np.einsum("ij,ij->i", points, points)
    some = np.unique(np.linspace(0, n_points - 1, min(sample, n_points)).astype(np.intp))
    count = min(max(1, round(neighbours * len(some) / n_points)), len(some) - 1)
    block = np.ascontiguousarray(points[some])
    typical = np.empty(n_points, np.float32)
    for start in range(0, n_points, _CHUNK):
        part = np.s_[start : start + _CHUNK]
        squared = lengths[part, None] + lengths[some] - 2 * (points[part] @ block.T)
        own = (some >= start) & (some < start + _CHUNK)
        squared[some[own] - start, np.flatnonzero(own)] = np.inf
        nearest = np.partition(squared, count - 1, axis=1)[:, :count]
        typical[part] = np.sqrt(np.maximum(nearest, 0)).mean(axis=1)
    least = _LEAST_DISTANCE * float(typical.mean())
    return (1 / np.maximum(typical, least)).astype(np.float32) if least > 0 else np.ones(n_points, np.float32)


def covering_radius(points: Embeddings, chosen: NDArray[np.intp]) -> float:
    """Largest distance from a point to its nearest chosen one: what a core-set keeps small."""
    squared = distances_to(points, points[chosen])
    if squared is None:
        raise InvalidScores("Nothing is chosen: a radius needs one point at least.")
    return float(np.sqrt(squared.max()))


def _check(embeddings: Embeddings, taken: Embeddings | None, weights: NDArray[np.floating[Any]] | None) -> None:
    if embeddings.ndim != 2 or not np.isfinite(embeddings).all():
        raise InvalidScores(f"Embeddings {embeddings.shape}: expected (point, dimension), finite values.")
    if taken is not None and (taken.ndim != 2 or taken.shape[1] != embeddings.shape[1] or not np.isfinite(taken).all()):
        raise InvalidScores(f"Taken {taken.shape}: expected (point, {embeddings.shape[1]}), finite values.")
    if weights is not None and (weights.shape != embeddings.shape[:1] or not (weights >= 0).all()):
        raise InvalidScores(f"Weights {weights.shape}: expected ({len(embeddings)},), zero or more.")
