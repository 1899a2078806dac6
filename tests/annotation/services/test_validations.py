"""Verdicts on a model's polygons: the server's outlines, all or none, once a request, never changed afterwards."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connections, transaction
from django.utils import timezone
from validation_rows import GREEN, GREY, THIRD, Drawn, drawing, drawn_campaign, judges

from annotation.errors import (
    BlindTile,
    CampaignClosed,
    ConsentRequired,
    DrawingReplaced,
    InvalidVerdict,
    JudgedTooOften,
    NotClaimed,
    OperationMismatch,
    TooManyVerdicts,
    UnknownClass,
    UnknownFeature,
)
from annotation.models import Campaign, Contributor, HourlyUse, Lease, Validation, ValidationBatch
from annotation.services.validations import ShownDrawing, Verdict, Vote, agreed_polygons, judged_count, record_verdicts
from learning.services.validations import judge, next_to_judge


@pytest.fixture
def scene(db: None) -> Drawn:
    return drawn_campaign(tiles=3)


def test_a_verdict_is_stored_with_what_the_server_drew_and_under_the_licence(scene: Drawn) -> None:
    (ana,) = judges(1)
    tile = scene.tiles[0]
    answer = scene.judge(tile, ana, {"region-1": "agree", "region-2": THIRD})
    assert (answer.stored, answer.remaining) == (2, 1)
    first, second = Validation.objects.order_by("feature_id")
    assert first.rings == drawing()[0]["rings"] and (first.shown_class, first.class_code) == (GREY, GREY)
    assert (second.shown_class, second.class_code, second.verdict) == (GREEN, THIRD, "other")
    assert second.confidence == 0.4 and second.seconds == 1.5
    assert {row.licence for row in (first, second)} == {"etalab-2.0"}
    assert (first.annotator, first.model_version, first.tile) == (ana, scene.model_version, tile)
    assert first.batch.finished is False and judged_count(ana) == 2


def test_a_later_verdict_replaces_the_first_for_all_that_reads_them_and_both_rows_stay(scene: Drawn) -> None:
    (ana,) = judges(1)
    for said in ("agree", "disagree", THIRD):
        scene.judge(scene.tiles[0], ana, {"region-1": said})
    assert [row.class_code for row in Validation.objects.current()] == [THIRD]
    assert Validation.objects.count() == 3 and judged_count(ana) == 1


def test_the_database_refuses_to_change_or_remove_a_verdict(scene: Drawn) -> None:
    (ana,) = judges(1)
    scene.judge(scene.tiles[0], ana, {"region-1": "agree"})
    for change in (
        lambda: Validation.objects.update(verdict="unsure", class_code=""),
        lambda: Validation.objects.all().delete(),
        lambda: ValidationBatch.objects.update(finished=True),
    ):
        with pytest.raises(DatabaseError, match="append_only"), transaction.atomic():
            change()
    assert Validation.objects.get().verdict == "agree"


def test_the_database_refuses_a_verdict_on_a_control_tile_and_a_class_that_contradicts_it(scene: Drawn) -> None:
    (ana,) = judges(1)
    scene.judge(scene.tiles[0], ana, {"region-1": "agree"})
    row = Validation.objects.values().get()
    control = scene.campaign.tiles.filter(role="holdout").first()
    refused = [
        ("validation_of_control_tile", {"tile_id": control.pk}),
        ("validation_class_follows_verdict", {"class_code": GREEN}),
        ("validation_class_follows_verdict", {"verdict": "unsure"}),
        ("validation_class_follows_verdict", {"verdict": "other"}),
    ]
    for name, change in refused:
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            Validation.objects.create(**{**row, "id": None, "feature_id": "region-9", **change})


REFUSED: list[tuple[type[Exception], dict[str, Any]]] = [
    (UnknownFeature, {"verdicts": [Verdict("region-1", "agree"), Verdict("region-9", "agree")]}),
    (UnknownClass, {"verdicts": [Verdict("region-1", "agree"), Verdict("region-2", "other", "nothing")]}),
    (InvalidVerdict, {"verdicts": [Verdict("region-1", "agree"), Verdict("region-2", "other")]}),
    (InvalidVerdict, {"verdicts": [Verdict("region-1", "agree"), Verdict("region-2", "other", GREEN)]}),
    (InvalidVerdict, {"verdicts": [Verdict("region-1", "agree"), Verdict("region-2", "agree", GREY)]}),
    (InvalidVerdict, {"verdicts": [Verdict("region-1", "agree"), Verdict("region-2", "unsure", GREY)]}),
    (InvalidVerdict, {"verdicts": [Verdict("region-1", "agree"), Verdict("region-1", "disagree")]}),
    (InvalidVerdict, {"verdicts": [Verdict("region-1", "agree"), Verdict("region-2", "yes")]}),
    (InvalidVerdict, {"verdicts": [Verdict("region-1", "agree", seconds=float("nan"))]}),
    (DrawingReplaced, {"verdicts": [Verdict("region-1", "agree")], "model_version": "camp-m0"}),
]


@pytest.mark.parametrize(("error", "request_values"), REFUSED)
def test_a_request_with_one_bad_verdict_stores_nothing(
    scene: Drawn, error: type[Exception], request_values: dict[str, Any]
) -> None:
    (ana,) = judges(1)
    lease = next_to_judge(campaign=scene.campaign, user=ana)
    assert lease is not None
    values = {"operation_id": uuid.uuid4(), "model_version": scene.model_version, "done": True, **request_values}
    with pytest.raises(error):
        judge(tile=scene.tiles[0], user=ana, **values)
    assert not Validation.objects.exists() and not ValidationBatch.objects.exists()
    assert Lease.objects.get().state == "active"


def test_a_refusal_names_each_bad_verdict_and_why_and_the_others_can_then_be_sent(scene: Drawn) -> None:
    (ana,) = judges(1)
    tile = scene.tiles[0]
    scene.judge(tile, ana, {"region-1": "disagree"})
    stored = list(Validation.objects.values())
    with pytest.raises(UnknownFeature) as refusal:
        scene.judge(tile, ana, {"region-9": "agree", "region-1": "agree", "region-2": "nothing", "region-3": GREY})
    refused = refusal.value.details["refused"]
    assert isinstance(refused, list)
    assert [(one["feature_id"], one["code"]) for one in refused] == [
        ("region-9", "unknown_feature"), ("region-2", "unknown_class"), ("region-3", "invalid_verdict"),
    ]  # fmt: skip
    assert all(one["feature_id"] in one["message"] for one in refused)
    assert list(Validation.objects.values()) == stored
    assert scene.judge(tile, ana, {"region-1": "agree"}).stored == 1


def test_a_polygon_takes_ten_verdicts_of_one_person_and_the_last_one_stays(scene: Drawn) -> None:
    ana, ben = judges(2)
    tile = scene.tiles[0]
    for turn in range(10):
        scene.judge(tile, ana, {"region-1": ("agree", "disagree")[turn % 2]})
    with pytest.raises(JudgedTooOften, match="10 times") as refusal:
        scene.judge(tile, ana, {"region-1": "agree", "region-2": "agree"})
    about = {"feature_id": "region-1", "times": 10}
    assert refusal.value.details["refused"] == [
        {"feature_id": "region-1", "code": "judged_too_often", "message": str(refusal.value), "details": about}
    ]
    assert Validation.objects.count() == 10 and Validation.objects.current().get().verdict == "disagree"
    scene.judge(tile, ana, {"region-2": "agree"})
    scene.judge(tile, ben, {"region-1": "agree"})
    assert Validation.objects.count() == 12


def test_an_hour_takes_so_many_verdicts_of_one_person_on_whatever_tiles_and_empty_requests_count(
    scene: Drawn, settings: Any
) -> None:
    settings.HOURLY_LIMITS = {**settings.HOURLY_LIMITS, "verdict": (5, 5, 5)}
    ana, ben = judges(2)
    one, two, three = scene.tiles
    scene.agree(three, ana)
    HourlyUse.objects.update(since=timezone.now() - timedelta(minutes=61))  # does not count any more
    operation = uuid.uuid4()
    first = scene.agree(one, ana)
    repeated = scene.judge(two, ana, {"region-1": "agree"}, operation_id=operation)
    scene.judge(two, ana, {})
    for verdicts in ({"region-2": "agree"}, {}):
        with pytest.raises(TooManyVerdicts, match="Answers: 5 in this hour, of 5") as refusal:
            scene.judge(two, ana, verdicts)
    details = refusal.value.details
    assert (details["sent"], details["limit"]) == (5, 5) and 3500 < int(str(details["retry_after_s"])) <= 3600
    assert (ValidationBatch.objects.count(), Validation.objects.count()) == (4, 7)
    assert scene.judge(two, ana, {"region-1": "agree"}, operation_id=operation) == repeated, "a repeat adds nothing"
    assert scene.agree(one, ben) == first, "the limit is each person's own"


@pytest.mark.django_db(transaction=True)
def test_eight_requests_at_once_on_eight_tiles_do_not_pass_the_limit_together(settings: Any) -> None:
    settings.HOURLY_LIMITS = {**settings.HOURLY_LIMITS, "verdict": (10, 10, 10)}
    scene = drawn_campaign(tiles=8)
    (ana,) = judges(1)
    barrier, stored, refused = threading.Barrier(8), [], []

    def send(tile: Any) -> None:
        try:
            barrier.wait()
            stored.append(scene.agree(tile, ana).stored)
        except TooManyVerdicts as error:
            refused.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=(tile,)) for tile in scene.tiles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert (stored, len(refused)) == ([3, 3, 3], 5)
    assert Validation.objects.count() == 9


def test_nothing_is_stored_without_consent_without_being_asked_or_in_a_closed_campaign(scene: Drawn) -> None:
    ana, ben = judges(2)
    tile = scene.tiles[0]
    verdicts = [Verdict("region-1", "agree")]
    with pytest.raises(NotClaimed):
        judge(tile=tile, user=ben, operation_id=uuid.uuid4(), model_version=scene.model_version, verdicts=verdicts)
    Contributor.objects.filter(user=ana).update(licence_accepted_at=None)
    with pytest.raises(ConsentRequired):
        scene.agree(tile, ana)
    Campaign.objects.update(state="closed")
    tile.campaign.refresh_from_db()
    with pytest.raises(CampaignClosed):
        scene.agree(tile, ben)
    assert not Validation.objects.exists()


def test_a_tile_that_became_blind_takes_no_verdicts(scene: Drawn) -> None:
    (ana,) = judges(1)
    tile = scene.tiles[0]
    tile.campaign.blind_share = 1.0
    with pytest.raises(BlindTile):
        scene.agree(tile, ana)


def test_the_last_polygon_ends_the_lease_and_done_ends_it_before(scene: Drawn) -> None:
    ana, ben, eve = judges(3)
    options = {"model_version": scene.model_version}

    def given(who: Any) -> Any:
        found = next_to_judge(campaign=scene.campaign, user=who)
        assert found is not None
        return found

    first = given(ana)
    assert [item["feature_id"] for item in first.items] == ["region-2", "region-3", "region-1"], "least certain first"
    half = judge(
        tile=first.tile, user=ana, operation_id=uuid.uuid4(), **options,
        verdicts=[Verdict("region-1", "agree"), Verdict("region-2", "unsure")],
    )  # fmt: skip
    assert half.remaining == 1 and Lease.objects.get(annotator=ana).state == "active"
    assert [item["verdict"] for item in given(ana).items] == [
        {"verdict": "unsure", "class_code": None}, None, {"verdict": "agree", "class_code": GREY},
    ]  # fmt: skip
    last = judge(
        tile=first.tile, user=ana, operation_id=uuid.uuid4(), verdicts=[Verdict("region-3", "disagree")], **options
    )
    assert last.remaining == 0 and Lease.objects.get(annotator=ana).state == "done"
    assert given(ana).tile.pk == scene.tiles[1].pk

    second = given(ben)
    assert second.tile.pk == first.tile.pk, "two people are asked about a tile"
    judge(
        tile=second.tile, user=ben, operation_id=uuid.uuid4(), verdicts=[Verdict("region-1", "agree")], done=True,
        **options,
    )  # fmt: skip
    assert Lease.objects.get(annotator=ben).state == "done"
    assert given(eve).tile.pk == scene.tiles[2].pk, "the first is judged by two, the second is in Ana's hands"


def test_a_tile_passed_on_without_a_verdict_still_waits_for_others(scene: Drawn) -> None:
    ana, ben = judges(2)
    found = next_to_judge(campaign=scene.campaign, user=ana)
    assert found is not None
    judge(
        tile=found.tile, user=ana, operation_id=uuid.uuid4(), model_version=scene.model_version, verdicts=[], done=True
    )
    assert not ValidationBatch.objects.get().finished
    assert Lease.objects.get(annotator=ana).state == "released"
    following, others = (next_to_judge(campaign=scene.campaign, user=who) for who in (ana, ben))
    assert following is not None and following.tile != found.tile
    assert others is not None and others.tile == found.tile


def test_a_request_sent_again_answers_as_the_first_time_also_after_a_newer_model(scene: Drawn) -> None:
    ana, ben = judges(2)
    tile, operation = scene.tiles[0], uuid.uuid4()
    first = scene.judge(tile, ana, {"region-1": "agree"}, operation_id=operation)
    scene.judge(tile, ana, {"region-2": "agree"})
    model = scene.prediction.model
    type(model).objects.filter(pk=model.pk).update(number=2)
    assert scene.judge(tile, ana, {"region-1": "agree"}, operation_id=operation, model_version="camp-m1") == first
    assert Validation.objects.count() == 2
    for who, where in ((ben, tile), (ana, scene.tiles[1])):
        with pytest.raises(OperationMismatch):
            scene.judge(where, who, {"region-1": "agree"}, operation_id=operation)


@pytest.mark.django_db(transaction=True)
def test_one_request_delivered_eight_times_at_once_is_stored_once() -> None:
    scene = drawn_campaign(tiles=1)
    (ana,) = judges(1)
    tile, operation = scene.tiles[0], uuid.uuid4()
    next_to_judge(campaign=scene.campaign, user=ana)
    barrier, answers, failures = threading.Barrier(8), [], []

    def send() -> None:
        try:
            barrier.wait()
            answers.append(
                record_verdicts(
                    tile=tile,
                    annotator=ana,
                    operation_id=operation,
                    model_version=scene.model_version,
                    verdicts=[Verdict("region-1", "agree"), Verdict("region-2", "disagree")],
                    drawing=ShownDrawing(scene.model_version, drawing()),
                )
            )
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not failures and len(answers) == 8
    assert {(answer.stored, answer.remaining) for answer in answers} == {(2, 1)}
    assert ValidationBatch.objects.count() == 1 and Validation.objects.count() == 2


def votes(*said: str) -> list[Vote]:
    """One person a word on one polygon; an empty word names no class."""
    return [Vote(number, 7, "m1", "region-1", "o" * 64, word) for number, word in enumerate(said, start=1)]


@pytest.mark.parametrize(
    ("said", "needed", "agreed"),
    [
        (("a",), 1, "a"),
        (("a",), 2, ""),
        (("a", "a"), 2, "a"),
        (("a", "b"), 1, ""),
        (("a", "a", "b"), 2, ""),
        (("a", "a", ""), 2, ""),
        (("", ""), 1, ""),
        (("a", ""), 1, ""),
    ],
)
def test_a_polygon_is_a_label_when_enough_people_name_one_class_and_nobody_objects(
    said: tuple[str, ...], needed: int, agreed: str
) -> None:
    found = agreed_polygons(votes(*said), needed=needed)
    assert [polygon.class_code for polygon in found.get(7, ())] == ([agreed] if agreed else [])
    if agreed:
        assert found[7][0].validation_ids == tuple(range(1, len(said) + 1))


def test_people_who_saw_different_outlines_do_not_agree() -> None:
    seen = votes("a", "a")
    seen[1] = Vote(2, 7, "m1", "region-1", "p" * 64, "a")
    assert agreed_polygons(seen, needed=2) == {}
