"""Every tool in a real mouse's hand; what counts is the geometry and the class that the database holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from e2e.studio import (
    BUILT,
    DRAWING,
    GRASS,
    PAIR,
    THREE,
    box,
    mask_of,
    polygon,
    rectangle,
    segment_ids,
    three_moved_to,
    two_accepted_one_corrected,
)

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def test_a_polygon_a_rectangle_and_a_lasso_take_ground_from_what_was_there(open_studio: Any) -> None:
    hands = open_studio()
    hands.choose(BUILT)
    hands.use("polygon")
    hands.clicks((10, 10), (30, 10), (30, 30), (10, 30), (10, 10))
    hands.settle(1)
    hands.choose(GRASS)
    hands.use("rectangle")
    hands.drag((20, 20), (40, 40))
    hands.settle(2)
    hands.use("lasso")
    hands.choose(BUILT)
    hands.drag((44, 6), (58, 6), (58, 20), (45, 7))
    stored = hands.saved(3)
    cut, whole, freehand = stored.features
    assert cut["class_code"] == BUILT and whole["class_code"] == GRASS and freehand["class_code"] == BUILT
    assert polygon(cut["rings"]).equals(rectangle(10, 10, 30, 30) - rectangle(20, 20, 30, 30))
    assert polygon(whole["rings"]).equals(rectangle(20, 20, 40, 40))
    assert polygon(freehand["rings"]).area == pytest.approx(98, rel=0.06)
    assert {f["provenance"] for f in stored.features} == {"drawn"}


def test_the_brush_joins_its_own_class_and_the_eraser_parts_what_it_crosses(open_studio: Any) -> None:
    hands = open_studio()
    hands.choose(BUILT)
    hands.use("brush")
    slider = hands.page.locator("[data-testid='brush-size']")
    slider.click(position={"x": 2, "y": slider.bounding_box()["height"] / 2})
    assert slider.input_value() == "2"
    hands.page.mouse.move(*hands.place(16, 16))
    hands.page.keyboard.down("Alt")
    for _notch in range(6):
        hands.page.mouse.wheel(0, -120)
    hands.page.keyboard.up("Alt")
    # Not the slider's value, which is 8 for 7 pixels as well.
    hands.page.wait_for_function("() => document.querySelector('[data-testid=brush-size] + output').value === '8 px'")
    hands.drag((16, 16), (48, 16))
    hands.settle(1)
    hands.drag((48, 16), (48, 40))
    stored = hands.saved(1)
    band = shapely.union_all(
        [shapely.LineString(line).buffer(4) for line in ([(16, 16), (48, 16)], [(48, 16), (48, 40)])]
    )
    assert (stored.ground(BUILT) ^ band).area < 0.03 * band.area
    hands.page.keyboard.down("Alt")
    hands.drag((48, 30), (48, 44))
    hands.page.keyboard.up("Alt")
    hands.settle(1)
    hands.use("eraser")
    hands.drag((32, 4), (32, 28))
    stored = hands.saved(2)
    band -= shapely.LineString([(48, 30), (48, 44)]).buffer(4)
    band -= shapely.LineString([(32, 4), (32, 28)]).buffer(4)
    assert (stored.ground(BUILT) ^ band).area < 0.04 * band.area
    assert stored.kinds() == [(BUILT, "drawn"), (BUILT, "drawn")]


def test_cut_fill_split_and_merge_keep_every_pixel_in_its_place(open_studio: Any) -> None:
    hands = open_studio([box(BUILT, 8, 8, 56, 56, "big")])
    hands.use("cut")
    hands.clicks((20, 20), (30, 20), (30, 30), (20, 30), (20, 20))
    stored = hands.saved(1)
    assert stored.ground().equals(rectangle(8, 8, 56, 56) - rectangle(20, 20, 30, 30))
    hands.choose(GRASS)
    hands.use("fill")
    hands.click(25, 25)
    hands.settle(2)
    hands.use("split")
    hands.click(4, 44)
    hands.click(60, 44, click_count=2)
    stored = hands.saved(3)
    assert stored.ground(GRASS).equals(rectangle(20, 20, 30, 30))
    halves = sorted(shape.area for shape in stored.shapes(BUILT))
    assert halves == [48 * 12, 48 * 36 - 100]
    hands.use("merge")
    hands.clicks((12, 12), (12, 50))
    stored = hands.saved(2)
    assert stored.ground(BUILT).equals(rectangle(8, 8, 56, 56) - rectangle(20, 20, 30, 30))
    assert len(stored.shapes(BUILT)) == 1 and len(stored.shapes(GRASS)) == 1


def test_a_freehand_cut_takes_ground_from_the_selected_shape_alone(open_studio: Any) -> None:
    hands = open_studio(PAIR)
    hands.use("edit")
    hands.click(12, 12)
    hands.use("cut")
    hands.drag((26, 18), (38, 18), (38, 30), (26, 30), (26, 19))
    stored = hands.saved(2)
    assert polygon(stored.one("right")["rings"]).equals(rectangle(32, 8, 56, 40))
    lost = rectangle(8, 8, 32, 40) - polygon(stored.one("left")["rings"])
    assert lost.area == pytest.approx(6 * 12, rel=0.1)


def test_a_moved_vertex_moves_the_neighbour_and_vertices_come_and_go(open_studio: Any) -> None:
    hands = open_studio(PAIR)
    hands.use("edit")
    hands.click(14, 14)
    assert hands.page.get_attribute("#studio", "data-selected") == "left"
    hands.drag((32, 8), (44, 14))
    stored = hands.saved(2)
    left, right = (
        shapely.Polygon(ring)
        for ring in ([(8, 8), (44, 14), (32, 40), (8, 40)], [(44, 14), (56, 8), (56, 40), (32, 40)])
    )
    assert stored.ground(BUILT).equals(left) and stored.ground(GRASS).equals(right)
    hands.drag((8, 24), (3, 24))
    stored = hands.saved(2)
    assert stored.ground(BUILT).equals(left | shapely.Polygon([(8, 8), (3, 24), (8, 40)]))
    hands.click(3, 24, button="right")
    stored = hands.saved(2)
    assert stored.ground(BUILT).equals(left)
    assert {len(f["rings"][0]) for f in stored.features} == {4}


def test_every_neighbour_of_an_edge_follows_it_and_a_double_click_puts_a_corner_there(open_studio: Any) -> None:
    hands = open_studio(THREE)
    hands.use("edit")
    hands.click(14, 14)
    hands.page.keyboard.down("Shift")
    hands.drag((32, 40), (40, 40))
    hands.page.keyboard.up("Shift")
    stored = hands.saved(3)
    three_moved_to(stored, 40)
    hands.hush()
    hands.click(8, 20, click_count=2)
    hands.wait_for_words("Outline changed")
    hands.drag((8, 20), (3, 20))
    bent = hands.saved(3).ground(BUILT)
    assert bent.equals(stored.ground(BUILT) | shapely.Polygon([(8, 8), (3, 20), (8, 56)]))


def test_corners_land_on_corners_edges_and_sides_nearby_and_freely_with_alt(open_studio: Any) -> None:
    hands = open_studio([box(BUILT, 10, 10, 30, 50, "left")])
    hands.choose(GRASS)
    hands.use("polygon")
    hands.clicks((30.4, 9.6), (63.6, 10), (63.6, 40))
    hands.page.keyboard.down("Alt")
    hands.clicks((30.5, 44))
    hands.page.keyboard.up("Alt")
    hands.clicks((30.5, 30.125))
    hands.press("Enter")
    stored = hands.saved(2)
    assert polygon(stored.one("left")["rings"]).equals(rectangle(10, 10, 30, 50))
    (ground,) = stored.shapes(GRASS)
    free = next((x, y) for x, y in ground.exterior.coords if y > 41)
    assert free == (pytest.approx(30.5, abs=0.13), pytest.approx(44, abs=0.13))
    on_edge = next((x, y) for x, y in ground.exterior.coords if 29 < y < 31)
    assert on_edge == (30, pytest.approx(30.125, abs=0.13))
    assert {(30, 10), (64, 10), (64, 40)} <= {(x, round(y)) for x, y in ground.exterior.coords}


def test_relabel_delete_undo_and_redo_are_stored_as_they_are_seen(open_studio: Any) -> None:
    hands = open_studio(PAIR)
    hands.use("edit")
    hands.click(44, 20)
    hands.choose("CS1.2.1")
    hands.settle(2)
    hands.click(14, 20)
    hands.page.click("[data-testid='tool-delete']")
    stored = hands.saved(1)
    assert stored.features == [{**PAIR[1], "class_code": "CS1.2.1"}]
    hands.page.click("[data-testid='undo']")
    hands.settle(2)
    hands.page.click("[data-testid='undo']")
    hands.page.wait_for_selector("[data-testid='undo'][disabled]")
    stored = hands.saved(2)
    assert sorted(stored.features, key=str) == sorted(PAIR, key=str)
    hands.page.click("[data-testid='redo']")
    hands.page.click("[data-testid='redo']")
    stored = hands.saved(1)
    assert stored.features == [{**PAIR[1], "class_code": "CS1.2.1"}]


def test_a_click_labels_one_segment_and_a_drag_all_that_it_passes_to_the_pixel(open_studio: Any) -> None:
    hands = open_studio()
    ids = segment_ids(hands.tile)
    hands.choose(BUILT)
    hands.use("segments")
    hands.page.wait_for_selector("[data-testid='segment-count']", state="attached")
    hands.click(16.5, 16.5)
    hands.settle(1)
    hands.choose(GRASS)
    hands.drag((10.5, 50.5), (54.5, 50.5), steps=12)
    stored = hands.saved()
    clicked = ids == ids[16, 16]
    passed = np.isin(ids, np.unique(ids[50, 10:55]))
    assert np.array_equal(mask_of(stored.ground(GRASS)), passed) and stored.ground(GRASS).area == passed.sum()
    assert np.array_equal(mask_of(stored.ground(BUILT)), clicked & ~passed)
    assert {provenance for _code, provenance in stored.kinds()} == {"segment"}


def test_segments_come_smaller_and_larger_and_with_alt_a_click_takes_the_label_away(open_studio: Any) -> None:
    hands = open_studio()
    fine, coarse = (segment_ids(hands.tile, level) for level in ("fine", "coarse"))
    hands.choose(BUILT)
    hands.use("segments")
    hands.page.click("[data-testid='level-coarse']")
    hands.segments(coarse)
    hands.click(30.5, 30.5)
    hands.settle(1)
    hands.page.click("[data-testid='level-fine']")
    hands.segments(fine)
    hands.page.keyboard.down("Alt")
    hands.click(30.5, 30.5)
    hands.page.keyboard.up("Alt")
    stored = hands.saved()
    large, small = coarse == coarse[30, 30], fine == fine[30, 30]
    assert small.sum() < large.sum()
    assert np.array_equal(mask_of(stored.ground(BUILT)), large & ~small)


def test_suggestions_are_taken_one_by_one_above_a_confidence_as_another_class_or_by_a_box(
    open_studio: Any, world: Any
) -> None:
    hands = open_studio()
    hands.press("d")
    hands.page.wait_for_selector("#studio[data-suggestions='4']", state="attached")
    hands.click(10, 10)
    hands.settle(1)
    hands.page.mouse.move(*hands.place(10, 30))
    hands.press("1" if DRAWING[3]["class_code"] != BUILT else "2")
    hands.settle(2)
    slider = hands.page.locator("[data-testid='threshold']")
    slider.fill("85")
    hands.page.click("[data-testid='take-all']")
    stored = hands.saved(3)
    two_accepted_one_corrected(stored)
    assert stored.revision.draft_model == world.prediction.model.version
    assert hands.page.get_attribute("#studio", "data-suggestions") == "1"
    hands.drag((38, 2), (62, 18))
    taken = hands.saved(4).one("region-3")
    assert taken["provenance"] == "accepted" and polygon(taken["rings"]).equals(polygon(DRAWING[2]["rings"]))


def test_labels_of_another_vintage_are_copied_and_what_is_changed_by_hand_says_so(open_studio: Any, world: Any) -> None:
    tile = world.tile()
    world.label_earlier(tile, [box(BUILT, 0, 0, 32, 64, "west"), box(GRASS, 32, 0, 64, 64, "east")])
    hands = open_studio(tile=tile)
    hands.page.click("[data-testid='section-vintage'] summary")
    hands.page.click("[data-testid='vintages']")
    hands.page.wait_for_selector("#studio[data-suggestions='2']", state="attached")
    hands.page.click("[data-testid='take-all']")
    stored = hands.saved(2)
    assert stored.kinds() == [(BUILT, "copied"), (GRASS, "copied")]
    assert stored.ground(BUILT).equals(rectangle(0, 0, 32, 64)) and stored.ground(GRASS).equals(
        rectangle(32, 0, 64, 64)
    )
    hands.choose(BUILT)
    hands.use("rectangle")
    hands.drag((40, 40), (50, 50))
    stored = hands.saved(3)
    assert stored.kinds() == [(BUILT, "copied"), (BUILT, "drawn"), (GRASS, "corrected")]
