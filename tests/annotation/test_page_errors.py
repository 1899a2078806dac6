"""What pages say of a refusal, in the reader's language."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from annotation.errors import NotSubmitted, TooManyInvitations, TooManyThisHour, UserError
from annotation.page_errors import PEOPLE, TRANSLATED, refusal_in_words


def codes_of(kind: type[UserError]) -> set[str]:
    return {kind.code}.union(*(codes_of(one) for one in kind.__subclasses__()))


def test_english_names_the_values_met_and_french_says_what_to_do() -> None:
    error = NotSubmitted("This annotation is accepted: there is nothing to decide.")
    with override("en"):
        assert refusal_in_words(error) == str(error)
    with override("fr"):
        assert refusal_in_words(error).startswith("Il n’y a rien à décider ici")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TooManyInvitations("You have made 100 invitations in a day: go on tomorrow."), "continuez demain"),
        (TooManyThisHour("Reviews: 60 in this hour."), "ce qu’une heure permet"),
    ],
)
def test_bounds_in_time_say_when_to_go_on(error: UserError, words: str) -> None:
    with override("fr"):
        assert words in refusal_in_words(error, PEOPLE)


def test_words_are_for_codes_that_errors_have() -> None:
    assert {*PEOPLE, *TRANSLATED} <= codes_of(UserError)
