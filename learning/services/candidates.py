"""What a map says of the tiles that a round may ask for, and what people drew on those it was made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from django.db.models import F, Sum
from numpy.typing import NDArray

from annotation.models import AnnotatedFeature
from learning.core.acquisition import Candidates
from learning.core.other_vintage import FILE as OTHER_VINTAGE_FILE
from learning.models import Prediction, TrainingSet, TrainingSetItem
from learning.services.effort import expected_seconds

MOST_KNOWN = 20_000  # labelled tiles that a round is held against; the latest, of more


def candidates_of(prediction: Prediction, eligible: NDArray[np.bool_], *, timed: bool = False) -> Candidates:
    """The eligible tiles as the map sees them, beside the tiles its model learnt from.

    Maps without another vintage beside them, and those made before it was asked, contradict nothing.
    Maps made before doubt was told by class and tiles had an embedding give their mean doubt alone.

    Args: eligible: bool (n_rows, n_cols). timed: whether to say what each is expected to take.
    """
    rows, cols = np.nonzero(eligible)
    scores = _array(prediction.path("scores.npy"))
    doubt, embedding = (_array_or_none(prediction.path(f"{name}.npy")) for name in ("doubt", "embedding"))
    if doubt is None or embedding is None:
        mean = np.asarray(scores[rows, cols], np.float64)[:, None]
        return Candidates(row=rows, col=cols, doubt=mean, share=np.ones_like(mean))
    histogram = _array(prediction.path("histogram.npy"))[rows, cols].astype(np.float64)
    by_class = np.where(np.isfinite(scores[rows, cols])[:, None], doubt[rows, cols], np.nan)
    training_set = prediction.model.training_set
    if training_set is None:  # weights from elsewhere have learnt nothing here
        known_places, known_share = np.zeros((0, 2), np.intp), np.zeros((0, histogram.shape[1]))
    else:
        known_places, known_share = drawn_shares(training_set)
    return Candidates(
        row=rows,
        col=cols,
        doubt=by_class,
        share=histogram / np.maximum(histogram.sum(axis=1, keepdims=True), 1),
        embedding=embedding[rows, cols].astype(np.float32),
        known_embedding=embedding[known_places[:, 0], known_places[:, 1]].astype(np.float32),
        known_share=known_share,
        seconds=expected_seconds(prediction, rows, cols) if timed else None,
        contradicted=contradicted_on(prediction, OTHER_VINTAGE_FILE, rows, cols),
    )


def contradicted_on(
    prediction: Prediction, name: str, rows: NDArray[np.intp], cols: NDArray[np.intp]
) -> NDArray[np.float64] | None:
    """What another vintage's map says otherwise of tiles, or of parts of them, by the file's name: float64 (place,).

    None where the map was compared with none. Places are eligible ones, in the pool: what the file says of control
    tiles is not looked at.
    """
    share = _array_or_none(prediction.path(name))
    return None if share is None else share[rows, cols].astype(np.float64)


def drawn_shares(training_set: TrainingSet) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Where a training set's labels lie, and what part of what is drawn there each class has.

    A quarter is told with its whole tile.
    Returns: (row, col) of each tile, int (tile, 2); shares, float64 (tile, class), in the set's order of classes.
    """
    index = {code: position for position, code in enumerate(training_set.class_codes)}
    latest = TrainingSetItem.objects.filter(training_set=training_set).order_by("-revision_id").values("revision_id")
    drawn = (
        AnnotatedFeature.objects.filter(revision__in=latest[:MOST_KNOWN], class_code__in=index)
        .values_list(F("revision__annotation__tile__row"), F("revision__annotation__tile__col"), "class_code")
        .annotate(area=Sum("area_m2"))
    )
    areas: dict[tuple[int, int], NDArray[np.float64]] = {}
    for row, col, code, area in drawn:
        areas.setdefault((row, col), np.zeros(len(index)))[index[code]] += area
    places = sorted(areas)
    table = np.array([areas[place] for place in places]).reshape(len(places), len(index))
    return np.array(places, np.intp).reshape(-1, 2), table / np.maximum(table.sum(axis=1, keepdims=True), 1e-9)


def _array(path: Path) -> NDArray[np.generic]:
    array: NDArray[np.generic] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def _array_or_none(path: Path) -> NDArray[np.generic] | None:
    return _array(path) if path.exists() else None
