"""Which tiles to ask people about next: pixel uncertainty, and a ranked batch of tiles. numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from learning.errors import InvalidScores, NotProbabilities

Kind = Literal["uncertainty", "random", "area"]


@dataclass(frozen=True, slots=True)
class RankedTile:
    """One tile of a batch; rank 0 is asked first.

    Args:
        score: mean uncertainty of the tile, as given.
        probability: for "random" tiles, the chance every eligible tile had of being drawn at random:
            (random tiles drawn) / (eligible tiles with a finite score). None for the others, whose inclusion was
            decided and not drawn.
    """

    row: int
    col: int
    kind: Kind
    score: float
    probability: float | None
    rank: int


def predictive_entropy(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Shannon entropy of the predicted class distribution at each pixel.

    Args:    probabilities: float (tile, class, row, col); each pixel sums to 1 within 1e-4.
    Returns: float32 (tile, row, col), in nats, from 0 (certain) to ln(class count) (uniform).
    Raises:  NotProbabilities: some pixel does not sum to 1 (logits passed by mistake, say).
    Source:  Shannon 1948; as an acquisition function, Settles 2009 (TR 1648), section 3.1.
    """
    _check_probabilities(probabilities)
    positive = np.where(probabilities > 0, probabilities, 1.0)  # 0 · ln 0 = 0
    entropy: NDArray[np.floating[Any]] = -(probabilities * np.log(positive)).sum(axis=1)
    result: NDArray[np.float32] = np.maximum(entropy, 0).astype(np.float32)
    return result


def margin_uncertainty(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """One minus the gap between the two likeliest classes, so that higher is less certain.

    Args:    probabilities: as in predictive_entropy, at least two classes.
    Returns: float32 (tile, row, col), from 0 to 1.
    Raises:  NotProbabilities.
    Source:  Scheffer et al. 2001; Settles 2009, section 3.1.
    """
    _check_probabilities(probabilities)
    ordered = np.partition(probabilities, -2, axis=1)
    result: NDArray[np.float32] = (1 - (ordered[:, -1] - ordered[:, -2])).astype(np.float32)
    return result


def least_confidence(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """One minus the probability of the likeliest class.

    Args:    probabilities: as in predictive_entropy.
    Returns: float32 (tile, row, col), from 0 to 1 - 1 / class count.
    Raises:  NotProbabilities.
    Source:  Lewis & Gale 1994; Settles 2009, section 3.1.
    """
    _check_probabilities(probabilities)
    result: NDArray[np.float32] = (1 - probabilities.max(axis=1)).astype(np.float32)
    return result


def rank_tiles(
    scores: NDArray[np.floating[Any]],
    *,
    eligible: NDArray[np.bool_],
    batch_size: int,
    random_share: float,
    spatial_cell_tiles: int,
    rng: np.random.Generator,
    first: NDArray[np.bool_] | None = None,
) -> tuple[RankedTile, ...]:
    """Choose and order the tiles of an acquisition round.

    First, round(random_share · batch) tiles are drawn uniformly, without replacement, from all eligible
    tiles, so that each had the same, logged probability. The rest goes to the most uncertain of the others,
    spread over the ground: the best tile of every cell by score, then the second best of every cell, and so
    on; tiles marked `first` come before all of these, in the same order among themselves. Random tiles sit at
    evenly spaced ranks. Ties are broken by `rng`, never by position.

    Args:
        scores: (n_rows, n_cols), higher = asked sooner; NaN or infinite = not eligible.
        eligible: bool (n_rows, n_cols), False for hold-out, buffer, labelled or unusable tiles.
        batch_size: tiles wanted; fewer come back when fewer are eligible.
        random_share: from 0 to 1.
        spatial_cell_tiles: side of a spreading cell, in tiles; 1 spreads nothing.
        first: bool (n_rows, n_cols), tiles whose kind is "area" instead of "uncertainty"; default none.

    Returns: the batch in rank order.
    Raises:  InvalidScores: shapes differ or an option is out of range.
    """
    first = np.zeros(scores.shape, np.bool_) if first is None else first
    _check_ranking(scores, [eligible, first], batch_size, random_share, spatial_cell_tiles)
    n_cols = scores.shape[1]
    flat = np.asarray(scores).ravel()
    candidates = np.flatnonzero(eligible.ravel() & np.isfinite(flat))
    size = min(batch_size, len(candidates))
    if size == 0:
        return ()
    n_random = int(np.floor(random_share * size + 0.5))
    drawn = rng.choice(candidates, n_random, replace=False)
    others = np.setdiff1d(candidates, drawn, assume_unique=True)
    is_first = first.ravel()
    spread = partial(_spread, flat, n_cols=n_cols, cell=spatial_cell_tiles, rng=rng)
    before = spread(others[is_first[others]], size=size - n_random)
    wanted = np.r_[before, spread(others[~is_first[others]], size=size - n_random - len(before))]

    chosen = np.empty(size, candidates.dtype)
    is_random = np.zeros(size, np.bool_)
    is_random[_even_positions(n_random, size)] = True
    chosen[is_random], chosen[~is_random] = drawn, wanted
    probability = n_random / len(candidates)
    return tuple(
        RankedTile(
            row=int(tile) // n_cols,
            col=int(tile) % n_cols,
            kind="random" if random else "area" if is_first[tile] else "uncertainty",
            score=float(flat[tile]),
            probability=probability if random else None,
            rank=rank,
        )
        for rank, (tile, random) in enumerate(zip(chosen, is_random, strict=True))
    )


def _spread(
    scores: NDArray[np.floating[Any]],
    tiles: NDArray[np.intp],
    *,
    size: int,
    n_cols: int,
    cell: int,
    rng: np.random.Generator,
) -> NDArray[np.intp]:
    """Round-robin over cells: order by (rank of the tile inside its cell, score descending); first `size`."""
    tiles = rng.permutation(tiles)  # a stable sort then breaks ties at random
    descending = np.argsort(-scores[tiles], kind="stable")
    tiles = tiles[descending]
    cells = (tiles // n_cols // cell) * (n_cols // cell + 1) + tiles % n_cols // cell
    by_cell = np.argsort(cells, kind="stable")  # keeps the score order inside each cell
    grouped = cells[by_cell]
    starts = np.flatnonzero(np.r_[True, grouped[1:] != grouped[:-1]]) if len(grouped) else np.empty(0, np.intp)
    turn = np.empty(len(tiles), np.intp)
    turn[by_cell] = np.arange(len(tiles)) - np.repeat(starts, np.diff(np.r_[starts, len(tiles)]))
    # `turn` is in score order already, so a stable sort by turn is the whole ordering.
    return tiles[np.argsort(turn, kind="stable")[:size]]


def _even_positions(count: int, size: int) -> NDArray[np.intp]:
    """Centres of `count` equal parts of 0 … size - 1."""
    return np.floor((np.arange(count) + 0.5) * size / max(count, 1)).astype(np.intp)


def _check_probabilities(probabilities: NDArray[np.floating[Any]]) -> None:
    if probabilities.ndim != 4 or probabilities.shape[1] < 2:
        raise NotProbabilities(f"Shape {probabilities.shape}: expected (tile, class, row, col), two classes or more.")
    if not (np.abs(probabilities.sum(axis=1) - 1) <= 1e-4).all() or (probabilities < 0).any():
        raise NotProbabilities("Some pixel is negative or does not sum to 1; apply the softmax to logits first.")


def _check_ranking(
    scores: NDArray[np.floating[Any]],
    masks: list[NDArray[np.bool_]],
    batch_size: int,
    random_share: float,
    spatial_cell_tiles: int,
) -> None:
    for mask in masks:
        if scores.ndim != 2 or mask.shape != scores.shape or mask.dtype != np.bool_:
            raise InvalidScores(
                f"Scores {scores.shape} and a mask {mask.dtype} {mask.shape}: expected one (row, col) shape, bool."
            )
    if batch_size < 1 or spatial_cell_tiles < 1 or not 0 <= random_share <= 1:
        raise InvalidScores(
            f"batch_size {batch_size}, spatial_cell_tiles {spatial_cell_tiles}, random_share {random_share}: "
            "expected 1 or more, 1 or more, and 0 to 1."
        )
