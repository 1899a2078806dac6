"""A heavy tile given out in quarters from the studio: by mouse and by keys, with what was drawn kept."""

from __future__ import annotations

from typing import Any

import pytest
import scenes
import shapely
from e2e.studio import (
    BUILT,
    GRASS,
    Stored,
    Studio,
    begin,
    box,
    close_offline,
    new_person,
    polygon,
    rectangle,
    sign_in,
    until,
)

from annotation.models import Annotation, Campaign, Lease, Tile
from annotation.services.splitting import split_tile

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

HELD = "async () => (await navigator.locks.query()).held.length"
NEAR, ACROSS = box(BUILT, 8, 8, 28, 28, "near"), box(GRASS, 20, 40, 50, 60, "across")


@pytest.fixture(autouse=True)
def everybody_is_trusted(world: Any) -> None:
    """Newcomers do not split."""
    Campaign.objects.filter(pk=world.campaign.pk).update(first_reviewed=0)


def in_quarter(hands: Studio, part: int) -> Tile:
    """The quarter that the page shows by now."""
    hands.page.wait_for_selector(f"[data-testid='tile-name']:has-text('quarter {part}')")
    hands.ready()
    return Tile.objects.select_related("campaign").get(whole=hands.tile, part=part)


def let_go(page: Any) -> None:
    """Once the browser has taken from a page that was closed the tile that it held."""
    until(page, lambda: page.evaluate(HELD) == 0, "a closed page holds its tile")


def test_a_tile_is_split_and_its_quarter_drawn_with_a_mouse_as_a_tile_is(open_studio: Any, world: Any) -> None:
    hands = open_studio([NEAR, ACROSS])
    whole, held = hands.tile, Lease.objects.filter(annotator=hands.user, state="active")
    until(hands.page, lambda: held.count() == 2, "no tile is made ready")  # one that comes before the other quarters
    hands.page.click("[data-testid='quarter']")
    hands.page.click("[data-testid='dialog-confirm']")
    quarter = in_quarter(hands, 1)
    assert "split in four" in hands.page.inner_text("[data-testid='notice']")
    assert hands.page.locator("[data-testid='quarter']").count() == 0
    drawing = Studio(hands.page, quarter, hands.user)
    drawing.settle(1)
    drawing.choose(GRASS)
    drawing.use("rectangle")
    drawing.drag((20, 20), (33, 33))  # beyond the quarter's corner, on ground that the whole tile has
    stored = drawing.saved(2)
    assert stored.ground(GRASS).equals(rectangle(20, 20, 32, 32))
    assert polygon(stored.one("near")["rings"]).equals(rectangle(8, 8, 28, 28) - rectangle(20, 20, 28, 28))
    drawing.choose(BUILT)
    drawing.use("fill")
    drawing.clicks((2, 30))
    stored = drawing.saved(3)
    assert shapely.union_all(stored.shapes()).equals(rectangle(0, 0, 32, 32))
    assert "100" in hands.page.inner_text("footer")
    hands.page.click("[data-testid='submit']")
    hands.page.wait_for_selector("[data-testid='tile-name']:not(:has-text('quarter'))")
    done = Annotation.objects.get(tile=quarter, annotator=hands.user)
    assert done.state == "submitted" and Annotation.objects.get(tile=whole, annotator=hands.user).state == "split"
    hands.page.goto(f"/campaigns/{world.campaign.slug}/studio/?tile={whole.pk}")
    third = in_quarter(hands, 3)
    kept = Stored(third, hands.user)
    assert polygon(kept.one("across")["rings"]).equals(rectangle(20, 8, 32, 28))
    assert hands.page.locator("#studio[data-features='1']").count() == 1


def test_segments_and_the_model_s_draft_of_a_quarter_are_those_of_its_ground(open_studio: Any) -> None:
    hands = open_studio()
    hands.press("q", "Tab", "Enter")
    quarter = in_quarter(hands, 1)
    segments = hands.page.evaluate(
        "async (id) => (await (await fetch(`/api/v1/tiles/${id}/segments/?level=medium`)).arrayBuffer()).byteLength",
        quarter.pk,
    )
    assert segments == 2 * 32 * 32
    hands.use("segments")
    hands.page.locator("[data-testid='segment-count']").wait_for(state="attached")
    hands.choose(BUILT)
    hands.clicks((4, 4))
    stored = Studio(hands.page, quarter, hands.user).saved(1)
    [shape] = stored.features
    assert shape["provenance"] == "segment" and rectangle(0, 0, 32, 32).contains(polygon(shape["rings"]))


def test_q_asks_and_escape_leaves_the_tile_as_it_was(open_studio: Any) -> None:
    hands = open_studio([NEAR])
    hands.page.keyboard.press("q")
    hands.page.wait_for_selector("dialog:has-text('Split this tile in four?')")
    hands.page.keyboard.press("Escape")
    hands.page.wait_for_selector("dialog", state="detached")
    assert not Tile.objects.filter(whole=hands.tile).exists()


def test_a_tile_that_somebody_else_began_stays_whole_and_the_page_says_why(open_studio: Any) -> None:
    hands = open_studio([NEAR])
    begin(hands.tile, new_person(), [ACROSS])
    hands.page.click("[data-testid='quarter']")
    hands.page.click("[data-testid='dialog-confirm']")
    hands.page.wait_for_selector("[data-testid='notice']:has-text('it stays whole')")
    hands.choose(GRASS)
    hands.use("rectangle")
    hands.drag((40, 40), (50, 50))
    assert len(hands.saved(2).features) == 2
    assert Lease.objects.get(tile=hands.tile, annotator=hands.user).state == "active"


def test_a_second_tab_of_a_tile_that_was_split_goes_on_with_the_quarter(open_studio: Any) -> None:
    hands = open_studio([NEAR])
    other = hands.page.context.new_page()
    other.goto(f"/campaigns/gers/studio/?tile={hands.tile.pk}")
    other.wait_for_selector("[data-testid='read-only']")
    hands.page.click("[data-testid='quarter']")
    hands.page.click("[data-testid='dialog-confirm']")
    quarter = in_quarter(hands, 1)
    hands.page.close()
    let_go(other)
    other.click("[data-testid='go-on-here']")
    other.wait_for_selector("[data-testid='notice']:has-text('was split in four meanwhile. You go on with quarter 1')")
    in_quarter(Studio(other, hands.tile, hands.user), 1)
    drawing = Studio(other, quarter, hands.user)
    drawing.choose(GRASS)
    drawing.use("rectangle")
    drawing.drag((2, 2), (6, 6))
    assert drawing.saved(2).ground(GRASS).equals(rectangle(2, 2, 6, 6))
    assert Annotation.objects.get(tile=hands.tile, annotator=hands.user).version == 1


def test_a_tile_is_not_split_while_the_server_lacks_what_was_drawn(open_studio: Any) -> None:
    hands = open_studio([NEAR])
    hands.page.route("**/annotation/", lambda route: route.fulfill(status=503))
    hands.choose(GRASS)
    hands.use("rectangle")
    hands.drag((40, 40), (50, 50))
    hands.page.wait_for_selector("[data-testid='save-state'][data-state='offline']", state="attached")
    hands.page.click("[data-testid='quarter']")
    hands.page.click("[data-testid='dialog-confirm']")
    hands.page.wait_for_selector("[data-testid='notice']:has-text('Not split: Kept on this device.')")
    assert not Tile.objects.filter(whole=hands.tile).exists()
    hands.page.unroute("**/annotation/")
    hands.saved(2)
    hands.page.click("[data-testid='quarter']")
    hands.page.click("[data-testid='dialog-confirm']")
    in_quarter(hands, 1)


@pytest.mark.parametrize("saved", [[NEAR], []], ids=["with a version saved before", "never saved"])
def test_work_that_a_split_came_before_is_looked_at_and_removed_by_its_person_alone(
    open_studio: Any, saved: list[Any]
) -> None:
    hands = open_studio(saved)
    context = hands.page.context
    context.set_offline(True)
    hands.choose(GRASS)
    hands.use("rectangle")
    hands.drag((40, 40), (50, 50))
    hands.page.wait_for_selector("[data-testid='save-state'][data-state='offline']", state="attached")
    close_offline(hands.page)
    whole = Tile.objects.select_related("campaign").get(pk=hands.tile.pk)
    split_tile(tile=whole, actor=hands.user, expected_version=len(saved))  # on another device
    page = context.new_page()
    page.goto("/campaigns/")
    let_go(page)
    page.goto("/campaigns/gers/studio/")
    told = page.locator("[data-testid='left-behind']")
    told.wait_for()
    words = told.inner_text()
    assert f"Tile {hands.tile.row} · {hands.tile.col}: work on it" in words and "split in four before" in words
    told.get_by_role("button").click()
    dialog = page.locator("dialog.merge")
    assert "Place 1: changed in this browser" in dialog.inner_text()
    dialog.get_by_role("button", name="Close").click()
    page.reload()
    told.get_by_role("button").click()
    page.click("[data-testid='split-work-remove']")
    told.wait_for(state="detached")
    page.reload()
    page.wait_for_selector("#studio[data-ready='true']")
    page.wait_for_timeout(1_000)
    assert told.count() == 0
    assert Annotation.objects.get(tile=hands.tile, annotator=hands.user).version == len(saved)


def test_a_newcomer_reads_who_may_split(open_studio: Any, world: Any) -> None:
    Campaign.objects.filter(pk=world.campaign.pk).update(first_reviewed=5)
    hands = open_studio()
    hands.page.click("[data-testid='quarter']")
    hands.page.click("[data-testid='dialog-confirm']")
    hands.page.wait_for_selector("[data-testid='notice']:has-text('Not split: Splitting is for people')")


def test_in_french_the_tile_is_divided(world: Any, open_page: Any) -> None:
    someone = scenes.person("divise")
    page = open_page(locale="fr-FR")
    sign_in(page, someone)
    hands = Studio(page, world.tile(), someone)
    hands.open()
    page.click("text=Diviser en quatre…")
    page.wait_for_selector("dialog:has-text('Diviser cette tuile en quatre')")
    page.click("[data-testid='dialog-confirm']")
    page.wait_for_selector("[data-testid='tile-name']:has-text('quart 1')")
