from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone
from learning_rows import labelled_campaign, model_row, ready_map

from annotation.errors import JobAlreadyRunning
from annotation.models import Job
from learning.errors import NothingToTrain
from learning.models import RetrainingPolicy, TrainingRun, TrainingSet
from learning.services.training import (
    CURVE_POINTS,
    consider_retraining,
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


def test_retraining_waits_for_enough_labels_and_says_so() -> None:
    scene = labelled_campaign(pool=3)
    policy = RetrainingPolicy.objects.create(campaign=scene.campaign, min_newly_accepted=4)
    assert consider_retraining(scene.campaign) is None
    policy.refresh_from_db()
    assert policy.last_refusal == "3 of 4 newly accepted labels: waiting for more."
    assert policy.last_considered_at is not None
    scene.label(scene.pool_tiles()[3])
    job = consider_retraining(scene.campaign)
    assert job is not None and job.training_run.training_set.n_tiles == 4
    policy.refresh_from_db()
    assert policy.last_refusal == ""


def test_retraining_keeps_to_its_period() -> None:
    scene = labelled_campaign(pool=3)
    policy = RetrainingPolicy.objects.create(campaign=scene.campaign, min_newly_accepted=1, period_hours=2)
    assert consider_retraining(scene.campaign) is not None
    Job.objects.update(state="succeeded")
    scene.label(scene.pool_tiles()[3])
    assert consider_retraining(scene.campaign) is None
    policy.refresh_from_db()
    assert "may start on" in policy.last_refusal
    TrainingRun.objects.update(created_at=timezone.now() - timedelta(hours=3))
    assert consider_retraining(scene.campaign) is not None


def test_a_training_that_failed_is_tried_again_on_the_same_labels_once_a_period() -> None:
    scene = labelled_campaign(pool=3)
    RetrainingPolicy.objects.create(campaign=scene.campaign, min_newly_accepted=3, period_hours=2)
    first = consider_retraining(scene.campaign)
    assert first is not None
    Job.objects.update(state="failed", finished_at=timezone.now())
    for _ in range(2):
        assert consider_retraining(scene.campaign) is None, "not at once, and not every minute"
    TrainingRun.objects.update(created_at=timezone.now() - timedelta(hours=3))
    again = consider_retraining(scene.campaign)
    assert again is not None and again.training_run.training_set == first.training_run.training_set
    Job.objects.filter(pk=again.pk).update(state="failed", finished_at=timezone.now())
    assert consider_retraining(scene.campaign) is None, "the period counts from the last try"


def test_a_published_model_whose_map_failed_is_mapped_again_once_a_period() -> None:
    scene = labelled_campaign(pool=3)
    policy = RetrainingPolicy.objects.create(campaign=scene.campaign, min_newly_accepted=99, period_hours=2)
    model = model_row(scene.campaign, state="promoted")
    TrainingRun.objects.update(created_at=timezone.now() - timedelta(hours=3))
    job = consider_retraining(scene.campaign)
    assert job is not None and (job.kind, job.payload["model"]) == ("predict", model.pk)
    assert job.payload["training_run"] == model.run_id, "the round will show this model's figures"
    assert consider_retraining(scene.campaign) is None, "it is under way"
    Job.objects.update(state="failed", finished_at=timezone.now())
    assert consider_retraining(scene.campaign) is None
    policy.refresh_from_db()
    assert "newly accepted labels" in policy.last_refusal, "waiting for it keeps nobody from training"
    Job.objects.update(finished_at=timezone.now() - timedelta(hours=3))
    assert consider_retraining(scene.campaign) is not None
    Job.objects.update(state="succeeded", finished_at=timezone.now() - timedelta(hours=3))
    ready_map(model, np.zeros((16, 16), np.float32))
    assert consider_retraining(scene.campaign) is None and Job.objects.filter(kind="predict").count() == 2


def test_a_refusal_of_the_set_itself_is_kept_as_the_reason() -> None:
    scene = labelled_campaign(pool=1)
    policy = RetrainingPolicy.objects.create(campaign=scene.campaign, min_newly_accepted=1)
    assert consider_retraining(scene.campaign) is None
    policy.refresh_from_db()
    assert "at least 2 are needed" in policy.last_refusal
    assert not TrainingSet.objects.exists()


def test_a_policy_that_is_off_does_nothing() -> None:
    scene = labelled_campaign(pool=3)
    RetrainingPolicy.objects.create(campaign=scene.campaign, enabled=False, min_newly_accepted=1)
    assert consider_retraining(scene.campaign) is None and not Job.objects.exists()


def test_a_model_not_judged_for_want_of_controls_is_trained_again_once_there_are_enough() -> None:
    scene = labelled_campaign(pool=2, holdout=4)
    RetrainingPolicy.objects.create(campaign=scene.campaign, min_newly_accepted=1, period_hours=2)
    first = start_training_run(campaign=scene.campaign, actor=None).training_run
    model = finish_training_run(run=first, file="a.safetensors", sha256="a" * 64, losses=[1.0])
    model.state, model.gate = "rejected", {"promote": False, "reason": "too few control tiles", "n_tiles": 4}
    model.save()
    Job.objects.update(state="succeeded")
    TrainingRun.objects.update(created_at=timezone.now() - timedelta(hours=3))
    for tile in scene.holdout_tiles()[4:9]:
        scene.label(tile)
    with pytest.raises(NothingToTrain):
        start_training_run(campaign=scene.campaign, actor=None)
    assert consider_retraining(scene.campaign) is None, "nine are not enough"
    scene.label(scene.holdout_tiles()[9])
    job = consider_retraining(scene.campaign)
    assert job is not None and job.training_run.training_set == first.training_set


def test_the_rejected_do_not_start_the_next_run() -> None:
    scene = labelled_campaign(pool=2)
    model_row(scene.campaign, state="rejected")
    assert start_training_run(campaign=scene.campaign, actor=None).training_run.initial_model is None
