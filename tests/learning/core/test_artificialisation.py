"""The (cover, usage) rule, held against the table of the domain notes written out again here, pair by pair."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from learning.core.artificialisation import (
    ARTIFICIALISED,
    NOT_ARTIFICIALISED,
    UNDECIDED,
    parse_artificialisation_rule,
    shipped_artificialisation_rule,
)
from learning.errors import InvalidArtificialisationRule

# One column a usage, then the column of ground whose usage nobody knows: A artificialised, n not, ? undecided.
USAGES = [
    "US1.1",
    "US1.2",
    "US1.3",
    "US1.4",
    "US1.5",
    "US2",
    "US3",
    "US5",
    "US235",
    "US4.1.1",
    "US4.1.2",
    "US4.1.3",
    "US4.1.4",
    "US4.1.5",
    "US4.2",
    "US4.3",
    "US6.1",
    "US6.2",
    "US6.3",
    "US6.6",
]
TABLE = {
    # cover       1.1-1.5  2 3 5 235  4.1.1-4.1.5  4.2 4.3  6.1 6.2 6.3 6.6  unknown
    "CS1.1.1.1": "AAAAA AAAA AAAAA AA AAAA A",
    "CS1.1.1.2": "AAAAA AAAA AAAAA AA AAAA A",
    "CS1.1.2.1": "AAnAA AAAA AAAAA AA AAAA ?",
    "CS1.1.2.2": "AAAAA AAAA AAAAA AA AAAA A",
    "CS1.2.1": "nnnnn nnnn nnnnn nn nnnn n",
    "CS1.2.2": "nnnnn nnnn nnnnn nn nnnn n",
    "CS1.2.3": "nnnnn nnnn nnnnn nn nnnn n",
    "CS2.1.1.1": "nnnnn nnnn nnnnn nn nnnn n",
    "CS2.1.1.2": "nnnnn nnnn nnnnn nn nnnn n",
    "CS2.1.1.3": "nnnnn nnnn nnnnn nn nnnn n",
    "CS2.1.2": "nnnnn nnnn nnnnn nn nnnn n",
    "CS2.1.3": "nnnnn nnnn nnnnn nn nnnn n",
    "CS2.2.1": "nnnnn AAAA AAAAA AA AAnn ?",
    "CS2.2.2": "nnnnn AAAA AAAAA AA AAnn ?",
}
ANSWERS = {"A": True, "n": False, "?": None}


def test_all_pairs_of_14_covers_and_20_usages_and_none_are_as_the_table_says() -> None:
    rule = shipped_artificialisation_rule()
    assert set(rule.where) == set(TABLE) and len(TABLE) == 14
    assert sorted(rule.usages) == sorted(USAGES) and len(USAGES) == 20
    seen = 0
    for cover, row in TABLE.items():
        for usage, answer in zip([*USAGES, None], row.replace(" ", ""), strict=True):
            assert rule.is_artificialised(cover, usage) is ANSWERS[answer], (cover, usage)
            seen += 1
    assert seen == 14 * 21


def test_without_a_cover_nothing_is_decided_and_codes_that_nobody_knows_are_refused() -> None:
    rule = shipped_artificialisation_rule()
    assert rule.is_artificialised(None, "US2") is None
    with pytest.raises(InvalidArtificialisationRule, match=r"'US9'.*US1\.1"):
        rule.is_artificialised("CS1.1.1.1", "US9")
    with pytest.raises(InvalidArtificialisationRule, match=r"'CS9'"):
        rule.is_artificialised("CS9", "US2")


def test_where_all_quarries_are_known_mineral_ground_outside_of_them_is_artificialised_and_grass_stays_open() -> None:
    rule = shipped_artificialisation_rule()
    table = rule.states(["CS1.1.2.1", "CS2.2.1", None])
    other = rule.anything_but_extraction
    assert table[1, [0, other, rule.usage_value("US1.3")]].tolist() == [UNDECIDED, ARTIFICIALISED, NOT_ARTIFICIALISED]
    assert table[2, [0, other, rule.usage_value("US5")]].tolist() == [UNDECIDED, UNDECIDED, ARTIFICIALISED]
    assert set(table[3].tolist()) == {UNDECIDED} and not table[0].any()


def changed(**changes: Any) -> str:
    return json.dumps({**json.loads(shipped_artificialisation_rule().text), **changes})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ("[]", "the rule must have"),
        (changed(more=1), "it has.*more"),
        (changed(usages=["US2", "US2"]), "twice"),
        (changed(pairs=[]), "pairs must be a list"),
        (changed(pairs=[{"covers": ["A"], "artificialised": "where", "usages": []}]), "'where' with 0 usages"),
        (changed(pairs=[{"covers": ["A"], "artificialised": "always", "usages": ["US2"]}]), "'always' with 1 usages"),
        (changed(pairs=[{"covers": ["A"], "artificialised": "where", "usages": ["US9"]}]), "'US9'"),
        (changed(pairs=2 * [{"covers": ["A"], "artificialised": "never", "usages": []}]), "A stands in two entries"),
        (changed(thresholds={"patch_m2": -1, "building_m2": 50, "linear_width_m": 5}), "patch_m2 must be a number"),
        (changed(precedence=["labels"]), "precedence must order labels, usage"),
        (changed(building_covers=["CS9"]), "'CS9'"),
        (changed(extraction_usages=[]), "extraction_usages names none"),
        (changed(title={"fr": "x", "en": " "}), "title needs a text"),
    ],
)
def test_a_rule_that_does_not_follow_the_schema_is_refused_with_what_is_wrong(text: str, told: str) -> None:
    with pytest.raises(InvalidArtificialisationRule, match=told):
        parse_artificialisation_rule(text)


def test_every_criterion_is_told_in_both_languages() -> None:
    rule = shipped_artificialisation_rule()
    told = list(itertools.chain.from_iterable(texts.values() for texts in rule.criteria.values()))
    assert len(set(told)) == 14


def test_a_cover_above_others_is_known_where_all_of_them_are_counted_alike() -> None:
    rule = shipped_artificialisation_rule()
    # Buildings and sealed ground both always; all woods and all natural ground never; both kinds of grass by usage
    assert set(rule.broader) == {"CS1.1.1", "CS1.2", "CS2.1", "CS2.1.1", "CS2.2"}
    assert rule.is_artificialised("CS1.1.1", None) is True
    assert rule.is_artificialised("CS2.1", "US5") is False
    assert rule.is_artificialised("CS2.2", None) is None and rule.is_artificialised("CS2.2", "US5") is True
    assert not rule.knows("CS1.1.2") and not rule.knows("CS1") and not rule.knows(None)
