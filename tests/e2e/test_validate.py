"""The fast lane by keyboard alone; the verdicts are the database's."""

from __future__ import annotations

from typing import Any

import pytest
from e2e.studio import BUILT, DRAWING, GRASS, new_person, sign_in

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


def test_while_the_server_refuses_the_page_stops_asking_and_all_answers_go_once_it_takes_them(
    world: Any, open_page: Any
) -> None:
    from django.utils import timezone

    from annotation.models import Contributor, Validation, ValidationBatch

    user = new_person()
    page = open_lane(open_page, user)
    Contributor.objects.filter(user=user).update(licence_accepted_at=None)
    asks: list[str] = []
    page.on("request", lambda request: asks.append(request.url) if request.method == "POST" else None)
    tiles = []
    for _tile in range(2):
        tiles.append(int(page.get_attribute("#validate", "data-tile")))
        for feature, _code in ASKED:
            asked(page, feature)
            page.keyboard.press("a")
        page.wait_for_selector(f"#validate:not([data-tile='{tiles[-1]}']), .cover[role='alert']", state="attached")
        page.wait_for_selector("#validate[data-ready='true'], .cover[role='alert']", state="attached")
    # The server gives the first tile again until it has its answers.
    stopped = page.locator(".cover[role='alert']")
    stopped.wait_for()
    assert "8 answers" in stopped.inner_text() and "agree to it" in stopped.inner_text()
    asks.clear()
    page.wait_for_timeout(4_000)
    assert not [url for url in asks if url.endswith("/validate/")]
    assert len(asks) <= 3, asks  # once more at most in the time, and heartbeats
    page.reload()
    stopped.wait_for()
    assert not Validation.objects.filter(annotator=user).exists()
    Contributor.objects.filter(user=user).update(licence_accepted_at=timezone.now())
    stopped.get_by_role("button").click()
    page.wait_for_selector("#validate[data-ready='true']")
    page.wait_for_selector(SENT, state="attached")
    assert int(page.get_attribute("#validate", "data-tile")) not in tiles
    for tile in tiles:
        assert verdicts(user, tile) == {name: ("agree", code) for name, code in ASKED}
    assert Validation.objects.filter(annotator=user).count() == 8
    assert ValidationBatch.objects.filter(annotator=user).count() == 2


def test_an_answer_that_is_no_use_any_more_costs_no_other_and_is_told_with_its_reason(
    world: Any, open_page: Any
) -> None:
    from annotation.models import NomenclatureClass, Tile, Validation

    user = new_person()
    page = open_lane(open_page, user)
    tile = Tile.objects.get(pk=int(page.get_attribute("#validate", "data-tile")))
    asked(page, "region-3")
    page.keyboard.press("a")
    # The page says "saved" before the first answer as well.
    mine = Validation.objects.filter(annotator=user)
    for _ in range(100):
        if mine.exists():
            break
        page.wait_for_timeout(100)
    first = mine.values().get()
    retired = NomenclatureClass.objects.filter(nomenclature=world.campaign.nomenclature, code="CS1.2.1")
    retired.update(selectable=False)
    world.draw(tile, [one for one in DRAWING if one["id"] != "region-2"])
    try:
        asked(page, "region-4")
        page.keyboard.press(key_of(page, "CS1.2.1"))
        asked(page, "region-2")
        page.keyboard.press("d")
        asked(page, "region-1")
        page.keyboard.press("a")
        told = page.locator("[data-testid='set-aside']")
        told.wait_for()
        words = told.inner_text()
        assert "2 answers were not taken" in words and f"Tile {tile.row} · {tile.col}" in words
        assert "CS1.2.1" in words and "class that this campaign does not offer" in words
        assert "“No”" in words and "not in the model's drawing any more" in words
        page.wait_for_selector(SENT, state="attached")
        assert verdicts(user, tile.pk) == {"region-3": ("agree", BUILT), "region-1": ("agree", BUILT)}
    finally:
        retired.update(selectable=True)
    if page.get_attribute("#validate", "data-tile") != str(tile.pk):
        page.reload()
        page.wait_for_selector("#validate[data-ready='true']")
    told.wait_for()
    asked(page, "region-4")
    page.keyboard.press("u")
    page.wait_for_selector(f"#validate[data-ready='true']:not([data-tile='{tile.pk}'])", state="attached")
    page.wait_for_selector(SENT, state="attached")
    assert verdicts(user, tile.pk)["region-4"] == ("unsure", "")
    assert Validation.objects.filter(annotator=user).order_by("pk").values().first() == first
    page.click("[data-testid='forget-aside']")
    told.wait_for(state="detached")
    page.reload()
    page.wait_for_selector("#validate[data-ready='true']")
    assert told.count() == 0
