"""A campaign releases by itself when its period is over and enough has changed, or prepares it for a maintainer."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from learning_rows import labelled_campaign
from scenes import labelled_scene

from annotation.jobs.registry import run_job
from annotation.models import Job
from learning import tasks
from learning.errors import InvalidPolicy
from learning.models import Release, ReleasePolicy
from learning.services.release_schedule import consider_release, set_release_policy


def why(campaign: Any) -> tuple[str, dict[str, Any]]:
    policy = ReleasePolicy.objects.get(campaign=campaign)
    return policy.last_refusal_code, policy.last_refusal_figures


@pytest.mark.django_db
def test_nothing_happens_without_a_policy_or_with_one_that_is_off() -> None:
    campaign = labelled_campaign(pool=3).campaign
    assert consider_release(campaign) is None
    set_release_policy(campaign=campaign, enabled=False, min_changed_labels=1, hold=False)
    tasks.consider_releases()
    assert not Release.objects.exists() and ReleasePolicy.objects.get().last_considered_at is None


@pytest.mark.django_db
def test_it_waits_for_enough_changes_and_says_how_many_there_are() -> None:
    scene = labelled_campaign(pool=3)
    set_release_policy(campaign=scene.campaign, min_changed_labels=4, hold=False)
    tasks.consider_releases()
    assert why(scene.campaign) == ("waiting", {"found": 3, "wanted": 4})
    scene.label(scene.pool_tiles()[3])
    tasks.consider_releases()
    release = Release.objects.get()
    assert (release.version, release.state, why(scene.campaign)[0]) == ("0.1.0", "staging", "")
    tasks.consider_releases()
    assert Release.objects.count() == 1 and why(scene.campaign)[0] == "making"


@pytest.mark.django_db
def test_nothing_accepted_is_the_reason_that_is_kept() -> None:
    campaign = labelled_campaign().campaign
    set_release_policy(campaign=campaign, min_changed_labels=1, hold=False)
    assert consider_release(campaign) is None
    assert why(campaign)[0] == "nothing_to_publish"


@pytest.mark.django_db(transaction=True)
def test_the_next_one_waits_for_the_period_and_then_for_changes(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=3)
    set_release_policy(campaign=scene.campaign, period_days=30, min_changed_labels=1, hold=False)
    job = consider_release(scene.campaign)
    assert job is not None and run_job(str(job.id))
    release = Release.objects.public().get()
    consider_release(scene.campaign)
    due = f"{release.published_at + timedelta(days=30):%Y-%m-%d}"
    assert why(scene.campaign) == ("period", {"due": due})
    Release.objects.update(published_at=timezone.now() - timedelta(days=31))
    assert consider_release(scene.campaign) is None
    assert why(scene.campaign) == ("waiting", {"found": 0, "wanted": 1})


@pytest.mark.django_db(transaction=True)
def test_a_held_release_is_prepared_once_and_its_publication_ends_the_waiting(tmp_path: Path) -> None:
    from learning.services.releases import start_release

    scene = labelled_scene(tmp_path, pool_tiles=3)
    set_release_policy(campaign=scene.campaign, min_changed_labels=1)
    assert consider_release(scene.campaign) is None and not Job.objects.filter(kind="release").exists()
    since = ReleasePolicy.objects.get().proposed_at
    assert since is not None and why(scene.campaign)[0] == "proposed"
    consider_release(scene.campaign)
    assert ReleasePolicy.objects.get().proposed_at == since
    job = start_release(campaign=scene.campaign, actor=None)
    assert run_job(str(job.id))
    assert Release.objects.public().count() == 1 and ReleasePolicy.objects.get().proposed_at is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    "values", [{"period_days": 0}, {"min_changed_labels": 0}, {"period_days": 4000}, {"period_days": 1.5}]
)
def test_a_policy_that_cannot_be_kept_to_is_refused_with_the_value(values: dict[str, Any]) -> None:
    campaign = labelled_campaign(pool=1).campaign
    with pytest.raises(InvalidPolicy, match=str(next(iter(values.values())))):
        set_release_policy(campaign=campaign, **values)
    assert not ReleasePolicy.objects.exists()


@pytest.mark.django_db
def test_a_campaign_that_fails_does_not_keep_the_others_from_being_asked(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []

    def fails_once(campaign: Any) -> None:
        asked.append(campaign.slug)
        if len(asked) == 1:
            raise OSError("the disk is away")

    for slug in ("one", "two"):
        set_release_policy(campaign=labelled_campaign(slug, pool=1).campaign, period_days=30)
    monkeypatch.setattr(tasks.release_schedule, "consider_release", fails_once)
    tasks.consider_releases()
    assert sorted(asked) == ["one", "two"] and f"campaign {asked[0]} was not asked" in caplog.text
