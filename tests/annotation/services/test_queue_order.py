"""What the queue promises when many people come and go at once: no one too many or twice, best first, none forgotten.

R6 of the reliability rules. `make bench-queue-order` does the same with 64 people on 2,000 tiles.
"""

from __future__ import annotations

import threading

import pytest
from django.db import connections, transaction
from queue_crowd import crowd, look_only, open_slots, promises

from annotation.models import Lease, QueueMark, Ticket, Tile
from annotation.services import queue
from annotation.services.leases import release_lease
from annotation.services.queue import claim_next_tile
from annotation.services.rounds import QueuedTile, open_queue_round


@pytest.mark.django_db(transaction=True)
def test_people_who_come_and_go_finish_every_tile_as_often_as_wanted_and_best_first() -> None:
    people, tiles, redundancy = 16, 150, 3
    seen = crowd(people=people, tiles=tiles, redundancy=redundancy)
    slots = open_slots()
    seen.run()
    found = promises(seen, slots, redundancy=redundancy)
    assert found.broken(redundancy=redundancy, people=people) == [], found
    assert found.most_on_a_tile == redundancy and found.least_tau == 1.0
    assert seen.splits > 0
    wanted = (tiles + 3 * seen.splits) * redundancy
    assert len(seen.grants) - seen.unanswered == wanted
    assert Lease.objects.filter(state="done").count() == wanted
    assert set(Ticket.objects.exclude(state="void").values_list("state", flat=True)) == {"done"}
    assert QueueMark.objects.get(campaign=seen.campaign).open_rank > tiles


@pytest.mark.django_db(transaction=True)
def test_the_same_run_fails_where_a_claim_looks_first_and_takes_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "_next_ticket", look_only)
    seen = crowd(people=16, tiles=60, redundancy=2)
    slots = open_slots()
    seen.run()
    assert promises(seen, slots, redundancy=2).broken(redundancy=2, people=16) != []


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
