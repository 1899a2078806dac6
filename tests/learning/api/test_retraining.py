"""The schedule and which model is published, over the API."""

from __future__ import annotations

from typing import Any

import pytest
from learning_rows import labelled_campaign, model_row, with_weights
from scenes import TWO_CLASSES, person

from annotation.models import Job
from annotation.services.people import set_role
from learning.models import RetrainingPolicy

pytestmark = pytest.mark.django_db
URL = "/api/v1/campaigns/camp/retraining/"


@pytest.fixture
def scene() -> Any:
    return labelled_campaign(pool=3)


@pytest.fixture
def client(api_client: Any, scene: Any) -> Any:
    """Signed in as the campaign's maintainer."""
    maintainer = person("maintainer")
    set_role(campaign=scene.campaign, user=maintainer, role="maintainer")
    api_client.force_authenticate(maintainer)
    return api_client


def test_without_a_schedule_a_campaign_retrains_only_when_asked(client: Any) -> None:
    body = client.get(URL).json()
    assert body["enabled"] is False and body["last_considered_at"] is None
    assert (body["expected_gain"], body["drift"]) == (None, None)


def test_a_change_names_only_what_changes_and_setting_a_floor_asks_for_no_schedule(client: Any) -> None:
    floors = {TWO_CLASSES[0]: 0.4}
    body = client.patch(URL, {"class_floors": floors, "shadow": True}, format="json").json()
    assert body["class_floors"] == floors and body["shadow"] is True and body["enabled"] is False
    body = client.patch(URL, {"enabled": True, "period_hours": 6, "drift_index": None}, format="json").json()
    policy = RetrainingPolicy.objects.get()
    assert (policy.enabled, policy.period_hours, policy.drift_index, policy.shadow) == (True, 6.0, None, True)
    assert body["class_floors"] == floors


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"class_floors": {"lava": 0.5}}, 422, "There is no class 'lava'"),
        ({"period_hours": 0}, 422, "period_hours is 0.0: give a number above 0"),
        ({"class_floors": {TWO_CLASSES[0]: 1.5}}, 400, "class_floors"),
        ({"round_size": "many"}, 400, "round_size"),
    ],
)
def test_values_that_cannot_be_used_are_refused_and_named(
    client: Any, body: dict[str, Any], status: int, told: str
) -> None:
    answer = client.patch(URL, body, format="json")
    assert answer.status_code == status and told in answer.content.decode().replace('\\"', '"')
    assert not RetrainingPolicy.objects.exists()


def test_what_jobs_write_cannot_be_written_over_the_api(client: Any) -> None:
    client.patch(URL, {"last_refusal": "mine", "go_on_until_tiles": 9, "training": {"steps": 1}}, format="json")
    policy = RetrainingPolicy.objects.get()
    assert (policy.last_refusal, policy.go_on_until_tiles, policy.training) == ("", 0, {})


def test_a_campaign_that_stopped_goes_on_for_a_hundred_tiles(client: Any, scene: Any) -> None:
    assert client.post(f"{URL}go-on/").status_code == 404, "there is no schedule"
    RetrainingPolicy.objects.create(campaign=scene.campaign)
    model_row(scene.campaign)  # of a set of 8 tiles
    assert client.post(f"{URL}go-on/").json()["go_on_until_tiles"] == 108


def test_an_earlier_model_is_published_again_and_a_wrong_one_is_refused(client: Any, scene: Any) -> None:
    with_weights(model_row(scene.campaign, state="retired"))
    model_row(scene.campaign, number=2, state="promoted")
    answer = client.post("/api/v1/campaigns/camp/models/1/restore/")
    assert answer.status_code == 200 and (answer.json()["version"], answer.json()["state"]) == ("camp-m1", "promoted")
    assert Job.objects.get().kind == "predict"
    answer = client.post("/api/v1/campaigns/camp/models/1/restore/")
    assert answer.status_code == 409 and answer.json()["error"]["code"] == "cannot_roll_back"
    assert client.post("/api/v1/campaigns/camp/models/7/restore/").status_code == 404


def test_a_model_in_shadow_is_published_by_its_maintainer_and_judged_again_when_held(client: Any, scene: Any) -> None:
    model = with_weights(model_row(scene.campaign, state="held"))
    answer = client.post("/api/v1/campaigns/camp/models/1/publish/")
    assert answer.status_code == 409 and answer.json()["error"]["code"] == "cannot_publish"
    answer = client.post("/api/v1/campaigns/camp/models/1/judge/")
    assert answer.status_code == 202 and answer.json()["job"]["kind"] == "judge"
    model.outcome, model.gate = "promote", {"promote": True, "reason": "Not worse.", "against": None, "shadow": True}
    model.save()
    body = client.post("/api/v1/campaigns/camp/models/1/publish/").json()
    assert (body["state"], body["outcome"]) == ("promoted", "promote")


def test_whoever_does_not_maintain_the_campaign_finds_nothing(api_client: Any, scene: Any) -> None:
    model_row(scene.campaign, state="retired")
    api_client.force_authenticate(scene.author)
    assert api_client.get(URL).status_code == 404
    assert api_client.post("/api/v1/campaigns/camp/models/1/restore/").status_code == 404
