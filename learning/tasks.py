"""Celery's envelopes of the learning side; the work of jobs goes through annotation.tasks.run_job."""

from __future__ import annotations

import logging

from celery import shared_task

from annotation.models import Campaign
from learning.services import (
    map_comparison,
    release_schedule,
    releases,
    scheduling,
    submission_checks,
    territory_figures,
)

log = logging.getLogger(__name__)


@shared_task(name="learning.tasks.consider_retraining")  # type: ignore[untyped-decorator]
def consider_retraining() -> None:
    """Ask every campaign's policy whether it is time to train again."""
    for campaign in Campaign.objects.open().filter(retraining_policy__enabled=True):
        scheduling.consider_retraining(campaign)


@shared_task(name="learning.tasks.check_submissions")  # type: ignore[untyped-decorator]
def check_submissions() -> None:
    """Hold what was handed in against the map and other people's labels."""
    submission_checks.check_submissions()


@shared_task(name="learning.tasks.consider_releases")  # type: ignore[untyped-decorator]
def consider_releases() -> None:
    """Ask every campaign's policy whether it is time for a release; one that is closed may have its last."""
    for campaign in Campaign.objects.filter(release_policy__enabled=True):
        try:
            release_schedule.consider_release(campaign)
        except Exception:
            log.exception("campaign %s was not asked whether to release: the others are", campaign.slug)


@shared_task(name="learning.tasks.sweep_releases")  # type: ignore[untyped-decorator]
def sweep_releases() -> None:
    """Clear away releases whose making ended half-way."""
    releases.sweep_releases()


@shared_task(name="learning.tasks.count_territories")  # type: ignore[untyped-decorator]
def count_territories() -> None:
    """Count anew what the pages of territories show."""
    for campaign in territory_figures.campaigns_with_territories():
        territory_figures.want_territory_figures(campaign=campaign)


@shared_task(name="learning.tasks.compare_maps")  # type: ignore[untyped-decorator]
def compare_maps() -> None:
    """Compare the maps of pairs of vintages, where other maps are seen than those that were compared."""
    map_comparison.want_comparisons()
