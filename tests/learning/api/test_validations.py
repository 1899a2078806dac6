"""The fast lane over HTTP: what is given, what is taken, and what each refusal says."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from learning_rows import model_row, ready_map
from rest_framework.test import APIClient
from scenes import person, write_geotiff
from validation_rows import GREY, THIRD, Drawn, drawing, drawn_campaign

from annotation.models import Validation

pytestmark = pytest.mark.django_db
NEXT = "/api/v1/campaigns/camp/validate/"


@pytest.fixture
def scene() -> Drawn:
    return drawn_campaign(tiles=3)


@pytest.fixture
def ana(api_client: Any, scene: Drawn) -> Any:
    api_client.force_authenticate(person("ana"))
    return api_client


def send(client: Any, tile_id: int, verdicts: list[dict[str, Any]], **more: Any) -> Any:
    body = {"operation_id": str(uuid.uuid4()), "model_version": "camp-m1", "verdicts": verdicts, **more}
    return client.post(f"/api/v1/tiles/{tile_id}/validations/", body, format="json")


def test_a_tile_is_given_with_its_lease_and_the_least_certain_polygon_first(ana: Any, scene: Drawn) -> None:
    answer = ana.post(NEXT, {}, format="json")
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"lease", "tile", "model_version", "model_judged", "items"} and body["model_judged"] is True
    assert body["tile"]["id"] == scene.tiles[0].pk and body["tile"]["role_visible"] == "pool"
    assert (
        set(body["lease"]) == {"token", "expires_at", "heartbeat_seconds", "extra"}
        and body["model_version"] == "camp-m1"
    )
    assert [item["confidence"] for item in body["items"]] == [0.4, 0.6, 0.9]
    last = drawing()[0]
    assert body["items"][-1] == {
        "feature_id": "region-1", "class_code": GREY, "rings": last["rings"], "confidence": 0.9, "verdict": None,
    }  # fmt: skip
    assert ana.post(f"/api/v1/leases/{body['lease']['token']}/heartbeat/").status_code == 200
    ahead = ana.post(NEXT, {"ahead": True}, format="json").json()
    assert ahead["tile"]["id"] == scene.tiles[1].pk


def test_verdicts_are_counted_and_shown_again_and_the_last_ends_the_lease(ana: Any, scene: Drawn) -> None:
    tile_id = ana.post(NEXT, {}, format="json").json()["tile"]["id"]
    verdicts = [
        {"feature_id": "region-2", "verdict": "other", "class_code": THIRD, "seconds": 3.2},
        {"feature_id": "region-3", "verdict": "agree", "class_code": None},
    ]
    assert send(ana, tile_id, verdicts).json() == {"stored": 2, "remaining": 1}
    again = ana.post(NEXT, {}, format="json").json()
    assert [item["verdict"] for item in again["items"]] == [
        {"verdict": "other", "class_code": THIRD}, {"verdict": "agree", "class_code": GREY}, None,
    ]  # fmt: skip
    assert ana.get("/api/v1/me/").json()["validations"] == 2
    assert send(ana, tile_id, [{"feature_id": "region-1", "verdict": "unsure"}]).json()["remaining"] == 0
    gone = ana.post(f"/api/v1/leases/{again['lease']['token']}/heartbeat/")
    assert gone.status_code == 409 and gone.json()["error"]["code"] == "lease_lost"


def test_an_operation_id_sent_twice_answers_the_same_and_stores_once(ana: Any, scene: Drawn) -> None:
    tile_id = ana.post(NEXT, {}, format="json").json()["tile"]["id"]
    operation = str(uuid.uuid4())
    answers = [send(ana, tile_id, [{"feature_id": "region-1", "verdict": "agree"}], operation_id=operation)] * 2
    answers.append(send(ana, tile_id, [{"feature_id": "region-1", "verdict": "agree"}], operation_id=operation))
    assert [answer.json() for answer in answers] == [{"stored": 1, "remaining": 2}] * 3
    assert Validation.objects.count() == 1


@pytest.mark.parametrize(
    ("status", "code", "verdict", "more"),
    [
        (422, "unknown_feature", {"feature_id": "region-9", "verdict": "agree"}, {}),
        (422, "unknown_class", {"feature_id": "region-2", "verdict": "other", "class_code": "x"}, {}),
        (422, "invalid_verdict", {"feature_id": "region-2", "verdict": "other"}, {}),
        (400, "invalid", {"feature_id": "region-2", "verdict": "agree", "seconds": "nan"}, {}),
        (409, "drawing_replaced", {"feature_id": "region-2", "verdict": "agree"}, {"model_version": "camp-m0"}),
        (400, "invalid", {"feature_id": "region-2", "verdict": "yes"}, {}),
        (400, "invalid", {"feature_id": "<script>", "verdict": "agree"}, {}),
        (400, "invalid", {"feature_id": "region-2", "verdict": "agree", "seconds": -1}, {}),
        (400, "invalid", {"feature_id": "region-2", "verdict": "agree"}, {"operation_id": "mine"}),
    ],
)
def test_a_refusal_has_a_code_and_nothing_of_its_request_is_stored(
    ana: Any, scene: Drawn, status: int, code: str, verdict: dict[str, Any], more: dict[str, Any]
) -> None:
    tile_id = ana.post(NEXT, {}, format="json").json()["tile"]["id"]
    answer = send(ana, tile_id, [{"feature_id": "region-1", "verdict": "agree"}, verdict], **more)
    assert answer.status_code == status, answer.content
    assert set(answer.json()["error"]) == {"code", "message", "details"}
    assert answer.json()["error"]["code"] == code
    assert not Validation.objects.exists()


def test_beyond_an_hours_worth_the_answer_says_when_to_come_back(ana: Any, scene: Drawn, settings: Any) -> None:
    settings.HOURLY_LIMITS = {**settings.HOURLY_LIMITS, "verdict": (1, 1, 1)}
    tile = ana.post("/api/v1/campaigns/camp/validate/", {}, format="json").json()["tile"]["id"]
    verdicts = [{"feature_id": "region-1", "verdict": "agree"}]
    assert send(ana, tile, verdicts).status_code == 200
    refused = send(ana, tile, verdicts)
    assert refused.status_code == 429 and refused.json()["error"]["code"] == "too_many_verdicts"
    assert 3500 < int(refused["Retry-After"]) <= 3600
    assert Validation.objects.count() == 1


def test_geometry_sent_by_a_client_is_ignored(ana: Any, scene: Drawn) -> None:
    tile_id = ana.post(NEXT, {}, format="json").json()["tile"]["id"]
    forged = {"rings": [[[0, 0], [512, 0], [512, 512]]], "confidence": 1.0, "shown_class": THIRD}
    assert send(ana, tile_id, [{"feature_id": "region-1", "verdict": "agree", **forged}]).status_code == 200
    row = Validation.objects.get()
    assert (row.rings, row.confidence, row.class_code) == (drawing()[0]["rings"], 0.9, GREY)


def test_control_tiles_and_tiles_given_to_others_take_no_verdict(ana: Any, scene: Drawn) -> None:
    control = scene.campaign.tiles.filter(role="holdout").first()
    for tile in (control, scene.tiles[2]):
        answer = send(ana, tile.pk, [{"feature_id": "region-1", "verdict": "agree"}])
        assert answer.status_code == 409 and answer.json()["error"]["code"] == "not_claimed"
    assert send(ana, 999_999, []).status_code == 404


def draw_nothing(scene: Drawn, tiles: list[Any]) -> None:
    """The model's map is empty on these tiles."""
    for name in ("class.tif", "entropy.tif"):
        write_geotiff(scene.prediction.path(name), np.zeros((1, 1024, 1024), np.uint8))
    for tile in tiles:
        scene.prediction.path(f"drafts/{tile.row}-{tile.col}.json").unlink(missing_ok=True)


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_tiles_where_the_model_drew_nothing_are_stepped_over_however_many(api_client: Any) -> None:
    scene = drawn_campaign(tiles=9)
    api_client.force_authenticate(person("ana"))
    draw_nothing(scene, scene.tiles[:8])
    assert api_client.post(NEXT, {}, format="json").json()["tile"]["id"] == scene.tiles[8].pk


def test_a_tile_stepped_over_is_given_once_a_newer_model_has_drawn_it(ana: Any, scene: Drawn) -> None:
    first = scene.tiles[0]
    draw_nothing(scene, [first])
    assert ana.post(NEXT, {}, format="json").json()["tile"]["id"] == scene.tiles[1].pk
    older = scene.prediction.model
    type(older).objects.filter(pk=older.pk).update(state="retired")
    newer = model_row(scene.campaign, state="promoted", number=older.number + 1)
    drawn = Drawn(scene.campaign, ready_map(newer, np.zeros((16, 16), np.float32)))
    for tile in scene.tiles:
        drawn.draw(tile, drawing())
    given = [ana.post(NEXT, {"ahead": ahead}, format="json").json() for ahead in (False, True)]
    assert [one["tile"]["id"] for one in given] == [scene.tiles[1].pk, first.pk]
    assert {one["model_version"] for one in given} == {newer.version}


def test_a_request_steps_over_so_many_and_the_next_one_goes_on_from_there(
    ana: Any, scene: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("learning.services.validations.EMPTY_TILES_A_CLAIM", 2)
    draw_nothing(scene, scene.tiles[:2])
    assert code_of(ana.post(NEXT, {}, format="json")) == (409, "nothing_drawn_so_far")
    assert ana.post(NEXT, {}, format="json").json()["tile"]["id"] == scene.tiles[2].pk


def test_where_nothing_is_given_the_answer_says_why(ana: Any, scene: Drawn) -> None:
    ben = APIClient()
    ben.force_authenticate(person("ben"))
    given = [ben.post(NEXT, {"ahead": ahead}, format="json").json() for ahead in (False, True)]
    left = ana.post(NEXT, {}, format="json").json()
    assert left["tile"]["id"] == scene.tiles[2].pk
    everything = [{"feature_id": f"region-{n}", "verdict": "agree"} for n in (1, 2, 3)]
    send(ana, left["tile"]["id"], everything)
    assert code_of(ana.post(NEXT, {}, format="json")) == (409, "left_to_others")
    ben.post(f"/api/v1/leases/{given[0]['lease']['token']}/release/", {"reason": "left"}, format="json")
    assert ana.post(NEXT, {}, format="json").json()["tile"]["id"] == given[0]["tile"]["id"]
    for tile in scene.tiles[:2]:
        scene.agree(tile, User.objects.get(username="ana"))
    assert ana.post(NEXT, {}, format="json").status_code == 204
    type(scene.prediction.model).objects.update(state="rejected")
    assert code_of(ana.post(NEXT, {}, format="json")) == (409, "no_model_yet")


def test_ones_own_tile_is_not_left_to_others(api_client: Any) -> None:
    drawn_campaign(tiles=1)
    api_client.force_authenticate(person("ana"))
    assert api_client.post(NEXT, {}, format="json").status_code == 200
    assert api_client.post(NEXT, {"ahead": True}, format="json").status_code == 204


def test_a_claim_costs_no_more_queries_when_the_round_is_long(api_client: Any) -> None:
    counts = []
    for slug, size in (("short", 3), ("long", 40)):
        drawn_campaign(slug, tiles=size, nomenclature=None if slug == "short" else _loaded())
        api_client.force_authenticate(person(slug))
        with CaptureQueriesContext(connection) as queries:
            assert api_client.post(f"/api/v1/campaigns/{slug}/validate/", {}, format="json").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 30, counts


def _loaded() -> Any:
    from annotation.models import Nomenclature

    return Nomenclature.objects.first()
