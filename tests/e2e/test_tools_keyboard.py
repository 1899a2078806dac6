"""Every tool by the keyboard alone: no pointer event reaches the page in these tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from e2e.studio import BUILT, DRAWING, GRASS, Keys, box, mask_of, polygon, rectangle, segment_ids

NO_POINTER = """for (const kind of ["pointerdown", "mousedown", "touchstart"]) {
  addEventListener(kind, () => { throw new Error("a pointer was used"); }, true);
}"""

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def tab_to(page: Any, target: str) -> None:
    """Tab until a link or button has the focus."""
    for _step in range(120):
        page.keyboard.press("Tab")
        if page.evaluate("(target) => document.activeElement.matches(target)", target):
            return
    raise AssertionError(f"Tab never comes to {target}")


def test_a_polygon_and_a_rectangle_are_drawn_with_arrows_space_and_enter(open_studio: Any) -> None:
    hands = open_studio()
    keys = Keys(hands)
    keys.choose(BUILT)
    hands.press("p")
    keys.home()
    keys.press_at((4, 4), (14, 4), (14, 14), (4, 14))
    hands.press("Enter")
    hands.settle(1)
    keys.choose(GRASS)
    hands.press("r")
    keys.go(10, 10)
    hands.press("Space")
    keys.go(20, 18)
    hands.press("Space")
    stored = hands.saved(2)
    assert stored.ground(BUILT).equals(rectangle(4, 4, 14, 14) - rectangle(10, 10, 14, 14))
    assert stored.ground(GRASS).equals(rectangle(10, 10, 20, 18))


def test_a_lasso_goes_round_between_two_presses_and_escape_calls_it_off(open_studio: Any) -> None:
    hands = open_studio()
    keys = Keys(hands)
    keys.choose(BUILT)
    hands.press("l")
    keys.home()
    keys.press_at((4, 4))
    keys.go(10, 4)
    hands.press("Escape")
    keys.press_at((6, 6))
    for place in ((18, 6), (18, 16), (6, 16)):
        keys.go(*place)
    hands.press("Space")
    stored = hands.saved(1)
    assert stored.ground(BUILT).equals(rectangle(6, 6, 18, 16))
    assert stored.kinds() == [(BUILT, "drawn")]


def test_corners_placed_by_keys_land_on_corners_and_edges_nearby(open_studio: Any) -> None:
    hands = open_studio([box(BUILT, 4.5, 4.5, 12.5, 16.5, "left")])
    keys = Keys(hands)
    keys.choose(GRASS)
    hands.press("p")
    keys.home()
    keys.press_at((12, 4), (20, 4), (20, 10), (12, 10))
    hands.press("Enter")
    stored = hands.saved(2)
    assert polygon(stored.one("left")["rings"]).equals(rectangle(4.5, 4.5, 12.5, 16.5))
    assert stored.ground(GRASS).equals(shapely.Polygon([(12.5, 4.5), (20, 4), (20, 10), (12.5, 10)]))


def test_the_brush_paints_between_two_presses_and_the_eraser_rubs_out(open_studio: Any) -> None:
    hands = open_studio()
    keys = Keys(hands)
    keys.choose(BUILT)
    hands.press("b", "[", "[", "[", "[", "[", "[")
    keys.home()
    keys.go(8, 8)
    hands.press("Space")
    keys.go(24, 8)
    hands.press("Space")
    hands.settle(1)
    hands.press("x")
    keys.go(16, 2)
    hands.press("Space")
    keys.go(16, 14)
    hands.press("Space")
    stored = hands.saved(2)
    band = shapely.LineString([(8, 8), (24, 8)]).buffer(4) - shapely.LineString([(16, 2), (16, 14)]).buffer(4)
    assert (stored.ground(BUILT) ^ band).area < 0.05 * band.area


def test_cut_fill_split_and_merge_by_keys_keep_every_pixel(open_studio: Any) -> None:
    hands = open_studio([box(BUILT, 2, 2, 22, 22, "big")])
    keys = Keys(hands)
    hands.press("c")
    keys.home()
    keys.press_at((6, 6), (12, 6), (12, 12), (6, 12))
    hands.press("Enter")
    hands.settle(1)
    keys.choose(GRASS)
    hands.press("g")
    keys.press_at((9, 9))
    hands.settle(2)
    hands.press("k")
    keys.press_at((1, 16), (24, 16))
    hands.press("Enter")
    stored = hands.saved(3)
    assert sorted(shape.area for shape in stored.shapes(BUILT)) == [20 * 6, 20 * 14 - 36]
    assert stored.ground(GRASS).equals(rectangle(6, 6, 12, 12))
    hands.press("m")
    keys.press_at((4, 4), (4, 19))
    stored = hands.saved(2)
    assert len(stored.shapes(BUILT)) == 1
    assert stored.ground(BUILT).equals(rectangle(2, 2, 22, 22) - rectangle(6, 6, 12, 12))


def test_a_vertex_of_two_shapes_is_moved_relabelled_and_undone_by_keys(open_studio: Any) -> None:
    start = [box(BUILT, 4, 4, 12, 16, "left"), box(GRASS, 12, 4, 20, 16, "right")]
    hands = open_studio(start)
    keys = Keys(hands)
    hands.press("n")
    assert hands.page.get_attribute("#studio", "data-selected") == "left"
    assert "1" in hands.spoken() and BUILT in hands.spoken()
    keys.home()
    keys.go(12, 4)
    hands.press("Space")
    keys.go(14, 7)
    hands.press("Space")
    stored = hands.saved(2)
    assert stored.ground(BUILT).equals(shapely.Polygon([(4, 4), (14, 7), (12, 16), (4, 16)]))
    assert stored.ground(GRASS).equals(shapely.Polygon([(14, 7), (20, 4), (20, 16), (12, 16)]))
    keys.go(12, 16)
    hands.press("Delete")
    stored = hands.saved(2)
    assert stored.ground(BUILT).equals(shapely.Polygon([(4, 4), (14, 7), (4, 16)]))
    hands.press("Control+z", "Control+z")
    keys.choose(GRASS)
    hands.press("n", "Delete")
    stored = hands.saved(1)
    assert stored.features == [{**start[0], "class_code": GRASS}]


def test_a_whole_edge_and_a_new_corner_are_moved_by_keys_with_every_neighbour(open_studio: Any) -> None:
    hands = open_studio(
        [box(BUILT, 4, 4, 16, 28, "left"), box(GRASS, 16, 4, 28, 14, "high"), box(GRASS, 16, 14, 28, 28, "low")]
    )
    keys = Keys(hands)
    hands.press("n")
    keys.home()
    keys.go(16, 20)
    hands.press("Shift+Space")
    keys.go(20, 20)
    hands.press("Space")
    stored = hands.saved(3)
    assert stored.ground(BUILT).equals(rectangle(4, 4, 20, 28))
    assert polygon(stored.one("high")["rings"]).equals(rectangle(20, 4, 28, 14))
    assert polygon(stored.one("low")["rings"]).equals(rectangle(20, 14, 28, 28))
    keys.go(4, 16)
    hands.press("Space")
    keys.go(1, 16)
    hands.press("Space")
    stored = hands.saved(3)
    assert stored.ground(BUILT).equals(rectangle(4, 4, 20, 28) | shapely.Polygon([(4, 4), (1, 16), (4, 28)]))
    hands.press("Control+z", "Control+z", "Control+Shift+z")
    assert hands.saved(3).ground(BUILT).equals(rectangle(4, 4, 20, 28))


def test_labels_of_another_vintage_are_copied_by_keys_alone(open_studio: Any, world: Any) -> None:
    tile = world.tile()
    world.label_earlier(tile, [box(BUILT, 0, 0, 32, 64, "west"), box(GRASS, 32, 0, 64, 64, "east")])
    hands = open_studio(tile=tile)
    hands.page.evaluate(NO_POINTER)
    for target in ("[data-testid='section-vintage'] > summary", "[data-testid='vintages']"):
        tab_to(hands.page, target)
        hands.press("Enter")
    hands.page.wait_for_selector("#studio[data-suggestions='2']", state="attached")
    hands.press("Shift+A")
    stored = hands.saved(2)
    assert stored.kinds() == [(BUILT, "copied"), (GRASS, "copied")]
    assert stored.ground(BUILT).equals(rectangle(0, 0, 32, 64))
    assert stored.ground(GRASS).equals(rectangle(32, 0, 64, 64))


def test_segments_are_walked_spoken_labelled_and_made_larger_by_keys(open_studio: Any) -> None:
    hands = open_studio()
    ids = segment_ids(hands.tile)
    keys = Keys(hands)
    keys.choose(GRASS)
    keys.home()
    hands.press("s")
    hands.page.wait_for_selector("[data-testid='segment-count']", state="attached")
    hands.press("Space")
    hands.settle(1)
    hands.press("ArrowRight")
    first = int(ids[0, 0]) + 1  # may still be what is spoken of
    hands.page.wait_for_function(
        """first => {
            const number = /Segment (\\d+) of \\d+/.exec(document.querySelector('#spoken').textContent)?.[1];
            return number !== undefined && Number(number) !== first;
        }""",
        arg=first,
    )
    words = hands.spoken()
    other = int(words.split("Segment ")[1].split(" ")[0]) - 1
    assert other != ids[0, 0] and "not labelled" in words and "Neighbours" in words
    hands.press("Space")
    stored = hands.saved()
    assert np.array_equal(mask_of(stored.ground(GRASS)), np.isin(ids, [ids[0, 0], other]))
    assert {provenance for _code, provenance in stored.kinds()} == {"segment"}
    large = segment_ids(hands.tile, "coarse")
    keys.choose(BUILT)
    hands.press("]")
    hands.segments(large)
    hands.hush()
    hands.press("i")
    hands.wait_for_words(r"Segment \d+ of")
    under = int(hands.spoken().split("Segment ")[1].split(" ")[0]) - 1
    hands.press("Space")
    stored = hands.saved()
    assert np.array_equal(mask_of(stored.ground(BUILT)), large == under)


def test_suggestions_are_taken_one_by_one_as_another_class_and_all_the_sure_ones_by_keys(open_studio: Any) -> None:
    hands = open_studio()
    keys = Keys(hands)
    keys.home()
    hands.press("d")
    hands.page.wait_for_selector("#studio[data-suggestions='4']", state="attached")
    keys.go(2, 2)
    hands.press("a")
    hands.settle(1)
    hands.press("e")  # arrows go pixel by pixel
    keys.home()
    hands.press("d")
    keys.go(4, 24)
    keys.choose(BUILT)
    hands.settle(2)
    hands.press("Shift+A")
    stored = hands.saved(3)
    assert {f["id"]: (f["class_code"], f["provenance"]) for f in stored.features} == {
        "region-1": (BUILT, "accepted"),
        "region-2": (GRASS, "accepted"),
        "region-4": (BUILT, "corrected"),
    }
    assert polygon(stored.one("region-2")["rings"]).equals(polygon(DRAWING[1]["rings"]))


def test_a_key_leads_to_where_the_model_doubts_and_the_views_looked_at_are_stored(open_studio: Any) -> None:
    hands = open_studio()
    keys = Keys(hands)
    keys.choose(BUILT)
    hands.press("t", "b", "j")
    hands.page.wait_for_function("() => document.querySelector('#spoken').textContent.includes('Doubtful place 1 of')")
    hands.press("Space", "Space")
    stored = hands.saved(1)
    middle = stored.ground(BUILT).centroid
    assert 40 <= middle.x <= 50 and 40 <= middle.y <= 50
    assert stored.revision.imagery_seen["views"] == ["rgb", "irc"]
    assert stored.revision.imagery_seen["layer"] == hands.tile.campaign.layer.slug


def test_one_tile_is_labelled_and_submitted_from_the_campaigns_page_by_keys_alone(world: Any, open_page: Any) -> None:
    from e2e.studio import Studio, new_person, sign_in

    from annotation.models import Annotation

    user, page = new_person(), open_page()
    sign_in(page, user)
    page.context.add_init_script(NO_POINTER)
    page.goto("/campaigns/gers/")
    tab_to(page, "a[href='/campaigns/gers/studio/']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/studio/")
    page.wait_for_selector("#studio[data-ready='true']")
    number = int(page.get_attribute("#studio", "data-tile"))
    hands = Studio(page, world.campaign.tiles.get(pk=number), user)
    keys = Keys(hands)
    keys.choose(BUILT)
    hands.press("r")
    keys.home()
    hands.press("Space")
    keys.go(12, 20)
    hands.press("Space")
    hands.settle(1)
    keys.choose(GRASS)
    hands.press("u")
    hands.press("g", "Space")
    hands.settle(2)
    hands.press("Control+Enter")
    page.wait_for_selector(f"#studio[data-ready='true']:not([data-tile='{number}'])")
    annotation = Annotation.objects.get(annotator=user, tile_id=number)
    assert annotation.state == "submitted" and annotation.head is not None
    shapes = {f["class_code"]: polygon(f["rings"]) for f in annotation.head.features}
    assert shapes[BUILT].equals(rectangle(0, 0, 12, 20))
    assert shapes[GRASS].equals(rectangle(0, 0, 64, 64) - rectangle(0, 0, 12, 20))
