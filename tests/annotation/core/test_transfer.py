"""Labels of another grid on this one: through the CRS, clipped, on integers, and always a coverage."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from scenes import GSD_M, LAMBERT_93, ORIGIN, square

from annotation.core.features import Feature
from annotation.core.grid import SUBPIXELS, PixelGrid, TileGrid
from annotation.core.labels import polygonize_labels
from annotation.core.tile_geometry import check_coverage, parse_features, to_crs
from annotation.core.transfer import LabelledTile, carried_over, valid_coverage

TILE_PX = 64
SIDE = SUBPIXELS * TILE_PX
CODES = {1: "a", 2: "b", 3: "c"}


def tiles(*, gsd_m: float = GSD_M, shift_m: float = 0.0, tile_px: int = TILE_PX) -> TileGrid:
    x, y = ORIGIN
    transform = (gsd_m, 0.0, x + shift_m, 0.0, -gsd_m, y - shift_m)
    return TileGrid(PixelGrid(LAMBERT_93, transform, 1024, 1024), tile_px)


def full_tile(grid: TileGrid, row: int, col: int, *, seed: int) -> LabelledTile:
    """A tile covered by irregular regions of three classes."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(1, 4, (grid.tile_px // 8, grid.tile_px // 8)).astype(np.uint8)
    labels = np.kron(coarse, np.ones((8, 8), np.uint8))
    labels[rng.random(labels.shape) < 0.05] = 1
    found = polygonize_labels(labels, class_codes=CODES, min_area_px=4)
    return LabelledTile(f"v{row}{col}", grid, row, col, found)


def area(features: tuple[Feature, ...]) -> float:
    return sum(shapely.Polygon(f.rings[0], f.rings[1:]).area for f in features)


def sent_by_a_client(features: tuple[Feature, ...]) -> None:
    """What is offered must be what a save accepts as it is."""
    payload = [feature.as_json() for feature in features]
    check_coverage(parse_features(payload, tile_px=TILE_PX, class_codes=CODES.values()))


def test_labels_of_the_same_grid_come_back_as_they_are() -> None:
    source = full_tile(tiles(), 2, 3, seed=1)
    found = carried_over([source], grid=tiles(), row=2, col=3)
    assert len(found) == len(source.features)
    for before, after in zip(source.features, found, strict=True):
        assert after.class_code == before.class_code and after.provenance == "copied"
        assert shapely.equals(
            shapely.Polygon(before.rings[0], before.rings[1:]), shapely.Polygon(after.rings[0], after.rings[1:])
        )


def test_a_shape_lies_on_the_same_ground_on_a_grid_of_other_pixels() -> None:
    source_grid, grid = tiles(gsd_m=0.5), tiles(gsd_m=0.2)
    feature = parse_features([square("a", 4, 6, 8, "pond")], tile_px=TILE_PX, class_codes=["a"])[0]
    found = carried_over([LabelledTile("v9", source_grid, 0, 0, [feature])], grid=grid, row=0, col=0)
    assert [f.id for f in found] == ["v9-1"]
    before = to_crs(feature.rings, grid=source_grid, row=0, col=0)
    after = to_crs(found[0].rings, grid=grid, row=0, col=0)
    assert shapely.equals_exact(before.normalize(), after.normalize(), tolerance=1e-6)


@pytest.mark.parametrize(("gsd_m", "shift_m"), [(0.2, 0.0), (0.2, 0.0731), (0.3, 0.017), (0.17, -0.05), (0.5, 0.111)])
def test_neighbours_stay_neighbours_whatever_the_grid_they_come_from(gsd_m: float, shift_m: float) -> None:
    other = tiles(gsd_m=gsd_m, shift_m=shift_m)
    sources = [full_tile(other, row, col, seed=10 * row + col) for row in range(4) for col in range(4)]
    found = carried_over(sources, grid=tiles(), row=1, col=1)
    sent_by_a_client(found)
    assert len({feature.id for feature in found}) == len(found) >= 7
    assert area(found) > 0.97 * SIDE * SIDE
    assert all(0 <= v <= SIDE for f in found for ring in f.rings for vertex in ring for v in vertex)


def test_a_shape_that_the_tiles_edge_cuts_in_two_becomes_two() -> None:
    prongs = ((400, SIDE), (400, 100), (350, 100), (350, SIDE))
    fork = Feature("fork", "a", (((0, 0), (SIDE, 0), (SIDE, SIDE), *prongs, (0, SIDE)),))
    other = tiles(shift_m=-32 * GSD_M)  # this tile's upper left corner is in its middle
    found = carried_over([LabelledTile("v1", other, 0, 0, [fork])], grid=tiles(), row=0, col=0)
    sent_by_a_client(found)
    assert [feature.id for feature in found] == ["v1-1-1", "v1-1-2"]
    assert area(found) == (350 - 256 + SIDE - 400) * 256


def test_slivers_left_by_the_clip_are_dropped() -> None:
    other = tiles(shift_m=-63.6 * GSD_M)  # 0.4 px of the other tile reach into this one
    source = LabelledTile("v1", other, 0, 0, [Feature("x", "a", (((0, 0), (SIDE, 0), (SIDE, SIDE), (0, SIDE)),))])
    assert carried_over([source], grid=tiles(), row=0, col=0) == ()


def test_ground_that_is_elsewhere_gives_nothing() -> None:
    assert carried_over([full_tile(tiles(), 5, 5, seed=2)], grid=tiles(), row=0, col=0) == ()
    assert carried_over([], grid=tiles(), row=0, col=0) == ()


def test_a_hole_comes_along() -> None:
    ring = Feature(
        "r", "a", (((0, 0), (400, 0), (400, 400), (0, 400)), ((100, 100), (100, 300), (300, 300), (300, 100)))
    )
    core = Feature("c", "b", (((100, 100), (300, 100), (300, 300), (100, 300)),))
    found = carried_over([LabelledTile("v1", tiles(), 0, 0, [ring, core])], grid=tiles(shift_m=0.013), row=0, col=0)
    sent_by_a_client(found)
    assert sorted(len(f.rings) for f in found) == [1, 2]


def test_what_breaks_a_rule_is_left_out_and_the_rest_is_kept() -> None:
    def at(name: str, x: int, y: int) -> Feature:
        return parse_features([square("a", x, y, 10, name)], tile_px=TILE_PX, class_codes=["a"])[0]

    bow_tie = Feature("bow", "a", (((400, 400), (480, 480), (480, 400), (400, 480)),))
    kept = valid_coverage([at("one", 0, 0), at("over", 5, 5), bow_tie, at("two", 20, 20)])
    assert [feature.id for feature in kept] == ["one", "two"]
