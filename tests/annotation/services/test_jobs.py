"""Jobs: the row is the truth; a message delivered twice, or a dead worker, changes nothing."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import scenes
from django.db import connections
from django.db.models.functions import Now

from annotation.errors import JobAlreadyRunning, JobLost
from annotation.models import Job
from annotation.services.jobs import (
    MAX_ATTEMPTS,
    JobContext,
    cancel_job,
    claim_job,
    enqueue_job,
    run_claimed_job,
    sweep_jobs,
)


def queued(key: str = "") -> Job:
    return enqueue_job(kind="count", payload={"to": 3}, key=key)


@pytest.mark.django_db
def test_a_job_that_succeeds_keeps_its_result() -> None:
    job = claim_job(str(queued().id))
    assert job is not None
    run_claimed_job(job, lambda context: {"counted": context.payload["to"]})
    job.refresh_from_db()
    assert (job.state, job.result, job.progress) == ("succeeded", {"counted": 3}, 1.0)


@pytest.mark.django_db
def test_a_job_that_fails_says_so_and_keeps_the_trace() -> None:
    job = claim_job(str(queued().id))
    assert job is not None

    def fail(context: JobContext) -> dict[str, object]:
        raise RuntimeError("no more beans")

    run_claimed_job(job, fail)
    job.refresh_from_db()
    assert job.state == "failed"
    assert job.error.startswith("RuntimeError: no more beans\nTraceback")


@pytest.mark.django_db
def test_two_unfinished_jobs_of_one_kind_never_share_a_key() -> None:
    first = queued("gers")
    with pytest.raises(JobAlreadyRunning) as refused:
        queued("gers")
    assert refused.value.details["job"] == str(first.id)
    cancel_job(job=first)
    queued("gers")


@pytest.mark.django_db
def test_a_running_job_is_claimed_again_only_once_its_lease_has_lapsed() -> None:
    job = queued()
    assert claim_job(str(job.id)) is not None
    assert claim_job(str(job.id)) is None
    Job.objects.filter(pk=job.pk).update(leased_until=Now() - timedelta(seconds=1))
    again = claim_job(str(job.id))
    assert again is not None and again.fence == 2


@pytest.mark.django_db
def test_a_worker_whose_job_was_taken_over_may_no_longer_write() -> None:
    job = queued()
    old = claim_job(str(job.id))
    assert old is not None
    Job.objects.filter(pk=job.pk).update(leased_until=Now() - timedelta(seconds=1))
    new = claim_job(str(job.id))
    assert new is not None

    def late(context: JobContext) -> dict[str, object]:
        context.progress(1.0)
        raise AssertionError("progress must refuse an old fence")

    run_claimed_job(old, late)
    job.refresh_from_db()
    assert job.state == "running" and job.fence == new.fence
    with pytest.raises(JobLost):
        JobContext(old).progress(1.0)


@pytest.mark.django_db
def test_a_cancelled_job_stops_at_its_next_report() -> None:
    job = claim_job(str(queued().id))
    assert job is not None

    def work(context: JobContext) -> dict[str, object]:
        cancel_job(job=Job.objects.get(pk=context.job.pk))
        context.progress(1.0, "one more")
        raise AssertionError("the report must stop the job")

    run_claimed_job(job, work)
    job.refresh_from_db()
    assert job.state == "cancelled"


@pytest.mark.django_db
def test_a_job_that_keeps_losing_its_worker_is_given_up() -> None:
    job = queued()
    for _ in range(MAX_ATTEMPTS):
        assert claim_job(str(job.id)) is not None
        Job.objects.filter(pk=job.pk).update(leased_until=Now() - timedelta(seconds=1))
    assert claim_job(str(job.id)) is None
    job.refresh_from_db()
    assert job.state == "failed" and f"Started {MAX_ATTEMPTS} times" in job.error


@pytest.mark.django_db
def test_the_sweep_finds_jobs_whose_message_or_worker_was_lost() -> None:
    waiting, lost, fresh = queued(), queued(), queued()
    Job.objects.filter(pk=waiting.pk).update(created_at=Now() - timedelta(minutes=1))
    assert claim_job(str(lost.id)) is not None
    Job.objects.filter(pk=lost.pk).update(leased_until=Now() - timedelta(seconds=1))
    assert sweep_jobs() == 2
    assert fresh.state == "queued"


@pytest.mark.django_db(transaction=True)
def test_one_job_delivered_to_eight_workers_at_once_runs_once() -> None:
    """R9."""
    job = enqueue_job(kind="count", payload={})
    runs, barrier = [], threading.Barrier(8)

    def deliver() -> None:
        try:
            barrier.wait()
            claimed = claim_job(str(job.id))
            if claimed is not None:
                run_claimed_job(claimed, lambda context: runs.append(1) or {})
        finally:
            connections.close_all()

    threads = [threading.Thread(target=deliver) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert runs == [1]
    job.refresh_from_db()
    assert job.state == "succeeded"


@pytest.mark.django_db
def test_jobs_are_seen_by_their_owner_and_by_maintainers_of_their_campaign() -> None:
    ana, mia, eve = (scenes.person(name) for name in ("ana", "mia", "eve"))
    campaign = scenes.campaign(created_by=mia, tile_px=256)
    job = enqueue_job(kind="count", payload={}, owner=ana, campaign=campaign)
    assert Job.objects.visible_to(ana).get() == job
    assert Job.objects.visible_to(mia).get() == job
    assert not Job.objects.visible_to(eve).exists()
