"""From small segments to large ones: neighbours that look most alike are joined first, until few enough are left.

Large segments made so are unions of small ones, follow the edges of what is seen, and are as large as what they show:
one for a field, one for a roof. Scale by scale this is region merging as in object-based image analysis.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Looks = NDArray[np.float64]

#: How much the look of two pieces must differ in any case, squared: pieces that are equal join by their sizes.
_LEAST_DIFFERENCE = 0.5
#: Pieces that share much border for their size join before those that barely touch.
_BORDER_POWER = 0.7
_LEAST_BORDER = 0.2


@dataclass(frozen=True, slots=True)
class Borders:
    """Which pieces touch: `length[k]` pixel sides from `piece[k]` to `neighbour[k]`; each pair in both directions."""

    piece: Labels
    neighbour: Labels
    length: Labels

    @classmethod
    def gathered(cls, piece: Labels, neighbour: Labels, length: Labels, *, count: int) -> Borders:
        """Lengths of one pair summed; what lies inside a piece is no border."""
        between = piece != neighbour
        keys, inverse = np.unique(piece[between] * count + neighbour[between], return_inverse=True)
        summed = np.bincount(inverse, weights=length[between], minlength=keys.size).astype(np.int64)
        first, second = np.divmod(keys, count)
        return cls(first, second, summed)

    @classmethod
    def of(cls, pieces: Labels) -> Borders:
        """The borders in a raster of pieces."""
        before = np.concatenate([pieces[:, :-1].ravel(), pieces[:-1].ravel()])
        after = np.concatenate([pieces[:, 1:].ravel(), pieces[1:].ravel()])
        between = before != after
        before, after = before[between], after[between]
        both = np.concatenate([before, after]), np.concatenate([after, before])
        return cls.gathered(*both, np.ones(2 * before.size, dtype=np.int64), count=int(pieces.max()) + 1)


@dataclass(frozen=True, slots=True)
class SegmentTree:
    """The order in which pieces join, each time the second of a pair into the first."""

    count: int
    joins: tuple[tuple[int, int], ...]

    def owners(self, wanted: int) -> Labels:
        """Which piece each one belongs to once `wanted` are left: int64 (count,), each the number of a piece.

        More than `wanted` are left where no more could join.
        """
        owner = list(range(self.count))
        for into, joined in self.joins[: max(0, self.count - wanted)]:
            owner[joined] = into
        for piece in range(self.count):
            root = piece
            while owner[root] != root:
                root = owner[root]
            owner[piece] = root
        return np.asarray(owner, dtype=np.int64)


def segment_tree(borders: Borders, *, sizes: Labels, looks: Looks, kinds: NDArray[np.bool_]) -> SegmentTree:
    """Join neighbouring pieces, the pair that costs least first, until none is left to join.

    A pair costs the squared difference of its mean looks, weighed by its sizes as in Ward's criterion: what joining
    them adds to the variance within pieces. The cost falls with the share of the smaller one's outline that they share.

    Args:
        borders: of pieces 0 … n − 1.
        sizes: int64 (n,), pixels. looks: float64 (n, k), the mean look of each piece, in comparable units.
        kinds: bool (n,); pieces of different kinds never join.

    Source: Ward 1963 (doi 10.1080/01621459.1963.10500845), over neighbouring regions as in Baatz and Schäpe 2000.
    """
    size, look = sizes.tolist(), looks.tolist()
    touching: list[dict[int, int]] = [{} for _ in size]
    for piece, neighbour, length in zip(
        borders.piece.tolist(), borders.neighbour.tolist(), borders.length.tolist(), strict=True
    ):
        if kinds[piece] == kinds[neighbour]:
            touching[piece][neighbour] = length

    def cost(a: int, b: int) -> float:
        weight = size[a] * size[b] / (size[a] + size[b])
        difference = _LEAST_DIFFERENCE + sum((x - y) ** 2 for x, y in zip(look[a], look[b], strict=True))
        shared = touching[a][b] / min(size[a], size[b]) ** 0.5
        return float(weight * difference / (_LEAST_BORDER + shared) ** _BORDER_POWER)

    changes = [0] * len(size)
    waiting = [(cost(a, b), a, b, 0, 0) for a, near in enumerate(touching) for b in near if a < b]
    heapq.heapify(waiting)
    joins = []
    while waiting:
        _cost, a, b, a_then, b_then = heapq.heappop(waiting)
        if changes[a] != a_then or changes[b] != b_then:
            continue
        joins.append((a, b))
        both = size[a] + size[b]
        look[a] = [(x * size[a] + y * size[b]) / both for x, y in zip(look[a], look[b], strict=True)]
        size[a] = both
        changes[a] += 1
        changes[b] = -1  # gone: no pair that names it counts any more
        _hand_over(touching, b, to=a)
        for near in touching[a]:
            heapq.heappush(waiting, (cost(a, near), a, near, changes[a], changes[near]))
    return SegmentTree(count=len(size), joins=tuple(joins))


def _hand_over(touching: list[dict[int, int]], gone: int, *, to: int) -> None:
    """Give the borders of a piece that has joined another one to that one."""
    touching[to].pop(gone)
    for near, length in touching[gone].items():
        if near == to:
            continue
        touching[near].pop(gone)
        touching[near][to] = touching[to][near] = touching[to].get(near, 0) + length
    touching[gone] = {}
