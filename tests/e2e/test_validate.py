"""The fast lane by keyboard alone; the verdicts are the database's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from e2e.lane import ASKED, SENT, asked, begin_lane, key_of, open_lane, verdicts
from e2e.studio import BUILT, GRASS, new_person, sign_in

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


# As from a hand faster than any disk.
AT_ONCE = """(keys) => {
  for (const key of keys) {
    window.dispatchEvent(new KeyboardEvent("keydown", { key, code: `Key${key.toUpperCase()}`, bubbles: true }));
  }
}"""
# The last answer of a tile and keys after it; and these once more when the tile is through.
LAST_AND_MORE = (
    """([last, more]) => {
  const press = """
    + AT_ONCE
    + """;
  const lane = document.querySelector("#validate");
  new MutationObserver((_changes, observer) => {
    if (lane.dataset.ready === "true") return;
    observer.disconnect();
    press(more);
    window.isPressed = true;
  }).observe(lane, { attributes: true, attributeFilter: ["data-ready"] });
  press([last, ...more]);
}"""
)


@contextmanager
def held_back(page: Any, url: str) -> Iterator[None]:
    """Requests to this address wait until the block ends."""
    waiting: list[Any] = []
    is_over: list[bool] = []
    page.route(url, lambda route: route.continue_() if is_over else waiting.append(route))
    yield
    is_over.append(True)
    for route in waiting:
        route.continue_()


def answer_asked(route: Any, told: dict[str, Any]) -> None:
    """Refuses what the page asks of the server, not the page itself."""
    if route.request.method == "POST":
        route.fulfill(status=409, json=told)
    else:
        route.fallback()


def test_one_tile_is_validated_by_keys_alone_and_the_next_one_comes(world: Any, open_page: Any) -> None:
    user, page, tile = begin_lane(open_page)
    asked(page, "region-3")
    words = page.inner_text("[data-testid='spoken']")
    assert "1 of 4" in words and BUILT in words and "55" in words
    assert f"Neighbours: {GRASS}" in words, "region-2 shares an edge with it, the other two do not"
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


def test_keys_pressed_before_the_next_shape_is_there_count_for_nothing(world: Any, open_page: Any) -> None:
    from annotation.models import Lease

    user, page, tile = begin_lane(open_page)
    asked(page, "region-3")
    page.evaluate(AT_ONCE, ["a", "d", "d"])
    asked(page, "region-4")
    page.wait_for_timeout(200)
    assert page.get_attribute("#validate", "data-item") == "region-4"
    for feature, _code in ASKED[1:3]:
        asked(page, feature)
        page.keyboard.press("a")
    asked(page, "region-1")
    with held_back(page, "**/validations/"):
        page.evaluate(LAST_AND_MORE, ["a", list("dssza")])
        page.wait_for_function("() => window.isPressed")
        page.wait_for_timeout(200)
    page.wait_for_selector(f"#validate[data-ready='true']:not([data-tile='{tile}'])", state="attached")
    following = int(page.get_attribute("#validate", "data-tile"))
    asked(page, "region-3")
    page.wait_for_selector(SENT, state="attached")
    page.wait_for_timeout(500)
    assert page.get_attribute("#validate", "data-item") == "region-3"
    assert verdicts(user, tile) == {name: ("agree", code) for name, code in ASKED}
    assert not verdicts(user, following)
    assert not Lease.objects.filter(annotator=user, release_reason="skip").exists()


def test_an_answer_taken_back_after_it_was_sent_counts_as_unsure_until_it_is_given_again(
    world: Any, open_page: Any
) -> None:
    user, page, tile = begin_lane(open_page)
    asked(page, "region-3")
    page.keyboard.press("a")
    asked(page, "region-4")
    page.wait_for_selector(SENT, state="attached")
    assert verdicts(user, tile) == {"region-3": ("agree", BUILT)}
    page.keyboard.press("z")
    asked(page, "region-3")
    page.locator("[data-testid='notice']").filter(has_text="counts as “unsure”").wait_for()
    page.wait_for_selector(SENT, state="attached")
    assert verdicts(user, tile) == {"region-3": ("unsure", "")}
    page.keyboard.press("d")
    asked(page, "region-4")
    page.wait_for_selector(SENT, state="attached")
    assert verdicts(user, tile) == {"region-3": ("disagree", "")}


def test_while_answers_are_slow_to_arrive_no_tile_that_has_them_is_asked_about_again(
    world: Any, open_page: Any
) -> None:
    from annotation.models import Validation

    user = new_person()
    page = open_lane(open_page, user)
    tiles = [int(page.get_attribute("#validate", "data-tile"))]
    with held_back(page, "**/validations/"):
        for feature, _code in ASKED:
            asked(page, feature)
            page.keyboard.press("a")
        # It waits for the answers on the first tile, though not for ever.
        page.wait_for_selector(f"#validate[data-ready='true']:not([data-tile='{tiles[0]}'])", state="attached")
        tiles.append(int(page.get_attribute("#validate", "data-tile")))
        for feature, _code in ASKED:
            asked(page, feature)
            page.keyboard.press("a")
        waiting = page.locator("[data-testid='sending']")
        waiting.wait_for()
        assert "still on their way" in waiting.inner_text()
    page.wait_for_selector("#validate[data-ready='true']", state="attached")
    assert int(page.get_attribute("#validate", "data-tile")) not in tiles
    assert page.get_attribute("#validate", "data-item") == "region-3"
    for tile in tiles:
        assert verdicts(user, tile) == {name: ("agree", code) for name, code in ASKED}
    assert Validation.objects.filter(annotator=user).count() == 8


@pytest.mark.parametrize(("locale", "words"), [("en-GB", "Label a tile"), ("fr-FR", "Étiquetez une tuile")])
def test_where_no_model_is_published_the_page_says_so(world: Any, open_page: Any, locale: str, words: str) -> None:
    from learning.models import TrainedModel

    model = TrainedModel.objects.filter(pk=world.prediction.model.pk)
    model.update(state=TrainedModel.State.REJECTED)
    try:
        page = open_page(locale=locale)
        sign_in(page, new_person())
        page.goto("/campaigns/gers/validate/")
        empty = page.locator("[data-testid='empty'][data-why='no_model_yet']")
        empty.wait_for()
        assert words in empty.inner_text()
    finally:
        model.update(state=TrainedModel.State.PROMOTED)


def test_what_others_are_checking_comes_once_they_leave_it_and_one_looks_again(world: Any, open_page: Any) -> None:
    page = open_page(locale="fr-FR")
    sign_in(page, new_person())
    told = {"error": {"code": "left_to_others", "message": "Others are judging what is left.", "details": {}}}
    page.route("**/campaigns/gers/validate/", lambda route: answer_asked(route, told))
    page.goto("/campaigns/gers/validate/")
    page.get_by_text("D’autres vérifient ce qui reste").first.wait_for()
    page.unroute("**/campaigns/gers/validate/")
    page.click("[data-testid='look-again']")
    page.wait_for_selector("#validate[data-ready='true']")


def test_the_class_shown_chosen_by_its_key_is_an_agreement_and_what_is_left_comes_again(
    world: Any, open_page: Any
) -> None:
    user, page, tile = begin_lane(open_page)
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
