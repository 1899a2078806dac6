"""A reported place: a point or a simple ring, read before any geometry library sees it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LinearRing, Polygon

from annotation.core.places import MAX_CORNERS, Place, parse_place
from annotation.errors import InvalidPlace


def polygon(*corners: tuple[float, float], close: bool = True) -> dict[str, Any]:
    ring = [list(corner) for corner in corners]
    return {"type": "Polygon", "coordinates": [ring + ring[:1] if close else ring]}


SQUARE = ((0.6, 43.6), (0.601, 43.6), (0.601, 43.601), (0.6, 43.601))


def test_a_point_is_kept_to_a_centimetre_and_marks_itself() -> None:
    place = parse_place({"type": "Point", "coordinates": [0.612345678, 43.6]})
    assert place.positions == ((6123457, 436000000),)
    assert place.marker == (0.6123457, 43.6) and not place.is_area and place.area_m2 == 0


def test_an_area_has_its_surface_on_the_ellipsoid_and_a_marker_inside() -> None:
    place = parse_place(polygon(*SQUARE))
    # 0.001° of latitude are 111.1 m at 43.6° N; of longitude 111.32 m × cos 43.6° = 80.7 m.
    assert place.area_m2 == pytest.approx(111.1 * 80.7, rel=0.005)
    assert place.lonlat[0] == place.lonlat[-1] and len(place.lonlat) == 5
    hollow = parse_place(polygon((0, 0), (3, 0), (3, 3), (2, 3), (2, 1), (1, 1), (1, 3), (0, 3)))
    lon, lat = hollow.marker
    assert not (1 < lon < 2 and lat > 1), "the middle of its box lies outside of a U"


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (None, "GeoJSON Point or Polygon, not None"),
        ({"type": "MultiPolygon", "coordinates": []}, "not 'MultiPolygon'"),
        ({"type": "Point", "coordinates": [1, 2], "crs": {"type": "link"}}, "member 'crs'"),
        ({"type": "Point", "coordinates": [1, 2, 3]}, "two numbers"),
        ({"type": "Point", "coordinates": [True, 2]}, "longitude True"),
        ({"type": "Point", "coordinates": [math.inf, 2]}, "longitude inf"),
        ({"type": "Point", "coordinates": [math.nan, 2]}, "longitude nan"),
        ({"type": "Point", "coordinates": [10**400, 2]}, "an integer of"),
        ({"type": "Point", "coordinates": [1, 90.1]}, "latitude 90.1"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]], []]}, "without holes"),
        (polygon((0, 0), (1, 0)), "2 corners"),
        (polygon((0, 0), (1, 0), (1, 1), (0, 1), close=False), "not closed"),
        (polygon((0, 0), (1, 0), (1, 0), (0, 1)), "at one place"),
        (polygon((0, 0), (1, 1), (1, 0), (0, 1)), "crosses itself"),
        (polygon((0, 0), (2, 0), (2, 2), (1, 0), (0, 2)), "crosses itself"),
        (polygon((0, 0), (2, 0), (1, 0), (1, 1)), "goes back over itself"),
        (polygon((0, 0), (1, 1), (2, 2)), "goes back over itself"),
        (polygon(*((x / 1000, x * x / 1e6) for x in range(MAX_CORNERS + 1))), f"3 to {MAX_CORNERS}"),
    ],
)
def test_what_is_no_simple_place_is_refused_with_what_is_wrong(payload: Any, words: str) -> None:
    with pytest.raises(InvalidPlace, match=words.replace("(", r"\(")):
        parse_place(payload)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=8, unique=True))
@settings(deadline=None, max_examples=400)
def test_a_ring_is_taken_exactly_when_the_geometry_library_calls_it_simple(corners: list[tuple[int, int]]) -> None:
    truly = LinearRing(corners).is_simple and Polygon(corners).is_valid and Polygon(corners).area > 0
    try:
        place: Place | None = parse_place(polygon(*corners))
    except InvalidPlace:
        place = None
    assert (place is not None) == truly
    if place is not None:
        assert Polygon(corners).covers(Polygon(place.lonlat).representative_point())
