"""What the queue promises when many people come and go at once: no one too many or twice, best first, none forgotten.

R6 of the reliability rules. The same run is made with a claim that looks first and takes afterwards, and must fail.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import scenes
from django.db import connections, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from annotation.models import Lease, QueueMark, Ticket, Tile
from annotation.services import queue
from annotation.services.queue import claim_next_tile, finish_lease, release_lease
from annotation.services.rounds import QueuedTile, open_queue_round
from annotation.services.tiles import pool_mask

LEAVES, VANISHES, ASKS_TWICE = 0.05, 0.03, 0.10  # shares of the claims


@dataclass
class Crowd:
    """People at work on one campaign, and everything they were given, in the order in which they were given it."""

    campaign: Any
    people: list[Any]
    guard: threading.Lock = field(default_factory=threading.Lock)
    grants: list[tuple[int, int, int]] = field(default_factory=list)  # (rank, tile, person)
    given_back: set[int] = field(default_factory=set)  # ranks that somebody left or let lapse
    unanswered: int = 0  # drop-outs: grants that nobody finished
    robbed: int = 0  # people whose tile was given to somebody else while they were at work
    failures: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Everybody claims until there is nothing left."""
        barrier = threading.Barrier(len(self.people))
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
                assert lease.ticket is not None
                with self.guard:
                    self.grants.append((lease.ticket.rank, lease.tile_id, person.pk))
                if chance.random() < ASKS_TWICE:
                    again = claim_next_tile(campaign=self.campaign, annotator=person)
                    assert again is not None and again.pk == lease.pk
                self._end(lease, person, chance.random())
        except BaseException as error:
            self.failures.append(f"{type(error).__name__}: {error}")
        finally:
            connections.close_all()

    def _unfinished(self) -> bool:
        return Ticket.objects.filter(campaign=self.campaign, state__in=["open", "leased"]).exists()

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
        else:
            with transaction.atomic():
                is_theirs = finish_lease(tile=lease.tile, annotator=person)
                finish_lease(tile=lease.tile, annotator=person)  # delivered twice
            if not is_theirs:
                with self.guard:
                    self.robbed += 1


def crowd(*, people: int, tiles: int, redundancy: int) -> Crowd:
    campaign = scenes.campaign(
        tile_px=64, redundancy=redundancy, control_share=0.0, layer=scenes.virtual_layer(width=8192, height=8192)
    )
    mask = pool_mask(campaign)
    places = [(row, col) for row in range(campaign.n_rows) for col in range(campaign.n_cols) if mask[row, col]]
    open_queue_round(
        campaign=campaign, function="entropy", model_version="m1", control_share=0.0,
        tickets=[
            QueuedTile(row=row, col=col, kind="uncertainty", score=1.0 - nth / tiles)
            for nth, (row, col) in enumerate(places[:tiles])
        ],
    )  # fmt: skip
    return Crowd(campaign, [scenes.person(f"p{number}") for number in range(people)])


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


@pytest.mark.django_db(transaction=True)
def test_sixty_four_people_who_come_and_go_finish_two_thousand_tiles_three_times_each_and_best_first() -> None:
    people, tiles, redundancy = 64, 2000, 3
    seen = crowd(people=people, tiles=tiles, redundancy=redundancy)
    slots = dict(Ticket.objects.filter(state="open").order_by("rank").values_list("rank", "tile_id"))
    seen.run()
    assert seen.failures == [] and seen.robbed == 0
    assert len(seen.grants) - seen.unanswered == tiles * redundancy
    assert set(Counter(tile for _, tile, _ in seen.grants)) == set(slots.values())
    assert max(Counter((tile, person) for _, tile, person in seen.grants).values()) == 1
    done = Counter(Lease.objects.filter(state="done").values_list("tile_id", flat=True))
    assert len(done) == tiles and set(done.values()) == {redundancy}
    assert set(Ticket.objects.exclude(state="void").values_list("state", flat=True)) == {"done"}
    # What each person was given, in the order in which they were given it: better scores always first.
    for person in seen.people:
        fresh = [rank for rank, _, who in seen.grants if who == person.pk and rank not in seen.given_back]
        assert fresh == sorted(fresh)
    # At one moment no more tickets can be passed over than there are other claims under way.
    assert passed_over(seen, slots) < people
    assert QueueMark.objects.get(campaign=seen.campaign).open_rank > tiles


@pytest.mark.django_db(transaction=True)
def test_the_same_run_fails_where_a_claim_looks_first_and_takes_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_only(campaign: Any, annotator: Any, *, newcomer: bool) -> Ticket | None:
        left = Q(state=Lease.State.RELEASED, release_reason=Lease.Reason.LEFT)
        mine = Lease.objects.filter(tile=OuterRef("tile"), annotator=annotator).exclude(left)
        free = Ticket.objects.filter(campaign=campaign).exclude(Exists(mine)).select_related("tile").order_by("rank")
        lapsed = free.filter(state=Ticket.State.LEASED, leased_until__lt=Now())
        return lapsed.first() or free.filter(state=Ticket.State.OPEN).first()

    monkeypatch.setattr(queue, "_next_ticket", look_only)
    seen = crowd(people=32, tiles=100, redundancy=2)
    seen.run()
    assert seen.robbed > 0 or seen.failures or len(seen.grants) - seen.unanswered != 200


@pytest.mark.django_db(transaction=True)
def test_a_ticket_given_back_while_the_mark_moves_past_it_is_found_by_the_next_claim() -> None:
    seen = crowd(people=3, tiles=200, redundancy=1)
    campaign, (ana, ben, cai) = seen.campaign, seen.people
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None and lease.ticket is not None and lease.ticket.rank == 0
    Ticket.objects.filter(rank__gt=0, rank__lt=100, state="open").update(state="done")
    moving, gave_back = threading.Event(), threading.Event()

    def move() -> None:
        try:
            with transaction.atomic():
                claimed = claim_next_tile(campaign=campaign, annotator=ben)  # moves the mark, and is not committed
                assert claimed is not None and claimed.ticket is not None and claimed.ticket.rank == 100
                assert QueueMark.objects.get(campaign=campaign).open_rank == 101
                moving.set()
                gave_back.wait(timeout=1.0)  # the release waits for this commit
        finally:
            connections.close_all()

    def give_back() -> None:
        try:
            moving.wait(timeout=10)
            release_lease(token=str(lease.token), annotator=ana, reason="skip")
            gave_back.set()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for one in (move, give_back)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert gave_back.is_set()
    assert QueueMark.objects.get(campaign=campaign).open_rank == 0
    found = claim_next_tile(campaign=campaign, annotator=cai)
    assert found is not None and found.ticket is not None and found.ticket.rank == 0


@pytest.mark.django_db
def test_the_mark_follows_the_claims_and_a_new_round_begins_at_its_first_ticket() -> None:
    seen = crowd(people=1, tiles=200, redundancy=1)
    campaign, (ana,) = seen.campaign, seen.people
    mark = QueueMark.objects.get(campaign=campaign)
    assert (mark.open_rank, mark.leased_from) == (0, None)
    Ticket.objects.filter(rank__lt=130, state="open").update(state="done")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None and lease.ticket is not None and lease.ticket.rank == 130
    mark.refresh_from_db()
    assert mark.open_rank == 131 and mark.leased_from is not None
    places = list(Tile.objects.filter(campaign=campaign, tickets__rank__gt=150).values_list("row", "col"))
    open_queue_round(
        campaign=campaign, function="random", control_share=0.0,
        tickets=[QueuedTile(row=row, col=col, kind="random") for row, col in places],
    )  # fmt: skip
    mark.refresh_from_db()
    assert mark.open_rank == 0
