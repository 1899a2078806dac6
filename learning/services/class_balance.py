"""What each class has of the ground that people labelled, beside what it has of the map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from annotation.models import Campaign
from learning.models import Prediction, TrainingSet
from learning.services.predictions import shown_prediction


@dataclass(frozen=True, slots=True)
class ClassBalance:
    """The latest training set's classes and those of the map that is shown; both were counted when they were made.

    Args:
        labels: the set; None before the first.
        map: the map; None where there is none yet, or it was made before classes were counted.
        drawn_m2: ground by class code.
        drawn, mapped: shares by class code, from 0 to 1; empty where there is nothing.
    """

    labels: TrainingSet | None
    map: Prediction | None
    drawn_m2: Mapping[str, float]
    drawn: Mapping[str, float]
    mapped: Mapping[str, float]


def class_balance(campaign: Campaign) -> ClassBalance:
    """The balance as it stood when the last training set was frozen: adding up all labels takes too long for a page."""
    labels = campaign.training_sets.filter(drawn_m2__isnull=False).order_by("-number").first()
    shown = shown_prediction(campaign)
    map_ = shown if shown is not None and shown.class_px else None
    drawn_m2 = (labels.drawn_m2 if labels else None) or {}
    return ClassBalance(
        labels=labels,
        map=map_,
        drawn_m2=drawn_m2,
        drawn=_shares(drawn_m2),
        mapped=_shares((map_.class_px if map_ else None) or {}),
    )


def _shares(amounts: Mapping[str, float]) -> dict[str, float]:
    total = sum(amounts.values())
    return {code: amount / total for code, amount in amounts.items()} if total else {}
