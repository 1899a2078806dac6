"""Figures that say: somebody should look at this person's work. They are compared with the campaign's own people.

Each is a question of chance: how likely is this, were the person one of the others? A campaign in which everybody
agrees, labels one class or is quick therefore raises nothing. Chances are divided by the number of questions asked
(Bonferroni), so that a large campaign raises no more false alarms than a small one.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from annotation.core.reliability import Decision, sequential_test

FALSE_ALARM = 0.001  # chance that a whole campaign of honest people raises one alarm of a kind, at one look
GOLD_FALSE_FLAG = 0.003  # at each start of the sequential test
NEARLY_EQUAL = 0.005  # of the ground that either labels: two who draw what they see differ by more along edges
FEWEST_COPIES = 3
FEWEST_TILES = 10
ONE_CLASS = 0.95  # of a tile's labelled ground
MOSTLY = 0.9  # of a person's tiles
FASTER = 4.0  # times the campaign's median
MANY_DEVIATIONS = 4.0  # of robust standard deviations


@dataclass(frozen=True, slots=True)
class LabelPair:
    """Two people's labels of one tile.

    Args:
        differing: share of the ground that either labels on which they do not say the same, 0 to 1.
        classes: how many classes the two gave there. On a tile of one class everybody agrees.
    """

    tile: int
    first: int
    second: int
    differing: float
    classes: int


@dataclass(frozen=True, slots=True)
class Copying:
    """Two people whose labels are nearly equal on more tiles than chance gives.

    Args:
        tiles: tiles of two classes or more that both labelled. nearly_equal: those on which they hardly differ.
        chance: share of nearly equal tiles among all other pairs of the campaign.
        p_value: of that many or more, were they such a pair.
    """

    people: tuple[int, int]
    tiles: tuple[int, ...]
    nearly_equal: int
    chance: float
    p_value: float


def find_copying(pairs: Iterable[LabelPair]) -> list[Copying]:
    """Pairs of people who copy, or are one: most unlikely first.

    Source: the binomial tail, as in plagiarism tests of answers (Wesolowsky 2000, J. Applied Statistics 27(7)).
    """
    telling = [pair for pair in pairs if pair.classes >= 2]
    by_people: dict[tuple[int, int], list[LabelPair]] = {}
    of_person: dict[int, tuple[int, int]] = {}
    for pair in telling:
        people = (min(pair.first, pair.second), max(pair.first, pair.second))
        by_people.setdefault(people, []).append(pair)
        for person in people:
            count, equal = of_person.get(person, (0, 0))
            of_person[person] = (count + 1, equal + _is_equal(pair))
    all_equal = sum(_is_equal(pair) for pair in telling)
    found = []
    for people, shared in by_people.items():
        equal = sum(_is_equal(pair) for pair in shared)
        if equal < FEWEST_COPIES:
            continue
        # Everybody else: without these two, who would hide themselves in what they are compared with.
        ours = [of_person[person] for person in people]
        others = len(telling) - ours[0][0] - ours[1][0] + len(shared)
        others_equal = all_equal - ours[0][1] - ours[1][1] + equal
        chance = (others_equal + 1) / (others + 2)
        p_value = binomial_tail(equal, len(shared), chance)
        if p_value < FALSE_ALARM / len(by_people):
            tiles = tuple(sorted(pair.tile for pair in shared if _is_equal(pair)))
            found.append(Copying(people, tiles, equal, chance, p_value))
    return sorted(found, key=lambda one: (one.p_value, one.people))


def groups_of(copying: Iterable[Copying]) -> list[tuple[int, ...]]:
    """People linked by copying, directly or through others: accounts that may be one person's. Largest group first."""
    root: dict[int, int] = {}

    def find(person: int) -> int:
        root.setdefault(person, person)
        while root[person] != person:
            root[person] = root[root[person]]
            person = root[person]
        return person

    for one in copying:
        first, second = (find(person) for person in one.people)
        root[max(first, second)] = min(first, second)
    groups: dict[int, list[int]] = {}
    for person in sorted(root):
        groups.setdefault(find(person), []).append(person)
    return sorted((tuple(group) for group in groups.values()), key=lambda group: (-len(group), group))


def _is_equal(pair: LabelPair) -> bool:
    return pair.differing <= NEARLY_EQUAL


@dataclass(frozen=True, slots=True)
class OneClass:
    """Somebody who gives one class to nearly everything.

    Args:
        tiles: their tiles. filled: those that this class fills. chance: the share it fills of others' tiles.
    """

    person: int
    class_code: str
    tiles: int
    filled: int
    chance: float
    p_value: float


def find_one_class(tiles: Mapping[int, Sequence[Mapping[str, float]]]) -> list[OneClass]:
    """People who fill nearly every tile with one class where others do not.

    Args: tiles: by person, the labelled area of each of their tiles by class.
    """
    filled = {person: _filled_by(own) for person, own in tiles.items()}
    total_tiles = sum(len(own) for own in tiles.values())
    totals: dict[str, int] = {}
    for counts in filled.values():
        for code, count in counts.items():
            totals[code] = totals.get(code, 0) + count
    questions = max(1, len(tiles) * max(1, len(totals)))
    found = []
    for person, counts in sorted(filled.items()):
        own = len(tiles[person])
        for code, count in sorted(counts.items()):
            if own < FEWEST_TILES or count < MOSTLY * own:
                continue
            chance = (totals[code] - count + 1) / (total_tiles - own + 2)
            p_value = binomial_tail(count, own, chance)
            if p_value < FALSE_ALARM / questions:
                found.append(OneClass(person, code, own, count, chance, p_value))
    return found


def _filled_by(tiles: Iterable[Mapping[str, float]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for areas in tiles:
        total = sum(areas.values())
        for code, area in areas.items():
            if total > 0 and area >= ONE_CLASS * total:
                counts[code] = counts.get(code, 0) + 1
    return counts


@dataclass(frozen=True, slots=True)
class TooFast:
    """Somebody who hands tiles in far faster than others: medians in seconds."""

    person: int
    tiles: int
    seconds: float
    others_seconds: float


def find_too_fast(seconds: Mapping[int, Sequence[float]]) -> list[TooFast]:
    """People whose median time a tile is FASTER times below the campaign's and far outside its spread.

    The spread is that of people's medians, in logarithms, by the median absolute deviation.

    Args:   seconds: by person, the time each of their tiles took; people with few tiles are not judged.
    Source: Iglewicz & Hoaglin 1993, How to Detect and Handle Outliers (the constant 1.4826).
    """
    medians = {
        person: statistics.median(own) for person, own in seconds.items() if len(own) >= FEWEST_TILES and min(own) >= 0
    }
    if len(medians) < 3:
        return []
    logs = {person: math.log(max(1.0, value)) for person, value in medians.items()}
    centre = statistics.median(logs.values())
    spread = 1.4826 * statistics.median(abs(value - centre) for value in logs.values())
    found = []
    for person, value in sorted(logs.items()):
        far = centre - value
        if far >= math.log(FASTER) and far > MANY_DEVIATIONS * spread:
            found.append(TooFast(person, len(seconds[person]), medians[person], math.exp(centre)))
    return found


def fails_gold(passed: Sequence[bool]) -> bool:
    """Whether somebody fails tiles with known labels as those do who answer carelessly or to harm, at any time so far.

    The sequential test begins anew whenever it has cleared them, so that whoever turns later is found too; its error is
    therefore small (GOLD_FALSE_FLAG): of honest people who pass nine in ten it names 0.5 % within 20 such tiles and
    1.3 % within 50, and a spammer who passes three in ten after 5 in the median (simulated, 40,000 each).

    Args: passed: one outcome a tile, in order.
    """
    test = sequential_test(passed, alpha=GOLD_FALSE_FLAG, restart_when_cleared=True)
    return test.decision is Decision.FLAG


def binomial_tail(at_least: int, trials: int, chance: float) -> float:
    """Probability of `at_least` successes or more in `trials`, each with `chance`."""
    if at_least <= 0:
        return 1.0
    if not 0 < chance < 1:
        return 0.0 if chance <= 0 else 1.0
    logs = [
        math.lgamma(trials + 1)
        - math.lgamma(k + 1)
        - math.lgamma(trials - k + 1)
        + k * math.log(chance)
        + (trials - k) * math.log(1 - chance)
        for k in range(at_least, trials + 1)
    ]
    return min(1.0, math.fsum(math.exp(value) for value in logs))
