"""A ticket that asks for parts of a tile: what is drawn there alone is a contribution like any other."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import scenes
from asked_rows import ASKED, accept, asking_round, body_of, hand_in, held, in_parts
from gold_rows import GREEN, GREY
from rest_framework.test import APIClient

from annotation.api.presenters import correction_body
from annotation.core.stored_labels import class_index, label_rasters
from annotation.models import Lease, Ticket
from annotation.services.annotations import save_annotation
from annotation.services.asked import asked_of
from annotation.services.clock import database_now
from annotation.services.coverage import seen_tiles
from annotation.services.people import set_role
from annotation.services.queue_pick import pick_tile
from annotation.services.report_queue import queue_reported_tile
from annotation.services.reviews import record_review
from annotation.services.splitting import split_tile
from annotation.services.tiles import is_blind_tile
from learning.services.training_sets import freeze_training_set

pytestmark = pytest.mark.django_db

V1 = "/api/v1"


@pytest.fixture
def campaign() -> Any:
    made = scenes.campaign(tile_px=128, first_reviewed=0)
    asking_round(made)
    return made


def signed_in(user: Any) -> APIClient:
    client = APIClient()
    client.force_login(user)
    return client


# --- from claim to training set -------------------------------------------------------------------------------


def test_two_parts_are_claimed_drawn_reviewed_and_learnt_from_through_the_api(campaign: Any) -> None:
    client, desk = signed_in(scenes.person("ana")), scenes.person("rene")
    set_role(campaign=campaign, user=desk, role="reviewer")
    given = client.post(f"{V1}/campaigns/camp/claim/", {}, format="json").json()
    assert given["asked"] == [[64, 0, 32, 32], [0, 96, 32, 32]]
    assert given["why"]["pixel_score"] == "margin"
    tile = given["tile"]["id"]
    assert client.get(f"{V1}/tiles/{tile}/").json()["asked"] == given["asked"]
    drawn = in_parts(*ASKED)
    body = {"operation_id": str(uuid.uuid4()), "features": drawn, "seconds_spent": 20}
    url = f"{V1}/tiles/{tile}/annotation/"
    assert client.put(url, body, format="json", headers={"If-Match": '"0"'}).status_code == 200
    submitted = client.post(
        f"{url}submit/", {"operation_id": str(uuid.uuid4())}, format="json", headers={"If-Match": '"1"'}
    )
    assert submitted.status_code == 200 and submitted.json()["state"] == "submitted"
    waiting = signed_in(desk).get(f"{V1}/campaigns/camp/reviews/next/").json()
    assert waiting["asked"] == given["asked"]
    correction = signed_in(desk).get(f"{V1}/annotations/{waiting['annotation_id']}/correction/").json()
    assert correction["asked"] == given["asked"]
    verdict = {"operation_id": str(uuid.uuid4()), "verdict": "accept"}
    accepted = signed_in(desk).post(
        f"{V1}/annotations/{waiting['annotation_id']}/reviews/", verdict, format="json", headers={"If-Match": '"1"'}
    )
    assert accepted.json()["state"] == "accepted"
    assert Ticket.objects.exclude(state="void").get(tile=tile).state == "done"


def test_a_training_set_takes_what_was_drawn_in_the_parts_and_nothing_beside(campaign: Any) -> None:
    rene = scenes.person("rene")
    for name, code in (("ana", GREY), ("luc", GREEN)):
        accept(hand_in(held(campaign, scenes.person(name)), in_parts(*ASKED, code=code)), rene)
    frozen = freeze_training_set(campaign=campaign, actor=None, force=True)
    assert frozen.items.count() == 2
    values = class_index([GREY, GREEN])
    for item in frozen.items.select_related("revision"):
        [raster] = label_rasters([item.revision.features], tile_px=128, values=values)
        labelled = np.zeros((128, 128), np.bool_)
        labelled[0:32, 64:96] = labelled[96:128, 0:32] = True
        assert np.array_equal(raster > 0, labelled)


def test_work_sent_back_is_asked_for_the_same_parts_again(campaign: Any) -> None:
    ana, rene = scenes.person("ana"), scenes.person("rene")
    annotation = hand_in(held(campaign, ana), in_parts(ASKED[0]))
    set_role(campaign=campaign, user=rene, role="reviewer")
    record_review(
        annotation_id=annotation.pk, reviewer=rene, verdict="send_back", reason="incomplete", comment="",
        operation_id=uuid.uuid4(), expected_version=annotation.version,
    )  # fmt: skip
    again = held(campaign, ana)
    assert again.tile == annotation.tile and body_of(again)["asked"] == [list(one) for one in ASKED]


def test_whoever_goes_on_after_losing_the_tile_to_others_goes_on_with_the_same_parts(campaign: Any) -> None:
    ana = scenes.person("ana")
    lease = held(campaign, ana)
    tile = lease.tile
    saved = save_annotation(
        tile=tile, annotator=ana, features=in_parts(ASKED[0]), operation_id=uuid.uuid4(), expected_version=0
    )
    Lease.objects.filter(pk=lease.pk).update(expires_at=database_now() - timedelta(hours=1))
    Ticket.objects.filter(pk=lease.ticket_id).update(leased_until=database_now() - timedelta(hours=1))
    assert held(campaign, scenes.person("luc")).tile == tile
    extra = pick_tile(campaign=campaign, annotator=ana, row=tile.row, col=tile.col)
    assert extra.extra and extra.ticket is None
    assert body_of(extra)["asked"] == [list(one) for one in ASKED] == asked_of(saved.annotation)


def test_a_tile_whose_ticket_asks_for_no_parts_is_asked_for_whole() -> None:
    campaign = scenes.campaign(tile_px=128, first_round=2)
    lease = held(campaign, scenes.person("ana"))
    assert body_of(lease)["asked"] == []
    annotation = hand_in(lease, in_parts(ASKED[0]))
    assert asked_of(annotation) == [] and correction_body(annotation, None)["asked"] == []


def test_a_reported_place_is_asked_for_with_the_whole_tile_around_it(campaign: Any) -> None:
    tile = campaign.tickets.get(rank=0, round__number=1).tile
    queue_reported_tile(tile)
    lease = held(campaign, scenes.person("ana"))
    assert lease.tile == tile and body_of(lease)["why"]["kind"] == "reported" and body_of(lease)["asked"] == []


def test_blind_tiles_are_drawn_whole_since_their_parts_are_a_model_s_opinion() -> None:
    campaign = scenes.campaign(tile_px=128, blind_share=0.5, seed=4)
    asking_round(campaign, 20)
    tickets = list(campaign.tickets.filter(round__number=1).select_related("tile__campaign"))
    blind = [ticket for ticket in tickets if is_blind_tile(ticket.tile)]
    assert 0 < len(blind) < len(tickets)
    assert all((ticket.regions == []) == (ticket in blind) for ticket in tickets)


# --- split in four ----------------------------------------------------------------------------------------------


def test_each_quarter_is_asked_for_the_parts_that_lie_in_it_and_the_others_for_nothing(campaign: Any) -> None:
    lease = held(campaign, scenes.person("ana"))
    quarter = split_tile(tile=lease.tile, actor=lease.annotator, expected_version=0)
    assert quarter is not None and quarter.tile.part == 2 and not quarter.extra
    assert body_of(quarter)["asked"] == [[0, 0, 32, 32]]
    tickets = Ticket.objects.filter(tile__whole=lease.tile).exclude(state="void")
    assert dict(tickets.values_list("part", "regions")) == {2: [[0, 0, 32, 32]], 3: [[0, 32, 32, 32]]}


def test_a_quarter_begun_where_nothing_is_asked_for_is_asked_for_around_what_was_drawn_and_comes_later(
    campaign: Any,
) -> None:
    lease = held(campaign, scenes.person("ana"))
    Ticket.objects.filter(pk=lease.ticket_id).update(slots=2)
    other = Ticket.objects.get(pk=lease.ticket_id)
    other.pk, other.rank, other.slot, other.state, other.leased_until = None, other.rank + 100, 1, "open", None
    other.save()
    save_annotation(
        tile=lease.tile, annotator=lease.annotator, features=in_parts((2, 3, 40, 30)), operation_id=uuid.uuid4(),
        expected_version=0,
    )  # fmt: skip
    quarter = split_tile(tile=lease.tile, actor=lease.annotator, expected_version=1)
    assert quarter is not None and not quarter.extra
    assert quarter.tile.part == 2, "they go on where something is asked for, though all they drew is elsewhere"
    assert body_of(quarter)["asked"] == [[0, 0, 32, 32]]
    tickets = Ticket.objects.filter(tile__whole=lease.tile).exclude(state="void").order_by("rank", "part")
    asked = [(2, [[0, 0, 32, 32]]), (3, [[0, 32, 32, 32]])]
    # Nobody else is asked for ground that one person happened to draw on.
    assert list(tickets.values_list("part", "regions")) == [(1, [[2, 3, 40, 30]]), *asked, *asked]
    hand_in(quarter, in_parts((0, 0, 8, 8)))
    begun = held(campaign, lease.annotator)
    assert begun.tile.part == 1 and body_of(begun)["asked"] == [[2, 3, 40, 30]] and not begun.extra
    assert len(body_of(begun)["annotation"]["features"]) == 1


# --- what is counted ----------------------------------------------------------------------------------------------


def test_a_tile_labelled_in_parts_is_not_shown_as_ground_that_people_have_seen(campaign: Any) -> None:
    rene = scenes.person("rene")
    lease = held(campaign, scenes.person("ana"))
    accept(hand_in(lease, in_parts(*ASKED)), rene)
    seen = seen_tiles(campaign)
    assert not seen.labelled.any() and seen.in_part.sum() == 1 and seen.in_part[lease.tile.row, lease.tile.col]
    Lease.objects.filter(pk=lease.pk).update(asked=[])
    assert seen_tiles(campaign).labelled.sum() == 1 and not seen_tiles(campaign).in_part.any()
