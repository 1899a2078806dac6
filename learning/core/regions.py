"""Parts of tiles: which of them a round asks for (docs/adr/0035). numpy only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning.core.acquisition import Acquisition, Candidates, ConfidentErrors, Positions
from learning.core.rounds import Kind, Mix, check_round, spread, with_known, woven
from learning.errors import InvalidPredictionGrid

PARTS = 4  # a side of a tile; their squares are what somebody may be asked to draw
MOST_PARTS = 4  # of a tile's sixteen that one person is asked for at once
LEAST_PART_PX = 32  # the coarsest stage of every encoder sees one cell there

Window = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class RankedParts:
    """One tile of a batch with what is asked for of it; rank 0 is asked first.

    Args:
        parts: (row, column) of each part within the tile, the most wanted first.
        probability: for "random" tiles, the chance that every tile had of being drawn, as in rounds.RankedTile.
    """

    row: int
    col: int
    kind: Kind
    parts: tuple[tuple[int, int], ...]
    probability: float | None
    rank: int

    def windows(self, part_px: int) -> tuple[Window, ...]:
        """The parts as (column, row, width, height) in pixels of the tile."""
        return tuple((col * part_px, row * part_px, part_px, part_px) for row, col in self.parts)


def check_parts(tile_px: int, parts: int) -> None:
    """Refuse tiles that cannot be told apart in so many. Raises: InvalidPredictionGrid."""
    if parts == 1:
        return
    if parts < 1 or tile_px % parts or tile_px // parts < LEAST_PART_PX:
        raise InvalidPredictionGrid(
            f"Tiles of {tile_px} px cannot be asked for in {parts} × {parts} parts: a part needs a whole number of "
            f"pixels, {LEAST_PART_PX} at least. Ask for whole tiles, or open a campaign with tiles of "
            f"{parts * LEAST_PART_PX} px or more."
        )


def rank_parts(
    candidates: Candidates,
    *,
    acquisition: Acquisition,
    mix: Mix,
    batch_size: int,
    rng: np.random.Generator,
    parts: int = PARTS,
    most: int = MOST_PARTS,
    first: NDArray[np.bool_] | None = None,
) -> tuple[RankedParts, ...]:
    """Choose and order the parts of an acquisition round: as rounds.rank_tiles does, but that a part is a candidate.

    The function ranks parts, `most` times as many as tiles are wanted. A tile comes at the rank of its best part and is
    asked for those of its parts that were ranked, `most` at most. Tiles drawn at random are drawn as whole tiles are,
    each with the same, logged probability, and asked for `most` of their parts, drawn as well: what chance chooses
    costs people what the function's choice does.

    Args:
        candidates: parts; their rows and columns are those of parts in the campaign's grid.
        batch_size: tiles wanted.
        first: bool (part,), candidates whose kind is "area": they come first; default none.
    Returns: the batch in rank order, shorter where there are fewer tiles.
    Raises:  InvalidScores: an option out of range, or a mask that does not fit.
    """
    is_first = np.zeros(len(candidates), np.bool_) if first is None else first
    check_round(candidates, is_first, mix, batch_size)
    usable = np.flatnonzero(np.isfinite(candidates.mean_doubt))
    tile_of, places = _tiles(candidates, usable, parts=parts)
    size = min(batch_size, len(places))
    n_random, n_suspects = mix.counts(size)
    choice = _Choice(candidates, tile_of, most=most, every=parts**2)
    by_tile = usable[np.argsort(tile_of[usable], kind="stable")]
    starts = np.searchsorted(tile_of[by_tile], np.arange(len(places) + 1))
    drawn = rng.choice(len(places), n_random, replace=False).astype(np.intp)
    for tile in drawn:
        choice.take(rng.permutation(by_tile[starts[tile] : starts[tile + 1]]), tiles=1, kind="random")
    if mix.has_evidence(candidates):
        evidence = ConfidentErrors(by_looks=mix.by_looks)
        choice.rank(evidence, choice.left(usable), tiles=n_suspects, kind="suspect", rng=rng)
    groups: tuple[tuple[Positions, Kind], ...] = (
        (usable[is_first[usable]], "area"), (usable[~is_first[usable]], "uncertainty"),
    )  # fmt: skip
    cell = mix.spatial_cell_tiles * parts if mix.spatial_cell_tiles > 1 else 1
    for group, kind in groups:
        choice.rank(acquisition, choice.left(group), tiles=size - len(choice.asked), kind=kind, rng=rng, cell=cell)
    return choice.in_order(places, parts=parts, probability=n_random / max(len(places), 1))


def _tiles(candidates: Candidates, usable: Positions, *, parts: int) -> tuple[Positions, NDArray[np.intp]]:
    """Number of each part's tile, int (part,), -1 where it cannot be asked for; row and column of each tile."""
    rows, cols = candidates.row[usable] // parts, candidates.col[usable] // parts
    across = int(cols.max(initial=0)) + 1
    keys, numbers = np.unique(rows * across + cols, return_inverse=True)
    tile_of = np.full(len(candidates), -1, np.intp)
    tile_of[usable] = numbers
    return tile_of, np.stack(np.divmod(keys, across), axis=1)


class _Choice:
    """What was chosen so far: tiles in order, each with its parts."""

    def __init__(self, candidates: Candidates, tile_of: Positions, *, most: int, every: int) -> None:
        self.candidates, self.tile_of, self.most, self.every = candidates, tile_of, most, every
        self.asked: dict[int, list[int]] = {}
        self.kinds: dict[int, Kind] = {}

    def left(self, group: Positions) -> Positions:
        """Parts of a group that lie in no tile chosen so far."""
        kept: Positions = group[~np.isin(self.tile_of[group], list(self.asked))]
        return kept

    def take(self, ordered: Iterable[int], *, tiles: int, kind: Kind) -> None:
        """The first tiles of an order of parts, each with the first of its parts."""
        new: dict[int, list[int]] = {}
        for part in ordered:
            tile = int(self.tile_of[part])
            if tile in new or len(new) < tiles:
                new.setdefault(tile, [])
                if len(new[tile]) < self.most:
                    new[tile].append(int(part))
        self.asked |= new
        self.kinds |= dict.fromkeys(new, kind)

    def rank(
        self,
        function: Acquisition,
        group: Positions,
        *,
        tiles: int,
        kind: Kind,
        rng: np.random.Generator,
        cell: int = 1,
    ) -> None:
        """Tiles in the order in which a function wants their parts."""
        if tiles < 1 or len(group) == 0:
            return
        taken = np.array([part for parts in self.asked.values() for part in parts], np.intp)
        # What is asked for has no label yet that a suspect could contradict.
        known = self.candidates if kind == "suspect" else with_known(self.candidates, taken)
        seen = known.at(group)
        of_ground = tiles * (4 if cell > 1 else 1)  # one cell may hold all that is wanted most
        for per_tile in (self.most, self.every):  # and few tiles: all of their parts are enough
            ordered = group[function(seen, count=of_ground * per_tile, rng=rng)]
            if len(np.unique(self.tile_of[ordered])) >= tiles or len(ordered) < of_ground * per_tile:
                break
        self.take(spread(self.candidates, ordered, cell=cell), tiles=tiles, kind=kind)

    def in_order(self, places: NDArray[np.intp], *, parts: int, probability: float) -> tuple[RankedParts, ...]:
        """The batch: what was drawn and suspects at evenly spaced ranks among the rest."""
        by_kind = {kind: [tile for tile in self.asked if self.kinds[tile] == kind] for kind in ("random", "suspect")}
        wanted = np.array([tile for tile in self.asked if self.kinds[tile] not in by_kind], np.intp)
        others: list[tuple[Positions, Kind]] = [
            (np.array(by_kind["random"], np.intp), "random"), (np.array(by_kind["suspect"], np.intp), "suspect"),
        ]  # fmt: skip
        order, _kinds = woven(wanted, others, size=len(self.asked))
        ranked = []
        for rank, tile in enumerate(order.tolist()):
            asked, kind = self.asked[tile], self.kinds[tile]
            within = [(int(self.candidates.row[p]) % parts, int(self.candidates.col[p]) % parts) for p in asked]
            ranked.append(
                RankedParts(
                    row=int(places[tile, 0]),
                    col=int(places[tile, 1]),
                    kind=kind,
                    parts=tuple(within),
                    probability=probability if kind == "random" else None,
                    rank=rank,
                )
            )
        return tuple(ranked)
