"""Answers on the fast lane are kept until the server has them, or are told where it will not take them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from e2e.lane import ASKED, SENT, asked, begin_lane, key_of, open_lane, verdicts
from e2e.studio import BUILT, DRAWING, TILES, new_person, until
from learning_rows import model_row, ready_map
from validation_rows import Drawn

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

# The browser's storage as the first version of the page made it, with an answer in it or none, and held open.
EARLIER_FORM = """async (kept) => {
  const asked = (request) => new Promise((yes, no) => {
    request.onsuccess = () => yes(request.result);
    request.onerror = request.onblocked = () => no(new Error(String(request.error)));
  });
  await asked(indexedDB.deleteDatabase("solcommun-validate"));
  const opening = indexedDB.open("solcommun-validate", 1);
  opening.onupgradeneeded = () => {
    opening.result.createObjectStore("verdicts", { autoIncrement: true });
    opening.result.createObjectStore("batches", { keyPath: "operation_id" });
  };
  window.held = await asked(opening);
  if (kept) await asked(window.held.transaction("verdicts", "readwrite").objectStore("verdicts").add(kept));
}"""

OPENED_AGAIN = """async () => {
  const all = await indexedDB.databases();
  return all.some(({ name, version }) => name === "solcommun-validate" && version === 2);
}"""


@contextmanager
def newer_model(world: Any) -> Iterator[str]:
    """The version of a model promoted in the place of the world's, which has drawn two shapes on each tile."""
    from learning.models import TrainedModel

    older = world.prediction.model
    TrainedModel.objects.filter(pk=older.pk).update(state=TrainedModel.State.RETIRED)
    newer = model_row(world.campaign, state="promoted", number=older.number + 1)
    prediction = ready_map(newer, np.zeros((TILES, TILES), np.float32))
    for tile in world.tiles:
        Drawn(world.campaign, prediction).draw(tile, DRAWING[:2])
    try:
        yield newer.version
    finally:
        TrainedModel.objects.filter(pk=newer.pk).update(state=TrainedModel.State.RETIRED)
        TrainedModel.objects.filter(pk=older.pk).update(state=TrainedModel.State.PROMOTED)


def test_answers_given_offline_are_kept_over_a_reload_and_sent_once(world: Any, open_page: Any) -> None:
    from annotation.models import Validation

    user, page, tile = begin_lane(open_page)
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
    operations: set[str] = set()

    def note(request: Any) -> None:
        if request.method == "POST":
            asks.append(request.url)
        if request.url.endswith("/validations/"):
            operations.add(request.post_data_json["operation_id"])

    page.on("request", note)
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
    # The page tries again by itself as well, and may have done so by now.
    page.evaluate("() => document.querySelector(\".cover[role='alert'] button\")?.click()")
    page.wait_for_selector("#validate[data-ready='true']")
    page.wait_for_selector(SENT, state="attached")
    assert int(page.get_attribute("#validate", "data-tile")) not in tiles
    for tile in tiles:
        assert verdicts(user, tile) == {name: ("agree", code) for name, code in ASKED}
    assert Validation.objects.filter(annotator=user).count() == 8
    # A hand that pauses on the first tile makes more than one batch there; the other waits for it as a whole.
    batches = ValidationBatch.objects.filter(annotator=user)
    assert {str(batch.pk) for batch in batches} == operations, "each goes under one id, however often it is refused"
    assert batches.filter(tile_id=tiles[1]).count() == 1


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
    until(page, mine.exists, "the answer does not arrive")
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
        page.wait_for_selector("#validate:not([data-item='region-1'])", state="attached")
        told = page.locator("[data-testid='set-aside']")
        told.filter(has_text="2 answers were not taken").wait_for()
        words = told.inner_text()
        assert "2 answers were not taken" in words and f"Tile {tile.row} · {tile.col}" in words
        assert "CS1.2.1" in words and "class that this campaign does not offer" in words
        assert "“No”" in words and "not in the model's drawing any more" in words
        page.wait_for_selector(SENT, state="attached")
        assert verdicts(user, tile.pk) == {"region-3": ("agree", BUILT), "region-1": ("agree", BUILT)}
    finally:
        retired.update(selectable=True)
    page.wait_for_selector("#validate[data-ready='true']")
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


def test_an_answer_in_the_storage_of_an_earlier_version_of_the_page_is_sent(world: Any, open_page: Any) -> None:
    user, page, tile = begin_lane(open_page)
    asked(page, "region-3")
    person = page.evaluate("JSON.parse(document.querySelector('#boot').textContent).user.public_id")
    verdict = {"feature_id": "region-3", "verdict": "disagree", "class_code": None, "seconds": 1}
    version = world.prediction.model.version
    kept = {"owner": f"{person}/gers", "tile": tile, "model_version": version, "verdict": verdict, "done": False}
    page.goto("/me/")
    page.evaluate(EARLIER_FORM, kept)
    page.goto("/campaigns/gers/validate/")
    page.wait_for_selector("#validate[data-ready='true']")
    asked(page, "region-4")
    page.wait_for_selector(SENT, state="attached")
    assert verdicts(user, tile) == {"region-3": ("disagree", "")}
    page.keyboard.press("u")
    asked(page, "region-2")
    page.wait_for_selector(SENT, state="attached")
    assert verdicts(user, tile)["region-4"] == ("unsure", "")


def test_beside_a_tab_of_an_earlier_version_answers_go_at_once_and_are_kept_again_when_it_is_closed(
    world: Any, open_page: Any
) -> None:
    user, page, tile = begin_lane(open_page)
    asked(page, "region-3")
    page.goto("/me/")
    older = page.context.new_page()
    older.goto("/me/")
    older.evaluate(EARLIER_FORM, None)
    page.goto("/campaigns/gers/validate/")
    page.wait_for_selector("#validate[data-ready='true']")
    asked(page, "region-3")
    page.keyboard.press("u")
    asked(page, "region-4")
    state = page.locator("[data-testid='save-state']")
    state.filter(has_text="each answer goes to the server at once").wait_for()
    assert verdicts(user, tile) == {"region-3": ("unsure", "")}
    older.close()
    # The page's own opening goes on once the browser has let the other tab's go.
    page.wait_for_function(OPENED_AGAIN)
    page.context.set_offline(True)  # what is kept now stays in sight
    page.keyboard.press("u")
    asked(page, "region-2")
    state.filter(has_text="1 answers kept in this browser").wait_for()
    page.context.set_offline(False)
    page.wait_for_selector(SENT, state="attached")
    assert verdicts(user, tile) == {"region-3": ("unsure", ""), "region-4": ("unsure", "")}


def test_a_tile_that_a_newer_model_has_drawn_is_shown_anew_and_asked_from_its_beginning(
    world: Any, open_page: Any
) -> None:
    from annotation.models import Validation

    user, page, tile = begin_lane(open_page)
    asked(page, "region-3")
    with newer_model(world) as version:
        page.keyboard.press("a")
        page.locator("[data-testid='notice']").filter(has_text="A newer model has drawn this tile").wait_for()
        page.wait_for_selector("#validate[data-ready='true']")
        assert int(page.get_attribute("#validate", "data-tile")) == tile
        told = page.locator("[data-testid='set-aside']").inner_text()
        assert "1 answer was not taken" in told and "older drawing" in told
        asked(page, "region-2")
        page.keyboard.press("a")
        asked(page, "region-1")
        page.keyboard.press("d")
        page.wait_for_selector(f"#validate:not([data-tile='{tile}'])", state="attached")
        page.wait_for_selector(SENT, state="attached")
        stored = Validation.objects.filter(annotator=user, tile_id=tile)
        assert set(stored.values_list("feature_id", "verdict", "model_version")) == {
            ("region-1", "disagree", version), ("region-2", "agree", version),
        }  # fmt: skip
