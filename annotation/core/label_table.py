"""Codes that labels may have: the classes that a model tells apart, and those above them that leave several open.

Somebody may know that a place is woody and not of which kind. In a label raster values 1 to n are the finest classes,
and n + 1, n + 2, … the broader ones, in the order of their table; such numbers exist beside their table only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Broader = tuple[tuple[int, ...], ...]
"""For each broader code, the places in the class codes of the classes that it leaves open, ascending."""


@dataclass(frozen=True, slots=True)
class LabelTable:
    """Which codes labels may have.

    Args:
        class_codes: what a model tells apart: classes that people may choose and that no other of these refines.
        broader: codes above them, with the class codes each leaves open.
    """

    class_codes: tuple[str, ...]
    broader: Mapping[str, tuple[str, ...]]

    @property
    def values(self) -> dict[str, int]:
        """Raster value by code."""
        return {code: value for value, code in enumerate((*self.class_codes, *self.broader), start=1)}

    @property
    def places(self) -> Broader:
        """For each broader code, the places of its classes in the class codes."""
        return tuple(tuple(self.class_codes.index(code) for code in under) for under in self.broader.values())


def label_table(codes: Sequence[str], *, parents: Mapping[str, str | None]) -> LabelTable:
    """Part the codes that people may choose into what a model tells apart and what leaves open which of these it is.

    Args: codes: in the nomenclature's order. parents: of every class of the nomenclature, None at the top.
    """
    above = {code: _ancestors(code, parents) for code in codes}
    refined = {ancestor for line in above.values() for ancestor in line}
    finest = tuple(code for code in codes if code not in refined)
    return LabelTable(
        finest, {code: tuple(fine for fine in finest if code in above[fine]) for code in codes if code in refined}
    )


def _ancestors(code: str, parents: Mapping[str, str | None]) -> tuple[str, ...]:
    line: list[str] = []
    parent = parents[code]
    while parent is not None:
        line.append(parent)
        parent = parents[parent]
    return tuple(line)
