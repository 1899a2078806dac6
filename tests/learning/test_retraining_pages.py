"""The page on which maintainers set the schedule and publish models."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from html_checks import assert_strict
from learning_rows import Labelled, maintained, model_row, signed_in, with_weights
from map_rows import evaluation
from scenes import TWO_CLASSES

from annotation.models import Job
from learning.models import RetrainingPolicy, TrainedModel

pytestmark = pytest.mark.django_db
URL = "/campaigns/camp/retraining/"
SCHEDULE = {"enabled": "on", "period_hours": "12", "min_newly_accepted": "30", "round_size": "50"}


def page_of(client: Client) -> str:
    answer = client.get(URL)
    assert_strict(answer)
    return " ".join(answer.content.decode().replace("\xa0", " ").replace("\u202f", " ").split())


def with_models(scene: Labelled) -> None:
    """A published model, one held with its reasons, one in shadow, and an earlier one."""
    for number, state in ((1, "retired"), (2, "promoted"), (3, "held"), (4, "held")):
        model = with_weights(model_row(scene.campaign, number=number, state=state))
        found = evaluation(model, 0.8, reference=f"h{number}", miou=0.5 + 0.02 * number)
        found.n_tiles = 12
        found.save()
        training_set = model.run.training_set
        training_set.n_tiles = 40 * number
        training_set.save()
    TrainedModel.objects.filter(number=3).update(
        gate={
            "reason": "in English",
            "reasons": [
                {"code": "cannot_tell", "figures": {"low": -0.0123, "tolerated": -0.005}},
                {"code": "about_tiles", "figures": {"tiles": 87}},
            ],
        }
    )
    TrainedModel.objects.filter(number=4).update(
        outcome="promote", gate={"reason": "Not worse.", "reasons": [], "against": "camp-m2", "shadow": True}
    )


@pytest.mark.parametrize(
    ("language", "told"),
    [
        (
            "en",
            [
                "It may be worse than the published model: lower bound of the difference -1.2 points of mean IoU, "
                "-0.5 are tolerated. About 87 labelled control tiles in all would tell",
                "The next 100 labelled tiles are expected to bring +",
                "Nothing was started:</strong> 3 of 20 newly accepted labels: waiting for more.",
                "cannot be told yet",
                "Publish camp-m4</button>",
            ],
        ),
        (
            "fr",
            [
                "Il est peut-être moins bon que le modèle publié : borne inférieure de la différence -1,2 point d’IoU "
                "moyen, -0,5 toléré.",
                "Les 100 prochaines tuiles étiquetées devraient apporter +",
                "3 étiquettes nouvellement acceptées sur 20",
                "on ne peut pas encore le dire",
                "Publier camp-m4</button>",
            ],
        ),
    ],
)
def test_the_page_says_what_was_decided_and_why_in_the_reader_s_language(language: str, told: list[str]) -> None:
    scene, maintainer = maintained()
    with_models(scene)
    RetrainingPolicy.objects.create(
        campaign=scene.campaign, last_considered_at=timezone.now() - timedelta(minutes=3),
        last_refusal="in English", last_refusal_code="waiting", last_refusal_figures={"found": 3, "wanted": 20},
    )  # fmt: skip
    page = page_of(signed_in(maintainer, language))
    for text in told:
        assert text in page, text


def test_a_campaign_without_schedule_or_models_says_so() -> None:
    _scene, maintainer = maintained()
    page = page_of(signed_in(maintainer))
    assert "It retrains only when asked." in page and "No model has been trained yet." in page
    assert "It takes two models of different numbers of labelled tiles" in page


def test_a_schedule_is_kept_with_its_floors_and_thresholds() -> None:
    scene, maintainer = maintained()
    client = signed_in(maintainer)
    given = {**SCHEDULE, "drift_index": "", "stop_below_points": "0.3", "shadow": "on", f"floor-{TWO_CLASSES[0]}": "40"}
    assert client.post(URL, given).status_code == 302
    policy = RetrainingPolicy.objects.get(campaign=scene.campaign)
    assert (policy.enabled, policy.period_hours, policy.min_newly_accepted, policy.round_size) == (True, 12.0, 30, 50)
    assert (policy.drift_index, policy.stop_below_points, policy.shadow) == (None, 0.3, True)
    assert policy.class_floors == {TWO_CLASSES[0]: 0.4}
    page = page_of(client)
    assert 'name="period_hours" value="12.0"' in page and 'value="40.0"' in page
    assert client.post(URL, {**SCHEDULE, "enabled": ""}).status_code == 302
    policy.refresh_from_db()
    assert (policy.enabled, policy.class_floors) == (False, {})


@pytest.mark.parametrize(
    ("name", "value"), [("period_hours", "0"), ("round_size", "-1"), (f"floor-{TWO_CLASSES[0]}", "101")]
)
def test_a_value_that_cannot_be_used_is_shown_beside_its_field_and_nothing_is_kept(name: str, value: str) -> None:
    _scene, maintainer = maintained()
    answer = signed_in(maintainer).post(URL, {**SCHEDULE, name: value})
    assert answer.status_code == 400 and b"errorlist" in answer.content
    assert f'value="{value}"'.encode() in answer.content, "what was typed is still there"
    assert not RetrainingPolicy.objects.exists()


def test_a_campaign_that_stopped_by_itself_says_so_and_goes_on_when_told() -> None:
    scene, maintainer = maintained()
    model_row(scene.campaign)
    policy = RetrainingPolicy.objects.create(
        campaign=scene.campaign, last_considered_at=timezone.now(), last_refusal_code="stopped",
        last_refusal_figures={"more_tiles": 100, "points": 0.14, "spread": 0.1, "threshold": 0.2},
    )  # fmt: skip
    client = signed_in(maintainer)
    page = page_of(client)
    assert "It has stopped.</strong> The next 100 labelled tiles are expected to bring 0.1 ± 0.1 points" in page
    assert "Go on for 100 more tiles" in page
    assert client.post(URL, {"go_on": "1"}).status_code == 302
    policy.refresh_from_db()
    assert policy.go_on_until_tiles == 108


def test_the_buttons_publish_restore_and_judge_again() -> None:
    scene, maintainer = maintained()
    with_models(scene)
    client = signed_in(maintainer)
    assert client.post(f"{URL}models/4/", {"action": "publish"}).status_code == 302
    assert TrainedModel.objects.get(number=4).state == "promoted"
    client.post(f"{URL}models/1/", {"action": "restore"})
    assert TrainedModel.objects.get(number=1).state == "promoted"
    client.post(f"{URL}models/3/", {"action": "judge"})
    assert Job.objects.get(kind="judge").payload == {"model": TrainedModel.objects.get(number=3).pk}
    assert client.post(f"{URL}models/3/", {"action": "publish"}).status_code == 302
    assert "This model cannot be published" in page_of(client)
    assert client.post(f"{URL}models/9/", {"action": "publish"}).status_code == 404
    assert client.post(f"{URL}models/3/", {"action": "erase"}).status_code == 404


def test_only_maintainers_find_the_page_and_the_way_to_it() -> None:
    scene, maintainer = maintained(pool=1)
    assert [signed_in(one).get(URL).status_code for one in (scene.author, scene.reviewer, maintainer)] == [
        404,
        404,
        200,
    ]
    ways = [URL in signed_in(one).get("/campaigns/camp/").content.decode() for one in (scene.reviewer, maintainer)]
    assert ways == [False, True]
