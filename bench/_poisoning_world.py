"""The campaign of simulate_poisoning.py: queue, gold, reviews, alarms, blocks; its rules are the platform's."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from _poisoning_people import PUPPET, Person, UInt8Array
from numpy.typing import NDArray

from annotation.core import alarms
from annotation.core.agreement import confusion_counts
from annotation.core.consensus import majority_vote, weighted_vote
from annotation.core.reliability import (
    PASS_AGREEMENT,
    add_evidence,
    campaign_means,
    class_reliability,
    gold_passed,
    label_weight,
    tile_evidence,
)
from annotation.core.trust import NEWCOMER, level_of
from learning.core.shares import Contribution, cap_shares

VOTES = 3
GOLD_SHARE = 0.1
FIRST_REVIEWED = 3
SLOT_SPACING = 20
LOOK_EVERY = 500  # submissions of all together: some minutes, as 200 people work
REVIEWER_ERRS = 0.05
LOOKED_AT, BAD = 10, 4  # tiles that a maintainer looks at after an alarm other than gold's; as many bad ones decide
QUIET = 20  # submissions of somebody cleared until an alarm may name them again


@dataclass
class Run:
    """What a run ended with."""

    merged: UInt8Array  # (tile, row, col)
    people: list[Person]
    submissions: int
    clique_tiles: int
    left_out: int
    votes_of_hostile: int


@dataclass
class Campaign:
    """Tiles that want three votes each, and people who ask for the next one."""

    truth: UInt8Array  # (tile, row, col)
    gold: UInt8Array
    codes: tuple[str, ...]
    people: list[Person]
    seed: int
    defended: bool = True
    hasty: bool = False
    votes: dict[int, dict[int, UInt8Array]] = field(default_factory=lambda: defaultdict(dict))
    handed_in: dict[int, dict[int, UInt8Array]] = field(default_factory=lambda: defaultdict(dict))  # sent back as well
    pairs: list[alarms.LabelPair] = field(default_factory=list)
    submissions: int = 0

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng([self.seed, 5])
        self.order = self.rng.permutation(len(self.truth))
        self.queue = [
            (rank + nth * SLOT_SPACING, nth, int(tile)) for rank, tile in enumerate(self.order) for nth in range(VOTES)
        ]
        heapq.heapify(self.queue)
        self.values = dict(enumerate(self.codes, start=1))

    def run(self) -> Run:
        """Work until every tile has its votes."""
        while self.queue:
            active = [person for person in self.people if not person.blocked]
            waiting = len(self.queue)
            for nth in self.rng.permutation(len(active)):
                self._work(active[int(nth)])
                if self.defended and self.submissions % LOOK_EVERY == 0:
                    self._look()
            if len(self.queue) == waiting and not any(self._could_take(person) for person in active):
                break
        if self.defended:
            self._look()
        return self._ended()

    # --- one submission ---

    def _work(self, person: Person) -> None:
        if person.blocked:
            return
        gold = self._gold_for(person)
        tile = None if gold is not None else self._claim(person)
        if gold is None and tile is None:
            return
        truth, name = (self.gold[gold], -1 - gold) if gold is not None else (self.truth[tile], int(tile or 0))
        labels = person.label(truth, tile=name, n_classes=len(self.codes))
        person.done.add(name)
        person.submissions += 1
        self.submissions += 1
        person.seconds.append(person.takes_seconds(hasty=self.hasty))
        person.right.append(float((labels == truth)[truth > 0].mean()))
        if gold is not None:
            self._judge(person, truth, labels)
        else:
            self._vote(person, name, labels)

    def _gold_for(self, person: Person) -> int | None:
        if not self.defended or self.rng.random() >= GOLD_SHARE:
            return None
        left = [number for number in range(len(self.gold)) if -1 - number not in person.done]
        return int(self.rng.choice(left)) if left else None

    def _claim(self, person: Person) -> int | None:
        """The first ticket of a tile they have not done; puppets choose on the map where one of them has been."""
        if person.behaviour == PUPPET:
            chosen = self._where_puppets_were(person)
            if chosen is not None:
                return chosen
        passed, found = [], None
        while self.queue and len(passed) < 400:
            ticket = heapq.heappop(self.queue)
            if ticket[2] not in person.done:
                found = ticket[2]
                break
            passed.append(ticket)
        for ticket in passed:
            heapq.heappush(self.queue, ticket)
        return found

    def _where_puppets_were(self, person: Person) -> int | None:
        mates = [one for one in self.people if one.behaviour == PUPPET and one is not person]
        wanted = {tile for one in mates for tile in one.done if tile >= 0} - person.done
        for position, ticket in enumerate(self.queue):
            if ticket[2] in wanted:
                self.queue[position] = self.queue[-1]
                self.queue.pop()
                heapq.heapify(self.queue)
                return ticket[2]
        return None

    def _could_take(self, person: Person) -> bool:
        return any(ticket[2] not in person.done for ticket in self.queue)

    def _judge(self, person: Person, truth: UInt8Array, labels: UInt8Array) -> None:
        confusion = confusion_counts(truth, labels, class_codes=self.values)
        person.outcomes.append(gold_passed(confusion))
        person.evidence = add_evidence([person.evidence, tile_evidence(confusion)])
        if alarms.fails_gold(person.outcomes):
            self._alarm(person, "gold")
            self._block(person)

    def _vote(self, person: Person, tile: int, labels: UInt8Array) -> None:
        self._remember(person, tile, labels)
        if self.defended and level_of(person.record, first_reviewed=FIRST_REVIEWED) == NEWCOMER:
            good = person.right[-1] >= PASS_AGREEMENT
            if good == (self.rng.random() < REVIEWER_ERRS):
                person.sent_back += 1
                self._give_back(tile)
                return
            person.accepted += 1
        self.votes[tile][person.number] = labels

    def _remember(self, person: Person, tile: int, labels: UInt8Array) -> None:
        """What alarms look at: everything handed in, beside what others handed in of the same tile."""
        counts = np.bincount(labels.ravel(), minlength=len(self.codes) + 1)[1:]
        person.areas.append({self.values[nth + 1]: float(count) for nth, count in enumerate(counts) if count})
        for other, theirs in self.handed_in[tile].items():
            labelled = (labels > 0) | (theirs > 0)
            differing = float((labels != theirs).sum()) / max(1, int(labelled.sum()))
            classes = np.union1d(np.unique(labels[labels > 0]), np.unique(theirs[theirs > 0])).size
            self.pairs.append(alarms.LabelPair(tile, other, person.number, differing, int(classes)))
        self.handed_in[tile][person.number] = labels

    def _give_back(self, tile: int) -> None:
        heapq.heappush(self.queue, (0, 0, tile))

    # --- what maintainers see ---

    def _alarm(self, person: Person, kind: str) -> None:
        if kind not in {known for known, _at in person.alarms}:
            person.alarms.append((kind, person.harmful_submissions))

    def _look(self) -> None:
        here = {person.number: person for person in self.people if not person.blocked}
        pairs = [pair for pair in self.pairs if pair.first in here and pair.second in here]
        raised: dict[int, str] = {}
        for copying in alarms.find_copying(pairs):
            raised.update(dict.fromkeys(copying.people, "copy"))
        for one_class in alarms.find_one_class({number: person.areas for number, person in here.items()}):
            raised[one_class.person] = "one class"
        for fast in alarms.find_too_fast({number: person.seconds for number, person in here.items()}):
            raised.setdefault(fast.person, "speed")
        for number, kind in raised.items():
            person = here[number]
            if person.submissions < person.quiet_until:
                continue
            self._alarm(person, kind)
            if sum(share < PASS_AGREEMENT for share in person.right[-LOOKED_AT:]) >= BAD:
                self._block(person)
            else:
                person.quiet_until = person.submissions + QUIET

    def _block(self, person: Person) -> None:
        """Block and revert: their votes count no more and their tiles are given out again."""
        person.blocked = True
        for tile, votes in self.votes.items():
            self.handed_in[tile].pop(person.number, None)
            if votes.pop(person.number, None) is not None:
                self._give_back(tile)

    # --- the end ---

    def _ended(self) -> Run:
        by_number = {person.number: person for person in self.people}
        left_out = self._left_out() if self.defended else set()
        weights = self._weights() if self.defended else {}
        merged = np.zeros_like(self.truth)
        clique_tiles = hostile = 0
        for tile, votes in self.votes.items():
            kept = {number: labels for number, labels in votes.items() if (tile, number) not in left_out}
            puppets = sum(by_number[number].behaviour == PUPPET for number in kept)
            hostile += sum(by_number[number].is_hostile for number in kept)
            clique_tiles += 2 * puppets > len(kept) > 0
            if not kept:
                continue
            rasters = list(kept.values())
            merged[tile] = (
                weighted_vote(rasters, weights=[weights[number] for number in kept])
                if self.defended
                else majority_vote(rasters)
            )
        return Run(merged, self.people, self.submissions, clique_tiles, len(left_out), hostile)

    def _weights(self) -> dict[int, dict[int, float]]:
        means = campaign_means(
            [person.evidence for person in self.people if not person.blocked], class_codes=self.codes
        )
        found = {}
        for person in self.people:
            reliability = class_reliability(person.evidence, means=means)
            found[person.number] = {value: label_weight(reliability, code) for value, code in self.values.items()}
        return found

    def _left_out(self) -> set[tuple[int, ...]]:
        """Beyond one person's share of a class."""
        contributions = []
        for tile, votes in self.votes.items():
            for number, labels in votes.items():
                counts = np.bincount(labels.ravel(), minlength=len(self.codes) + 1)[1:]
                area = {self.values[nth + 1]: float(count) for nth, count in enumerate(counts) if count}
                contributions.append(Contribution((tile, number), number, area))
        return set(cap_shares(contributions).left_out)


def share_right(merged: UInt8Array, truth: UInt8Array) -> float:
    """Of the ground that both label."""
    both: NDArray[np.bool_] = (merged > 0) & (truth > 0)
    return float((merged == truth)[both].mean())
