"""Gold tiles: what may become one, that nobody can tell, and what is kept of what people hand in."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

import pytest
from django.contrib.gis.geos import MultiPolygon
from django.db import IntegrityError, transaction
from gold_rows import GREEN, GREY, SIDE, gold_campaign, halves, hand_in, rectangle
from learning_rows import labelled_campaign
from rest_framework.test import APIClient
from scenes import person

from annotation.api.presenters import assignment_body
from annotation.errors import AlreadyGold, NoFreeSlot, NotAccepted, NotThere, TileNotWorkable
from annotation.models import Annotation, GoldLease, GoldOutcome, GoldTile, Lease, Territory, Ticket, Tile
from annotation.services.gold import gold_lease_if_due, mark_gold, retire_gold
from annotation.services.leases import heartbeat_lease, release_lease
from annotation.services.people import set_role
from annotation.services.queue import claim_next_tile
from annotation.services.queue_pick import pick_tile
from annotation.services.reviews import record_review
from annotation.services.rounds import labelled_or_leased_tiles

pytestmark = pytest.mark.django_db


# --- marking ------------------------------------------------------------------------------------------------


def test_accepted_labels_become_gold_and_the_tile_leaves_queue_labels_and_rounds() -> None:
    scene, maintainer, [gold] = gold_campaign(redundancy=3)
    tile = gold.tile
    tile.refresh_from_db()
    assert gold.marked_by == maintainer and gold.revision.author == scene.author
    assert tile.state == Tile.State.OPEN, "on the map it is a tile to do, like those people are given"
    assert not Ticket.objects.filter(tile=tile, state="open").exists()
    assert not Annotation.objects.usable_as_labels().filter(tile=tile).exists()
    assert (tile.row, tile.col) in labelled_or_leased_tiles(scene.campaign)


def test_only_a_maintainer_marks_and_others_do_not_learn_that_the_annotation_is_there() -> None:
    scene = labelled_campaign(pool=1)
    label = Annotation.objects.get()
    for someone in (scene.author, scene.reviewer):
        with pytest.raises(NotThere):
            mark_gold(campaign=scene.campaign, annotation_id=label.pk, actor=someone)
    elsewhere = labelled_campaign("elsewhere")
    set_role(campaign=elsewhere.campaign, user=scene.author, role="maintainer")
    with pytest.raises(NotThere):
        mark_gold(campaign=elsewhere.campaign, annotation_id=label.pk, actor=scene.author)
    assert not GoldTile.objects.exists()


def test_what_is_not_accepted_not_in_the_pool_or_gold_already_is_refused() -> None:
    scene, maintainer, [gold] = gold_campaign(holdout=1)
    camp = scene.campaign
    waiting = hand_in(scene.pool_tiles()[1], person("ana"), halves())
    with pytest.raises(NotAccepted, match="only accepted labels become gold"):
        mark_gold(campaign=camp, annotation_id=waiting.pk, actor=maintainer)
    control = Annotation.objects.get(tile__role="holdout")
    with pytest.raises(TileNotWorkable, match="gold tiles are chosen in the pool"):
        mark_gold(campaign=camp, annotation_id=control.pk, actor=maintainer)
    with pytest.raises(AlreadyGold):
        mark_gold(campaign=camp, annotation_id=gold.revision.annotation_id, actor=maintainer)


def test_the_database_itself_refuses_gold_outside_the_pool_and_keeps_what_was_gold() -> None:
    scene, _maintainer, [gold] = gold_campaign(holdout=1)
    control = Annotation.objects.get(tile__role="holdout")
    with pytest.raises(IntegrityError, match="gold_outside_pool"), transaction.atomic():
        GoldTile.objects.create(tile=control.tile, revision=control.head)
    other = scene.pool_tiles()[3]
    with pytest.raises(IntegrityError, match="revision_of_other_tile"), transaction.atomic():
        GoldTile.objects.create(tile=other, revision=gold.revision)
    with pytest.raises(IntegrityError, match="gold_is_kept"), transaction.atomic():
        GoldTile.objects.filter(pk=gold.pk).delete()
    with pytest.raises(IntegrityError, match="gold_is_kept"), transaction.atomic():
        GoldTile.objects.filter(pk=gold.pk).update(tile=other)


def test_a_retired_gold_tile_shows_its_state_again_and_is_never_used_as_a_label() -> None:
    scene, maintainer, [gold] = gold_campaign()
    with pytest.raises(NotThere):
        retire_gold(gold_id=gold.pk, actor=scene.reviewer)
    retire_gold(gold_id=gold.pk, actor=maintainer)
    gold.tile.refresh_from_db()
    assert gold.tile.state == Tile.State.ACCEPTED
    assert not Annotation.objects.usable_as_labels().exists()


# --- giving out ---------------------------------------------------------------------------------------------


def always_due(scene: Any) -> Any:
    """Half of the tiles is the most there can be, so a person is found who is due at once."""
    from django.conf import settings

    from annotation.core.gold import gold_is_due

    for number in range(200):
        someone = person(f"due-{number}")
        if gold_is_due(settings.SECRET_KEY.encode(), seed=scene.campaign.seed, person=someone.pk, count=0, share=0.5):
            return someone
    raise AssertionError("nobody is due")


def claims(scene: Any, someone: Any, count: int) -> list[Lease]:
    """Tiles given one after the other, each skipped."""
    given = []
    for _ in range(count):
        lease = claim_next_tile(campaign=scene.campaign, annotator=someone)
        if lease is None:
            break
        release_lease(token=str(lease.token), annotator=someone, reason="skip")
        given.append(lease)
    return given


def test_a_share_of_what_a_person_is_given_is_gold_each_tile_once_and_the_rest_in_rank_order() -> None:
    scene, _maintainer, golds = gold_campaign(golds=6, gold_share=0.5)
    given = claims(scene, person("ana"), 40)
    gold_tiles = {gold.tile_id for gold in golds}
    met = [lease.tile_id for lease in given if lease.tile_id in gold_tiles]
    assert len(met) == len(set(met)) == 6
    ranks = [lease.ticket.rank for lease in given if lease.ticket is not None]
    assert ranks == sorted(ranks) and len(ranks) == len(given) - 6
    assert all(lease.ticket is None for lease in given if lease.tile_id in gold_tiles)


def test_newcomers_meet_more_gold_and_its_ranks_fall_like_those_of_their_other_tiles() -> None:
    scene, _maintainer, golds = gold_campaign(golds=12, gold_share=0.1)
    gold_tiles = {gold.tile_id for gold in golds}
    met = {"old": 0, "new": 0}
    for number, name in enumerate(["old", "new"] * 3):  # which tiles of a person are gold follows from their number
        scene.campaign.newcomer_tiles = 3 if name == "new" else 0
        scene.campaign.save()
        given = claims(scene, person(f"{name}-{number}"), 20)
        met[name] += sum(lease.tile_id in gold_tiles for lease in given)
        shown = [lease.ticket.rank if lease.ticket is not None else lease.gold.why["rank"] for lease in given]
        assert shown == sorted(shown, reverse=name == "new"), f"a rank out of order tells that a tile is gold: {shown}"
    assert met["new"] > met["old"]


def test_two_runs_of_the_same_person_would_be_given_gold_at_the_same_places() -> None:
    scene, _maintainer, golds = gold_campaign(golds=4, gold_share=0.5)
    ana, gold_tiles = person("ana"), {gold.tile_id for gold in golds}
    first = [lease.tile_id in gold_tiles for lease in claims(scene, ana, 16)]
    Lease.objects.filter(annotator=ana).delete()
    assert [lease.tile_id in gold_tiles for lease in claims(scene, ana, 16)] == first


def test_redundancy_does_not_bound_gold() -> None:
    scene, _maintainer, [gold] = gold_campaign(gold_share=0.5, redundancy=1)
    for name in ("ana", "bo", "cleo"):
        assert gold.tile_id in {lease.tile_id for lease in claims(scene, person(name), 16)}
    assert GoldLease.objects.filter(gold=gold).count() == 3


def test_without_a_share_without_gold_or_with_gold_retired_none_is_given() -> None:
    scene, maintainer, [gold] = gold_campaign(gold_share=0.0)
    someone = always_due(scene)
    assert gold_lease_if_due(scene.campaign, someone, ahead=False) is None
    scene.campaign.gold_share = 0.5
    scene.campaign.save(update_fields=["gold_share"])
    retire_gold(gold_id=gold.pk, actor=maintainer)
    assert gold_lease_if_due(scene.campaign, someone, ahead=False) is None


def test_the_author_of_the_gold_labels_is_never_given_their_own_tile() -> None:
    scene, _maintainer, [gold] = gold_campaign(gold_share=0.5)
    assert gold.tile_id not in {lease.tile_id for lease in claims(scene, scene.author, 20)}


def shape_of(value: Any) -> Any:
    """A body without its values: names and types."""
    if isinstance(value, dict):
        return {key: shape_of(item) for key, item in value.items()}
    return [shape_of(item) for item in value] if isinstance(value, list) else type(value).__name__


def test_a_gold_tile_cannot_be_told_from_another_by_what_the_api_answers() -> None:
    scene, _maintainer, golds = gold_campaign(golds=3, gold_share=0.5)
    ana = person("ana")
    client = APIClient()
    client.force_login(ana)
    bodies: dict[bool, list[Any]] = {True: [], False: []}
    headers = set()
    for _ in range(14):
        answer = client.post(f"/api/v1/campaigns/{scene.campaign.slug}/claim/", {}, format="json")
        assert answer.status_code == 200
        body = answer.json()
        headers.add(tuple(sorted(answer.headers)))
        is_gold = body["tile"]["id"] in {gold.tile_id for gold in golds}
        bodies[is_gold].append(body)
        assert client.post(f"/api/v1/leases/{body['lease']['token']}/heartbeat/").status_code == 200
        client.post(f"/api/v1/leases/{body['lease']['token']}/release/", {"reason": "skip"}, format="json")
    assert bodies[True] and bodies[False] and len(headers) == 1
    assert {str(shape_of(body)) for body in bodies[True]} <= {str(shape_of(body)) for body in bodies[False]}
    for name in ("state", "role_visible", "tile_px", "campaign"):
        assert {body["tile"][name] for body in bodies[True]} <= {body["tile"][name] for body in bodies[False]}
    for name in ("kind", "function", "round", "model_version", "probability", "score"):
        assert {body["why"][name] for body in bodies[True]} <= {body["why"][name] for body in bodies[False]}, name
    assert all(body["annotation"]["version"] == 0 for body in bodies[True])


def test_the_rank_shown_with_gold_lies_between_the_last_and_the_next_where_others_have_taken_some() -> None:
    scene, _maintainer, [gold] = gold_campaign(gold_share=0.5)
    someone = always_due(scene)
    Ticket.objects.filter(campaign=scene.campaign, rank__lt=10).update(state="done")
    lease = claim_next_tile(campaign=scene.campaign, annotator=someone)
    assert lease is not None and lease.tile_id == gold.tile_id
    assert 0 <= GoldLease.objects.get(lease=lease).why["rank"] < 10


def test_a_lease_on_gold_is_kept_and_asked_for_again_like_any_other() -> None:
    scene, _maintainer, [gold] = gold_campaign(gold_share=0.5)
    someone = always_due(scene)
    lease = claim_next_tile(campaign=scene.campaign, annotator=someone)
    assert lease is not None and lease.tile_id == gold.tile_id
    again = claim_next_tile(campaign=scene.campaign, annotator=someone)
    assert again is not None and again.pk == lease.pk
    assert heartbeat_lease(token=str(lease.token), annotator=someone).pk == lease.pk


def test_a_gold_tile_that_was_left_comes_back_at_the_next_claim_and_one_that_was_skipped_does_not() -> None:
    scene, _maintainer, [gold] = gold_campaign(gold_share=0.5)
    someone = always_due(scene)
    first = claim_next_tile(campaign=scene.campaign, annotator=someone)
    assert first is not None and first.tile_id == gold.tile_id
    release_lease(token=str(first.token), annotator=someone, reason="left")
    again = claim_next_tile(campaign=scene.campaign, annotator=someone)
    assert again is not None and again.pk == first.pk
    assert GoldLease.objects.filter(lease=again).count() == 1
    release_lease(token=str(again.token), annotator=someone, reason="skip")
    assert gold.tile_id not in {lease.tile_id for lease in claims(scene, someone, 16)}


def test_a_gold_tile_chosen_on_the_map_is_given_as_any_free_tile_is_and_not_to_its_author() -> None:
    scene, _maintainer, [gold] = gold_campaign(gold_share=0.5)
    place = {"row": gold.tile.row, "col": gold.tile.col}
    ana = person("ana")
    lease = pick_tile(campaign=scene.campaign, annotator=ana, **place)
    assert lease.tile_id == gold.tile_id and lease.ticket is None
    shown, other = GoldLease.objects.get(lease=lease).why, person("bo")
    plain = pick_tile(campaign=scene.campaign, annotator=other, row=place["row"], col=free_column(scene, gold))
    assert plain.ticket is not None and shown["kind"] in Ticket.Kind.values and shown["rank"] >= 0
    hand_in(gold.tile, ana, halves())
    assert GoldOutcome.objects.filter(gold=gold).count() == 1
    with pytest.raises(NoFreeSlot, match="accepted"):
        pick_tile(campaign=scene.campaign, annotator=scene.author, **place)


def free_column(scene: Any, gold: GoldTile) -> int:
    """A tile of the gold tile's row that is to be drawn and that nobody has."""
    waiting = Ticket.objects.filter(campaign=scene.campaign, state=Ticket.State.OPEN, tile__row=gold.tile.row)
    column = waiting.exclude(tile=gold.tile).values_list("tile__col", flat=True).first()
    assert column is not None
    return column


def test_claims_within_a_territory_give_gold_that_lies_in_it_and_no_other() -> None:
    scene, _maintainer, [inside, outside] = gold_campaign(golds=2, gold_share=0.5)
    around = Territory.objects.create(
        kind="commune",
        code="32001",
        name="Around",
        boundary=MultiPolygon(
            [
                tile.footprint.buffer(-1e-7)
                for tile in (inside.tile, *scene.pool_tiles()[2:16])
                if tile.pk != outside.tile_id
            ]
        ),
        source="test",
        as_of=date(2026, 1, 1),
    )
    met = set()
    for number in range(12):
        lease = claim_next_tile(campaign=scene.campaign, annotator=person(f"local-{number}"), within=around)
        met.add(lease.tile_id if lease else None)
    assert inside.tile_id in met and outside.tile_id not in met


def test_what_is_handed_in_on_gold_shows_its_author_the_state_of_their_work_and_others_a_tile_to_do() -> None:
    _scene, _maintainer, [gold] = gold_campaign(gold_share=0.5)
    ana, bo = person("ana"), person("bo")
    hand_in(gold.tile, ana, halves())
    gold.tile.refresh_from_db()
    assert gold.tile.state == Tile.State.OPEN
    client = APIClient()
    client.force_login(ana)
    assert client.get(f"/api/v1/tiles/{gold.tile_id}/").json()["tile"]["state"] == "submitted"
    client.force_login(bo)
    assert client.get(f"/api/v1/tiles/{gold.tile_id}/").json()["tile"]["state"] == "open"


# --- comparing ----------------------------------------------------------------------------------------------


def test_a_submission_on_gold_is_compared_in_the_same_transaction() -> None:
    _scene, _maintainer, [gold] = gold_campaign()
    ana = person("ana")
    # Three quarters grey: of the green half, one half is called grey.
    quarters = [rectangle(GREY, 0, 0, 48, SIDE), rectangle(GREEN, 48, 0, 16, SIDE)]
    label = hand_in(gold.tile, ana, quarters)
    outcome = GoldOutcome.objects.get()
    assert (outcome.gold, outcome.annotator, outcome.revision) == (gold, ana, label.head)
    assert outcome.confusion == {GREY: {GREY: 32 * 64}, GREEN: {GREY: 16 * 64, GREEN: 16 * 64}}
    assert outcome.agreement == pytest.approx(0.75)
    assert outcome.passed


def test_what_is_left_out_is_noted_and_fails_where_it_is_more_than_half() -> None:
    _scene, _maintainer, [gold] = gold_campaign()
    hand_in(gold.tile, person("ana"), [rectangle(GREY, 0, 0, 24, SIDE)])
    outcome = GoldOutcome.objects.get()
    assert outcome.confusion == {GREY: {GREY: 24 * 64, "": 8 * 64}, GREEN: {"": 32 * 64}}
    assert outcome.agreement == 1.0 and not outcome.passed


def test_other_tiles_the_author_of_the_reference_and_a_refused_submission_leave_no_outcome() -> None:
    scene, _maintainer, [gold] = gold_campaign()
    hand_in(scene.pool_tiles()[2], person("ana"), halves())
    assert not GoldOutcome.objects.exists()
    with pytest.raises(Exception, match="accepted and closed"):
        hand_in(gold.tile, scene.author, halves())
    assert not GoldOutcome.objects.exists()


def test_only_the_first_answer_counts_and_a_corrected_one_is_kept_beside_it() -> None:
    scene, _maintainer, [gold] = gold_campaign()
    ana = person("ana")
    wrong = hand_in(gold.tile, ana, halves(GREEN, GREY))
    record_review(
        annotation_id=wrong.pk, reviewer=scene.reviewer, verdict="send_back", reason="class",
        operation_id=uuid.uuid4(), expected_version=wrong.version,
    )  # fmt: skip
    hand_in(gold.tile, ana, halves())
    assert list(GoldOutcome.objects.order_by("pk").values_list("passed", flat=True)) == [False, True]
    assert list(GoldOutcome.objects.that_count().values_list("passed", flat=True)) == [False]


def test_gold_that_was_sent_back_is_given_again_as_any_tile_is() -> None:
    scene, _maintainer, [gold] = gold_campaign()
    ana, ben = person("ana"), person("ben")
    shown = {}
    plain = next(tile for tile in scene.pool_tiles() if tile.pk != gold.tile_id and not tile.annotations.exists())
    for who, tile in ((ana, gold.tile), (ben, plain)):
        pick_tile(campaign=scene.campaign, annotator=who, row=tile.row, col=tile.col)
        wrong = hand_in(tile, who, halves(GREEN, GREY))
        record_review(
            annotation_id=wrong.pk, reviewer=scene.reviewer, verdict="send_back", reason="class",
            operation_id=uuid.uuid4(), expected_version=wrong.version,
        )  # fmt: skip
        lease = claim_next_tile(campaign=scene.campaign, annotator=who)
        assert lease is not None and lease.tile_id == tile.pk
        shown[who.username] = assignment_body(lease.tile, who, lease)
        assert not hand_in(tile, who, halves()).is_extra
    reasons = [body["why"] for body in shown.values()]
    assert [reason["kind"] for reason in reasons] == ["sent_back", "sent_back"]
    for name in ("function", "round", "model_version"):
        assert reasons[0][name] == reasons[1][name] is not None, name
    assert [body["lease"]["extra"] for body in shown.values()] == [False, False]


def test_outcomes_are_never_changed_and_those_on_faulty_gold_do_not_count() -> None:
    _scene, maintainer, [gold] = gold_campaign()
    hand_in(gold.tile, person("ana"), halves(GREEN, GREY))
    with pytest.raises(IntegrityError, match="append_only"), transaction.atomic():
        GoldOutcome.objects.update(passed=True)
    assert GoldOutcome.objects.that_count().count() == 1
    retire_gold(gold_id=gold.pk, actor=maintainer, faulty=True)
    assert GoldOutcome.objects.that_count().count() == 0
