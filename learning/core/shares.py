"""No one person makes more than a share of what a class is learnt from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MOST = 0.25  # of a class, by area, where eight people or more label it
EQUAL_SHARES = 2.0  # where fewer do, as many equal shares: half of it where four do
FEWEST_PEOPLE = 4  # below, nobody is held back: there is too little without them
SUBSTANTIAL = 0.05  # of a class: whoever labelled less is not counted as one of its people
_ROUNDING = 1e-9  # of a class: areas are sums, and exactly at the cap is not above it

Key = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one person's labels of one tile hold: area by class code, in any one unit."""

    key: Key
    person: int
    area: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A person who labelled more of a class than one may: their share before, and the most that is learnt from."""

    class_code: str
    person: int
    share: float
    most: float


@dataclass(frozen=True, slots=True)
class Capped:
    """Contributions to leave out, by key, and why."""

    left_out: tuple[Key, ...]
    held_back: tuple[HeldBack, ...]


def cap_shares(contributions: Sequence[Contribution]) -> Capped:
    """Contributions to leave out so that no person's part of any class is above what one may have.

    A class has a cap where at least FEWEST_PEOPLE people labelled SUBSTANTIAL of it or more: MOST, or EQUAL_SHARES
    equal shares where that is more. Whole contributions are left out, since half a tile would teach where its other
    half ends; which of a person's, the hash of their keys decides, so that nobody chooses. Leaving one out changes
    other classes too: it is gone over until nobody is above. The same contributions in any order give the same answer.
    """
    kept = {one.key: one for one in sorted(contributions, key=lambda one: _order(one.key))}
    caps = _caps(kept.values())
    left_out: list[Key] = []
    held_back: dict[tuple[str, int], HeldBack] = {}
    again = True
    while again:
        again = False
        for class_code, most in caps.items():
            areas = _areas(kept.values(), class_code)
            for person in sorted(areas, key=lambda one: (-areas[one], one)):
                total = sum(areas.values())
                if areas[person] <= (most + _ROUNDING) * total:
                    continue
                held_back.setdefault((class_code, person), HeldBack(class_code, person, areas[person] / total, most))
                room = (total - areas[person]) * most / (1 - most)
                excess = areas[person] - room - _ROUNDING * total
                for key in _to_leave_out(kept.values(), class_code, person, excess):
                    areas[person] -= kept.pop(key).area[class_code]
                    left_out.append(key)
                again = True
    reasons = sorted(held_back.values(), key=lambda one: (one.class_code, one.person))
    return Capped(left_out=tuple(sorted(left_out)), held_back=tuple(reasons))


def _caps(contributions: Iterable[Contribution]) -> dict[str, float]:
    every_one = list(contributions)
    caps = {}
    for class_code in sorted({code for one in every_one for code in one.area}):
        areas = _areas(every_one, class_code)
        total = sum(areas.values())
        people = sum(area >= (SUBSTANTIAL - _ROUNDING) * total for area in areas.values()) if total > 0 else 0
        if people >= FEWEST_PEOPLE:
            caps[class_code] = max(MOST, EQUAL_SHARES / people)
    return caps


def _areas(contributions: Iterable[Contribution], class_code: str) -> dict[int, float]:
    areas: dict[int, float] = {}
    for one in contributions:
        area = one.area.get(class_code, 0.0)
        if area > 0:
            areas[one.person] = areas.get(one.person, 0.0) + area
    return areas


def _to_leave_out(contributions: Iterable[Contribution], class_code: str, person: int, excess: float) -> list[Key]:
    chosen: list[Key] = []
    for one in contributions:
        area = one.area.get(class_code, 0.0)
        if one.person != person or area <= 0:
            continue
        if excess <= 0:
            break
        chosen.append(one.key)
        excess -= area
    return chosen


def _order(key: Key) -> bytes:
    return hashlib.sha256(repr(key).encode()).digest()
