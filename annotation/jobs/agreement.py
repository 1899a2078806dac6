"""Counting how far a campaign's people agree; tiles counted before are left out, so it may be run again at any time."""

from __future__ import annotations

from typing import Any

from annotation.jobs.registry import job
from annotation.models import Campaign
from annotation.services.agreement import count_agreement_of_tile, tiles_to_count
from annotation.services.jobs import JobContext


@job("count_agreement")
def count_agreement(context: JobContext) -> dict[str, Any]:
    """Each tile in its own transaction: resumed after a stop, the job does what is left."""
    campaign = Campaign.objects.select_related("nomenclature").get(pk=context.payload["campaign"])
    waiting = tiles_to_count(campaign)
    for done, (tile_id, revision_ids) in enumerate(waiting, start=1):
        count_agreement_of_tile(campaign=campaign, tile_id=tile_id, revision_ids=revision_ids)
        context.progress(done / len(waiting), f"Tile {done} of {len(waiting)}")
    return {"tiles": len(waiting)}
