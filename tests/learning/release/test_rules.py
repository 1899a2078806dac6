from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from learning.release.contents import ReleaseContents
from learning.release.errors import InvalidContents, PersonalDataFound
from learning.release.rules import check_contents, refuse_personal_data


def test_sound_contents_pass(contents: ReleaseContents) -> None:
    check_contents(contents)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"version": "1.0"}, r"'1\.0'"),
        ({"version": "01.0.0"}, r"MAJOR\.MINOR\.PATCH"),
        ({"version": "../../x"}, "version"),
        ({"published_on": datetime(2026, 1, 1)}, "without time zone"),
        ({"licence": "do what you want"}, "SPDX"),
        ({"attribution": " "}, "attribution is empty"),
        ({"title": {"fr": "Sols"}}, "'en'"),
        ({"code_url": "git@example.org:x"}, "https"),
    ],
)
def test_contents_that_break_a_rule_are_refused(
    changed: Callable[..., ReleaseContents], fields: dict, message: str
) -> None:
    with pytest.raises(InvalidContents, match=message):
        check_contents(changed(**fields))


def test_a_raster_value_used_twice_or_kept_for_unlabelled_is_refused(
    contents: ReleaseContents, changed: Callable[..., ReleaseContents]
) -> None:
    for value in (0, 2, 256):
        classes = list(contents.nomenclature.classes)
        classes[1] = replace(classes[1], raster_value=value)
        with pytest.raises(InvalidContents, match="distinct integers"):
            check_contents(changed(nomenclature=replace(contents.nomenclature, classes=tuple(classes))))


def test_a_model_of_another_nomenclature_or_with_missing_statistics_is_refused(
    contents: ReleaseContents, changed: Callable[..., ReleaseContents]
) -> None:
    assert contents.model is not None
    with pytest.raises(InvalidContents, match="ocsge-cover 1"):
        check_contents(changed(model=replace(contents.model, nomenclature_version="1")))
    with pytest.raises(InvalidContents, match="3 means"):
        check_contents(changed(model=replace(contents.model, mean=(1.0, 2.0, 3.0))))
    with pytest.raises(InvalidContents, match="the map was made by"):
        check_contents(changed(model=replace(contents.model, version="4")))


@pytest.mark.parametrize("text", ["write to ann@example.org", "<ann.b+c@mail.example.co.uk>"])
def test_an_email_address_in_a_text_is_refused(changed: Callable[..., ReleaseContents], text: str) -> None:
    with pytest.raises(PersonalDataFound, match="e-mail address"):
        check_contents(changed(description={"fr": "x", "en": text}))


def test_an_at_sign_alone_is_no_address() -> None:
    refuse_personal_data("tile @ 0.20 m, pixel@origin", place="here")
