"""axe-core finds nothing on any page and state of the studio, in both languages, light and dark, narrow and wide."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from e2e.glass import Fingers
from e2e.studio import BUILT, GRASS, Keys, Studio, begin, box, new_person, open_studio, sign_in, until
from gold_rows import hand_in
from scenes import accepted

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

AXE = Path(__file__).resolve().parents[2] / "frontend/node_modules/axe-core/axe.min.js"
# All that is on by default, and the rules of WCAG 2.2 AA that are not.
RUN = """async () => {
  const rules = Object.fromEntries(axe.getRules(["wcag22aa"]).map(({ ruleId }) => [ruleId, { enabled: true }]));
  const { violations } = await axe.run(document, { rules, resultTypes: ["violations"] });
  const why = (node) => node.any.concat(node.all, node.none).map(({ message }) => message).join("; ");
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")}: ${why(node)}`));
}"""
LOOKS = {
    "English, light, wide": {"locale": "en-GB", "color_scheme": "light"},
    "French, dark, narrow": {"locale": "fr-FR", "color_scheme": "dark", "viewport": {"width": 390, "height": 780}},
    "French, light, narrow": {"locale": "fr-FR", "color_scheme": "light", "viewport": {"width": 390, "height": 780}},
    "English, dark, wide": {"locale": "en-GB", "color_scheme": "dark"},
}
SHAPES = [box(BUILT, 8, 42, 32, 60, "left"), box(GRASS, 32, 42, 56, 60, "right")]


TO_THE_TOP = "() => { for (const e of document.querySelectorAll('#studio-panel, #studio-panel *')) e.scrollTop = 0; }"


class Faults:
    """What axe-core found, with the state it was found in."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def look(self, page: Any, state: str) -> None:
        if not page.evaluate("() => 'axe' in window"):
            page.evaluate(AXE.read_text(encoding="utf-8"))
        self.found += [f"{state}: {fault}" for fault in page.evaluate(RUN)]


def unfold(page: Any) -> None:
    page.evaluate("() => { for (const fold of document.querySelectorAll('main details')) fold.open = true; }")


WIDE = """() => [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > window.innerWidth && !one.closest(".scroll"))
    .map((element) => `${element.tagName} ${element.className} ${element.textContent.trim().slice(0, 40)}`)
    .slice(0, 4)"""


def check_folded_and_unfolded(page: Any) -> None:
    """No fault and nothing wider than the screen, whatever is unfolded."""
    kept = Faults()
    kept.look(page, "folded")
    unfold(page)
    kept.look(page, "unfolded")
    assert kept.found == [], "\n".join(kept.found)
    width = page.evaluate("() => [document.documentElement.scrollWidth, window.innerWidth]")
    wide = page.evaluate(WIDE) if width[0] > width[1] else []
    assert width[0] <= width[1], f"these make the page wider than the screen: {wide}"


@pytest.fixture
def faults() -> Any:
    """Fails the test at its end with all that was found, not at the first."""
    kept = Faults()
    yield kept
    assert kept.found == [], "\n".join(kept.found)


def test_a_planted_fault_is_found_with_its_place_and_its_reason(open_studio: Any) -> None:
    page, kept = open_studio().page, Faults()
    page.evaluate("() => document.querySelector(\"[data-testid='tool-lasso']\").removeAttribute('aria-label')")
    kept.look(page, "planted")
    assert any(fault.startswith("planted: button-name:") for fault in kept.found)


def open_folds(page: Any) -> None:
    page.evaluate("() => { for (const fold of document.querySelectorAll('aside details')) fold.open = true; }")


@pytest.mark.parametrize("look", LOOKS)
def test_no_state_of_an_open_tile_has_a_fault(world: Any, open_page: Any, faults: Faults, look: str) -> None:
    hands = open_studio(world, open_page, SHAPES, **LOOKS[look])
    page, keys = hands.page, Keys(hands)
    page.evaluate("() => { localStorage.setItem('solcommun.studio', '{}'); }")
    hands.open()
    page.wait_for_selector("[data-testid='practice-offer']")
    faults.look(page, "open, practice offered")
    page.click("[data-testid='practice-offer'] button")
    faults.look(page, "open")
    hands.press("p")
    keys.home()
    keys.press_at((4, 4), (12, 4))
    faults.look(page, "drawing")
    hands.press("Escape", "n")
    faults.look(page, "selected")
    hands.press("d")
    page.wait_for_selector("#studio:not([data-suggestions='0'])", state="attached")
    faults.look(page, "suggestions")
    hands.press("s")
    page.wait_for_selector("[data-testid='segment-count']", state="attached")
    hands.press("u", "o")
    faults.look(page, "segments, gaps and doubt")
    if page.is_hidden("#studio-panel"):
        page.click(".studio-bar [data-testid='panel']")
    open_folds(page)
    faults.look(page, "panel")
    hands.press("b")
    page.fill("#studio-panel input[type=search]", "no such class")
    # What the edge of a scrolled panel happens to cut is no small target: from its top, as it opens.
    page.evaluate(
        "() => document.querySelectorAll('#studio-panel, #studio-panel *').forEach((e) => { e.scrollTop = 0; })"
    )
    faults.look(page, "search without an answer")
    page.fill("#studio-panel input[type=search]", "")
    if page.is_visible(".panel-close"):
        page.click(".panel-close")
    page.focus("[data-testid='map']")
    hands.press("?")
    page.wait_for_selector("dialog[open]")
    faults.look(page, "help")
    hands.press("Escape")
    page.click("[data-testid='skip']")
    page.wait_for_selector("dialog[open]")
    faults.look(page, "skip")
    hands.press("Escape")
    page.wait_for_selector("dialog[open]", state="detached")
    page.focus("[data-testid='tool-lasso']")
    faults.look(page, "tool tip")


@pytest.mark.parametrize("look", LOOKS)
def test_no_state_of_a_tile_asked_for_by_parts_has_a_fault(
    world: Any, open_page: Any, faults: Faults, look: str
) -> None:
    from annotation.models import Ticket

    tile = world.tile()
    Ticket.objects.filter(tile=tile).update(regions=[[4, 4, 16, 16], [40, 36, 16, 16]])
    hands = open_studio(world, open_page, SHAPES, tile=tile, **LOOKS[look])
    if hands.page.is_hidden("#studio-panel"):
        hands.page.click(".studio-bar [data-testid='panel']")
    faults.look(hands.page, "parts")
    hands.page.click("[data-testid='next-part']")
    hands.page.click("[data-testid='submit']")
    hands.page.wait_for_selector("dialog[open]")
    faults.look(hands.page, "parts left empty")


@pytest.mark.parametrize("size", [(1024, 768), (390, 844)])
def test_no_state_under_a_finger_has_a_fault(world: Any, open_page: Any, faults: Faults, size: tuple[int, int]) -> None:
    device = {"viewport": {"width": size[0], "height": size[1]}, "has_touch": True, "is_mobile": True}
    for look in ({"locale": "fr-FR", "color_scheme": "light"}, {"locale": "en-GB", "color_scheme": "dark"}):
        hands = open_studio(world, open_page, SHAPES, **device, **look)
        page, fingers = hands.page, Fingers(hands)
        fingers.use("polygon")
        fingers.tap(8, 8)
        page.tap("[data-testid='key-Alt']")
        faults.look(page, f"{look}: drawing, a key held")
        fingers.use("draft")
        page.wait_for_selector("#studio:not([data-suggestions='0'])", state="attached")
        faults.look(page, f"{look}: suggestions")
        fingers.use("segments")
        page.wait_for_selector("[data-testid='segment-count']", state="attached")
        faults.look(page, f"{look}: segments")
        page.tap("[data-testid='help']")
        page.wait_for_selector("dialog[open]")
        faults.look(page, f"{look}: help")
        assert page.evaluate("() => document.querySelector('dialog').scrollTop") == 0, "the sheet begins at its top"
        assert page.evaluate("() => document.querySelector('dialog h3').textContent") in (
            "Doigts et stylet",
            "Fingers and pen",
        )


@pytest.mark.parametrize("look", ["English, light, wide", "French, dark, narrow"])
def test_no_cover_has_a_fault(world: Any, open_page: Any, faults: Faults, look: str) -> None:
    page = open_page(**LOOKS[look])
    sign_in(page, new_person())
    claims = "**/api/v1/campaigns/gers/*/"
    page.route(claims, lambda route: None)  # the answer is still on its way
    for place in ("studio", "validate", "review"):
        page.goto(f"/campaigns/gers/{place}/")
        if place != "review":
            page.wait_for_selector(".cover")
            faults.look(page, f"{place}: loading")
    page.unroute(claims)
    page.route(claims, lambda route: route.abort())
    for place in ("studio", "validate"):
        page.goto(f"/campaigns/gers/{place}/")
        page.wait_for_selector(".cover[role=alert]")
        faults.look(page, f"{place}: failed")
    page.unroute(claims)
    page.route(claims, lambda route: route.fulfill(status=204))
    for place in ("studio", "validate"):
        page.goto(f"/campaigns/gers/{place}/")
        page.wait_for_selector("[data-testid='empty']")
        faults.look(page, f"{place}: empty")
    page.unroute(claims)
    told = {"error": {"code": "left_to_others", "message": "Others are judging what is left.", "details": {}}}
    page.route(claims, lambda route: route.fulfill(status=409, json=told))
    page.goto("/campaigns/gers/validate/")
    page.wait_for_selector("[data-why='left_to_others']")
    faults.look(page, "validate: left to others")


@pytest.mark.parametrize("look", ["English, light, wide", "French, dark, narrow"])
def test_no_state_of_trouble_has_a_fault(world: Any, open_page: Any, faults: Faults, look: str) -> None:
    from annotation.services.annotations import save_annotation

    hands = open_studio(world, open_page, SHAPES, **LOOKS[look])
    page = hands.page
    second = Studio(page.context.new_page(), hands.tile, hands.user)
    second.page.goto(f"/campaigns/gers/studio/?tile={hands.tile.pk}")
    second.page.wait_for_selector("[data-testid='read-only']")
    faults.look(second.page, "second tab")
    second.page.close()
    page.bring_to_front()
    page.context.set_offline(True)
    hands.press("r")
    hands.drag((10, 10), (30, 30))
    page.wait_for_selector("[data-testid='save-state'][data-state='offline']", state="attached")
    faults.look(page, "offline")
    save_annotation(
        tile=hands.tile, annotator=hands.user, features=SHAPES[:1], operation_id=uuid.uuid4(), expected_version=1
    )
    page.context.set_offline(False)
    page.wait_for_selector("dialog.merge[open]")
    faults.look(page, "merge")
    page.click("[data-testid='conflict-mine']")
    hands.saved()
    page.context.clear_cookies(name="sessionid")
    hands.press("Control+z")
    page.wait_for_selector("[data-testid='save-state'][data-problem='sign_in']", state="attached")
    faults.look(page, "signed out")


@pytest.mark.parametrize("look", ["English, dark, wide", "French, light, narrow"])
def test_no_state_of_the_fast_lane_has_a_fault(world: Any, open_page: Any, faults: Faults, look: str) -> None:
    page = open_page(**LOOKS[look])
    sign_in(page, new_person())
    page.goto("/campaigns/gers/validate/")
    page.wait_for_selector("#validate[data-ready='true']")
    faults.look(page, "asked")
    page.keyboard.press("a")
    page.wait_for_selector("[data-testid='take-back']:not([disabled])")
    page.keyboard.press("h")
    faults.look(page, "answered one")
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")
    faults.look(page, "keys")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog[open]", state="detached")
    page.keyboard.press("/")
    open_folds(page)
    faults.look(page, "panel")


@pytest.mark.parametrize("look", ["English, light, wide", "French, dark, narrow"])
def test_no_state_of_the_review_desk_and_of_the_practice_tile_has_a_fault(
    world: Any, open_page: Any, faults: Faults, look: str
) -> None:
    from annotation.services.annotations import submit_annotation
    from annotation.services.people import set_role

    author, reviewer, tile = new_person(), new_person(), world.tile()
    begin(tile, author, SHAPES)
    submit_annotation(tile=tile, annotator=author, operation_id=uuid.uuid4(), expected_version=1)
    set_role(campaign=world.campaign, user=reviewer, role="reviewer")
    page = open_page(**LOOKS[look])
    sign_in(page, reviewer)
    page.goto("/campaigns/gers/review/")
    page.wait_for_selector("#review[data-ready='true']")
    faults.look(page, "review")
    page.keyboard.press("s")
    page.wait_for_selector("dialog[open]")
    faults.look(page, "review: send back")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog[open]", state="detached")
    empty = page.locator("[data-testid='empty']")

    def none_waits() -> bool:
        page.keyboard.press("a")
        return bool(empty.is_visible())

    # Other tests may have left submissions that wait; while one is sent or opened the key does nothing.
    until(page, none_waits, "there is always one more submission")
    faults.look(page, "review: empty")
    page.goto("/practice/")
    page.wait_for_selector("#studio[data-ready='true']")
    faults.look(page, "practice")


@pytest.mark.parametrize("look", ["English, light, wide", "French, dark, narrow"])
def test_the_page_of_quality_has_no_fault_and_shows_where_people_differ(
    world: Any, open_page: Any, faults: Faults, look: str
) -> None:
    from annotation.jobs.registry import run_job
    from annotation.models import Job
    from annotation.services.gold import mark_gold
    from annotation.services.people import set_role

    maintainer, reviewer, tile, gold_tile = new_person(), new_person(), world.tile(), world.tile()
    set_role(campaign=world.campaign, user=maintainer, role="maintainer")
    page = open_page(**LOOKS[look])
    sign_in(page, maintainer)
    for left in (32, 44):
        shapes = [box(BUILT, 0, 0, left, 64, "left"), box(GRASS, left, 0, 64, 64, "right")]
        hand_in(tile, new_person(), shapes)
    reference = accepted(world.campaign, gold_tile, new_person(), reviewer, SHAPES)
    mark_gold(campaign=world.campaign, annotation_id=reference.pk, actor=maintainer, note="a clear roof")
    hand_in(gold_tile, new_person(), SHAPES)
    page.goto("/campaigns/gers/quality/")
    faults.look(page, "quality: not counted")
    page.click("button[value=count]")
    page.wait_for_selector(".messages")
    run_job(str(Job.objects.filter(kind="count_agreement").latest("created_at").id))
    page.goto("/campaigns/gers/quality/")
    page.wait_for_load_state("networkidle")
    page.evaluate("() => { for (const fold of document.querySelectorAll('details')) fold.open = true; }")
    faults.look(page, "quality: counted")
    shown = page.locator(".quality-tiles li").count()
    assert shown >= 1
    pictures = page.evaluate(
        """() => Promise.all([...document.querySelectorAll("image.pixelated")].map(async (one) => {
          const answer = await fetch(one.getAttribute("href"));
          return `${answer.status} ${answer.headers.get("Content-Type")}`;
        }))"""
    )
    assert set(pictures) == {"200 image/png"} and len(pictures) == 1 + shown
