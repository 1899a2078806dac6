"""Every tool by a finger on a tablet and by a pen: the browser's own events, and what the database then holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from e2e.glass import Fingers, Pen
from e2e.studio import (
    BUILT,
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

TABLET = {"viewport": {"width": 1024, "height": 768}, "has_touch": True}
by_hand = pytest.mark.parametrize("hand", [Fingers, Pen])


@by_hand
def test_polygons_rectangles_and_lassos_are_drawn(open_studio: Any, hand: type[Fingers]) -> None:
    hands = open_studio(**TABLET)
    fingers = hand(hands)
    fingers.choose(BUILT)
    fingers.use("polygon")
    fingers.taps((8, 8), (28, 8), (28, 28), (8, 28), (8, 8))
    hands.settle(1)
    fingers.choose(GRASS)
    fingers.use("rectangle")
    fingers.drag((18, 18), (40, 36))
    hands.settle(2)
    fingers.use("lasso")
    fingers.choose(BUILT)
    fingers.drag((46, 8), (60, 8), (60, 22), (47, 9))
    stored = hands.saved(3)
    assert stored.shapes()[0].equals(rectangle(8, 8, 28, 28) - rectangle(18, 18, 28, 28))
    assert stored.ground(GRASS).equals(rectangle(18, 18, 40, 36))
    assert stored.shapes()[2].area == pytest.approx(98, rel=0.1)


def test_two_fingers_only_zoom_and_drop_what_one_had_begun(open_studio: Any) -> None:
    hands = open_studio([PAIR[0]], **TABLET)
    fingers = Fingers(hands)
    fingers.use("rectangle")
    before = hands.place(64, 0)[0] - hands.place(0, 0)[0]
    fingers.pinch((44, 28), (44, 36), by=100)
    hands.page.wait_for_function(
        "(before) => { const at = (x) => document.querySelector('#studio').projectToScreen(x, 0).x;"
        " return at(64) - at(0) > 1.2 * before; }",
        arg=before,
    )
    assert hands.saved(1).features == [PAIR[0]]


@by_hand
def test_a_brush_of_the_size_set_on_the_slider_paints_and_the_eraser_rubs_out(
    open_studio: Any, hand: type[Fingers]
) -> None:
    hands = open_studio(**TABLET)
    fingers = hand(hands)
    fingers.choose(BUILT)
    fingers.use("brush")
    fingers.slide("brush-size", 0.13)
    hands.page.wait_for_function("() => document.querySelector('[data-testid=brush-size]').value !== '24'")
    width = int(hands.page.input_value("[data-testid='brush-size']"))
    assert 8 <= width <= 24
    fingers.drag((20, 32), (44, 32))
    hands.settle(1)
    fingers.use("eraser")
    fingers.drag((32, 4), (32, 60))
    stored = hands.saved(2)
    band = shapely.LineString([(20, 32), (44, 32)]).buffer(width / 2)
    band -= shapely.LineString([(32, 4), (32, 60)]).buffer(width / 2)
    assert (stored.ground(BUILT) ^ band).area < 0.06 * band.area


@by_hand
def test_cut_fill_split_and_merge_keep_every_pixel(open_studio: Any, hand: type[Fingers]) -> None:
    hands = open_studio([box(BUILT, 8, 8, 56, 56, "big")], **TABLET)
    fingers = hand(hands)
    fingers.use("cut")
    fingers.taps((20, 20), (30, 20), (30, 30), (20, 30), (20, 20))
    hands.settle(1)
    fingers.drag((40, 20), (50, 20), (50, 30), (40, 30), (40, 21))
    hands.settle(1)
    fingers.choose(GRASS)
    fingers.use("fill")
    fingers.tap(25, 25)
    hands.settle(2)
    fingers.use("split")
    fingers.taps((4, 44), (60, 44), (60, 44))
    stored = hands.saved(3)
    assert stored.ground(GRASS).equals(rectangle(20, 20, 30, 30))
    low, high = sorted(stored.shapes(BUILT), key=lambda shape: shape.area)
    assert low.equals(rectangle(8, 44, 56, 56))
    lost = rectangle(8, 8, 56, 44) - rectangle(20, 20, 30, 30) - high
    assert (lost ^ rectangle(40, 20, 50, 30)).area < 12 and high.area + lost.area == 48 * 36 - 100
    fingers.use("merge")
    fingers.taps((12, 12), (12, 50))
    merged = hands.saved(2)
    assert len(merged.shapes(BUILT)) == 1 and merged.ground(BUILT).equals(low | high)


@by_hand
def test_a_shared_vertex_is_moved_added_and_by_holding_still_removed(open_studio: Any, hand: type[Fingers]) -> None:
    hands = open_studio(PAIR, **TABLET)
    fingers = hand(hands)
    fingers.use("edit")
    fingers.tap(16, 16)
    fingers.drag((32, 8), (38, 18))
    hands.settle(2)
    fingers.drag((8, 24), (3, 24))
    stored = hands.saved(2)
    assert stored.ground(BUILT).equals(shapely.Polygon([(8, 8), (38, 18), (32, 40), (8, 40), (3, 24)]))
    assert stored.ground(GRASS).equals(shapely.Polygon([(38, 18), (56, 8), (56, 40), (32, 40)]))
    fingers.hold(38, 18)
    fingers.up()
    stored = hands.saved(2)
    assert stored.ground(BUILT).equals(shapely.Polygon([(8, 8), (32, 40), (8, 40), (3, 24)]))


@by_hand
def test_a_whole_edge_is_moved_with_every_neighbour(open_studio: Any, hand: type[Fingers]) -> None:
    hands = open_studio(THREE, **TABLET)
    fingers = hand(hands)
    fingers.use("edit")
    fingers.tap(16, 16)
    fingers.press("key-Shift")
    fingers.drag((32, 40), (40, 40))
    three_moved_to(hands.saved(3), 40)


@by_hand
def test_a_shape_is_relabelled_deleted_and_brought_back(open_studio: Any, hand: type[Fingers]) -> None:
    hands = open_studio(PAIR, **TABLET)
    fingers = hand(hands)
    fingers.use("edit")
    fingers.tap(44, 20)
    fingers.choose("CS1.2.1")
    hands.settle(2)
    fingers.tap(14, 20)
    hands.page.tap("[data-testid='tool-delete']")
    assert hands.saved(1).features == [{**PAIR[1], "class_code": "CS1.2.1"}]
    hands.page.tap("[data-testid='undo']")
    assert sorted(hands.saved(2).features, key=str) == sorted([PAIR[0], {**PAIR[1], "class_code": "CS1.2.1"}], key=str)


@by_hand
def test_segments_are_labelled_by_a_tap_by_a_drag_and_at_another_size(open_studio: Any, hand: type[Fingers]) -> None:
    hands = open_studio(**TABLET)
    fingers = hand(hands)
    medium, fine = (segment_ids(hands.tile, level) for level in ("medium", "fine"))
    fingers.choose(BUILT)
    fingers.use("segments")
    hands.segments(medium)
    fingers.tap(16.5, 16.5)
    hands.settle(1)
    fingers.drag((10.5, 54.5), (50.5, 54.5), steps=10)
    hands.settle()
    fingers.press("level-fine")
    hands.segments(fine)
    fingers.choose(GRASS)
    fingers.tap(30.5, 30.5)
    stored = hands.saved()
    small = fine == fine[30, 30]
    passed = np.isin(medium, [medium[16, 16], *np.unique(medium[54, 10:51])])
    assert np.array_equal(mask_of(stored.ground(GRASS)), small)
    assert np.array_equal(mask_of(stored.ground(BUILT)), passed & ~small)
    assert {provenance for _code, provenance in stored.kinds()} <= {"segment", "corrected"}


@by_hand
def test_suggestions_are_taken_one_by_one_all_the_sure_ones_and_by_a_box_then_relabelled(
    open_studio: Any, hand: type[Fingers]
) -> None:
    hands = open_studio(**TABLET)
    fingers = hand(hands)
    fingers.use("draft")
    hands.page.wait_for_selector("#studio[data-suggestions='4']", state="attached")
    fingers.tap(30, 10)
    hands.settle(1)
    hands.page.tap("[data-testid='take-all']")
    hands.settle(2)
    fingers.drag((2, 24), (16, 36))
    hands.settle(3)
    fingers.use("edit")
    fingers.tap(10, 30)
    fingers.choose(BUILT)
    stored = hands.saved(3)
    two_accepted_one_corrected(stored)


@by_hand
def test_a_shape_of_another_vintage_is_copied_by_a_tap(open_studio: Any, world: Any, hand: type[Fingers]) -> None:
    tile = world.tile()
    world.label_earlier(tile, [box(BUILT, 0, 0, 32, 64, "west"), box(GRASS, 32, 0, 64, 64, "east")])
    hands = open_studio(tile=tile, **TABLET)
    fingers = hand(hands)
    fingers.unfold("vintage")
    hands.page.tap("[data-testid='vintages']")
    hands.page.wait_for_selector("#studio[data-suggestions='2']", state="attached")
    fingers.use("draft")
    fingers.tap(48, 30)
    stored = hands.saved(1)
    assert stored.kinds() == [(GRASS, "copied")] and stored.ground().equals(rectangle(32, 0, 64, 64))


@by_hand
def test_what_is_put_down_near_a_corner_or_an_edge_lands_on_it(open_studio: Any, hand: type[Fingers]) -> None:
    hands = open_studio([box(BUILT, 10, 10, 30, 50, "left")], **TABLET)
    fingers = hand(hands)
    fingers.choose(GRASS)
    fingers.use("polygon")
    fingers.taps((30.6, 9.5), (52, 10), (52, 40), (30.5, 40.125), (30.6, 9.5))
    stored = hands.saved(2)
    assert polygon(stored.one("left")["rings"]).equals(rectangle(10, 10, 30, 50))
    (ground,) = stored.shapes(GRASS)
    corners = set(ground.exterior.coords)
    assert (30.0, 10.0) in corners and any(x == 30 and 39 < y < 41 for x, y in corners)


def test_the_palm_beside_a_pen_does_not_draw(open_studio: Any) -> None:
    hands = open_studio(**TABLET)
    pen = Pen(hands)
    pen.choose(BUILT)
    pen.use("rectangle")
    pen.drag((10, 10), (44, 44), palm=(20, 56))
    stored = hands.saved(1)
    assert stored.ground(BUILT).equals(rectangle(10, 10, 44, 44))
