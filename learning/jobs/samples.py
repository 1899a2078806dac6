"""The jobs "draw_sample" and "count_sample_strata": maps are gone through, places drawn, ground counted."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model

from annotation.jobs.registry import job
from annotation.models import Campaign, VintagePair
from annotation.services.jobs import JobContext
from learning.errors import InvalidPlan, InvalidSample
from learning.models import ReferenceSample
from learning.services.map_pairs import maps_of_pair
from learning.services.sample_draw import change_strata, draw_area_sample, draw_change_sample
from learning.services.sample_jobs import COUNT_KIND, DRAW_KIND


@job(DRAW_KIND)
def draw_sample(context: JobContext) -> dict[str, Any]:
    """Draw what was asked for; a worker that takes over finds what the last one has drawn, by its seed."""
    asked = context.payload
    campaign, pair = _campaign(asked), _pair(asked["pair"]) if asked["pair"] else None
    kind = ReferenceSample.Kind.CHANGE if pair else ReferenceSample.Kind.AREA
    drawn = ReferenceSample.objects.filter(
        campaign=campaign, kind=kind, pair=pair, seed=asked["seed"], drawn_at__gte=context.job.created_at
    ).first()
    if drawn is None:
        options = {name: asked[name] for name in ("total", "fewest", "answers_wanted", "seed", "unit_px")}
        options["drawn_by"] = get_user_model().objects.filter(pk=asked["by"]).first()
        options["on_progress"] = lambda share: context.progress(share, "Drawing places.")
        try:
            if pair is None:
                drawn = draw_area_sample(campaign=campaign, **options)
            else:
                drawn = draw_change_sample(pair=pair, campaign=campaign, **options)
        except InvalidSample as refusal:
            raise InvalidPlan(str(refusal)) from None
    return {"sample": drawn.pk, "places": drawn.units.count()}


@job(COUNT_KIND)
def count_sample_strata(context: JobContext) -> dict[str, Any]:
    """Count the ground of each kind of change on the two maps of a pair; taken over, it begins again."""
    campaign, pair = _campaign(context.payload), _pair(context.payload["pair"])
    maps = maps_of_pair(campaign=campaign, pair=pair)
    strata = change_strata(
        pair=pair, campaign=campaign, on_progress=lambda share: context.progress(share, "Counting the ground.")
    )
    return {"maps": [maps.first.pk, maps.second.pk], "strata": strata}


def _campaign(asked: dict[str, Any]) -> Campaign:
    return Campaign.objects.select_related("layer", "nomenclature").get(pk=asked["campaign"])


def _pair(number: int) -> VintagePair:
    return VintagePair.objects.select_related("first", "second").get(pk=number)
