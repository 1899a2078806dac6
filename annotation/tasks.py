"""Celery's envelopes: short, idempotent, carrying ids only."""

from __future__ import annotations

from celery import shared_task

from annotation.jobs import registry
from annotation.services import (
    alarms,
    invitations,
    jobs,
    leases,
    pairs,
    personal_data,
    report_mail,
    reports,
    throughput,
)


@shared_task(name="annotation.tasks.run_job")
def run_job(job_id: str) -> None:
    """Look at one job row and do its work if it waits or was lost."""
    registry.run_job(job_id)


@shared_task(name="annotation.tasks.sweep_jobs")
def sweep_jobs() -> None:
    """Find jobs that no worker has picked up or whose worker died."""
    jobs.sweep_jobs()


@shared_task(name="annotation.tasks.measure_pairs")
def measure_pairs() -> None:
    """Queue the measuring of pairs whose layers are not those that were measured."""
    pairs.want_measured(pairs.pairs_to_look_at())


@shared_task(name="annotation.tasks.reclaim_tiles")
def reclaim_tiles() -> None:
    """Give tiles back to the queue whose work was sent back or withdrawn and left alone."""
    leases.reclaim_abandoned_tiles()


@shared_task(name="annotation.tasks.look_for_alarms")
def look_for_alarms() -> None:
    """Queue a look at each campaign where work was handed in since the last one."""
    alarms.enqueue_looks()


@shared_task(name="annotation.tasks.keep_weeks")
def keep_weeks() -> None:
    """Count the weeks that are over, for the pages that show them."""
    throughput.keep_weeks()


@shared_task(name="annotation.tasks.sweep_personal_files")
def sweep_personal_files() -> None:
    """Remove old exports of people's data, sessions that have ended, and addresses of invitations that have lapsed."""
    personal_data.sweep_exports()
    personal_data.forget_ended_sessions()
    invitations.forget_lapsed_addresses()


@shared_task(name="annotation.tasks.send_report_mail")
def send_report_mail() -> None:
    """Tell reporters what became of their reports."""
    report_mail.send_waiting_mail()


@shared_task(name="annotation.tasks.forget_reporters")
def forget_reporters() -> None:
    """Remove what is kept of reporters no longer than it is needed: addresses, and counts of past hours."""
    report_mail.forget_old_contacts()
    reports.forget_allowances()
