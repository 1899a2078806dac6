"""The queue follows the rank, under real concurrency on real PostgreSQL."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import scenes
from django.db import IntegrityError, connection, connections, transaction
from django.db.models.functions import Now
from queue_rows import at_once, hand_in, pool_places, scored_round, until_somebody_waits

from annotation.errors import CampaignClosed, LeaseLost, NoFreeSlot, NotThere, TileNotWorkable, TooManyLeases
from annotation.models import Annotation, Lease, QueueMark, Ticket, Tile
from annotation.services import rounds
from annotation.services.annotations import save_annotation, submit_annotation
from annotation.services.leases import heartbeat_lease, reclaim_abandoned_tiles, release_lease
from annotation.services.people import set_role
from annotation.services.queue import claim_next_tile
from annotation.services.queue_mark import lower_mark
from annotation.services.queue_pick import pick_tile
from annotation.services.reviews import record_review
from annotation.services.rounds import QueuedTile, labelled_or_leased_tiles, open_queue_round


@pytest.mark.django_db
def test_one_person_receives_tiles_in_the_order_of_their_scores() -> None:
    campaign = scenes.campaign(tile_px=256)
    places = scored_round(campaign, 12)
    ana = scenes.person("ana")
    seen = []
    for _ in range(12):
        lease = claim_next_tile(campaign=campaign, annotator=ana)
        assert lease is not None
        seen.append((lease.tile.row, lease.tile.col))
        release_lease(token=str(lease.token), annotator=ana, reason="skip")
    assert seen == places
    assert claim_next_tile(campaign=campaign, annotator=ana) is None


@pytest.mark.django_db
def test_asking_again_gives_the_tile_one_already_has() -> None:
    campaign = scenes.campaign(tile_px=256)
    ana = scenes.person("ana")
    first, second = (claim_next_tile(campaign=campaign, annotator=ana) for _ in range(2))
    assert first is not None and second is not None
    assert first.tile_id == second.tile_id
    assert campaign.tickets.filter(state="leased").count() == 1


@pytest.mark.django_db
def test_the_next_tile_can_be_leased_ahead_but_never_a_third() -> None:
    campaign = scenes.campaign(tile_px=256)
    ana = scenes.person("ana")
    leases = [claim_next_tile(campaign=campaign, annotator=ana, ahead=ahead) for ahead in (False, True, True)]
    assert len({lease.tile_id for lease in leases if lease}) == 2
    assert Lease.objects.filter(annotator=ana, state="active").count() == 2


@pytest.mark.django_db
def test_a_tile_left_by_its_holder_is_offered_again_at_its_rank_also_to_them() -> None:
    campaign = scenes.campaign(tile_px=256)
    places = scored_round(campaign, 3)
    ana = scenes.person("ana")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None
    release_lease(token=str(lease.token), annotator=ana, reason="left")
    again = claim_next_tile(campaign=campaign, annotator=ana)
    assert again is not None and (again.tile.row, again.tile.col) == places[0]


@pytest.mark.django_db
def test_a_lapsed_lease_goes_to_the_next_person_before_any_new_tile_and_the_first_holder_is_told() -> None:
    campaign = scenes.campaign(tile_px=256)
    places = scored_round(campaign, 3)
    ana, ben = scenes.person("ana"), scenes.person("ben")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None
    Ticket.objects.filter(pk=lease.ticket_id).update(leased_until=Now() - timedelta(seconds=1))
    taken = claim_next_tile(campaign=campaign, annotator=ben)
    assert taken is not None and (taken.tile.row, taken.tile.col) == places[0]
    with pytest.raises(LeaseLost, match="can still be saved"):
        heartbeat_lease(token=str(lease.token), annotator=ana)


@pytest.mark.django_db
def test_a_lapsed_lease_that_nobody_took_is_kept_by_a_heartbeat() -> None:
    campaign = scenes.campaign(tile_px=256)
    ana = scenes.person("ana")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None
    Ticket.objects.filter(pk=lease.ticket_id).update(leased_until=Now() - timedelta(hours=2))
    heartbeat_lease(token=str(lease.token), annotator=ana)
    assert not Ticket.objects.filter(pk=lease.ticket_id, leased_until__lt=Now()).exists()


@pytest.mark.django_db
def test_a_lease_of_someone_else_can_neither_be_kept_nor_released() -> None:
    campaign = scenes.campaign(tile_px=256)
    ana, ben = scenes.person("ana"), scenes.person("ben")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None
    with pytest.raises(NotThere):
        heartbeat_lease(token=str(lease.token), annotator=ben)
    with pytest.raises(NotThere):
        release_lease(token=str(lease.token), annotator=ben, reason="left")


@pytest.mark.django_db
def test_a_page_that_is_left_does_not_take_the_tile_from_the_page_that_opened_it_again() -> None:
    campaign, ana = scenes.campaign(), scenes.person("ana")
    left = claim_next_tile(campaign=campaign, annotator=ana)
    assert left is not None
    known = left.expires_at
    again = claim_next_tile(campaign=campaign, annotator=ana)  # loaded again before the first page's word arrives
    assert again is not None and again.pk == left.pk
    release_lease(token=str(left.token), annotator=ana, reason="left", unless_renewed=known)
    again.refresh_from_db()
    assert again.state == "active"
    release_lease(token=str(left.token), annotator=ana, reason="left", unless_renewed=again.expires_at)
    again.refresh_from_db()
    assert again.state == "released"


@pytest.mark.django_db
def test_two_people_who_call_the_imagery_unusable_take_the_tile_out_of_the_queue() -> None:
    campaign = scenes.campaign(tile_px=256, redundancy=3)
    scored_round(campaign, 1)
    for name in ("ana", "ben"):
        someone = scenes.person(name)
        lease = claim_next_tile(campaign=campaign, annotator=someone)
        assert lease is not None
        release_lease(token=str(lease.token), annotator=someone, reason="bad_imagery")
    assert Tile.objects.get(pk=lease.tile_id).state == "unusable"
    assert claim_next_tile(campaign=campaign, annotator=scenes.person("eve")) is None


@pytest.mark.django_db
def test_opening_a_round_voids_what_nobody_holds_and_keeps_what_someone_does() -> None:
    campaign = scenes.campaign(tile_px=256)
    scored_round(campaign, 5)
    ana = scenes.person("ana")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None
    scored_round(campaign, 5)
    old = Ticket.objects.get(pk=lease.ticket_id)
    assert old.state == "leased"
    states = Counter(old.round.tickets.values_list("state", flat=True))
    assert states == {"leased": 1, "void": 4}
    # The tile someone holds has no free slot, so the new round asks for the other four only.
    assert campaign.rounds.get(closed_at=None).tickets.count() == 4


@pytest.mark.django_db
def test_control_tiles_are_woven_in_at_the_share_asked() -> None:
    campaign = scenes.campaign(tile_px=128, control_share=0.25, first_round=12)
    kinds = list(campaign.tickets.order_by("rank").values_list("kind", flat=True))
    assert kinds.count("control") == 4  # one ticket in four: 12 pool tiles and 4 control tiles
    assert kinds[:4].count("control") == 1


@pytest.mark.django_db
def test_a_closed_campaign_gives_no_tile() -> None:
    campaign = scenes.campaign(tile_px=256)
    campaign.state = "closed"
    campaign.save()
    with pytest.raises(CampaignClosed):
        claim_next_tile(campaign=campaign, annotator=scenes.person("ana"))


@pytest.mark.django_db
def test_a_tile_can_be_picked_while_a_slot_is_free_and_not_in_the_hold_out_or_its_buffer() -> None:
    campaign = scenes.campaign(tile_px=256, redundancy=1)
    (row, col), *_ = pool_places(campaign, 1)
    ana, ben = scenes.person("ana"), scenes.person("ben")
    lease = pick_tile(campaign=campaign, annotator=ana, row=row, col=col)
    assert lease.ticket is not None and lease.tile.row == row
    with pytest.raises(NoFreeSlot):
        pick_tile(campaign=campaign, annotator=ben, row=row, col=col)
    holdout = campaign.tiles.filter(role="holdout").first()
    with pytest.raises(TileNotWorkable, match="control tile"):
        pick_tile(campaign=campaign, annotator=ben, row=holdout.row, col=holdout.col)


@pytest.mark.django_db
def test_the_database_refuses_a_second_ticket_for_a_slot_and_a_slot_above_the_redundancy() -> None:
    campaign = scenes.campaign(tile_px=256, redundancy=2)
    ticket = campaign.tickets.first()
    copy = {"campaign": campaign, "round": ticket.round, "tile": ticket.tile, "slots": 2, "kind": "random"}
    with pytest.raises(IntegrityError, match="ticket_slot_given_once"), transaction.atomic():
        Ticket.objects.create(rank=10_000, slot=ticket.slot, **copy)
    with pytest.raises(IntegrityError, match="ticket_slot_below_redundancy"), transaction.atomic():
        Ticket.objects.create(rank=10_001, slot=2, **copy)


@pytest.mark.django_db
def test_the_role_of_a_tile_never_changes() -> None:
    campaign = scenes.campaign(tile_px=256)
    tile = campaign.tiles.filter(role="holdout").first()
    with pytest.raises(IntegrityError, match="tile_role_is_final"), transaction.atomic():
        Tile.objects.filter(pk=tile.pk).update(role="pool")


THREADS, TILES, REDUNDANCY = 32, 200, 2


@pytest.mark.django_db(transaction=True)
def test_thirty_two_people_claiming_two_hundred_tiles_never_exceed_redundancy_nor_meet_a_tile_twice() -> None:
    """R6: 400 grants exactly; no tile over two people, none twice to one person, order follows the rank."""
    campaign = scenes.campaign(tile_px=128, redundancy=REDUNDANCY, layer=scenes.virtual_layer(width=8192, height=8192))
    scored_round(campaign, TILES)
    people = [scenes.person(f"p{number}") for number in range(THREADS)]
    grants: list[tuple[int, int, int, int]] = []  # (lease, rank, tile, person)
    guard, barrier = threading.Lock(), threading.Barrier(THREADS)
    failures: list[BaseException] = []

    def work(someone: Any) -> None:
        try:
            barrier.wait()
            while True:
                lease = claim_next_tile(campaign=campaign, annotator=someone)
                if lease is None:
                    return
                with guard:
                    assert lease.ticket is not None
                    grants.append((lease.pk, lease.ticket.rank, lease.tile_id, someone.pk))
                Ticket.objects.filter(pk=lease.ticket_id).update(state="done", leased_until=None)
                Lease.objects.filter(pk=lease.pk).update(state="done")
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(someone,)) for someone in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not failures, failures
    per_tile = Counter(tile for _, _, tile, _ in grants)
    assert len(per_tile) == TILES and set(per_tile.values()) == {REDUNDANCY}
    assert max(Counter((tile, who) for _, _, tile, who in grants).values()) == 1
    # At any moment at most 32 claims are under way, so a rank is granted at most 32 grants out of its turn; a
    # person who may not have a tile's second ticket passes over it, which widens the tail of the list only.
    # The database's order, not that in which threads got to note it; one that was kept from its work between choosing a
    # ticket and writing the lease comes late for that alone.
    grants.sort()
    regret = sorted(
        abs(position - rank) for position, (_, rank, _, _) in enumerate(grants[: len(grants) - 2 * THREADS])
    )
    assert regret[-THREADS] <= 2 * THREADS, regret[-THREADS:]


@pytest.mark.django_db(transaction=True)
def test_two_tabs_of_one_person_asking_at_once_receive_the_same_tile() -> None:
    campaign = scenes.campaign(tile_px=256)
    ana = scenes.person("ana")
    tiles: list[int] = []
    barrier = threading.Barrier(8)

    def ask() -> None:
        try:
            barrier.wait()
            lease = claim_next_tile(campaign=campaign, annotator=ana)
            assert lease is not None
            tiles.append(lease.tile_id)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(tiles) == 8 and len(set(tiles)) == 1


@pytest.mark.django_db
def test_leaving_ones_own_submitted_tile_never_gives_its_second_slot_to_oneself() -> None:
    campaign = scenes.campaign(tile_px=256, redundancy=2, control_share=0.0)
    ana = scenes.person("ana")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None
    hand_in(lease.tile, ana)
    again = pick_tile(campaign=campaign, annotator=ana, row=lease.tile.row, col=lease.tile.col)
    release_lease(token=str(again.token), annotator=ana, reason="left")
    pick_tile(campaign=campaign, annotator=ana, row=lease.tile.row, col=lease.tile.col)
    assert Ticket.objects.filter(tile=lease.tile, state__in=["leased", "done"]).count() == 1
    following = claim_next_tile(campaign=campaign, annotator=ana, ahead=True)
    assert following is not None and following.tile_id != lease.tile_id


@pytest.mark.django_db
def test_a_tile_with_a_slot_left_is_asked_for_again_and_a_full_one_is_not() -> None:
    campaign = scenes.campaign(tile_px=256, redundancy=2, control_share=0.0)
    ana, ben = scenes.person("ana"), scenes.person("ben")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None
    place = (lease.tile.row, lease.tile.col)
    hand_in(lease.tile, ana)
    assert place not in labelled_or_leased_tiles(campaign)
    pick_tile(campaign=campaign, annotator=ben, row=place[0], col=place[1])
    assert place in labelled_or_leased_tiles(campaign)


@pytest.mark.django_db
def test_a_tile_sent_back_and_left_alone_for_weeks_returns_to_the_queue(settings: Any) -> None:
    campaign = scenes.campaign(tile_px=256)
    ana, ben, rene = (scenes.person(name) for name in ("ana", "ben", "rene"))
    set_role(campaign=campaign, user=rene, role="reviewer")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None
    annotation = hand_in(lease.tile, ana)
    record_review(
        annotation_id=annotation.pk,
        reviewer=rene,
        verdict="send_back",
        reason="class",
        operation_id=uuid.uuid4(),
        expected_version=1,
    )
    assert reclaim_abandoned_tiles() == 0
    settings.RECLAIM_AFTER_DAYS = 0
    assert reclaim_abandoned_tiles() == 1
    wanted = [QueuedTile(row=lease.tile.row, col=lease.tile.col, kind="random")]
    open_queue_round(campaign=campaign, function="random", tickets=wanted, control_share=0.0)
    taken = claim_next_tile(campaign=campaign, annotator=ben)
    assert taken is not None and taken.tile_id == lease.tile_id
    late = pick_tile(campaign=campaign, annotator=ana, row=lease.tile.row, col=lease.tile.col)
    assert late.extra and Ticket.objects.get(pk=taken.ticket_id).leases.filter(state="active").count() == 1


def left_with_a_draft(campaign: Any, someone: Any) -> Lease:
    lease = claim_next_tile(campaign=campaign, annotator=someone)
    assert lease is not None
    save_annotation(
        tile=lease.tile, annotator=someone, features=[scenes.square(scenes.TWO_CLASSES[0], 0, 0, 10)],
        operation_id=uuid.uuid4(), expected_version=0,
    )  # fmt: skip
    release_lease(token=str(lease.token), annotator=someone, reason="left")
    return lease


@pytest.mark.django_db
def test_a_draft_that_was_left_is_taken_again_by_its_ticket_so_that_nobody_is_asked_beside_its_author() -> None:
    campaign = scenes.campaign(tile_px=256, control_share=0.0)
    ana, ben = scenes.person("ana"), scenes.person("ben")
    lease = left_with_a_draft(campaign, ana)
    again = pick_tile(campaign=campaign, annotator=ana, row=lease.tile.row, col=lease.tile.col)
    assert again.ticket is not None and again.ticket.state == "leased" and not again.extra
    other = claim_next_tile(campaign=campaign, annotator=ben)
    assert other is not None and other.tile_id != lease.tile_id


@pytest.mark.django_db
def test_a_draft_whose_ticket_went_to_somebody_else_goes_on_as_an_extra_contribution() -> None:
    campaign = scenes.campaign(tile_px=256, control_share=0.0)
    ana, ben = scenes.person("ana"), scenes.person("ben")
    lease = left_with_a_draft(campaign, ana)
    theirs = claim_next_tile(campaign=campaign, annotator=ben)
    assert theirs is not None and theirs.tile_id == lease.tile_id
    again = pick_tile(campaign=campaign, annotator=ana, row=lease.tile.row, col=lease.tile.col)
    assert again.extra and again.ticket is None
    done = [
        submit_annotation(tile=lease.tile, annotator=ana, operation_id=uuid.uuid4(), expected_version=1).annotation,
        hand_in(lease.tile, ben),
    ]
    assert [annotation.is_extra for annotation in done] == [True, False]
    following = claim_next_tile(campaign=campaign, annotator=ana)
    assert following is not None and following.tile_id != lease.tile_id, "what was handed in is done with"


def sent_back(annotation: Annotation, reviewer: Any) -> None:
    record_review(
        annotation_id=annotation.pk, reviewer=reviewer, verdict="send_back", reason="class",
        operation_id=uuid.uuid4(), expected_version=annotation.version,
    )  # fmt: skip


@pytest.mark.django_db
def test_work_of_somebody_who_lost_the_tile_and_was_sent_back_takes_the_ticket_that_is_free_again() -> None:
    campaign = scenes.campaign(tile_px=256, control_share=0.0)
    ana, ben, chloe, rene = (scenes.person(name) for name in ("ana", "ben", "chloe", "rene"))
    set_role(campaign=campaign, user=rene, role="reviewer")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None
    Lease.objects.filter(pk=lease.pk).update(expires_at=Now() - timedelta(hours=1))
    Ticket.objects.filter(pk=lease.ticket_id).update(leased_until=Now() - timedelta(hours=1))
    theirs = claim_next_tile(campaign=campaign, annotator=ben)
    assert theirs is not None and theirs.tile_id == lease.tile_id
    release_lease(token=str(theirs.token), annotator=ben, reason="skip")
    late = hand_in(lease.tile, ana)
    assert late.is_extra
    sent_back(late, rene)
    again = claim_next_tile(campaign=campaign, annotator=ana)
    assert again is not None and again.tile_id == lease.tile_id and not again.extra
    assert again.ticket is not None and again.ticket.state == "leased"
    other = claim_next_tile(campaign=campaign, annotator=chloe)
    assert other is not None and other.tile_id != lease.tile_id


@pytest.mark.django_db
def test_work_sent_back_that_was_passed_over_is_not_given_again() -> None:
    campaign = scenes.campaign(tile_px=256, control_share=0.0)
    ana, rene = scenes.person("ana"), scenes.person("rene")
    set_role(campaign=campaign, user=rene, role="reviewer")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None
    sent_back(hand_in(lease.tile, ana), rene)
    again = claim_next_tile(campaign=campaign, annotator=ana)
    assert again is not None and again.tile_id == lease.tile_id
    release_lease(token=str(again.token), annotator=ana, reason="cannot_tell")
    following = claim_next_tile(campaign=campaign, annotator=ana)
    assert following is not None and following.tile_id != lease.tile_id


@pytest.mark.django_db
def test_a_tile_withdrawn_and_left_is_not_given_to_its_author_a_second_time() -> None:
    campaign = scenes.campaign(tile_px=256, redundancy=2, control_share=0.0)
    ana = scenes.person("ana")
    lease = claim_next_tile(campaign=campaign, annotator=ana)
    assert lease is not None
    hand_in(lease.tile, ana)
    again = pick_tile(campaign=campaign, annotator=ana, row=lease.tile.row, col=lease.tile.col)
    save_annotation(
        tile=lease.tile, annotator=ana, features=[scenes.square(scenes.TWO_CLASSES[0], 0, 0, 12)],
        operation_id=uuid.uuid4(), expected_version=1,
    )  # fmt: skip
    release_lease(token=str(again.token), annotator=ana, reason="left")
    following = claim_next_tile(campaign=campaign, annotator=ana)
    assert following is not None and following.tile_id != lease.tile_id


@pytest.mark.django_db
def test_nobody_hoards_tiles_by_picking_them() -> None:
    campaign = scenes.campaign(tile_px=256)
    ana = scenes.person("ana")
    places = pool_places(campaign, 4)
    for row, col in places[:2]:
        pick_tile(campaign=campaign, annotator=ana, row=row, col=col)
    with pytest.raises(TooManyLeases, match="You hold 2 tiles"):
        pick_tile(campaign=campaign, annotator=ana, row=places[2][0], col=places[2][1])


@pytest.mark.django_db
def test_a_tile_leased_ahead_gives_way_to_one_that_is_picked() -> None:
    campaign = scenes.campaign(tile_px=256, control_share=0.0)
    ana = scenes.person("ana")
    claim_next_tile(campaign=campaign, annotator=ana)
    ahead = claim_next_tile(campaign=campaign, annotator=ana, ahead=True)
    assert ahead is not None
    held = set(Lease.objects.values_list("tile__row", "tile__col"))
    row, col = next(place for place in pool_places(campaign, 10) if place not in held)
    pick_tile(campaign=campaign, annotator=ana, row=row, col=col)
    assert Ticket.objects.get(pk=ahead.ticket_id).state == "open"


@pytest.mark.django_db
def test_control_tiles_come_in_a_seeded_random_order_and_are_not_retired_by_reports() -> None:
    campaign = scenes.campaign(tile_px=128, control_share=0.5, first_round=40, holdout_share=0.1, redundancy=3)
    controls = campaign.tickets.filter(kind="control", slot=0).order_by("rank")
    places = list(controls.values_list("tile__row", "tile__col"))
    assert len(places) > 20 and places != sorted(places)
    tile = controls[0].tile
    for name in ("ana", "ben"):
        someone = scenes.person(name)
        lease = Lease.objects.create(
            tile=tile, annotator=someone, granted_at="2026-01-01T00:00:00Z", expires_at="2026-01-01T00:00:00Z"
        )
        release_lease(token=str(lease.token), annotator=someone, reason="bad_imagery")
    tile.refresh_from_db()
    assert tile.state == "open"


@pytest.mark.django_db(transaction=True)
def test_whoever_claims_while_a_round_is_being_opened_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = scenes.campaign(tile_px=256, control_share=0.0)
    ana = scenes.person("ana")
    place, other = pool_places(campaign, 2)
    ben = scenes.person("ben")
    voided = threading.Event()
    write = rounds._write_tickets

    def slow(*arguments: Any) -> None:
        voided.set()
        time.sleep(1.0)
        write(*arguments)

    monkeypatch.setattr(rounds, "_write_tickets", slow)
    leases: list[Any] = []

    def claim() -> None:
        voided.wait(30)
        leases.append(claim_next_tile(campaign=campaign, annotator=ana))

    def pick() -> None:
        voided.wait(30)
        pick_tile(campaign=campaign, annotator=ben, row=other[0], col=other[1])

    wanted = [QueuedTile(row=place[0], col=place[1], kind="random")]
    failures = at_once(lambda: open_queue_round(campaign=campaign, function="random", tickets=wanted), claim, pick)
    assert failures == []
    assert leases[0] is not None and leases[0].ticket.round.number == 1


@pytest.mark.django_db(transaction=True)
def test_work_of_every_kind_at_once_meets_no_deadlock_and_keeps_the_queues_promises() -> None:
    """Claims, heartbeats, picks, leaving, submissions and a round opened in their midst."""
    campaign = scenes.campaign(tile_px=128, redundancy=REDUNDANCY, review_policy="none", control_share=0.0)
    places = scored_round(campaign, 30)
    people = [scenes.person(f"p{number}") for number in range(10)]

    def work(number: int) -> None:
        someone = people[number]
        for turn in range(200):
            lease = claim_next_tile(campaign=campaign, annotator=someone)
            if lease is None:
                return
            heartbeat_lease(token=str(lease.token), annotator=someone)
            if (turn + number) % 5 == 0:
                release_lease(token=str(lease.token), annotator=someone, reason="left")
                continue
            hand_in(lease.tile, someone)

    def reopen() -> None:
        time.sleep(0.5)
        open_queue_round(
            campaign=campaign,
            function="random",
            tickets=[QueuedTile(row=row, col=col, kind="random") for row, col in places],
            control_share=0.0,
        )

    failures = at_once(reopen, *[lambda number=number: work(number) for number in range(len(people))])
    assert failures == []
    done = Counter(Ticket.objects.filter(state="done").values_list("tile_id", flat=True))
    labels = Counter(Annotation.objects.filter(is_extra=False).values_list("tile_id", flat=True))
    assert len(done) == 30 and set(done.values()) == {REDUNDANCY}
    assert labels == done


@pytest.mark.django_db(transaction=True)
def test_a_round_opened_while_somebody_hands_a_tile_in_takes_locks_in_the_same_order() -> None:
    """The tile's row first, the mark after it: else each waits for what the other holds."""
    campaign = scenes.campaign(tile_px=256, control_share=0.0)
    [place, *_rest] = scored_round(campaign, 6)
    tile = campaign.tiles.get(row=place[0], col=place[1])
    holds, waits = threading.Event(), threading.Event()

    def hand_in_slowly() -> None:
        with transaction.atomic():
            Tile.objects.select_for_update(no_key=True).get(pk=tile.pk)
            holds.set()
            assert waits.wait(30)
            lower_mark(campaign, 3)

    def open_next() -> None:
        assert holds.wait(30)
        scored = [QueuedTile(row=row, col=col, kind="uncertainty", score=0.5) for row, col in pool_places(campaign, 6)]
        open_queue_round(campaign=campaign, function="entropy", tickets=scored, control_share=0.0)

    assert at_once(hand_in_slowly, open_next, lambda: until_somebody_waits(holds, waits)) == []
    assert campaign.rounds.count() == 3 and QueueMark.objects.get(campaign=campaign).open_rank == 0
