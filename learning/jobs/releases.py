"""The "release" job: stage, verify, rename, show. Killed anywhere, it can be run again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import transaction

from annotation.errors import JobLost
from annotation.jobs.registry import job
from annotation.models import Job
from annotation.services.jobs import TRANSIENT, JobContext
from learning.jobs.release_polygons import make_whole_polygons
from learning.jobs.runnable_models import with_runnable_model
from learning.models import Release
from learning.release.bundle import FAULT_POINTS, StagedRelease, discard_staged, publish_staged, stage_release
from learning.services import releases
from learning.services.predictions import ready_prediction
from learning.services.release_contents import release_contents
from learning.services.release_credits import standing_credits
from learning.services.release_freeze import FREEZE_POINT, freeze_release

STAGED = 0.97  # share of the progress bar
#: Every step at which the job may end, in order.
JOB_POINTS = (FREEZE_POINT, "release:frozen", *FAULT_POINTS, "release:before-row", "release:after-row")


def no_fault(_point: str) -> None:
    """No fault is planted; tests replace this to die at a named point."""


faultpoint: Callable[[str], None] = no_fault


@job("release")
def publish(context: JobContext) -> dict[str, Any]:
    """Make one release; on an error its version is free again."""
    release = Release.objects.select_related("campaign__layer", "trained_model__campaign").get(
        pk=context.payload["release"]
    )
    try:
        release = _published(release, context)
    except (JobLost, *TRANSIENT):
        raise  # another worker makes it now, or this one goes on in a while: nothing of it is ours to remove
    except Exception:
        # One that was slow and lost its lease may trip over the files of the worker that has the job now.
        if Job.objects.filter(pk=context.job.pk, fence=context.job.fence).exists():
            releases.fail_release(release=release)
        raise
    return {
        "release": release.pk,
        "version": release.version,
        "folder": release.folder,
        "artefacts": release.artefacts,
        "size_bytes": release.size_bytes,
        "manifest_sha256": release.manifest_sha256,
    }


def staged_release(release: Release, *, staging: Path, work: Path, progress: Callable[[float], None]) -> StagedRelease:
    """Write what was frozen, whole and checked, in `staging`; `work` holds files that it copies, for the caller to
    remove. The same bytes whoever calls, wherever and whenever.
    """
    discard_staged(work)
    contents = with_runnable_model(release_contents(release), work_dir=work)
    return stage_release(contents, staging, faultpoint=faultpoint, progress=progress)


def _no_polygons(release: Release, context: JobContext) -> str:
    """Why the release's map will be published without polygons, which are made now if need be; empty otherwise."""
    prediction = ready_prediction(release.trained_model) if release.trained_model and not release.is_frozen else None
    if prediction is None or release.view == Release.View.NATIONAL:
        return ""
    return make_whole_polygons(context, prediction)


def _is_published(release: Release, staging: Path, names: tuple[str, ...]) -> bool:
    """Rename a staged release into place, unless somebody named in it left meanwhile."""
    with transaction.atomic():
        if standing_credits(release, locked=True) != names:
            return False
        publish_staged(staging, release.path, faultpoint=faultpoint)
    return True


def _published(release: Release, context: JobContext) -> Release:
    if release.state == Release.State.PUBLISHED:
        return release
    staging, work = releases.staging_dir(release), releases.work_dir(release)
    if not release.path.exists():
        no_polygons = _no_polygons(release, context)
        context.progress(0.0, "Reading what was accepted.")
        release = freeze_release(release=release, no_polygons=no_polygons, faultpoint=faultpoint)
        faultpoint("release:frozen")
        while True:
            names = standing_credits(release)
            staged_release(
                release,
                staging=staging,
                work=work,
                progress=lambda share: context.progress(STAGED * share, "Writing the release's files."),
            )
            context.progress(STAGED, "Publishing.")
            if _is_published(release, staging, names):
                break
    faultpoint("release:before-row")
    finished = releases.finish_release(release=release)
    faultpoint("release:after-row")
    discard_staged(work)
    return finished
