"""What models, training sets and releases make of a change of classes, and until when it is taken back."""

from __future__ import annotations

from typing import Any

import pytest
from class_rows import BUILT, GRASS, apply_plan, merge_plan, new_class, rename_plan, split_plan
from learning_rows import labelled_campaign

from annotation.errors import CannotReverse, JobAlreadyRunning
from annotation.jobs.registry import run_job
from annotation.models import ClassChange
from annotation.services.people import set_role
from learning.models import RetrainingPolicy
from learning.services.class_changes import (
    change_of,
    classes_ever,
    preview,
    start_change,
    start_reversal,
    todays_codes,
)
from learning.services.promotion import rule_of
from learning.services.releases import start_release
from learning.services.training_sets import freeze_training_set


@pytest.fixture
def scene(db: None) -> Any:
    return labelled_campaign(pool=6, holdout=2)


def test_the_next_training_set_has_the_new_classes_and_the_earlier_one_stays(scene: Any) -> None:
    first = freeze_training_set(campaign=scene.campaign, actor=None)
    apply_plan(scene.campaign, split_plan())
    second = freeze_training_set(campaign=scene.campaign, actor=None, force=True)
    first.refresh_from_db()
    assert BUILT in first.class_codes
    assert BUILT not in second.class_codes
    assert {"new.1", "new.2"} < set(second.class_codes)
    drawn = {one["class_code"] for item in second.items.all() for one in item.revision.features}
    assert drawn == {"new.1", GRASS}
    assert {one["class_code"] for item in first.items.all() for one in item.revision.features} == {BUILT, GRASS}


def test_a_preview_names_all_that_speaks_of_the_classes(scene: Any) -> None:
    freeze_training_set(campaign=scene.campaign, actor=None)
    RetrainingPolicy.objects.create(campaign=scene.campaign, enabled=False, class_floors={BUILT: 0.5})
    said = preview(campaign=scene.campaign, plan=split_plan(default=None))
    assert said["classes"] == [{"from": BUILT, "to": ["new.1", "new.2"], "default": None, "by_ground": False}]
    assert said["labels"]["annotations"] == 8
    assert said["labels"]["holdout_tiles"] == 2
    assert said["touched"]["training_sets"] == 1
    assert said["touched"]["floors"] == [BUILT]
    assert ClassChange.objects.count() == 0


def test_floors_follow_their_class_and_of_two_merged_the_higher_holds(scene: Any) -> None:
    RetrainingPolicy.objects.create(campaign=scene.campaign, enabled=False, class_floors={BUILT: 0.3, GRASS: 0.4})
    apply_plan(scene.campaign, merge_plan())
    assert rule_of(scene.campaign).class_floors == {"both": 0.4}


def test_a_models_classes_are_told_in_those_of_today(scene: Any) -> None:
    apply_plan(scene.campaign, rename_plan())
    assert todays_codes(scene.campaign, [BUILT, GRASS]) == ["renamed", GRASS]
    apply_plan(scene.campaign, split_plan("renamed", default=None))
    assert todays_codes(scene.campaign, [BUILT, GRASS]) == [None, GRASS]
    known = classes_ever(scene.campaign)
    assert {BUILT, "renamed", "new.1", GRASS} <= set(known)


@pytest.mark.django_db(transaction=True)
def test_the_job_applies_a_change_and_takes_it_back() -> None:
    scene = labelled_campaign(pool=3)
    change, job = start_change(campaign=scene.campaign, plan=split_plan(), actor=scene.reviewer, reason="vines")
    with pytest.raises(JobAlreadyRunning):
        start_change(campaign=scene.campaign, plan=rename_plan(), actor=None, reason="at once")
    assert run_job(str(job.pk))
    job.refresh_from_db()
    change.refresh_from_db()
    assert (job.state, change.state, change.report["annotations"]) == ("succeeded", "applied", 3)
    back = start_reversal(change=change_of(campaign=scene.campaign, number=change.pk), actor=scene.reviewer)
    assert run_job(str(back.pk))
    change.refresh_from_db()
    assert (change.state, change.reversed_by) == ("reversed", scene.reviewer)


def test_a_change_is_not_taken_back_once_a_release_speaks_of_it(scene: Any) -> None:
    set_role(campaign=scene.campaign, user=scene.reviewer, role="maintainer")
    start_release(campaign=scene.campaign, actor=None)
    change = apply_plan(scene.campaign, split_plan())
    start_reversal(change=change, actor=None)  # the release before speaks of the classes before
    change.campaign.jobs.filter(kind="change_classes").update(state="cancelled")
    scene.campaign.releases.update(state="failed")
    start_release(campaign=scene.campaign, actor=None, version="2.0.0")
    with pytest.raises(CannotReverse, match="was made with these classes"):
        start_reversal(change=change, actor=None)


def test_more_than_one_class_splits_in_one_plan(scene: Any) -> None:
    plan = [*split_plan(), *split_plan(GRASS, into=[new_class("g.1"), new_class("g.2")], default="g.2")]
    change = apply_plan(scene.campaign, plan)
    assert change.codes == {BUILT: "new.1", GRASS: "g.2"}
    assert change.report["features"] == 16
