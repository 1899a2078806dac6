"""Whether a candidate model may replace the published one. numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from learning.core.evaluate import (
    Confusions,
    check_confusions,
    class_iou,
    interval,
    resample_tiles,
    resampled_confusions,
)
from learning.errors import InvalidEvaluation

Baseline = Literal["published", "majority"]


@dataclass(frozen=True, slots=True)
class GateRule:
    """What "not worse" means.

    Args:
        tolerance: how far below 0 the lower bound of the mean IoU difference may lie (0.005 = half a point).
        class_drop: largest fall of one class's IoU (0.03 = three points), where the class is supported.
        min_holdout_tiles: labelled hold-out tiles without which no model is published, whatever its figures. One
            number for every campaign: resampling a handful of tiles gives an interval that means nothing, however
            large a part of the hold-out they are.
        min_tiles, min_pixels: support from which a class is watched on its own.
        confidence: of the two-sided interval whose lower bound is used.
    """

    tolerance: float = 0.005
    class_drop: float = 0.03
    min_holdout_tiles: int = 10
    min_tiles: int = 5
    min_pixels: int = 1000
    confidence: float = 0.95
    n_resamples: int = 2000


@dataclass(frozen=True, slots=True)
class ClassChange:
    """IoU of one class under both; `watched` when its support lets it veto."""

    code: str
    candidate_iou: float | None
    baseline_iou: float | None
    watched: bool
    dropped: bool


@dataclass(frozen=True, slots=True)
class GateDecision:
    """The decision in words and figures; delta, low and high are of the mean IoU, candidate - baseline."""

    promote: bool
    reason: str
    delta: float
    low: float
    high: float
    per_class: tuple[ClassChange, ...]
    baseline: Baseline
    n_tiles: int


def decide(
    candidate: Confusions,
    published: Confusions | None,
    *,
    class_codes: Sequence[str],
    rng: np.random.Generator,
    rule: GateRule | None = None,
) -> GateDecision:
    """Compare two models on the same hold-out tiles by a paired bootstrap over tiles.

    The mean IoU is taken over the classes present in the truth (of the resample), so that both models are
    averaged over the same classes. Against a published model, a candidate is promoted when the lower bound
    of the difference is at least -tolerance and no watched class falls by more than class_drop. The first
    model (published = None) is promoted when the lower bound of its difference to the best constant answer,
    the hold-out's most frequent class everywhere, is above 0. With fewer than min_holdout_tiles tiles nothing is
    promoted; the figures are given all the same.

    Args:    candidate, published: int64 (tile, class, class), same tiles in the same order, truth in rows.
    Raises:  InvalidEvaluation: no labelled pixel, or the two do not describe the same truth.
    """
    rule = rule or GateRule()
    check_confusions(candidate, class_codes=class_codes)
    baseline: Baseline = "majority" if published is None else "published"
    other = majority_confusions(candidate) if published is None else published
    _check_pair(candidate, other)

    counts = resample_tiles(len(candidate), n_resamples=rule.n_resamples, rng=rng)
    differences = _miou_in_truth(resampled_confusions(candidate, counts)) - _miou_in_truth(
        resampled_confusions(other, counts)
    )
    low, high = interval(differences, confidence=rule.confidence)
    ours, theirs = candidate.sum(axis=0), other.sum(axis=0)
    delta = float(_miou_in_truth(ours[None])[0] - _miou_in_truth(theirs[None])[0])
    changes = _class_changes(candidate, other, class_codes=class_codes, rule=rule)
    promote, reason = _verdict(low, changes, n_tiles=len(candidate), baseline=baseline, rule=rule)
    return GateDecision(promote, reason, delta, low, high, changes, baseline, len(candidate))


def majority_confusions(confusions: Confusions) -> Confusions:
    """Matrices of the constant answer: the most frequent class of the truth, everywhere."""
    truth = confusions.sum(axis=2)  # (tile, class)
    constant = np.zeros_like(confusions)
    constant[:, :, int(truth.sum(axis=0).argmax())] = truth
    return constant


def _verdict(
    low: float, changes: Sequence[ClassChange], *, n_tiles: int, baseline: Baseline, rule: GateRule
) -> tuple[bool, str]:
    if n_tiles < rule.min_holdout_tiles:
        return False, (
            f"Too few control tiles to judge a model by: {n_tiles} labelled, {rule.min_holdout_tiles} needed. "
            f"Label at least {rule.min_holdout_tiles - n_tiles} more."
        )
    if baseline == "majority":
        if low > 0:
            return (
                True,
                f"First model: beats the most frequent class everywhere by at least {100 * low:.1f} points.",
            )
        return False, (
            "First model: not shown to beat the most frequent class everywhere (lower bound "
            f"{100 * low:+.1f} points). "
            "Label more tiles or train longer."
        )
    if low < -rule.tolerance:
        return False, (
            "May be worse than the published model: lower bound of the mean IoU difference "
            f"{100 * low:+.1f} points, "
            f"tolerated {-100 * rule.tolerance:+.1f}."
        )
    fallen = [c for c in changes if c.dropped]
    if fallen:
        listed = ", ".join(f"{c.code} ({_points(c):+.1f} points)" for c in fallen)
        return False, f"Class(es) fell by more than {100 * rule.class_drop:g} points of IoU: {listed}."
    return (
        True,
        f"Not worse than the published model: lower bound of the mean IoU difference {100 * low:+.1f} points.",
    )


def _class_changes(
    candidate: Confusions, other: Confusions, *, class_codes: Sequence[str], rule: GateRule
) -> tuple[ClassChange, ...]:
    truth = candidate.sum(axis=2)
    ours, theirs = class_iou(candidate.sum(axis=0)), class_iou(other.sum(axis=0))
    changes = []
    for k, code in enumerate(class_codes):
        watched = bool((truth[:, k] > 0).sum() >= rule.min_tiles and truth[:, k].sum() >= rule.min_pixels)
        dropped = watched and bool(theirs[k] - ours[k] > rule.class_drop)
        changes.append(ClassChange(code, _known(ours[k]), _known(theirs[k]), watched, dropped))
    return tuple(changes)


def _points(change: ClassChange) -> float:
    return 100 * ((change.candidate_iou or 0.0) - (change.baseline_iou or 0.0))


def _miou_in_truth(confusions: NDArray[np.float64] | Confusions) -> NDArray[np.float64]:
    """Mean IoU over the classes present in the truth: (resample, class, class) → (resample,)."""
    in_truth = confusions.sum(axis=-1) > 0
    iou = np.where(in_truth, class_iou(confusions), 0.0)
    present = in_truth.sum(axis=-1)
    miou: NDArray[np.float64] = np.divide(
        iou.sum(axis=-1), present, out=np.full(len(confusions), np.nan), where=present > 0
    )
    return miou


def _check_pair(candidate: Confusions, other: Confusions) -> None:
    if candidate.shape != other.shape:
        raise InvalidEvaluation(f"Candidate {candidate.shape} and published {other.shape} differ in shape.")
    differing = np.flatnonzero((candidate.sum(axis=2) != other.sum(axis=2)).any(axis=1))
    if len(differing):
        raise InvalidEvaluation(
            f"{len(differing)} tiles have another truth in the two evaluations, first tile "
            f"{int(differing[0])}; "
            "evaluate both models on the same hold-out again."
        )


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
