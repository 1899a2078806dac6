"""Parts of a tile that are asked for: seen, gone to, drawn and handed in with a real mouse and real keys."""

from __future__ import annotations

from typing import Any

import pytest
from e2e.studio import BUILT, GRASS, Studio, begin, box, new_person, rectangle, sign_in

from annotation.models import Annotation, Ticket
from annotation.services.people import set_role

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

ASKED = [[40, 4, 16, 16], [4, 36, 16, 16], [40, 40, 16, 12]]
BORDERS = "[data-testid='map'] .asked-part"


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
    assert state_of(hands, 1) == "Part 1: done" and state_of(hands, 2) == "Part 2: nothing labelled"
    assert [one.inner_text() for one in hands.page.locator(BORDERS).all()] == ["1 ✓", "2", "3"]
    draw(hands, 4, 36, 8, 16)
    assert "50" in state_of(hands, 2)
    assert hands.saved(2).ground(BUILT).equals(rectangle(38, 2, 58, 22) | rectangle(4, 36, 12, 52))
    hands.press("Control+z", "Control+z")
    hands.settle(0)
    assert state_of(hands, 1) == "Part 1: nothing labelled"


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
    assert "Part 3: nothing labelled" in hands.spoken()
    hands.page.wait_for_timeout(400)
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
        hands.wait_for_words(f"Part {part}: nothing labelled")
    hands.page.wait_for_timeout(500)
    middle = hands.place(12, 44)
    window = hands.page.locator("[data-testid='map']").bounding_box()
    assert middle == pytest.approx((window["x"] + window["width"] / 2, window["y"] + window["height"] / 2), abs=40), (
        "the part is in the middle of the window"
    )
    hands.press("Shift+W")
    assert hands.page.locator(BORDERS).count() == 0
    hands.wait_for_words("The parts to label are hidden")
    hands.press("Shift+W")
    assert hands.page.locator(BORDERS).count() == 3


def test_the_next_gap_is_one_that_is_asked_for(open_studio: Any, asked_tile: Any) -> None:
    hands = open_studio(
        [box(BUILT, 40, 4, 56, 16, "one"), box(GRASS, 4, 36, 20, 52, "two"), box(GRASS, 40, 40, 56, 52, "three")],
        tile=asked_tile,
    )
    hands.press("u")
    hands.wait_for_words("Gap 1 of 1")  # 16 × 4 pixels of 0.2 m
    assert "2.6 m²" in hands.spoken()
    assert hands.page.locator("[data-testid='fill-all']").count() == 0


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
