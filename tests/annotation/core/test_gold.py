"""When a gold tile is due, and in which order they come."""

import pytest

from annotation.core.gold import gold_is_due, gold_order, share_of_gold, uniform

KEY = b"a secret of the site"


def test_the_share_given_is_about_the_share_asked():
    due = [gold_is_due(KEY, seed=3, person=7, count=count, share=0.1) for count in range(4000)]
    # 4000 draws at 0.1: four standard deviations are 76.
    assert abs(sum(due) - 400) < 76


def test_no_share_is_never_and_a_whole_one_always_due():
    assert not any(gold_is_due(KEY, seed=3, person=7, count=count, share=0.0) for count in range(200))
    assert all(gold_is_due(KEY, seed=3, person=7, count=count, share=1.0) for count in range(200))


def test_the_same_question_has_the_same_answer_and_depends_on_each_part():
    def answers(**changed):
        asked = {"seed": 3, "person": 7, "key": KEY, **changed}
        key = asked.pop("key")
        return [gold_is_due(key, **asked, count=count, share=0.5) for count in range(64)]

    assert answers() == answers()
    assert answers() != answers(seed=4)
    assert answers() != answers(person=8)
    assert answers() != answers(key=b"another secret"), "without the secret nobody can work it out"


def test_each_person_meets_the_gold_tiles_in_an_order_of_their_own():
    golds = range(1, 9)
    orders = [gold_order(KEY, golds, seed=3, person=person) for person in range(6)]
    assert all(sorted(order) == list(golds) for order in orders)
    assert len({tuple(order) for order in orders}) > 1
    assert gold_order(KEY, reversed(golds), seed=3, person=0) == orders[0]


def test_uniform_numbers_lie_from_zero_to_below_one():
    numbers = [uniform(KEY, "x", n) for n in range(2000)]
    assert min(numbers) >= 0.0 and max(numbers) < 1.0
    assert abs(sum(numbers) / len(numbers) - 0.5) < 0.03


@pytest.mark.parametrize(
    ("share", "newcomer", "expected"), [(0.1, False, 0.1), (0.1, True, 0.3), (0.3, True, 0.5), (0.0, True, 0.0)]
)
def test_newcomers_are_given_three_times_the_share_of_gold_at_most_half(
    share: float, newcomer: bool, expected: float
) -> None:
    assert share_of_gold(share, newcomer=newcomer) == pytest.approx(expected)
