from __future__ import annotations

import numpy as np
import pytest

from learning.core.evaluate import (
    class_iou,
    evaluate,
    interval,
    mean_iou,
    merge_classes,
    national_level,
    nomenclature_levels,
    number_blocks,
    overall_accuracy,
    resample_blocks,
    resample_tiles,
    resampled_confusions,
    tile_confusion,
)
from learning.errors import InvalidEvaluation


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_truth_is_in_rows_and_unlabelled_pixels_are_left_out():
    truth = np.array([[1, 1, 2], [0, 2, 2]], np.uint8)
    prediction = np.array([[1, 2, 2], [2, 1, 0]], np.uint8)
    # kept pairs: (1,1) (1,2) (2,2) (2,1)
    assert tile_confusion(truth, prediction, n_classes=2).tolist() == [[1, 1], [1, 1]]
    only_false_road = tile_confusion(truth[:1, 1:2], prediction[:1, 1:2], n_classes=2)
    assert only_false_road.tolist() == [[0, 1], [0, 0]]


def test_figures_of_a_worked_matrix():
    # truth a: 6 right, 2 as b; truth b: 1 as a, 3 right; class c absent
    matrix = np.array([[[6, 2, 0], [1, 3, 0], [0, 0, 0]]])
    result = evaluate(matrix, class_codes=("a", "b", "c"), rng=rng())
    a, b, c = result.per_class
    assert (a.iou, b.iou, c.iou) == (pytest.approx(6 / 9), pytest.approx(3 / 6), None)
    assert (a.f1, b.f1) == (pytest.approx(12 / 15), pytest.approx(6 / 9))
    assert (a.producer_accuracy, a.user_accuracy) == (pytest.approx(6 / 8), pytest.approx(6 / 7))
    assert result.miou == pytest.approx((6 / 9 + 3 / 6) / 2)
    assert result.overall_accuracy == pytest.approx(9 / 12)
    assert (a.support_px, b.support_px, c.support_px) == (8, 4, 0)
    assert (a.support_tiles, c.support_tiles) == (1, 0)
    assert result.confusion == ((6, 2, 0), (1, 3, 0), (0, 0, 0))


def test_a_class_only_ever_predicted_counts_as_zero_in_the_mean():
    matrix = np.array([[4, 0, 1], [0, 5, 0], [0, 0, 0]])
    assert class_iou(matrix).tolist() == [0.8, 1.0, 0.0]
    assert mean_iou(matrix) == pytest.approx(0.6)


def test_an_absent_class_does_not_lower_the_mean():
    assert mean_iou(np.array([[5, 0], [0, 0]])) == 1.0
    assert np.isnan(mean_iou(np.zeros((2, 2))))
    assert np.isnan(overall_accuracy(np.zeros((2, 2))))


def test_identical_tiles_have_an_interval_of_no_width():
    matrix = np.tile(np.array([[3, 1], [0, 4]]), (12, 1, 1))
    result = evaluate(matrix, class_codes=("a", "b"), rng=rng())
    assert result.miou_low == pytest.approx(result.miou)
    assert result.miou_high == pytest.approx(result.miou)


def test_the_interval_comes_from_tiles_and_not_from_pixels():
    right, wrong = np.array([[50, 0], [0, 50]]), np.array([[25, 25], [25, 25]])
    tiles = np.stack([right] * 5 + [wrong] * 5)
    few = evaluate(tiles, class_codes=("a", "b"), rng=rng())
    more_pixels = evaluate(tiles * 100, class_codes=("a", "b"), rng=rng())
    more_tiles = evaluate(np.tile(tiles, (20, 1, 1)), class_codes=("a", "b"), rng=rng())
    assert (more_pixels.miou_low, more_pixels.miou_high) == (few.miou_low, few.miou_high)
    width = few.miou_high - few.miou_low
    assert width > 0.2
    # twenty times the tiles: √20 = 4.47 times narrower, and 2.38 standard errors of ten tiles are 1.98 of two hundred
    assert width / (more_tiles.miou_high - more_tiles.miou_low) == pytest.approx(4.47 * 2.38 / 1.98, rel=0.2)


def test_a_resample_is_the_sum_of_its_tiles():
    confusions = rng().integers(0, 100, (4, 3, 3))
    counts = np.array([[2, 0, 1, 1]])
    expected = 2 * confusions[0] + confusions[2] + confusions[3]
    assert np.array_equal(resampled_confusions(confusions, counts)[0], expected)
    assert (resample_tiles(9, n_resamples=5, rng=rng()).sum(axis=1) == 9).all()


def test_scores_at_a_coarser_level_forgive_confusion_inside_a_group():
    matrix = np.array([[5, 3, 1], [2, 6, 0], [1, 1, 7]])
    merged = merge_classes(matrix, group_of=(0, 0, 1))
    assert merged.tolist() == [[16, 1], [2, 7]]
    with pytest.raises(InvalidEvaluation):
        merge_classes(matrix, group_of=(0, 2, 2))


def test_the_golden_matrix_of_olofsson_2014_gives_its_plain_accuracies():
    # Table 8, map in rows: here truth in rows, hence transposed. Counts, without the weights of the strata.
    counts = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]]).T
    result = evaluate(counts[None], class_codes=("loss", "gain", "forest", "other"), rng=rng())
    user = [score.user_accuracy for score in result.per_class]
    assert user == [pytest.approx(value, abs=5e-5) for value in (0.8800, 0.7333, 0.9273, 0.9631)]
    assert result.per_class[0].producer_accuracy == pytest.approx(66 / 69)
    assert result.overall_accuracy == pytest.approx((66 + 55 + 153 + 313) / 640)
    for score in result.per_class:
        assert score.iou is not None and score.f1 == pytest.approx(2 * score.iou / (1 + score.iou))


def test_tiles_of_a_block_are_drawn_together():
    blocks = number_blocks([(0, 3), (0, 3), (5, 1), (0, 3)])
    assert blocks.tolist() == [0, 0, 1, 0]
    counts = resample_blocks(blocks, n_resamples=50, rng=rng())
    assert (counts[:, 0] == counts[:, 1]).all() and (counts[:, 0] + counts[:, 2] == 2).all()


def test_blocks_whose_tiles_agree_give_the_interval_of_as_many_blocks_and_name_that_of_tiles():
    right, wrong = np.array([[50, 0], [0, 50]]), np.array([[25, 25], [25, 25]])
    tiles = np.stack([right] * 32 + [wrong] * 32)
    blocks = np.arange(64) // 4
    by_blocks = evaluate(tiles, class_codes=("a", "b"), blocks=blocks, rng=rng())
    assert by_blocks.n_units == 16 and by_blocks.n_tiles == 64
    low, high = by_blocks.miou_by_tiles
    # four tiles that say the same are one: the interval is √4 times as wide
    assert (by_blocks.miou_high - by_blocks.miou_low) / (high - low) == pytest.approx(2, rel=0.2)
    one_block = evaluate(tiles, class_codes=("a", "b"), blocks=np.zeros(64, int), rng=rng())
    assert one_block.n_units == 64, "of one block nothing can be drawn: tiles are"
    with pytest.raises(InvalidEvaluation, match="no gap"):
        evaluate(tiles, class_codes=("a", "b"), blocks=blocks + 1, rng=rng())


def test_an_interval_of_few_units_is_expanded_as_students_law_asks():
    values = np.sort(np.random.default_rng(0).normal(size=200_001))
    # n = 10: t(9) = 2.2622, √(10 / 9) = 1.0541, together 2.3846 in place of 1.96
    assert interval(values, confidence=0.95, n_units=10) == (
        pytest.approx(-2.385, abs=0.03),
        pytest.approx(2.385, abs=0.03),
    )
    assert interval(values, confidence=0.95) == (pytest.approx(-1.96, abs=0.02), pytest.approx(1.96, abs=0.02))


TREE = {"1": None, "1.1": "1", "1.1.1": "1.1", "1.1.2": "1.1", "1.2": "1", "2": None, "2.1": "2"}


def test_classes_are_scored_at_every_level_that_groups_them_otherwise():
    levels = nomenclature_levels(("1.1.1", "1.1.2", "1.2", "2.1"), parents=TREE)
    assert [(level.depth, level.codes, level.group_of) for level in levels] == [
        (1, ("1", "2"), (0, 0, 0, 1)),
        (2, ("1.1", "1.2", "2.1"), (0, 0, 1, 2)),
        (3, ("1.1.1", "1.1.2", "1.2", "2.1"), (0, 1, 2, 3)),
    ]


def test_a_level_that_says_nothing_new_is_left_out():
    assert [level.depth for level in nomenclature_levels(("1.2", "2.1"), parents=TREE)] == [2], "1 and 2 group alike"
    assert [level.depth for level in nomenclature_levels(("1.1.1", "1.1.2"), parents=TREE)] == [3], "one class is none"
    with pytest.raises(InvalidEvaluation, match="'3'"):
        nomenclature_levels(("3",), parents=TREE)


def test_the_national_level_of_a_theme_puts_its_classes_under_those_that_they_refine_whatever_their_depth():
    level = national_level(("CS1.1.1.1", "CS2.1.3/vine", "CS2.1.3/orchard/apple", "CS1.1.1.1/roof"))
    assert (level.depth, level.codes, level.group_of) == (0, ("CS1.1.1.1", "CS2.1.3"), (0, 1, 1, 0))


def test_a_hold_out_without_labels_or_with_other_classes_is_refused():
    with pytest.raises(InvalidEvaluation, match="no labelled pixel"):
        evaluate(np.zeros((3, 2, 2), np.int64), class_codes=("a", "b"), rng=rng())
    with pytest.raises(InvalidEvaluation, match="expected"):
        evaluate(np.ones((3, 2, 2), np.int64), class_codes=("a", "b", "c"), rng=rng())
    with pytest.raises(InvalidEvaluation, match="Value 3"):
        tile_confusion(np.array([[3]], np.uint8), np.array([[1]], np.uint8), n_classes=2)
