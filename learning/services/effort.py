"""How long people took over the tiles of a map, and what that says of the others."""

from __future__ import annotations

import numpy as np
from django.db.models import Sum
from numpy.typing import NDArray

from annotation.models import Annotation
from learning.core.effort import MOST_TIMED, fit_effort
from learning.models import Prediction


def expected_seconds(
    prediction: Prediction, rows: NDArray[np.intp], cols: NDArray[np.intp]
) -> NDArray[np.float64] | None:
    """Seconds that labelling each tile is expected to take, float64 (tile,), from the map's borders on it.

    None where that is not known: the map counts no borders, or too few whole tiles were labelled.
    """
    path = prediction.path("edges.npy")
    if not path.exists():
        return None
    edges: NDArray[np.int32] = np.load(path, mmap_mode="r", allow_pickle=False)
    timed = _timed(prediction)
    effort = fit_effort(edges[timed[:, 0].astype(np.intp), timed[:, 1].astype(np.intp)], timed[:, 2])
    return None if effort is None else effort.seconds(edges[rows, cols])


def _timed(prediction: Prediction) -> NDArray[np.float64]:
    """Row, column and seconds of the latest accepted labels of whole tiles, float64 (label, 3).

    Each save tells the seconds since the one before: a label took their sum. Where parts of a tile were asked for, it
    says nothing of a whole one.
    """
    accepted = Annotation.objects.of_whole_tiles().filter(
        tile__campaign=prediction.model.campaign, tile__part=0, state=Annotation.State.ACCEPTED
    )
    timed = accepted.annotate(seconds=Sum("revisions__seconds_spent")).filter(seconds__gt=0).order_by("-pk")
    found = list(timed.values_list("tile__row", "tile__col", "seconds")[:MOST_TIMED])
    return np.array(found, np.float64).reshape(-1, 3)
