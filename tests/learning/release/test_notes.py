"""Notes of a release, told from facts in both languages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from learning.release.changes import Counts, ModelFigures, ReleaseChanges
from learning.release.errors import InvalidContents
from learning.release.notes import checked_notes, first_paragraph, generated_notes, notes_document

NAMES = {"CS1": {"fr": "Bâti", "en": "Built-up"}, "CS2": {"fr": "Eau", "en": "Water"}}
CHANGES = ReleaseChanges(
    previous="1.0.0", labels=Counts(12, 3, 1), polygons={"CS2": Counts(5, 0, 1), "CS1": Counts(2, 1, 0)}, tiles=41,
    tiles_before=30, contributors=5, new_contributors=1, classes_added=("CS2",), classes_retired=("CS9",),
    model=ModelFigures("camp-m2", 0.51, 0.48, 0.54), model_before=ModelFigures("camp-m1"), has_map=True,
    had_map=True, reports_fixed=2, licence="etalab-2.0", licence_before="etalab-2.0",
)  # fmt: skip
FIRST = ReleaseChanges(previous=None, labels=Counts(added=1), polygons={}, tiles=1, contributors=1)


def test_notes_say_every_fact_in_english() -> None:
    assert generated_notes(CHANGES, NAMES, "en") == (
        "Since 1.0.0: 12 labels added, 3 labels corrected and 1 label removed.\n"
        "\n"
        "- 41 labelled tiles (30 before), by 5 people, 1 of them new.\n"
        "- New classes: CS2 Water.\n"
        "- Classes that are no longer used: CS9.\n"
        "- 2 reported places corrected.\n"
        "- Model camp-m2, mean IoU on the control tiles 0.510 (95% interval: 0.480 to 0.540). Before: camp-m1, not "
        "assessed."
    )


def test_notes_say_every_fact_in_french() -> None:
    assert generated_notes(CHANGES, NAMES, "fr") == (
        "Depuis 1.0.0 : 12 étiquettes ajoutées, 3 étiquettes corrigées et 1 étiquette retirée.\n"
        "\n"
        "- 41 tuiles étiquetées (30 avant), par 5 personnes, dont 1 nouvelle.\n"
        "- Nouvelles classes : CS2 Eau.\n"
        "- Classes qui ne servent plus : CS9.\n"
        "- 2 lieux signalés corrigés.\n"
        "- Modèle camp-m2, IoU moyen sur les tuiles de contrôle 0,510 (intervalle à 95 % : 0,480 à 0,540). Avant : "
        "camp-m1, non évalué."
    )


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "First release: 1 labelled tile, by 1 person.\n\n- No model yet."),
        ("fr", "Première publication : 1 tuile étiquetée par 1 personne.\n\n- Pas encore de modèle."),
    ],
)
def test_a_first_release_has_nothing_to_be_held_against(language: str, told: str) -> None:
    assert generated_notes(FIRST, NAMES, language) == told


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"labels": Counts()}, "Since 1.0.0: the same labels."),
        ({"model": None}, "No model is in this release any more."),
        ({"model": ModelFigures("camp-m1")}, "The same model, camp-m1, not assessed."),
        ({"has_map": False}, "Its map was not ready and is not in this release."),
        ({"licence": "ODbL-1.0"}, "The licence is ODbL-1.0; it was etalab-2.0."),
    ],
)
def test_what_is_the_same_or_gone_is_said(changed: dict[str, object], told: str) -> None:
    assert told in generated_notes(replace(CHANGES, **changed), NAMES, "en")


def test_a_maintainers_words_stand_in_the_place_of_those_made_and_the_table_stays() -> None:
    text = notes_document("Camp 1.1.0", {"en": "We looked at every pond.\n\nAgain."}, CHANGES, NAMES)
    assert text.startswith("# Camp 1.1.0\n\n## Français\n\nDepuis 1.0.0 :")
    assert "## English\n\nWe looked at every pond.\n\nAgain.\n\n| code | class |" in text and "Since 1.0.0" not in text
    assert "| CS1 | Built-up | 2 | 1 | 0 |\n| CS2 | Water | 5 | 0 | 1 |" in text
    assert first_paragraph("\nWe looked at every pond.\n\nAgain.") == "We looked at every pond."


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("by zoe@example.org", "address zoe@example.org"),
        ("a\u202eb", r"U\+202E"),
        ("a\x00b", r"U\+0000"),
        ("x" * 20_001, "20001"),
    ],
)
def test_notes_that_must_not_be_published_are_refused(text: str, told: str) -> None:
    with pytest.raises(InvalidContents, match=told):
        checked_notes(text)


def test_line_ends_of_a_form_become_those_of_files() -> None:
    assert checked_notes("  a\r\nb\rc\n ") == "a\nb\nc"
