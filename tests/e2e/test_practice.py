"""The practice tile, walked through as a newcomer does: the guide sees each step done, nothing leaves the browser."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

REPOSITORY = Path(__file__).resolve().parents[2]
PLACE = "([x, y]) => document.querySelector('#studio').projectToScreen(x, y)"
AXE = """async () => (await axe.run()).violations.map(
  (v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`)"""
# Comes back once a place has been the same for a quarter of a second and some frames, in which the map is laid out
# anew: a step's words, a panel that closes move it.
REST = """async ([x, y]) => {
  const read = () => document.querySelector('#studio').projectToScreen(x, y);
  let at = read();
  for (let since = performance.now(), frames = 0; performance.now() - since < 250 || frames < 5; frames += 1) {
    await new Promise((done) => { requestAnimationFrame(() => { setTimeout(done, 25); }); });
    const now = read();
    if (now.x !== at.x || now.y !== at.y) [at, since, frames] = [now, performance.now(), 0];
  }
}"""
STEPS = 8

# Places in pixels of the tile.
POND = [(60, 285), (82, 274), (104, 292), (125, 315), (120, 340), (90, 340), (62, 322)]
# Far enough apart that two taps in haste are not a double tap.
QUICK_POND = [(54, 305), (86, 272), (126, 322), (95, 345)]
WOOD = [(55, 65), (140, 65), (140, 100), (50, 100), (50, 135), (135, 135)]
BARN, NORTH, SOUTH = (255, 340), (300, 60), (20, 370)


class Newcomer:
    """Somebody on the practice page, and every request that the page made."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.methods: set[str] = set()
        self.places: list[str] = []
        page.on("request", self._heard)
        page.goto("/practice/")
        page.wait_for_selector("#studio[data-ready='true']")
        page.evaluate((REPOSITORY / "frontend/node_modules/axe-core/axe.min.js").read_text())

    def _heard(self, request: Any) -> None:
        self.methods.add(request.method)
        self.places.append(request.url)

    def place(self, place: tuple[float, float]) -> tuple[float, float]:
        at = self.page.evaluate(PLACE, list(place))
        return at["x"], at["y"]

    def rest(self) -> None:
        self.page.evaluate(REST, [0, 0])

    def click(self, place: tuple[float, float], **options: Any) -> None:
        self.page.mouse.move(*self.place(place))
        self.page.mouse.click(*self.place(place), **options)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        self.settle()

    def settle(self) -> None:
        self.page.wait_for_selector("#studio[data-busy='false']")

    def at_step(self, step: int) -> None:
        """Once the guide is at that step."""
        self.page.wait_for_selector(f"[data-testid='guide'][data-step='{step}']")

    @contextmanager
    def does(self, step: int) -> Iterator[None]:
        """Within it the step is done: the guide shows it before, accessible to all, and the next one after."""
        self.page.wait_for_selector(f"[data-testid='guide'][data-step='{step}'][data-done='false']")
        assert self.page.evaluate(AXE) == []
        self.picture(f"step-{step}")
        self.rest()
        yield
        self.at_step(step + 1)

    def picture(self, name: str) -> None:
        folder = os.environ.get("PRACTICE_PICTURES")
        if folder:
            language = self.page.get_attribute("html", "lang")
            width = self.page.viewport_size["width"]
            self.page.screenshot(path=Path(folder) / f"{language}-{width}-{name}.png")

    def ends(self) -> None:
        """The end page is there, nearly all is right, and the page asked for files alone."""
        self.page.wait_for_selector("[data-testid='guide-end']")
        right = re.search(r"(\d+)\s?%", self.page.inner_text("[data-testid='guide-end'] p"))
        assert right and int(right[1]) >= 96, "a barn taken for a car park or for grass costs three hundredths more"
        self.picture("end")
        assert self.page.evaluate(AXE) == []
        assert self.page.evaluate("document.activeElement.id") == "guide-end-title"
        assert self.page.get_attribute("[data-testid='guide-campaigns']", "href") == "/campaigns/"
        assert self.page.get_attribute("[data-testid='guide-signup']", "href") == "/accounts/signup/"
        assert self.methods == {"GET"}
        assert not [url for url in self.places if "/api/" in url]
        assert self.page.evaluate("indexedDB.databases()") == []


def test_a_newcomer_walks_through_with_the_mouse_and_without_the_network(open_page: Any) -> None:
    page = open_page()
    somebody = Newcomer(page)
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    with somebody.does(1):
        page.mouse.move(*somebody.place((192, 192)))
        page.mouse.wheel(0, -240)
    page.click("[data-testid='fit']")
    with somebody.does(2):
        page.click("[data-testid='class-CS1.2.2']")
    with somebody.does(3):
        page.click("[data-testid='tool-polygon']")
        for corner in POND[:-1]:
            somebody.click(corner)
        somebody.click(POND[-1], click_count=2)
    with somebody.does(4):
        page.click("[data-testid='class-CS2.1.1.1']")
        page.click("[data-testid='tool-brush']")
        page.mouse.move(*somebody.place(WOOD[0]))
        page.mouse.down()
        for corner in WOOD[1:]:
            page.mouse.move(*somebody.place(corner), steps=5)
        page.mouse.up()
    with somebody.does(5):
        page.click("[data-testid='tool-draft']")
        page.click("[data-testid='take-all']")
    with somebody.does(6):
        page.click("[data-testid='tool-edit']")
        somebody.click(BARN)
        page.click("[data-testid='class-CS1.1.1.1']")
    with somebody.does(7):
        page.click("[data-testid='class-CS2.2.1']")
        page.click("[data-testid='tool-fill']")
        somebody.click(NORTH)
        somebody.click(SOUTH)
    page.wait_for_selector(f"[data-testid='guide'][data-step='{STEPS}']")
    assert page.get_attribute("#studio", "data-guide") == "submit"
    assert page.evaluate(AXE) == []
    somebody.picture(f"step-{STEPS}")
    page.click("[data-testid='submit']")
    somebody.ends()
    page.click("[data-testid='guide-again']")
    page.wait_for_selector("#studio[data-ready='true'][data-features='0']")
    somebody.at_step(1)


class Hands:
    """The keyboard's cursor: arrows go sixteen pixels of the screen, Shift and an arrow one of the image."""

    def __init__(self, somebody: Newcomer) -> None:
        self.somebody = somebody
        (x0, _), (x1, _) = somebody.place((0, 0)), somebody.place((100, 0))
        self.stride = 1600 / (x1 - x0)
        self.at = (192.0, 192.0)

    def go(self, place: tuple[float, float]) -> None:
        for axis, (back, ahead) in enumerate((("ArrowLeft", "ArrowRight"), ("ArrowUp", "ArrowDown"))):
            away = place[axis] - self.at[axis]
            count = round(abs(away) / self.stride)
            for _ in range(count):
                self.somebody.page.keyboard.press(ahead if away > 0 else back)
            moved = self.at[axis] + count * self.stride * (1 if away > 0 else -1)
            self.at = (moved, self.at[1]) if axis == 0 else (self.at[0], moved)


def test_a_newcomer_walks_through_in_french_with_the_keyboard_alone(open_page: Any) -> None:
    page = open_page(locale="fr-FR", reduced_motion="reduce")
    somebody = Newcomer(page)
    assert page.get_attribute("html", "lang") == "fr"
    with somebody.does(1):
        somebody.press("+", "+")
    somebody.press("f")
    with somebody.does(2):
        somebody.press("4")
    with somebody.does(3):
        somebody.press("p", "ArrowUp", "ArrowDown")
        hands = Hands(somebody)
        for corner in POND:
            hands.go(corner)
            somebody.press("Space")
        somebody.press("Enter")
    with somebody.does(4):
        somebody.press("5", "b")
        hands.go(WOOD[0])
        somebody.press("Space")
        for corner in WOOD[1:]:
            hands.go(corner)
        somebody.press("Space")
    with somebody.does(5):
        somebody.press("d")
        page.wait_for_selector("#studio:not([data-suggestions='0'])")
        somebody.press("Shift+A")
    with somebody.does(6):
        for _ in range(8):
            if page.get_attribute("#studio", "data-selected") == "practice-4":
                break
            somebody.press("n")
        somebody.press("1")
    with somebody.does(7):
        somebody.press("Escape", "6", "g")
        for _ in range(6):
            if page.get_attribute("[data-testid='guide']", "data-step") != "7":
                break
            somebody.press("u", "Space")
    page.wait_for_selector(f"[data-testid='guide'][data-step='{STEPS}']")
    assert page.evaluate(AXE) == []
    somebody.press("Control+Enter")
    somebody.ends()


def test_next_and_back_are_always_possible_and_the_card_covers_nothing_on_a_telephone(open_page: Any) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    somebody = Newcomer(page)
    for step in range(1, STEPS):
        somebody.at_step(step)
        assert page.evaluate(AXE) == []
        somebody.picture(f"step-{step}")
        somebody.rest()
        card = page.locator("[data-testid='guide']").bounding_box()
        assert card["y"] + card["height"] <= somebody.place((0, 0))[1], "the tile is under the card"
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.tap("[data-testid='guide-next']")
    for step in range(STEPS, 1, -1):
        somebody.at_step(step)
        assert page.is_disabled("[data-testid='guide-next']") == (step == STEPS)
        page.tap("[data-testid='guide-back']")
    somebody.at_step(1)
    assert page.is_disabled("[data-testid='guide-back']")


class Fingers:
    """Taps on a telephone, where the panel covers the map while it is open."""

    def __init__(self, somebody: Newcomer) -> None:
        self.somebody, self.page = somebody, somebody.page

    def taps(self, *places: tuple[float, float]) -> None:
        self.somebody.rest()
        for place in places:
            self.page.touchscreen.tap(*self.somebody.place(place))
            self.somebody.settle()

    def choose(self, code: str) -> None:
        self.page.wait_for_selector("#studio[data-guide='panel']")  # the way to the class is shown
        self.page.tap("[data-testid='panel']")
        self.page.tap(f"[data-testid='class-{code}']")
        self.page.wait_for_function("document.querySelector('#studio').dataset.guide !== 'panel'")
        self.page.tap(".panel-close")

    def draws(self, code: str, *corners: tuple[float, float]) -> None:
        self.page.tap("[data-testid='tool-polygon']")
        self.choose(code)
        self.taps(*corners, corners[0])


def test_a_newcomer_walks_through_on_a_telephone_with_one_finger(open_page: Any) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    somebody = Newcomer(page)
    finger = Fingers(somebody)
    page.tap("[data-testid='guide-next']")
    with somebody.does(2):
        finger.choose("CS1.2.2")
    with somebody.does(3):
        finger.taps(*QUICK_POND, QUICK_POND[0])
    with somebody.does(4):
        finger.draws("CS2.1.1.1", (40, 65), (100, 45), (150, 80), (150, 120), (100, 155), (50, 140))
    with somebody.does(5):
        page.tap("[data-testid='tool-draft']")
        page.wait_for_selector("#studio:not([data-suggestions='0'])")
        finger.taps((30, 207), (215, 276), (300, 266), BARN)
    with somebody.does(6):
        page.tap("[data-testid='tool-edit']")
        finger.taps(BARN)
        finger.choose("CS1.1.1.1")
    with somebody.does(7):
        finger.choose("CS2.2.1")
        page.tap("[data-testid='tool-fill']")
        finger.taps(NORTH, SOUTH)
    page.wait_for_selector(f"[data-testid='guide'][data-step='{STEPS}']")
    page.tap("[data-testid='submit']")
    somebody.ends()


def test_the_page_in_the_other_language_is_one_press_away_before_any_account(open_page: Any) -> None:
    page = open_page()
    Newcomer(page)
    page.click("[data-testid='language']")
    page.wait_for_selector("html[lang='fr'] #studio[data-ready='true']")
