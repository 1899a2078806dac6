"""The "change_round" job: two dates are compared, and a round of questions is told or opened."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model

from annotation.jobs.registry import job
from annotation.models import Campaign, ChangeRound
from annotation.services.jobs import JobContext
from learning.services.change_round_jobs import KIND, RoundPlan, make_round


@job(KIND)
def change_round(context: JobContext) -> dict[str, Any]:
    """See what a round would hold, or open it; taken over after it was opened, it finds that round and opens none."""
    asked = context.payload
    campaign = Campaign.objects.select_related("layer", "nomenclature", "holdout").get(pk=asked["campaign"])
    plan = RoundPlan(**asked["plan"])
    context.progress(0.05, "Comparing the two dates.")
    if asked["opens"]:
        opened = ChangeRound.objects.filter(
            campaign=campaign, pair=plan.pair, seed=plan.seed, opened_at__gte=context.job.created_at
        ).first()
        if opened is not None:
            return {"round": opened.number}
    actor = get_user_model().objects.filter(pk=asked["by"]).first()
    return make_round(campaign=campaign, plan=plan, opens=asked["opens"], actor=actor)
