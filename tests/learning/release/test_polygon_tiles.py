"""A map's polygons as vector tiles: places worked by hand, a whole small map, and what stands for small ones."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import polygon_maps
import pyogrio
import pytest
import shapely
import vector_tiles
from affine import Affine

from learning.core.polygons.join import Polygons, joined
from learning.release.map_polygons import ClassText, MapFacts, write_map_parquet
from learning.release.pmtiles import read_archive, read_tile
from learning.release.polygon_tiles import HALF_WORLD_M, UNITS, write_polygon_tiles, zooms_of

AWAY = shapely.box(9000, 0, 9100, 100)  # makes a map that is wide enough for zooms further out
UNIT_M = 2 * HALF_WORLD_M / (UNITS << 15)
"""Of zoom 15; the corner of tile 16384/16384 is where the equator meets the meridian."""


def facts(crs: str = "EPSG:3857") -> MapFacts:
    classes = [ClassText(code, f"{code} fr", f"{code} en", 5.0) for code in polygon_maps.CODES]
    return MapFacts(crs=crs, classes=classes, m_per_unit=1.0, vintage=2022, model="map-1")


def polygons(*shapes: Any, value: int = 1) -> Polygons:
    """Polygons in units of zoom 15, x right and y down from the corner of tile 16384/16384."""
    count = len(shapes)
    placed = shapely.orient_polygons(shapely.transform(np.array(shapes, object), lambda p: p * [UNIT_M, -UNIT_M]))
    return Polygons(
        np.arange(1, count + 1), np.full(count, value, np.uint8), np.full(count, 9), np.full(count, "", object), placed
    )


def tiles_of(folder: Path, *parts: Polygons, pixel: float = 2 * UNIT_M, crs: str = "EPSG:3857") -> Path:
    parquet, path = folder / "p.parquet", folder / "p.pmtiles"
    write_map_parquet(parquet, parts, facts=facts(crs))
    write_polygon_tiles(parquet, path, facts=facts(crs), pixel_crs=pixel)
    return path


def features(path: Path, z: int, x: int, y: int) -> list[vector_tiles.Feature]:
    found = read_tile(path, z, x, y, version=read_archive(path).version)
    return [] if found is None else vector_tiles.layers(gzip.decompress(found))["polygons"]


def shape(feature: vector_tiles.Feature) -> Any:
    """What a reader draws: within an odd number of rings."""
    drawn: Any = shapely.Polygon()
    for ring in feature.rings:
        drawn = shapely.symmetric_difference(drawn, shapely.Polygon(ring))
    return drawn


def test_zooms_go_from_the_whole_map_on_a_quarter_of_a_tile_to_a_pixel_on_a_unit() -> None:
    """A pixel of half a unit of zoom 15 asks for zoom 17; 3,000 m fit into a tile of zoom 13 (4,892 m)."""
    found = zooms_of((0.0, 0.0, 3000.0, 100.0), crs="EPSG:3857", pixel_crs=UNIT_M / 2)
    assert (found.coarsest, found.deepest) == (11, 17)
    assert zooms_of((0.0, 0.0, 3000.0, 100.0), crs="EPSG:3857", pixel_crs=UNIT_M / 0.59).deepest == 15
    assert zooms_of((0.0, 0.0, 3000.0, 100.0), crs="EPSG:3857", pixel_crs=UNIT_M / 0.61).deepest == 16
    wide = zooms_of((-5e6, -5e6, 5e6, 5e6), crs="EPSG:3857", pixel_crs=10_000.0)
    assert (wide.coarsest, wide.deepest) == (0, 0)


def test_a_polygon_with_a_hole_lies_where_it_belongs_shell_first(tmp_path: Path) -> None:
    outline = shapely.Polygon([(10, 20), (110, 20), (110, 220), (10, 220)], [[(30, 40), (50, 40), (50, 60), (30, 60)]])
    path = tiles_of(tmp_path, polygons(outline, AWAY))
    found = features(path, 15, 16384, 16384)[0]
    assert shape(found).equals(outline)
    assert [shapely.LinearRing(ring).is_ccw for ring in found.rings] == [True, False]  # in y down: clockwise, and not
    area = round(outline.area * UNIT_M**2)
    assert found.properties == {"class_code": "a", "area_m2": area, "region_id": 1}
    assert read_archive(path).max_zoom == 15
    # At zoom 13 a unit is 32 of zoom 15: 10 → 0.3, 110 → 3.4, 20 → 0.6, 220 → 6.9.
    found = features(path, 13, 4096, 4096)[0]
    assert found.box == (0, 1, 3, 7)


def test_a_polygon_over_four_tiles_is_cut_with_a_margin_and_meets_itself(tmp_path: Path) -> None:
    path = tiles_of(tmp_path, polygons(shapely.box(-300, -200, 500, 400)))
    boxes = {
        (x, y): features(path, 15, 16384 + x, 16384 + y)[0].box for x in (-1, 0) for y in (-1, 0)
    }  # a 64th of 8,192 units is 128
    assert boxes[0, 0] == (-128, -128, 500, 400)
    assert boxes[-1, 0] == (8192 - 300, -128, 8192 + 128, 400)
    assert boxes[0, -1] == (-128, 8192 - 200, 500, 8192 + 128)
    assert boxes[-1, -1] == (8192 - 300, 8192 - 200, 8192 + 128, 8192 + 128)
    assert {feature.properties["area_m2"] for feature in features(path, 15, 16384, 16384)} == {
        round(800 * 600 * UNIT_M**2)
    }, "of the whole"


def test_what_a_tile_has_of_a_polygon_in_two_places_is_one_feature(tmp_path: Path) -> None:
    """A fork from below the border, whose prongs reach above it; the margin ends 128 units below."""
    fork = shapely.union_all(
        [shapely.box(0, 200, 500, 300), shapely.box(0, -50, 100, 300), shapely.box(400, -50, 500, 300)]
    )
    path = tiles_of(tmp_path, polygons(fork))
    (above,) = features(path, 15, 16384, 16383)
    assert sorted(shapely.Polygon(ring).bounds for ring in above.rings) == [
        (0, 8142, 100, 8320), (400, 8142, 500, 8320),
    ]  # fmt: skip
    assert all(shapely.LinearRing(ring).is_ccw for ring in above.rings), "two shells"
    (below,) = features(path, 15, 16384, 16384)
    assert shape(below).equals(fork)


def test_one_too_thin_for_an_outline_is_a_speck_and_there_all_the_same(tmp_path: Path) -> None:
    thin = shapely.box(100.1, 200.1, 100.3, 200.4)
    path = tiles_of(tmp_path, polygons(shapely.box(0, 0, 90, 90), thin))
    assert [found.box for found in features(path, 15, 16384, 16384)] == [(0, 0, 90, 90), (100, 200, 101, 201)]


def test_small_polygons_keep_their_share_of_the_ground_from_afar(tmp_path: Path) -> None:
    """At zoom 13 a pixel of the screen is 128 units of zoom 15 wide. Forty polygons of 80 × 80 units are 0.39 pixels
    each, 15.6 together: 15 squares."""
    small = [shapely.box(x, y, x + 80, y + 80) for y in range(0, 1000, 200) for x in range(0, 1600, 200)]
    large = shapely.box(14_000, 0, 14_128, 128)
    path = tiles_of(tmp_path, polygons(*small, value=2), polygons(large, value=3))
    found = features(path, 13, 4096, 4096)
    squares = [one for one in found if one.properties == {"class_code": "b"}]
    assert len(squares) == 15 and [one.properties["class_code"] for one in found].count("c") == 1
    assert {shape(one).area for one in squares} == {16.0}  # four units a side of 1,024: a 256th
    assert all(corner % 4 == 0 for one in squares for corner in one.box)
    assert len({one.box for one in squares}) == 15
    assert len(features(path, 14, 8192, 8192)) == 41, "above a pixel of the screen at zoom 14"
    assert len(features(path, 15, 16384, 16384)) == 40


def tiles_of_map(folder: Path, classes: np.ndarray, *, minimum: int) -> tuple[Path, Polygons]:
    """The polygons of a class map of 0.2 m in Lambert-93, in blocks of 512 px, and their tiles."""
    plan = polygon_maps.plan_of(folder, classes, minimum=minimum, block_px=512, tolerance_px=1.0)
    polygon_maps.drawn(plan)
    parts = list(joined(plan, transform=Affine(0.2, 0, 652_300.0, 0, -0.2, 6_862_100.0)))
    path = tiles_of(folder, *parts, pixel=0.2, crs="EPSG:2154")
    columns = [np.concatenate([getattr(part, name) for part in parts]) for name in Polygons.__slots__]
    return path, Polygons(*columns)


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Polygons]:
    """A map of 1,200 × 900 px, across tiles of zoom 15."""
    rng = np.random.default_rng(4)
    classes = np.kron(rng.integers(1, 5, (30, 40)), np.ones((30, 30), int)).astype(np.uint8)
    classes[rng.random(classes.shape) < 0.05] = 1
    classes[:80, :200] = 0
    return tiles_of_map(tmp_path_factory.mktemp("tiles"), classes, minimum=20)


def deepest(path: Path) -> dict[tuple[int, int], list[vector_tiles.Feature]]:
    """Tiles of the deepest zoom by column and row."""
    archive = read_archive(path)
    info = pyogrio.read_info(path)
    west, south, east, north = info["total_bounds"]
    side = 2 * HALF_WORLD_M / (1 << archive.max_zoom)
    return {
        (x, y): found
        for x in range(int((west + HALF_WORLD_M) // side), int((east + HALF_WORLD_M) // side) + 1)
        for y in range(int((HALF_WORLD_M - north) // side), int((HALF_WORLD_M - south) // side) + 1)
        if (found := features(path, archive.max_zoom, x, y))
    }


def test_of_a_whole_map_every_polygon_is_at_the_deepest_zoom_with_its_class_and_area(noise: Any) -> None:
    path, expected = noise
    seen = {one.properties["region_id"]: one.properties for found in deepest(path).values() for one in found}
    classes = dict(zip(expected.region.tolist(), np.array(polygon_maps.CODES)[expected.value - 1], strict=True))
    assert {region: one["class_code"] for region, one in seen.items()} == classes and len(seen) > 300
    areas = dict(zip(expected.region.tolist(), shapely.area(expected.geometry), strict=True))
    assert {region: one["area_m2"] for region, one in seen.items()} == {
        region: round(area) for region, area in areas.items()
    }


def test_within_a_tile_polygons_share_their_edges_and_cover_what_the_map_covers(noise: Any) -> None:
    path, expected = noise
    tiles = deepest(path)
    assert len(tiles) > 1
    covered = 0.0
    window = shapely.box(0, 0, UNITS, UNITS)
    for found in tiles.values():
        shapes = [shape(one) for one in found]
        assert shapely.coverage_is_valid(shapes), "no gap, no overlap, the same corners on both sides"
        covered += sum(shapely.intersection(one, window).area for one in shapes)
    unit_m = 2 * HALF_WORLD_M / (UNITS << read_archive(path).max_zoom)
    stretch = 1 / np.cos(np.radians(48.86)) ** 2  # of areas in Web Mercator
    total = shapely.area(expected.geometry).sum()
    assert covered * unit_m**2 / stretch == pytest.approx(total, rel=2e-3)


def test_polygons_of_single_pixels_keep_their_shape_and_edges_too(tmp_path: Path) -> None:
    classes = np.random.default_rng(5).integers(1, 5, (90, 120)).astype(np.uint8)
    path, expected = tiles_of_map(tmp_path, classes, minimum=1)
    found = [one for tile in deepest(path).values() for one in tile]
    assert {one.properties["region_id"] for one in found} == set(expected.region.tolist()) and len(found) > 3000
    assert shapely.is_valid([shapely.Polygon(ring) for one in found for ring in one.rings]).all()
    for tile in deepest(path).values():
        assert shapely.coverage_is_valid([shape(one) for one in tile])


def test_another_program_reads_the_same_polygons(noise: Any) -> None:
    path, expected = noise
    info = pyogrio.read_info(path)
    assert info["layer_name"] == "polygons" and info["crs"] == "EPSG:3857"
    assert set(info["fields"]) >= {"class_code", "area_m2", "region_id", "reason"}
    meta, _, _geometry, columns = pyogrio.raw.read(path, columns=["region_id"])
    assert list(meta["fields"]) == ["region_id"] and set(columns[0].tolist()) == set(expected.region.tolist())


def test_written_again_the_bytes_are_the_same_and_nothing_else_is_left(noise: Any, tmp_path: Path) -> None:
    path, _expected = noise
    again = tmp_path / "again.pmtiles"
    told: list[float] = []
    write_polygon_tiles(
        path.with_name("p.parquet"), again, facts=facts("EPSG:2154"), pixel_crs=0.2, on_progress=told.append
    )
    assert again.read_bytes() == path.read_bytes()
    assert list(tmp_path.iterdir()) == [again] and told == sorted(told) and max(told) <= 1
    assert read_archive(path).metadata["classes"]["a"] == {"en": "a en", "fr": "a fr"}
