"""The record of the queue says what happened, also when the queue did not keep its order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import scenes
from django.db import DatabaseError, transaction
from django.utils import timezone

from annotation.models import Ticket, TileOffer
from annotation.services import leases, queue
from annotation.services.leases import release_lease
from annotation.services.queue import claim_next_tile
from annotation.services.queue_audit import QueueAudit, audit_queue
from annotation.services.queue_front import put_first
from annotation.services.queue_pick import pick_tile
from annotation.services.rounds import QueuedTile, open_queue_round
from annotation.services.tiles import pool_mask

pytestmark = pytest.mark.django_db


def ranked_campaign(tiles: int = 6, *, redundancy: int = 1, **options: Any) -> Any:
    campaign = scenes.campaign(control_share=0.0, redundancy=redundancy, **options)
    mask = pool_mask(campaign)
    places = [(row, col) for row in range(campaign.n_rows) for col in range(campaign.n_cols) if mask[row, col]]
    open_queue_round(
        campaign=campaign, function="entropy", model_version="m1", control_share=0.0, random_share=0.5,
        tickets=[
            QueuedTile(
                row=row, col=col, kind="random" if nth % 2 else "uncertainty", score=1.0 - nth / tiles,
                probability=0.25 if nth % 2 else None,
            )
            for nth, (row, col) in enumerate(places[:tiles])
        ],
    )  # fmt: skip
    return campaign


def audit(campaign: Any) -> QueueAudit:
    now = timezone.now()
    return audit_queue(campaign=campaign, since=now - timedelta(hours=1), until=now + timedelta(hours=1))


def take(campaign: Any, person: Any) -> Any:
    """Claim and be done with it."""
    lease = claim_next_tile(campaign=campaign, annotator=person)
    assert lease is not None
    leases.finish_lease(tile=lease.tile, annotator=person)
    return lease


def test_a_queue_that_keeps_its_order_passes_nothing_over_and_has_a_tau_of_one() -> None:
    campaign, ana = ranked_campaign(), scenes.person("ana")
    for _ in range(6):
        take(campaign, ana)
    (found,) = audit(campaign).rounds
    assert (found.number, found.function, found.model_version) == (1, "entropy", "m1")
    assert (found.offers, found.from_queue, found.in_turn, found.most_passed_over, found.order) == (6, 6, 6, 0, 1.0)
    assert (found.random_wanted, found.random_offered) == (0.5, 0.5)
    assert found.probabilities == (("random", 0.25, 3),)


def test_tiles_given_out_of_their_turn_are_counted_one_by_one() -> None:
    campaign, ana = ranked_campaign(), scenes.person("ana")
    backwards = lambda *_args, **_more: (  # noqa: E731
        Ticket.objects.filter(campaign=campaign, state="open").select_related("tile").order_by("-rank").first()
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue, "_next_ticket", backwards)
        for _ in range(6):
            take(campaign, ana)
    found = audit(campaign)
    assert [offer.rank for offer in found.offers] == [5, 4, 3, 2, 1, 0]
    assert [offer.passed_over for offer in found.offers] == [5, 4, 3, 2, 1, 0]
    assert (found.rounds[0].in_turn, found.rounds[0].most_passed_over, found.rounds[0].order) == (1, 5, -1.0)


def test_a_persons_own_tiles_a_chosen_one_and_one_given_back_are_not_held_against_the_order() -> None:
    campaign = ranked_campaign(tiles=3, redundancy=2)
    ana, ben = scenes.person("ana"), scenes.person("ben")
    for _ in range(3):  # each tile has two tickets, and a person gets each tile once
        take(campaign, ana)
    chosen = Ticket.objects.filter(state="open").order_by("-rank").select_related("tile").first()
    assert chosen is not None
    pick_tile(campaign=campaign, annotator=ben, row=chosen.tile.row, col=chosen.tile.col)
    lease = claim_next_tile(campaign=campaign, annotator=ben, ahead=True)
    assert lease is not None
    release_lease(token=str(lease.token), annotator=ben, reason="left")
    again = claim_next_tile(campaign=campaign, annotator=ben, ahead=True)
    assert again is not None and again.ticket_id == lease.ticket_id
    found = audit(campaign).offers
    assert [(offer.way, offer.again, offer.passed_over) for offer in found] == [
        ("queue", False, 0), ("queue", False, 0), ("queue", False, 0),
        ("chosen", False, None), ("queue", False, 0), ("queue", True, None),
    ]  # fmt: skip


def test_what_is_put_first_later_was_not_passed_over_before() -> None:
    campaign, ana, ben = ranked_campaign(), scenes.person("ana"), scenes.person("ben")
    take(campaign, ana)
    last = Ticket.objects.filter(state="open", kind="uncertainty").select_related("tile").order_by("-rank").first()
    assert last is not None
    assert put_first(campaign=campaign, places=[(last.tile.row, last.tile.col)], kind="area") == 1
    assert take(campaign, ben).ticket_id == last.pk
    take(campaign, ben)
    assert [(offer.rank, offer.passed_over) for offer in audit(campaign).offers] == [(0, 0), (-1, 0), (1, 0)]


def test_newcomers_get_the_far_end_and_are_counted_apart() -> None:
    campaign = ranked_campaign(newcomer_tiles=2)
    ana = scenes.person("ana")
    first = take(campaign, ana)
    assert first.ticket.rank == 5
    (found,) = audit(campaign).offers
    assert (found.newcomer, found.passed_over) == (True, None)


def test_offers_outside_the_period_are_left_out_but_remembered() -> None:
    campaign, ana = ranked_campaign(), scenes.person("ana")
    for _ in range(4):
        take(campaign, ana)
    third = TileOffer.objects.order_by("pk")[2].offered_at
    found = audit_queue(campaign=campaign, since=third, until=third + timedelta(hours=1))
    assert [(offer.rank, offer.passed_over) for offer in found.offers] == [(2, 0), (3, 0)]


def test_an_offer_is_never_changed() -> None:
    campaign, ana = ranked_campaign(), scenes.person("ana")
    take(campaign, ana)
    with pytest.raises(DatabaseError, match="append_only"), transaction.atomic():
        TileOffer.objects.update(rank=0)
