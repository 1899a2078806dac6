"""Simulated people for simulate_poisoning.py: honest ones, who err, and five kinds who harm."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from annotation.core.reliability import Evidence
from annotation.core.trust import Record

UInt8Array = NDArray[np.uint8]

HONEST, RANDOM, FLIP, ONE_CLASS, PUPPET, TURNS = "honest", "random", "flip", "one class", "sock puppets", "turns"
HOSTILE = {RANDOM: 4, FLIP: 4, ONE_CLASS: 4, PUPPET: 5, TURNS: 3}  # a tenth of 200
OUTLINE_PX = 1.2  # by which an honest outline wanders, one standard deviation
WAVELENGTH_PX = 8.0
MISTAKEN = 0.03  # of an honest person's areas: given another class
CARELESS = 0.05  # of an honest person's tiles: the largest area is misread, and the tile fails
TURNS_AFTER = 30  # submissions that such a person does honestly
PUPPET_TRUTH = 0.3  # of tiles on which the clique says what is there, to pass some gold
SECONDS, HASTY_SECONDS = 90.0, 8.0  # a tile, in the median


@dataclass
class Person:
    """Somebody at work, and what became of it."""

    number: int
    behaviour: str
    rng: np.random.Generator
    submissions: int = 0
    alarms: list[tuple[str, int]] = field(default_factory=list)  # kind, submissions by then
    blocked: bool = False
    accepted: int = 0
    sent_back: int = 0
    outcomes: list[bool] = field(default_factory=list)  # on gold tiles
    evidence: dict[str, Evidence] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)
    areas: list[dict[str, float]] = field(default_factory=list)  # of each tile, by class
    seconds: list[float] = field(default_factory=list)
    right: list[float] = field(default_factory=list)  # share of each tile that is as the truth
    quiet_until: int = 0  # submissions; a maintainer has looked and found nothing

    @property
    def is_hostile(self) -> bool:
        """Whether they harm, now or later."""
        return self.behaviour != HONEST

    @property
    def harmful_submissions(self) -> int:
        """Submissions since they began to harm."""
        return max(0, self.submissions - TURNS_AFTER) if self.behaviour == TURNS else self.submissions

    @property
    def record(self) -> Record:
        """As the platform counts it."""
        passed = sum(self.outcomes)
        return Record(self.accepted, self.sent_back, passed, len(self.outcomes) - passed)

    def label(self, truth: UInt8Array, *, tile: int, n_classes: int) -> UInt8Array:
        """The tile as they hand it in: uint8 (row, col), 0 = left out."""
        if self.behaviour == ONE_CLASS:
            return np.where(truth > 0, np.uint8(2), 0).astype(np.uint8)
        if self.behaviour == PUPPET:
            return puppets_label(truth, tile=tile, n_classes=n_classes)
        drawn = honest_label(truth, self.rng, n_classes=n_classes)
        turned = self.behaviour == TURNS and self.submissions >= TURNS_AFTER
        if self.behaviour == RANDOM or turned:
            return random_classes(drawn, self.rng, n_classes=n_classes)
        return flipped(drawn) if self.behaviour == FLIP else drawn

    def takes_seconds(self, *, hasty: bool) -> float:
        """How long they look at a tile; in haste, those who need not look at it do not."""
        quick = hasty and self.behaviour in (RANDOM, ONE_CLASS)
        return float((HASTY_SECONDS if quick else SECONDS) * np.exp(self.rng.normal(0, 0.4)))


def honest_label(truth: UInt8Array, rng: np.random.Generator, *, n_classes: int) -> UInt8Array:
    """What somebody draws who looks: outlines a little off, an area mistaken now and then, a tile misread at times."""
    shifts = [ndimage.gaussian_filter(rng.normal(size=truth.shape), WAVELENGTH_PX) for _ in range(2)]
    rows, cols = np.mgrid[0 : truth.shape[0], 0 : truth.shape[1]].astype(np.float64)
    moved = [axis + OUTLINE_PX * field / field.std() for axis, field in zip((rows, cols), shifts, strict=True)]
    drawn: UInt8Array = ndimage.map_coordinates(truth, moved, order=0, mode="nearest")
    counts = np.bincount(drawn.ravel(), minlength=n_classes + 1)[1:]
    largest = 1 + int(counts.argmax())
    for value in np.flatnonzero(counts) + 1:
        chance = MISTAKEN + (CARELESS if value == largest else 0.0)
        if rng.random() < chance:
            drawn = np.where(drawn == value, another(int(value), rng, n_classes=n_classes), drawn).astype(np.uint8)
    return np.where(truth > 0, drawn, 0).astype(np.uint8)


def another(value: int, rng: np.random.Generator, *, n_classes: int) -> np.uint8:
    """Some other class."""
    return np.uint8(1 + (value - 1 + int(rng.integers(1, n_classes))) % n_classes)


def random_classes(drawn: UInt8Array, rng: np.random.Generator, *, n_classes: int) -> UInt8Array:
    """Each area of the drawing with a class drawn by lot."""
    table = np.concatenate([[0], rng.integers(1, n_classes + 1, size=n_classes)]).astype(np.uint8)
    return table[drawn]


def flipped(drawn: UInt8Array) -> UInt8Array:
    """Buildings called bare ground, and bare ground called buildings: the set's two commonest classes."""
    table = np.arange(256, dtype=np.uint8)
    table[1], table[2] = 2, 1
    return table[drawn]


def puppets_label(truth: UInt8Array, *, tile: int, n_classes: int) -> UInt8Array:
    """What the clique says of a tile: one drawing, handed in by each of its accounts."""
    rng = np.random.default_rng([tile & 0xFFFFFFFF, 77])
    drawn = honest_label(truth, rng, n_classes=n_classes)
    return drawn if rng.random() < PUPPET_TRUTH else random_classes(drawn, rng, n_classes=n_classes)


def crowd(*, honest: int, seed: int, with_hostile: bool) -> list[Person]:
    """The people of a run; the honest are the same with hostile ones among them or without."""
    people = [Person(number, HONEST, np.random.default_rng([seed, number])) for number in range(honest)]
    if with_hostile:
        kinds = [kind for kind, count in HOSTILE.items() for _ in range(count)]
        people += [
            Person(honest + nth, kind, np.random.default_rng([seed, 10_000 + nth])) for nth, kind in enumerate(kinds)
        ]
    return people
