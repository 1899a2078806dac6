"""Gold, reliability and agreement over the API: who gets what."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from gold_rows import GREY, gold_campaign, halves, hand_in
from PIL import Image
from rest_framework.test import APIClient
from scenes import accepted, person

from annotation.jobs.registry import run_job

pytestmark = pytest.mark.django_db


def client_of(user: Any) -> APIClient:
    client = APIClient()
    client.force_login(user)
    return client


@pytest.fixture
def world() -> dict[str, Any]:
    scene, maintainer, golds = gold_campaign(redundancy=3, golds=2)
    return {"scene": scene, "maintainer": client_of(maintainer), "golds": golds, "slug": scene.campaign.slug}


def test_a_maintainer_marks_lists_and_retires_gold(world: dict[str, Any]) -> None:
    scene, maintainer = world["scene"], world["maintainer"]
    label = accepted(scene.campaign, scene.pool_tiles()[4], scene.author, scene.reviewer, halves())
    url = f"/api/v1/campaigns/{world['slug']}/gold/"
    made = maintainer.post(url, {"annotation_id": label.pk, "note": "clear"}, format="json")
    assert made.status_code == 201 and made.json()["note"] == "clear" and made.json()["n_people"] == 0
    again = maintainer.post(url, {"annotation_id": label.pk}, format="json")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "already_gold")
    hand_in(world["golds"][0].tile, person("ana"), halves())
    assert [one["n_people"] for one in maintainer.get(url).json()] == [1, 0, 0]
    retired = maintainer.post(f"/api/v1/gold/{made.json()['id']}/retire/", {"faulty": True}, format="json")
    assert retired.status_code == 200 and retired.json()["faulty"] and retired.json()["retired_at"]


def test_reliability_is_for_maintainers_and_ones_own_for_oneself(world: dict[str, Any]) -> None:
    ana, bo = person("ana"), person("bo")
    hand_in(world["golds"][0].tile, ana, halves(GREY, GREY))
    url = f"/api/v1/campaigns/{world['slug']}/reliability/"
    [found] = world["maintainer"].get(url).json()
    assert found["contributor"] == ana.contributor.public_id
    assert (found["tiles"], found["passed"], found["test"]) == (1, 0, "go on")
    assert [one["class_code"] for one in found["classes"]] == [GREY]
    for someone in (ana, bo, world["scene"].reviewer):
        assert client_of(someone).get(url).status_code == 404
    assert client_of(ana).get("/api/v1/me/reliability/").json() == [], "one tile says too little, and it is of today"
    assert APIClient().get("/api/v1/me/reliability/").status_code == 401


def test_a_reviewer_counts_agreement_and_sees_figures_and_pictures(world: dict[str, Any]) -> None:
    scene = world["scene"]
    reviewer, tile = client_of(scene.reviewer), scene.pool_tiles()[5]
    hand_in(tile, person("ana"), halves())
    hand_in(tile, person("bo"), halves(GREY, GREY))
    url = f"/api/v1/campaigns/{world['slug']}/agreement/"
    job = reviewer.post(url)
    assert job.status_code == 202
    run_job(job.json()["id"])
    body = reviewer.get(url).json()
    assert (body["n_tiles"], body["differing"]) == (1, 0.5)
    assert [one["tile_id"] for one in body["contested"]] == [tile.pk]
    for path, size in (
        (f"/api/v1/campaigns/{world['slug']}/disagreement.png", (16, 16)),
        (f"/api/v1/tiles/{tile.pk}/disagreement.png", (64, 64)),
    ):
        answer = reviewer.get(path)
        assert answer["Content-Type"] == "image/png" and "no-store" in answer["Cache-Control"]
        assert Image.open(BytesIO(answer.content)).size == size
        assert client_of(person(f"stranger-{size[0]}")).get(path).status_code == 404
