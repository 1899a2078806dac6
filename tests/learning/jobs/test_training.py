"""The "train" job on a real layer with a real network, small."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from learning_rows import TINY_TRAINING, worker_environment
from safetensors.numpy import load_file
from scenes import labelled_scene

from annotation.jobs.registry import run_job
from annotation.models import Job
from learning.jobs.training import train
from learning.models import AcquisitionRound, Evaluation, TrainedModel, TrainingRun
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
    assert model.state in {"promoted", "rejected"} and job.result["reason"] == model.gate["reason"]
    queued = Job.objects.filter(kind="predict")
    assert queued.count() == (1 if model.state == "promoted" else 0)


@pytest.mark.django_db(transaction=True)
def test_a_delivered_twice_job_makes_nothing_twice(tmp_path: Path) -> None:
    from annotation.services.jobs import JobContext, claim_job

    scene = labelled_scene(tmp_path)
    job = start_training_run(campaign=scene.campaign, actor=None, config={**TINY_TRAINING, "steps": 2})
    claimed = claim_job(str(job.id))
    assert claimed is not None
    first, second = train(JobContext(claimed)), train(JobContext(claimed))
    assert first == second
    counts = [kind.objects.count() for kind in (TrainedModel, Evaluation, AcquisitionRound)]
    assert counts == [1, 1, 0] and Job.objects.filter(kind="predict").count() <= 1


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
    assert job.state == "succeeded" and job.attempts == 2
    first = TrainedModel.objects.get(run__job=undisturbed)
    second = TrainedModel.objects.get(run=run)
    ours, theirs = load_file(first.path), load_file(second.path)
    assert ours.keys() == theirs.keys()
    assert all((ours[name] == theirs[name]).all() for name in ours)
