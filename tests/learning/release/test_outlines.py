from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import shapely
from shapely import Polygon

from learning.release.outlines import NotAPolygon, proven_simple, read_outlines

SQUARE = [(0, 0), (4, 0), (4, 4), (0, 4)]
# Star-shaped from no place: each arm hides the inside of the other.
HORSESHOE = [(0, 0), (9, 0), (9, 9), (8, 9), (8, 1), (1, 1), (1, 9), (0, 9)]
# A five-pointed star drawn in one line goes around its middle twice, always counter-clockwise, and crosses itself.
PENTAGRAM = [(100, 0), (-81, 59), (31, -95), (31, 95), (-81, -59)]
BOW_TIE = [(0, 0), (4, 4), (4, 0), (0, 4)]


def column(*polygons: Polygon) -> pa.BinaryArray:
    return pa.array([shapely.to_wkb(polygon, byte_order=1) for polygon in polygons], pa.binary())


def proven(*polygons: Polygon) -> list[bool]:
    outlines = read_outlines(column(*polygons))
    return proven_simple(outlines, outlines.x, outlines.y)[0].tolist()


def test_corners_are_read_ring_by_ring_wherever_a_column_is_cut() -> None:
    holed = Polygon([(10, 10), (90, 10), (90, 90)], [[(70, 30), (80, 30), (80, 40)], [(50, 20), (60, 20), (60, 25)]])
    found = read_outlines(column(Polygon(HORSESHOE), holed, Polygon(SQUARE)).slice(1))
    assert (found.rings.tolist(), found.starts.tolist(), found.counts.tolist()) == ([3, 1], [0, 12], [12, 5])
    assert found.x.tolist() == [10, 90, 90, 10, 70, 80, 80, 70, 50, 60, 60, 50, 0, 4, 4, 0, 0]
    assert found.y.tolist() == [10, 10, 90, 10, 30, 30, 40, 30, 20, 20, 25, 20, 0, 0, 4, 4, 0]
    assert [values.tolist() for values in found.ranges(found.x)] == [[10, 0], [90, 4]]
    assert found.with_any(found.x == 80).tolist() == [True, False]
    assert [one.equals_exact(holed) for one in found.geometries(np.array([True, False]))] == [True]
    assert len(found.geometries(np.zeros(2, bool))) == 0


SOUND = shapely.to_wkb(Polygon(SQUARE), byte_order=1)


@pytest.mark.parametrize(
    "stored",
    [
        None,
        b"",
        SOUND[:-1],
        SOUND + b"\0",
        SOUND[:-16] + SOUND[29:45],  # the last corner is not the first
        SOUND[:5] + b"\2" + SOUND[6:],  # says two rings
        SOUND[:9] + b"\xff\xff\xff\xff" + SOUND[13:],  # says four thousand million corners
        shapely.to_wkb(Polygon(SQUARE), byte_order=0),
        shapely.to_wkb(Polygon([(0, 0, 1), (4, 0, 1), (4, 4, 1)]), byte_order=1),
        shapely.to_wkb(shapely.set_srid(Polygon(SQUARE), 2154), byte_order=1, include_srid=True),
        shapely.to_wkb(Polygon(), byte_order=1),
        shapely.to_wkb(shapely.MultiPolygon([Polygon(SQUARE)]), byte_order=1),
        shapely.to_wkb(shapely.LineString(SQUARE), byte_order=1),
    ],
)
def test_what_is_not_the_wkb_of_one_polygon_is_told_by_its_row(stored: bytes | None) -> None:
    with pytest.raises(NotAPolygon) as told:
        read_outlines(pa.array([SOUND, SOUND, stored, SOUND], pa.binary()))
    assert told.value.position == 2


def test_an_outline_seen_whole_from_its_middle_is_proven() -> None:
    assert proven(Polygon(SQUARE), Polygon([(0, 0), (9, 0), (9, 5), (5, 5), (5, 9), (0, 9)])) == [True, True]


@pytest.mark.parametrize(
    "polygon",
    [
        Polygon(SQUARE[::-1]),
        Polygon(HORSESHOE),
        Polygon(PENTAGRAM),
        Polygon(BOW_TIE),
        Polygon([(0, 0), (4, 0), (4, 0), (4, 4), (0, 4)]),
        Polygon([(0, 0), (4, 0), (8, 0)]),
        Polygon([(0, 0), (40, 0), (40, 40), (0, 40)], [[(30, 30), (31, 30), (31, 31)]]),
    ],
    ids=["clockwise", "hidden parts", "twice around", "crossing", "a corner twice", "no area", "a hole"],
)
def test_of_any_other_nothing_is_said(polygon: Polygon) -> None:
    assert proven(Polygon(SQUARE), polygon, Polygon(SQUARE)) == [True, False, True]


def test_exteriors_go_counter_clockwise_and_every_hole_the_other_way() -> None:
    around, holes = (
        [(0, 0), (90, 0), (90, 90), (0, 90)],
        [[(10, 10), (10, 20), (20, 10)], [(30, 30), (30, 40), (40, 30)]],
    )
    shapes = [Polygon(around, holes), Polygon(around, [holes[0], holes[1][::-1]]), Polygon(around[::-1], holes)]
    outlines = read_outlines(column(*shapes, Polygon(HORSESHOE), Polygon(HORSESHOE[::-1])))
    assert proven_simple(outlines, outlines.x, outlines.y)[1].tolist() == [True, False, False, True, False]


def test_no_polygon_that_geos_refuses_is_proven() -> None:
    random = np.random.default_rng(7)
    polygons = [Polygon(random.integers(0, 12, (corners, 2))) for corners in random.integers(3, 9, 4000)]
    outlines = read_outlines(column(*polygons))
    found, turned_well = proven_simple(outlines, outlines.x, outlines.y)
    assert found.sum() > 100
    assert shapely.is_valid(polygons)[found].all()
    assert turned_well[found].all()
    simple = shapely.is_valid(polygons)
    assert (shapely.is_ccw(shapely.get_exterior_ring(polygons)) == turned_well)[simple].all()
    assert not shapely.is_valid(polygons).all()
