from __future__ import annotations

import pytest
from learning_rows import labelled_campaign, model_row

from annotation.errors import JobAlreadyRunning
from annotation.models import Job
from learning.errors import NothingToTrain
from learning.models import RetrainingPolicy, TrainingRun
from learning.services.training import (
    CURVE_POINTS,
    finish_training_run,
    start_training_run,
    thin_curve,
)

pytestmark = pytest.mark.django_db


def test_starting_freezes_a_set_and_queues_one_job() -> None:
    scene = labelled_campaign(pool=3)
    RetrainingPolicy.objects.create(campaign=scene.campaign, training={"steps": 30, "batch_size": 4})
    job = start_training_run(campaign=scene.campaign, actor=scene.reviewer, config={"steps": 5})
    run = job.training_run
    assert (job.kind, job.queue, job.key, job.state) == ("train", "gpu", "camp", "queued")
    assert run.training_set.n_tiles == 3 and run.config == {"steps": 5, "batch_size": 4}
    with pytest.raises(JobAlreadyRunning):
        start_training_run(campaign=scene.campaign, actor=scene.reviewer, force=True)
    assert TrainingRun.objects.count() == 1


def test_the_same_labels_are_not_learnt_twice_unless_forced() -> None:
    scene = labelled_campaign(pool=3)
    first = start_training_run(campaign=scene.campaign, actor=None)
    model = finish_training_run(run=first.training_run, file="a.safetensors", sha256="a" * 64, losses=[2.0, 1.0])
    model.state, model.gate = "promoted", {"promote": True, "reason": "", "n_tiles": 3}
    model.save()
    Job.objects.update(state="succeeded")
    with pytest.raises(NothingToTrain, match="camp-m1 has learnt from"):
        start_training_run(campaign=scene.campaign, actor=None)
    forced = start_training_run(campaign=scene.campaign, actor=None, force=True)
    assert forced.training_run.training_set == first.training_run.training_set
    assert forced.training_run.initial_model == model


def test_a_run_has_one_model_however_often_it_finishes() -> None:
    scene = labelled_campaign(pool=2)
    run = start_training_run(campaign=scene.campaign, actor=None).training_run
    first = finish_training_run(run=run, file="a.safetensors", sha256="a" * 64, losses=[3.0, 2.0])
    assert finish_training_run(run=run, file="a.safetensors", sha256="a" * 64, losses=[3.0, 2.0]) == first
    run.refresh_from_db()
    assert first.number == 1 and first.state == "candidate"
    assert run.loss_curve == [[1, 3.0], [2, 2.0]] and run.step == 2


def test_a_long_curve_is_thinned_to_means() -> None:
    points = [[step, float(step % 2)] for step in range(1, 2 * CURVE_POINTS + 1)]
    thinned = thin_curve(points)
    assert len(thinned) == CURVE_POINTS
    assert thinned[0] == [2, 0.5] and thinned[-1] == [2 * CURVE_POINTS, 0.5]


def test_the_rejected_do_not_start_the_next_run() -> None:
    scene = labelled_campaign(pool=2)
    model_row(scene.campaign, state="rejected")
    assert start_training_run(campaign=scene.campaign, actor=None).training_run.initial_model is None


def test_a_held_model_is_judged_again_rather_than_trained_again_on_the_same_labels() -> None:
    scene = labelled_campaign(pool=2, holdout=10)
    run = start_training_run(campaign=scene.campaign, actor=None).training_run
    model = finish_training_run(run=run, file="a.safetensors", sha256="a" * 64, losses=[1.0])
    model.state, model.outcome, model.gate = "held", "hold", {"reason": "", "n_tiles": 4, "tiles_needed": 10}
    model.save()
    Job.objects.update(state="succeeded")
    with pytest.raises(NothingToTrain, match="there are more control tiles now, so judge camp-m1 again"):
        start_training_run(campaign=scene.campaign, actor=None)
