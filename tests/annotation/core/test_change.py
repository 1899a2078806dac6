"""Questions about change, by hand: order, controls, what answers come to, and where two coverages differ."""

from __future__ import annotations

import numpy as np
import pytest

from annotation.core.change import (
    FoundCell,
    Outcome,
    Said,
    area_px,
    asked_window,
    compared_labels,
    drawn_controls,
    in_order,
    most_telling,
    outcome_of,
)
from annotation.core.features import Feature, Rings
from annotation.core.tile_geometry import check_coverage
from annotation.core.transfer import laid_over


def box(left: int, top: int, right: int, bottom: int) -> Rings:
    """A rectangle given in pixels."""
    left, top, right, bottom = (8 * side for side in (left, top, right, bottom))
    return (((left, top), (right, top), (right, bottom), (left, bottom)),)


GONE = Said("changed", "wood", "house")
KEPT = Said("unchanged", "wood", "wood")
WRONG = Said("first_wrong", "house", "house")


@pytest.mark.parametrize(
    ("answers", "wanted", "patch_needs", "ruling", "expected"),
    [
        ([], 1, 1, None, Outcome("open")),
        ([GONE], 1, 1, None, Outcome("settled", GONE)),
        ([GONE], 2, 1, None, Outcome("open")),
        ([GONE, GONE], 2, 1, None, Outcome("settled", GONE)),
        ([GONE, KEPT], 2, 1, None, Outcome("review")),
        ([GONE, Said("changed", "wood", "road")], 2, 1, None, Outcome("review")),
        ([Said("unsure")], 1, 1, None, Outcome("review")),
        ([WRONG], 1, 1, None, Outcome("settled", WRONG)),
        ([WRONG], 1, 2, None, Outcome("review")),
        ([WRONG, WRONG], 2, 2, None, Outcome("settled", WRONG)),
        ([GONE, KEPT], 2, 1, KEPT, Outcome("settled", KEPT)),
        ([], 2, 1, KEPT, Outcome("settled", KEPT)),
    ],
)
def test_answers_settle_a_cell_when_they_are_enough_and_the_same(
    answers: list[Said], wanted: int, patch_needs: int, ruling: Said | None, expected: Outcome
) -> None:
    assert outcome_of(answers, wanted=wanted, patch_needs=patch_needs, ruling=ruling) == expected


def test_without_controls_the_highest_score_is_asked_first() -> None:
    scored = [("a", 0.2), ("b", 0.9), ("c", 0.9), ("d", 0.5)]
    assert in_order(scored, [], control_share=0.5, rng=np.random.default_rng(1)) == ["b", "c", "d", "a"]


def test_controls_come_between_at_their_share_and_leave_the_order_of_the_others() -> None:
    scored = [(n, float(-n)) for n in range(2_000)]
    order = in_order(scored, range(5_000, 7_000), control_share=0.2, rng=np.random.default_rng(3))
    assert [key for key in order if key < 5_000] == list(range(2_000))
    assert sorted(order) == [*range(2_000), *range(5_000, 7_000)]
    mixed = order[:1_500]  # of 1,500 places a fifth: 300, with a standard deviation of 15.5
    assert 240 <= sum(key >= 5_000 for key in mixed) <= 360


def test_a_share_that_leaves_no_place_for_scores_is_refused() -> None:
    with pytest.raises(ValueError, match="control_share is 1"):
        in_order([("a", 1.0)], ["b"], control_share=1, rng=np.random.default_rng(1))


def test_controls_are_a_share_of_all_that_is_asked_and_their_probability_is_known() -> None:
    # 30 scored and a share of a quarter: 10 controls, of 40 there are; each had 10/40.
    drawn, probability = drawn_controls(list(range(40)), scored=30, control_share=0.25, rng=np.random.default_rng(2))
    assert (len(drawn), len(set(drawn)), probability) == (10, 10, 0.25)
    assert drawn_controls(["one"], scored=0, control_share=0.1, rng=np.random.default_rng(2)) == (["one"], 1.0)
    assert drawn_controls([], scored=9, control_share=0.1, rng=np.random.default_rng(2)) == ([], 1.0)
    assert drawn_controls(["one"], scored=9, control_share=0.0, rng=np.random.default_rng(2)) == ([], 1.0)


def test_two_coverages_are_cut_into_pieces_by_what_each_says() -> None:
    first = [Feature("w", "wood", box(0, 0, 20, 10)), Feature("g", "grass", box(0, 10, 20, 20))]
    second = [Feature("h", "house", box(10, 0, 20, 10)), Feature("k", "wood", box(0, 0, 10, 10))]
    pieces = [(a, b, area) for a, b, _rings, area in compared_labels(first, second, least_px=1)]
    # 20 × 10 px of grass with nothing above; of the wood a half stays and a half is a house: 100 px each.
    assert sorted(pieces) == [("grass", "", 200.0), ("wood", "house", 100.0), ("wood", "wood", 100.0)]


def test_pieces_that_are_small_or_nowhere_a_pixel_wide_are_not_asked_about() -> None:
    first = [Feature("w", "wood", box(0, 0, 64, 64))]
    sliver = (((0, 0), (512, 0), (512, 6)),)  # 64 px long, three quarters of a pixel at its end: 24 px
    second = [Feature("s", "house", sliver), Feature("b", "road", box(30, 30, 34, 34))]
    found = {b for _a, b, _rings, _area in compared_labels(first, second, least_px=16)}
    assert found == {"", "road"}
    assert {b for _a, b, _rings, _area in compared_labels(first, second, least_px=17)} == {""}


def test_nothing_is_compared_where_the_first_date_says_nothing() -> None:
    assert compared_labels([], [Feature("h", "house", box(0, 0, 9, 9))], least_px=1) == []


def test_a_cell_laid_over_labels_takes_its_ground_from_them() -> None:
    under = [Feature("w", "wood", box(0, 0, 30, 10), "drawn"), Feature("far", "road", box(40, 40, 50, 50), "drawn")]
    over = [Feature("cell", "house", box(10, 0, 20, 10), "copied")]
    laid = laid_over(under, over)
    check_coverage(laid)
    said = {feature.id: (feature.class_code, area_px(feature.rings), feature.provenance) for feature in laid}
    assert said == {
        "cell": ("house", 100.0, "copied"),
        "w-1": ("wood", 100.0, "drawn"),
        "w-2": ("wood", 100.0, "drawn"),
        "far": ("road", 100.0, "drawn"),
    }
    assert laid[0].id == "cell"


def test_labels_that_lie_wholly_under_a_cell_are_gone() -> None:
    laid = laid_over([Feature("w", "wood", box(2, 2, 4, 4))], [Feature("cell", "house", box(0, 0, 10, 10))])
    assert [feature.id for feature in laid] == ["cell"]


def test_without_labels_below_only_the_cells_are_there() -> None:
    over = [Feature("a", "house", box(0, 0, 10, 10)), Feature("b", "wood", box(10, 0, 20, 10))]
    assert list(laid_over([], over)) == over


def test_the_window_asked_for_holds_whole_pixels() -> None:
    assert asked_window((((3, 8), (17, 8), (17, 33)),)) == [0, 1, 3, 4]


def test_of_too_many_places_those_with_the_highest_score_stay_and_controls_keep_their_share() -> None:
    def found(row: int, score: float, *, is_control: bool = False) -> FoundCell:
        return FoundCell(row, 0, box(0, 0, 8, 8), "a", "a" if is_control else "b", score, None, is_control, 0.5)

    asked = [found(row, row / 10) for row in range(10)]
    controls = [found(row, 0.0, is_control=True) for row in range(100, 110)]
    kept = most_telling([*asked, *controls], most=4, control_share=0.5, seed=1)
    assert [cell.row for cell in kept if not cell.is_control] == [9, 8, 7, 6]
    # Four tiles, and half of all are to be controls: four of the ten that were drawn with a probability of one half
    assert [cell.probability for cell in kept if cell.is_control] == [0.5 * 4 / 10] * 4
    assert most_telling(asked, most=10, control_share=0.5, seed=1) == asked
    assert most_telling([*asked, *controls], most=None, control_share=0.5, seed=1) == [*asked, *controls]
