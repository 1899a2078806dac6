"""What an acquisition round asks for, in which order: an acquisition function's choice, suspects, and chance.

numpy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from learning.core.acquisition import Acquisition, Candidates, ConfidentErrors, Positions
from learning.errors import InvalidScores

Kind = Literal["uncertainty", "suspect", "random", "area"]


@dataclass(frozen=True, slots=True)
class Mix:
    """What a round is made of: shares of the batch, from 0 to 1; the rest is the acquisition function's.

    Args:
        random: drawn uniformly, with a probability that is written down: the sample that is not the model's choice.
        suspects: may be confidently wrong (ConfidentErrors), where there is evidence; `by_looks` is as there.
        spatial_cell_tiles: side of the cell by which the function's tiles are spread over the ground; 1 spreads
            nothing.
    """

    random: float = 0.1
    suspects: float = 0.2
    spatial_cell_tiles: int = 1
    by_looks: bool = False

    def counts(self, size: int) -> tuple[int, int]:
        """How many of a batch of `size` are drawn at random, and how many may be suspects."""
        n_random, n_suspects = (int(np.floor(share * size + 0.5)) for share in (self.random, self.suspects))
        return n_random, min(n_suspects, size - n_random)

    def has_evidence(self, candidates: Candidates) -> bool:
        """Whether anything is known by which a suspect could be told: without it, nobody need look at them all."""
        return self.by_looks or candidates.contradicted is not None


@dataclass(frozen=True, slots=True)
class RankedTile:
    """One tile of a batch; rank 0 is asked first.

    Args:
        probability: for "random" tiles, the chance every candidate had of being drawn at random: (random tiles
            drawn) / (candidates). None for the others, whose inclusion was decided and not drawn.
    """

    row: int
    col: int
    kind: Kind
    probability: float | None
    rank: int


def rank_tiles(
    candidates: Candidates,
    *,
    acquisition: Acquisition,
    mix: Mix,
    batch_size: int,
    rng: np.random.Generator,
    first: NDArray[np.bool_] | None = None,
) -> tuple[RankedTile, ...]:
    """Choose and order the tiles of an acquisition round.

    Random tiles are drawn first, uniformly and without replacement from all candidates with a finite doubt, so that
    each had the same, logged probability; then the suspects; the rest is the function's choice, tiles marked `first`
    before all others. These are spread over the ground: of every cell the one it wants most, then of every cell the
    second, and so on. Random tiles and suspects sit at evenly spaced ranks. Ties are broken by `rng`.

    Args:
        first: bool (tile,), candidates whose kind is "area": they come first; default none.
    Returns: the batch in rank order, shorter where there are fewer candidates.
    Raises:  InvalidScores: an option out of range, or a mask that does not fit.
    """
    is_first = np.zeros(len(candidates), np.bool_) if first is None else first
    check_round(candidates, is_first, mix, batch_size)
    usable = np.flatnonzero(np.isfinite(candidates.mean_doubt))
    size = min(batch_size, len(usable))
    n_random, n_suspects = mix.counts(size)
    drawn = rng.choice(usable, n_random, replace=False).astype(np.intp)
    left = np.setdiff1d(usable, drawn, assume_unique=True)
    suspects = np.empty(0, np.intp)
    if mix.has_evidence(candidates):
        evidence = ConfidentErrors(by_looks=mix.by_looks)
        suspects = left[evidence(candidates.at(left), count=n_suspects, rng=rng)]
        left = np.setdiff1d(left, suspects, assume_unique=True)
    wanted = np.empty(0, np.intp)
    for group in (left[is_first[left]], left[~is_first[left]]):
        count = size - n_random - len(suspects) - len(wanted)
        chosen = with_known(candidates, np.r_[drawn, suspects, wanted]).at(group)
        # One cell may hold all that is wanted most: enough is asked for to have a choice.
        ordered = group[acquisition(chosen, count=count * (4 if mix.spatial_cell_tiles > 1 else 1), rng=rng)]
        wanted = np.r_[wanted, spread(candidates, ordered, cell=mix.spatial_cell_tiles)[:count]]
    kinds: list[tuple[Positions, Kind]] = [(drawn, "random"), (suspects, "suspect")]
    order, kind_of = woven(wanted, kinds, size=n_random + len(suspects) + len(wanted))
    return tuple(
        RankedTile(
            row=int(candidates.row[tile]),
            col=int(candidates.col[tile]),
            kind=kind if kind != "uncertainty" else "area" if is_first[tile] else "uncertainty",
            probability=n_random / len(usable) if kind == "random" else None,
            rank=rank,
        )
        for rank, (tile, kind) in enumerate(zip(order, kind_of, strict=True))
    )


def with_known(candidates: Candidates, positions: Positions) -> Candidates:
    """The same candidates, these of them counted as labelled where it is about variety."""
    if candidates.embedding is None or len(positions) == 0:
        return candidates
    known, labels = candidates.known_embedding, candidates.known_share
    taken, predicted = candidates.embedding[positions], candidates.share[positions]
    return replace(
        candidates,
        known_embedding=taken if known is None else np.concatenate([known, taken]),
        known_share=None if labels is None else np.concatenate([labels, predicted]),
    )


def spread(candidates: Candidates, ordered: Positions, *, cell: int) -> Positions:
    """Round-robin over cells of the ground: of each the first, then of each the second, as they were ordered."""
    if cell == 1 or len(ordered) == 0:
        return ordered
    rows, cols = candidates.row[ordered] // cell, candidates.col[ordered] // cell
    cells = rows * (int(cols.max()) + 1) + cols
    by_cell = np.argsort(cells, kind="stable")  # keeps the order inside each cell
    grouped = cells[by_cell]
    starts = np.flatnonzero(np.r_[True, grouped[1:] != grouped[:-1]])
    turn = np.empty(len(ordered), np.intp)
    turn[by_cell] = np.arange(len(ordered)) - np.repeat(starts, np.diff(np.r_[starts, len(ordered)]))
    spread: Positions = ordered[np.argsort(turn, kind="stable")]
    return spread


def woven(wanted: Positions, others: Sequence[tuple[Positions, Kind]], *, size: int) -> tuple[Positions, list[Kind]]:
    """`wanted` in order, with each of the others at the centres of as many equal parts of the ranks left."""
    order = np.empty(size, np.intp)
    kinds: list[Kind] = ["uncertainty"] * size
    free = np.arange(size)
    for tiles, kind in others:
        places = free[_even_positions(len(tiles), len(free))]
        order[places] = tiles
        for place in places:
            kinds[int(place)] = kind
        free = np.setdiff1d(free, places, assume_unique=True)
    order[free] = wanted
    return order, kinds


def _even_positions(count: int, size: int) -> Positions:
    """Centres of `count` equal parts of 0 … size - 1."""
    return np.floor((np.arange(count) + 0.5) * size / max(count, 1)).astype(np.intp)


def check_round(candidates: Candidates, first: NDArray[np.bool_], mix: Mix, batch_size: int) -> None:
    """Refuse options out of range. Raises: InvalidScores."""
    if first.dtype != np.bool_ or first.shape != (len(candidates),):
        raise InvalidScores(f"The mask {first.dtype} {first.shape}: expected bool ({len(candidates)},).")
    shares = (mix.random, mix.suspects)
    if not all(0 <= share <= 1 for share in shares) or sum(shares) > 1:
        raise InvalidScores(f"Shares {shares}: each from 0 to 1, together 1 at most.")
    if batch_size < 1 or mix.spatial_cell_tiles < 1:
        raise InvalidScores(
            f"batch_size {batch_size}, spatial_cell_tiles {mix.spatial_cell_tiles}: expected 1 or more."
        )
