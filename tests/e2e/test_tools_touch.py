"""Fingers on a tablet and a pen: the browser's own touch and pen events, and what the database then holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from e2e.studio import BUILT, DRAWING, GRASS, Fingers, box, mask_of, polygon, rectangle, segment_ids

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

TABLET = {"viewport": {"width": 1024, "height": 768}, "has_touch": True}


def test_fingers_draw_polygons_rectangles_and_lassos_and_two_fingers_only_zoom(open_studio: Any) -> None:
    hands = open_studio(**TABLET)
    fingers = Fingers(hands)
    fingers.choose(BUILT)
    fingers.use("polygon")
    for place in [(8, 8), (28, 8), (28, 28), (8, 28), (8, 8)]:
        fingers.tap(*place)
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
    before = hands.place(64, 0)[0] - hands.place(0, 0)[0]
    fingers.pinch((32, 28), (32, 36), by=100)
    hands.page.wait_for_function(
        "(before) => { const at = (x) => document.querySelector('#studio').projectToScreen(x, 0).x;"
        " return at(64) - at(0) > 1.2 * before; }",
        arg=before,
    )
    assert hands.saved(3).features == stored.features


def test_fingers_paint_and_rub_out(open_studio: Any) -> None:
    hands = open_studio(**TABLET)
    fingers = Fingers(hands)
    fingers.choose(BUILT)
    fingers.use("brush")
    fingers.drag((20, 32), (44, 32))
    hands.settle(1)
    fingers.use("eraser")
    fingers.drag((32, 4), (32, 60))
    stored = hands.saved(2)
    band = shapely.LineString([(20, 32), (44, 32)]).buffer(12) - shapely.LineString([(32, 4), (32, 60)]).buffer(12)
    assert (stored.ground(BUILT) ^ band).area < 0.06 * band.area


def test_a_finger_moves_a_shared_vertex_and_a_long_press_removes_it(open_studio: Any) -> None:
    hands = open_studio([box(BUILT, 8, 8, 32, 40, "left"), box(GRASS, 32, 8, 56, 40, "right")], **TABLET)
    fingers = Fingers(hands)
    fingers.use("edit")
    fingers.tap(16, 16)
    fingers.drag((32, 8), (38, 18))
    stored = hands.saved(2)
    assert stored.ground(BUILT).equals(shapely.Polygon([(8, 8), (38, 18), (32, 40), (8, 40)]))
    assert stored.ground(GRASS).equals(shapely.Polygon([(38, 18), (56, 8), (56, 40), (32, 40)]))
    hands.page.evaluate("() => { document.querySelector('#spoken').textContent = ''; }")
    fingers.down(38, 18)
    hands.page.wait_for_function("() => document.querySelector('#spoken').textContent.includes('Outline changed')")
    fingers.up()
    stored = hands.saved(2)
    assert stored.ground(BUILT).equals(shapely.Polygon([(8, 8), (32, 40), (8, 40)]))


def test_fingers_label_segments_and_take_suggestions(open_studio: Any) -> None:
    hands = open_studio(**TABLET)
    fingers = Fingers(hands)
    ids = segment_ids(hands.tile)
    fingers.choose(BUILT)
    fingers.use("segments")
    hands.page.wait_for_selector("[data-testid='segment-count']", state="attached")
    fingers.drag((10.5, 54.5), (50.5, 54.5), steps=10)
    stored = hands.saved()
    passed = np.isin(ids, np.unique(ids[54, 10:51]))
    assert np.array_equal(mask_of(stored.ground(BUILT)), passed)
    fingers.use("draft")
    hands.page.wait_for_function("() => Number(document.querySelector('#studio').dataset.suggestions) > 1")
    fingers.tap(30, 10)
    stored = hands.saved()
    taken = stored.one("region-2")
    assert (taken["class_code"], taken["provenance"]) == (GRASS, "accepted")
    assert polygon(taken["rings"]).equals(polygon(DRAWING[1]["rings"]))


def test_a_pen_draws_and_the_palm_beside_it_does_not(open_studio: Any) -> None:
    hands = open_studio(**TABLET)
    fingers = Fingers(hands)
    fingers.choose(BUILT)
    fingers.use("lasso")
    fingers.pen((10, 10), (40, 10), (40, 40), (10, 39))
    stored = hands.saved(1)
    assert stored.ground(BUILT).area == pytest.approx(30 * 30, rel=0.05)
    fingers.choose(GRASS)
    fingers.use("rectangle")
    fingers.pen((44, 44), (60, 60), palm=(20, 56))
    stored = hands.saved(2)
    assert stored.ground(GRASS).equals(rectangle(44, 44, 60, 60))
