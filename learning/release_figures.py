"""Figures of a release's model as they were when it was published, whatever was measured since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from learning.models import Evaluation, Release
from learning.release.contents import HoldoutScores, Interval
from learning.release.errors import InvalidContents
from learning.services.release_freeze import frozen_inputs


@dataclass(frozen=True, slots=True)
class PublishedFigures:
    """What a page draws: mean IoU with its interval, control tiles, and figures by class as `Evaluation` has them."""

    miou: float
    miou_low: float | None
    miou_high: float | None
    n_tiles: int
    class_codes: tuple[str, ...]
    per_class: Mapping[str, Mapping[str, Any]]


def published_figures(release: Release) -> PublishedFigures | None:
    """From what was frozen; of a release made before there was that, from the last evaluation of its time."""
    if release.trained_model_id is None:
        return None
    try:
        frozen = frozen_inputs(release) if release.is_frozen else None
    except InvalidContents:  # frozen by another version of the platform
        frozen = None
    if frozen is not None:
        return _of_scores(frozen.model.scores) if frozen.model and frozen.model.scores else None
    found = Evaluation.objects.filter(model=release.trained_model_id, created_at__lte=release.published_at).first()
    if found is None:
        return None
    return PublishedFigures(
        found.miou, found.miou_low, found.miou_high, found.n_tiles, tuple(found.class_codes), found.per_class
    )


def _of_scores(scores: HoldoutScores) -> PublishedFigures:
    by_class = {one.code: {**_ends(one.iou), "f1": one.f1, "support_px": one.support_px} for one in scores.classes}
    return PublishedFigures(
        scores.miou.estimate, scores.miou.low, scores.miou.high, scores.tiles, tuple(by_class), by_class
    )


def _ends(iou: Interval | None) -> dict[str, float | None]:
    if iou is None:
        return {"iou": None, "iou_low": None, "iou_high": None}
    if iou.low == iou.high != 1:  # of too few blocks to tell, which was once kept as the estimate itself
        return {"iou": iou.estimate, "iou_low": None, "iou_high": None}
    return {"iou": iou.estimate, "iou_low": iou.low, "iou_high": iou.high}
