"""Whether a candidate model may replace the published one. numpy, and Student's quantile of scipy.

Three answers: *promote*, it is shown not to be worse; *reject*, it is shown to be worse; *hold*, the hold-out cannot
tell yet, and what would settle it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from learning.core.evaluate import (
    Confusions,
    check_confusions,
    checked_blocks,
    class_iou,
    interval,
    resample_blocks,
    resample_tiles,
    resampled_confusions,
)
from learning.errors import InvalidEvaluation

Baseline = Literal["published", "majority"]
Outcome = Literal["promote", "hold", "reject"]


@dataclass(frozen=True, slots=True)
class GateRule:
    """What "not worse" means.

    Args:
        tolerance: how far below 0 the lower bound of the mean IoU difference may lie (0.005 = half a point).
        class_drop: largest fall of one class's IoU (0.03 = three points), where the class is supported.
        class_floors: least IoU of a class, by its code, for a model to be published; where the class is supported, and
            unless the published model is no better there.
        min_holdout_tiles: labelled hold-out tiles without which no model is published, whatever its figures. One
            number for every campaign: resampling a handful of tiles gives an interval that means nothing, however
            large a part of the hold-out they are.
        min_tiles, min_pixels: support from which a class is watched on its own.
        confidence: of the two-sided intervals whose bounds are used. 0.98, not 0.95: of models that are worse by a
            point or more, one in five hundred would pass with 24 tiles at 0.95 (bench/gate.py).
    """

    tolerance: float = 0.005
    class_drop: float = 0.03
    class_floors: Mapping[str, float] = field(default_factory=dict)
    min_holdout_tiles: int = 10
    min_tiles: int = 5
    min_pixels: int = 1000
    confidence: float = 0.98
    n_resamples: int = 2000


@dataclass(frozen=True, slots=True)
class ClassChange:
    """IoU of one class under both.

    Args:
        watched: its support lets it have a say. dropped: it fell by more than the rule allows.
        below_floor: it lies below its floor, and below the published model.
        low, high: interval of the difference, candidate - baseline, wide enough for all watched classes together;
        None where it cannot be told.
        shown: the fall, or lying below the floor, is more than chance.
    """

    code: str
    candidate_iou: float | None
    baseline_iou: float | None
    watched: bool
    dropped: bool
    below_floor: bool
    low: float | None
    high: float | None
    shown: bool


@dataclass(frozen=True, slots=True)
class GateReason:
    """One reason in a code that never changes and its figures (IoU from 0 to 1), for readers of any language."""

    code: str
    figures: dict[str, Any]


@dataclass(frozen=True, slots=True)
class GateDecision:
    """The decision in words and figures; delta, low and high are of the mean IoU, candidate - baseline.

    Args:
        promote: whether the outcome is "promote". reason: the reasons as one text. reasons: those that decided.
        n_units: how many blocks were resampled. tiles_needed: how many labelled hold-out tiles would settle a "hold",
            if the figures stay as they are; None where that cannot be told, or nothing is to be settled.
    """

    outcome: Outcome
    promote: bool
    reason: str
    reasons: tuple[GateReason, ...]
    delta: float
    low: float
    high: float
    per_class: tuple[ClassChange, ...]
    baseline: Baseline
    n_tiles: int
    n_units: int
    tiles_needed: int | None


def decide(
    candidate: Confusions,
    published: Confusions | None,
    *,
    class_codes: Sequence[str],
    rng: np.random.Generator,
    blocks: NDArray[np.int64] | None = None,
    rule: GateRule | None = None,
) -> GateDecision:
    """Compare two models on the same hold-out by a paired bootstrap over blocks of neighbouring tiles.

    The mean IoU is taken over the classes present in the truth (of the resample), so that both models are averaged over
    the same classes. The interval of the difference is the widest, at each end, of those by blocks and by tiles (blocks
    tell what neighbours share, and a few of them may by chance agree more than tiles do), and of percentiles and
    Student's, which are nearly the same unless there are few blocks.

    Against a published model: reject where the upper bound of the difference is below 0, or where a watched class
    lies below its floor or fell by more than class_drop and that is more than chance (the upper bound of its IoU is
    below the floor, that of its difference below 0); promote where the lower bound is at least -tolerance and no
    watched class lies or fell so; hold otherwise. The first model
    (published = None) is compared with the best constant answer, the hold-out's most frequent class everywhere:
    promote where the lower bound is above 0, reject where the upper bound is not, hold otherwise; its floors hold as
    well. With fewer than min_holdout_tiles tiles every model is held; the figures are given all the same.

    Args:
        candidate, published: int64 (tile, class, class), same tiles in the same order, truth in rows.
        blocks: int64 (tile,) from evaluate.number_blocks; None = each tile is a block.

    Raises: InvalidEvaluation: no labelled pixel, or the two do not describe the same truth.
    Source: Efron & Tibshirani 1993, chapter 13; Koehn 2004 (aclanthology.org/W04-3250) on pairs.
    """
    rule = rule or GateRule()
    check_confusions(candidate, class_codes=class_codes)
    baseline: Baseline = "majority" if published is None else "published"
    other = majority_confusions(candidate) if published is None else published
    _check_pair(candidate, other)
    blocks = checked_blocks(blocks, n_tiles=len(candidate))

    draws = _draws(blocks, rule=rule, rng=rng)
    resampled = [(resampled_confusions(candidate, c), resampled_confusions(other, c), n) for c, n in draws]
    low, high = _hull([(_miou_in_truth(ours) - _miou_in_truth(theirs), n) for ours, theirs, n in resampled], rule=rule)
    ours, theirs = candidate.sum(axis=0), other.sum(axis=0)
    delta = float(_miou_in_truth(ours[None])[0] - _miou_in_truth(theirs[None])[0])
    changes = _class_changes(candidate, other, resampled, class_codes=class_codes, baseline=baseline, rule=rule)
    outcome, reasons, tiles_needed = _verdict(
        delta, low, high, changes, n_tiles=len(candidate), baseline=baseline, rule=rule
    )
    return GateDecision(
        outcome=outcome,
        promote=outcome == "promote",
        reason=" ".join(reason_text(reason) for reason in reasons),
        reasons=reasons,
        delta=delta,
        low=low,
        high=high,
        per_class=changes,
        baseline=baseline,
        n_tiles=len(candidate),
        n_units=min(n for _counts, n in draws),
        tiles_needed=tiles_needed,
    )


def majority_confusions(confusions: Confusions) -> Confusions:
    """Matrices of the constant answer: the most frequent class of the truth, everywhere."""
    truth = confusions.sum(axis=2)  # (tile, class)
    constant = np.zeros_like(confusions)
    constant[:, :, int(truth.sum(axis=0).argmax())] = truth
    return constant


REASONS = {
    "too_few_tiles": "Too few control tiles to judge a model by: {n_tiles} labelled, {needed} needed. "
    "Label at least {missing} more.",
    "first_better": "First model: beats the most frequent class everywhere by at least {low:.1f} points.",
    "first_worse": "First model: shown not to beat the most frequent class everywhere (upper bound {high:+.1f} "
    "points). Label more tiles or train longer.",
    "first_cannot_tell": "First model: not shown to beat the most frequent class everywhere (lower bound {low:+.1f} "
    "points). Label more tiles or train longer.",
    "shown_worse": "Worse than the published model: upper bound of the mean IoU difference {high:+.1f} points.",
    "cannot_tell": "Cannot be told from worse than the published model: lower bound of the mean IoU difference "
    "{low:+.1f} points, tolerated {tolerated:+.1f}.",
    "not_worse": "Not worse than the published model: lower bound of the mean IoU difference {low:+.1f} points.",
    "class_fell": "{class_code} fell by {fall:.1f} points of IoU, {allowed:g} are allowed.",
    "class_may_have_fallen": "{class_code} fell by {fall:.1f} points of IoU, {allowed:g} are allowed, which may be "
    "chance: label control tiles that hold it.",
    "below_floor": "{class_code} has {iou:.1f} points of IoU, its floor is {floor:g}.",
    "maybe_below_floor": "{class_code} has {iou:.1f} points of IoU, its floor is {floor:g}, which may be chance: label "
    "control tiles that hold it.",
    "about_tiles": "About {tiles} labelled control tiles in all would tell, if the figures stay as they are.",
}


def reason_text(reason: GateReason) -> str:
    """A reason in English; shares are said in points."""
    points = {name: 100 * value if isinstance(value, float) else value for name, value in reason.figures.items()}
    return REASONS[reason.code].format(**points)


def _draws(
    blocks: NDArray[np.int64], *, rule: GateRule, rng: np.random.Generator
) -> list[tuple[NDArray[np.int64], int]]:
    """Resamples by tiles and, where there are blocks to resample, by blocks; each with its number of units."""
    n_tiles, n_blocks = len(blocks), int(blocks.max()) + 1
    draws = [(resample_tiles(n_tiles, n_resamples=rule.n_resamples, rng=rng), n_tiles)]
    if 1 < n_blocks < n_tiles:
        draws.append((resample_blocks(blocks, n_resamples=rule.n_resamples, rng=rng), n_blocks))
    return draws


def _hull(
    values: Sequence[tuple[NDArray[np.float64], int]], *, rule: GateRule, n_looks: int = 1
) -> tuple[float, float]:
    """The widest of the intervals, at each end: percentiles and Student's, of each kind of resample.

    Of three blocks that agree by chance no resample disagrees; Student's interval knows that there are three.

    Args: n_looks: how many figures are looked at for the same question, of which none may be wrong (Bonferroni).
    """
    confidence = 1 - (1 - rule.confidence) / n_looks
    bounds = [interval(found, confidence=confidence, n_units=n) for found, n in values]
    bounds += [student_interval(found, confidence=confidence, n_units=n) for found, n in values if n > 1]
    return min(low for low, _high in bounds), max(high for _low, high in bounds)


def student_interval(values: NDArray[np.float64], *, confidence: float, n_units: int) -> tuple[float, float]:
    """Mean ± t · standard error of the resampled values, for n_units that were drawn; (NaN, NaN) without values.

    Source: Hesterberg 2015 (doi 10.1080/00031305.2015.1089789), section 4.4 ("t with bootstrap standard error").
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return float("nan"), float("nan")
    half = float(stdtrit(n_units - 1, (1 + confidence) / 2) * finite.std() * np.sqrt(n_units / (n_units - 1)))
    return float(finite.mean()) - half, float(finite.mean()) + half


def _verdict(
    delta: float,
    low: float,
    high: float,
    changes: Sequence[ClassChange],
    *,
    n_tiles: int,
    baseline: Baseline,
    rule: GateRule,
) -> tuple[Outcome, tuple[GateReason, ...], int | None]:
    if n_tiles < rule.min_holdout_tiles:
        missing = rule.min_holdout_tiles - n_tiles
        figures = {"n_tiles": n_tiles, "needed": rule.min_holdout_tiles, "missing": missing}
        return "hold", (GateReason("too_few_tiles", figures),), rule.min_holdout_tiles
    first, least = baseline == "majority", 0.0 if baseline == "majority" else -rule.tolerance
    against = _class_reasons(changes, rule=rule)
    if high < 0 or (first and high <= 0):
        against.insert(0, GateReason("first_worse" if first else "shown_worse", {"high": high}))
    rejecting = tuple(reason for reason in against if reason.code in REJECTING)
    if rejecting:
        return "reject", rejecting, None
    # The first model must be above the least, another one at it or above.
    if low < least or (first and low <= least):
        code = "first_cannot_tell" if first else "cannot_tell"
        reasons = [GateReason(code, {"low": low, "tolerated": least}), *against]
        needed = tiles_that_would_tell(delta=delta, low=low, least=least, n_tiles=n_tiles)
        if needed is not None:
            reasons.append(GateReason("about_tiles", {"tiles": needed}))
        return "hold", tuple(reasons), needed
    if against:
        return "hold", tuple(against), None
    return "promote", (GateReason("first_better" if first else "not_worse", {"low": low}),), None


REJECTING = frozenset({"first_worse", "shown_worse", "class_fell", "below_floor"})


def tiles_that_would_tell(*, delta: float, low: float, least: float, n_tiles: int) -> int | None:
    """How many tiles bring the lower bound up to `least` when its distance from delta shrinks as 1 / √tiles.

    None where the difference itself does not reach `least`: more tiles would not promote, they would show it worse.
    """
    if not delta > least or not math.isfinite(low):
        return None
    return max(n_tiles + 1, math.ceil(n_tiles * ((delta - low) / (delta - least)) ** 2))


def _class_reasons(changes: Sequence[ClassChange], *, rule: GateRule) -> list[GateReason]:
    found = []
    for change in changes:
        ours, theirs = change.candidate_iou or 0.0, change.baseline_iou or 0.0
        if change.below_floor:
            floor = {"class_code": change.code, "iou": ours, "floor": float(rule.class_floors[change.code])}
            found.append(GateReason("below_floor" if change.shown else "maybe_below_floor", floor))
        elif change.dropped:
            fall = {"class_code": change.code, "fall": theirs - ours, "allowed": rule.class_drop}
            found.append(GateReason("class_fell" if change.shown else "class_may_have_fallen", fall))
    return found


def _class_changes(
    candidate: Confusions,
    other: Confusions,
    resampled: Sequence[tuple[NDArray[np.float64], NDArray[np.float64], int]],
    *,
    class_codes: Sequence[str],
    baseline: Baseline,
    rule: GateRule,
) -> tuple[ClassChange, ...]:
    truth = candidate.sum(axis=2)
    ours, theirs = class_iou(candidate.sum(axis=0)), class_iou(other.sum(axis=0))
    spread = [(class_iou(one), class_iou(two), n) for one, two, n in resampled]
    supported = ((truth > 0).sum(axis=0) >= rule.min_tiles) & (truth.sum(axis=0) >= rule.min_pixels)
    n_looks = max(1, int(supported.sum()))
    changes = []
    for k, code in enumerate(class_codes):
        watched = bool(supported[k])
        low, high = _hull([(one[:, k] - two[:, k], n) for one, two, n in spread], rule=rule, n_looks=n_looks)
        dropped = baseline == "published" and watched and bool(theirs[k] - ours[k] > rule.class_drop)
        floor = rule.class_floors.get(code, 0.0)
        no_worse = baseline == "published" and bool(ours[k] >= theirs[k])
        below_floor = watched and bool(ours[k] < floor) and not no_worse
        highest = _hull([(one[:, k], n) for one, _two, n in spread], rule=rule, n_looks=n_looks)[1]
        shown = (below_floor and highest < floor) or (dropped and high < 0)
        changes.append(
            ClassChange(
                code,
                _known(ours[k]),
                _known(theirs[k]),
                watched,
                dropped,
                below_floor,
                _known(low),
                _known(high),
                shown,
            )
        )
    return tuple(changes)


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
