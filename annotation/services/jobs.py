"""Long work: queueing, leases with a fencing number, heartbeats, and the sweep that finds lost jobs."""

from __future__ import annotations

import logging
import os
import socket
import threading
import traceback
from collections.abc import Callable
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from annotation.errors import JobAlreadyRunning, JobCancelled, JobLost, UserError
from annotation.models import Campaign, Job

if TYPE_CHECKING:
    from django.contrib.auth.models import User

log = logging.getLogger(__name__)
MAX_ATTEMPTS = 5
PROGRESS_EVERY_S = 0.5


def enqueue_job(
    *,
    kind: str,
    payload: dict[str, Any],
    owner: User | None = None,
    campaign: Campaign | None = None,
    queue: str = "default",
    key: str = "",
) -> Job:
    """Write a job and nudge a worker once the transaction has committed.

    Raises: JobAlreadyRunning (an unfinished job of this kind has the same key).
    """
    try:
        with transaction.atomic():
            job = Job.objects.create(kind=kind, payload=payload, owner=owner, campaign=campaign, queue=queue, key=key)
    except IntegrityError:
        running = Job.objects.filter(kind=kind, key=key, state__in=["queued", "running"]).first()
        raise JobAlreadyRunning(
            f"A {kind} job for {key!r} is already {running.state if running else 'under way'}: "
            "wait for it to end or cancel it.",
            details={"job": str(running.id) if running else None},
        ) from None
    transaction.on_commit(lambda: nudge_worker(job))
    return job


def nudge_worker(job: Job) -> None:
    """Tell a worker to look. A broker that is away loses nothing: the sweep sends the hint again."""
    from annotation.tasks import run_job as task

    try:
        task.apply_async([str(job.id)], queue=job.queue)
    except OSError as error:
        log.warning("broker away, job %s waits for the sweep: %s", job.id, error)
    except Exception as error:
        if type(error).__module__.split(".")[0] not in {"kombu", "redis", "celery"}:
            raise
        log.warning("broker away, job %s waits for the sweep: %s", job.id, error)


def cancel_job(*, job: Job) -> Job:
    """Ask a job to stop; a queued one stops at once, a running one at its next progress report."""
    Job.objects.filter(pk=job.pk, state=Job.State.QUEUED).update(
        state=Job.State.CANCELLED, finished_at=Now(), message="Cancelled before it started."
    )
    Job.objects.filter(pk=job.pk, state=Job.State.RUNNING).update(cancel_requested=True)
    job.refresh_from_db()
    return job


class JobContext:
    """What a job function is given: its payload, and the way to report and to learn that it must stop."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.payload: dict[str, Any] = job.payload
        self._stop = threading.Event()
        self._reason: Exception | None = None
        self._reported_at = 0.0

    def progress(self, fraction: float, message: str = "") -> None:
        """Store progress (at most twice a second) and renew the lease.

        Raises: JobCancelled (someone asked), JobLost (another worker has taken the job over).
        """
        self._raise_if_stopped()
        if monotonic() - self._reported_at < PROGRESS_EVERY_S and fraction < 1.0:
            return
        self._reported_at = monotonic()
        changes: dict[str, Any] = {"progress": min(max(fraction, 0.0), 1.0)}
        if message:
            changes["message"] = message[:300]
        self.renew(**changes)
        self._raise_if_stopped()

    def should_stop(self) -> bool:
        """Whether the job was cancelled or lost; a long loop asks this between steps."""
        return self._stop.is_set()

    def renew(self, **changes: Any) -> None:
        """Extend the lease if this worker still holds it, else remember that it does not."""
        held = Job.objects.filter(pk=self.job.pk, fence=self.job.fence, state=Job.State.RUNNING)
        if not held.update(leased_until=Now() + timedelta(seconds=settings.JOB_LEASE_SECONDS), **changes):
            self._stop_with(JobLost(f"Job {self.job.id} was taken over (fence {self.job.fence} is old)."))
        elif held.filter(cancel_requested=True).exists():
            self._stop_with(JobCancelled(f"Job {self.job.id} was cancelled."))

    def _stop_with(self, reason: Exception) -> None:
        self._reason = reason
        self._stop.set()

    def _raise_if_stopped(self) -> None:
        if self._reason is not None:
            raise self._reason


def claim_job(job_id: str) -> Job | None:
    """Take a queued job, or one whose worker has stopped renewing its lease; None when there is nothing to do."""
    with transaction.atomic():
        job = (
            Job.objects.select_for_update(skip_locked=True)
            .filter(pk=job_id)
            .filter(Q(state=Job.State.QUEUED) | Q(state=Job.State.RUNNING, leased_until__lt=Now()))
            .first()
        )
        if job is None:
            return None
        if job.attempts >= MAX_ATTEMPTS:
            Job.objects.filter(pk=job.pk).update(
                state=Job.State.FAILED,
                finished_at=Now(),
                error=f"Started {job.attempts} times and lost its worker each time: look at its memory and log.",
            )
            return None
        Job.objects.filter(pk=job.pk).update(
            state=Job.State.RUNNING,
            worker=f"{socket.gethostname()}:{os.getpid()}",
            fence=F("fence") + 1,
            attempts=F("attempts") + 1,
            started_at=Now(),
            leased_until=Now() + timedelta(seconds=settings.JOB_LEASE_SECONDS),
        )
    job.refresh_from_db()
    return job


def run_claimed_job(job: Job, function: Callable[[JobContext], dict[str, Any]]) -> None:
    """Run a job's function under heartbeat and record how it ended. Delivered twice, it runs once (R9)."""
    context = JobContext(job)
    ended = threading.Event()
    beat = threading.Thread(target=_heartbeat, args=(context, ended), name=f"heartbeat-{job.id}", daemon=True)
    beat.start()
    outcome: dict[str, Any]
    try:
        result = function(context)
        outcome = {"state": Job.State.SUCCEEDED, "result": result, "progress": 1.0, "error": ""}
    except JobCancelled:
        outcome = {"state": Job.State.CANCELLED, "message": "Cancelled."}
    except JobLost as error:
        log.warning("%s", error)
        return
    except UserError as error:
        outcome = {"state": Job.State.FAILED, "error": str(error)}
    except Exception as error:
        log.exception("job %s (%s) failed", job.id, job.kind)
        outcome = {
            "state": Job.State.FAILED,
            "error": f"{type(error).__name__}: {error}\n{traceback.format_exc()[-4000:]}",
        }
    finally:
        ended.set()
        beat.join(timeout=5)
    Job.objects.filter(pk=job.pk, fence=job.fence).update(finished_at=Now(), leased_until=None, **outcome)


def _heartbeat(context: JobContext, ended: threading.Event) -> None:
    try:
        while not ended.wait(settings.JOB_LEASE_SECONDS / 4):
            try:
                context.renew()
            except Exception:
                log.exception("heartbeat of job %s missed", context.job.id)
            if context.should_stop():
                return
    finally:
        connection.close()


def sweep_jobs() -> int:
    """Nudge workers for every job that waits or was lost; returns how many (R8)."""
    waiting = Job.objects.filter(
        Q(state=Job.State.QUEUED, created_at__lt=Now() - timedelta(seconds=20))
        | Q(state=Job.State.RUNNING, leased_until__lt=Now())
    )
    count = 0
    for job in waiting[:500]:
        nudge_worker(job)
        count += 1
    return count
