"""How far the shares of classes in new labels have moved from those that a model learnt. numpy, and χ² of scipy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from scipy.special import chdtri

from learning.errors import InvalidEvaluation

LEAST_SHARE = 1e-4  # stands for an absent class: the logarithm of 0 is not to be had
CONFIDENCE = 0.95
MIN_TILES = 5


@dataclass(frozen=True, slots=True)
class Drift:
    """The stability index of class shares, and what chance alone makes of so few tiles.

    Args:
        index: 0 where the shares are equal; by custom 0.1 is small and 0.25 large.
        chance: the index that tiles of unchanged ground stay below 95 times of 100.
        moved_most: the class whose share moved most, from and to what share.
    """

    index: float
    chance: float
    moved_most: str
    share_before: float
    share_after: float


def class_drift(
    learnt: Mapping[str, float], new: Mapping[str, float], *, learnt_tiles: int, new_tiles: int
) -> Drift | None:
    """The population stability index of new labels against those of the last training set.

    Σ (q - p) · ln(q / p) over classes, with p a class's share of what was learnt and q its share of what is new. A tile
    counts as one observation for chance, since its pixels are of one place.

    Args:    learnt, new: ground of each class, in any unit. learnt_tiles, new_tiles: tiles that it lies on.
    Returns: None where there is too little to compare: no ground, fewer than two classes or than five tiles.
    Raises:  InvalidEvaluation: a negative ground.
    Source:  Siddiqi 2006, Credit risk scorecards, chapter 10; Yurdakul & Naranjo 2020 (doi 10.21314/JRMV.2020.227) for
             what chance makes of it, χ² with K - 1 degrees of freedom times (1 / n + 1 / m).
    """
    if min([*learnt.values(), *new.values()], default=0.0) < 0:
        raise InvalidEvaluation(f"Ground below 0 among {dict(learnt)} and {dict(new)}: count it again.")
    codes = sorted(code for code in {*learnt, *new} if learnt.get(code, 0) + new.get(code, 0) > 0)
    whole, whole_new = sum(learnt.values()), sum(new.values())
    if len(codes) < 2 or not whole or not whole_new or min(learnt_tiles, new_tiles) < MIN_TILES:
        return None
    before = {code: learnt.get(code, 0.0) / whole for code in codes}
    after = {code: new.get(code, 0.0) / whole_new for code in codes}
    terms = {code: _term(before[code], after[code]) for code in codes}
    most = max(codes, key=lambda code: terms[code])
    chance = float(chdtri(len(codes) - 1, 1 - CONFIDENCE)) * (1 / learnt_tiles + 1 / new_tiles)
    return Drift(sum(terms.values()), chance, most, before[most], after[most])


def _term(before: float, after: float) -> float:
    p, q = max(before, LEAST_SHARE), max(after, LEAST_SHARE)
    return (q - p) * math.log(q / p)
