"""Drawing a sample from the browser: maps are gone through window by window, which is a job's work."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from annotation.models import Campaign, Job, VintagePair
from annotation.services.jobs import enqueue_job, last_failure
from annotation.services.validation_queue import require_open
from learning.models import ReferenceSample
from learning.services.map_pairs import maps_of_pair
from learning.services.sample_draw import map_to_sample, require_none_open

if TYPE_CHECKING:
    from django.contrib.auth.models import User

DRAW_KIND, COUNT_KIND = "draw_sample", "count_sample_strata"


@dataclass(frozen=True, slots=True)
class Draw:
    """How a sample is drawn, as the services that draw take it."""

    total: int
    fewest: int
    answers_wanted: int
    seed: int
    unit_px: int | None = None


def start_sample_draw(*, campaign: Campaign, pair: VintagePair | None, draw: Draw, actor: User) -> Job:
    """Queue the drawing of a sample of areas, or of change where a pair is given.

    Raises: CampaignClosed, SampleOpen, NoPrediction, JobAlreadyRunning.
    """
    require_open(campaign)
    require_none_open(campaign, ReferenceSample.Kind.CHANGE if pair else ReferenceSample.Kind.AREA)
    if pair is None:
        map_to_sample(campaign, layer=campaign.layer_id)
    else:
        maps_of_pair(campaign=campaign, pair=pair)
    payload = {"campaign": campaign.pk, "pair": pair.pk if pair else None, "by": actor.pk, **asdict(draw)}
    return enqueue_job(kind=DRAW_KIND, payload=payload, owner=actor, campaign=campaign, key=campaign.slug)


def start_strata_count(*, campaign: Campaign, pair: VintagePair, actor: User) -> Job:
    """Queue the counting of the ground of each kind of change, for a plan.

    Raises: NoPrediction, JobAlreadyRunning.
    """
    maps_of_pair(campaign=campaign, pair=pair)
    return enqueue_job(
        kind=COUNT_KIND, payload={"campaign": campaign.pk, "pair": pair.pk}, owner=actor, campaign=campaign,
        key=f"{campaign.slug}/{pair.pk}",
    )  # fmt: skip


def sample_failure_of(campaign: Campaign) -> str:
    """Why the newest job of this kind failed; "" where it did not."""
    return last_failure(Job.objects.filter(kind__in=[DRAW_KIND, COUNT_KIND], campaign=campaign))


def sample_job_of(campaign: Campaign) -> Job | None:
    """The job of this kind that is under way for a campaign."""
    return Job.objects.filter(
        kind__in=[DRAW_KIND, COUNT_KIND], campaign=campaign, state__in=[Job.State.QUEUED, Job.State.RUNNING]
    ).first()
