"""Jobs: the row is the truth; a message delivered twice, or a dead worker, changes nothing."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import scenes
from django.db import IntegrityError, InterfaceError, OperationalError, connection, connections
from django.db.models import F
from django.db.models.functions import Now

from annotation.errors import JobAlreadyRunning, JobLost
from annotation.models import Job
from annotation.services.jobs import (
    MAX_ATTEMPTS,
    NUDGE_WAITS_S,
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
@pytest.mark.parametrize("fault", [OperationalError("terminating connection"), InterfaceError("connection is closed")])
def test_a_passing_fault_of_the_database_puts_a_job_back_to_wait(fault: Exception) -> None:
    def fall(context: JobContext) -> dict[str, object]:
        raise fault

    job = queued()
    for attempt in range(1, MAX_ATTEMPTS):
        claimed = claim_job(str(job.id))
        assert claimed is not None and claimed.attempts == attempt
        run_claimed_job(claimed, fall)
        job.refresh_from_db()
        assert (job.state, job.finished_at, job.leased_until, job.error) == ("queued", None, None, "")
        assert str(fault) in job.message
    last = claim_job(str(job.id))
    assert last is not None
    run_claimed_job(last, fall)
    job.refresh_from_db()
    assert job.state == "failed" and f"Started {MAX_ATTEMPTS} times" in job.error and str(fault) in job.error


@pytest.mark.django_db
def test_an_error_of_the_data_is_final() -> None:
    job = claim_job(str(queued().id))
    assert job is not None

    def refuse(context: JobContext) -> dict[str, object]:
        raise IntegrityError("holdout_in_training")

    run_claimed_job(job, refuse)
    job.refresh_from_db()
    assert job.state == "failed" and job.finished_at is not None


@pytest.mark.django_db(transaction=True)
def test_a_job_whose_connection_the_server_ends_waits_and_then_goes_on() -> None:
    job = enqueue_job(kind="count", payload={})
    claimed = claim_job(str(job.id))
    assert claimed is not None

    def cut_off(context: JobContext) -> dict[str, object]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return {}

    run_claimed_job(claimed, cut_off)
    job.refresh_from_db()
    assert job.state == "queued"
    again = claim_job(str(job.id))
    assert again is not None
    run_claimed_job(again, lambda context: {"done": True})
    job.refresh_from_db()
    assert job.state == "succeeded" and job.result == {"done": True}


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
def test_work_that_gets_further_each_time_survives_any_number_of_lost_workers() -> None:
    job = queued()
    for start in range(3 * MAX_ATTEMPTS):
        claimed = claim_job(str(job.id))
        assert claimed is not None, f"given up at start {start}"
        # What was read again after the last checkpoint shows less than was reached; it then gets 2 % further.
        JobContext(claimed).progress(0.001)
        JobContext(claimed).progress(0.02 * (start + 1))
        Job.objects.filter(pk=job.pk).update(leased_until=Now() - timedelta(seconds=1))
    for _ in range(MAX_ATTEMPTS):
        assert claim_job(str(job.id)) is not None
        Job.objects.filter(pk=job.pk).update(progress=0.0, leased_until=Now() - timedelta(seconds=1))
    assert claim_job(str(job.id)) is None, "from there on it got no further"


@pytest.mark.django_db
def test_dying_at_about_the_same_point_is_not_getting_further() -> None:
    job = queued()
    for start in range(MAX_ATTEMPTS + 1):
        claimed = claim_job(str(job.id))
        assert claimed is not None
        # Reports come at most twice a second, so the last one varies; and it may die early, then late again.
        progress = 0.5 + 0.001 * start if start % 2 == 0 else 0.1
        Job.objects.filter(pk=job.pk).update(progress=progress, leased_until=Now() - timedelta(seconds=1))
    # The first start got from 0 to 50 %, the others no further.
    assert claim_job(str(job.id)) is None
    job.refresh_from_db()
    assert job.state == "failed" and "without getting further than 50 %" in job.error


@pytest.mark.django_db
def test_a_job_that_goes_on_waiting_is_nudged_less_and_less_often_down_to_once_in_ten_minutes() -> None:
    job = queued()
    Job.objects.filter(pk=job.pk).update(created_at=Now() - timedelta(days=1))
    assert sweep_jobs() == 1 and sweep_jobs() == 0, "the hint was just sent"
    for wait_s in (*NUDGE_WAITS_S, 600, 600):
        Job.objects.filter(pk=job.pk).update(nudged_at=F("nudged_at") - timedelta(seconds=wait_s - 5))
        assert sweep_jobs() == 0, f"{wait_s} s have not passed"
        Job.objects.filter(pk=job.pk).update(nudged_at=F("nudged_at") - timedelta(seconds=6))
        assert sweep_jobs() == 1, f"{wait_s} s have passed"
    assert max(NUDGE_WAITS_S) == 600


@pytest.mark.django_db
def test_a_job_that_loses_its_worker_is_nudged_at_once_however_long_it_had_waited() -> None:
    job = queued()
    Job.objects.filter(pk=job.pk).update(created_at=Now() - timedelta(days=1), nudged_at=Now(), nudges=7)
    assert sweep_jobs() == 0
    assert claim_job(str(job.id)) is not None
    Job.objects.filter(pk=job.pk).update(leased_until=Now() - timedelta(seconds=1))
    assert sweep_jobs() == 1


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
