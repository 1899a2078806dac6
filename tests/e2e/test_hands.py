"""What the studio says and offers to each hand: mouse, finger, pen; on a desk, a tablet and a telephone."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pytest
from e2e.glass import Fingers, Pen
from e2e.studio import BUILT, GRASS, box, mask_of, new_person, rectangle, segment_ids, sign_in, until
from PIL import Image

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

TABLET = {"viewport": {"width": 1024, "height": 768}, "has_touch": True, "is_mobile": True}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
TOOLS = (
    "edit",
    "polygon",
    "rectangle",
    "lasso",
    "brush",
    "eraser",
    "fill",
    "cut",
    "split",
    "merge",
    "segments",
    "draft",
)
KEYS = {
    "en-GB": re.compile(r"\b(Alt|Shift|Enter|Backspace|Esc|wheel|keys?|click\w*|button held)\b|[\[\]]", re.I),
    "fr-FR": re.compile(
        r"\b(Alt|Maj|Entrée|Retour|Échap|molette|touche|cliqu\w+|clics?|bouton enfoncé)\b|[\[\]]", re.I
    ),
}
SHAPES = [box(BUILT, 8, 8, 28, 40, "left"), box(GRASS, 28, 8, 56, 40, "right")]
# The page hears once more of a hand, 150 ms after it was lifted.
LIFTED = "() => new Promise((done) => { setTimeout(done, 200); })"
PAINTED = """(pane) => [...document.querySelectorAll(`.leaflet-${pane}-pane .sheet-level`)]
  .some((level) => level.style.visibility !== "hidden")"""


def hint(page: Any) -> str:
    return str(page.inner_text("[data-testid='hint']"))


def in_sight(page: Any, name: str) -> bool:
    """Whether all of it comes to be on screen, with nothing over it."""
    from playwright.sync_api import TimeoutError as NotYet

    try:
        page.wait_for_function(
            """(name) => {
              const element = document.querySelector(`[data-testid="${name}"]`);
              const box = element?.getBoundingClientRect();
              if (!box || box.width === 0 || box.top < 0 || box.bottom > innerHeight) return false;
              return [box.top + 2, box.bottom - 2].every((y) =>
                element.contains(document.elementFromPoint(box.left + box.width / 2, y)));
            }""",
            arg=name,
            timeout=10_000,
        )
    except NotYet:
        return False
    return True


def hold(page: Any, key: str, *, down: bool = True) -> None:
    """Taps a modifier's button until it is down, or up: a tap right after a drag only stops the browser's own fling."""
    from playwright.sync_api import TimeoutError as NotYet

    sign = f"[data-testid='key-{key}'][aria-pressed='{str(down).lower()}']"
    for _attempt in range(5):
        if page.locator(sign).count() > 0:
            return
        page.tap(f"[data-testid='key-{key}']")
        try:
            page.wait_for_selector(sign, timeout=2_000)
        except NotYet:
            continue
        return
    raise AssertionError(f"{key} stays as it is")


@pytest.mark.parametrize("look", [(TABLET, "en-GB"), (PHONE, "fr-FR")])
def test_no_hint_and_no_button_speaks_of_keys_to_fingers(open_studio: Any, look: tuple[Any, str]) -> None:
    device, language = look
    hands = open_studio(SHAPES, locale=language, **device)
    page, fingers, said = hands.page, Fingers(hands), {}
    for tool in TOOLS:
        fingers.use(tool)
        said[tool] = [hint(page)]
        fingers.tap(12, 50)
        page.wait_for_timeout(400)
        said[tool].append(hint(page))
    assert all(said[tool][0] for tool in TOOLS)
    spoken = [(tool, one) for tool, hints in said.items() for one in hints if KEYS[language].search(one)]
    assert spoken == []
    assert page.locator("#studio kbd:visible").count() == 0


def test_the_words_follow_the_pointer_used_last(open_studio: Any) -> None:
    hands = open_studio(SHAPES, **TABLET)
    page, fingers = hands.page, Fingers(hands)

    def says(words: str, hand: str) -> None:
        """The parts of the page are painted one after the other: each is waited for."""
        page.evaluate(LIFTED)
        page.wait_for_selector(f"#studio[data-hand='{hand}']")
        page.locator("[data-testid='hint']", has_text=words).wait_for()

    fingers.use("brush")
    says("dragging", "touch")
    page.locator("[data-testid='key-Alt']").wait_for()
    page.mouse.move(*hands.place(20, 50))
    says("button held", "mouse")
    page.locator("[data-testid='key-Alt']").wait_for(state="detached")
    page.locator("#studio kbd:visible").nth(5).wait_for()
    Pen(hands).drag((44, 50), (50, 50))
    says("other end", "pen")
    page.locator("[data-testid='key-Alt']").wait_for()
    hands.press("h")
    says("Alt+wheel", "keyboard")


@pytest.mark.parametrize("device", [TABLET, PHONE], ids=["tablet", "telephone"])
def test_fingers_do_by_buttons_what_keys_do(open_studio: Any, device: Any) -> None:
    hands = open_studio(**device)
    page, fingers = hands.page, Fingers(hands)

    def key(name: str) -> None:
        assert in_sight(page, f"key-{name}")
        page.tap(f"[data-testid='key-{name}']")

    fingers.use("polygon")
    for place in [(8, 8), (28, 8), (28, 28), (50, 50)]:
        fingers.tap(*place)
    key("Backspace")
    fingers.tap(8, 28)
    key("Enter")
    stored = hands.saved(1)
    assert (stored.ground(BUILT) ^ rectangle(8, 8, 28, 28)).area < 8
    fingers.use("brush")
    if device is PHONE:
        for _step in range(6):
            key("[")
    else:
        page.fill("[data-testid='brush-size']", "8")
    hold(page, "Alt")
    fingers.drag((18, 0), (18, 60))
    stored = hands.saved(2)
    assert 130 < stored.ground(BUILT).area < 330, "a stripe is gone"
    hold(page, "Alt", down=False)
    fingers.drag((18, 14), (18, 22))
    assert hands.saved(1).ground(BUILT).area > stored.ground(BUILT).area + 50


def test_fingers_select_several_move_whole_edges_and_merge(open_studio: Any) -> None:
    hands = open_studio(SHAPES, **TABLET)
    page, fingers = hands.page, Fingers(hands)
    fingers.use("edit")
    fingers.tap(16, 16)
    hold(page, "Shift")
    fingers.drag((8, 32), (4, 32))
    stored = hands.saved(2)
    assert stored.ground(BUILT).equals(rectangle(4, 8, 28, 40))
    fingers.tap(42, 16)
    page.wait_for_function("() => document.querySelector('#studio').dataset.selected.split(' ').length === 2")
    fingers.use("merge")
    assert page.is_enabled("[data-testid='key-Enter']")
    page.tap("[data-testid='key-Enter']")
    stored = hands.saved(1)
    assert stored.ground(BUILT).equals(rectangle(4, 8, 56, 40))


def test_fingers_take_labels_off_segments_and_give_suggestions_another_class(open_studio: Any) -> None:
    hands = open_studio([box(BUILT, 0, 0, 64, 64, "all")], **TABLET)
    page, fingers = hands.page, Fingers(hands)
    ids = segment_ids(hands.tile)
    fingers.use("segments")
    page.wait_for_selector("[data-testid='segment-count']", state="attached")
    hold(page, "Alt")
    fingers.tap(10.5, 54.5)
    stored = hands.saved()
    assert np.array_equal(mask_of(stored.ground(BUILT)), ids != ids[54, 10])
    fingers.choose(GRASS)
    fingers.use("eraser")
    page.fill("[data-testid='brush-size']", "128")
    fingers.drag((2, 32), (62, 32))
    hands.saved(0)
    fingers.use("draft")
    page.wait_for_function("() => Number(document.querySelector('#studio').dataset.suggestions) === 4")
    hold(page, "Alt")
    fingers.tap(10, 10)
    stored = hands.saved(1)
    assert (stored.one("region-1")["class_code"], stored.one("region-1")["provenance"]) == (GRASS, "corrected")


def test_the_controls_of_the_tool_in_hand_are_in_sight_whatever_was_scrolled(open_studio: Any) -> None:
    for device, scheme in (({}, "light"), (TABLET, "dark")):
        hands = open_studio(color_scheme=scheme, **device)
        page = hands.page
        assert page.locator(".class-item").count() == 14
        page.evaluate(
            "() => { const all = document.querySelector('.panel-scroll'); all.scrollTop = all.scrollHeight; }"
        )
        hands.use("draft")
        page.wait_for_function("() => Number(document.querySelector('#studio').dataset.suggestions) === 4")
        controls = ["threshold", "take-all", "suggestion-previous", "suggestion-next", "take", "show-suggestions"]
        assert [name for name in controls if not in_sight(page, name)] == []
        page.evaluate("() => { document.querySelector('.panel-scroll').scrollTop = 0; }")
        page.locator(f"[data-testid='class-{GRASS}']").scroll_into_view_if_needed()
        assert [name for name in [*controls, f"class-{GRASS}"] if not in_sight(page, name)] == []
        hands.use("segments")
        page.wait_for_selector("[data-testid='segment-count']")
        levels = ("broadest", "broad", "coarse", "medium", "fine")
        assert [level for level in levels if not in_sight(page, f"level-{level}")] == []
        hands.use("brush")
        assert in_sight(page, "brush-size")


def test_another_class_shows_the_classes_to_fingers_and_no_keyboard(world: Any, open_page: Any) -> None:
    searching = "() => document.activeElement.type === 'search'"
    for device, opens in ((PHONE, False), (TABLET, False), ({}, True)):
        page = open_page(**device)
        sign_in(page, new_person())
        page.goto("/campaigns/gers/validate/")
        page.wait_for_selector("#validate[data-ready='true']")
        (page.tap if device else page.click)("[data-testid='other-class']")
        if opens:
            page.wait_for_function(searching)
            continue
        page.wait_for_function("() => document.activeElement.matches('.class-item')")
        assert page.locator(".class-item:visible").count() == 14
        assert in_sight(page, f"class-{BUILT}")
        assert not KEYS["en-GB"].search(hint(page)) and page.locator("#validate kbd:visible").count() == 0
        page.tap("#validate input[type=search]")
        page.wait_for_function(searching)


def test_arrows_show_that_the_row_of_tools_goes_on(open_studio: Any) -> None:
    hands = open_studio(**PHONE)
    page = hands.page
    ends = (".rail [data-testid='more-before']", ".rail [data-testid='more-after']")

    def shown() -> list[bool]:
        return [page.is_visible(end) for end in ends]

    def come_to_be_shown(before: bool, after: bool) -> None:
        until(page, lambda: shown() == [before, after], f"never {before}, {after}")
        page.wait_for_timeout(600)
        assert shown() == [before, after], "it does not stay so"

    come_to_be_shown(False, True)
    page.tap(ends[1])
    page.wait_for_selector(ends[0])
    page.evaluate("() => { document.querySelector('.rail .toolbar').scrollLeft = 10000; }")
    come_to_be_shown(True, False)
    page.tap(ends[0])
    page.wait_for_selector(ends[1])
    page.evaluate("() => { document.querySelector('.rail .toolbar').scrollLeft = 0; }")
    come_to_be_shown(False, True)
    # Whoever tabs finds each tool whole, and never an arrow.
    page.focus("[data-testid='tool-edit']")
    for _tool in range(11):
        page.keyboard.press("Tab")
        name = page.evaluate("() => document.activeElement.dataset.testid")
        assert name.startswith("tool-") and in_sight(page, name), name
        page.wait_for_function(
            "() => { const b = document.activeElement.getBoundingClientRect(); return b.left >= 0 && b.right <= 390; }"
        )
    wide = open_studio().page
    wide.wait_for_timeout(300)
    assert wide.locator(".more").count() == 0
    wide.set_viewport_size({"width": 1280, "height": 480})
    wide.wait_for_selector(ends[1])


def test_codes_of_labels_are_legible_through_the_outlines_of_segments(open_studio: Any) -> None:
    hands = open_studio([box(BUILT, 0, 0, 64, 22, "a"), box(GRASS, 0, 22, 64, 44, "b"), box(BUILT, 0, 44, 64, 64, "c")])
    page = hands.page

    def look() -> Any:
        grey = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("L"))
        found = np.zeros_like(grey, dtype=bool)
        for y in (11, 33, 54):
            x, top = (round(v) for v in hands.place(32, y))
            found[top - 6 : top + 7, x - 26 : x + 27] = True
        return (grey > 235) & found

    def white(pane: str) -> Any:
        """What is white on the codes, once this pane is painted and nothing changes any more."""
        page.mouse.move(4, 4)
        page.wait_for_function(PAINTED, arg=pane)
        seen = look()
        for _more in range(30):
            page.wait_for_timeout(900)
            before, seen = seen, look()
            if np.array_equal(before, seen):
                return seen
        raise AssertionError("the page is painted anew without end")

    page.evaluate(
        "() => localStorage.setItem('solcommun.studio', JSON.stringify({practice: false, level: 'fine', opacity: 1}))"
    )
    hands.open()
    before = white("coverage")
    assert before.sum() > 100
    hands.use("segments")
    page.wait_for_selector("[data-testid='segment-count']")
    after = white("codes")
    assert (before & ~after).sum() < 0.02 * before.sum()
    assert (after & ~before).sum() < 0.1 * before.sum(), "no line of a segment touches the letters"
