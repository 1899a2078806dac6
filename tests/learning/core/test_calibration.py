from __future__ import annotations

from math import log

import numpy as np
import pytest

from learning.core.calibration import (
    N_BINS,
    TEMPERATURES,
    UNCHANGED,
    CalibrationCounts,
    calibrate,
    calibration_error,
    tile_calibration,
)
from learning.errors import InvalidEvaluation


def tile(odds: float, *, right: int, wrong: int) -> CalibrationCounts:
    """Two classes, every pixel says the first with these odds; the truth is the first on `right` pixels."""
    n = right + wrong
    logits = np.zeros((2, 1, n), np.float32)
    logits[0] = log(odds)
    truth = np.array([[1] * right + [2] * wrong], np.uint8)
    return tile_calibration(logits, truth)


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_the_sums_of_a_worked_tile():
    counts = tile(9, right=3, wrong=1)  # confidence 0.9, bin 13 of 15
    assert counts.nll[UNCHANGED] == pytest.approx(-3 * log(0.9) - log(0.1))
    assert counts.pixels[UNCHANGED].tolist() == [0] * 13 + [4, 0]
    assert counts.confidence[UNCHANGED, 13] == pytest.approx(3.6) and counts.correct[UNCHANGED, 13] == 3
    two = int(np.flatnonzero(TEMPERATURES == 2)[0])  # odds √9 = 3, confidence 0.75, bin 11
    assert counts.pixels[two].tolist() == [0] * 11 + [4, 0, 0, 0]
    assert counts.confidence[two, 11] == pytest.approx(3.0)
    assert (counts.correct.sum(axis=1) == 3).all(), "no temperature changes a predicted class"


def test_calibration_error_is_the_gap_between_confidence_and_accuracy_weighted_by_pixels():
    # 4 pixels sure 0.9 of which 3 are right: gap 0.15; 2 sure 0.5 of which 1 is right: none
    pixels, sure, correct = np.array([4, 2]), np.array([3.6, 1.0]), np.array([3, 1])
    assert calibration_error(pixels, sure, correct) == pytest.approx(0.15 * 4 / 6)
    assert np.isnan(calibration_error(np.zeros(2, int), np.zeros(2), np.zeros(2, int)))


def test_a_model_that_is_too_sure_gets_the_temperature_that_makes_it_right():
    # Sure 0.9, right 0.75: ln 9 / T = ln 3, so T = 2, and nothing is left to mend.
    found = calibrate([tile(9, right=3, wrong=1)] * 6, rng=rng())
    assert found.temperature == 2.0 and found.fold_temperatures == (2.0,) * 5
    assert found.before.ece == pytest.approx(0.15) and found.after is not None
    assert found.after.ece == pytest.approx(0, abs=1e-7) and found.after.nll < found.before.nll
    assert (found.before.confidence[13], found.before.accuracy[13]) == (pytest.approx(0.9), 0.75)
    assert found.before.confidence[0] is None and sum(found.before.pixels) == 24 == found.n_pixels


def test_a_calibrated_model_keeps_its_temperature_and_a_shy_one_gets_less():
    # The outputs are float32: 0.9 and 0.5 lie on no edge of a bin.
    assert calibrate([tile(9, right=9, wrong=1)] * 5, rng=rng()).temperature == 1.0
    # Odds 3 where they are 9: ln 3 / T = ln 9, T = 1/2.
    assert calibrate([tile(3, right=9, wrong=1)] * 5, rng=rng()).temperature == 0.5


def test_what_the_temperature_does_is_told_on_ground_that_it_was_not_fitted_on():
    # Three blocks sure 0.9 and right 0.75, one sure 0.9 and right 0.9: it is scored with the others' T = 2.
    tiles = [tile(9, right=75, wrong=25)] * 3 + [tile(9, right=90, wrong=10)]
    found = calibrate(tiles, rng=rng())
    assert found.after is not None and sorted(found.fold_temperatures)[-1] == 2.0
    # ground right 0.8 gives ln 9 / ln 4 = 1.585; of the grid's 1.542 and 1.682 the first is likelier
    assert sorted(found.fold_temperatures)[:3] == [pytest.approx(2 ** (5 / 8))] * 3
    # odds 9^(1/1.542) = 4.157, sure 0.8061 (bin 12), right 0.75; the fourth: sure 0.75 (bin 11), right 0.9
    assert found.after.accuracy[12] == pytest.approx(0.75) and found.after.confidence[12] == pytest.approx(
        0.8061, abs=1e-4
    )
    assert found.after.accuracy[11] == pytest.approx(0.9) and found.after.confidence[11] == pytest.approx(0.75)
    assert found.after.ece == pytest.approx((3 * 0.0561 + 0.15) / 4, abs=1e-4)


def test_tiles_of_one_block_are_never_in_two_folds():
    tiles = [tile(9, right=75, wrong=25)] * 6 + [tile(9, right=90, wrong=10)] * 2
    found = calibrate(tiles, blocks=np.array([0, 0, 1, 1, 2, 2, 3, 3]), rng=rng())
    assert found.n_blocks == 4 and len(found.fold_temperatures) == 4
    assert found.after is not None and found.after.confidence[11] == pytest.approx(0.75), "both tiles at T = 2"


def test_too_few_blocks_leave_the_outputs_as_they_are():
    found = calibrate([tile(9, right=3, wrong=1)] * 3, rng=rng())
    assert (found.temperature, found.after, found.n_blocks) == (1.0, None, 3)
    with_nothing = [*[tile(9, right=3, wrong=1)] * 3, tile(9, right=0, wrong=0)]
    assert calibrate(with_nothing, rng=rng()).after is None, "a block without labels is none"


def test_a_large_tile_is_looked_at_on_a_lattice():
    logits = np.zeros((2, 256, 256), np.float32)
    logits[0] = log(9)
    counts = tile_calibration(logits, np.ones((256, 256), np.uint8), max_pixels=16_384)
    assert counts.pixels[UNCHANGED].sum() == 128 * 128
    assert counts.pixels.shape == (len(TEMPERATURES), N_BINS)


def test_outputs_that_do_not_fit_or_are_not_finite_are_refused():
    with pytest.raises(InvalidEvaluation, match="differ"):
        tile_calibration(np.zeros((2, 3, 3), np.float32), np.zeros((3, 4), np.uint8))
    with pytest.raises(InvalidEvaluation, match="up to 3"):
        tile_calibration(np.zeros((2, 1, 1), np.float32), np.array([[3]], np.uint8))
    with pytest.raises(InvalidEvaluation, match="not finite"):
        tile_calibration(np.full((2, 1, 1), np.nan, np.float32), np.array([[1]], np.uint8))
    with pytest.raises(InvalidEvaluation, match="no labelled pixel"):
        calibrate([tile(9, right=0, wrong=0)], rng=rng())
