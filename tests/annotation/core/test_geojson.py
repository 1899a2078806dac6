"""GeoJSON from clients: what is read, what is snapped, and corpus G of the threat model."""

import copy
import json
import time

import pytest
from pyproj import Transformer

from annotation.core.grid import PixelGrid, TileGrid
from annotation.core.tile_geometry import check_coverage, parse_geojson
from annotation.errors import InvalidFeature, TileOutsideGrid, UnknownClass

GRID = TileGrid(PixelGrid("EPSG:2154", (0.2, 0, 500_000.0, 0, -0.2, 6_300_000.0), 1024, 1024), tile_px=512)
TO_LONLAT = Transformer.from_crs("EPSG:2154", "EPSG:4326", always_xy=True)


def at(x_px, y_px):
    """Longitude and latitude of a pixel coordinate."""
    return list(TO_LONLAT.transform(500_000 + 0.2 * x_px, 6_300_000 - 0.2 * y_px))


def ring(*pixels):
    return [at(*pixel) for pixel in (*pixels, pixels[0])]


SQUARE = ring((10, 10), (20, 10), (20, 20), (10, 20))


def item(coordinates=None, kind="Polygon", **change):
    geometry = {"type": kind, "coordinates": [SQUARE] if coordinates is None else coordinates}
    return {
        "type": "Feature",
        "id": "f1",
        "properties": {"class_code": "water", "name": "anything"},
        "geometry": geometry,
        **change,
    }


def collection(*items, **change):
    return {"type": "FeatureCollection", "features": list(items), **change}


def parse(payload, row=0, col=0):
    return parse_geojson(payload, grid=GRID, row=row, col=col, class_codes=["water", "road"])


def test_a_square_in_degrees_lands_on_its_subpixels():
    (feature,), moved_m = parse(collection(item()))
    assert feature.rings == (((80, 80), (160, 80), (160, 160), (80, 160)),)
    assert (feature.id, feature.class_code, feature.provenance) == ("f1", "water", "imported")
    assert moved_m < 1e-5


def test_the_same_ground_in_the_next_tile_starts_from_that_tile_s_corner():
    shape = ring((512, 512), (520, 512), (520, 520))
    (feature,), _ = parse(collection(item([shape])), row=1, col=1)
    assert feature.rings == (((0, 0), (64, 0), (64, 64)),)


def test_the_largest_move_is_told_in_metres_on_the_ground():
    # 0.05 px = 1 cm to the left of a grid position.
    shape = ring((9.95, 10), (20, 10), (20, 20))
    (feature,), moved_m = parse(collection(item([shape])))
    assert feature.rings[0][0] == (80, 80)
    # Lambert-93 stretches by less than 0.1 % in the south of France.
    assert moved_m == pytest.approx(0.01, rel=0.002)


def test_a_multipolygon_becomes_several_features_and_holes_are_kept():
    hole = ring((12, 12), (14, 12), (14, 14))
    other = ring((30, 30), (40, 30), (40, 40))
    features, _ = parse(collection(item([[SQUARE, hole], [other]], kind="MultiPolygon")))
    assert [f.id for f in features] == ["f1-1", "f1-2"]
    assert [len(f.rings) for f in features] == [2, 1]
    check_coverage(features)


def test_features_without_an_id_are_numbered_and_a_number_is_an_id():
    first, second = item(), item([ring((30, 30), (40, 30), (40, 40))], id=7)
    del first["id"]
    features, _ = parse(collection(first, second))
    assert [f.id for f in features] == ["import-1", "7"]


def test_vertices_that_fall_together_become_one():
    shape = ring((10, 10), (10.001, 10), (20, 10), (20, 20), (10, 10.001))
    (feature,), _ = parse(collection(item([shape])))
    assert feature.rings == (((80, 80), (160, 80), (160, 160)),)


def test_g18_a_vertex_just_outside_the_tile_is_put_on_its_edge_and_told():
    shape = ring((0 - 1e-9, 0), (20, -0.5), (20, 20))
    (feature,), moved_m = parse(collection(item([shape])))
    assert feature.rings == (((0, 0), (160, 0), (160, 160)),)
    assert moved_m == pytest.approx(0.1, rel=0.002)


def test_an_empty_collection_is_an_empty_tile():
    assert parse(collection()) == ((), 0.0)


def test_a_tile_that_does_not_exist_is_refused():
    with pytest.raises(TileOutsideGrid):
        parse(collection(item()), row=2)


def swapped(shape):
    return [[lat, lon] for lon, lat in shape]


def with_position(position):
    shape = copy.deepcopy(SQUARE)
    shape[1] = position
    return collection(item([shape]))


LINK = {"type": "link", "properties": {"href": "http://127.0.0.1:9/canary"}}
URN = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
HOSTILE = {
    "not an object": (["FeatureCollection"], "a list of 1"),
    "a text": ("POLYGON ((0 0, 1 1, 1 0, 0 0))", "FeatureCollection"),
    "a bare feature": (item(), "'Feature'"),
    "features missing": ({"type": "FeatureCollection"}, "must be a list"),
    "a feature that is null": (collection(None), "not None"),
    "no properties": (collection(item(properties=None)), "properties must be an object"),
    "geometry null": (collection(item(geometry=None)), "not None"),
    "a point": (collection(item([1, 2], kind="Point")), "'Point'"),
    "G3 unclosed ring": (collection(item([SQUARE[:-1]])), "close it"),
    "G4 two-point ring": (collection(item([[SQUARE[0], SQUARE[1], SQUARE[0]]])), "at least 4"),
    "G5 no extent": (collection(item([ring((10, 10), (10.001, 10), (10, 10.001))])), "smaller than the grid"),
    "G7 a million positions": (collection(item([[SQUARE[0]] * 1_000_001])), "1000000"),
    "G8 10,001 vertices": (collection(item([[SQUARE[0]] * 10_002])), "10001"),
    "G10 NaN": (with_position([float("nan"), 43.0]), "nan"),
    "G11 1e999": (with_position(json.loads("[1e999, 43.0]")), "inf"),
    "G12 1e308": (with_position([0.5, 1e308]), "latitude 1e[+]308"),
    "G13 metres as degrees": (with_position([500_000.0, 6_300_000.0]), "longitude 500000.0 must be"),
    "G14 latitude first": (collection(item([swapped(SQUARE)])), "check that longitude comes first"),
    "G15 the antimeridian": (with_position([180.0, 43.0]), "outside the tile"),
    "G16 the pole": (with_position([0.5, 90.0]), "outside the tile"),
    "G17 the next tile": (collection(item([ring((600, 10), (610, 10), (610, 20))])), "outside the tile"),
    "G19 a geometry collection": (
        collection(item(geometry={"type": "GeometryCollection", "geometries": []})),
        "'GeometryCollection'",
    ),
    "G20 crs by link": (collection(item(), crs=LINK), "member crs"),
    "G20 crs by name on a feature": (collection(item(crs=URN)), "member crs"),
    "G20 crs on a geometry": (
        collection(item(geometry={"type": "Polygon", "coordinates": [SQUARE], "crs": "file:///etc/passwd"})),
        "member crs",
    ),
    "G21 geometry as WKT": (collection(item(geometry="SRID=3857;POLYGON((0 0,1 1,1 0,0 0))")), "SRID=3857"),
    "G21 a curve": (collection(item(kind="CurvePolygon")), "'CurvePolygon'"),
    "G22 three dimensions": (with_position([0.5, 43.0, 1.0]), "a list of 3"),
    "G22 one dimension": (with_position([0.5]), "a list of 1"),
    "G23 100,000 features": (collection(*[item()] * 100_000), "100000 features"),
    "G23 a lone surrogate": (collection(item(id="\udc80")), r"\\udc80"),
    "G24 an unknown class": (collection(item(properties={"class_code": "lava"})), "'lava'"),
    "G24 a class missing": (collection(item(properties={})), "class None"),
    "G24 a class as a list": (collection(item(properties={"class_code": ["water"]})), "a list of 1"),
    "true as a number": (with_position([True, 43.0]), "longitude True"),
    "an integer of 5,000 digits": (with_position([10**5000, 43.0]), "an integer of"),
    "a text as a number": (with_position(["0.5", 43.0]), "'0.5'"),
    "an object as a position": (with_position({"lon": 0.5}), "an object"),
    "two features with one id": (collection(item(), item()), "'f1'"),
    "a multipolygon without part": (collection(item([], kind="MultiPolygon")), "a list of 0"),
    "a multipolygon of 100,000 parts": (collection(item([[SQUARE]] * 100_000, kind="MultiPolygon")), "100000 polygons"),
    "an id too long to number": (collection(item([[SQUARE]], kind="MultiPolygon", id="a" * 40)), "shorten it"),
    "a negative id": (collection(item(id=-1)), "id -1"),
}  # fmt: skip


@pytest.mark.parametrize(("payload", "words"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_collection_is_refused_in_a_second_with_the_value_met(payload, words):
    begin = time.process_time()
    with pytest.raises(InvalidFeature, match=words) as caught:
        parse(payload)
    assert time.process_time() - begin < 1
    assert len(str(caught.value)) < 400
    str(caught.value).encode("utf-8")


def test_an_unknown_class_has_its_own_error():
    with pytest.raises(UnknownClass):
        parse(collection(item(properties={"class_code": "lava"})))


def test_g19_nesting_of_any_depth_is_refused_without_exhausting_the_stack():
    deep = []
    for _ in range(200_000):
        deep = [deep]
    for payload in (deep, collection(deep), collection(item(deep)), collection(item([deep])), with_position(deep)):
        with pytest.raises(InvalidFeature):
            parse(payload)
    while deep:  # taken apart from outside: freeing it at once would recurse
        deep = deep[0]


def test_g1_a_bow_tie_is_read_and_refused_by_the_coverage_check_with_its_place():
    features, _ = parse(collection(item([ring((10, 10), (20, 20), (20, 10), (10, 20))])))
    with pytest.raises(InvalidFeature) as caught:
        check_coverage(features)
    assert caught.value.at == (120, 120)
