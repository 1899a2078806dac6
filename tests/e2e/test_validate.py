"""The fast lane by keyboard alone; the verdicts are the database's."""

from __future__ import annotations

from typing import Any

import pytest
from e2e.studio import BUILT, GRASS, new_person, sign_in

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

# The least sure first, as they are asked.
ASKED = [("region-3", BUILT), ("region-4", GRASS), ("region-2", GRASS), ("region-1", BUILT)]
SENT = "#validate[data-pending='0']"


def open_lane(open_page: Any, user: Any, **options: Any) -> Any:
    page = open_page(**options)
    sign_in(page, user)
    page.goto("/campaigns/gers/validate/")
    page.wait_for_selector("#validate[data-ready='true']")
    return page


def asked(page: Any, feature: str) -> None:
    page.wait_for_selector(f"#validate[data-item='{feature}']", state="attached")


def verdicts(user: Any, tile: int) -> dict[str, tuple[str, str]]:
    from annotation.models import Validation

    found = Validation.objects.filter(annotator=user, tile_id=tile).order_by("created_at", "pk")
    return {one.feature_id: (one.verdict, one.class_code) for one in found}


def key_of(page: Any, code: str) -> str:
    shown = page.locator(f"[data-testid='class-{code}'] kbd").inner_text()
    return f"Shift+Digit{shown[1:]}" if shown.startswith("⇧") else f"Digit{shown}"


def test_one_tile_is_validated_by_keys_alone_and_the_next_one_comes(world: Any, open_page: Any) -> None:
    user = new_person()
    page = open_lane(open_page, user)
    tile = int(page.get_attribute("#validate", "data-tile"))
    asked(page, "region-3")
    words = page.inner_text("[data-testid='spoken']")
    assert "1 of 4" in words and BUILT in words and "55" in words
    page.keyboard.press("a")
    asked(page, "region-4")
    page.keyboard.press("u")
    asked(page, "region-2")
    page.keyboard.press("d")
    asked(page, "region-1")
    page.keyboard.press("z")
    asked(page, "region-2")
    page.keyboard.press(key_of(page, "CS1.2.1"))
    asked(page, "region-1")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"#validate[data-ready='true']:not([data-tile='{tile}'])", state="attached")
    page.wait_for_selector(SENT, state="attached")
    assert verdicts(user, tile) == {
        "region-1": ("agree", BUILT),
        "region-2": ("other", "CS1.2.1"),
        "region-3": ("agree", BUILT),
        "region-4": ("unsure", ""),
    }


def test_the_class_shown_chosen_by_its_key_is_an_agreement_and_what_is_left_comes_again(
    world: Any, open_page: Any
) -> None:
    user = new_person()
    page = open_lane(open_page, user)
    tile = int(page.get_attribute("#validate", "data-tile"))
    asked(page, "region-3")
    page.keyboard.press(key_of(page, BUILT))
    asked(page, "region-4")
    page.keyboard.press("d")
    asked(page, "region-2")
    page.goto("/me/")
    page.goto("/campaigns/gers/validate/")
    page.wait_for_selector("#validate[data-ready='true']")
    assert int(page.get_attribute("#validate", "data-tile")) == tile
    asked(page, "region-2")
    page.keyboard.press("a")
    asked(page, "region-1")
    page.keyboard.press("a")
    page.wait_for_selector(f"#validate[data-ready='true']:not([data-tile='{tile}'])", state="attached")
    page.wait_for_selector(SENT, state="attached")
    given = verdicts(user, tile)
    assert {name: verdict for name, (verdict, _code) in given.items()} == {
        "region-1": "agree", "region-2": "agree", "region-3": "agree", "region-4": "disagree",
    }  # fmt: skip


def test_answers_given_offline_are_kept_over_a_reload_and_sent_once(world: Any, open_page: Any) -> None:
    from annotation.models import Validation

    user = new_person()
    page = open_lane(open_page, user)
    tile = int(page.get_attribute("#validate", "data-tile"))
    page.context.set_offline(True)
    for feature, _code in ASKED[:3]:
        asked(page, feature)
        page.keyboard.press("a")
    asked(page, "region-1")
    assert not Validation.objects.filter(annotator=user).exists()
    page.context.set_offline(False)
    page.reload()
    page.wait_for_selector("#validate[data-ready='true']")
    asked(page, "region-1")
    page.keyboard.press("a")
    page.wait_for_selector(f"#validate[data-ready='true']:not([data-tile='{tile}'])", state="attached")
    page.wait_for_selector(SENT, state="attached")
    assert verdicts(user, tile) == {name: ("agree", code) for name, code in ASKED}
    assert Validation.objects.filter(annotator=user, tile_id=tile).count() == 4
