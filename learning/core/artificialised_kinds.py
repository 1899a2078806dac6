"""Kinds of ground on a map of artificialised ground: class, usage, state and criterion in one number. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from learning.core.artificialisation import CRITERIA, NO_IMAGERY, NOT_EXTRACTION, ArtificialisationRule
from learning.errors import TooManyKinds

_USAGES, _STATES, _CRITERIA = 32, 4, 8
N_KEYS = 256 * _USAGES * _STATES * _CRITERIA
MOST_KINDS = 255  # raster values


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of ground: raster values of its class, usage and state, and the criterion's code."""

    class_value: int
    usage_value: int
    state: int
    criterion: str


@dataclass(slots=True)
class Kinds:
    """The kinds met so far, in the order in which blocks first had them, and their pixels.

    Args: covers: code of the cover of each class of the map, in its order; None: none.
    """

    covers: Sequence[str | None]
    rule: ArtificialisationRule
    order: list[int] = field(default_factory=list)
    pixels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(N_KEYS, np.int64))
    _values: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(N_KEYS, np.uint8))

    @staticmethod
    def keys(
        classes: NDArray[np.uint8], usage: NDArray[np.uint8], state: NDArray[np.uint8], criterion: NDArray[np.uint8]
    ) -> NDArray[np.int64]:
        """Number of each pixel's kind, int64 (row, col); 0 where there is no imagery."""
        keys = ((classes.astype(np.int64) * _USAGES + usage) * _STATES + state) * _CRITERIA + criterion
        keys[state == NO_IMAGERY] = 0
        return keys

    @staticmethod
    def pixels_of(keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Pixels of each kind, int64 (N_KEYS,)."""
        return np.bincount(keys.ravel(), minlength=N_KEYS).astype(np.int64)

    def count(self, keys: NDArray[np.int64]) -> None:
        """Count a block. Raises: TooManyKinds."""
        found = self.pixels_of(keys)
        self.pixels += found
        new = [int(key) for key in np.flatnonzero(found) if key and not self._values[key]]
        if len(self.order) + len(new) > MOST_KINDS:
            raise TooManyKinds(
                f"The map has more than {MOST_KINDS} combinations of cover, usage and criterion: make it of a part of "
                "the layer, or import usage with fewer codes."
            )
        for key in new:
            self.order.append(key)
            self._values[key] = len(self.order)

    def values(self, keys: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Raster value of each pixel's kind, from 1 in `order`; 0 where there is no imagery."""
        found: NDArray[np.uint8] = self._values[keys]
        return found

    def kind(self, key: int) -> tuple[str, str, Kind]:
        """The codes of cover and usage, empty where nothing is known, and the kind."""
        found = kind_of(key)
        cover = self.covers[found.class_value - 1] or ""
        known = 1 <= found.usage_value <= len(self.rule.usages)
        return cover, self.rule.usages[found.usage_value - 1] if known else "", found

    def rows(self, pixels: NDArray[np.int64]) -> list[list[str | int]]:
        """[cover, usage, state, criterion, pixels] of each kind that occurs; kinds of one cover are put together."""
        summed: dict[tuple[str, str, int, str], int] = {}
        for key in np.flatnonzero(pixels[1:]) + 1:
            cover, usage, kind = self.kind(int(key))
            if kind.usage_value == self.rule.anything_but_extraction:
                usage = NOT_EXTRACTION
            place = cover, usage, kind.state, kind.criterion
            summed[place] = summed.get(place, 0) + int(pixels[key])
        return [[*place, count] for place, count in sorted(summed.items())]


def kind_of(key: int) -> Kind:
    """A kind by its number."""
    rest, criterion = divmod(key, _CRITERIA)
    rest, state = divmod(rest, _STATES)
    class_value, usage = divmod(rest, _USAGES)
    return Kind(class_value, usage, state, CRITERIA[criterion])


def kind_distances(order: Sequence[int]) -> NDArray[np.uint8]:
    """How unlike kinds are, uint8 (kind + 1, kind + 1) by raster value: state first, then class, usage, criterion."""
    kinds = [kind_of(key) for key in order]
    table = np.zeros((len(order) + 1, len(order) + 1), np.uint8)
    for weight, name in ((8, "state"), (4, "class_value"), (2, "usage_value"), (1, "criterion")):
        values = np.array([getattr(kind, name) for kind in kinds])
        table[1:, 1:] += np.uint8(weight) * (values[:, None] != values[None, :]).astype(np.uint8)
    return table
