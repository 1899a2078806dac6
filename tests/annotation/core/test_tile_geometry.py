"""Polygons of a tile: strict reading, the exact coverage rule, the passage to the CRS; corpus G of the threat model."""

import json
import random
import time
from fractions import Fraction

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from annotation.core.grid import PixelGrid, TileGrid
from annotation.core.tile_geometry import Feature, check_coverage, from_crs, parse_features, to_crs
from annotation.errors import InvalidFeature, OverlappingFeatures, TileOutsideGrid, UnknownClass

SQUARE = [[0, 0], [80, 0], [80, 80], [0, 80]]


def sent(**change):
    return {"id": "f1", "class_code": "water", "rings": [SQUARE], "provenance": "drawn", **change}


def parse(*items):
    return parse_features(list(items), tile_px=512, class_codes=["water", "road"])


def feature(feature_id, *rings):
    return Feature(feature_id, "water", tuple(tuple(ring) for ring in rings))


def box(feature_id, x0, y0, x1, y1):
    return feature(feature_id, [(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


# --- reading -----------------------------------------------------------------------------------------------


def test_a_feature_is_read_and_written_back_unchanged():
    item = sent(rings=[SQUARE, [[8, 8], [16, 8], [16, 16]]], provenance="corrected")
    (read,) = parse(item)
    assert read.rings[1] == ((8, 8), (16, 8), (16, 16))
    assert read.as_json() == item


def test_provenance_defaults_to_drawn_and_a_draft_s_confidence_is_ignored():
    item = sent(confidence=0.5)
    del item["provenance"]
    assert parse(item)[0].provenance == "drawn"


def test_an_empty_tile_is_fine():
    assert parse() == ()
    check_coverage(())


def test_the_corners_of_the_tile_are_inside_and_one_step_beyond_is_not():
    parse(sent(rings=[[[0, 0], [4096, 0], [4096, 4096], [0, 4096]]]))
    with pytest.raises(InvalidFeature, match=r"\(4097, 0\) is outside the tile, which spans 0 to 4096"):
        parse(sent(rings=[[[0, 0], [4097, 0], [4096, 4096]]]))


HOSTILE_VERTICES = {
    "true as integer": [True, 0],
    "a whole float": [8.0, 0],
    "NaN": [float("nan"), 0],
    "Infinity": [float("inf"), 0],
    "1e999 once decoded": [json.loads("1e999"), 0],
    "1e308": [1e308, 0],
    "a negative": [-1, 0],
    "an integer of 5,000 digits": [10**5000, 0],
    "a text": ["8", 0],
    "null": [None, 0],
    "three dimensions": [8, 8, 8],
    "one dimension": [8],
    "a nested list": [[8], 0],
    "WKT": "POINT (8 8)",
    "an object": {"x": 8, "y": 8},
    "a repetition": [80, 0],
}


@pytest.mark.parametrize("vertex", HOSTILE_VERTICES.values(), ids=HOSTILE_VERTICES.keys())
def test_a_vertex_that_is_not_two_integers_of_the_tile_is_refused(vertex):
    with pytest.raises(InvalidFeature) as caught:
        parse(sent(rings=[[[0, 0], [80, 0], vertex, [80, 80]]]))
    assert caught.value.feature_id == "f1"
    assert len(str(caught.value)) < 300


HOSTILE_FEATURES = {
    "no object": ("POLYGON ((0 0, 1 0, 1 1))", "must be an object"),
    "null": (None, "not None"),
    "no id": ({"class_code": "water", "rings": [SQUARE]}, "id None"),
    "an id with a space": (sent(id="a b"), "'a b'"),
    "an empty id": (sent(id=""), "id ''"),
    "an id of 41 characters": (sent(id="a" * 41), "1 to 40"),
    "an id with a newline": (sent(id="a\n"), r"'a\\n'"),
    "a lone surrogate": (sent(id="\ud800"), r"\\ud800"),
    "an integer id": (sent(id=7), "id 7"),
    "an unknown class": (sent(class_code="lava"), "'lava'"),
    "a null class": (sent(class_code=None), "class None"),
    "a list as class": (sent(class_code=["water"]), "a list of 1"),
    "an unknown provenance": (sent(provenance="stolen"), "'stolen'"),
    "a list as provenance": (sent(provenance=[]), "a list of 0"),
    "no ring": (sent(rings=[]), "a list of 0"),
    "rings as WKB": (sent(rings="0103000000"), "'0103000000'"),
    "a ring of two vertices": (sent(rings=[[[0, 0], [8, 8]]]), "at least 3"),
    "a hole of two vertices": (sent(rings=[SQUARE, [[8, 8], [9, 9]]]), "at least 3"),
    "a closed ring": (sent(rings=[[*SQUARE, [0, 0]]]), "leave the last vertex out"),
    "a crs member": (sent(crs={"type": "link", "properties": {"href": "http://127.0.0.1/"}}), "'crs'"),
    "holes beside rings": (sent(holes=[SQUARE]), "'holes'"),
    "10,001 vertices": (sent(rings=[[[n % 4096, n // 4096] for n in range(10_001)]]), "10001"),
    "5,000 holes of three vertices": (sent(rings=[SQUARE] + [[[1, 1], [2, 1], [2, 2]]] * 5000), "limit is 10000"),
    "a million vertices": (sent(rings=[[[1, 1]] * 1_000_000]), "1000000"),
}


@pytest.mark.parametrize(("item", "words"), HOSTILE_FEATURES.values(), ids=HOSTILE_FEATURES.keys())
def test_a_hostile_feature_is_refused_in_a_second_with_the_value_met(item, words):
    begin = time.process_time()
    with pytest.raises(InvalidFeature, match=words) as caught:
        parse(item)
    assert time.process_time() - begin < 1
    str(caught.value).encode("utf-8")


def test_an_unknown_class_has_its_own_error():
    with pytest.raises(UnknownClass):
        parse(sent(class_code="lava"))


@pytest.mark.parametrize("payload", [None, {}, "[]", 3, {"features": []}])
def test_what_is_not_a_list_of_features_is_refused(payload):
    with pytest.raises(InvalidFeature, match="must be a list"):
        parse_features(payload, tile_px=512, class_codes=["water"])


def test_nesting_of_any_depth_is_refused_without_exhausting_the_stack():
    deep = []
    for _ in range(200_000):
        deep = [deep]
    for item in (deep, sent(rings=deep), sent(rings=[deep]), sent(rings=[[deep, deep, deep]]), sent(id=deep)):
        with pytest.raises(InvalidFeature):
            parse(item)
    while deep:  # taken apart from outside: freeing it at once would recurse
        deep = deep[0]


def test_two_features_with_one_id_are_refused():
    with pytest.raises(InvalidFeature, match="'f1'"):
        parse(sent(), sent())


def test_the_limits_of_a_tile_are_refused_with_the_figure():
    with pytest.raises(InvalidFeature, match="100000 features; the limit is 5000"):
        parse(*[sent()] * 100_000)
    ring = [[n % 4000, n // 4000] for n in range(9_000)]
    with pytest.raises(InvalidFeature, match="more than 200000 vertices"):
        parse(*[sent(id=f"f{n}", rings=[ring]) for n in range(23)])


# --- coverage ----------------------------------------------------------------------------------------------


def test_neighbours_that_share_an_edge_a_part_of_it_or_a_corner_are_a_coverage():
    check_coverage([box("a", 0, 0, 8, 8), box("b", 8, 0, 16, 8), box("c", 8, 8, 12, 16), box("d", 12, 8, 20, 16)])


def test_a_feature_that_fills_the_hole_of_another_is_a_coverage():
    ring = feature("a", [(0, 0), (24, 0), (24, 24), (0, 24)], [(8, 8), (16, 8), (16, 16), (8, 16)])
    check_coverage([ring, box("b", 8, 8, 16, 16)])


OVERLAPS = {
    "a band one subpixel wide": (box("a", 0, 0, 9, 8), box("b", 8, 0, 16, 8)),
    "the same feature twice": (box("a", 0, 0, 8, 8), box("b", 0, 0, 8, 8)),
    "one inside the other": (box("a", 0, 0, 80, 80), box("b", 8, 8, 16, 16)),
    "one inside, along an edge": (box("a", 0, 0, 80, 80), box("b", 0, 8, 16, 16)),
    "a cross without a vertex inside": (box("a", 0, 8, 24, 16), box("b", 8, 0, 16, 24)),
    # 4096 · 4095 = 16,773,120: the two long diagonals enclose half a square subpixel at most.
    "a sliver along a diagonal of the tile": (
        feature("a", [(0, 0), (4096, 4095), (4096, 4096), (0, 4096)]),
        feature("b", [(0, 0), (4096, 0), (4095, 4095)]),
    ),
}


@pytest.mark.parametrize("pair", OVERLAPS.values(), ids=OVERLAPS.keys())
def test_an_overlap_is_refused_with_both_names_and_a_place_in_it(pair):
    with pytest.raises(OverlappingFeatures, match="'a' and 'b'") as caught:
        check_coverage(pair)
    assert (caught.value.first_id, caught.value.second_id) == ("a", "b")
    shared = shapely.Polygon(pair[0].rings[0]).intersection(shapely.Polygon(pair[1].rings[0]))
    assert shared.distance(shapely.Point(caught.value.at)) < 1  # the place is rounded to the grid
    assert all(type(value) is int for value in caught.value.at)


def test_diagonals_that_share_a_line_exactly_are_a_coverage():
    check_coverage(
        [
            feature("a", [(0, 0), (4095, 4094), (0, 4096)]),
            feature("b", [(0, 0), (4096, 0), (4095, 4094)]),
        ]
    )


triangles = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=3, unique=True)


def doubled_area(points):
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, [*points[1:], points[0]], strict=True))


def clipped_area(first, second):
    """Area shared by two convex polygons, in exact fractions (Sutherland and Hodgman 1974)."""
    points = [(Fraction(x), Fraction(y)) for x, y in first]
    second = second if doubled_area(second) > 0 else second[::-1]
    for (ax, ay), (bx, by) in zip(second, [*second[1:], second[0]], strict=True):
        side = [(bx - ax) * (y - ay) - (by - ay) * (x - ax) for x, y in points]
        kept = []
        for n in range(len(points)):
            (px, py), (qx, qy), p, q = points[n - 1], points[n], side[n - 1], side[n]
            if (p < 0) != (q < 0) and p != q:
                t = p / (p - q)
                kept.append((px + t * (qx - px), py + t * (qy - py)))
            if q >= 0:
                kept.append((qx, qy))
        points = kept
    return abs(doubled_area(points)) / 2 if points else Fraction(0)


@settings(max_examples=400, deadline=None)
@given(triangles, triangles)
def test_two_triangles_overlap_exactly_when_fractions_say_they_share_area(first, second):
    assume(doubled_area(first) != 0 and doubled_area(second) != 0)
    shared = clipped_area(first, second)
    pair = [feature("a", first), feature("b", second)]
    if shared > 0:
        with pytest.raises(OverlappingFeatures):
            check_coverage(pair)
    else:
        check_coverage(pair)


INVALID = {
    "G1 bow-tie": ([[(0, 0), (80, 80), (80, 0), (0, 80)]], (40, 40)),
    "G2 hole outside shell": ([[(0, 0), (8, 0), (8, 8)], [(20, 20), (30, 20), (30, 30)]], (20, 20)),
    "G5 no area": ([[(0, 0), (8, 8), (16, 16)]], (8, 8)),
    "G6 spike": ([[(0, 0), (80, 0), (80, 80), (40, 80), (40, 90), (40, 80), (0, 80)]], (40, 90)),
    "a ring that touches itself": ([[(0, 0), (80, 0), (80, 80), (40, 0), (0, 80)]], (40, 0)),
    "a hole in a hole": (
        [[(0, 0), (99, 0), (99, 99), (0, 99)], [(9, 9), (90, 9), (90, 90), (9, 90)], [(20, 20), (30, 20), (30, 30)]],
        (20, 20),
    ),
    "a hole across the edge": ([[(0, 0), (80, 0), (80, 80), (0, 80)], [(40, 40), (99, 40), (40, 50)]], None),
}


@pytest.mark.parametrize(("rings", "at"), INVALID.values(), ids=INVALID.keys())
def test_an_invalid_polygon_is_refused_with_its_place(rings, at):
    with pytest.raises(InvalidFeature, match="'bad'") as caught:
        check_coverage([box("good", 200, 200, 208, 208), feature("bad", *rings)])
    if at is not None:
        assert caught.value.at == at
    assert caught.value.at is not None


def test_g9_a_random_ring_of_400_vertices_is_refused_at_once():
    draw = random.Random(9)
    ring = list(dict.fromkeys((draw.randrange(4097), draw.randrange(4097)) for _ in range(400)))
    begin = time.process_time()
    with pytest.raises(InvalidFeature, match="crosses or touches itself"):
        check_coverage([feature("g9", ring)])
    assert time.process_time() - begin < 1


def comb(feature_id, *, flipped):
    """A comb of 1,000 teeth as long as the tile: two of them, crossed, meet a million times."""
    teeth = []
    for x in range(0, 4000, 4):
        teeth += [(x, 10), (x, 4090), (x + 1, 4090), (x + 1, 10)]
    ring = [*teeth, (4096, 10), (4096, 0), (0, 0)]
    return feature(feature_id, [(y, x) for x, y in ring] if flipped else ring)


def test_two_combs_that_cross_a_million_times_are_refused_at_once():
    begin = time.process_time()
    with pytest.raises(OverlappingFeatures):
        check_coverage([comb("a", flipped=False), comb("b", flipped=True)])
    assert time.process_time() - begin < 1


def test_5000_features_are_checked_in_a_second():
    cells = [
        box(f"{row}-{col}", 58 * col, 58 * row, 58 * col + 58, 58 * row + 58) for row in range(71) for col in range(70)
    ]
    begin = time.process_time()
    check_coverage(cells)
    assert time.process_time() - begin < 1
    with pytest.raises(OverlappingFeatures) as caught:
        check_coverage([*cells, box("late", 57, 0, 59, 1)])
    assert (caught.value.first_id, caught.value.second_id) == ("0-0", "late")


def test_thousands_of_interlocking_diagonals_are_refused_rather_than_hold_a_worker():
    # Every pair of boxes overlaps although no two strips share ground: 4.5 million pairs.
    strips = [feature(str(n), [(n, 0), (n + 1, 0), (n + 1001, 4000), (n + 1000, 4000)]) for n in range(3000)]
    begin = time.process_time()
    with pytest.raises(InvalidFeature, match="interlock too closely"):
        check_coverage(strips)
    assert time.process_time() - begin < 10


# --- the imagery's CRS ---------------------------------------------------------------------------------------


pixel_grids = st.one_of(
    st.tuples(st.integers(100_000, 1_200_000), st.integers(6_000_000, 7_200_000)).map(
        lambda origin: ("EPSG:2154", (0.2, 0.0, float(origin[0]), 0.0, -0.2, float(origin[1])))
    ),
    st.tuples(st.floats(300_000, 700_000), st.floats(1_000_000, 9_000_000), st.floats(0.05, 30)).map(
        lambda given: ("EPSG:32652", (given[2], 0.0, given[0], 0.0, -given[2], given[1]))
    ),
    st.tuples(st.floats(-179, 179), st.floats(-80, 80)).map(
        lambda origin: ("EPSG:4326", (1e-6, 0.0, origin[0], 0.0, -1e-6, origin[1]))
    ),
)


@settings(max_examples=200, deadline=None)
@given(pixel_grids, st.integers(0, 500), st.integers(0, 500), st.data())
def test_the_passage_to_the_crs_and_back_is_exact(crs_and_transform, row, col, data):
    crs, transform = crs_and_transform
    grid = TileGrid(PixelGrid(crs, transform, 501 * 512, 501 * 512), tile_px=512)
    vertices = st.tuples(st.integers(0, 4096), st.integers(0, 4096))
    ring = st.lists(vertices, min_size=3, max_size=6, unique=True).map(tuple)
    rings = data.draw(st.lists(ring, min_size=1, max_size=3))
    polygon = to_crs(tuple(rings), grid=grid, row=row, col=col)
    # PostGIS keeps a polygon as WKB.
    again, moved_px = from_crs(shapely.from_wkb(shapely.to_wkb(polygon)), grid=grid, row=row, col=col)
    assert again == tuple(rings)
    assert moved_px < 1e-3


LAMBERT = TileGrid(PixelGrid("EPSG:2154", (0.2, 0, 500_000.0, 0, -0.2, 6_300_000.0), 2048, 2048), tile_px=512)


def test_a_vertex_is_placed_where_it_was_worked_out_by_hand():
    polygon = to_crs((((0, 0), (4096, 0), (8, 16)),), grid=LAMBERT, row=1, col=2)
    # Tile (1, 2) starts at 2 × 102.4 m east, 102.4 m south; 8 subpixels are 0.2 m.
    expected = [[500_204.8, 6_299_897.6], [500_307.2, 6_299_897.6], [500_205.0, 6_299_897.2]]
    assert shapely.get_coordinates(polygon)[:3] == pytest.approx(np.array(expected))


def test_a_polygon_off_the_grid_is_snapped_and_the_move_told_in_pixels():
    polygon = shapely.Polygon([(500_000.01, 6_300_000.0), (500_020.0, 6_300_000.0), (500_020.0, 6_299_980.0)])
    rings, moved_px = from_crs(polygon, grid=LAMBERT, row=0, col=0)
    assert rings == (((0, 0), (800, 0), (800, 800)),)
    assert moved_px == pytest.approx(0.05, abs=1e-6)


def test_a_polygon_outside_its_tile_an_empty_one_and_a_missing_tile_are_refused():
    polygon = shapely.Polygon([(0, 0), (1, 0), (1, 1)])
    with pytest.raises(InvalidFeature, match="clip it first"):
        from_crs(polygon, grid=LAMBERT, row=0, col=0)
    with pytest.raises(InvalidFeature, match="empty"):
        from_crs(shapely.Polygon(), grid=LAMBERT, row=0, col=0)
    with pytest.raises(TileOutsideGrid):
        to_crs((((0, 0), (8, 0), (8, 8)),), grid=LAMBERT, row=4, col=0)
