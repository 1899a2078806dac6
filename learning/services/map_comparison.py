"""The disagreement of the two published maps of a pair: when it is to be counted, and what was counted."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from django.utils import timezone

from annotation.errors import JobAlreadyRunning
from annotation.models import Job, VintagePair
from annotation.services.jobs import enqueue_job
from learning.core.map_disagreement import Disagreement
from learning.errors import NoPrediction, NoPublicMap
from learning.models import MapComparison
from learning.services.map_pairs import MapsOfPair, published_maps
from learning.services.predictions import shown_files

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KIND = "compare_maps"


def comparable_maps(pair: VintagePair) -> MapsOfPair:
    """The published maps of both layers, as far as people may see them. Raises: NoPrediction, NoPublicMap."""
    maps = published_maps(pair)
    for one in (maps.first, maps.second):
        if shown_files(one) is None:
            raise NoPublicMap(f"The map of {one.model.version} cannot be shown yet: wait for its public copy.")
    return maps


def version_of(maps: MapsOfPair) -> str:
    """What changes with any of the files that are compared: 64 hexadecimal digits."""
    hashes = [one.files[name] for one in (maps.first, maps.second) for name in shown_files(one) or ()]
    return hashlib.sha256(" ".join(hashes).encode()).hexdigest()


def start_comparison(*, pair: VintagePair, actor: User | None = None) -> Job:
    """Queue the comparing of a pair's maps. Raises: NoPrediction: one is missing. NoPublicMap, JobAlreadyRunning."""
    maps = comparable_maps(pair)
    return enqueue_job(
        kind=KIND, payload={"pair": pair.pk}, owner=actor, campaign=maps.second.model.campaign, key=str(pair.pk)
    )


def want_comparisons() -> int:
    """Queue the comparing of each pair whose maps are not those that were compared; how many were queued.

    A pair whose comparing failed is left alone for a day: it would fail again.
    """
    failed = Job.objects.filter(
        kind=KIND, state=Job.State.FAILED, created_at__gt=timezone.now() - timedelta(days=1)
    ).values_list("key", flat=True)
    queued = 0
    for pair in VintagePair.objects.exclude(pk__in=[int(key) for key in failed]).select_related("first", "second"):
        if current_comparison(pair) is None:
            with suppress(NoPrediction, JobAlreadyRunning):
                start_comparison(pair=pair)
                queued += 1
    return queued


def current_comparison(pair: VintagePair) -> MapComparison | None:
    """What was counted of the maps that people see now; None where it was not counted, or of other maps."""
    found = MapComparison.objects.filter(pair=pair).select_related("second_map__layer").first()
    try:
        maps = comparable_maps(pair)
    except NoPrediction:
        return None
    return found if found is not None and found.version == version_of(maps) and found.path.exists() else None


def comparing_of(pair: VintagePair) -> Job | None:
    """The job that compares a pair's maps now, or waits to."""
    return Job.objects.filter(kind=KIND, key=str(pair.pk), state__in=["queued", "running"]).first()


def keep_comparison(
    *, pair: VintagePair, maps: MapsOfPair, version: str, found: Disagreement, path: Path, sha256: str
) -> MapComparison:
    """Write down what was counted, in the place of what was counted before."""
    a, _b, _c, _d, e, _f = maps.second.layer.transform
    row, _created = MapComparison.objects.update_or_create(
        pair=pair,
        defaults={
            "first_map": maps.first, "second_map": maps.second, "version": version, "codes": list(found.codes),
            "class_px": found.px.tolist(), "doubted_px": found.doubted_px, "pixel_m2": abs(a * e), "file": path.name,
            "sha256": sha256, "size_bytes": path.stat().st_size, "made_at": timezone.now(),
        },
    )  # fmt: skip
    return row
