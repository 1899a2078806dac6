"""How far the two layers of a pair lie apart; measured anew it says the same."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from annotation.jobs.registry import job
from annotation.models import VintagePair
from annotation.services.jobs import JobContext
from annotation.services.pairs import measure_pair


@job("measure_pair")
def measure(context: JobContext) -> dict[str, Any]:
    """Measure one pair; the result is what its row keeps, in pixels of the first layer."""
    pair = VintagePair.objects.select_related("first", "second").get(pk=context.payload["pair"])
    found = measure_pair(pair, on_progress=context.progress)
    return asdict(found) if found else {"windows": 0}
