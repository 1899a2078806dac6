"""The "measure_pair" job: how far the two layers of a pair lie apart, of the layers as they are now."""

from __future__ import annotations

from typing import Any

from annotation.jobs.registry import job
from annotation.models import VintagePair
from annotation.services.jobs import JobContext
from annotation.services.pairs import KIND, is_measured, measure_pair, shift_of


@job(KIND)
def measure(context: JobContext) -> dict[str, Any]:
    """Measure; taken over, it begins again. A layer replaced meanwhile is measured once more, not left stale."""
    pair = VintagePair.objects.select_related("first", "second").get(pk=context.payload["pair"])
    measure_pair(pair, on_progress=lambda share: context.progress(0.9 * share, "Comparing windows of both images."))
    pair = VintagePair.objects.select_related("first", "second").get(pk=pair.pk)
    if not is_measured(pair):
        measure_pair(pair)
    shift = shift_of(pair)
    return {
        "pair": pair.pk,
        "shift_m": None if shift is None else shift.distance_m,
        "windows": pair.windows_measured,
        "looked_at": pair.windows_looked_at,
    }
