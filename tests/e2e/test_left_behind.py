"""Work on a tile that is not opened again: it goes to the server from whatever page is opened next, or is spoken of."""

from __future__ import annotations

from typing import Any

import pytest
import scenes
from e2e.studio import GRASS, Studio, begin, box, close_offline, fill_disk, new_person, rectangle, sign_in, until

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

SHAPE = rectangle(8, 8, 20, 20)
HELD = [box(GRASS, 30, 30, 50, 50, "held")]


def draw(hands: Studio) -> None:
    hands.use("rectangle")
    hands.drag((8, 8), (20, 20))
    hands.page.wait_for_selector("#studio[data-busy='false']", state="attached")


def leave_unsent(hands: Studio) -> Any:
    """Draws without a network, closes the page, and comes back when somebody else has the tile; the new page."""
    from annotation.models import Lease

    context = hands.page.context
    context.set_offline(True)
    draw(hands)
    hands.page.wait_for_selector("[data-testid='save-state'][data-state='offline']", state="attached")
    close_offline(hands.page)
    Lease.objects.filter(tile=hands.tile, annotator=hands.user).update(state="released")
    return context.new_page()


def stored_on(hands: Studio, page: Any, count: int) -> Any:
    """The head of this person's work on the tile once it has so many shapes."""
    from annotation.models import Annotation

    work = Annotation.objects.select_related("head").filter(tile=hands.tile, annotator=hands.user)

    def arrived() -> bool:
        found = work.first()
        return found is not None and found.head is not None and len(found.head.features) == count

    until(page, arrived, f"never {count} shapes on the server")
    return work.get().head


def test_it_is_sent_when_the_studio_opens_on_another_tile_and_the_person_is_told(open_studio: Any) -> None:
    from annotation.models import AnnotationRevision

    hands = open_studio()
    page = leave_unsent(hands)
    page.goto("/campaigns/gers/studio/")
    page.locator("[data-testid='notice']").filter(has_text="another tile that this browser had kept").wait_for()
    page.wait_for_selector("#studio[data-ready='true']")
    assert page.get_attribute("#studio", "data-tile") != str(hands.tile.pk)
    assert len(stored_on(hands, page, 1).features) == 1
    page.reload()
    page.wait_for_selector("#studio[data-ready='true']")
    page.wait_for_timeout(1_000)
    assert AnnotationRevision.objects.filter(author=hands.user).count() == 1
    assert page.locator("[data-testid='left-behind']").count() == 0


def test_work_on_the_very_tile_that_is_given_stays_in_hand_though_the_page_wakes_meanwhile(open_studio: Any) -> None:
    hands = open_studio()
    context = hands.page.context
    context.set_offline(True)
    draw(hands)
    hands.page.wait_for_selector("[data-testid='save-state'][data-state='offline']", state="attached")
    close_offline(hands.page)
    page = context.new_page()
    held: list[Any] = []
    page.route("**/claim/", lambda route: held.append(route))
    page.goto("/campaigns/gers/studio/")
    until(page, lambda: held, "no tile is asked for")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("() => window.dispatchEvent(new Event('focus'))")
    page.wait_for_timeout(1_500)  # a tile is taken for nobody's after half a second
    assert not [url for url in asked if "/tiles/" in url], "it is not known yet which tile is in hand"
    for one in held:
        one.continue_()
    page.unroute("**/claim/")
    page.wait_for_selector(f"#studio[data-ready='true'][data-tile='{hands.tile.pk}']")
    assert page.locator("[data-testid='read-only']").count() == 0
    assert len(Studio(page, hands.tile, hands.user).saved(1).features) == 1


def test_it_is_sent_from_the_page_where_shapes_are_checked_as_well(open_studio: Any) -> None:
    hands = open_studio()
    page = leave_unsent(hands)
    page.goto("/campaigns/gers/validate/")
    stored_on(hands, page, 1)


def test_where_the_server_has_another_version_the_person_is_led_to_the_choice(open_studio: Any) -> None:
    from annotation.models import Annotation
    from annotation.services.annotations import save_annotation

    hands = open_studio(HELD)
    page = leave_unsent(hands)
    elsewhere = scenes.square(GRASS, 50, 50, 10, "elsewhere")
    version = Annotation.objects.get(tile=hands.tile, annotator=hands.user).version
    save_annotation(
        tile=hands.tile, annotator=hands.user, features=[*HELD, elsewhere],
        operation_id="6f1f6f54-3a0c-4b62-9d0a-2d1c7a9f0a12", expected_version=version,
    )  # fmt: skip
    page.goto("/campaigns/gers/studio/")
    told = page.locator("[data-testid='left-behind']")
    told.wait_for()
    words = told.inner_text()
    assert f"Tile {hands.tile.row} · {hands.tile.col}: work on it" in words and "choose what stays" in words
    told.get_by_role("link").click()
    page.wait_for_selector("dialog.merge[open]")
    page.click("[data-testid='conflict-chosen']")
    stored_on(hands, page, 3)
    page.goto("/campaigns/gers/studio/")
    page.wait_for_selector("#studio[data-ready='true']")
    page.wait_for_timeout(1_000)
    assert told.count() == 0


def test_it_is_never_sent_under_another_account(open_studio: Any) -> None:
    from annotation.models import AnnotationRevision

    hands = open_studio()
    page = leave_unsent(hands)
    page.context.clear_cookies(name="sessionid")
    stranger = new_person()
    sign_in(page, stranger)
    page.goto("/campaigns/gers/studio/")
    page.wait_for_selector("#studio[data-ready='true']")
    page.wait_for_timeout(1_500)
    assert not AnnotationRevision.objects.filter(author__in=[hands.user, stranger]).exists()
    page.context.clear_cookies(name="sessionid")
    sign_in(page, hands.user)
    page.goto("/campaigns/gers/studio/")
    stored_on(hands, page, 1)


def test_work_open_in_another_tab_stays_that_tabs(open_studio: Any) -> None:
    hands = open_studio()
    context = hands.page.context
    context.route(
        "**/annotation/",
        lambda route: route.fulfill(status=503) if route.request.method == "PUT" else route.continue_(),
    )
    draw(hands)
    hands.page.wait_for_selector("[data-testid='save-state'][data-state='offline']", state="attached")
    other = context.new_page()
    other.goto("/campaigns/gers/studio/")
    other.wait_for_selector("#studio[data-ready='true']")
    if other.get_attribute("#studio", "data-tile") == str(hands.tile.pk):
        other.goto("/campaigns/gers/validate/")
        other.wait_for_selector("#validate[data-ready='true']")
    other.wait_for_timeout(1_000)
    assert hands.page.locator("[data-testid='read-only']").count() == 0
    context.unroute("**/annotation/")
    hands.page.bring_to_front()
    hands.page.evaluate("window.dispatchEvent(new Event('online'))")  # after many refusals it asks again seldom
    assert len(hands.saved(1).features) == 1


def test_answers_given_while_checking_are_sent_from_the_studio_as_well(world: Any, open_page: Any) -> None:
    from annotation.models import Validation

    user, page = new_person(), open_page()
    sign_in(page, user)
    page.goto("/campaigns/gers/validate/")
    page.wait_for_selector("#validate[data-ready='true']")
    page.context.set_offline(True)
    page.keyboard.press("u")
    page.wait_for_selector("#validate[data-pending='1']", state="attached")
    close_offline(page)
    page = page.context.new_page()
    page.goto("/campaigns/gers/studio/")
    until(page, Validation.objects.filter(annotator=user).exists, "the answer does not arrive")
    assert Validation.objects.get(annotator=user).verdict == "unsure"


def test_a_tile_is_not_skipped_while_its_work_is_neither_on_the_server_nor_in_the_browser(
    world: Any, open_page: Any
) -> None:
    user, page = new_person(), open_page()
    sign_in(page, user)
    page.goto("/me/")
    fill_disk(page)
    hands = Studio(page, world.tile(), user)
    begin(hands.tile, user, HELD)
    hands.open()
    page.route(
        "**/annotation/",
        lambda route: route.fulfill(status=503) if route.request.method == "PUT" else route.continue_(),
    )
    draw(hands)
    page.wait_for_selector("[data-testid='save-state'][data-kept='false']", state="attached")
    page.click("[data-testid='skip']")
    page.click("[data-testid='dialog-confirm']")
    page.locator("[data-testid='notice']").filter(has_text="Not skipped: This browser cannot keep a copy").wait_for()
    assert page.get_attribute("#studio", "data-tile") == str(hands.tile.pk)
    page.unroute("**/annotation/")
    assert len(hands.saved(2).features) == 2
