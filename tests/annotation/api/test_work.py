"""The API as the studio and scripts meet it: headers, statuses, one error shape, nothing of other people's."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import scenes
from rest_framework.test import APIClient

from annotation.models import AnnotationRevision
from annotation.services.people import set_role

BUILT, GRASS = scenes.TWO_CLASSES
V1 = "/api/v1"


def signed_in(user: Any) -> APIClient:
    client = APIClient()
    client.force_login(user)
    return client


@pytest.fixture
def ana(db: None) -> Any:
    return scenes.person("ana")


@pytest.fixture
def campaign(db: None) -> Any:
    return scenes.campaign("camp", tile_px=256)


def claim(client: APIClient) -> dict[str, Any]:
    answer = client.post(f"{V1}/campaigns/camp/claim/", {}, format="json")
    assert answer.status_code == 200, answer.content
    return answer.json()


def put(client: APIClient, tile: int, features: Any, version: str | None, **more: Any) -> Any:
    body = {"operation_id": str(uuid.uuid4()), "features": features, "seconds_spent": 4} | more
    headers = {} if version is None else {"If-Match": f'"{version}"'}
    return client.put(f"{V1}/tiles/{tile}/annotation/", body, format="json", headers=headers)


def test_claim_save_submit_and_accept(ana: Any, campaign: Any) -> None:
    client = signed_in(ana)
    given = claim(client)
    assert given["why"]["kind"] == "initial" and given["annotation"] == {
        "version": 0, "state": "new", "features": [], "saved_at": None, "review": None,
    }  # fmt: skip
    tile = given["tile"]["id"]
    saved = put(client, tile, [scenes.square(BUILT, 0, 0, 10)], "0")
    assert saved.status_code == 200 and saved.headers["ETag"] == '"1"' and saved.json()["state"] == "draft"
    submitted = client.post(
        f"{V1}/tiles/{tile}/annotation/submit/",
        {"operation_id": str(uuid.uuid4())},
        format="json",
        headers={"If-Match": '"1"'},
    )
    assert submitted.json()["state"] == "submitted"
    rene = scenes.person("rene")
    set_role(campaign=campaign, user=rene, role="reviewer")
    desk = signed_in(rene)
    waiting = desk.get(f"{V1}/campaigns/camp/reviews/next/").json()
    assert waiting["annotation"]["features"][0]["class_code"] == BUILT
    assert waiting["author"].startswith("c-") and "ana" not in str(waiting)
    verdict = desk.post(
        f"{V1}/annotations/{waiting['annotation_id']}/reviews/",
        {"operation_id": str(uuid.uuid4()), "verdict": "accept"},
        format="json",
        headers={"If-Match": '"1"'},
    )
    assert verdict.json() == {"verdict": "accept", "state": "accepted"}
    assert desk.get(f"{V1}/campaigns/camp/reviews/next/").status_code == 204
    mine = client.get(f"{V1}/me/annotations/").json()["results"]
    assert mine[0]["state"] == "accepted" and mine[0]["review"]["verdict"] == "accept"


def test_a_repeated_operation_answers_as_the_first_time(ana: Any, campaign: Any) -> None:
    client = signed_in(ana)
    tile = claim(client)["tile"]["id"]
    operation = str(uuid.uuid4())
    first = put(client, tile, [scenes.square(BUILT, 0, 0, 10)], "0", operation_id=operation)
    put(client, tile, [scenes.square(GRASS, 0, 0, 10)], "1")
    again = put(client, tile, [scenes.square(BUILT, 0, 0, 10)], "0", operation_id=operation)
    assert again.status_code == 200 and again.headers["ETag"] == '"1"'
    assert again.json()["features"] == first.json()["features"]
    assert AnnotationRevision.objects.count() == 2


def test_a_save_without_if_match_is_428(ana: Any, campaign: Any) -> None:
    client = signed_in(ana)
    answer = put(client, claim(client)["tile"]["id"], [], None)
    assert answer.status_code == 428 and answer.json()["error"]["code"] == "version_required"


def test_a_stale_save_is_412_with_both_versions(ana: Any, campaign: Any) -> None:
    client = signed_in(ana)
    tile = claim(client)["tile"]["id"]
    put(client, tile, [scenes.square(BUILT, 0, 0, 10)], "0")
    stale = put(client, tile, [scenes.square(GRASS, 0, 0, 10)], "0")
    assert stale.status_code == 412
    details = stale.json()["error"]["details"]
    assert details["yours"] == 0 and details["current"]["version"] == 1
    assert details["current"]["features"][0]["class_code"] == BUILT


def test_an_overlap_is_422_with_its_place(ana: Any, campaign: Any) -> None:
    client = signed_in(ana)
    answer = put(
        client, claim(client)["tile"]["id"], [scenes.square(BUILT, 0, 0, 10), scenes.square(GRASS, 5, 5, 10)], "0"
    )
    assert answer.status_code == 422
    error = answer.json()["error"]
    x, y = error["details"]["at"]
    assert error["code"] == "overlapping_features" and 40 <= x <= 80 and 40 <= y <= 80


@pytest.mark.parametrize(
    "body",
    [
        b'{"operation_id": "x"}',
        b"[1, 2",
        b'{"operation_id": NaN}',
        b"[" * 100_000,
        b'{"features": ' + b"[" * 90_000 + b"]" * 90_000 + b"}",
        b"\xff\xfe",
        b"null",
    ],
)
def test_a_hostile_body_is_a_400_never_a_500(ana: Any, campaign: Any, body: bytes) -> None:
    client = signed_in(ana)
    tile = claim(client)["tile"]["id"]
    answer = client.generic(
        "PUT", f"{V1}/tiles/{tile}/annotation/", body, content_type="application/json", headers={"If-Match": '"0"'}
    )
    assert answer.status_code == 400, answer.content[:300]
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("number", ["1e999", "NaN", "99999999999999999999", "1.5", "true", '"4"', "null", "[1]"])
def test_a_vertex_that_is_no_integer_of_the_tile_is_refused(ana: Any, campaign: Any, number: str) -> None:
    client = signed_in(ana)
    tile = claim(client)["tile"]["id"]
    body = (
        f'{{"operation_id": "{uuid.uuid4()}", "features": [{{"id": "a", "class_code": "{BUILT}", '
        f'"rings": [[[0, 0], [{number}, 0], [8, 8]]], "provenance": "drawn"}}]}}'
    )
    answer = client.generic(
        "PUT", f"{V1}/tiles/{tile}/annotation/", body, content_type="application/json", headers={"If-Match": '"0"'}
    )
    assert answer.status_code in {400, 422}, answer.content[:300]
    assert not AnnotationRevision.objects.exists()


def test_a_signed_out_caller_gets_401_and_a_stranger_404(ana: Any, campaign: Any) -> None:
    client = signed_in(ana)
    given = claim(client)
    tile, token = given["tile"]["id"], given["lease"]["token"]
    put(client, tile, [scenes.square(BUILT, 0, 0, 10)], "0")
    assert APIClient().get(f"{V1}/me/").status_code == 401
    assert APIClient().post(f"{V1}/campaigns/camp/claim/").status_code == 401
    stranger = signed_in(scenes.person("eve"))
    assert stranger.post(f"{V1}/leases/{token}/heartbeat/").status_code == 404
    assert stranger.get(f"{V1}/campaigns/camp/reviews/next/").status_code == 404
    assert stranger.get(f"{V1}/tiles/{tile}/annotation/").json()["features"] == []  # one's own, not Ana's


def test_a_session_write_needs_its_csrf_token(ana: Any, campaign: Any) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(ana)
    answer = client.post(f"{V1}/campaigns/camp/claim/", {}, format="json")
    assert answer.status_code == 403


def test_hold_out_tiles_show_as_control_tiles_and_the_buffer_not_at_all(ana: Any, campaign: Any) -> None:
    from annotation.services.tiles import materialise_tiles, role_of_tile

    place = next(
        (row, col)
        for row in range(campaign.n_rows)
        for col in range(campaign.n_cols)
        if role_of_tile(campaign, row, col) == "buffer"
    )
    buffer_tile = materialise_tiles(campaign=campaign, places=[place])[place]
    collection = APIClient().get(f"{V1}/campaigns/camp/tiles.geojson").json()
    roles = {feature["properties"]["role"] for feature in collection["features"]}
    assert roles == {"pool", "control"}
    assert buffer_tile.pk not in {feature["id"] for feature in collection["features"]}
    assert signed_in(ana).get(f"{V1}/tiles/{buffer_tile.pk}/").status_code == 404


def test_the_map_of_tiles_can_be_asked_by_bounding_box(campaign: Any) -> None:
    client = APIClient()
    assert client.get(f"{V1}/campaigns/camp/tiles.geojson?bbox=100,10,101,11").json()["features"] == []
    assert client.get(f"{V1}/campaigns/camp/tiles.geojson?bbox=1,2,3").status_code == 400


def test_geojson_in_degrees_is_snapped_to_the_grid_and_reports_what_moved(ana: Any, campaign: Any) -> None:
    client = signed_in(ana)
    given = claim(client)
    west, south, east, north = given["tile"]["bounds_wgs84"]
    lon, lat = (west + east) / 2, (south + north) / 2
    ring = [[lon, lat], [lon + 1e-4, lat], [lon + 1e-4, lat + 1e-4], [lon, lat]]
    collection = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"class_code": BUILT},
                "geometry": {"type": "Polygon", "coordinates": [ring]},
            }
        ],
    }
    answer = client.post(
        f"{V1}/tiles/{given['tile']['id']}/annotation/geojson/",
        {"operation_id": str(uuid.uuid4()), "collection": collection},
        format="json",
        headers={"If-Match": '"0"'},
    )
    assert answer.status_code == 200, answer.content
    assert 0 <= answer.json()["moved_m"] < 0.02  # half a step of 2.5 cm, along both axes
    assert len(answer.json()["features"]) == 1


def test_claiming_costs_a_bounded_number_of_queries(
    ana: Any, campaign: Any, django_assert_max_num_queries: Any
) -> None:
    client = signed_in(ana)
    with django_assert_max_num_queries(12):
        claim(client)
