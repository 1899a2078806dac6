"""Votes worked out by hand, and STAPLE where the answer is known."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import annotation.core
from annotation.core.consensus import majority_vote, staple, support_map, weighted_vote
from annotation.errors import UnusableLabels

ROOT = Path(annotation.core.__file__).resolve().parents[2]


def raster(text):
    return np.array([[0 if value == "." else int(value) for value in text.split()]], dtype=np.uint8)


def values(found):
    return " ".join("." if value == 0 else str(value) for value in found.ravel().tolist())


def test_the_majority_wins_among_those_who_labelled_and_a_tie_is_unlabelled():
    people = [raster("1 1 1 . . 1"), raster("1 2 2 . 3 2"), raster("2 2 3 . . .")]
    assert values(majority_vote(people)) == "1 2 . . 3 ."


def test_a_third_class_with_more_votes_wins_over_two_that_tie():
    people = [raster(value) for value in ["1", "1", "2", "2", "3", "3", "3"]]
    assert values(majority_vote(people)) == "3"
    assert values(majority_vote(people[::-1])) == "3"


def test_one_person_alone_is_returned_as_they_are_whatever_their_weight():
    assert values(weighted_vote([raster("1 . 2")], weights=[0.0])) == "1 . 2"


def test_weights_decide_and_equal_weights_tie_whoever_comes_first():
    people = [raster("1 1 1"), raster("2 2 1"), raster("2 . 2")]
    assert values(weighted_vote(people, weights=[3.0, 1.0, 1.0])) == "1 1 1"
    assert values(weighted_vote(people, weights=[2.0, 1.0, 1.0])) == ". 1 1"
    assert values(weighted_vote(people, weights=[0.0, 1.0, 1.0])) == "2 2 ."
    # 0.1 + 0.2 is not 0.3 in floating point: these are counted in thousandths.
    assert values(weighted_vote(people, weights=[0.3, 0.1, 0.2])) == ". 1 1"


def test_a_person_may_be_believed_in_one_class_and_not_in_another():
    people = [raster("1 2"), raster("2 1"), raster("2 1")]
    weights = [{1: 3.0, 2: 1.0}, {}, {}]
    assert values(weighted_vote(people, weights=weights)) == "1 1"


def test_where_nobody_is_believed_the_pixel_is_unlabelled():
    people = [raster("1 2"), raster("1 .")]
    assert values(weighted_vote(people, weights=[0.0, 0.0])) == ". ."


def test_weights_that_do_not_fit_are_refused():
    people = [raster("1"), raster("2")]
    with pytest.raises(UnusableLabels, match="1 weight"):
        weighted_vote(people, weights=[1.0])
    with pytest.raises(UnusableLabels, match="-1"):
        weighted_vote(people, weights=[1.0, -1.0])
    with pytest.raises(UnusableLabels, match="nan"):
        weighted_vote(people, weights=[1.0, float("nan")])
    with pytest.raises(UnusableLabels):
        majority_vote([])
    with pytest.raises(UnusableLabels):
        majority_vote([raster("1"), raster("1 2")])


def thousandths(people, merged, weights):
    return support_map(people, merged, weights=weights).ravel().tolist()


def test_support_is_one_with_weights_of_one_and_else_the_best_believed_supporter_of_each_pixel():
    people = [raster("1 1 2 ."), raster("1 2 2 .")]
    merged = weighted_vote(people, weights=[1.0, 1.0])
    assert values(merged) == "1 . 2 ."
    assert support_map(people, merged, weights=[1.0, 1.0]).dtype == np.uint16
    assert thousandths(people, merged, [1.0, 1.0]) == [1000, 0, 1000, 0]
    # First and third pixel: the second person's 0.8 and 0.4 in class 2 against the first's 0.5 throughout.
    assert thousandths(people, merged, [{1: 0.5, 2: 0.5}, {1: 0.8, 2: 0.4}]) == [800, 0, 500, 0]


def test_support_is_at_most_one_and_counts_nobody_who_gave_another_class_or_none():
    people = [raster("1 1 2"), raster("2 . 1"), raster("1 . .")]
    weights = [{1: 0.3, 2: 1.8}, {1: 0.9, 2: 0.4}, 0.2]
    merged = weighted_vote(people, weights=weights)
    assert values(merged) == "1 1 2"  # 0.3 + 0.2 against 0.4; alone; 1.8 against 0.9
    assert thousandths(people, merged, weights) == [300, 300, 1000]
    assert thousandths([raster("1 2 .")], raster("1 2 ."), [{1: 3.0, 2: 0.0}]) == [1000, 0, 0]
    with pytest.raises(UnusableLabels, match="1 weight"):
        thousandths(people, merged, [1.0])


# --- STAPLE -------------------------------------------------------------------------------------------------


def noisy(truth, *, wrong, rng):
    """A person who gives another class on a random share of the pixels."""
    slips = rng.random(truth.shape) < wrong
    other = (truth - 1 + rng.integers(1, 3, truth.shape)) % 3 + 1
    return np.where(slips, other, truth).astype(np.uint8)


def test_staple_finds_out_whom_to_believe_where_a_majority_would_not():
    rng = np.random.default_rng(4)
    truth = rng.integers(1, 4, (96, 96)).astype(np.uint8)
    people = [noisy(truth, wrong=share, rng=rng) for share in (0.02, 0.45, 0.45)]
    by_vote = (majority_vote(people) == truth).mean()
    assert (staple(people) == truth).mean() > max(by_vote, 0.95)


def test_staple_leaves_what_all_agree_on_and_one_person_alone():
    truth = raster("1 2 2 .")
    assert values(staple([truth, truth, truth])) == "1 2 2 ."
    assert values(staple([truth])) == "1 2 2 ."
    assert values(staple([raster(". ."), raster(". .")])) == ". ."


def test_a_pixel_that_staple_leaves_unlabelled_goes_by_those_who_labelled_it():
    rng = np.random.default_rng(8)
    truth = rng.integers(1, 4, (64, 64)).astype(np.uint8)
    people = [truth, truth.copy(), truth.copy()]
    people[1][:8], people[2][:8] = 0, 0
    assert (staple(people) == truth).all()


def test_voting_does_not_load_simpleitk():
    code = (
        "import sys, numpy as np; from annotation.core.consensus import majority_vote; "
        "majority_vote([np.ones((2, 2), np.uint8)] * 3); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "annotation.core.consensus" in loaded
    assert not loaded & {"SimpleITK", "django", "torch"}
