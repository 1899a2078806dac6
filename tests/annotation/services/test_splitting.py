"""A tile too heavy for one sitting is given out in quarters; nothing drawn is lost and nobody is asked too often."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import scenes
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.test import Client
from queue_rows import at_once, hand_in, pool_places, scored_round
from report_rows import point_in, report

from annotation.core.quarters import on_whole
from annotation.core.validity import VALID_CELL_PX
from annotation.errors import (
    CannotSplit,
    InvalidFeature,
    LeaseLost,
    NoFreeSlot,
    NotClaimed,
    NotTrustedYet,
    QuarterWithoutImagery,
    StaleRevision,
    StaysWhole,
    TileIsSplit,
    TileNotWorkable,
    TooManyThisHour,
    VersionRequired,
)
from annotation.models import Annotation, GoldTile, Lease, QueueMark, Standing, Ticket, Tile, TileOffer
from annotation.services import gold, queue
from annotation.services.annotations import save_annotation, submit_annotation
from annotation.services.coverage import seen_tiles
from annotation.services.leases import heartbeat_lease, release_lease
from annotation.services.newcomers import is_newcomer
from annotation.services.people import set_role
from annotation.services.queue import claim_next_tile
from annotation.services.queue_audit import audit_queue
from annotation.services.queue_front import put_first
from annotation.services.queue_pick import pick_tile
from annotation.services.reviews import record_review
from annotation.services.rounds import QueuedTile, labelled_or_leased_tiles, open_queue_round
from annotation.services.splitting import split_tile
from annotation.services.tiles import pool_mask
from annotation.services.validation_queue import claim_tile_to_validate

GREY, GREEN = scenes.TWO_CLASSES
SIDE = 128  # pixels of a whole tile here


@pytest.fixture
def campaign(db: None) -> Any:
    return scenes.campaign(tile_px=SIDE, first_reviewed=0)


def held(campaign: Any, someone: Any) -> Lease:
    lease = claim_next_tile(campaign=campaign, annotator=someone)
    assert lease is not None
    return lease


def save(tile: Tile, someone: Any, *features: dict[str, Any], version: int = 0) -> Annotation:
    saved = save_annotation(
        tile=tile, annotator=someone, features=list(features), operation_id=uuid.uuid4(), expected_version=version
    )
    return saved.annotation


def split(lease: Lease, someone: Any, version: int = 0) -> Lease:
    found = split_tile(tile=lease.tile, actor=someone, expected_version=version)
    assert found is not None
    return found


def accept(annotation: Annotation, reviewer: Any) -> None:
    record_review(
        annotation_id=annotation.pk, reviewer=reviewer, verdict="accept", operation_id=uuid.uuid4(),
        expected_version=annotation.version,
    )  # fmt: skip


def reviewer_of(campaign: Any, role: str = "reviewer") -> Any:
    someone = scenes.person(role)
    set_role(campaign=campaign, user=someone, role=role)
    return someone


# --- the queue ----------------------------------------------------------------------------------------------


def test_each_ticket_of_a_tile_becomes_four_at_its_rank_and_the_holder_goes_on_with_a_quarter(db: None) -> None:
    campaign = scenes.campaign(tile_px=SIDE, redundancy=2, first_reviewed=0)
    scored_round(campaign, 40)
    ana = scenes.person("ana")
    whole = held(campaign, ana)
    ranks = set(whole.tile.tickets.exclude(state="void").values_list("rank", flat=True))
    mine = split(whole, ana)
    assert (mine.tile.part, mine.tile.whole_id, mine.tile.row, mine.tile.col) == (
        1, whole.tile_id, whole.tile.row, whole.tile.col,
    )  # fmt: skip
    assert set(whole.tile.tickets.values_list("state", flat=True)) == {"void"}
    quarters = Ticket.objects.filter(tile__whole=whole.tile)
    assert Counter(quarters.values_list("part", flat=True)) == {1: 2, 2: 2, 3: 2, 4: 2}
    assert Counter(quarters.values_list("rank", flat=True)) == dict.fromkeys(ranks, 4)
    assert set(quarters.values_list("kind", "score")) == {("uncertainty", 1.0)}
    assert list(quarters.filter(state="leased").values_list("pk", "part")) == [(mine.ticket_id, 1)]
    with pytest.raises(LeaseLost):
        heartbeat_lease(token=str(whole.token), annotator=ana)


def test_quarters_are_given_before_what_comes_after_their_tile_to_whoever_asks_and_to_the_same_person_again(
    campaign: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "MARK_STRIDE", 1)
    scored_round(campaign, 10)
    ana, ben = scenes.person("ana"), scenes.person("ben")
    whole = held(campaign, ana)
    for number in range(4):
        held(campaign, scenes.person(f"before-{number}"))
    assert QueueMark.objects.get(campaign=campaign).open_rank > 0
    first = split(whole, ana)
    second = held(campaign, ben)
    hand_in(first.tile, ana)
    third = held(campaign, ana)
    assert [(one.tile.whole_id, one.tile.part) for one in (first, second, third)] == [
        (whole.tile_id, part) for part in (1, 2, 3)
    ]
    hand_in(third.tile, ana)
    fourth = held(campaign, ana)
    hand_in(fourth.tile, ana)
    assert fourth.tile.part == 4 and held(campaign, ana).ticket.rank == 5  # type: ignore[union-attr]


def test_the_audit_of_the_queue_finds_nothing_passed_over_where_a_tile_was_split(campaign: Any) -> None:
    scored_round(campaign, 10)
    people = [scenes.person(f"p{number}") for number in range(6)]
    whole = held(campaign, people[0])
    held(campaign, people[1])
    split(whole, people[0])
    for someone in people[2:]:
        held(campaign, someone)
    offers = TileOffer.objects.order_by("pk")
    first, last = offers[0].offered_at, offers.last().offered_at  # type: ignore[union-attr]
    [found] = audit_queue(campaign=campaign, since=first, until=last + timedelta(seconds=1)).rounds
    assert (found.offers, found.from_queue, found.in_turn, found.most_passed_over) == (7, 6, 6, 0)


def test_whoever_passed_the_tile_over_is_not_asked_for_a_quarter_of_it(campaign: Any) -> None:
    scored_round(campaign, 4)
    ana, ben = scenes.person("ana"), scenes.person("ben")
    skipped = held(campaign, ben)
    release_lease(token=str(skipped.token), annotator=ben, reason="cannot_tell")
    whole = held(campaign, ana)
    assert whole.tile_id == skipped.tile_id
    split(whole, ana)
    assert held(campaign, ben).tile.whole_id is None


def test_a_new_round_asks_for_the_quarters_that_are_left_at_one_rank(campaign: Any) -> None:
    places = scored_round(campaign, 6)
    ana, reviewer = scenes.person("ana"), reviewer_of(campaign)
    first = split(held(campaign, ana), ana)
    accept(hand_in(first.tile, ana), reviewer)
    second = held(campaign, ana)
    assert places[0] not in labelled_or_leased_tiles(campaign)
    open_queue_round(
        campaign=campaign, function="entropy", model_version="m2", control_share=0.0,
        tickets=[QueuedTile(row=row, col=col, kind="uncertainty") for row, col in places[::-1]],
    )  # fmt: skip
    asked = Ticket.objects.filter(tile__whole=first.tile.whole_id, state="open")
    assert list(asked.order_by("part").values_list("rank", "part")) == [(5, 3), (5, 4)]
    assert campaign.tickets.filter(state="open", part=0).count() == 5
    for part in (3, 4):
        pick_tile(campaign=campaign, annotator=scenes.person(f"p{part}"), row=places[0][0], col=places[0][1], part=part)
    assert second.tile.part == 2 and places[0] in labelled_or_leased_tiles(campaign)


def test_a_priority_area_brings_waiting_quarters_forward(campaign: Any) -> None:
    places = scored_round(campaign, 6)
    ana = scenes.person("ana")
    quarter = split(held(campaign, ana), ana)
    put_first(campaign=campaign, places=[places[3], places[0]], kind="area")
    order = campaign.tickets.filter(state="open").order_by("rank", "part").values_list("tile__row", "tile__col", "part")
    assert list(order[:4]) == [(*places[3], 0), (*places[0], 2), (*places[0], 3), (*places[0], 4)]
    assert Ticket.objects.filter(tile=quarter.tile).exclude(state="void").count() == 1


def test_on_the_map_a_split_tile_gives_the_quarter_one_began_or_the_first_that_is_free(campaign: Any) -> None:
    places = scored_round(campaign, 4)
    row, col = places[0]
    ana, ben = scenes.person("ana"), scenes.person("ben")
    split(held(campaign, ana), ana)
    chosen = pick_tile(campaign=campaign, annotator=ben, row=row, col=col)
    assert chosen.tile.part == 2
    save(chosen.tile, ben, scenes.square(GREY, 0, 0, 4))
    release_lease(token=str(chosen.token), annotator=ben, reason="left")
    third = pick_tile(campaign=campaign, annotator=scenes.person("cai"), row=row, col=col)
    again = pick_tile(campaign=campaign, annotator=ben, row=row, col=col, part=4)
    assert (third.tile.part, again.tile.part) == (2, 4)
    release_lease(token=str(third.token), annotator=third.annotator, reason="left")
    release_lease(token=str(again.token), annotator=ben, reason="left")
    assert pick_tile(campaign=campaign, annotator=ben, row=row, col=col).tile.part == 2


def test_a_model_s_drawing_of_a_split_tile_is_not_given_to_be_judged(campaign: Any) -> None:
    scored_round(campaign, 1)
    ana, ben = scenes.person("ana"), scenes.person("ben")
    lease = held(campaign, ana)
    judging = claim_tile_to_validate(campaign=campaign, annotator=ben, model_version="m1")
    assert judging is not None and judging.tile_id == lease.tile_id
    release_lease(token=str(judging.token), annotator=ben, reason="left")
    split(lease, ana)
    assert claim_tile_to_validate(campaign=campaign, annotator=ben, model_version="m1") is None


# --- what was drawn -----------------------------------------------------------------------------------------


def test_what_the_holder_drew_waits_for_them_in_each_quarter_and_they_go_on_where_most_of_it_lies(
    campaign: Any,
) -> None:
    scored_round(campaign, 6)
    ana, ben = scenes.person("ana"), scenes.person("ben")
    whole = held(campaign, ana)
    across = scenes.square(GREY, 40, 40, 40, "across")
    pond = {"id": "pond", "class_code": GREEN, "provenance": "segment",
            "rings": [[[720, 800], [800, 720], [880, 800], [880, 880], [800, 900]]]}  # fmt: skip
    draft = save(whole.tile, ana, across, pond)
    mine = split(whole, ana, version=1)
    draft.refresh_from_db()
    assert draft.state == "split" and mine.tile.part == 4
    drafts = {one.tile.part: one for one in Annotation.objects.filter(tile__whole=whole.tile).select_related("head")}
    assert {part: [(f["id"], f["provenance"]) for f in one.head.features] for part, one in drafts.items()} == {  # type: ignore[union-attr]
        1: [("across", "drawn")], 2: [("across", "drawn")], 3: [("across", "drawn")],
        4: [("across", "drawn"), ("pond", "segment")],
    }  # fmt: skip
    back = [
        feature
        for part, one in drafts.items()
        for feature in on_whole(one.head.features, part=part, tile_px=SIDE)  # type: ignore[union-attr]
        if feature["id"] == "across"
    ]
    corners = {tuple(vertex) for feature in back for vertex in feature["rings"][0]}
    assert corners == {(x * 8, y * 8) for x in (40, 64, 80) for y in (40, 64, 80)}
    assert {(one.annotator_id, one.created_at) for one in drafts.values()} == {(ana.pk, draft.created_at)}
    assert (held(campaign, ben).tile.part, Annotation.objects.filter(annotator=ben).count()) == (0, 0), "all are kept"
    own = save(drafts[2].tile, ana, *drafts[2].head.features, scenes.square(GREEN, 0, 0, 4), version=1)  # type: ignore[union-attr]
    assert own.version == 2, "a quarter that was not come to yet can be saved"
    with pytest.raises(TileIsSplit):
        save(whole.tile, ana, across, version=1)


def test_quarters_that_hold_one_s_draft_are_kept_for_a_week_and_come_next(campaign: Any) -> None:
    places = scored_round(campaign, 4)
    row, col = places[0]
    ana, ben = scenes.person("ana"), scenes.person("ben")
    whole = held(campaign, ana)
    save(whole.tile, ana, scenes.square(GREY, 40, 0, 40))  # over the line between the upper two
    mine = split(whole, ana, version=1)
    assert mine.tile.part == 1
    theirs = [held(campaign, scenes.person(f"p{number}")).tile for number in range(3)]
    assert [(one.row, one.col, one.part) for one in theirs] == [(row, col, 3), (row, col, 4), (*places[1], 0)]
    with pytest.raises(NoFreeSlot):
        pick_tile(campaign=campaign, annotator=ben, row=row, col=col, part=2)
    ahead = claim_next_tile(campaign=campaign, annotator=ana, ahead=True)
    assert ahead is not None and ahead.tile.part == 2 and ahead.ticket is not None
    hand_in_saved(mine.tile, ana)
    after = held(campaign, ana)
    assert after.pk == ahead.pk and after.ticket is not None
    assert (after.state, after.ticket.state, after.extra) == ("active", "leased", False)
    assert hand_in_saved(after.tile, ana).is_extra is False
    assert set(Ticket.objects.filter(part__in=[1, 2]).values_list("state", flat=True)) == {"done"}


def test_a_begun_quarter_that_was_only_made_ready_stays_kept_when_the_page_is_left(campaign: Any) -> None:
    places = scored_round(campaign, 4)
    ana = scenes.person("ana")
    whole = held(campaign, ana)
    save(whole.tile, ana, scenes.square(GREY, 40, 0, 40), scenes.square(GREEN, 0, 80, 20))
    split(whole, ana, version=1)
    kept = Ticket.objects.filter(part__in=[2, 3])
    long = Now() + timedelta(days=6)
    assert kept.filter(state="leased", leased_until__gt=long).count() == 2
    for _asked in range(2):  # the second time it is renewed
        ahead = claim_next_tile(campaign=campaign, annotator=ana, ahead=True)
        assert ahead is not None and ahead.tile.part == 2
    assert kept.filter(state="leased", leased_until__gt=long).count() == 2
    other = pick_tile(campaign=campaign, annotator=ana, row=places[2][0], col=places[2][1])
    ahead.refresh_from_db()
    assert (other.state, ahead.state) == ("active", "kept"), "what was made ready gives way to what is chosen"
    release_lease(token=str(other.token), annotator=ana, reason="left")
    again = claim_next_tile(campaign=campaign, annotator=ana, ahead=True)
    assert again is not None and again.pk == ahead.pk
    release_lease(token=str(again.token), annotator=ana, reason="left")
    assert kept.filter(state="leased", leased_until__gt=long).count() == 2
    assert held(campaign, ana).tile.part == 1, "the one they came to is the one at work"


def test_a_quarter_kept_for_somebody_who_stays_away_is_given_to_another_and_their_draft_becomes_an_extra(
    campaign: Any,
) -> None:
    row, col = scored_round(campaign, 1)[0]
    ana, ben = scenes.person("ana"), scenes.person("ben")
    whole = held(campaign, ana)
    save(whole.tile, ana, scenes.square(GREY, 40, 0, 40))
    hand_in_saved(split(whole, ana, version=1).tile, ana)
    Ticket.objects.filter(part=2).update(leased_until=Now() - timedelta(minutes=1))
    theirs = held(campaign, ben)
    assert theirs.tile.part == 2
    again = pick_tile(campaign=campaign, annotator=ana, row=row, col=col, part=2)
    assert again.extra and again.ticket is None and Lease.objects.get(pk=theirs.pk).state == "active"
    assert hand_in_saved(again.tile, ana).is_extra is True
    assert hand_in(theirs.tile, ben).is_extra is False


def test_a_shape_outside_of_the_quarter_is_refused_with_its_place(campaign: Any) -> None:
    scored_round(campaign, 2)
    ana = scenes.person("ana")
    mine = split(held(campaign, ana), ana)
    with pytest.raises(InvalidFeature, match="outside the tile, which spans 0 to 512"):
        save(mine.tile, ana, scenes.square(GREY, 60, 0, 8))


def test_who_kept_drawing_on_a_whole_that_lapsed_is_kept_apart(campaign: Any) -> None:
    scored_round(campaign, 3)
    ana, ben = scenes.person("ana"), scenes.person("ben")
    silent = held(campaign, ben)
    Lease.objects.filter(pk=silent.pk).update(expires_at=Now() - timedelta(hours=1))
    Ticket.objects.filter(pk=silent.ticket_id).update(leased_until=Now() - timedelta(hours=1))
    mine = split(held(campaign, ana), ana)
    assert mine.tile.whole_id == silent.tile_id
    extra = hand_in(silent.tile, ben)
    silent.tile.refresh_from_db()
    assert extra.is_extra and silent.tile.state == "open"


# --- what stands in the way ---------------------------------------------------------------------------------


def test_a_tile_stays_whole_while_somebody_else_is_at_work_on_it_or_has_drawn_there(db: None) -> None:
    campaign = scenes.campaign(tile_px=SIDE, redundancy=2, first_reviewed=0)
    row, col = pool_places(campaign, 1)[0]
    ana, ben = scenes.person("ana"), scenes.person("ben")
    mine, theirs = (pick_tile(campaign=campaign, annotator=one, row=row, col=col) for one in (ana, ben))
    with pytest.raises(CannotSplit):
        split(mine, ana)
    save(theirs.tile, ben, scenes.square(GREY, 0, 0, 4))
    release_lease(token=str(theirs.token), annotator=ben, reason="left")
    with pytest.raises(CannotSplit):
        split(mine, ana)
    assert (
        not Tile.objects.filter(part__gt=0).exists()
        and Ticket.objects.exclude(state="void").filter(tile=mine.tile).count() == 2
    )


def test_a_gold_tile_is_refused_in_the_very_words_in_which_others_are(db: None) -> None:
    campaign = scenes.campaign(tile_px=SIDE, first_reviewed=0)
    scored_round(campaign, 3)
    ana, ben, maintainer = scenes.person("ana"), scenes.person("ben"), reviewer_of(campaign, "maintainer")
    labels = hand_in(held(campaign, ana).tile, ana)
    accept(labels, maintainer)
    gold.mark_gold(campaign=campaign, annotation_id=labels.pk, actor=maintainer)
    looked_up = pick_tile(campaign=campaign, annotator=ben, row=labels.tile.row, col=labels.tile.col)
    begun = held(campaign, ana)
    save(begun.tile, ana, scenes.square(GREY, 0, 0, 4))
    release_lease(token=str(begun.token), annotator=ana, reason="left")
    after_ana = pick_tile(campaign=campaign, annotator=ben, row=begun.tile.row, col=begun.tile.col)
    refused = []
    for lease in (looked_up, after_ana):
        with pytest.raises(CannotSplit) as found:
            split(lease, ben)
        refused.append((found.value.code, str(found.value), found.value.details))
    assert refused[0] == refused[1]
    with pytest.raises(IntegrityError, match="gold_in_quarters"), transaction.atomic():
        Tile.objects.create(
            campaign=campaign, row=labels.tile.row, col=labels.tile.col, part=1, whole=labels.tile, role="pool",
            footprint=labels.tile.footprint,
        )  # fmt: skip
    assert GoldTile.objects.get().tile_id == labels.tile_id


def test_a_quarter_becomes_no_gold_tile_and_is_not_split_again(campaign: Any) -> None:
    scored_round(campaign, 3)
    ana, maintainer = scenes.person("ana"), reviewer_of(campaign, "maintainer")
    mine = split(held(campaign, ana), ana)
    with pytest.raises(TileIsSplit, match="quarter already"):
        split_tile(tile=mine.tile, actor=ana, expected_version=0)
    labels = hand_in(mine.tile, ana)
    accept(labels, maintainer)
    with pytest.raises(TileNotWorkable, match="split in four"):
        gold.mark_gold(campaign=campaign, annotation_id=labels.pk, actor=maintainer)


def test_work_handed_in_reported_places_and_labels_saved_elsewhere_since_keep_a_tile_whole(campaign: Any) -> None:
    scored_round(campaign, 6)
    ana = scenes.person("ana")
    lease = held(campaign, ana)
    with pytest.raises(VersionRequired):
        split_tile(tile=lease.tile, actor=ana, expected_version=None)
    save(lease.tile, ana, scenes.square(GREY, 0, 0, 10))
    with pytest.raises(StaleRevision):
        split(lease, ana, version=0)
    report(lease.tile)
    with pytest.raises(StaysWhole, match="reported a place"):
        split(lease, ana, version=1)
    done = hand_in_saved(lease.tile, ana)
    again = pick_tile(campaign=campaign, annotator=ana, row=done.tile.row, col=done.tile.col)
    with pytest.raises(StaysWhole, match="handed this tile in"):
        split(again, ana, version=1)


def hand_in_saved(tile: Tile, someone: Any) -> Annotation:
    return submit_annotation(tile=tile, annotator=someone, operation_id=uuid.uuid4(), expected_version=1).annotation


def test_only_the_holder_or_a_maintainer_splits_a_tile(campaign: Any) -> None:
    scored_round(campaign, 4)
    ana, maintainer = scenes.person("ana"), reviewer_of(campaign, "maintainer")
    lease = held(campaign, ana)
    release_lease(token=str(lease.token), annotator=ana, reason="left")
    for someone in (ana, reviewer_of(campaign)):
        with pytest.raises(NotClaimed):
            split(lease, someone)
    assert split_tile(tile=lease.tile, actor=maintainer, expected_version=0) is None
    assert Ticket.objects.filter(tile__whole=lease.tile, state="open").count() == 4
    with pytest.raises(TileIsSplit):
        split_tile(tile=lease.tile, actor=maintainer, expected_version=0)
    assert held(campaign, ana).tile.whole_id == lease.tile_id


def test_a_maintainer_who_drew_on_a_tile_and_passed_it_over_may_split_it(campaign: Any) -> None:
    scored_round(campaign, 2)
    maintainer = reviewer_of(campaign, "maintainer")
    lease = held(campaign, maintainer)
    save(lease.tile, maintainer, scenes.square(GREY, 0, 0, 8))
    release_lease(token=str(lease.token), annotator=maintainer, reason="skip")
    assert split_tile(tile=lease.tile, actor=maintainer, expected_version=1) is None
    had = Lease.objects.filter(annotator=maintainer, tile__whole=lease.tile).order_by("tile__part")
    assert list(had.values_list("tile__part", "release_reason")) == [(1, "left"), (2, "skip"), (3, "skip"), (4, "skip")]


def test_a_request_that_comes_twice_answers_with_the_same_quarter(campaign: Any) -> None:
    scored_round(campaign, 4)
    ana = scenes.person("ana")
    lease = held(campaign, ana)
    assert split(lease, ana).pk == split(lease, ana).pk
    assert Tile.objects.filter(whole=lease.tile).count() == 4


# --- state, roles, reports ----------------------------------------------------------------------------------


def test_a_split_tile_is_accepted_once_all_its_quarters_are_and_seen_no_sooner(campaign: Any) -> None:
    scored_round(campaign, 1)
    ana, reviewer = scenes.person("ana"), reviewer_of(campaign)
    lease = split(held(campaign, ana), ana)
    whole = lease.tile.whole
    assert whole is not None
    states = []
    for _quarter in range(4):
        labels = hand_in(lease.tile, ana)
        whole.refresh_from_db()
        states.append(whole.state)
        accept(labels, reviewer)
        whole.refresh_from_db()
        states.append(whole.state)
        assert seen_tiles(campaign).labelled.sum() == (len(states) == 8)
        lease = claim_next_tile(campaign=campaign, annotator=ana) or lease
    assert states == ["open"] * 6 + ["submitted", "accepted"]


def test_two_who_call_a_quarter_s_imagery_unusable_retire_it_alone(campaign: Any) -> None:
    scored_round(campaign, 1)
    ana, ben, cai = (scenes.person(name) for name in ("ana", "ben", "cai"))
    first = split(held(campaign, ana), ana)
    for someone in (ben, cai):
        lease = pick_tile(campaign=campaign, annotator=someone, row=first.tile.row, col=first.tile.col, part=2)
        release_lease(token=str(lease.token), annotator=someone, reason="bad_imagery")
    quarters = Tile.objects.filter(whole=first.tile.whole)
    assert dict(quarters.values_list("part", "state")) == {1: "open", 2: "unusable", 3: "open", 4: "open"}
    assert Tile.objects.get(pk=first.tile.whole_id).state == "open"


def test_quarters_of_a_control_tile_are_control_tiles_by_rule_of_the_database(campaign: Any) -> None:
    ana, maintainer = scenes.person("ana"), reviewer_of(campaign, "maintainer")
    control = campaign.tiles.filter(role="holdout").first()
    assert split_tile(tile=control, actor=maintainer, expected_version=0) is None
    quarters = Tile.objects.filter(whole=control)
    assert set(quarters.values_list("role", "inclusion_probability")) == {("holdout", control.inclusion_probability)}
    with pytest.raises(TileNotWorkable):
        pick_tile(campaign=campaign, annotator=ana, row=control.row, col=control.col)
    row, col = pool_places(campaign, 1)[0]
    other = pick_tile(campaign=campaign, annotator=ana, row=row, col=col).tile
    quarter = {"campaign": campaign, "row": row, "col": col, "footprint": other.footprint}
    for wrong in (
        {"whole": other, "role": "holdout", "inclusion_probability": 0.1},
        {"whole": control, "role": "pool"},
    ):
        with pytest.raises(IntegrityError, match="quarter_of_other_tile"), transaction.atomic():
            Tile.objects.create(**quarter, part=1, **wrong)
    with pytest.raises(IntegrityError, match="ticket_of_split_tile"), transaction.atomic():
        Ticket.objects.create(
            campaign=campaign, round=campaign.rounds.get(), rank=10**6, tile=control, slot=0, slots=1, kind="picked"
        )


def test_a_place_reported_after_the_split_puts_its_quarter_first(campaign: Any) -> None:
    scored_round(campaign, 6)
    ana = scenes.person("ana")
    lease = held(campaign, ana)
    split(lease, ana)
    found = report(lease.tile, place=point_in(lease.tile, 0.75, 0.25))
    assert (found.tile.whole_id, found.tile.part) == (lease.tile_id, 2)
    first = held(campaign, scenes.person("ben"))
    assert first.tile_id == found.tile_id and first.ticket.kind == "reported"  # type: ignore[union-attr]


# --- at once ------------------------------------------------------------------------------------------------


def test_newcomers_do_not_split_and_others_only_so_often_an_hour_whatever_they_are_answered(
    campaign: Any, settings: Any
) -> None:
    places = scored_round(campaign, 8)
    ana, ben = scenes.person("ana"), scenes.person("ben")
    lease = held(campaign, ana)
    lease.tile.campaign = campaign
    campaign.first_reviewed = 3
    campaign.save()
    with pytest.raises(NotTrustedYet):
        split(lease, ana)
    campaign.first_reviewed = 0
    campaign.save()
    settings.HOURLY_LIMITS = settings.HOURLY_LIMITS | {"split": (2, 2, 5)}
    save(lease.tile, ben_on(lease, ben), scenes.square(GREY, 0, 0, 8))
    for _refused in range(2):
        with pytest.raises(CannotSplit):
            split(lease, ana)
    release_lease(token=str(lease.token), annotator=ana, reason="left")
    other = pick_tile(campaign=campaign, annotator=ana, row=places[3][0], col=places[3][1])
    with pytest.raises(TooManyThisHour, match="2 in this hour, of 2"):
        split(other, ana)
    assert Tile.objects.filter(part__gt=0).count() == 0


def ben_on(lease: Lease, ben: Any) -> Any:
    """Ben had the tile before, and what he still sends is kept."""
    Lease.objects.create(
        tile=lease.tile, annotator=ben, state="released", release_reason="left",
        granted_at=lease.granted_at, expires_at=lease.granted_at,
    )  # fmt: skip
    return ben


def test_a_tile_with_a_quarter_that_shows_hardly_any_imagery_stays_whole(campaign: Any) -> None:
    row, col = scored_round(campaign, 1)[0]
    lease = held(campaign, scenes.person("ana"))
    size = -(-campaign.layer.width // VALID_CELL_PX)
    cells = np.full((size, size), 255, dtype=np.uint8)
    cells[SIDE * (2 * row + 1) // 2 // VALID_CELL_PX, SIDE * col // VALID_CELL_PX] = 120  # the lower left, 47 %
    path = campaign.layer.path("valid.npy")
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, cells)
    with pytest.raises(QuarterWithoutImagery):
        split(lease, lease.annotator)
    np.save(path, np.full_like(cells, 130))
    assert split(lease, lease.annotator).tile.part > 0


def test_a_holder_who_has_saved_nothing_cannot_save_on_the_whole_afterwards(campaign: Any, client: Client) -> None:
    scored_round(campaign, 1)
    ana = scenes.person("ana")
    whole = held(campaign, ana)
    split(whole, ana)
    with pytest.raises(TileIsSplit):
        save(whole.tile, ana, scenes.square(GREY, 0, 0, 8))
    client.force_login(ana)
    assert client.get("/api/v1/me/annotations/").json()["results"] == [], "there is nothing to say of it"


def test_who_holds_a_tile_without_its_ticket_gets_the_quarter_s(campaign: Any) -> None:
    scored_round(campaign, 1)
    ana = scenes.person("ana")
    whole = held(campaign, ana)
    Lease.objects.filter(pk=whole.pk).update(ticket=None)
    Ticket.objects.filter(tile=whole.tile, state="leased").update(state="open", leased_until=None)
    mine = split(Lease.objects.get(pk=whole.pk), ana)
    assert mine.ticket is not None and (mine.ticket.part, mine.ticket.state) == (mine.tile.part, "leased")


def test_four_accepted_quarters_earn_the_trust_of_one_tile_and_three_of_none(campaign: Any) -> None:
    scored_round(campaign, 1)
    ana, reviewer = scenes.person("ana"), reviewer_of(campaign)
    lease, earned = split(held(campaign, ana), ana), []
    for _quarter in range(4):
        accept(hand_in(lease.tile, ana), reviewer)
        campaign.newcomer_tiles = 1
        earned.append((Standing.objects.get(campaign=campaign, user=ana).accepted, is_newcomer(campaign, ana)))
        lease = claim_next_tile(campaign=campaign, annotator=ana) or lease
    assert earned == [(0, True)] * 3 + [(1, False)]


@pytest.mark.django_db(transaction=True)
def test_of_a_holder_and_maintainers_who_split_at_once_one_does() -> None:
    campaign = scenes.campaign(tile_px=SIDE, first_reviewed=0)
    scored_round(campaign, 8)
    ana = scenes.person("ana")
    maintainers = [scenes.person(f"m{number}") for number in range(3)]
    for someone in maintainers:
        set_role(campaign=campaign, user=someone, role="maintainer")
    for number in range(4):
        lease = held(campaign, ana)
        people = [ana, ana, *maintainers]
        failures = at_once(
            *[lambda one=one, tile=lease.tile: split_tile(tile=tile, actor=one, expected_version=0) for one in people]
        )
        kinds = {failure.partition(":")[0] for failure in failures}
        # A maintainer who is not the holder does not split what somebody is at work on.
        assert kinds <= {"TileIsSplit", "CannotSplit"}, failures
        assert Tile.objects.filter(whole=lease.tile).count() == 4
        assert Ticket.objects.filter(tile__whole=lease.tile).exclude(state="void").count() == 4
        mine = Lease.objects.filter(annotator=ana, state="active", tile__whole=lease.tile)
        assert mine.count() == 1, number
        Ticket.objects.filter(tile__whole=lease.tile).update(state="done")
        mine.update(state="done")


@pytest.mark.django_db(transaction=True)
def test_a_first_save_and_a_split_at_once_leave_no_draft_on_the_whole() -> None:
    campaign = scenes.campaign(tile_px=SIDE, first_reviewed=0)
    scored_round(campaign, 12)
    outcomes: Counter[str] = Counter()
    for number in range(12):
        ana = scenes.person(f"ana-{number}")
        lease = held(campaign, ana)

        def late_split(lease: Lease = lease, ana: Any = ana, head_start: float = 0.004 * (number % 6)) -> None:
            time.sleep(head_start)
            split(lease, ana)

        failures = at_once(lambda t=lease.tile, a=ana: save(t, a, scenes.square(GREY, 0, 0, 8)), late_split)
        on_whole_tile = Annotation.objects.get(tile=lease.tile, annotator=ana)
        outcomes[on_whole_tile.state] += 1
        assert {failure.partition(":")[0] for failure in failures} <= {"TileIsSplit", "StaleRevision"}, failures
        assert len(failures) == 1
        is_split = Tile.objects.filter(whole=lease.tile).exists()
        assert on_whole_tile.state == ("split" if is_split else "draft")
    assert sum(outcomes.values()) == 12


@pytest.mark.django_db(transaction=True)
def test_two_maintainers_at_once_split_a_tile_once() -> None:
    campaign = scenes.campaign(tile_px=SIDE, first_reviewed=0)
    places = scored_round(campaign, 8)
    maintainers = [scenes.person(f"m{number}") for number in range(4)]
    for someone in maintainers:
        set_role(campaign=campaign, user=someone, role="maintainer")
    for row, col in places[:4]:
        tile = campaign.tiles.select_related("campaign").get(row=row, col=col, part=0)
        failures = at_once(
            *[lambda one=one, tile=tile: split_tile(tile=tile, actor=one, expected_version=0) for one in maintainers]
        )
        assert [failure.partition(":")[0] for failure in failures] == ["TileIsSplit"] * 3
        assert Ticket.objects.filter(tile__whole=tile, state="open").count() == 4


@pytest.mark.django_db(transaction=True)
def test_a_split_and_claims_at_once_give_nobody_a_quarter_twice_nor_a_tile_beside_its_quarters() -> None:
    outcomes: Counter[bool] = Counter()
    for number in range(12):
        campaign = scenes.campaign(f"camp-{number}", tile_px=SIDE, redundancy=2, first_reviewed=0)
        row, col = pool_places(campaign, 1)[0]
        open_queue_round(
            campaign=campaign, function="entropy", control_share=0.0,
            tickets=[QueuedTile(row=row, col=col, kind="uncertainty")],
        )  # fmt: skip
        ana = scenes.person(f"ana-{number}")
        lease = held(campaign, ana)
        others = [scenes.person(f"p{number}-{nth}") for nth in range(4)]

        def claim(one: Any, here: Any = campaign, head_start: float = 0.02 * (number % 4)) -> None:
            time.sleep(head_start)  # a claim is quicker than a split
            claim_next_tile(campaign=here, annotator=one)

        failures = at_once(
            *[lambda one=one, claim=claim: claim(one) for one in others[: number % 5]],
            lambda tile=lease.tile, one=ana: split_tile(tile=tile, actor=one, expected_version=0),
            *[lambda one=one, claim=claim: claim(one) for one in others[number % 5 :]],
        )
        assert {failure.partition(":")[0] for failure in failures} <= {"CannotSplit"}, failures
        was_split = not failures
        outcomes[was_split] += 1
        active = Lease.objects.filter(tile__campaign=campaign, state="active").select_related("tile")
        parts = Counter(one.tile.part for one in active)
        leased = Counter(campaign.tickets.filter(state="leased").values_list("part", flat=True))
        assert parts == leased, "each who holds something holds it by a ticket"
        if was_split:
            assert 0 not in parts and max(parts.values()) <= 2 and sum(parts.values()) == 5
            assert len({(one.annotator_id, one.tile_id) for one in active}) == 5
        else:
            assert parts == {0: 2}
    assert outcomes[True] > 0, "the split never came first"


@pytest.mark.django_db(transaction=True)
def test_verdicts_on_two_quarters_at_once_leave_their_whole_in_the_right_state() -> None:
    campaign = scenes.campaign(tile_px=SIDE, first_reviewed=0)
    scored_round(campaign, 1)
    ana, reviewer, other = scenes.person("ana"), reviewer_of(campaign), scenes.person("other")
    set_role(campaign=campaign, user=other, role="reviewer")
    lease = split(held(campaign, ana), ana)
    labels = []
    for _quarter in range(4):
        labels.append(hand_in(lease.tile, ana))
        lease = claim_next_tile(campaign=campaign, annotator=ana) or lease
    for pair in (labels[:2], labels[2:]):
        assert at_once(lambda p=pair: accept(p[0], reviewer), lambda p=pair: accept(p[1], other)) == []
    assert Tile.objects.get(pk=lease.tile.whole_id).state == "accepted"
    assert pool_mask(campaign)[lease.tile.row, lease.tile.col]


def asking(campaign: Any, places: list[tuple[int, int]], *asked: tuple[int, int, int, int]) -> Any:
    """A round that asks for these windows of each of these tiles of 128 px."""
    tickets = [QueuedTile(row=row, col=col, kind="uncertainty", regions=asked) for row, col in places]
    return open_queue_round(
        campaign=campaign, function="entropy", pixel_score="margin", control_share=0.0, tickets=tickets
    )


def test_a_round_keeps_which_parts_it_asks_for_of_a_tile_and_of_the_quarters_in_which_they_lie(campaign: Any) -> None:
    places = scored_round(campaign, 2)
    ana = scenes.person("ana")
    split(held(campaign, ana), ana)
    opened = asking(campaign, places, (96, 0, 32, 32), (32, 64, 32, 32))
    assert opened.pixel_score == "margin"
    kept = dict(opened.tickets.exclude(state="void").values_list("part", "regions"))
    assert kept == {0: [[96, 0, 32, 32], [32, 64, 32, 32]], 2: [[32, 0, 32, 32]], 3: [[32, 0, 32, 32]]}


def test_a_tile_split_where_a_round_asks_for_parts_is_done_once_these_are_and_asked_for_by_no_other(
    campaign: Any,
) -> None:
    places = scored_round(campaign, 2)
    asking(campaign, places, (96, 0, 32, 32), (96, 32, 32, 32))  # both in the second quarter
    ana = scenes.person("ana")
    lease = split(held(campaign, ana), ana)
    place, whole = (lease.tile.row, lease.tile.col), lease.tile.whole
    assert lease.tile.part == 2 and whole is not None
    label = hand_in(lease.tile, ana)
    assert place in labelled_or_leased_tiles(campaign), "whoever reviews it decides first whether it is done"
    accept(label, reviewer_of(campaign))
    whole.refresh_from_db()
    assert whole.state == "accepted" and place in labelled_or_leased_tiles(campaign)
    chosen = pick_tile(campaign=campaign, annotator=scenes.person("bo"), row=place[0], col=place[1], part=3)
    hand_in(chosen.tile, chosen.annotator)
    whole.refresh_from_db()
    assert whole.state == "submitted", "people may still choose the others"


def test_a_tile_split_where_a_round_asks_for_parts_comes_first_with_the_quarters_that_were_asked_for(
    campaign: Any,
) -> None:
    places = scored_round(campaign, 2)
    asking(campaign, places, (96, 0, 32, 32), (32, 64, 32, 32))
    ana = scenes.person("ana")
    lease = split(held(campaign, ana), ana)
    put_first(campaign=campaign, places=[(lease.tile.row, lease.tile.col)], kind=Ticket.Kind.AREA)
    assert lease.tile.part == 2 and list(
        Ticket.objects.filter(tile__whole=lease.tile.whole, rank__lt=0).values_list("part", "regions")
    ) == [(3, [[32, 0, 32, 32]])]


def test_a_split_tile_of_which_the_quarter_that_was_asked_for_cannot_be_drawn_may_be_asked_for_in_others(
    campaign: Any,
) -> None:
    places = scored_round(campaign, 1)
    asking(campaign, places, (96, 0, 32, 32))
    for name in ("ana", "bo"):
        lease = held(campaign, scenes.person(name))
        if lease.tile.part == 0:
            lease = split(lease, lease.annotator)
        release_lease(token=str(lease.token), annotator=lease.annotator, reason="bad_imagery")
    whole = Tile.objects.get(pk=lease.tile.whole_id)
    assert Tile.objects.get(pk=lease.tile_id).state == "unusable" and whole.state == "open"
    opened = asking(campaign, places, (96, 0, 32, 32), (0, 0, 32, 32))
    assert list(opened.tickets.values_list("part", "regions")) == [(1, [[0, 0, 32, 32]])]
