"""Holding submissions against the model's map and other people's labels, so that the doubtful are reviewed first."""

from __future__ import annotations

import numpy as np
from django.db.models import QuerySet
from numpy.typing import NDArray

from annotation.core.stored_labels import class_index, label_rasters
from annotation.models import Annotation, AnnotationRevision, SubmissionCheck
from annotation.services.tiles import is_blind_tile
from learning.services.predictions import classes_of_tile, shown_prediction

BATCH = 100  # submissions a call


def check_submissions() -> int:
    """Check what was handed in and is not checked yet; returns how many. A second call finds nothing to do."""
    waiting = _unchecked()[:BATCH]
    for annotation in waiting:
        check_submission(annotation)
    return len(waiting)


def check_submission(annotation: Annotation) -> SubmissionCheck | None:
    """The shares of a submission's labelled pixels on which the map, or somebody else, has another class.

    On a blind tile the map is left out: whoever reviews it is to see the imagery alone, too.
    """
    tile, head = annotation.tile, annotation.head
    if head is None:
        return None
    campaign = tile.campaign
    # All classes, also those no longer offered: labels that were drawn with one are still labels.
    values = class_index(list(campaign.nomenclature.classes.order_by("position").values_list("code", flat=True)))
    others = Annotation.objects.filter(tile=tile, state__in=["submitted", "accepted"], head__isnull=False)
    lists = [head.features, *others.exclude(pk=annotation.pk).values_list("head__features", flat=True)]
    own, *theirs = label_rasters(lists, tile_px=tile.px, values=values)
    prediction = None if is_blind_tile(tile) else shown_prediction(campaign)
    against_map = None if prediction is None else differing_share(own, classes_of_tile(prediction, tile, values))
    shares = [share for other in theirs if (share := differing_share(own, other)) is not None]
    check, _created = SubmissionCheck.objects.get_or_create(
        revision=head,
        defaults={
            "against_map": against_map,
            "against_people": max(shares, default=None),
            "model_version": prediction.model.version if prediction else "",
        },
    )
    return check


def differing_share(own: NDArray[np.uint8], other: NDArray[np.uint8]) -> float | None:
    """Share of the pixels labelled in both on which the classes differ; None where none is.

    Args: own, other: uint8 (row, col), 0 = unlabelled.
    """
    both = (own > 0) & (other > 0)
    compared = int(both.sum())
    return float((own[both] != other[both]).sum() / compared) if compared else None


def _unchecked() -> QuerySet[Annotation]:
    unchecked = AnnotationRevision.objects.filter(check_up__isnull=True)
    return (
        Annotation.objects.filter(state=Annotation.State.SUBMITTED, head__in=unchecked)
        .select_related("tile__campaign__layer", "tile__campaign__nomenclature", "head")
        .order_by("submitted_at")
    )
