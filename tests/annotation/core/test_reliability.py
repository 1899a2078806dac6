"""Evidence, posteriors, weights and the sequential test against figures worked out by hand."""

import math

import pytest

from annotation.core.reliability import (
    ClassReliability,
    Decision,
    Evidence,
    add_evidence,
    campaign_means,
    class_reliability,
    gold_passed,
    label_weight,
    sequential_test,
    tile_evidence,
)
from annotation.errors import UnusableLabels


def known(mean, campaign_mean, n_classes=2):
    return {
        "A": ClassReliability(mean=mean, low=0.0, high=1.0, tiles=1.0, campaign_mean=campaign_mean, n_classes=n_classes)
    }


def test_a_tile_is_at_most_one_observation_of_a_class_however_many_pixels_it_has():
    confusion = {"A": {"A": 60_000, "B": 20_000, "": 10_000}, "B": {"B": 10_000}}
    found = tile_evidence(confusion)
    assert found["A"] == Evidence(1.0, 0.0)
    assert found["B"].right == pytest.approx(1 / 3)
    assert found["B"].wrong == pytest.approx(2 / 3)
    assert "" not in found


def test_a_class_given_to_little_ground_is_less_than_an_observation():
    # 5 of 1,000 pixels: half of the hundredth that makes a whole one; 4 of the 5 are right.
    found = tile_evidence({"A": {"A": 995 - 1}, "C": {"C": 4, "A": 1}, "A2": {"C": 1}})
    assert found["C"].right == pytest.approx(0.4)
    assert found["C"].wrong == pytest.approx(0.1)


def test_evidence_of_tiles_adds_up():
    total = add_evidence([{"A": Evidence(1.0, 0.0)}, {"A": Evidence(0.25, 0.75), "B": Evidence(0.0, 1.0)}])
    assert total == {"A": Evidence(1.25, 0.75), "B": Evidence(0.0, 1.0)}


def test_without_gold_everybody_is_assumed_right_nine_times_in_ten():
    means = campaign_means([], class_codes=["A"])
    assert means == {"A": pytest.approx(0.9)}
    found = class_reliability({}, means=means)
    assert found["A"].mean == pytest.approx(0.9)
    assert found["A"].tiles == 0
    assert label_weight(found, "A") == 1.0


def test_the_pool_counts_people_by_their_tiles_up_to_twenty_and_stays_within_its_bounds():
    # (3.6 + 8 + 4) / (4 + 8 + 8) = 0.78
    people = [{"A": Evidence(8.0, 0.0)}, {"A": Evidence(4.0, 4.0)}]
    assert campaign_means(people, class_codes=["A"])["A"] == pytest.approx(0.78)
    # 400 tiles of one person count as 20: (3.6 + 16 + 20) / (4 + 20 + 20) = 0.9
    people = [{"A": Evidence(320.0, 80.0)}, {"A": Evidence(20.0, 0.0)}]
    assert campaign_means(people, class_codes=["A"])["A"] == pytest.approx(0.9)
    assert campaign_means([{"A": Evidence(0.0, 50.0)}], class_codes=["A"])["A"] == 0.6
    assert campaign_means([{"A": Evidence(20.0, 0.0)}] * 50, class_codes=["A"])["A"] == 0.98


def test_the_posterior_is_the_beta_distribution_worked_by_hand():
    # Prior Beta(3, 1) has the distribution function x³: the central 90 % lie between 0.05^⅓ and 0.95^⅓.
    prior = class_reliability({}, means={"A": 0.75})["A"]
    assert (prior.low, prior.high) == (pytest.approx(0.05 ** (1 / 3)), pytest.approx(0.95 ** (1 / 3)))
    # With 2 right and 2 wrong it is Beta(5, 3), of mean 5 / 8.
    found = class_reliability({"A": Evidence(2.0, 2.0)}, means={"A": 0.75})["A"]
    assert found.mean == pytest.approx(0.625)
    assert found.low < 0.625 < found.high
    assert found.high - found.low < 0.6
    assert found.tiles == 4.0


def test_more_gold_narrows_the_interval():
    few = class_reliability({"A": Evidence(3.0, 1.0)}, means={"A": 0.9})["A"]
    many = class_reliability({"A": Evidence(30.0, 10.0)}, means={"A": 0.9})["A"]
    assert many.high - many.low < few.high - few.low


def test_a_weight_is_the_ratio_of_log_odds_between_nothing_and_three():
    assert label_weight(known(0.75, 0.75), "A") == 1.0
    assert label_weight(known(0.9, 0.75), "A") == 2.0  # ln 9 / ln 3
    assert label_weight(known(0.625, 0.75), "A") == 0.465  # ln(5/3) / ln 3
    assert label_weight(known(0.5, 0.75), "A") == 0.0
    assert label_weight(known(0.2, 0.75), "A") == 0.0
    assert label_weight(known(0.99, 0.75), "A") == 3.0
    assert label_weight(known(0.9, 0.75), "B") == 1.0


def test_with_more_classes_a_label_right_less_than_half_the_time_still_tells_something():
    assert label_weight(known(0.5, 0.75, n_classes=5), "A") == 0.558  # ln 4 / ln 12
    assert label_weight(known(0.2, 0.75, n_classes=5), "A") == 0.0  # ln 1: a guess
    assert label_weight(known(0.75, 0.75, n_classes=5), "A") == 1.0
    found = class_reliability({"A": Evidence(2.0, 2.0)}, means={"A": 0.75}, n_classes=5)
    assert label_weight(found, "A") == 0.763  # ln(20/3) / ln 12
    assert class_reliability({}, means={"A": 0.75, "B": 0.75, "C": 0.75})["A"].n_classes == 3


def test_a_gold_tile_is_passed_with_half_of_it_labelled_and_three_quarters_of_that_right():
    assert gold_passed({"A": {"A": 75, "B": 25}})
    assert not gold_passed({"A": {"A": 74, "B": 26}})
    assert gold_passed({"A": {"A": 25}, "B": {"B": 25, "": 50}})
    assert not gold_passed({"A": {"A": 25}, "B": {"B": 24, "": 51}})
    assert not gold_passed({"A": {"": 100}})
    assert not gold_passed({})


# --- the sequential test ------------------------------------------------------------------------------------
# A failure adds ln(0.7 / 0.1) = 1.946, a pass ln(0.3 / 0.9) = -1.099; the bounds are ± ln 99 = 4.595.


def test_three_failures_in_a_row_flag_and_two_do_not():
    assert sequential_test([False, False]).decision is Decision.GO_ON
    found = sequential_test([False, False, False, True])
    assert found.decision is Decision.FLAG
    assert found.used == 3
    assert found.log_ratio == pytest.approx(3 * math.log(7))


def test_five_passes_in_a_row_clear_and_four_do_not():
    assert sequential_test([True] * 4).decision is Decision.GO_ON
    found = sequential_test([True] * 5)
    assert (found.decision, found.used) == (Decision.CLEAR, 5)


def test_passes_between_failures_are_set_off_against_them():
    # 1.946 + 1.946 - 1.099 + 1.946 = 4.739
    found = sequential_test([False, False, True, False])
    assert (found.decision, found.used) == (Decision.FLAG, 4)
    # 1.946 - 1.099 = 0.847 a pair: the fourth failure reaches 4.487 and stays below, the fifth 5.334.
    assert sequential_test([False, True] * 4).decision is Decision.GO_ON
    found = sequential_test([False, True] * 6)
    assert (found.decision, found.used) == (Decision.FLAG, 9)


def test_no_outcome_decides_nothing():
    assert sequential_test([]).decision is Decision.GO_ON
    assert sequential_test([]).log_ratio == 0.0


def test_whoever_turns_after_being_cleared_is_flagged_when_the_test_begins_anew():
    turns = [True] * 20 + [False] * 3
    assert sequential_test(turns).decision is Decision.CLEAR
    found = sequential_test(turns, restart_when_cleared=True)
    assert (found.decision, found.used) == (Decision.FLAG, 23)
    assert sequential_test([True] * 20, restart_when_cleared=True).decision is Decision.GO_ON


@pytest.mark.parametrize("wrong", [{"p0": 0.3, "p1": 0.9}, {"p1": 0.0}, {"alpha": 0.0}, {"beta": 0.5}])
def test_probabilities_that_make_no_test_are_refused(wrong):
    with pytest.raises(UnusableLabels):
        sequential_test([True], **wrong)
