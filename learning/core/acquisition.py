"""Which tiles to ask people about next: a batch, chosen and ranked. numpy only.

An acquisition function sees what the map says of every tile that a round may ask for (`Candidates`) and names the ones
it wants, best first. A round (learning.core.rounds) mixes one with tiles drawn at random and with tiles that may be
confidently wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from learning.core.diversity import Embeddings, farthest_first, typicality
from learning.errors import InvalidScores, UnknownAcquisition

Positions = NDArray[np.intp]

SHORT_LIST = 10_000  # tiles among which a varied choice is made: the most doubtful of perhaps millions
SHORT_LIST_FACTOR = 10  # and never fewer than so many times the tiles wanted
NEIGHBOURS = 5
ENOUGH_KNOWN = 100  # labelled tiles below which the nearest of them are too far away to contradict a map
LEAST_CONTRADICTED = 0.01  # of a tile; where two vintages differ on less of it, that is no evidence
_LEAST_SHARE = 0.01  # a class with less of the map than this weighs no more than one with this


@dataclass(frozen=True, slots=True)
class Candidates:
    """What is known of the tiles a round may ask for, one row each, and of those that are labelled.

    Args:
        row, col: int (tile,).
        doubt: float (tile, class): the model's doubt, mean over the tile's pixels of those predicted as each class,
            so that it sums over the classes to the tile's mean doubt. NaN in tiles without imagery.
        share: float (tile, class): part of the tile predicted as each class.
        embedding: float32 (tile, dimension), what each tile looks like; None where the map has none.
        known_embedding: float32 (labelled tile, dimension). known_share: float (labelled tile, class), of the labels.
        seconds: (tile,), what labelling each is expected to take (see effort.Effort); None = all alike.
        contradicted: (tile,), share on which another vintage's map says otherwise (see other_vintage), NaN where there
            is nothing to compare; None = no other vintage.

    Raises: InvalidScores: shapes that do not fit together.
    """

    row: Positions
    col: Positions
    doubt: NDArray[np.floating[Any]]
    share: NDArray[np.floating[Any]]
    embedding: Embeddings | None = None
    known_embedding: Embeddings | None = None
    known_share: NDArray[np.floating[Any]] | None = None
    seconds: NDArray[np.floating[Any]] | None = None
    contradicted: NDArray[np.floating[Any]] | None = None

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together."""
        n_tiles = len(self.row)
        shapes = {
            "col": self.col.shape == (n_tiles,),
            "doubt": self.doubt.ndim == 2 and len(self.doubt) == n_tiles,
            "share": self.share.shape == self.doubt.shape,
            "embedding": self.embedding is None or (self.embedding.ndim == 2 and len(self.embedding) == n_tiles),
            "known_embedding": self.known_embedding is None
            or (self.embedding is not None and self.known_embedding.shape[1:] == self.embedding.shape[1:]),
            "known_share": self.known_share is None
            or (
                self.known_embedding is not None
                and self.known_share.shape == (len(self.known_embedding), self.doubt.shape[1])
            ),
            "seconds": self.seconds is None or self.seconds.shape == (n_tiles,),
            "contradicted": self.contradicted is None or self.contradicted.shape == (n_tiles,),
        }
        for name, fits in shapes.items():
            if not fits:
                raise InvalidScores(f"{name} of the candidates does not fit {n_tiles} tiles × {self.doubt.shape[1:]}.")

    def __len__(self) -> int:
        return len(self.row)

    @property
    def mean_doubt(self) -> NDArray[np.floating[Any]]:
        """Of each tile, over its pixels: (tile,)."""
        total: NDArray[np.floating[Any]] = self.doubt.sum(axis=1)
        return total

    def at(self, positions: Positions | NDArray[np.bool_]) -> Candidates:
        """Some of them; what is labelled stays."""
        return Candidates(
            row=self.row[positions],
            col=self.col[positions],
            doubt=self.doubt[positions],
            share=self.share[positions],
            embedding=None if self.embedding is None else self.embedding[positions],
            known_embedding=self.known_embedding,
            known_share=self.known_share,
            seconds=None if self.seconds is None else self.seconds[positions],
            contradicted=None if self.contradicted is None else self.contradicted[positions],
        )


class Acquisition(Protocol):
    """The one thing an acquisition function is: candidates in, positions out, the most wanted first.

    Fewer than `count` may come back, none twice. Randomness, also in ties, comes from `rng` alone.
    """

    def __call__(self, candidates: Candidates, *, count: int, rng: np.random.Generator) -> Positions:
        """Choose `count` of the candidates."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """The tiles that are doubted most.

    Args:
        rarity: how much more doubt about a rare class counts: predicted share of the class ** -rarity.
        cost: how much what takes long is put off: divided by seconds ** cost, 0 = not at all, 1 = worth a second.

    Source: Settles 2009 (TR 1648), section 3.1; weighting by class, Cai et al. 2021 (CVPR, class-balanced sampling).
    """

    rarity: float = 0.0
    cost: float = 0.0

    def __call__(self, candidates: Candidates, *, count: int, rng: np.random.Generator) -> Positions:
        """The highest scores, ties at random."""
        return _highest(tile_worth(candidates, rarity=self.rarity, cost=self.cost), count, rng)


@dataclass(frozen=True, slots=True)
class Diversity:
    """Tiles unlike each other and unlike what is labelled, whatever the model thinks of them.

    Source: Sener & Savarese 2018, arXiv:1708.00489 (core-set by farthest-first traversal).
    """

    def __call__(self, candidates: Candidates, *, count: int, rng: np.random.Generator) -> Positions:
        """Farthest first."""
        return _varied(candidates, np.arange(len(candidates)), count=count, weights=None, rng=rng)


@dataclass(frozen=True, slots=True)
class DoubtAndDiversity:
    """Doubtful tiles unlike each other and unlike what is labelled, but like many others.

    One after another, the largest of worth times squared distance times typicality.

    Args:
        rarity, cost: as in Doubt.
        power: of the worth; 0 is Diversity among the doubtful, large is Doubt alone.
        typical: power of the typicality, so that odd tiles are not chosen for being odd; 2 measures distances by those
            that are usual around a tile, 0 does not ask.

    Source: the product follows Ash et al. 2020, arXiv:1906.03671 (BADGE: gradients are long where a model doubts, and
            k-means++ keeps them apart), with the two factors kept apart, so that each can be explained.
    """

    rarity: float = 0.25
    cost: float = 0.0
    power: float = 0.5
    typical: float = 1.0

    def __call__(self, candidates: Candidates, *, count: int, rng: np.random.Generator) -> Positions:
        """Farthest first among a short list, weighted."""
        worth = tile_worth(candidates, rarity=self.rarity, cost=self.cost)
        short = short_list(worth, count=count, rng=rng)
        weights = np.maximum(worth[short], 0) ** self.power
        if candidates.embedding is not None and self.typical > 0:
            weights *= typicality(candidates.embedding[short]) ** self.typical
        return _varied(candidates, short, count=count, weights=weights, rng=rng)


@dataclass(frozen=True, slots=True)
class ConfidentErrors:
    """Tiles where the model is sure, and something speaks against it.

    A model's doubt cannot show what it is wrongly sure of. Evidence is the share of a tile on which the map of another
    vintage contradicts this one (LEAST_CONTRADICTED or more), and with `by_looks`, how far the predicted classes are
    from the labels of the labelled tiles that look most like the tile (see disagreement), once ENOUGH_KNOWN are
    labelled. Suspicion is the strongest evidence there is, times how sure the model is.

    Args: by_looks: whether looks are evidence. Off by default: on real imagery they cost more labels than they saved
              (docs/adr/0030).

    Source: nearest neighbours of an embedding as a second opinion, Papernot & McDaniel 2018, arXiv:1803.04765.
    """

    by_looks: bool = False

    def __call__(self, candidates: Candidates, *, count: int, rng: np.random.Generator) -> Positions:
        """The highest suspicion first; none without evidence."""
        known = candidates.known_embedding
        told = self.by_looks and known is not None and len(known) >= ENOUGH_KNOWN
        evidence = [_told(candidates.contradicted), disagreement(candidates) if told else None]
        found = [np.asarray(one, np.float64) for one in evidence if one is not None]
        if not found:
            return np.empty(0, np.intp)
        suspicion: NDArray[np.float64] = np.fmax.reduce(found)  # NaN where there is no evidence of any kind
        doubt = candidates.mean_doubt
        highest = float(doubt.max(initial=0))
        sure = 1 - doubt / highest if highest > 0 else np.ones(len(doubt))
        suspicion = suspicion * sure
        order = _descending(suspicion, rng)
        return order[suspicion[order] > 0][:count]


@dataclass(frozen=True, slots=True)
class AtRandom:
    """Every candidate with the same chance: what every other function has to beat."""

    def __call__(self, candidates: Candidates, *, count: int, rng: np.random.Generator) -> Positions:
        """Drawn without replacement."""
        drawn: Positions = rng.choice(len(candidates), min(count, len(candidates)), replace=False).astype(np.intp)
        return drawn


ACQUISITIONS: dict[str, Acquisition] = {
    "entropy": Doubt(),
    "rare_doubt": Doubt(rarity=0.5),
    "diversity": Diversity(),
    "doubt_and_diversity": DoubtAndDiversity(),
    "random": AtRandom(),
}
DEFAULT = "doubt_and_diversity"


def acquisition_named(name: str, *, cost: float = 0.0) -> Acquisition:
    """The function a policy names, with what it makes of costs, where it is one that does (see heeds_cost).

    Raises: UnknownAcquisition.
    """
    if name not in ACQUISITIONS:
        known = ", ".join(sorted(ACQUISITIONS))
        raise UnknownAcquisition(f"Acquisition function {name!r} is unknown; choose one of: {known}.")
    function = ACQUISITIONS[name]
    return replace(function, cost=cost) if isinstance(function, Doubt | DoubtAndDiversity) else function


def heeds_cost(name: str) -> bool:
    """Whether what a tile costs can matter to this function."""
    return isinstance(acquisition_named(name), Doubt | DoubtAndDiversity)


def tile_worth(candidates: Candidates, *, rarity: float, cost: float) -> NDArray[np.float64]:
    """What each tile is expected to teach: its doubt, by class, times what the class weighs, over what it costs.

    Classes weigh (share of all candidates' ground) ** -rarity, scaled so that the average pixel weighs 1.
    Returns: float64 (tile,), NaN where the doubt is.
    """
    share = np.nan_to_num(np.asarray(candidates.share, np.float64))
    ground = share.sum(axis=0)
    frequency = ground / ground.sum() if ground.sum() > 0 else np.full(len(ground), 1 / max(len(ground), 1))
    weights = np.maximum(frequency, _LEAST_SHARE) ** -rarity
    weights /= (weights * frequency).sum()
    worth: NDArray[np.float64] = np.asarray(candidates.doubt, np.float64) @ weights
    if candidates.seconds is not None and cost > 0:
        worth /= np.maximum(candidates.seconds, 1) ** cost
    return worth


def short_list(worth: NDArray[np.float64], *, count: int, rng: np.random.Generator) -> Positions:
    """The tiles of the highest worth, among which a varied choice of `count` is made; ties at random."""
    return _highest(worth, max(SHORT_LIST, SHORT_LIST_FACTOR * count), rng)


def disagreement(candidates: Candidates) -> NDArray[np.float64] | None:
    """How far each tile's predicted classes are from the labels of what looks most like it: (tile,), from 0 to 1.

    The NEIGHBOURS labelled tiles nearest in the embedding; total variation distance of the class shares. None where
    nothing is labelled or the map has no embedding.
    """
    known, labels = candidates.known_embedding, candidates.known_share
    if candidates.embedding is None or known is None or labels is None or len(known) == 0:
        return None
    count = min(NEIGHBOURS, len(known))
    result = np.empty(len(candidates))
    lengths = np.einsum("ij,ij->i", known, known)
    for start in range(0, len(candidates), 4096):
        part = np.s_[start : start + 4096]
        squared = lengths[None, :] - 2 * (candidates.embedding[part] @ known.T)  # but for what is the tile's own
        nearest = np.argpartition(squared, count - 1, axis=1)[:, :count]
        result[part] = 0.5 * np.abs(candidates.share[part] - labels[nearest].mean(axis=1)).sum(axis=1)
    return result


def _told(contradicted: NDArray[np.floating[Any]] | None) -> NDArray[np.float64] | None:
    """What another vintage says against each tile; NaN where it is too little to send somebody there."""
    if contradicted is None:
        return None
    share = np.asarray(contradicted, np.float64)
    return np.where(share >= LEAST_CONTRADICTED, share, np.nan)


def _varied(
    candidates: Candidates,
    positions: Positions,
    *,
    count: int,
    weights: NDArray[np.float64] | None,
    rng: np.random.Generator,
) -> Positions:
    """Farthest first among some candidates; without embeddings in the order given."""
    if candidates.embedding is None:
        return positions[:count] if weights is not None else rng.permutation(positions)[:count]
    known = candidates.known_embedding
    chosen = farthest_first(candidates.embedding[positions], count=count, taken=known, weights=weights)
    return positions[chosen]


def _descending(values: NDArray[np.floating[Any]], rng: np.random.Generator) -> Positions:
    """Positions by value, highest first, ties at random; what is not finite is left out."""
    shuffled = rng.permutation(np.flatnonzero(np.isfinite(values)))
    order: Positions = shuffled[np.argsort(-values[shuffled], kind="stable")]
    return order


def _highest(values: NDArray[np.floating[Any]], count: int, rng: np.random.Generator) -> Positions:
    """The first `count` of _descending, without putting all the others in order."""
    finite = np.flatnonzero(np.isfinite(values))
    if 0 < count < len(finite):
        least = np.partition(values[finite], len(finite) - count)[len(finite) - count]
        finite = finite[values[finite] >= least]  # with all that tie for the last place
    kept = np.full(len(values), np.nan)
    kept[finite] = values[finite]
    return _descending(kept, rng)[:count]
