"""People at work on one campaign at once: what the queue gave them, and whether it kept its promises."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import scenes
from django.db import connections, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from scipy.stats import kendalltau

from annotation.errors import CannotSplit
from annotation.models import Lease, QueueMark, Ticket, Tile
from annotation.services.leases import finish_lease, release_lease
from annotation.services.queue import claim_next_tile
from annotation.services.rounds import QueuedTile, open_queue_round
from annotation.services.splitting import split_tile
from annotation.services.tiles import pool_mask

STALLED_S = 15.0  # without a tile given: what is left is with nobody, and the run has failed
LEAVES, VANISHES, ASKS_TWICE, SPLITS = 0.05, 0.03, 0.10, 0.05  # shares of the claims


@dataclass
class Crowd:
    """People at work on one campaign, and everything they were given, in the order in which they were given it."""

    campaign: Any
    people: list[Any]
    guard: threading.Lock = field(default_factory=threading.Lock)
    grants: list[tuple[int, int, int]] = field(default_factory=list)  # (rank, tile, person)
    given_back: set[int] = field(default_factory=set)  # ranks that somebody left or let lapse, or whose tile was split
    splits: int = 0  # tiles that somebody who held one had given out in quarters
    unanswered: int = 0  # drop-outs: grants that nobody finished
    robbed: int = 0  # people whose tile was given to somebody else while they were at work
    failures: list[str] = field(default_factory=list)
    moved_at: float = 0.0  # when the last tile was given

    def run(self) -> None:
        """Everybody claims until there is nothing left."""
        barrier = threading.Barrier(len(self.people))
        self.moved_at = time.monotonic()
        threads = [threading.Thread(target=self._work, args=(one, barrier)) for one in self.people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=600)

    def _work(self, person: Any, barrier: threading.Barrier) -> None:
        chance = random.Random(person.pk)
        try:
            barrier.wait()
            while self._unfinished():
                lease = claim_next_tile(campaign=self.campaign, annotator=person)
                if lease is None:  # what is left is with others, who may give it back
                    time.sleep(0.02)
                    continue
                self._note(lease, person)
                if chance.random() < SPLITS and lease.tile.part == 0:
                    lease = self._split(lease, person)
                if chance.random() < ASKS_TWICE:
                    again = claim_next_tile(campaign=self.campaign, annotator=person)
                    assert again is not None and again.pk == lease.pk
                self._end(lease, person, chance.random())
        except BaseException as error:
            self.failures.append(f"{type(error).__name__}: {error}")
        finally:
            connections.close_all()

    def _unfinished(self) -> bool:
        if time.monotonic() - self.moved_at > STALLED_S:
            return False
        return Ticket.objects.filter(campaign=self.campaign, state__in=["open", "leased"]).exists()

    def _note(self, lease: Lease, person: Any) -> None:
        assert lease.ticket is not None
        with self.guard:
            self.grants.append((lease.ticket.rank, lease.tile_id, person.pk))
            self.moved_at = time.monotonic()

    def _split(self, lease: Lease, person: Any) -> Lease:
        """What they go on with: a quarter, or the whole where somebody else is at work on it too."""
        try:
            quarter = split_tile(tile=lease.tile, actor=person, expected_version=0)
        except CannotSplit:
            return lease
        assert quarter is not None
        with self.guard:
            self.splits += 1
            self.unanswered += 1
            self.given_back |= set(lease.tile.tickets.values_list("rank", flat=True))
        self._note(quarter, person)
        return quarter

    def _end(self, lease: Lease, person: Any, draw: float) -> None:
        assert lease.ticket is not None
        if draw < LEAVES + VANISHES:
            with self.guard:
                self.unanswered += 1
                self.given_back.add(lease.ticket.rank)
        if draw < LEAVES:
            # Skipped, not only left: what was left would come back to the same person at once.
            release_lease(token=str(lease.token), annotator=person, reason="skip")
        elif draw < LEAVES + VANISHES:
            gone = Now() - timedelta(seconds=1)
            Ticket.objects.filter(pk=lease.ticket_id).update(leased_until=gone)
            Lease.objects.filter(pk=lease.pk).update(expires_at=gone, state=Lease.State.RELEASED)
            # Time is not really over: claims would look for what lapses from now on (docs/adr/0021).
            QueueMark.objects.filter(campaign=self.campaign).update(leased_from=None)
        else:
            with transaction.atomic():
                is_theirs = finish_lease(tile=lease.tile, annotator=person)
                finish_lease(tile=lease.tile, annotator=person)  # delivered twice
            if not is_theirs:
                with self.guard:
                    self.robbed += 1


def crowd(*, people: int, tiles: int, redundancy: int, name: str = "crowd") -> Crowd:
    """A campaign with that many ranked tiles, and people who have not begun."""
    campaign = scenes.campaign(
        name, tile_px=64, redundancy=redundancy, control_share=0.0, first_reviewed=0,
        layer=scenes.virtual_layer(f"layer-{name}", width=8192, height=8192),
    )  # fmt: skip
    mask = pool_mask(campaign)
    places = [(row, col) for row in range(campaign.n_rows) for col in range(campaign.n_cols) if mask[row, col]]
    open_queue_round(
        campaign=campaign, function="entropy", model_version="m1", control_share=0.0,
        tickets=[
            QueuedTile(row=row, col=col, kind="uncertainty", score=1.0 - nth / tiles)
            for nth, (row, col) in enumerate(places[:tiles])
        ],
    )  # fmt: skip
    return Crowd(campaign, [scenes.person(f"{name}-{number}") for number in range(people)])


def passed_over(seen: Crowd, slots: dict[int, int]) -> int:
    """The most tickets that lay before one granted, free and open to the same person, when it was granted."""
    free = dict(slots)  # rank: tile; those that nobody had given back are granted once
    holders: dict[int, set[int]] = defaultdict(set)
    most = 0
    for rank, tile, person in seen.grants:
        if rank in free and rank not in seen.given_back:
            before = [r for r, t in free.items() if r < rank and r not in seen.given_back and person not in holders[t]]
            most = max(most, len(before))
        free.pop(rank, None)
        holders[tile].add(person)
    return most


@dataclass(frozen=True)
class Promises:
    """What a run has shown.

    Args:
        most_on_a_tile: people who finished one tile, at most.
        repeats: times that one person was given a tile again after it was theirs.
        unfinished: tiles with fewer people than wanted.
        least_tau: over people, the least Kendall tau between the order in which they were given tiles and the order of
            the scores; tiles that somebody gave back are left out, since they come when they come.
        most_passed_over: tickets that lay before one granted, free and open to the same person, at most.
        robbed: people whose tile was given to somebody else while they were at work.
    """

    most_on_a_tile: int
    repeats: int
    unfinished: int
    least_tau: float
    most_passed_over: int
    robbed: int
    failures: tuple[str, ...]

    def broken(self, *, redundancy: int, people: int) -> list[str]:
        """The promises that were not kept."""
        faults = {
            "more people on a tile than wanted": self.most_on_a_tile > redundancy,
            "one person twice on a tile": self.repeats > 0,
            "tiles not finished": self.unfinished > 0,
            "out of order": self.least_tau < 1 or self.most_passed_over >= people,
            "taken away from somebody at work": self.robbed > 0,
            "failures": bool(self.failures),
        }
        return [name for name, is_so in faults.items() if is_so]


def promises(seen: Crowd, slots: dict[int, int], *, redundancy: int) -> Promises:
    """Hold a run against what the queue promises; `slots`: rank and tile of each ticket before it began."""
    tiles = set(slots.values())
    quarters = dict(Tile.objects.filter(whole__in=tiles).values_list("pk", "whole_id"))
    tiles = tiles - set(quarters.values()) | quarters.keys()
    finished = Lease.objects.filter(state="done", tile__in=[*tiles, *slots.values()])
    done = Counter(finished.values_list("tile_id", flat=True))
    taus = []
    for person in seen.people:
        fresh = [rank for rank, _, who in seen.grants if who == person.pk and rank not in seen.given_back]
        if len(fresh) > 1:
            taus.append(round(float(kendalltau(range(len(fresh)), fresh).statistic), 9))
    times = Counter((tile, person) for _, tile, person in seen.grants)
    return Promises(
        # Whoever finished the whole of a tile that was split did so above what was wanted there.
        most_on_a_tile=max((count + redundancy * (tile not in tiles) for tile, count in done.items()), default=0),
        repeats=sum(count - 1 for count in times.values()),
        unfinished=sum(done[tile] < redundancy for tile in tiles),
        least_tau=min(taus, default=1.0),
        most_passed_over=passed_over(seen, slots),
        robbed=seen.robbed,
        failures=tuple(seen.failures),
    )


def look_only(campaign: Any, annotator: Any, **_rest: Any) -> Ticket | None:
    """The planted fault: a claim that looks first and takes afterwards."""
    left = Q(state=Lease.State.RELEASED, release_reason=Lease.Reason.LEFT)
    mine = Lease.objects.filter(tile=OuterRef("tile"), annotator=annotator).exclude(left)
    free = Ticket.objects.filter(campaign=campaign).exclude(Exists(mine)).select_related("tile").order_by("rank")
    lapsed = free.filter(state=Ticket.State.LEASED, leased_until__lt=Now())
    return lapsed.first() or free.filter(state=Ticket.State.OPEN).first()


def open_slots() -> dict[int, int]:
    """Rank and tile of each open ticket."""
    return dict(Ticket.objects.filter(state="open").order_by("rank").values_list("rank", "tile_id"))
