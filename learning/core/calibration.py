"""Whether a model's confidence can be believed, and one number that makes it more so. numpy only.

A pixel's confidence is the probability of its predicted class. It is calibrated when of the pixels with confidence
0.8 eight in ten are right. Dividing the network's outputs by one temperature T, fitted on labelled ground, mends most
of what is wrong and changes no predicted class (Guo et al. 2017, arXiv:1706.04599).

Only sums leave a tile: for each temperature of a grid its negative log-likelihood, and for each bin of confidence how
many pixels there are, how confident they were, and how many were right. From these everything here is computed,
exactly at the grid's temperatures, whose steps of 9 % are finer than what a hold-out can tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning.core.evaluate import checked_blocks, interval, resample_blocks
from learning.errors import InvalidEvaluation

N_BINS = 15
MAX_PIXELS_A_TILE = 16_384  # of a tile's pixels on a lattice: neighbours say the same, and 512² would say it 16 times
MIN_BLOCKS = 4  # fewer leave nothing to fit a temperature on and something else to try it on
N_FOLDS = 5
TEMPERATURES: NDArray[np.float64] = 2.0 ** (np.arange(-24, 25) / 8)  # 1/8 to 8
UNCHANGED = 24  # position of 1 in TEMPERATURES


@dataclass(frozen=True, slots=True)
class CalibrationCounts:
    """Sums over pixels, of one tile or of several; (g,) and (g, bin) by temperature of TEMPERATURES.

    Args:
        nll: negative log-likelihood of the truth, in nats. pixels, confidence, correct: how many pixels, the sum of
        their confidences, and how many are right, by bin of confidence.
    """

    nll: NDArray[np.float64]
    pixels: NDArray[np.int64]
    confidence: NDArray[np.float64]
    correct: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reliability:
    """A reliability diagram: one entry a bin of confidence, None where no pixel falls.

    Args:
        ece: expected calibration error, the mean gap between confidence and accuracy weighted by pixels (0 to 1).
        ece_low, ece_high: bounds of its interval over blocks. nll: mean negative log-likelihood, in nats a pixel.
    """

    ece: float
    ece_low: float
    ece_high: float
    nll: float
    pixels: tuple[int, ...]
    confidence: tuple[float | None, ...]
    accuracy: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Before and after the temperature.

    Args:
        temperature: fitted on all blocks; 1 where there are too few. after: what it does to ground it was not fitted
            on: each block's figures use the temperature of the other folds. None where there are too few blocks.
        fold_temperatures: of each fold, for a look at how well the ground pins it down. n_blocks: blocks with labels.
    """

    temperature: float
    before: Reliability
    after: Reliability | None
    fold_temperatures: tuple[float, ...]
    n_blocks: int
    n_pixels: int


def tile_calibration(
    logits: NDArray[np.float32], truth: NDArray[np.uint8], *, max_pixels: int = MAX_PIXELS_A_TILE
) -> CalibrationCounts:
    """The sums of one tile, on a regular lattice of its pixels where it has more than max_pixels.

    Args:   logits: float32 (class, row, col), the network's outputs. truth: uint8 (row, col), k = class k - 1,
            0 = left out (unlabelled, or without imagery).
    Raises: InvalidEvaluation: shapes differ, a truth above the number of classes, or outputs that are not finite.
    """
    if logits.ndim != 3 or logits.shape[1:] != truth.shape or int(truth.max(initial=0)) > len(logits):
        raise InvalidEvaluation(f"Outputs {logits.shape} and truth {truth.shape} up to {truth.max(initial=0)} differ.")
    step = max(1, int(np.ceil(np.sqrt(truth.size / max_pixels))))
    truth = truth[step // 2 :: step, step // 2 :: step]
    known = truth > 0
    z = logits[:, step // 2 :: step, step // 2 :: step][:, known].astype(np.float64)  # (class, pixel)
    if not np.isfinite(z).all():
        raise InvalidEvaluation("The network's outputs hold values that are not finite: train the model again.")
    target = truth[known].astype(np.intp) - 1
    right = z.argmax(axis=0) == target
    distance = z - z.max(axis=0, initial=-np.inf)  # 0 for the predicted class
    distance_of_truth = np.take_along_axis(distance, target[None], axis=0)[0]
    shape = (len(TEMPERATURES), N_BINS)
    nll = np.zeros(len(TEMPERATURES))
    pixels, correct, confidence = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape)
    for g, temperature in enumerate(TEMPERATURES):
        total = np.exp(distance / temperature).sum(axis=0)
        sure = 1 / total
        nll[g] = (np.log(total) - distance_of_truth / temperature).sum()
        bins = np.minimum((sure * N_BINS).astype(np.intp), N_BINS - 1)
        pixels[g] = np.bincount(bins, minlength=N_BINS)
        confidence[g] = np.bincount(bins, weights=sure, minlength=N_BINS)
        correct[g] = np.bincount(bins[right], minlength=N_BINS)
    return CalibrationCounts(nll, pixels, confidence, correct)


def calibrate(
    tiles: Sequence[CalibrationCounts],
    *,
    rng: np.random.Generator,
    blocks: NDArray[np.int64] | None = None,
    n_resamples: int = 1000,
    confidence: float = 0.95,
) -> Calibration:
    """The temperature of a model, and its reliability before and after.

    The temperature that is kept minimises the negative log-likelihood over all blocks. What it does is told by
    cross-fitting: blocks are dealt into N_FOLDS folds, and each fold is scored at the temperature of the others.

    Args:   blocks: int64 (tile,) from evaluate.number_blocks; None = each tile is a block.
    Raises: InvalidEvaluation: no tile, or no labelled pixel.
    Source: Guo et al. 2017 (arXiv:1706.04599), section 4.2 and equation 3.
    """
    n_pixels = sum(int(tile.pixels[UNCHANGED].sum()) for tile in tiles)
    if not n_pixels:
        raise InvalidEvaluation(f"{len(tiles)} tiles hold no labelled pixel; label the hold-out before calibrating.")
    blocks = checked_blocks(blocks, n_tiles=len(tiles))
    by_block = _by_block(tiles, blocks)
    n_blocks = len(by_block.nll)
    counts = resample_blocks(np.arange(n_blocks), n_resamples=n_resamples, rng=rng)
    unchanged = np.full(n_blocks, UNCHANGED)
    before = _reliability(by_block, unchanged, counts=counts, confidence=confidence)
    labelled = np.flatnonzero(by_block.pixels[:, UNCHANGED].sum(axis=1))
    if len(labelled) < MIN_BLOCKS:
        return Calibration(1.0, before, None, (), len(labelled), n_pixels)
    fold_of = np.full(n_blocks, -1)
    fold_of[rng.permutation(labelled)] = np.arange(len(labelled)) % min(N_FOLDS, len(labelled))
    chosen, of_folds = unchanged.copy(), []
    for fold in range(int(fold_of.max()) + 1):
        best = int(by_block.nll[fold_of != fold].sum(axis=0).argmin())
        chosen[fold_of == fold] = best
        of_folds.append(float(TEMPERATURES[best]))
    return Calibration(
        temperature=float(TEMPERATURES[int(by_block.nll.sum(axis=0).argmin())]),
        before=before,
        after=_reliability(by_block, chosen, counts=counts, confidence=confidence),
        fold_temperatures=tuple(of_folds),
        n_blocks=len(labelled),
        n_pixels=n_pixels,
    )


def calibration_error(pixels: NDArray[Any], confidence: NDArray[Any], correct: NDArray[Any]) -> NDArray[np.float64]:
    """Mean gap between confidence and accuracy over bins, weighted by pixels: sums (..., bin) → (...).

    Source: Guo et al. 2017 (arXiv:1706.04599), equation 3.
    """
    total = pixels.sum(axis=-1)
    gap = np.abs(confidence - correct).sum(axis=-1)
    error: NDArray[np.float64] = np.divide(gap, total, out=np.full(np.shape(gap), np.nan), where=total > 0)
    return error


def _by_block(tiles: Sequence[CalibrationCounts], blocks: NDArray[np.int64]) -> CalibrationCounts:
    """Sums of each block, (block, …)."""

    def total(name: str) -> NDArray[np.float64]:
        stack = np.stack([getattr(tile, name) for tile in tiles])
        summed = np.zeros((int(blocks.max()) + 1, *stack.shape[1:]), stack.dtype)
        np.add.at(summed, blocks, stack)
        return summed

    return CalibrationCounts(total("nll"), total("pixels").astype(np.int64), total("confidence"),
                             total("correct").astype(np.int64))  # fmt: skip


def _reliability(
    by_block: CalibrationCounts, chosen: NDArray[np.intp], *, counts: NDArray[np.int64], confidence: float
) -> Reliability:
    """The diagram with each block at its own temperature; `counts` are the resamples, (resample, block)."""
    every = np.arange(len(chosen))
    pixels, sure, correct = (
        values[every, chosen] for values in (by_block.pixels, by_block.confidence, by_block.correct)
    )  # (block, bin)
    errors = calibration_error(counts @ pixels, counts @ sure, counts @ correct)
    low, high = interval(errors, confidence=confidence, n_units=len(chosen))
    in_bin, sure_in_bin, right_in_bin = pixels.sum(axis=0), sure.sum(axis=0), correct.sum(axis=0)

    def shares(sums: NDArray[np.float64] | NDArray[np.int64]) -> tuple[float | None, ...]:
        return tuple(float(value / n) if n else None for value, n in zip(sums, in_bin, strict=True))

    return Reliability(
        ece=float(calibration_error(in_bin, sure_in_bin, right_in_bin)),
        ece_low=low,
        ece_high=high,
        nll=float(by_block.nll[every, chosen].sum() / in_bin.sum()),
        pixels=tuple(int(n) for n in in_bin),
        confidence=shares(sure_in_bin),
        accuracy=shares(right_in_bin),
    )
