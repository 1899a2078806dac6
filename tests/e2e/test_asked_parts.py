"""Parts of a tile that are asked for: seen, gone to, drawn and handed in with a real mouse and real keys."""

from __future__ import annotations

from typing import Any

import pytest
from e2e.studio import BUILT, GRASS, Keys, Studio, begin, box, new_person, rectangle, sign_in, until

from annotation.models import Annotation, Campaign, Ticket
from annotation.services.people import set_role

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

ASKED = [[40, 4, 16, 16], [4, 36, 16, 16], [40, 40, 16, 12]]
BORDERS = "[data-testid='map'] .asked-part"
# Whether a place is in the middle of the window, and the map at rest.
CAME_TO = """([x, y]) => {
  const map = document.querySelector("[data-testid='map']");
  const { left, right, top, bottom } = map.getBoundingClientRect();
  const at = document.querySelector("#studio").projectToScreen(x, y);
  return Math.abs(at.x - (left + right) / 2) <= 40 && Math.abs(at.y - (top + bottom) / 2) <= 40 &&
    !map.querySelector(".leaflet-zoom-anim, .leaflet-pan-anim");
}"""
# W, and once more while the map glides from zoom to zoom.
PRESSED_IN_MOTION = """async () => {
  const press = () => window.dispatchEvent(new KeyboardEvent("keydown", { key: "w", code: "KeyW", bubbles: true }));
  press();
  while (!document.querySelector("[data-testid='map'] .leaflet-zoom-anim")) {
    await new Promise((go) => requestAnimationFrame(go));
  }
  press();
}"""


@pytest.fixture
def asked_tile(world: Any) -> Any:
    """A tile whose ticket asks for three parts of it."""
    tile = world.tile()
    Ticket.objects.filter(tile=tile).update(regions=ASKED)
    return tile


def state_of(hands: Studio, part: int) -> str:
    """What the panel says of a part."""
    return str(hands.page.inner_text(f"[data-testid='part-{part}']"))


def draw(hands: Studio, col: float, row: float, width: float, height: float) -> None:
    hands.choose(BUILT)
    hands.use("rectangle")
    hands.drag((col, row), (col + width, row + height))
    hands.settle()


def test_parts_are_bordered_where_they_lie_and_drawing_in_one_marks_it_done(open_studio: Any, asked_tile: Any) -> None:
    hands = open_studio(tile=asked_tile)
    assert hands.page.locator(BORDERS).count() == 3
    assert "Parts to label: 0 of 3 done" in hands.page.inner_text("[data-testid='section-parts'] summary")
    assert "Only parts of the tile are asked for" in hands.page.inner_text("[data-testid='why-parts']")
    for (col, row, width, height), border in zip(ASKED, hands.page.locator(BORDERS).all(), strict=True):
        seen = border.bounding_box()
        (left, top), (right, bottom) = hands.place(col, row), hands.place(col + width, row + height)
        assert (seen["x"], seen["y"]) == pytest.approx((left, top), abs=1.5)
        assert (seen["x"] + seen["width"], seen["y"] + seen["height"]) == pytest.approx((right, bottom), abs=1.5)
    draw(hands, 38, 2, 20, 20)  # across the border of the first: nothing of it takes the mouse
    hands.wait_for_words("Part 1: done. Parts to label: 1 of 3 done")
    assert state_of(hands, 1) == "Part 1: done" and state_of(hands, 2) == "Part 2: hardly anything labelled"
    assert [one.inner_text() for one in hands.page.locator(BORDERS).all()] == ["1 ✓", "2", "3"]
    draw(hands, 4, 36, 8, 16)
    assert "50" in state_of(hands, 2)
    assert hands.saved(2).ground(BUILT).equals(rectangle(38, 2, 58, 22) | rectangle(4, 36, 12, 52))
    hands.press("Control+z", "Control+z")
    hands.settle(0)
    assert state_of(hands, 1) == "Part 1: hardly anything labelled"


def test_what_is_labelled_beside_the_parts_is_kept_and_counts_for_none(open_studio: Any, asked_tile: Any) -> None:
    hands = open_studio(tile=asked_tile)
    draw(hands, 2, 2, 20, 20)
    assert hands.saved(1).ground(BUILT).equals(rectangle(2, 2, 22, 22))
    assert "0 of 3" in hands.page.inner_text("[data-testid='section-parts'] summary")
    assert "0% of the parts labelled" in hands.page.inner_text("footer")


def test_a_tile_with_an_empty_part_is_handed_in_only_when_its_person_says_so(open_studio: Any, asked_tile: Any) -> None:
    hands = open_studio([box(BUILT, 40, 4, 56, 20, "one"), box(GRASS, 4, 36, 20, 52, "two")], tile=asked_tile)
    hands.page.click("[data-testid='submit']")
    dialog = hands.page.locator("dialog")
    assert "1 of 3" in dialog.inner_text() and dialog.locator("li").all_inner_texts() == ["Part 3"]
    hands.page.keyboard.press("Enter")  # to go on is what is offered first
    dialog.wait_for(state="detached")
    assert Annotation.objects.get(tile=asked_tile, annotator=hands.user).state == "draft"
    assert "Part 3: hardly anything labelled" in hands.spoken()
    hands.page.wait_for_function(CAME_TO, arg=[48, 46])
    draw(hands, 40, 40, 16, 11)
    hands.saved(3)
    hands.press("Control+z")
    hands.saved(2)
    hands.page.click("[data-testid='submit']")
    hands.page.click("[data-testid='dialog-confirm']")
    hands.page.wait_for_selector(f"#studio[data-ready='true']:not([data-tile='{asked_tile.pk}'])")
    done = Annotation.objects.get(tile=asked_tile, annotator=hands.user)
    assert done.state == "submitted" and len(done.head.features) == 2


def test_a_tile_whose_parts_are_all_begun_goes_without_a_question(open_studio: Any, asked_tile: Any) -> None:
    begun = [box(BUILT, 40, 4, 56, 20, "one"), box(GRASS, 4, 36, 20, 52, "two"), box(GRASS, 40, 40, 56, 44, "three")]
    hands = open_studio(begun, tile=asked_tile)
    hands.page.click("[data-testid='submit']")
    hands.page.wait_for_selector(f"#studio[data-ready='true']:not([data-tile='{asked_tile.pk}'])")
    assert Annotation.objects.get(tile=asked_tile, annotator=hands.user).state == "submitted"


def test_w_goes_to_the_most_wanted_part_left_then_to_the_next_and_shift_w_hides_them(
    open_studio: Any, asked_tile: Any
) -> None:
    hands = open_studio([box(BUILT, 40, 4, 56, 20, "one")], tile=asked_tile)
    for part in (2, 3, 2):
        hands.hush()
        hands.press("w")
        hands.wait_for_words(f"Part {part}: hardly anything labelled")
    hands.page.wait_for_function(CAME_TO, arg=[12, 44])
    hands.wait_for_words("In part 2")  # said last, of the place itself: it would take the place of what is said next
    hands.press("Shift+W")
    assert hands.page.locator(BORDERS).count() == 0
    hands.wait_for_words("The parts to label are hidden")
    hands.press("Shift+W")
    assert hands.page.locator(BORDERS).count() == 3


def test_w_pressed_while_the_map_still_glides_goes_to_the_part_it_names(open_studio: Any, asked_tile: Any) -> None:
    hands = open_studio([box(BUILT, 40, 4, 56, 20, "one")], tile=asked_tile)
    hands.page.evaluate(PRESSED_IN_MOTION)
    hands.wait_for_words("Part 3: hardly anything labelled")
    window = hands.page.locator("[data-testid='map']").bounding_box()
    middle = pytest.approx((window["x"] + window["width"] / 2, window["y"] + window["height"] / 2), abs=40)
    until(hands.page, lambda: hands.place(48, 46) == middle, "the part is not in the middle of the window")
    # The motion that was cut short takes nothing back later.
    hands.page.wait_for_timeout(600)
    assert hands.place(48, 46) == middle


def test_w_puts_the_keyboard_s_cursor_into_the_part(open_studio: Any, asked_tile: Any) -> None:
    hands = open_studio(tile=asked_tile)
    Keys(hands).choose(BUILT)
    hands.press("w", "i")
    hands.wait_for_words("Not labelled. In part 1")
    hands.press("g", "Space")
    assert hands.saved(1).ground(BUILT).equals(rectangle(40, 4, 56, 20))


@pytest.fixture
def all_by_parts(world: Any) -> Any:
    """Every tile that the queue has left is asked for by two parts."""
    waiting = Ticket.objects.filter(campaign=world.campaign, regions=[]).exclude(state__in=("done", "void"))
    keys = list(waiting.values_list("pk", flat=True))
    waiting.update(regions=ASKED[:2])
    yield
    Ticket.objects.filter(pk__in=keys).update(regions=[])


@pytest.mark.usefixtures("all_by_parts")
def test_while_the_next_tile_is_on_its_way_w_says_nothing_of_it_and_its_parts_are_shown(
    open_studio: Any, asked_tile: Any
) -> None:
    hands = open_studio([box(BUILT, 40, 4, 56, 20, "one")], tile=asked_tile)
    held: list[Any] = []
    hands.press("Shift+W")
    hands.page.route("**/claim/", lambda route: held.append(route))
    hands.page.click("[data-testid='submit']")
    hands.page.click("[data-testid='dialog-confirm']")
    hands.page.wait_for_selector("#studio[data-ready='false']")
    hands.hush()
    hands.press("w", "Shift+W")
    hands.page.wait_for_timeout(300)
    assert "whole tile" not in hands.spoken() and "whole tile" not in hands.page.inner_text("#studio")
    for one in held:
        one.continue_()
    hands.page.unroute("**/claim/")
    hands.page.wait_for_selector(f"#studio[data-ready='true']:not([data-tile='{asked_tile.pk}'])")
    assert "they are bordered on the image" in hands.page.inner_text("[data-testid='why-parts']")
    assert hands.page.locator(BORDERS).count() == 2, "hidden on the tile before, they are not hidden here"


def test_on_a_narrow_screen_the_panel_makes_way_for_the_part_that_is_gone_to(open_studio: Any, asked_tile: Any) -> None:
    hands = open_studio(tile=asked_tile, viewport={"width": 390, "height": 780}, has_touch=True, is_mobile=True)
    hands.page.tap(".studio-bar [data-testid='panel']")
    hands.page.tap("[data-testid='part-2']")
    hands.page.wait_for_selector("#studio-panel", state="hidden")
    hands.wait_for_words("Part 2: hardly anything labelled")


def test_going_on_here_with_a_tile_that_is_asked_for_otherwise_by_now_goes_by_what_is_asked_now(
    open_studio: Any, asked_tile: Any
) -> None:
    first = open_studio(tile=asked_tile)
    second = Studio(first.page.context.new_page(), asked_tile, first.user)
    second.open()
    second.press("w")
    second.wait_for_words("Part 1")
    second.press("d")
    second.page.wait_for_selector("#studio[data-suggestions='2']")
    asked_tile.leases.update(asked=[[20, 4, 16, 16], [40, 40, 16, 12]])  # given anew, by another round's ticket
    second.page.click("[data-testid='go-on-here']")
    second.page.wait_for_selector("#studio[data-suggestions='1']")
    assert second.page.locator(BORDERS).count() == 2
    second.hush()
    second.press("w")
    second.wait_for_words("Part 1: hardly anything labelled")


def test_a_tile_asked_for_by_parts_is_split_and_the_quarter_in_hand_is_one_that_is_asked_for(
    world: Any, open_studio: Any, asked_tile: Any
) -> None:
    Campaign.objects.filter(pk=world.campaign.pk).update(first_reviewed=0)  # newcomers do not split
    hands = open_studio([box(GRASS, 2, 2, 30, 30, "stray")], tile=asked_tile)
    hands.press("q")
    dialog = hands.page.locator("dialog")
    assert "the others that are asked for" in dialog.inner_text()
    hands.page.click("[data-testid='dialog-confirm']")
    hands.page.wait_for_selector("[data-testid='tile-name']:has-text('quarter 2')")
    hands.ready()
    assert "the others that are asked for wait in the queue" in hands.page.inner_text("[data-testid='notice']")
    assert hands.page.locator(BORDERS).count() == 1
    assert hands.page.locator("button.part").count() == 1
    kept = Ticket.objects.filter(tile__whole=asked_tile).exclude(state="void").order_by("part")
    assert [(one.part, one.regions) for one in kept] == [
        (1, [[2, 2, 28, 28]]), (2, [[8, 4, 16, 16]]), (3, [[4, 4, 16, 16]]), (4, [[8, 8, 16, 12]]),
    ]  # fmt: skip


def test_the_next_gap_is_one_that_is_asked_for(open_studio: Any, asked_tile: Any) -> None:
    hands = open_studio(
        [box(BUILT, 40, 4, 56, 16, "one"), box(GRASS, 4, 36, 20, 52, "two"), box(GRASS, 40, 40, 56, 52, "three")],
        tile=asked_tile,
    )
    hands.press("u")
    hands.wait_for_words("Gap 1 of 1")  # 16 × 4 pixels of 0.2 m
    assert "2.6 m²" in hands.spoken()
    assert hands.page.locator("[data-testid='fill-all']").count() == 0
    Keys(hands).choose(BUILT)
    hands.press("u", "g", "Space")  # what was said is what is filled: not the ground around the parts
    stored = hands.saved(4)
    assert stored.ground(BUILT).equals(rectangle(40, 4, 56, 20))
    assert stored.ground(GRASS).equals(rectangle(4, 36, 20, 52) | rectangle(40, 40, 56, 52))
    hands.press("u")
    hands.wait_for_words("All that is asked for is labelled")


def test_a_click_in_a_part_fills_the_part_and_one_beside_fills_the_rest(open_studio: Any, asked_tile: Any) -> None:
    hands = open_studio(tile=asked_tile)
    hands.choose(BUILT)
    hands.use("fill")
    hands.click(44, 8)
    assert hands.saved(1).ground(BUILT).equals(rectangle(40, 4, 56, 20))
    hands.choose(GRASS)
    hands.clicks((2, 2))
    stored = hands.saved(2)
    assert stored.ground(GRASS).equals(rectangle(0, 0, 64, 64) - rectangle(40, 4, 56, 20))


def test_the_model_s_draft_is_offered_and_taken_in_the_parts_alone(open_studio: Any, asked_tile: Any) -> None:
    """The model drew four squares of 20 pixels: one enters the first part, one the second, two lie beside them."""
    hands = open_studio(tile=asked_tile)
    hands.press("d")
    hands.page.wait_for_selector("#studio[data-suggestions='2']")
    hands.page.fill("[data-testid='threshold']", "50")
    hands.press("Shift+A")
    stored = hands.saved(2)
    assert stored.ground(BUILT).equals(rectangle(40, 4, 56, 20))
    assert stored.ground(GRASS).equals(rectangle(4, 36, 20, 40))
    assert stored.kinds() == sorted([(BUILT, "accepted"), (GRASS, "accepted")])
    hands.page.wait_for_selector("#studio[data-suggestions='0']")


def test_a_whole_tile_has_nothing_of_all_this(open_studio: Any) -> None:
    hands = open_studio()
    assert hands.page.locator(BORDERS).count() == 0
    assert hands.page.locator("[data-testid='section-parts'], [data-testid='why-parts']").count() == 0
    hands.press("w")
    hands.wait_for_words("The whole tile is to be labelled")


def test_the_reviewer_sees_which_parts_were_asked_for(world: Any, open_page: Any, asked_tile: Any) -> None:
    author, reviewer = new_person(), new_person()
    set_role(campaign=world.campaign, user=reviewer, role="reviewer")
    begin(asked_tile, author, [box(BUILT, 40, 4, 56, 20, "one")])
    page = open_page()
    sign_in(page, author)
    hands = Studio(page, asked_tile, author)
    hands.open()
    page.click("[data-testid='submit']")
    page.click("[data-testid='dialog-confirm']")
    page.wait_for_selector(f"#studio[data-ready='true']:not([data-tile='{asked_tile.pk}'])")
    annotation = Annotation.objects.get(tile=asked_tile, annotator=author)
    desk = open_page()
    sign_in(desk, reviewer)
    desk.goto(f"/campaigns/{world.campaign.slug}/review/?annotation={annotation.pk}")
    desk.wait_for_selector(f"#review[data-ready='true'][data-tile='{asked_tile.pk}']")
    names = desk.locator("[data-pane='submission'] .asked-part").all_inner_texts()
    assert names == ["1 ✓", "2", "3"]
    assert "asked for the bordered parts only" in desk.inner_text("[data-testid='asked-note']")


def test_in_french_the_parts_are_told_too(world: Any, open_page: Any, asked_tile: Any) -> None:
    someone = new_person()
    page = open_page(locale="fr-FR")
    sign_in(page, someone)
    Studio(page, asked_tile, someone).open()
    assert "Parties à étiqueter : 0 sur 3 terminées" in page.inner_text(
        "[data-testid='section-parts'] summary"
    ).replace("\u00a0", " ")
