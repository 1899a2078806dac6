"""How good a class map is, tile by tile. numpy only.

Convention, to be stated beside any figure: a confusion matrix has truth in rows and prediction in columns;
pixels without a label, and pixels without imagery (predicted 0), are left out; the mean IoU is taken over
the classes present in the truth or in the prediction. Intervals resample tiles, never pixels, which are
autocorrelated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning.errors import InvalidEvaluation

Confusions = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Figures of one class; None where the class is absent from truth and prediction alike.

    Args:
        support_px: labelled pixels of the class. support_tiles: tiles that hold some.
        iou_low, iou_high: bounds of the interval.
    """

    code: str
    iou: float | None
    f1: float | None
    user_accuracy: float | None
    producer_accuracy: float | None
    iou_low: float | None
    iou_high: float | None
    support_px: int
    support_tiles: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures of one model on one hold-out, with the matrix they come from (truth in rows)."""

    miou: float
    miou_low: float
    miou_high: float
    overall_accuracy: float
    per_class: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    n_tiles: int
    confidence: float


def tile_confusion(truth: NDArray[np.uint8], prediction: NDArray[np.uint8], *, n_classes: int) -> Confusions:
    """Confusion matrix of one tile.

    Args:    truth, prediction: uint8 (row, col), k = class k - 1, 0 = unlabelled / no data (left out).
    Returns: int64 (class, class), truth in rows, prediction in columns.
    Raises:  InvalidEvaluation: shapes differ or a value is above n_classes.
    """
    if truth.shape != prediction.shape:
        raise InvalidEvaluation(f"Truth {truth.shape} and prediction {prediction.shape} differ in shape.")
    highest = max(int(truth.max(initial=0)), int(prediction.max(initial=0)))
    if highest > n_classes:
        raise InvalidEvaluation(f"Value {highest} met; only {n_classes} classes exist.")
    counted = (truth > 0) & (prediction > 0)
    pairs = (truth[counted].astype(np.int64) - 1) * n_classes + prediction[counted] - 1
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


def merge_classes(confusions: Confusions, *, group_of: Sequence[int]) -> Confusions:
    """Confusion matrices at a coarser level of the nomenclature.

    Args:    confusions: int64 (..., class, class). group_of: coarse class of each class, from 0, no gap.
    Returns: int64 (..., group, group).
    """
    groups = np.asarray(group_of)
    if len(groups) != confusions.shape[-1] or set(groups.tolist()) != set(range(int(groups.max()) + 1)):
        raise InvalidEvaluation(f"Groups {list(group_of)} do not map {confusions.shape[-1]} classes without a gap.")
    membership = np.eye(int(groups.max()) + 1, dtype=np.int64)[groups]  # (class, group)
    merged: Confusions = membership.T @ confusions @ membership
    return merged


def class_iou(confusions: NDArray[Any]) -> NDArray[np.float64]:
    """IoU per class, TP / (TP + FP + FN); NaN where a class is absent from truth and prediction.

    Args: confusions (..., class, class). Returns: float64 (..., class).
    """
    hits, truth, predicted = _margins(confusions)
    return _ratio(hits, truth + predicted - hits)


def mean_iou(confusions: NDArray[Any]) -> NDArray[np.float64]:
    """Mean IoU over the classes present in truth or prediction; NaN for an empty matrix.

    Args: confusions (..., class, class). Returns: float64 (...).
    """
    iou = class_iou(confusions)
    present = np.isfinite(iou)
    return _ratio(np.where(present, iou, 0).sum(axis=-1), present.sum(axis=-1))


def overall_accuracy(confusions: NDArray[Any]) -> NDArray[np.float64]:
    """Share of labelled pixels whose class is right."""
    hits, truth, _ = _margins(confusions)
    return _ratio(hits.sum(axis=-1), truth.sum(axis=-1))


def resample_tiles(n_tiles: int, *, n_resamples: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """How often each tile occurs in each bootstrap resample: int64 (resample, tile), rows sum to n_tiles."""
    counts: NDArray[np.int64] = rng.multinomial(n_tiles, np.full(n_tiles, 1 / n_tiles), size=n_resamples)
    return counts


def resampled_confusions(confusions: Confusions, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Summed confusion matrix of each resample.

    Args: confusions (tile, class, class), counts (resample, tile). Returns: float64 (resample, class, class).
    """
    n_classes = confusions.shape[-1]
    # float64 holds these integers exactly (below 2**53) and multiplies through BLAS.
    summed = counts.astype(np.float64) @ confusions.reshape(len(confusions), -1).astype(np.float64)
    return summed.reshape(len(counts), n_classes, n_classes)


def evaluate(
    confusions: Confusions,
    *,
    class_codes: Sequence[str],
    rng: np.random.Generator,
    n_resamples: int = 2000,
    confidence: float = 0.95,
) -> Evaluation:
    """Figures and percentile bootstrap intervals over tiles.

    Args:    confusions: int64 (tile, class, class) from tile_confusion.
    Raises:  InvalidEvaluation: no tile, no labelled pixel, or class codes that do not fit.
    Source:  Efron & Tibshirani 1993, chapter 13 (percentile interval).
    """
    check_confusions(confusions, class_codes=class_codes)
    total = confusions.sum(axis=0)
    resampled = resampled_confusions(confusions, resample_tiles(len(confusions), n_resamples=n_resamples, rng=rng))
    miou_low, miou_high = interval(mean_iou(resampled), confidence=confidence)
    hits, truth, predicted = _margins(total)
    iou, f1 = class_iou(total), _ratio(2 * hits, truth + predicted)
    user, producer = _ratio(hits, predicted), _ratio(hits, truth)
    spread = class_iou(resampled)
    support_tiles = (confusions.sum(axis=2) > 0).sum(axis=0)
    per_class = []
    for k, code in enumerate(class_codes):
        low, high = interval(spread[:, k], confidence=confidence)
        per_class.append(
            ClassScores(
                code, _known(iou[k]), _known(f1[k]), _known(user[k]), _known(producer[k]), _known(low),
                _known(high), support_px=int(truth[k]), support_tiles=int(support_tiles[k]),
            )
        )  # fmt: skip
    return Evaluation(
        miou=float(mean_iou(total)),
        miou_low=miou_low,
        miou_high=miou_high,
        overall_accuracy=float(overall_accuracy(total)),
        per_class=tuple(per_class),
        confusion=tuple(tuple(int(v) for v in row) for row in total),
        n_tiles=len(confusions),
        confidence=confidence,
    )


def interval(values: NDArray[np.float64], *, confidence: float) -> tuple[float, float]:
    """Percentile interval of the finite values; (NaN, NaN) when there is none."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)


def expected_calibration_error(
    confidence: NDArray[np.floating[Any]], correct: NDArray[np.bool_], *, n_bins: int = 15
) -> float:
    """Mean gap between confidence and accuracy over equal-width bins, weighted by pixels.

    Args:    confidence: probability of the predicted class, flat. correct: whether it was right, flat.
    Source:  Guo et al. 2017 (arXiv:1706.04599), equation 3.
    """
    if confidence.shape != correct.shape or confidence.ndim != 1 or not confidence.size:
        raise InvalidEvaluation(f"Confidence {confidence.shape} and correct {correct.shape}: expected one flat shape.")
    bins = np.minimum((confidence * n_bins).astype(np.intp), n_bins - 1)
    gap = np.bincount(bins, weights=confidence.astype(np.float64) - correct, minlength=n_bins)
    return float(np.abs(gap).sum() / confidence.size)


def check_confusions(confusions: Confusions, *, class_codes: Sequence[str]) -> None:
    """Refuse matrices that cannot be scored. Raises: InvalidEvaluation."""
    n_classes = len(class_codes)
    if confusions.ndim != 3 or confusions.shape[1:] != (n_classes, n_classes):
        raise InvalidEvaluation(f"Confusions {confusions.shape}: expected (tile, {n_classes}, {n_classes}).")
    if not confusions.any():
        raise InvalidEvaluation(
            f"{len(confusions)} hold-out tiles hold no labelled pixel; label the hold-out before evaluating."
        )


def _margins(confusions: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    hits = np.diagonal(confusions, axis1=-2, axis2=-1)
    return hits, confusions.sum(axis=-1), confusions.sum(axis=-2)


def _ratio(numerator: NDArray[Any], denominator: NDArray[Any]) -> NDArray[np.float64]:
    """Quotient, NaN where nothing is counted."""
    top, bottom = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    quotient: NDArray[np.float64] = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
    return quotient


def _known(value: float | np.floating[Any]) -> float | None:
    return float(value) if np.isfinite(value) else None
