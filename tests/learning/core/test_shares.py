"""The most that one person teaches of a class, worked out by hand."""

from __future__ import annotations

import itertools

from learning.core.shares import Contribution, HeldBack, cap_shares


def tiles(
    person: int, count: int, *, code: str = "a", area: float = 1.0, more: dict[str, float] | None = None
) -> list[Contribution]:
    return [Contribution((100 * person + nth,), person, {code: area, **(more or {})}) for nth in range(count)]


def test_nobody_is_held_back_where_three_people_label_a_class() -> None:
    found = cap_shares(tiles(1, 90) + tiles(2, 5) + tiles(3, 5))
    assert found.left_out == () and found.held_back == ()


def test_of_four_people_one_may_teach_half() -> None:
    # 70 of 100; the others have 30, so 30 may stay: 40 are left out, and 30 of 60 is a half.
    found = cap_shares(tiles(1, 70) + tiles(2, 10) + tiles(3, 10) + tiles(4, 10))
    assert found.held_back == (HeldBack("a", 1, 0.7, 0.5),)
    assert len(found.left_out) == 40 and {key[0] // 100 for key in found.left_out} == {1}


def test_of_eight_people_one_may_teach_a_quarter() -> None:
    # 65 of 100 with seven who have 5 each: 35 · 0.25 / 0.75 = 11.67, so 11 tiles stay: 11 / 46 = 23.9 %.
    found = cap_shares(tiles(1, 65) + [one for person in range(2, 9) for one in tiles(person, 5)])
    assert len(found.left_out) == 54 and found.held_back[0].most == 0.25


def test_nobody_is_held_back_at_the_cap_itself() -> None:
    assert cap_shares(tiles(1, 30) + tiles(2, 10) + tiles(3, 10) + tiles(4, 10)).left_out == ()


def test_accounts_with_next_to_nothing_do_not_make_a_cap_for_others() -> None:
    # Three accounts with 1 of 103 each: below a twentieth, they are not counted as the class's people.
    assert cap_shares(tiles(1, 100) + tiles(2, 1) + tiles(3, 1) + tiles(4, 1)).left_out == ()


def test_each_class_has_its_own_people_and_tiles_count_by_area() -> None:
    # Person 1 has most of b (8 of 14: six others have 1 each; seven people, cap 2 / 7), and as much of a as the others.
    first = tiles(1, 2, code="b", area=4.0, more={"a": 1.0})
    others = [one for person in range(2, 8) for one in tiles(person, 1, code="b", more={"a": 1.0})]
    found = cap_shares(first + others)
    assert [(one.class_code, one.person, one.most) for one in found.held_back] == [("b", 1, 2 / 7)]
    # 6 · (2/7) / (5/7) = 2.4 may stay and a tile has 4: both go.
    assert found.left_out == ((100,), (101,))


def test_two_who_dominate_are_both_held_back_until_neither_is_above() -> None:
    given = tiles(1, 40) + tiles(2, 40) + [one for person in (3, 4, 5, 6) for one in tiles(person, 5)]
    found = cap_shares(given)
    kept = {
        person: sum(one.person == person and one.key not in found.left_out for one in given) for person in range(1, 7)
    }
    total = sum(kept.values())
    assert all(number <= total / 3 for number in kept.values()), kept  # six people: two of six equal shares
    assert 15 <= min(kept[1], kept[2]) <= 20, kept


def test_the_answer_does_not_depend_on_the_order_and_is_the_same_again() -> None:
    given = tiles(1, 6) + tiles(2, 1) + tiles(3, 1) + tiles(4, 1)
    answers = {cap_shares(list(order)) for order in itertools.islice(itertools.permutations(given), 0, 200_000, 997)}
    assert len(answers) == 1
    (answer,) = answers
    assert len(answer.left_out) == 3
