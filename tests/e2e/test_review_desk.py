"""The review desk in a browser: beside the image and the model's drawing, corrections, marks, the author's answer."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from e2e.studio import BUILT, GRASS, Stored, Studio, begin, box, new_person, rectangle, sign_in, until

# Where one picture of the imagery lies, from the middle of each map: the one nearest to the first's middle. Nothing
# while a map glides, as Leaflet's own classes say.
SEEN = """(known) => {
  if (document.querySelector(".leaflet-pan-anim, .leaflet-zoom-anim")) return null;
  const maps = ["image", "submission", "model"].map((name) => document.querySelector(`[data-pane='${name}']`));
  const pictures = (map) => [...map.querySelectorAll(".imagery img")].filter((one) => one.complete);
  const found = (map, url) => pictures(map).find((one) => one.getAttribute("src") === url);
  const off = (map, url) => {
    const picture = found(map, url).getBoundingClientRect();
    const frame = map.getBoundingClientRect();
    return [picture.x - frame.x - frame.width / 2, picture.y - frame.y - frame.height / 2];
  };
  const urls = pictures(maps[0]).map((one) => one.getAttribute("src"));
  const shared = urls.filter((url) => maps.every((map) => found(map, url)));
  shared.sort((one, other) => Math.hypot(...off(maps[0], one)) - Math.hypot(...off(maps[0], other)));
  const url = known ?? shared[0];
  return url && maps.every((map) => found(map, url)) ? { url, places: maps.map((map) => off(map, url)) } : null;
}"""
# The scale bar is drawn anew when a zoom is over.
SCALE = "() => document.querySelector(\"[data-pane='image'] .scale-line\").style.width"


def seen_at_rest(page: Any, url: str | None = None) -> Any:
    """What SEEN gives, once it has been the same for a third of a second."""
    last = None
    for _ in range(100):
        now = page.evaluate(SEEN, url)
        if now is not None and now == last:
            return now
        last = now
        page.wait_for_timeout(300)
    raise AssertionError(f"the maps do not come to rest: {last}")


def tab_to(page: Any, selector: str) -> None:
    """Presses Tab until the keyboard is there."""
    for _ in range(20):
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {selector}")


pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def submitted(world: Any, features: list[dict[str, Any]]) -> tuple[Any, Any, Any]:
    """Someone's submission, and a reviewer."""
    from annotation.services.annotations import submit_annotation
    from annotation.services.people import set_role

    author, reviewer, tile = new_person(), new_person(), world.tile()
    begin(tile, author, features)
    submit_annotation(tile=tile, annotator=author, operation_id=uuid.uuid4(), expected_version=1)
    set_role(campaign=world.campaign, user=reviewer, role="reviewer")
    return tile, author, reviewer


def open_desk(open_page: Any, reviewer: Any) -> Any:
    page = open_page(viewport={"width": 1440, "height": 900})
    sign_in(page, reviewer)
    page.goto("/campaigns/gers/review/")
    page.wait_for_selector("#review[data-ready='true']")
    return page


def test_a_reviewer_corrects_a_submission_with_the_studios_tools_and_its_author_sees_what_changed(
    world: Any, open_page: Any
) -> None:
    tile, author, reviewer = submitted(world, [box(BUILT, 10, 10, 40, 40, "a")])
    desk = open_desk(open_page, reviewer)
    assert desk.locator(".pane:visible").count() == 3
    assert "new here" in desk.inner_text("[data-testid='notes']")
    desk.keyboard.press("c")
    desk.wait_for_url("**/correct/*/")
    desk.wait_for_selector("#studio[data-ready='true']")
    hands = Studio(desk, tile, reviewer)
    hands.choose(GRASS)
    hands.use("polygon")
    hands.clicks((30, 10), (50, 10), (50, 40), (30, 40), (30, 10))
    hands.settle(2)
    desk.click("[data-testid='submit']")
    desk.wait_for_url("**/review/")
    desk.wait_for_selector("[data-testid='empty']")
    stored = Stored(tile, author)
    assert stored.annotation.state == "accepted" and stored.revision.author == reviewer
    assert stored.ground(BUILT).equals(rectangle(10, 10, 30, 40))
    assert stored.ground(GRASS).equals(rectangle(30, 10, 50, 40))
    assert stored.annotation.revisions.get(number=1).author == author
    page = open_page()
    sign_in(page, author)
    page.goto(f"/me/work/{stored.annotation.pk}/")
    words = page.inner_text("main")
    assert "Accepted with corrections" in words and "What stands now" in words
    assert page.locator("table tbody tr").count() == 2 and page.locator(".label-change").count() == 2


def test_a_marked_place_reaches_the_author_who_disputes_and_another_reviewer_decides(
    world: Any, open_page: Any
) -> None:
    from annotation.services.people import set_role

    tile, author, reviewer = submitted(world, [box(BUILT, 10, 10, 40, 40, "a")])
    desk = open_desk(open_page, reviewer)
    desk.keyboard.press("m")
    place = desk.locator("[data-pane='submission']").bounding_box()
    desk.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    desk.click("[data-testid='reason-class']")
    desk.fill("dialog textarea", "This is a greenhouse.")
    desk.click("[data-testid='dialog-confirm']")
    desk.wait_for_selector(".mark-item")
    desk.keyboard.press("s")
    assert desk.is_checked("[data-testid='reason-class']")
    desk.click("[data-testid='dialog-confirm']")
    desk.wait_for_selector("[data-testid='empty']")
    review = Stored(tile, author).annotation.reviews.get()
    assert review.marks[0]["reason"] == "class" and review.marks[0]["comment"] == "This is a greenhouse."
    assert abs(review.marks[0]["at"][0] - 256) < 60 and abs(review.marks[0]["at"][1] - 256) < 60

    page = open_page()
    sign_in(page, author)
    page.goto(f"/campaigns/gers/studio/?tile={tile.pk}")
    page.wait_for_selector("#studio[data-ready='true']")
    assert page.locator(".mark-pin").count() == 1 and "This is a greenhouse." in page.inner_text(".why-card")
    page.goto(f"/me/work/{review.annotation_id}/")
    assert "This is a greenhouse." in page.inner_text("main")
    page.click(".dispute summary")
    page.fill("#id_comment", "It is a roof: see its shadow.")
    page.click("button:has-text('Ask another reviewer')")
    page.wait_for_selector(".messages")
    assert "You asked another reviewer to decide" in page.inner_text("main")
    desk.reload()
    desk.wait_for_selector("[data-testid='empty']")

    second = new_person()
    set_role(campaign=world.campaign, user=second, role="reviewer")
    other = open_desk(open_page, second)
    assert "It is a roof: see its shadow." in other.inner_text("[data-testid='notes']")
    other.keyboard.press("a")
    other.wait_for_selector("[data-testid='empty']")
    assert Stored(tile, author).annotation.state == "accepted"


def test_a_place_is_marked_with_the_keyboard_alone(world: Any, open_page: Any) -> None:
    tile, author, reviewer = submitted(world, [box(BUILT, 10, 10, 40, 40, "a")])
    desk = open_desk(open_page, reviewer)
    desk.keyboard.press("f")
    desk.keyboard.press("m")
    assert desk.evaluate("document.activeElement.dataset.pane") == "submission"
    before = seen_at_rest(desk)
    desk.keyboard.press("ArrowRight")
    after = seen_at_rest(desk, before["url"])
    moved = before["places"][0][0] - after["places"][0][0]
    assert moved > 20
    desk.keyboard.press("Enter")
    desk.wait_for_selector("dialog[open]")
    tab_to(desk, "[name='reason']")
    desk.keyboard.press("Space")
    tab_to(desk, "[data-testid='dialog-confirm']")
    desk.keyboard.press("Enter")
    desk.wait_for_selector(".mark-item")
    desk.keyboard.press("s")
    desk.wait_for_selector("dialog[open]")
    tab_to(desk, "[data-testid='dialog-confirm']")
    desk.keyboard.press("Enter")
    desk.wait_for_selector("[data-testid='empty']")
    (x, y) = Stored(tile, author).annotation.reviews.get().marks[0]["at"]
    assert x > 256 + 40 and abs(y - 256) < 12, "to the right of the middle, where the map was moved"


def test_maps_side_by_side_look_at_the_same_place(world: Any, open_page: Any) -> None:
    _tile, _author, reviewer = submitted(world, [box(BUILT, 10, 10, 40, 40, "a")])
    desk = open_desk(open_page, reviewer)
    place = desk.locator("[data-pane='image']").bounding_box()
    desk.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    scale = desk.evaluate(SCALE)
    desk.mouse.wheel(0, -180)  # a tile that fills its map has little room to be moved in
    desk.wait_for_function(f"(scale) => ({SCALE})() !== scale", arg=scale)
    before = seen_at_rest(desk)
    desk.mouse.down()
    desk.mouse.move(place["x"] + place["width"] / 2 + 40, place["y"] + place["height"] / 2 + 30, steps=5)
    desk.mouse.up()
    after = seen_at_rest(desk, before["url"])["places"]
    moved = [now - then for now, then in zip(after[0], before["places"][0], strict=True)]
    assert moved[0] > 35 and moved[1] > 25
    for other in after[1:]:
        assert other == pytest.approx(after[0], abs=1.5)
    desk.keyboard.press("v")
    assert desk.locator(".pane:visible").count() == 1


def open_with_the_next(page: Any, go: Callable[[], Any]) -> str:
    """The tile that the studio opens, once the page knows of the next one too: it gives back what it knows of."""

    def is_the_next(answer: Any) -> bool:
        return bool(answer.url.endswith("/claim/") and answer.request.post_data_json["ahead"])

    with page.expect_response(is_the_next) as answer:
        go()
    answer.value.finished()
    page.wait_for_selector("#studio[data-ready='true']")
    return str(page.get_attribute("#studio", "data-tile"))


def test_a_tile_on_which_nothing_was_done_goes_back_when_the_page_is_left_and_a_begun_one_stays(
    world: Any, open_page: Any
) -> None:
    from annotation.models import Lease

    user, page = new_person(), open_page()
    sign_in(page, user)
    held = Lease.objects.filter(annotator=user, state="active")
    number = open_with_the_next(page, lambda: page.goto("/campaigns/gers/studio/"))
    until(page, lambda: held.count() == 2, "the next one is not made ready")
    assert open_with_the_next(page, page.reload) == number
    until(page, lambda: held.count() == 2, "after a reload the next one is not made ready")
    page.goto("/campaigns/")
    until(page, lambda: held.count() == 0, "what nothing was done on is kept")
    assert open_with_the_next(page, lambda: page.goto("/campaigns/gers/studio/")) == number
    hands = Studio(page, world.campaign.tiles.get(pk=number), user)
    hands.choose(BUILT)
    hands.use("rectangle")
    hands.drag((10, 10), (30, 30))
    hands.saved(1)
    page.goto("/campaigns/")
    until(page, lambda: list(held.values_list("tile_id", flat=True)) == [int(number)], "the begun one alone is kept")
