"""Polygons for a release: those of the whole map, made first where they are not there."""

from __future__ import annotations

import time

from annotation.errors import JobAlreadyRunning
from annotation.jobs.registry import run_job
from annotation.models import Job
from annotation.services.jobs import JobContext
from learning.errors import LearningError
from learning.models import Prediction
from learning.services.polygons import start_polygons, whole_polygons

POLL_S = 1.0
_UNFINISHED = (Job.State.QUEUED, Job.State.RUNNING)


def make_whole_polygons(context: JobContext, prediction: Prediction) -> str:
    """Return once the polygons of all of a map are there, or cannot be: then why, in words that may be published.

    They are a job of their own, which is gone on with where another worker has begun it, and is done here where nobody
    has. A release waits for it: one without polygons cannot be given them later.

    Args:   context: of the release's job.
    Raises: JobCancelled, JobLost.
    """
    if whole_polygons(prediction) is not None:
        return ""
    try:
        job_id = str(start_polygons(prediction=prediction, with_control_tiles=True).pk)
    except JobAlreadyRunning as running:
        job_id = str(running.details["job"])
    except LearningError as error:
        return str(error)
    while True:
        context.progress(0.0, "Making the map's polygons first.")
        run_job(job_id)
        job = Job.objects.get(pk=job_id)
        if job.state not in _UNFINISHED:
            break
        time.sleep(POLL_S)  # another worker has it
    return "" if whole_polygons(prediction) is not None else _why(job)


def _why(job: Job) -> str:
    """An error that somebody can act on is one line; of any other the platform's log has the rest, with its paths."""
    if job.state == Job.State.CANCELLED:
        return "making them was cancelled"
    return job.error if "\n" not in job.error else "making them failed; the log of the job says why"
