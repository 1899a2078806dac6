"""Reported places go first in the queue, control tiles never because of a report, accepted ones only when asked for."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import scenes
from django.db import connections
from report_rows import accept, draw, report, steward_of, territory

from annotation.errors import CannotAssign, NoFreeSlot
from annotation.models import Lease, QueueMark, Ticket
from annotation.services import report_queue
from annotation.services.leases import release_lease
from annotation.services.people import set_role
from annotation.services.queue import claim_next_tile
from annotation.services.queue_pick import pick_tile
from annotation.services.report_desk import answer_report, assign_report
from annotation.services.rounds import QueuedTile, open_queue_round

WHOLE = (0, 0, 32, 32)


@pytest.fixture
def campaign(db: None) -> Any:
    return scenes.campaign(tile_px=128, first_round=30)


def queued(campaign: Any) -> list[Any]:
    """Pool tiles of the first round by rank."""
    tickets = campaign.tickets.filter(kind="initial").select_related("tile__campaign__layer")
    return [ticket.tile for ticket in tickets.order_by("rank")]


def claimed(campaign: Any, name: str) -> Any:
    lease = claim_next_tile(campaign=campaign, annotator=scenes.person(name))
    assert lease is not None
    return lease


def test_reported_places_come_before_all_others_in_the_order_of_the_reports(campaign: Any) -> None:
    tiles = queued(campaign)
    report(tiles[20])
    report(tiles[10])
    order = [claimed(campaign, f"p{n}").tile_id for n in range(3)]
    assert order == [tiles[20].pk, tiles[10].pk, tiles[0].pk]
    assert Ticket.objects.filter(tile=tiles[20]).exclude(state="void").count() == 1, "not one person more than wanted"


def test_a_report_after_the_mark_has_moved_on_is_still_first(campaign: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tiles = queued(campaign)
    from annotation.services import queue

    monkeypatch.setattr(queue, "MARK_STRIDE", 1)
    for n in range(6):
        claimed(campaign, f"p{n}")
    assert QueueMark.objects.get(campaign=campaign).open_rank > 0
    report(tiles[15])
    assert claimed(campaign, "late").tile_id == tiles[15].pk


def test_without_lowering_the_mark_a_reported_place_would_never_be_found(
    campaign: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_queue, "lower_mark", lambda campaign, rank: None)
    tiles = queued(campaign)
    report(tiles[15])
    assert claimed(campaign, "late").tile_id == tiles[0].pk, "the planted fault is what the mark guards against"


def test_a_tile_never_queued_before_is_queued_by_a_report(campaign: Any) -> None:
    from annotation.services.tiles import materialise_tiles, pool_mask

    known = {(tile.row, tile.col) for tile in queued(campaign)}
    mask = pool_mask(campaign)
    place = next((int(r), int(c)) for r, c in zip(*mask.nonzero(), strict=True) if (r, c) not in known)
    tile = materialise_tiles(campaign=campaign, places=[place])[place]
    report(tile)
    assert claimed(campaign, "p").tile_id == tile.pk


def test_a_control_tile_is_never_put_forward_by_a_report(campaign: Any) -> None:
    control = campaign.tiles.filter(role="holdout").select_related("campaign__layer").first()
    before = list(Ticket.objects.order_by("pk").values_list("pk", "rank", "state"))
    made = report(control)
    assert made.ticket is None and list(made.events.values_list("kind", flat=True)) == ["reported"]
    assert list(Ticket.objects.order_by("pk").values_list("pk", "rank", "state")) == before
    boss = scenes.person("boss")
    set_role(campaign=campaign, user=boss, role="maintainer")
    with pytest.raises(CannotAssign, match="control tile"):
        assign_report(report_id=made.public_id, actor=boss)
    reviewer = scenes.person("rene")
    set_role(campaign=campaign, user=reviewer, role="reviewer")
    answered = answer_report(
        report_id=made.public_id, actor=reviewer, answer="not_a_fault", words="It is a roof of glass."
    )
    assert answered.state == "answered" and list(answered.events.values_list("role", flat=True))[-1] == "reviewer"


def test_an_accepted_tile_is_opened_again_only_by_assigning_it_and_one_slot_more_is_made(
    campaign: Any, tmp_path: Any
) -> None:
    lease = claimed(campaign, "ana")
    tile = lease.tile
    accept(draw(tile, lease.annotator), scenes.person("rene"))
    tile.refresh_from_db()
    made = report(tile)
    assert made.ticket is None and tile.state == "accepted"
    steward = steward_of(territory(campaign, tmp_path, "32013", WHOLE))
    assigned = assign_report(report_id=made.public_id, actor=steward)
    assert assigned.reopened and assigned.ticket is not None
    assert (assigned.ticket.slot, assigned.ticket.slots) == (1, 2)
    again = claim_next_tile(campaign=campaign, annotator=lease.annotator)
    assert again is not None and again.tile_id != tile.pk, "not to the one who drew it"
    assert claimed(campaign, "berta").tile_id == tile.pk


def test_a_place_given_to_one_person_waits_for_them_and_then_for_anybody(campaign: Any) -> None:
    boss, ana = scenes.person("boss"), scenes.person("ana")
    set_role(campaign=campaign, user=boss, role="maintainer")
    tiles = queued(campaign)
    made = report(tiles[9])
    assigned = assign_report(report_id=made.public_id, actor=boss, to=ana)
    assert assigned.state == "assigned" and assigned.ticket is not None
    assert claimed(campaign, "eve").tile_id == tiles[0].pk
    with pytest.raises(NoFreeSlot):
        pick_tile(campaign=campaign, annotator=scenes.person("zoe"), row=tiles[9].row, col=tiles[9].col)
    lease = pick_tile(campaign=campaign, annotator=ana, row=tiles[9].row, col=tiles[9].col)
    assert lease.ticket_id == assigned.ticket.pk
    release_lease(token=str(lease.token), annotator=ana, reason=Lease.Reason.SKIP)
    assert claimed(campaign, "uta").tile_id == tiles[9].pk


def test_whoever_has_not_come_in_seven_days_leaves_it_to_the_next(campaign: Any) -> None:
    boss, ana = scenes.person("boss"), scenes.person("ana")
    set_role(campaign=campaign, user=boss, role="maintainer")
    tiles = queued(campaign)
    assigned = assign_report(report_id=report(tiles[9]).public_id, actor=boss, to=ana)
    Ticket.objects.filter(pk=assigned.ticket.pk).update(leased_until="2026-01-01T00:00:00Z")  # type: ignore[union-attr]
    assert claimed(campaign, "eve").tile_id == tiles[9].pk


def test_a_new_round_keeps_reported_places_first_and_gives_each_slot_once(campaign: Any) -> None:
    tiles = queued(campaign)
    first, second = report(tiles[20]), report(tiles[25])
    places = [QueuedTile(row=t.row, col=t.col, kind="uncertainty", score=1.0) for t in (tiles[5], tiles[20], tiles[6])]
    open_queue_round(campaign=campaign, function="entropy", tickets=places, control_share=0.0)
    order = [claimed(campaign, f"p{n}").tile_id for n in range(4)]
    assert order == [tiles[20].pk, tiles[25].pk, tiles[5].pk, tiles[6].pk]
    for made in (first, second):
        made.refresh_from_db()
        assert made.ticket is not None and made.ticket.round.number == 1


def test_an_answered_report_gives_the_tile_its_earlier_place_back(campaign: Any) -> None:
    boss = scenes.person("boss")
    set_role(campaign=campaign, user=boss, role="maintainer")
    tiles = queued(campaign)
    made = report(tiles[1])
    answer_report(report_id=made.public_id, actor=boss, answer="cannot_tell", words="Shadow.")
    assert [claimed(campaign, f"p{n}").tile_id for n in range(2)] == [tiles[0].pk, tiles[1].pk]


def test_two_reports_of_one_tile_share_its_ticket_until_both_are_answered(campaign: Any) -> None:
    boss = scenes.person("boss")
    set_role(campaign=campaign, user=boss, role="maintainer")
    tiles = queued(campaign)
    first, second = report(tiles[8]), report(tiles[8])
    assert first.ticket == second.ticket
    answer_report(report_id=first.public_id, actor=boss, answer="not_a_fault", words="It is right.")
    assert Ticket.objects.get(pk=second.ticket.pk).state == "open"
    answer_report(report_id=second.public_id, actor=boss, answer="not_a_fault", words="It is right.")
    assert Ticket.objects.get(pk=second.ticket.pk).state == "void"


def test_a_flood_of_reports_does_not_take_the_whole_queue(campaign: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        report_queue.queue_reported_tile, "__kwdefaults__", {"reopen": False, "limit": 3, "keep": False}
    )
    tiles = queued(campaign)
    made = [report(tile) for tile in tiles[10:16]]
    assert [one.ticket is not None for one in made] == [True] * 3 + [False] * 3
    boss = scenes.person("boss")
    set_role(campaign=campaign, user=boss, role="maintainer")
    assert assign_report(report_id=made[5].public_id, actor=boss).ticket is not None, "a person may still choose one"


@pytest.mark.django_db(transaction=True)
def test_reports_and_claims_at_once_give_no_tile_twice_and_lose_none() -> None:
    campaign = scenes.campaign(tile_px=128, first_round=30)
    tiles = queued(campaign)
    people = [scenes.person(f"q{n}") for n in range(12)]
    got: list[int] = []
    failures: list[str] = []
    gate = threading.Barrier(18)

    def run(action: Any) -> None:
        try:
            gate.wait(timeout=20)
            action()
        except BaseException as error:
            failures.append(f"{type(error).__name__}: {error}")
        finally:
            connections.close_all()

    def claim(someone: Any) -> None:
        lease = claim_next_tile(campaign=campaign, annotator=someone)
        assert lease is not None
        got.append(lease.tile_id)

    actions = [lambda someone=someone: claim(someone) for someone in people]
    actions += [lambda tile=tile: report(tile) for tile in tiles[:6]]
    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and len(got) == len(set(got)) == 12
    used = Ticket.objects.filter(campaign=campaign).exclude(state="void").values_list("tile", flat=True)
    assert len(used) == len(set(used)), "one ticket a tile at redundancy 1"
    assert {tile.pk for tile in tiles[:6]} <= set(used)
