"""The job that makes a map also says what the labels changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from learning_rows import labelled_campaign
from map_models import mapped_layer
from map_rows import halves_at, judged_model, map_of, map_of_vintage, retire

from annotation.jobs.registry import run_job
from annotation.services.tiles import pool_mask
from learning.jobs.prediction import file_sha256
from learning.models import MapChange, Prediction, RetrainingPolicy
from learning.services.acquisition import open_acquisition_round
from learning.services.predictions import start_prediction

pytestmark = pytest.mark.django_db(transaction=True)  # the heartbeat has a connection of its own


def test_a_map_is_held_against_the_labels_it_is_new_to_once_its_round_is_open() -> None:
    scene = labelled_campaign()
    label = scene.label(scene.pool_tiles()[0])
    first = judged_model(scene.campaign, 1, [])
    map_of(first, {})
    retire(first)
    second = judged_model(scene.campaign, 2, [label], against=first)
    after = map_of(second, {(label.tile.row, label.tile.col): halves_at(8)})
    for _again in range(2):  # a job delivered twice counts once
        job = start_prediction(model=second)
        assert run_job(str(job.id))
        job.refresh_from_db()
        assert job.state == "succeeded", job.error
    change = MapChange.objects.get()
    assert (change.after, change.agreed_before_px, change.agreed_after_px) == (after, 64, 128)
    assert scene.campaign.rounds.filter(number=1, model_version=second.version).exists()


def predicted(model: Any) -> Any:
    job = start_prediction(model=model)
    assert run_job(str(job.id))
    job.refresh_from_db()
    return job


def policy(camp: Any, **training: Any) -> None:
    RetrainingPolicy.objects.update_or_create(campaign=camp, defaults={"training": training})


@pytest.mark.parametrize("by", ["dropout", "models"])
def test_a_map_and_its_round_keep_the_pixel_score_they_were_made_with(tmp_path: Path, by: str) -> None:
    if by == "models":
        mapped_layer(tmp_path)
    model = mapped_layer(tmp_path, number=2, dropout=0.3 if by == "dropout" else 0.0)
    camp = model.campaign
    policy(camp, pixel_score="bald", opinions=3)
    job = predicted(model)
    assert job.state == "succeeded", job.error
    made = Prediction.objects.get(model=model)
    scores, entropy = (np.load(made.path(name)) for name in ("scores.npy", "tile_entropy.npy"))
    pool = pool_mask(camp)
    assert made.pixel_score == "bald" and 0 < scores[pool].mean() < entropy[pool].mean()
    assert made.mean_entropy_nats == pytest.approx(float(entropy[pool].mean(dtype=np.float64)))
    opened = camp.rounds.latest("number")
    ticket = opened.tickets.filter(kind="uncertainty").select_related("tile").first()
    assert opened.pixel_score == "bald"
    assert ticket.score == pytest.approx(float(scores[ticket.tile.row, ticket.tile.col]))

    policy(camp, pixel_score="margin")  # the next map's: until it is there, rounds follow the one there is
    assert open_acquisition_round(campaign=camp, prediction=made).queue_round.pixel_score == "bald"


def test_a_map_that_wants_a_second_opinion_is_refused_where_there_is_none_and_says_what_to_do(tmp_path: Path) -> None:
    model = mapped_layer(tmp_path)
    policy(model.campaign, pixel_score="bald")
    job = predicted(model)
    assert job.state == "failed" and "Train with dropout" in job.error
    assert Prediction.objects.get(model=model).state == "running" and model.campaign.rounds.count() == 1
    policy(model.campaign)
    job = predicted(model)
    assert job.state == "succeeded", job.error


def test_a_map_that_is_gone_on_with_is_made_with_what_it_was_begun_with(tmp_path: Path, monkeypatch: Any) -> None:
    model = mapped_layer(tmp_path, tile_px=128)
    type(model.campaign.layer).objects.update(version=2)
    policy(model.campaign, pixel_score="margin", ask_for="regions")
    with monkeypatch.context() as patch:
        patch.setattr("learning.jobs.prediction.assemble", _power_cut)
        assert predicted(model).state == "failed"
    policy(model.campaign)  # by entropy, whole tiles
    monkeypatch.setattr("learning.core.predict.predict_core_rows", _power_cut)  # every row is there
    job = predicted(model)
    assert job.state == "succeeded", job.error
    made = Prediction.objects.get(model=model)
    assert made.pixel_score == "margin" and "parts_doubt.npy" in made.files
    assert made.layer_version == 2


def test_how_windows_are_run_is_chosen_once_for_a_map_and_only_where_the_map_is_worth_the_trial(
    tmp_path: Path, monkeypatch: Any
) -> None:
    asked: list[str] = []

    def chosen(*_given: Any, cores: list[int], **_named: Any) -> tuple[str, int]:
        assert cores == [1024, 512]
        asked.append("onnx")
        return "onnx", 512

    monkeypatch.setattr("learning.core.inference.chosen_way", chosen)
    small = mapped_layer(tmp_path, tile_px=128)
    assert predicted(small).state == "succeeded" and not asked
    monkeypatch.setattr("learning.jobs.prediction.WORTH_A_TRIAL", 0)
    large = mapped_layer(tmp_path, number=2)
    with monkeypatch.context() as patch:
        patch.setattr("learning.jobs.prediction.assemble", _power_cut)
        assert predicted(large).state == "failed"
    kept = json.loads(Prediction.objects.get(model=large).path("made_with.json").read_bytes())
    assert (kept["engine"], kept["core_px"]) == ("onnx", 512) and asked == ["onnx"]
    monkeypatch.setattr("learning.core.predict.predict_core_rows", _power_cut)  # every row is there
    assert predicted(large).state == "succeeded" and asked == ["onnx"]


def test_a_worker_killed_while_it_clears_up_leaves_a_map_that_is_found_done(tmp_path: Path, monkeypatch: Any) -> None:
    model = mapped_layer(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("learning.core.map_plan.shutil.rmtree", _removing_one_file)
        assert predicted(model).state == "failed"
    monkeypatch.setattr("learning.core.predict.predict_core_rows", _power_cut)
    job = predicted(model)
    assert job.state == "succeeded", job.error
    made = Prediction.objects.get(model=model)
    assert not [path.name for path in made.path("").iterdir() if path.name.startswith("rows")]


def _power_cut(*_given: Any, **_named: Any) -> None:
    raise RuntimeError("The power went off.")


def _removing_one_file(folder: Path, **_named: Any) -> None:
    if folder.exists():
        next(iter(sorted(folder.glob("row-*.tif")))).unlink()
        _power_cut()


def test_a_map_is_made_in_parts_where_the_policy_asks_for_regions_and_its_round_does(tmp_path: Path) -> None:
    model = mapped_layer(tmp_path, tile_px=128)
    policy(model.campaign, ask_for="regions")
    job = predicted(model)
    assert job.state == "succeeded", job.error
    made = Prediction.objects.get(model=model)
    assert {"parts_doubt.npy", "parts_histogram.npy", "parts_embedding.npy"} <= made.files.keys()
    tickets = model.campaign.rounds.latest("number").tickets.exclude(kind="control")
    assert tickets and all(1 <= len(ticket.regions) <= 4 for ticket in tickets)
    assert {side for ticket in tickets for window in ticket.regions for side in window[2:]} == {32}


def test_a_map_is_held_against_another_vintages_where_there_is_one_and_its_round_asks_what_that_contradicts(
    tmp_path: Path,
) -> None:
    alone = mapped_layer(tmp_path, sure_of=1)
    camp = alone.campaign
    job = predicted(alone)
    assert job.state == "succeeded", job.error
    assert "other_vintage.npy" not in Prediction.objects.get(model=alone).files
    assert not camp.rounds.latest("number").tickets.filter(kind="suspect").exists()

    map_of_vintage("other", vintage=2015, east=1)  # of twice the ground, the first class all over ours
    model = mapped_layer(tmp_path, number=2, sure_of=1)
    assert model.campaign == camp
    job = predicted(model)
    assert job.state == "succeeded", job.error
    made = Prediction.objects.get(model=model)
    assert made.files["other_vintage.npy"] == file_sha256(made.path("other_vintage.npy"))
    found = np.load(made.path("other_vintage.npy"))
    assert found.shape == (camp.n_rows, camp.n_cols) and (found == 1).all()
    asked = camp.rounds.latest("number").tickets
    assert asked.filter(kind="suspect").count() == round(0.2 * asked.exclude(kind="control").count()) > 0
    assert not asked.filter(kind="suspect").exclude(tile__role="pool").exists()
