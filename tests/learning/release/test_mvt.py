"""Polygons as vector tiles: the specification's own examples, and what a reader gets back."""

from __future__ import annotations

import numpy as np
import vector_tiles

from learning.release.mvt import Rings, doubled_areas, encode_geometry, encode_layer, varints
from learning.release.pmtiles import varint


def rings(*polygons: list[list[tuple[int, int]]]) -> Rings:
    """Rings of polygons, each a list of a shell and its holes."""
    outlines = [(k, ring) for k, polygon in enumerate(polygons) for ring in polygon]
    points = np.array([point for _k, ring in outlines for point in ring], np.int64).reshape(-1, 2)
    sizes = np.array([len(ring) for _k, ring in outlines], np.int64)
    return Rings(points[:, 0], points[:, 1], sizes, np.array([k for k, _ring in outlines], np.int64))


TRIANGLE = [[(3, 6), (8, 12), (20, 34)]]
TWO_PARTS = [
    [(0, 0), (10, 0), (10, 10), (0, 10)],
    [(11, 11), (20, 11), (20, 20), (11, 20)],
    [(13, 13), (13, 17), (17, 17), (17, 13)],
]


def test_polygons_are_written_as_in_the_examples_of_the_specification() -> None:
    data, sizes = encode_geometry(rings(TRIANGLE, TWO_PARTS), 2)
    first = [9, 6, 12, 18, 10, 12, 24, 44, 15]
    second = [9, 0, 0, 26, 20, 0, 0, 20, 19, 0, 15, 9, 22, 2, 26, 18, 0, 0, 18, 17, 0, 15]
    second += [9, 4, 13, 26, 0, 8, 8, 0, 0, 7, 15]
    assert list(data) == first + second and sizes.tolist() == [len(first), len(second)]


def test_a_feature_without_rings_has_no_bytes_and_the_next_begins_at_the_corner() -> None:
    outlines = rings(TRIANGLE, TRIANGLE)
    data, sizes = encode_geometry(Rings(outlines.x, outlines.y, outlines.sizes, outlines.feature * 2), 3)
    assert sizes.tolist() == [9, 0, 9] and data[:9] == data[9:]
    nothing, none = encode_geometry(rings(), 2)
    assert nothing == b"" and none.tolist() == [0, 0]


def test_areas_of_shells_are_positive_and_of_holes_negative() -> None:
    assert doubled_areas(rings(TRIANGLE, TWO_PARTS)).tolist() == [38, 200, 162, -32]


def test_numbers_take_seven_bits_a_byte() -> None:
    numbers = [0, 1, 127, 128, 300, 16_383, 16_384, 2**32 - 1, 2**63 + 5]
    packed, sizes = varints(np.array(numbers, np.uint64))
    assert packed.tobytes() == b"".join(map(varint, numbers))
    assert sizes.tolist() == [1, 1, 1, 2, 2, 2, 3, 5, 10]
    assert varint(300) == bytes([0b10101100, 0b10])  # the protocol buffers' own example


def test_a_reader_gets_the_features_back_with_the_properties_they_have() -> None:
    data, sizes = encode_geometry(rings(TRIANGLE, TWO_PARTS), 2)
    tile = encode_layer(
        "polygons",
        extent=1024,
        geometries=[data[: sizes[0]], data[sizes[0] :]],
        properties={"class_code": ["CS1", "CS1"], "area_m2": [70_000, None], "region_id": [1, 2]},
    )
    ((name, (first, second)),) = vector_tiles.layers(tile).items()
    assert name == "polygons"
    assert first.properties == {"class_code": "CS1", "area_m2": 70_000, "region_id": 1}
    assert second.properties == {"class_code": "CS1", "region_id": 2}
    assert first.rings == TRIANGLE and second.rings == TWO_PARTS
    assert tile.count(b"CS1") == 1, "a value is written once"
    assert tile.endswith(b"\x28\x80\x08\x78\x02"), "extent 1024, version 2"
