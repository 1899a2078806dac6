from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.utils import timezone
from learning_rows import Labelled, labelled_campaign, model_row, ready_map, with_weights
from map_rows import evaluation
from scenes import TWO_CLASSES, person

from annotation.errors import NotThere
from annotation.models import Job, TrustAlarm
from annotation.services.people import set_role
from learning.errors import InvalidPolicy, SuspectBatch, UnknownAcquisition
from learning.models import RetrainingPolicy, TrainedModel, TrainingRun, TrainingSet
from learning.services.scheduling import (
    consider_retraining,
    drift_since_last_model,
    go_on,
    has_moved,
    set_retraining_policy,
)
from learning.services.training import finish_training_run, start_training_run
from learning.services.training_sets import freeze_training_set

pytestmark = pytest.mark.django_db


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


def learnt(scene: Labelled, **decided: Any) -> TrainedModel:
    """A model of what is accepted now, decided; trained longer ago than any period."""
    run = start_training_run(campaign=scene.campaign, actor=None).training_run
    model = finish_training_run(run=run, file=f"{run.pk}.safetensors", sha256="a" * 64, losses=[1.0])
    TrainedModel.objects.filter(pk=model.pk).update(**decided)
    Job.objects.update(state="succeeded", finished_at=timezone.now())
    TrainingRun.objects.update(created_at=timezone.now() - timedelta(days=30))
    model.refresh_from_db()
    return model


HELD = {"state": "held", "outcome": "hold", "gate": {"reason": "too few", "n_tiles": 4, "tiles_needed": 10}}
REJECTED = {"state": "rejected", "outcome": "reject", "gate": {"reason": "worse", "n_tiles": 12}}


def test_a_model_held_for_want_of_controls_is_judged_again_once_there_are_enough() -> None:
    scene = labelled_campaign(pool=2, holdout=9)
    RetrainingPolicy.objects.create(campaign=scene.campaign, min_newly_accepted=1)
    model = with_weights(learnt(scene, **HELD))
    assert consider_retraining(scene.campaign) is None, "nine are not enough"
    scene.label(scene.holdout_tiles()[9])
    job = consider_retraining(scene.campaign)
    assert job is not None and (job.kind, job.payload) == ("judge", {"model": model.pk})
    assert consider_retraining(scene.campaign) is None, "it is under way"
    Job.objects.filter(kind="judge").update(state="failed")
    assert consider_retraining(scene.campaign) is None, "somebody should look first"


def drifting(scene: Labelled, n: int) -> None:
    """As many new tiles that hold one class alone; what was learnt holds both by halves."""
    for tile in scene.pool_tiles()[20 : 20 + n]:
        scene.label(tile, TWO_CLASSES[0])


def test_labels_whose_classes_have_moved_call_for_a_training_before_there_are_enough_of_them() -> None:
    scene = labelled_campaign(pool=20)
    policy = RetrainingPolicy.objects.create(campaign=scene.campaign, min_newly_accepted=50)
    learnt(scene, **REJECTED)
    drifting(scene, 4)
    assert consider_retraining(scene.campaign) is None, "four tiles say nothing about shares"
    drifting_more = scene.pool_tiles()[24:29]
    for tile in drifting_more:
        scene.label(tile, TWO_CLASSES[0])
    drift = drift_since_last_model(scene.campaign)
    assert drift is not None and drift.index > drift.chance and has_moved(drift, policy)
    assert drift.share_before == pytest.approx(0.5) and drift.share_after in {0.0, 1.0}
    policy.drift_index = None
    policy.save()
    assert consider_retraining(scene.campaign) is None, "not asked for"
    policy.drift_index = 0.25
    policy.save()
    job = consider_retraining(scene.campaign)
    assert job is not None and job.kind == "train"


def test_labels_like_those_that_were_learnt_wait_for_enough_of_them() -> None:
    scene = labelled_campaign(pool=20)
    policy = RetrainingPolicy.objects.create(campaign=scene.campaign, min_newly_accepted=50)
    learnt(scene, **REJECTED)
    for tile in scene.pool_tiles()[20:30]:
        scene.label(tile)
    drift = drift_since_last_model(scene.campaign)
    assert drift is not None and drift.index == pytest.approx(0)
    assert consider_retraining(scene.campaign) is None
    policy.refresh_from_db()
    assert (policy.last_refusal_code, policy.last_refusal_figures) == ("waiting", {"found": 10, "wanted": 50})


def on_a_level_curve(scene: Labelled, *, rise: float = 0.0) -> None:
    """Six models of more and more tiles that are all as good, or better each time by so much."""
    for number, tiles in enumerate((40, 80, 120, 160, 200, 240), start=1):
        model = model_row(scene.campaign, number=number, state="rejected")
        TrainingSet.objects.filter(pk=model.run.training_set_id).update(n_tiles=tiles)
        found = evaluation(model, 0.8, reference=f"h{number}", miou=0.6 + rise * number)
        found.n_tiles = 12
        found.save()
    TrainingRun.objects.update(created_at=timezone.now() - timedelta(days=30))


def test_a_campaign_stops_by_itself_when_more_labels_bring_little_and_a_maintainer_lets_it_go_on() -> None:
    scene = labelled_campaign(pool=4)
    policy = RetrainingPolicy.objects.create(campaign=scene.campaign, min_newly_accepted=1, stop_below_points=0.5)
    on_a_level_curve(scene)
    assert consider_retraining(scene.campaign) is None
    policy.refresh_from_db()
    assert policy.last_refusal_code == "stopped"
    assert policy.last_refusal.startswith("Stopped: the next 100 labelled tiles are expected to bring +0.")
    assert policy.last_refusal.endswith("Go on for 100 tiles, or change the limit.")
    assert 0 <= policy.last_refusal_figures["points"] < 0.5
    with pytest.raises(NotThere):
        go_on(campaign=scene.campaign, actor=scene.author)
    maintainer = person("maintainer")
    set_role(campaign=scene.campaign, user=maintainer, role="maintainer")
    assert go_on(campaign=scene.campaign, actor=maintainer).go_on_until_tiles == 340
    job = consider_retraining(scene.campaign)
    assert job is not None and job.kind == "train"


def test_a_campaign_whose_labels_still_pay_or_that_has_few_models_goes_on() -> None:
    scene = labelled_campaign(pool=4)
    RetrainingPolicy.objects.create(campaign=scene.campaign, min_newly_accepted=1, stop_below_points=0.5)
    on_a_level_curve(scene, rise=0.03)
    assert consider_retraining(scene.campaign) is not None
    Job.objects.update(state="succeeded")
    few = labelled_campaign("few", pool=4)
    RetrainingPolicy.objects.create(campaign=few.campaign, min_newly_accepted=1, stop_below_points=0.5)
    on_a_level_curve(few)
    few.campaign.trained_models.filter(number__gt=3).delete()
    assert consider_retraining(few.campaign) is not None, "three models do not stop it"


def test_a_batch_mostly_by_people_with_an_open_alarm_is_refused_until_it_is_decided() -> None:
    scene = labelled_campaign(pool=4)
    learnt(scene, **REJECTED)
    for tile in scene.pool_tiles()[4:14]:
        scene.label(tile)
    alarm = TrustAlarm.objects.create(
        campaign=scene.campaign, subject=scene.author, kind=TrustAlarm.Kind.values[0], evidence={}
    )
    with pytest.raises(SuspectBatch, match="10 are by people with an open alarm: decide the alarms"):
        freeze_training_set(campaign=scene.campaign, actor=None)
    assert freeze_training_set(campaign=scene.campaign, actor=None, force=True).n_tiles == 14
    TrainingSet.objects.filter(number=2).delete()
    alarm.resolved_at, alarm.resolution = timezone.now(), "dismissed"
    alarm.save()
    assert freeze_training_set(campaign=scene.campaign, actor=None).n_tiles == 14


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"period_hours": 0}, "period_hours is 0: give a number above 0"),
        ({"period_hours": float("nan")}, "period_hours is nan"),
        ({"stop_below_points": -1}, "stop_below_points is -1"),
        ({"drift_index": 101.0}, "at most 100"),
        ({"class_floors": {"lava": 0.5}}, "There is no class 'lava' to set a floor for; the classes are "),
        ({"class_floors": {TWO_CLASSES[0]: 50}}, "is 50: give an IoU above 0 and below 1"),
        ({"training": {"pixel_score": "margin", "opinions": 9}}, "opinions = 9: give a whole number from 2 to 8"),
        (
            {"training": {"cost": 0.5, "acquisition": "diversity"}},
            "cost = 0.5 means nothing to .*'diversity'",
        ),
        ({"training": {"ask_for": "quarters"}}, "ask_for = 'quarters': choose one of tiles, regions"),
        (
            {"training": {"ask_for": "regions"}},
            "Tiles of 64 px cannot be asked for in 4 × 4 parts: .* of 128 px",
        ),
        ({"training": {"ask_for": "regions", "cost": 0.5}}, "cannot be told for parts of tiles"),
        ({"training": {"ask_for": "regions", "suspect_by_looks": True}}, "sixteen times as many parts"),
        ({"training": {"pixel_score": "bald"}}, "several opinions disagree about, and there will be one: train with"),
    ],
)
def test_a_policy_that_cannot_be_kept_to_is_refused_with_the_value_and_the_bounds(
    values: dict[str, Any], told: str
) -> None:
    camp = labelled_campaign().campaign
    with pytest.raises(InvalidPolicy, match=told):
        set_retraining_policy(campaign=camp, **values)
    assert not RetrainingPolicy.objects.exists()


def test_thresholds_may_be_left_empty_and_what_is_not_named_stays() -> None:
    camp = labelled_campaign().campaign
    set_retraining_policy(campaign=camp, round_size=7, class_floors={TWO_CLASSES[0]: 0.4})
    policy = set_retraining_policy(campaign=camp, drift_index=None, stop_below_points=None)
    assert (policy.round_size, policy.class_floors) == (7, {TWO_CLASSES[0]: 0.4})
    assert policy.drift_index is None and policy.stop_below_points is None


def test_a_score_of_several_opinions_may_be_asked_for_with_dropout_or_once_a_model_is_published() -> None:
    scene = labelled_campaign(pool=2)
    set_retraining_policy(campaign=scene.campaign, training={"pixel_score": "bald", "dropout": 0.1})
    with pytest.raises(UnknownAcquisition, match="bald, entropy, least_confidence, margin"):
        set_retraining_policy(campaign=scene.campaign, training={"pixel_score": "doubt"})
    model_row(scene.campaign, state="promoted")
    policy = set_retraining_policy(campaign=scene.campaign, training={"pixel_score": "bald"})
    assert policy.training == {"pixel_score": "bald"}
