"""What a map says of the parts of tiles that a round may ask for, and which parts people have drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from annotation.core.quarters import on_whole
from annotation.core.stored_labels import class_index, label_rasters
from annotation.models import AnnotationRevision
from learning.core.acquisition import Candidates
from learning.core.other_vintage import PARTS_FILE as OTHER_VINTAGE_FILE
from learning.core.regions import PARTS
from learning.models import Prediction, TrainingSet, TrainingSetItem
from learning.services.candidates import contradicted_on

KnownParts = tuple[NDArray[np.intp], NDArray[np.float64]]
MOST_KNOWN_TILES = 5_000  # labelled tiles whose parts a round is held against; the latest, of more
LEAST_LABELLED = 0.5  # of a part's ground, for the part to be known


def told_apart(prediction: Prediction) -> bool:
    """Whether the map was made to ask for parts of tiles."""
    return "parts_doubt.npy" in prediction.files


def known_parts(prediction: Prediction) -> KnownParts:
    """The parts that a map's model learnt from, as labelled_parts gives them. Never changes: a set is frozen.

    Draws up to MOST_KNOWN_TILES label rasters, which takes many seconds: not for while a campaign is locked.
    """
    training_set = prediction.model.training_set
    if training_set is None:  # weights from elsewhere have learnt nothing here
        return np.zeros((0, 2), np.intp), np.zeros((0, len(prediction.model.class_codes)))
    return labelled_parts(training_set)


def part_candidates(prediction: Prediction, eligible: NDArray[np.bool_], *, known: KnownParts) -> Candidates:
    """The parts of eligible tiles as the map sees them, beside the known parts.

    Rows and columns are those of parts in the campaign's grid.

    Args: eligible: bool (n_rows, n_cols). known: see known_parts.
    """
    rows, cols = np.nonzero(np.kron(eligible, np.ones((PARTS, PARTS), np.bool_)))
    doubt, histogram, embedding = (
        np.load(prediction.path(f"parts_{name}.npy"), mmap_mode="r", allow_pickle=False)
        for name in ("doubt", "histogram", "embedding")
    )
    pixels = histogram[rows, cols].astype(np.float64)
    places, shares = known
    return Candidates(
        row=rows,
        col=cols,
        doubt=doubt[rows, cols].astype(np.float64),
        share=pixels / np.maximum(pixels.sum(axis=1, keepdims=True), 1),
        embedding=embedding[rows, cols].astype(np.float32),
        known_embedding=embedding[places[:, 0], places[:, 1]].astype(np.float32),
        known_share=shares,
        contradicted=contradicted_on(prediction, OTHER_VINTAGE_FILE, rows, cols),
    )


def labelled_parts(training_set: TrainingSet) -> KnownParts:
    """Parts of tiles of which a training set has labels on half the ground or more, and what they are.

    Returns: (row, col) of each part in the campaign's grid, int (part, 2); shares of the labelled pixels, float64
             (part, class), in the set's order of classes.
    """
    tile_px, codes = training_set.campaign.tile_px, training_set.class_codes
    latest = TrainingSetItem.objects.filter(training_set=training_set).order_by("-revision_id").values("revision_id")
    revisions = AnnotationRevision.objects.filter(pk__in=latest[:MOST_KNOWN_TILES]).values_list(
        "features", "annotation__tile__part", "annotation__tile__row", "annotation__tile__col"
    )
    counts: dict[tuple[int, int], NDArray[np.int64]] = {}
    for features, part, row, col in revisions.iterator(chunk_size=100):
        whole = on_whole(features, part=part, tile_px=tile_px)
        [labels] = label_rasters([whole], tile_px=tile_px, values=class_index(codes))
        # Of several people's labels of a part, or of quarters, those count that cover more of it.
        of_tile = counts.setdefault((row, col), np.zeros((PARTS, PARTS, len(codes)), np.int64))
        theirs = _by_part(labels, n_classes=len(codes))
        np.copyto(of_tile, theirs, where=(theirs.sum(axis=2) > of_tile.sum(axis=2))[..., None])
    if not counts:
        return np.zeros((0, 2), np.intp), np.zeros((0, len(codes)))
    tiles, table = np.array(list(counts), np.intp), np.stack(list(counts.values()))
    labelled = table.sum(axis=3)
    known = labelled >= LEAST_LABELLED * (tile_px // PARTS) ** 2
    tile, down, across = np.nonzero(known)
    places = tiles[tile] * PARTS + np.stack([down, across], axis=1)
    return places, table[known] / labelled[known][:, None]


def _by_part(labels: NDArray[np.uint8], *, n_classes: int) -> NDArray[np.int64]:
    """Pixels of each class in each part: int64 (PARTS, PARTS, class)."""
    side = len(labels) // PARTS
    parts = np.arange(len(labels)) // side
    place = (parts[:, None] * PARTS + parts[None, :]) * (n_classes + 1) + labels
    counts = np.bincount(place.ravel(), minlength=PARTS * PARTS * (n_classes + 1))
    return counts.reshape(PARTS, PARTS, n_classes + 1)[:, :, 1:]
