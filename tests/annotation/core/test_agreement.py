"""Agreement measures against published and hand-worked figures."""

import numpy as np
import pytest

from annotation.core.agreement import compare_labels, confusion_counts, disagreement, krippendorff_alpha
from annotation.errors import UnusableLabels


def raster(text):
    return np.array([0 if value == "." else int(value) for value in text.split()], dtype=np.uint8)


def test_alpha_of_two_observers_and_two_values_is_the_published_0_095():
    # Krippendorff 2011, section A: ten units, values 0 and 1 (here 1 and 2, as 0 is "no label").
    first = raster("1 2 1 1 1 1 1 1 2 1")
    second = raster("2 2 2 1 1 2 1 1 1 1")
    assert krippendorff_alpha([first, second]) == pytest.approx(0.095, abs=0.0005)


def test_alpha_of_four_observers_with_missing_labels_is_the_published_0_743():
    # Krippendorff 2011, section C: twelve units, five values, missing data; unit 12 has one label only.
    observers = [
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    ]
    assert krippendorff_alpha([raster(line) for line in observers]) == pytest.approx(0.743, abs=0.0005)


def test_alpha_is_one_for_perfect_agreement_on_two_classes():
    labels = raster("1 1 2 2")
    assert krippendorff_alpha([labels, labels, labels]) == 1.0


def test_alpha_of_opposite_labels_worked_by_hand_is_minus_a_half():
    # Two pixels, labels (1, 2) and (2, 1): o_11 = o_22 = 0, n_1 = n_2 = 2, n = 4;
    # (3 × 0 − (2 + 2)) / (12 − 4) = −0.5.
    assert krippendorff_alpha([raster("1 2"), raster("2 1")]) == -0.5


def test_alpha_is_undefined_without_paired_labels_or_with_one_class():
    assert krippendorff_alpha([raster("1 ."), raster(". 2")]) is None
    assert krippendorff_alpha([raster("1 1"), raster("1 1")]) is None


def test_overall_agreement_and_iou_worked_by_hand():
    first = np.array([[1, 1, 1], [2, 2, 0]], dtype=np.uint8)
    second = np.array([[1, 1, 2], [2, 0, 2]], dtype=np.uint8)
    # Compared: 4 pixels: (1,1) (1,1) (1,2) (2,2). Same: 3. Class 1: 2 / 3; class 2: 1 / 2; class 3: unused.
    answer = compare_labels(first, second, class_codes={1: "a", 2: "b", 3: "c"})
    assert answer.compared_px == 4
    assert answer.overall == 0.75
    assert answer.iou == {"a": 2 / 3, "b": 1 / 2, "c": None}
    assert compare_labels(second, first, class_codes={1: "a", 2: "b", 3: "c"}) == answer


def test_rasters_with_no_pixel_in_common_have_no_agreement():
    answer = compare_labels(raster("1 ."), raster(". 1"), class_codes={1: "a"})
    assert (answer.compared_px, answer.overall, answer.iou) == (0, None, {"a": None})


def test_another_unlabelled_value_is_respected():
    answer = compare_labels(
        np.array([0, 255], np.uint8), np.array([0, 1], np.uint8), class_codes={0: "a", 1: "b"}, unlabelled=255
    )
    assert answer.iou == {"a": 1.0, "b": None}


@pytest.mark.parametrize(
    ("first", "second"),
    [(np.zeros(3, np.uint8), np.zeros(4, np.uint8)), (np.zeros(3, np.int64), np.zeros(3, np.int64)),
     (np.full(3, 9, np.uint8), np.zeros(3, np.uint8))],
)  # fmt: skip
def test_unequal_shapes_other_types_and_unknown_values_are_refused(first, second):
    with pytest.raises(UnusableLabels):
        compare_labels(first, second, class_codes={1: "a"})


def test_alpha_of_one_raster_is_refused():
    with pytest.raises(UnusableLabels, match="two rasters"):
        krippendorff_alpha([raster("1 2")])


def test_confusion_counts_have_the_reference_first_and_name_what_was_left_out():
    found = confusion_counts(raster("1 1 1 2 2 ."), raster("1 2 . 2 2 1"), class_codes={1: "A", 2: "B"})
    assert found == {"A": {"A": 1, "B": 1, "": 1}, "B": {"B": 2}}


def test_confusion_counts_refuse_a_value_that_is_no_class():
    with pytest.raises(UnusableLabels, match="3"):
        confusion_counts(raster("1"), raster("3"), class_codes={1: "A"})


def test_disagreement_tells_agreed_from_contested_from_labelled_once():
    people = [raster("1 1 1 . ."), raster("1 2 . . 2"), raster(". 1 . . 2")]
    assert disagreement(people).tolist() == [1, 2, 0, 0, 1]
