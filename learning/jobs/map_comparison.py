"""The "compare_maps" job: where the published maps of a pair disagree, as a COG, and counted by class."""

from __future__ import annotations

import hashlib
from typing import Any

from annotation.jobs.registry import job
from annotation.models import VintagePair
from annotation.services.jobs import JobContext
from learning.core.map_disagreement import write_disagreement
from learning.core.other_vintage import MapPair
from learning.models import Prediction
from learning.services.map_comparison import KIND, comparable_maps, keep_comparison, version_of
from learning.services.predictions import shown_files


@job(KIND)
def compare(context: JobContext) -> dict[str, Any]:
    """Compare what people may see of both maps; taken over, it begins again."""
    pair = VintagePair.objects.select_related("first", "second").get(pk=context.payload["pair"])
    maps = comparable_maps(pair)
    version = version_of(maps)
    path = maps.second.path(f"disagreement_{pair.pk}.tif")
    found = write_disagreement(
        _files(maps.second),
        _files(maps.first),
        path,
        tags={"FIRST_MAP": maps.first.model.version, "SECOND_MAP": maps.second.model.version},
        on_progress=lambda share: context.progress(0.95 * share, "Comparing the two maps."),
    )
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    keep_comparison(pair=pair, maps=maps, version=version, found=found, path=path, sha256=sha256)
    return {"pair": pair.pk, "compared_px": found.compared_px, "differing_px": found.differing_px}


def _files(prediction: Prediction) -> MapPair:
    classes, entropy = shown_files(prediction) or ("", "")
    return MapPair(prediction.path(classes), prediction.path(entropy))
