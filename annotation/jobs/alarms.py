"""Job "look_for_alarms": compare what people handed in, then say what a maintainer should look at."""

from __future__ import annotations

from typing import Any

from annotation.jobs.registry import job
from annotation.models import Campaign
from annotation.services import alarms
from annotation.services.jobs import JobContext
from annotation.services.standing import accept_waiting


@job("look_for_alarms")
def look_for_alarms(context: JobContext) -> dict[str, Any]:
    """Compared pairs are kept, so that a job begun again goes on; the same work raises the same alarms once.

    Then what waited for its author to rise is accepted, where it was not as they rose.
    """
    campaign = Campaign.objects.select_related("nomenclature").get(pk=context.payload["campaign"])
    compared = 0
    while found := alarms.compare_labels_of(campaign):
        compared += found
        context.progress(0.5, f"Compared {compared} pairs of labels")
    opened = alarms.raise_alarms(campaign=campaign)
    accept_waiting(campaign=campaign)
    return {"compared": compared, "opened": len(opened)}
