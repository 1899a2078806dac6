"""A worker that dies in the middle of a change of classes: nothing half-done shows, it goes on by itself, and the page
says so. Real processes, killed at every step.
"""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from datetime import timedelta
from itertools import zip_longest
from typing import Any

import pytest
from class_rows import BUILT, codes_of, heads, polygons, split_plan
from django.db.models.functions import Now
from gold_rows import gold_campaign, halves, hand_in
from html_checks import assert_strict
from learning_rows import signed_in
from release_faults import Worker, worker
from scenes import person

from annotation.errors import ClassesChanging
from annotation.models import AnnotatedFeature, AnnotationRevision, Campaign, ClassChange, GoldTile, Job, Tile
from annotation.services.class_changes import APPLY_STEPS, REVERSE_STEPS
from learning.services.class_changes import start_change, start_reversal

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
MODULE = "learning.jobs.class_changes"


def all_of(campaign: Any) -> tuple[Any, ...]:
    """Everything that a change writes, as anybody may read it now."""
    golds = GoldTile.objects.filter(tile__campaign=campaign).order_by("pk")
    tiles = Tile.objects.filter(campaign=campaign).order_by("pk")
    return (
        heads(campaign),
        polygons(campaign),
        list(golds.values_list("pk", "revision_id", "retired_at")),
        list(tiles.values_list("pk", "state")),
        list(Campaign.objects.values_list("pk", "nomenclature__version")),
        list(ClassChange.objects.order_by("pk").values_list("pk", "state", "report", "reversal")),
        (AnnotationRevision.objects.count(), AnnotatedFeature.objects.count()),
    )


@dataclass
class Scene:
    """A campaign with labels and a gold tile, its maintainer's browser, and the worker."""

    labelled: Any
    maintainer: Any
    browser: Any
    made_by: Worker

    def page(self, change: ClassChange) -> str:
        answer = self.browser.get(f"/campaigns/{self.labelled.campaign.slug}/classes/{change.pk}/")
        assert_strict(answer)
        return str(answer.content.decode())

    def do(self, job: Job, *, point: str = "", plant: str = "") -> dict[str, Any]:
        """Have it done, and killed at a step; the database then ends what the dead worker held, which is waited for."""
        met = self.made_by.make(job, point=point, fault="kill" if point else "", plant=plant, module=MODULE)
        job.refresh_from_db()
        return met

    def save(self, who: Any) -> None:
        """Somebody labels a tile: nothing keeps them from it any more."""
        tile = self.labelled.pool_tiles()[10]
        deadline = time.monotonic() + 30
        while True:
            try:
                hand_in(tile, who, halves())
                return
            except ClassesChanging:
                assert time.monotonic() < deadline, "a dead worker keeps people from saving"
                time.sleep(0.1)

    def die(self, job: Job, change: ClassChange, steps: tuple[str, ...], step: str, *, plant: str = "") -> None:
        """Let the worker die at a step; look at what shows, and at the page; then another one goes on."""
        before = all_of(self.labelled.campaign)
        met = self.do(job, point=step, plant=plant)
        assert (met["status"], met["reached"]) == (-signal.SIGKILL, list(steps[: steps.index(step) + 1]))
        is_done = step == steps[-1]
        now = all_of(self.labelled.campaign)
        assert is_done or now == before, f"part of a change shows after a worker died at {step!r}"
        # Nobody renews its lease any more; the sweep sends another worker.
        Job.objects.filter(pk=job.pk).update(leased_until=Now() - timedelta(seconds=1))
        page = self.page(change)
        assert ("All of it is done" if is_done else "stopped in the middle") in page
        assert 'http-equiv="refresh"' in page
        assert self.do(job)["status"] == 0
        assert job.state == "succeeded", job.error
        assert not is_done or all_of(self.labelled.campaign) == now, "done once, it is not done again"


def scene_with(made_by: Worker) -> Scene:
    labelled, maintainer, _golds = gold_campaign(golds=3)
    return Scene(labelled, maintainer, signed_in(maintainer), made_by)


def test_a_worker_killed_at_any_step_leaves_no_part_of_a_change_and_another_one_does_it() -> None:
    with worker() as made_by:
        scene = scene_with(made_by)
        campaign = scene.labelled.campaign
        first = heads(campaign)
        for there, back in zip_longest(APPLY_STEPS, REVERSE_STEPS):
            change, job = start_change(campaign=campaign, plan=split_plan(), actor=None, reason="killed")
            if there:
                scene.die(job, change, APPLY_STEPS, there)
            else:
                scene.do(job)
            change.refresh_from_db()
            assert (change.state, change.report["annotations"]) == ("applied", 3), there
            drawn = {code for _label, _feature, code, *_more in polygons(campaign)}
            assert "new.1" in drawn and BUILT not in drawn
            campaign.refresh_from_db()
            scene.die(start_reversal(change=change, actor=None), change, REVERSE_STEPS, back or REVERSE_STEPS[0])
            change.refresh_from_db()
            assert (change.state, heads(campaign)) == ("reversed", first), back
            campaign.refresh_from_db()


def test_who_labels_may_save_as_soon_as_a_worker_has_died() -> None:
    with worker() as made_by:
        scene = scene_with(made_by)
        _change, job = start_change(campaign=scene.labelled.campaign, plan=split_plan(), actor=None, reason="killed")
        scene.do(job, point="heads")
        scene.save(person("cleo"))
        Job.objects.filter(pk=job.pk).update(leased_until=Now() - timedelta(seconds=1))
        scene.do(job)
        assert job.state == "succeeded"
        mine = scene.labelled.campaign.tiles.get(annotations__annotator__username="cleo").annotations.get()
        assert "new.1" in codes_of(mine).values(), "what was saved in between has its new class too"


def test_a_change_whose_workers_all_died_says_what_to_do_and_is_started_again() -> None:
    with worker() as made_by:
        scene = scene_with(made_by)
        before = heads(scene.labelled.campaign)
        change, job = start_change(campaign=scene.labelled.campaign, plan=split_plan(), actor=None, reason="killed")
        while job.state in ("queued", "running"):
            scene.do(job, point="held")
            Job.objects.filter(pk=job.pk, state="running").update(leased_until=Now() - timedelta(seconds=1))
        assert (job.state, heads(scene.labelled.campaign)) == ("failed", before)
        page = scene.page(change)
        assert "nothing was changed. Start it again" in page
        assert "look at its memory and log" in page, "and what whoever runs the platform needs"
        answer = scene.browser.post(f"/campaigns/camp/classes/{change.pk}/", {"again": "1"})
        assert answer.status_code == 302
        job = Job.objects.get(kind="change_classes", state="queued")
        assert "waits for a worker" in scene.page(change)
        assert scene.do(job)["status"] == 0
        change.refresh_from_db()
        assert (job.state, change.state) == ("succeeded", "applied")


def test_half_a_change_that_shows_is_found_out() -> None:
    with worker() as made_by:
        scene = scene_with(made_by)
        change, job = start_change(campaign=scene.labelled.campaign, plan=split_plan(), actor=None, reason="in parts")
        with pytest.raises(AssertionError, match="part of a change shows after a worker died at 'heads'"):
            scene.die(job, change, APPLY_STEPS, "heads", plant="in_parts")
