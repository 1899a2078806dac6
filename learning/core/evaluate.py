"""How good a class map is, tile by tile. numpy, and two quantiles of scipy.

Convention, to be stated beside any figure: a confusion matrix has truth in rows and prediction in columns;
pixels without a label, and pixels without imagery (predicted 0), are left out; the mean IoU is taken over
the classes present in the truth or in the prediction. Intervals resample blocks of neighbouring tiles, or
tiles, never pixels: what lies side by side is wrong together.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from annotation.core.label_table import Broader
from annotation.core.themes import national_code
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
    """Figures of one model on one hold-out, with the matrix they come from (truth in rows).

    Args:
        n_units: how many units the intervals resample: blocks, or tiles where there are not two blocks.
        miou_by_tiles: the mean IoU's interval had every tile been a unit of its own, to be compared.
    """

    miou: float
    miou_low: float
    miou_high: float
    overall_accuracy: float
    overall_accuracy_low: float
    overall_accuracy_high: float
    per_class: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    n_tiles: int
    n_units: int
    miou_by_tiles: tuple[float, float]
    confidence: float


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a nomenclature over a model's classes.

    Args:
        depth: 1 at the top. codes: the level's classes, in the order in which the model's classes first meet them.
        group_of: position in `codes` of each of the model's classes.
    """

    depth: int
    codes: tuple[str, ...]
    group_of: tuple[int, ...]


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


def add_broader(
    merged: Confusions, broader: Confusions, *, leaves_open: Broader, group_of: Sequence[int]
) -> Confusions:
    """Confusion matrices at a coarser level, with reference labels that name a class above the finest ones.

    Such a label counts at levels where all that it leaves open is one class; at finer ones it says nothing.

    Args:
        merged: int64 (..., group, group), of merge_classes. group_of: as for it.
        broader: int64 (..., broader label, class): what was predicted where each stands.
    Returns: int64 (..., group, group).
    """
    total = merged.copy()
    membership = np.eye(merged.shape[-1], dtype=np.int64)[np.asarray(group_of)]
    for number, places in enumerate(leaves_open):
        groups = {group_of[place] for place in places}
        if len(groups) == 1:
            total[..., groups.pop(), :] += broader[..., number, :] @ membership
    return total


def broader_confusion(
    truth: NDArray[np.uint8], prediction: NDArray[np.uint8], *, n_classes: int, n_broader: int
) -> Confusions:
    """What was predicted where the reference names a class above the finest ones.

    Args:    truth: uint8 (row, col), n_classes + k for broader label k - 1. prediction: as for tile_confusion.
    Returns: int64 (broader label, class).
    """
    counted = (truth > n_classes) & (prediction > 0)
    pairs = (truth[counted].astype(np.int64) - n_classes - 1) * n_classes + prediction[counted] - 1
    return np.bincount(pairs, minlength=n_broader * n_classes).reshape(n_broader, n_classes)


def nomenclature_levels(class_codes: Sequence[str], *, parents: Mapping[str, str | None]) -> tuple[Level, ...]:
    """The levels at which a model's classes can be scored, coarsest first; the last one is the classes themselves.

    At depth d a class stands for its ancestor at that depth, or for itself where it lies above it. Levels that leave
    a single class, on which nothing can be wrong, and levels that group as the next finer one does, are left out.

    Args:   parents: parent of every class of the nomenclature, None at the top.
    Raises: InvalidEvaluation: a class or a parent that the nomenclature does not have.
    """
    paths = [_path_to(code, parents) for code in class_codes]
    levels: list[Level] = []
    for depth in range(max(map(len, paths)), 0, -1):
        named = [path[min(depth, len(path)) - 1] for path in paths]
        codes = tuple(dict.fromkeys(named))
        group_of = tuple(codes.index(code) for code in named)
        finer = levels[-1].group_of if levels else None
        if group_of != finer and (finer is None or len(codes) > 1):
            levels.append(Level(depth, codes, group_of))
    return tuple(reversed(levels))


def national_level(class_codes: Sequence[str]) -> Level:
    """The national classes that those of a theme's model are or refine; their depths differ, and its own is 0."""
    named = [national_code(code) for code in class_codes]
    codes = tuple(dict.fromkeys(named))
    return Level(0, codes, tuple(codes.index(code) for code in named))


def _path_to(code: str, parents: Mapping[str, str | None]) -> list[str]:
    path: list[str] = []
    here: str | None = code
    while here:
        if here not in parents or here in path:
            raise InvalidEvaluation(f"Class {here!r} is not in the nomenclature's tree, or is under itself.")
        path.append(here)
        here = parents[here]
    return path[::-1]


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


def resample_blocks(blocks: NDArray[np.int64], *, n_resamples: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """How often each tile occurs when whole blocks are drawn with replacement: int64 (resample, tile).

    Args:   blocks: int64 (tile,), the block of each tile, from 0 without a gap (see number_blocks).
    Source: Davison & Hinkley 1997, section 3.8 (cluster bootstrap); Roberts et al. 2017 (doi 10.1111/ecog.02881).
    """
    counts: NDArray[np.int64] = resample_tiles(int(blocks.max()) + 1, n_resamples=n_resamples, rng=rng)[:, blocks]
    return counts


def number_blocks(keys: Sequence[Hashable]) -> NDArray[np.int64]:
    """Numbers from 0 for the block that each tile names, in the order of first mention: int64 (tile,)."""
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys], dtype=np.int64)


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
    blocks: NDArray[np.int64] | None = None,
    n_resamples: int = 2000,
    confidence: float = 0.95,
) -> Evaluation:
    """Figures and bootstrap intervals over blocks of neighbouring tiles, or over tiles where there are not two blocks.

    Args:
        confusions: int64 (tile, class, class) from tile_confusion.
        blocks: int64 (tile,) from number_blocks; None = each tile is a block.

    Raises:  InvalidEvaluation: no tile, no labelled pixel, class codes or blocks that do not fit.
    Source:  Efron & Tibshirani 1993, chapter 13 (percentile interval); see interval for its expansion.
    """
    check_confusions(confusions, class_codes=class_codes)
    blocks = checked_blocks(blocks, n_tiles=len(confusions))
    n_blocks = int(blocks.max()) + 1
    n_units = n_blocks if n_blocks > 1 else len(confusions)
    total = confusions.sum(axis=0)
    by_tiles = resampled_confusions(confusions, resample_tiles(len(confusions), n_resamples=n_resamples, rng=rng))
    resampled = by_tiles
    if n_units < len(confusions):
        resampled = resampled_confusions(confusions, resample_blocks(blocks, n_resamples=n_resamples, rng=rng))
    miou_low, miou_high = interval(mean_iou(resampled), confidence=confidence, n_units=n_units)
    overall_low, overall_high = interval(overall_accuracy(resampled), confidence=confidence, n_units=n_units)
    hits, truth, predicted = _margins(total)
    iou, f1 = class_iou(total), _ratio(2 * hits, truth + predicted)
    user, producer = _ratio(hits, predicted), _ratio(hits, truth)
    spread = class_iou(resampled)
    support_tiles = (confusions.sum(axis=2) > 0).sum(axis=0)
    per_class = []
    for k, code in enumerate(class_codes):
        low, high = interval(spread[:, k], confidence=confidence, n_units=n_units)
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
        overall_accuracy_low=overall_low,
        overall_accuracy_high=overall_high,
        per_class=tuple(per_class),
        confusion=tuple(tuple(int(v) for v in row) for row in total),
        n_tiles=len(confusions),
        n_units=n_units,
        miou_by_tiles=interval(mean_iou(by_tiles), confidence=confidence, n_units=len(confusions)),
        confidence=confidence,
    )


def interval(values: NDArray[np.float64], *, confidence: float, n_units: int | None = None) -> tuple[float, float]:
    """Percentile interval of the finite values; (NaN, NaN) when there is none.

    Args:   n_units: how many units each resample draws. Few units make the plain interval too narrow, by
            √((n - 1) / n) and by taking a normal law for Student's; given, it is expanded by both. None = as it is.
    Source: Hesterberg 2015 (doi 10.1080/00031305.2015.1089789), section 4.4.2, the expanded percentile interval.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    if n_units is not None and n_units > 1:
        tail = float(ndtr(np.sqrt(n_units / (n_units - 1)) * stdtrit(n_units - 1, tail)))
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)


def checked_blocks(blocks: NDArray[np.int64] | None, *, n_tiles: int) -> NDArray[np.int64]:
    """The blocks as given, or one a tile. Raises: InvalidEvaluation: another length, or a gap in the numbers."""
    if blocks is None:
        return np.arange(n_tiles, dtype=np.int64)
    if blocks.shape != (n_tiles,) or set(blocks.tolist()) != set(range(int(blocks.max(initial=-1)) + 1)):
        raise InvalidEvaluation(
            f"Blocks {blocks.shape} for {n_tiles} tiles: give one each, numbered from 0 with no gap."
        )
    return blocks


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
