"""Polygons that a release needs are there before it is written, or their absence is explained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import rasterio
from mapped_blocks import map_in_blocks

from annotation.jobs.registry import run_job
from annotation.models import Campaign, Job
from annotation.services.jobs import JobContext, cancel_job, claim_job, enqueue_job
from learning.jobs.release_polygons import make_whole_polygons
from learning.models import Prediction
from learning.services.polygons import offered_polygons, start_polygons, whole_polygons
from learning.services.release_freeze import frozen_map

pytestmark = pytest.mark.django_db(transaction=True)  # the heartbeat has a connection of its own


@pytest.fixture
def mapped(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Any:
    settings.POLYGON_PROCESSES = 1
    return map_in_blocks(monkeypatch)


@pytest.fixture
def context() -> JobContext:
    """The context of a release's job that has begun."""
    claimed = claim_job(str(enqueue_job(kind="release", payload={"release": 0}, key="camp-0.1.0").pk))
    assert claimed is not None
    return JobContext(claimed)


def test_the_whole_map_s_polygons_are_made_while_people_still_label_and_offered_to_nobody(
    mapped: Any, context: JobContext
) -> None:
    assert mapped.model.campaign.state == Campaign.State.OPEN
    assert make_whole_polygons(context, mapped) == ""
    made = whole_polygons(mapped)
    assert made is not None and made.path("polygons_whole.pmtiles").is_file()
    assert offered_polygons(mapped) is None, "before its campaign is closed only a release has them"
    frozen = frozen_map(mapped.model, no_polygons="")
    assert frozen is not None and frozen.polygons is not None
    assert frozen.polygons.digests == {name: file["sha256"] for name, file in made.files.items()}
    assert (frozen.polygons.rule_code, frozen.polygons.polygons) == ("ocsge", made.figures["polygons"])


def test_polygons_that_are_there_are_not_made_again(mapped: Any, context: JobContext) -> None:
    make_whole_polygons(context, mapped)
    assert make_whole_polygons(context, mapped) == ""
    assert Job.objects.filter(kind="vectorise").count() == 1


def test_a_job_that_waits_already_is_the_one_that_is_done(mapped: Any, context: JobContext) -> None:
    Campaign.objects.update(state="closed")
    closed = Prediction.objects.select_related("model__campaign").get(pk=mapped.pk)
    waiting = start_polygons(prediction=closed)
    assert make_whole_polygons(context, closed) == ""
    waiting.refresh_from_db()
    assert waiting.state == "succeeded" and not run_job(str(waiting.pk))


def test_what_cannot_be_made_is_explained_without_the_platform_s_paths(mapped: Any, context: JobContext) -> None:
    layer = mapped.model.campaign.layer
    layer.path("").mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        layer.path("zones.tif"), "w", driver="GTiff", width=9, height=9, count=1, dtype="uint8",
        crs=layer.crs, transform=rasterio.Affine(*layer.transform),
    ) as zones:  # fmt: skip
        zones.write(np.ones((9, 9), np.uint8), 1)
    reason = make_whole_polygons(context, mapped)
    assert "failed" in reason and "/" not in reason
    assert whole_polygons(mapped) is None
    frozen = frozen_map(mapped.model, no_polygons=reason)
    assert frozen is not None and frozen.polygons is None and frozen.no_polygons == reason


def test_a_map_that_is_gone_is_the_reason(mapped: Any, context: JobContext) -> None:
    Prediction.objects.filter(pk=mapped.pk).update(files={})
    assert "wait for it to be made" in make_whole_polygons(context, Prediction.objects.get(pk=mapped.pk))


def test_a_cancelled_job_is_the_reason(mapped: Any, context: JobContext, monkeypatch: pytest.MonkeyPatch) -> None:
    job = start_polygons(prediction=mapped, with_control_tiles=True)
    Job.objects.filter(pk=job.pk).update(state="running", leased_until="2999-01-01T00:00:00Z")

    def somebody_cancels(_seconds: float) -> None:
        cancel_job(job=Job.objects.get(pk=job.pk))
        Job.objects.filter(pk=job.pk).update(state="cancelled")

    monkeypatch.setattr("learning.jobs.release_polygons.time.sleep", somebody_cancels)
    assert make_whole_polygons(context, mapped) == "making them was cancelled"
