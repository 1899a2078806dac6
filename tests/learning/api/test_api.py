from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from learning_rows import confusions, labelled_campaign, model_row, ready_map
from scenes import TWO_CLASSES, person

from annotation.models import Job
from annotation.services.people import set_role
from learning.models import TrainingRun
from learning.services.acquisition import open_acquisition_round
from learning.services.evaluations import record_evaluation
from learning.services.holdout import holdout_reference
from learning.services.promotion import promote_or_reject

pytestmark = pytest.mark.django_db


def signed_in(client: Any, user: Any) -> Any:
    client.force_authenticate(user)
    return client


def test_a_maintainer_starts_a_run_and_follows_its_job(api_client: Any) -> None:
    scene = labelled_campaign(pool=3)
    maintainer = person("maintainer")
    set_role(campaign=scene.campaign, user=maintainer, role="maintainer")
    client = signed_in(api_client, maintainer)
    answer = client.post("/api/v1/campaigns/camp/training-runs/", {})
    assert answer.status_code == 202 and answer.json()["job"]["state"] == "queued"
    assert client.get(f"/api/v1/jobs/{answer.json()['job']['id']}/").json()["kind"] == "train"
    again = client.post("/api/v1/campaigns/camp/training-runs/", {"force": True})
    assert again.status_code == 409 and again.json()["error"]["code"] == "job_already_running"
    listed = client.get("/api/v1/campaigns/camp/training-runs/").json()
    assert [(run["training_set"], run["n_tiles"], run["state"]) for run in listed] == [(1, 3, "queued")]


def test_a_refusal_to_train_says_what_is_missing(api_client: Any) -> None:
    scene = labelled_campaign(pool=1)
    maintainer = person("maintainer")
    set_role(campaign=scene.campaign, user=maintainer, role="maintainer")
    answer = signed_in(api_client, maintainer).post("/api/v1/campaigns/camp/training-runs/", {})
    assert answer.status_code == 409 and answer.json()["error"]["code"] == "nothing_to_train"
    assert not Job.objects.exists()


@pytest.mark.parametrize("role", ["annotator", "reviewer", None])
def test_others_learn_nothing_of_training(api_client: Any, role: str | None) -> None:
    scene = labelled_campaign(pool=3)
    stranger = person("stranger")
    if role:
        set_role(campaign=scene.campaign, user=stranger, role=role)
    client = signed_in(api_client, stranger)
    for answer in (
        client.get("/api/v1/campaigns/camp/training-runs/"),
        client.post("/api/v1/campaigns/camp/training-runs/", {}),
    ):
        assert answer.status_code == 404 and answer.json()["error"]["code"] == "not_found"
    assert not Job.objects.exists()


def test_a_signed_out_person_may_not_start_training(api_client: Any) -> None:
    labelled_campaign(pool=3)
    assert api_client.post("/api/v1/campaigns/camp/training-runs/", {}).status_code == 401


def judged_loop() -> Any:
    """A campaign with one published model and the round its map opened."""
    scene = labelled_campaign(pool=3, holdout=12)
    reference = holdout_reference(scene.campaign)
    model = model_row(scene.campaign)
    record_evaluation(
        model=model, reference=reference, confusions=confusions(reference, 0.9), class_codes=list(TWO_CLASSES)
    )
    model = promote_or_reject(candidate=model, reference=reference)
    prediction = ready_map(model, np.full((16, 16), 0.5, np.float32))
    open_acquisition_round(campaign=scene.campaign, prediction=prediction, training_run=model.run, candidate=model)
    return scene, model, prediction


def test_anyone_reads_the_loop_round_by_round(api_client: Any) -> None:
    scene, model, _prediction = judged_loop()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        rounds = api_client.get("/api/v1/campaigns/camp/rounds/").json()
    assert len(queries) <= 3
    assert [r["number"] for r in rounds] == [0, 1]
    assert rounds[0]["function"] == "initial" and rounds[0]["holdout_miou"] is None
    miou = model.evaluations.get().miou
    assert rounds[1]["holdout_miou"] == rounds[1]["published_miou"] == pytest.approx(miou)
    assert rounds[1]["mean_entropy_nats"] == 0.5 and rounds[1]["promoted"] is True
    assert rounds[1]["model_version"] == "camp-m1" and rounds[1]["labelled_tiles"] == 8
    assert rounds[1]["tickets"] == scene.campaign.rounds.get(number=1).tickets.count()


def test_a_round_drawn_because_the_first_model_was_rejected_shows_that_models_figures(api_client: Any) -> None:
    scene = labelled_campaign(pool=3, holdout=12)
    reference = holdout_reference(scene.campaign)
    model = model_row(scene.campaign)
    record_evaluation(
        model=model, reference=reference, confusions=confusions(reference, 0.2), class_codes=list(TWO_CLASSES)
    )
    model = promote_or_reject(candidate=model, reference=reference)
    assert model.state == "rejected"
    open_acquisition_round(campaign=scene.campaign, prediction=None, training_run=model.run, candidate=model)
    newest = api_client.get("/api/v1/campaigns/camp/rounds/").json()[-1]
    assert (newest["number"], newest["function"], newest["model_version"]) == (1, "random", "")
    assert newest["holdout_miou"] == pytest.approx(model.evaluations.get().miou)
    assert newest["promoted"] is False and newest["labelled_tiles"] == 8
    assert newest["mean_entropy_nats"] is None and newest["published_miou"] is None
    assert newest["tickets"] == scene.campaign.rounds.get(number=1).tickets.count() > 0


def test_anyone_reads_models_with_their_figures_and_the_gates_words(api_client: Any) -> None:
    scene, model, prediction = judged_loop()
    model_row(scene.campaign, number=2)
    pending, shown = api_client.get("/api/v1/campaigns/camp/models/").json()
    assert (pending["version"], pending["state"], pending["gate"], pending["miou"]) == (
        "camp-m2", "candidate", None, None,
    )  # fmt: skip
    assert (shown["version"], shown["state"], shown["prediction"]) == ("camp-m1", "promoted", prediction.pk)
    assert shown["gate"]["promote"] is True and shown["gate"]["reason"] == model.gate["reason"]
    assert shown["holdout_tiles"] == 12 and shown["miou_low"] <= shown["miou"] <= shown["miou_high"]


def test_anyone_reads_one_model_with_what_it_learnt_from_and_nothing_of_single_control_tiles(api_client: Any) -> None:
    scene, model, _prediction = judged_loop()
    TrainingRun.objects.filter(pk=model.run_id).update(config={"steps": 8}, loss_curve=[[8, 0.5]])
    model_row(scene.campaign, number=2)
    body = api_client.get("/api/v1/campaigns/camp/models/1/").json()
    assert (body["version"], body["state"], body["figures"]["n_tiles"]) == ("camp-m1", "promoted", 12)
    assert body["figures"]["confusion"] == model.evaluations.get().confusion
    assert set(body["figures"]["per_class"]) == set(TWO_CLASSES) and body["figures"]["interval_unit"] == "blocks"
    assert (body["training"]["config"], body["training"]["loss_curve"]) == ({"steps": 8}, [[8, 0.5]])
    assert "tile_confusions" not in str(body) and "block_of" not in str(body)
    assert api_client.get("/api/v1/campaigns/camp/models/2/").json()["figures"] is None


def test_a_round_names_the_model_that_was_trained_before_it(api_client: Any) -> None:
    judged_loop()
    first, newest = api_client.get("/api/v1/campaigns/camp/rounds/").json()
    assert (first["candidate"], newest["candidate"]) == (None, "camp-m1")


def test_before_a_map_there_is_no_draft_and_on_a_control_tile_never(api_client: Any) -> None:
    scene = labelled_campaign(pool=1)
    client = signed_in(api_client, scene.author)
    pool, control = scene.pool_tiles()[1], scene.holdout_tiles()[0]
    answer = client.get(f"/api/v1/tiles/{pool.pk}/draft/")
    assert answer.status_code == 404 and answer.json()["error"]["code"] == "no_draft"
    answer = client.get(f"/api/v1/tiles/{control.pk}/draft/")
    assert answer.status_code == 404 and answer.json()["error"]["code"] == "blind_tile"


def test_an_unknown_campaign_is_404(api_client: Any) -> None:
    for what in ("rounds", "models"):
        assert api_client.get(f"/api/v1/campaigns/none/{what}/").status_code == 404
