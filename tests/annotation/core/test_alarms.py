"""What should be looked at, and what chance or an honest habit explains."""

from __future__ import annotations

import math

import numpy as np
import pytest

from annotation.core.alarms import (
    Copying,
    LabelPair,
    binomial_tail,
    find_copying,
    find_one_class,
    find_too_fast,
    groups_of,
)


def test_the_binomial_tail_by_hand() -> None:
    assert binomial_tail(2, 3, 0.5) == pytest.approx(0.5)  # 3/8 + 1/8
    assert binomial_tail(3, 3, 0.1) == pytest.approx(0.001)
    assert binomial_tail(0, 5, 0.1) == 1.0 and binomial_tail(1, 2, 0.0) == 0.0 and binomial_tail(1, 2, 1.0) == 1.0


def honest_pairs(count: int, *, seed: int = 0, people: int = 30) -> list[LabelPair]:
    """Pairs who differ along edges, by 1 to 9 % of the ground, and on tiles of one class not at all."""
    rng = np.random.default_rng(seed)
    pairs = []
    for tile in range(count):
        first, second = sorted(int(one) for one in rng.choice(people, size=2, replace=False))
        classes = int(rng.integers(1, 4))
        pairs.append(LabelPair(tile, first, second, 0.0 if classes == 1 else float(rng.uniform(0.01, 0.09)), classes))
    return pairs


def test_two_who_hardly_ever_differ_are_found_and_people_on_easy_tiles_are_not() -> None:
    copies = [LabelPair(1000 + nth, 100, 101, 0.001, 2) for nth in range(6)]
    easy = [LabelPair(2000 + nth, 102, 103, 0.0, 1) for nth in range(50)]
    (found,) = find_copying(honest_pairs(400) + copies + easy)
    assert (found.people, found.nearly_equal, found.tiles) == ((100, 101), 6, tuple(range(1000, 1006)))
    assert found.chance == pytest.approx(1 / 269, rel=0.2) and found.p_value < 1e-9


def test_where_everybody_is_nearly_equal_nobody_copies() -> None:
    pairs = [LabelPair(tile, tile % 5, 5 + tile % 7, 0.001, 2) for tile in range(400)]
    assert find_copying(pairs) == []


def test_two_copies_are_chance() -> None:
    assert find_copying(honest_pairs(400) + [LabelPair(1000 + nth, 100, 101, 0.0, 2) for nth in range(2)]) == []


def test_twenty_honest_campaigns_raise_nothing() -> None:
    assert [find_copying(honest_pairs(600, seed=seed)) for seed in range(20)] == [[]] * 20


def test_accounts_that_copy_each_other_are_one_group() -> None:
    links = [Copying(people, (), 3, 0.01, 1e-9) for people in ((5, 6), (1, 2), (2, 9), (9, 12))]
    assert groups_of(links) == [(1, 2, 9, 12), (5, 6)]


def test_somebody_who_gives_one_class_to_everything_is_found_and_a_forest_campaign_is_not() -> None:
    mixed = {person: [{"grass": 60.0, "wood": 40.0}] * 9 + [{"wood": 100.0}] for person in range(20)}
    assert find_one_class(mixed) == []
    (found,) = find_one_class({**mixed, 99: [{"grass": 100.0}] * 11 + [{"grass": 90.0, "wood": 10.0}]})
    assert (found.person, found.class_code, found.filled, found.tiles) == (99, "grass", 11, 12)
    assert found.chance == pytest.approx(1 / 202)
    forest = {person: [{"wood": 100.0}] * 20 for person in range(5)}
    assert find_one_class(forest) == []
    assert find_one_class({**mixed, 99: [{"grass": 100.0}] * 9}) == [], "nine tiles say too little"


def test_somebody_far_faster_than_others_is_found_and_the_quickest_of_many_is_not() -> None:
    rng = np.random.default_rng(1)
    others = {person: list(120 * np.exp(rng.normal(0, 0.4, size=20))) for person in range(30)}
    assert find_too_fast(others) == []
    (found,) = find_too_fast({**others, 99: [6.0] * 15})
    assert (found.person, found.seconds, found.tiles) == (99, 6.0, 15)
    assert 90 < found.others_seconds < 150
    wide = {person: [math.exp(person)] * 10 for person in range(8)}
    assert find_too_fast(wide) == [], "where people differ that much, nobody is far from the others"
