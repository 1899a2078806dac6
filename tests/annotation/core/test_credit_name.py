"""A name to be thanked under is plain text that does no harm where it is printed."""

from __future__ import annotations

import pytest

from annotation.core.credit_name import checked_credit_name
from annotation.errors import InvalidCreditName


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  Zoé Martin ", "Zoé Martin"),
        ("Jean-Pierre d’Alès", "Jean-Pierre d’Alès"),
        ("Li 李", "Li 李"),
        ("Association Haies & Bocage (Gers)", "Association Haies & Bocage (Gers)"),
        ("Zoe\u0301", "Zoé"),  # composed
    ],
)
def test_names_of_people_and_groups_pass(text: str, kept: str) -> None:
    assert checked_credit_name(text) == kept


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "0 characters"),
        ("A", "1 characters"),
        ("x" * 61, "61 characters"),
        ("zoe@example.org", r"U\+0040 \(COMMERCIAL AT\)"),
        ("Zoé\u202eniтraM", r"U\+202E"),  # turns the direction of what follows
        ("Zo\u200bé", r"U\+200B"),  # not seen
        ("Zoé\nMartin", r"U\+000A"),
        ("<b>Zoé</b>", r"U\+003C"),
        ("[Zoé](https:)", r"U\+005B"),
        ("Zoé | Martin", r"U\+007C"),
        ("Z" + "\u0335" * 3, r"U\+0335"),  # three marks upon each other
        ("4 Zoé", "begins with '4'"),
        ("- Zoé", "begins with '-'"),
    ],
)
def test_addresses_markup_and_invisible_characters_are_refused_by_name(text: str, told: str) -> None:
    with pytest.raises(InvalidCreditName, match=told):
        checked_credit_name(text)
