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
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from annotation.errors import JobAlreadyRunning, JobCancelled, JobLost, UserError
from annotation.models import Campaign, Job

if TYPE_CHECKING:
    from django.contrib.auth.models import User

log = logging.getLogger(__name__)
MAX_ATTEMPTS = 5
PROGRESS_THAT_COUNTS = 0.01  # a job that gets further than this between two starts has all its attempts again
PROGRESS_EVERY_S = 0.5
# A server that restarts, a connection that drops, a deadlock: the same work may succeed a little later.
TRANSIENT = (OperationalError, InterfaceError)
FIRST_NUDGE_S = 20  # the message sent at the start has that long to be picked up
NUDGE_WAITS_S = (15, 30, 60, 120, 240, 480, 600)  # after the first hint, the second, …; the last one repeats


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


def last_failure(jobs: QuerySet[Job]) -> str:
    """Why the newest of these jobs failed; "" where it did not fail, or there is none."""
    newest = jobs.order_by("-created_at").first()
    return newest.error if newest is not None and newest.state == Job.State.FAILED else ""


def nudge_worker(job: Job) -> bool:
    """Tell a worker to look; whether the broker took the hint. If it is away, the sweep sends the hint again."""
    from annotation.tasks import run_job as task

    try:
        task.apply_async([str(job.id)], queue=job.queue)
    except OSError as error:
        log.warning("broker away, job %s waits for the sweep: %s", job.id, error)
    except Exception as error:
        if type(error).__module__.split(".")[0] not in {"kombu", "redis", "celery"}:
            raise
        log.warning("broker away, job %s waits for the sweep: %s", job.id, error)
    else:
        return True
    return False


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
    """Take a queued job, or one whose worker has stopped renewing its lease; None when there is nothing to do.

    A job is given up after MAX_ATTEMPTS starts in a row that got no further than the one before: deploys and reboots
    may interrupt long work as often as they like, and work that kills its worker is not done for ever.
    """
    with transaction.atomic():
        job = (
            Job.objects.select_for_update(skip_locked=True)
            .filter(pk=job_id)
            .filter(Q(state=Job.State.QUEUED) | Q(state=Job.State.RUNNING, leased_until__lt=Now()))
            .first()
        )
        if job is None:
            return None
        got_further = job.progress >= job.progress_mark + PROGRESS_THAT_COUNTS
        if job.attempts >= MAX_ATTEMPTS and not got_further:
            Job.objects.filter(pk=job.pk).update(
                state=Job.State.FAILED,
                finished_at=Now(),
                error=f"Started {job.attempts} times without getting further than "
                f"{100 * max(job.progress, job.progress_mark):.0f} %, and lost its worker each time: "
                "look at its memory and log.",
            )
            return None
        Job.objects.filter(pk=job.pk).update(
            state=Job.State.RUNNING,
            worker=f"{socket.gethostname()}:{os.getpid()}",
            fence=F("fence") + 1,
            attempts=1 if got_further else F("attempts") + 1,
            progress_mark=F("progress") if got_further else F("progress_mark"),
            nudged_at=None,
            nudges=0,
            started_at=Now(),
            leased_until=Now() + timedelta(seconds=settings.JOB_LEASE_SECONDS),
        )
    job.refresh_from_db()
    return job


def run_claimed_job(job: Job, function: Callable[[JobContext], dict[str, Any]]) -> None:
    """Run a job's function under heartbeat and record how it ended. Delivered twice, it runs once.

    An error of the database's server or connection puts the job back to wait while attempts remain; any other is final.
    """
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
    except TRANSIENT as error:
        log.warning("job %s (%s) met a passing fault of the database: %s", job.id, job.kind, error)
        outcome = _after_passing_fault(job, error)
    except Exception as error:
        log.exception("job %s (%s) failed", job.id, job.kind)
        outcome = {
            "state": Job.State.FAILED,
            "error": f"{type(error).__name__}: {error}\n{traceback.format_exc()[-4000:]}",
        }
    finally:
        ended.set()
        beat.join(timeout=5)
    _record_end(job, outcome)


def _after_passing_fault(job: Job, error: Exception) -> dict[str, Any]:
    """Waiting again while attempts remain, else failed."""
    told = f"{type(error).__name__}: {error}".strip()
    if job.attempts < MAX_ATTEMPTS:
        return {"state": Job.State.QUEUED, "message": f"Waits to go on after a fault of the database: {told}"[:300]}
    return {
        "state": Job.State.FAILED,
        "error": f"Started {job.attempts} times and met a fault of the database each time: {told}\n"
        f"{traceback.format_exc()[-4000:]}",
    }


def _record_end(job: Job, outcome: dict[str, Any]) -> None:
    """Write how a job ended, or that it waits again, unless another worker has it."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()  # the fault may have been the end of this very connection
    finished_at = None if outcome["state"] == Job.State.QUEUED else Now()
    try:
        Job.objects.filter(pk=job.pk, fence=job.fence, state=Job.State.RUNNING).update(
            finished_at=finished_at, leased_until=None, **outcome
        )
    except TRANSIENT:
        # The row still says running: once its lease has lapsed the sweep finds it, and the work done is found done.
        log.exception("job %s (%s) could not record its end as %s", job.id, job.kind, outcome["state"])


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
    """Nudge workers for every job that waits or was lost; returns how many.

    A job that goes on waiting, because every worker is busy, is nudged less and less often, and once in ten minutes in
    the end: hints pile up in the broker.
    """
    waiting = Job.objects.filter(
        Q(state=Job.State.QUEUED, created_at__lt=Now() - timedelta(seconds=FIRST_NUDGE_S))
        | Q(state=Job.State.RUNNING, leased_until__lt=Now())
    )
    due = Q(nudged_at__isnull=True)
    for nudges, wait_s in enumerate(NUDGE_WAITS_S, start=1):
        due |= Q(nudges=nudges, nudged_at__lt=Now() - timedelta(seconds=wait_s))
    count = 0
    for job in waiting.filter(due).order_by(F("nudged_at").asc(nulls_first=True), "created_at")[:500]:
        if not nudge_worker(job):
            continue
        # Claimed meanwhile, its count has begun anew.
        still_waiting = Job.objects.filter(pk=job.pk, fence=job.fence)
        still_waiting.update(nudged_at=Now(), nudges=min(job.nudges + 1, len(NUDGE_WAITS_S)))
        count += 1
    return count
