"""How long a tile takes to label, told from how long others took. numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ENOUGH_TIMED = 20  # labelled tiles below which nothing is told from them
MOST_TIMED = 1_000  # of more, the median over their pairs would take longer than it is worth
LEAST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Effort:
    """Seconds to label a tile: a part that every tile takes, and one for each border pixel (see edges.EdgeCount)."""

    base_s: float
    per_edge_s: float

    def seconds(self, edges: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        """Expected seconds of tiles with so many border pixels, LEAST_SECONDS at least."""
        expected: NDArray[np.float64] = self.base_s + self.per_edge_s * np.asarray(edges, np.float64)
        return np.maximum(expected, LEAST_SECONDS)


def fit_effort(edges: NDArray[np.integer[Any]], seconds: NDArray[np.floating[Any]]) -> Effort | None:
    """Robust line through labelled tiles: a tile left open over lunch moves neither number.

    The slope is the median over all pairs of tiles, the base the median of what is left; a slope below zero, which
    chance can give, is taken for zero.

    Args:    edges: (tile,), border pixels of each in the map. seconds: (tile,), what its label took.
    Returns: None with fewer than ENOUGH_TIMED tiles, or where all have the same number of edges: how long a tile takes
             is then not known, and must not count.
    Source:  Theil 1950; Sen 1968 (J. Am. Stat. Assoc. 63).
    """
    x, y = np.asarray(edges[:MOST_TIMED], np.float64), np.asarray(seconds[:MOST_TIMED], np.float64)
    if len(x) < ENOUGH_TIMED:
        return None
    first, second = np.triu_indices(len(x), k=1)
    apart = x[second] - x[first]
    differ = apart != 0
    if not differ.any():
        return None
    slope = max(0.0, float(np.median((y[second] - y[first])[differ] / apart[differ])))
    return Effort(base_s=float(np.median(y - slope * x)), per_edge_s=slope)
