"""The "territory_figures" job: what a campaign says of each territory that it holds ground of."""

from __future__ import annotations

from typing import Any

from django.db.models import Max

from annotation.jobs.registry import job
from annotation.models import Campaign
from annotation.services.coverage import seen_tiles
from annotation.services.jobs import JobContext
from learning.models import TerritoryFigures
from learning.services.map_areas import want_map_areas
from learning.services.map_requests import territories_on
from learning.services.predictions import shown_prediction
from learning.services.territory_figures import KIND, figures_document, keep_figures


@job(KIND)
def count_territories(context: JobContext) -> dict[str, Any]:
    """Put the figures of each territory together; a worker that takes over leaves out those already done."""
    campaign = Campaign.objects.select_related("layer", "nomenclature").get(pk=context.payload["campaign"])
    _count_the_map_of_new_boundaries(campaign)
    done = TerritoryFigures.objects.filter(campaign=campaign, computed_at__gte=context.job.created_at)
    wanted = territories_on(campaign.layer).exclude(pk__in=done.values("territory"))
    count = wanted.count()
    seen = seen_tiles(campaign)
    for number, territory in enumerate(wanted.defer(None).iterator(chunk_size=50)):
        context.progress(number / count, f"Counting in {territory}.")
        keep_figures(
            campaign=campaign,
            territory=territory,
            document=figures_document(campaign=campaign, territory=territory, seen=seen),
        )
    TerritoryFigures.objects.filter(campaign=campaign, computed_at__lt=context.job.created_at).delete()
    return {"territories": TerritoryFigures.objects.filter(campaign=campaign).count()}


def _count_the_map_of_new_boundaries(campaign: Campaign) -> None:
    """A map is counted once; where boundaries were imported since, that is due again, and then these figures."""
    prediction = shown_prediction(campaign)
    if prediction is None:
        return
    counted = prediction.areas.aggregate(last=Max("counted_at"))["last"]
    if counted is None or territories_on(campaign.layer).filter(imported_at__gt=counted).exists():
        want_map_areas(prediction=prediction)
