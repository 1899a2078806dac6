"""What was drawn, through its changes, and the comparison with what is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Point = tuple[int, int]
Ring = tuple[Point, ...]


def ring_of(points: Iterable[Sequence[int]]) -> Ring:
    """The ring told from its least corner on, towards the lesser neighbour: the same for the same ring."""
    corners = [(int(x), int(y)) for x, y in points]
    least = corners.index(min(corners))
    onward = corners[least:] + corners[:least]
    return tuple(min(onward, [onward[0], *reversed(onward[1:])]))


@dataclass(frozen=True, slots=True)
class Shape:
    """A class, an outer ring, and holes in any order."""

    code: str
    rings: tuple[Ring, ...]

    @classmethod
    def of(cls, code: str, rings: Iterable[Iterable[Sequence[int]]]) -> Shape:
        outer, *holes = (ring_of(ring) for ring in rings)
        return cls(code, (outer, *sorted(holes)))


@dataclass(eq=False, slots=True)
class Piece:
    """One shape from when it was drawn on.

    "drawn": counted among those drawn. "extra": drawn to be deleted. "elsewhere": saved by another page.
    """

    kind: Literal["drawn", "extra", "elsewhere"]
    #: As it must be stored; None once it is deleted.
    shape: Shape | None
    #: As it was before each change, oldest first.
    before: list[Shape] = field(default_factory=list)
    #: What was happening when it was drawn.
    during: str = ""
    #: Its changes in words.
    story: list[str] = field(default_factory=list)

    @property
    def now(self) -> Shape:
        assert self.shape is not None, "it is deleted"
        return self.shape

    def become(self, shape: Shape | None) -> None:
        self.before.append(self.now)
        self.shape = shape

    def turn_back(self) -> None:
        """The last change is undone."""
        self.shape = self.before.pop()


@dataclass(frozen=True, slots=True)
class Comparison:
    #: Not stored as they must be, or deleted and still there.
    lost: list[Piece]
    #: Stored shapes that are none of those wanted: there twice, or in a state that is over.
    left: list[Shape]

    @property
    def surplus(self) -> int:
        return len(self.left)

    def words(self) -> list[str]:
        """Each shape that is lost, what was done to it, and what is there that nobody wants."""
        told = [
            f"lost: {piece.kind} ({piece.during or 'no fault'}), {piece.story}: {piece.shape}" for piece in self.lost
        ]
        return told + [f"not wanted: {shape}" for shape in self.left]


def compare(pieces: Sequence[Piece], features: Iterable[dict[str, Any]]) -> Comparison:
    """What became of each piece in what the server has: class and all rings, exactly."""
    stored = Counter(Shape.of(feature["class_code"], feature["rings"]) for feature in features)
    lost = []
    for piece in pieces:
        if piece.shape is None:
            continue
        if stored[piece.shape] > 0:
            stored[piece.shape] -= 1
        else:
            lost.append(piece)
    lost += [piece for piece in pieces if piece.shape is None and any(stored[was] > 0 for was in piece.before)]
    return Comparison(lost, list(stored.elements()))
