"""The picture that newcomers practise on, and all that goes with it: `python -m demo.practice`.

A village's edge of our own drawing: nobody's imagery, so that it may be shown to anyone. The same seed gives the same
bytes. `make setup` does not run it: what it writes is kept with the front end's sources.

It writes frontend/src/practice/scene.json (classes, a model's draft with its faults, the right answer) and, for the
browser to fetch, frontend/public/practice/: JPEG map tiles {z}/{x}/{y}.jpg, and zlib streams of the segments
(uint16, little-endian) and of the model's doubt (uint8), row by row.
"""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from scipy import ndimage

from annotation.core.segments import segment_tile
from demo import ground, objects
from demo.parcels import ROAD, Division, Parcel
from demo.sunlight import light

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    Ring = list[tuple[int, int]]

REPOSITORY = Path(__file__).resolve().parents[2]
SEED = 1837
GSD_M = 0.25
PICTURE_PX, TILE_PX, ORIGIN_PX = 512, 384, 64
MAP_TILE_PX, JPEG_QUALITY = 256, 78
SUBPIXELS = 8
#: The right answer is told by one letter for each square of so many pixels.
SAMPLE_PX = 6

BUILT, SEALED, WATER, BROADLEAVED, HERBACEOUS = "CS1.1.1.1", "CS1.1.1.2", "CS1.2.2", "CS2.1.1.1", "CS2.2.1"
#: What the tile's palette offers; the third is a class one does not need here.
CLASSES = (BUILT, SEALED, "CS1.1.2.1", WATER, BROADLEAVED, HERBACEOUS)

# Places in metres from the picture's upper-left corner; the tile begins 16 m from it.
POND_M, POND_RADIUS_M = (38.0, 94.0), 8.5
WOOD_M, WOOD_RADIUS_M = (40.0, 42.0), 13.5
#: Centre, size and direction of two houses and a barn.
HOUSES_M = (((70.0, 85.0), (14.0, 9.0), 0.10), ((92.0, 82.5), (12.0, 8.5), 0.06))
BARN_M = ((80.0, 101.0), (21.0, 11.0), 0.05)
TILED, SLATE = (objects.ROOFS[0],), ((128, 132, 138, 130),)


def main() -> None:
    """Draw the scene and write every file."""
    canvas = draw_ground()
    shape = (PICTURE_PX, PICTURE_PX)
    truth = canvas.truth.reshape(shape)
    image = light(
        albedo=canvas.albedo.reshape(4, *shape), height_m=canvas.height_m.reshape(shape), gsd_m=GSD_M, rng=canvas.rng
    )
    out = REPOSITORY / "frontend" / "public" / "practice"
    write_map_tiles(np.moveaxis(image[:3], 0, 2), out=out)
    zones = zones_of(_tile(truth))
    write_rasters(_tile(np.moveaxis(image[:3], 0, 2)), zones, out=out)
    scene = REPOSITORY / "frontend" / "src" / "practice" / "scene.json"
    scene.parent.mkdir(parents=True, exist_ok=True)
    scene.write_text(json.dumps(scene_of(zones), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in [scene, *out.rglob("*")] if path.is_file())
    sys.stdout.write(f"{scene} and {out}: {size / 1000:.0f} kB\n")


def road_middle_m(x_m: NDArray[np.floating] | float) -> Any:
    """Where the road's axis runs, y for each x, metres from the picture's corner."""
    return 68.0 + 4.0 * np.sin((np.asarray(x_m) - 20.0) / 30.0)


def draw_ground() -> ground.Canvas:
    """Fields on both sides of a road, a wood, a pond, three buildings in their gardens."""
    canvas = ground.Canvas(size_px=PICTURE_PX, gsd_m=GSD_M, rng=np.random.default_rng(SEED))
    canvas.u_m, canvas.v_m = canvas.x_m, canvas.y_m  # nothing is warped: outlines are then known exactly
    x, y = canvas.x_m, canvas.y_m
    away = np.abs(y - road_middle_m(x)).astype(np.float32)
    division = Division(
        parcels=[], edge_gap_m=away - 3.5, edge_axis_m=away, edge_kind=np.full(away.size, ROAD, dtype=np.uint8)
    )
    north, garden = y < road_middle_m(x), (y > road_middle_m(x)) & (x > 58.0)
    for cover, where in (
        ("ripe", north & (x > 66.0)),
        ("meadow", north & (x <= 66.0)),
        ("crop", ~north & ~garden),
        ("meadow", garden),
    ):
        ground.paint_field(canvas, _parcel(where), cover=cover)
    wood = np.hypot(x - WOOD_M[0], y - WOOD_M[1]) < WOOD_RADIUS_M + 1.2 * canvas.broad
    canvas.trees |= wood
    ground.paint_edges(canvas, division)
    near_pond = np.hypot(x - POND_M[0], y - POND_M[1]) < 2 * POND_RADIUS_M
    ground.paint_pond(canvas, _parcel(near_pond), division=division, radius_m=POND_RADIUS_M)
    anywhere = np.arange(away.size, dtype=np.int32)
    for number, (centre, size_m, angle) in enumerate((*HOUSES_M, BARN_M)):
        roof = TILED if number < len(HOUSES_M) else SLATE
        objects.raise_building(canvas, anywhere, centre=centre, angle=angle, size_m=size_m, roof=roof)
    objects.plant_trees(canvas)
    for spot in ((61.0, 79.0), (62.0, 104.0), (101.0, 94.0), (84.0, 90.5)):
        objects.plant_tree(canvas, x_px=spot[0] / GSD_M, y_px=spot[1] / GSD_M, radius_m=canvas.rng.uniform(1.4, 2.2))
    return canvas


def _parcel(where: Mask) -> Parcel:
    return Parcel(polygon=[], direction=(1.0, 0.12), area_m2=0.0, pixels=np.flatnonzero(where).astype(np.int32))


def _tile(picture: NDArray[Any]) -> NDArray[Any]:
    """The tile's part of a picture."""
    inside = slice(ORIGIN_PX, ORIGIN_PX + TILE_PX)
    return picture[inside, inside]


def zones_of(truth: NDArray[np.uint8]) -> dict[str, Mask]:
    """What there is to label beside the open ground: pond, wood, road, houses and barn, bool (TILE_PX, TILE_PX)."""
    y, x = np.mgrid[0:TILE_PX, 0:TILE_PX] * GSD_M + ORIGIN_PX * GSD_M
    away = np.abs(y - road_middle_m(x))
    near_wood = np.hypot(x - WOOD_M[0], y - WOOD_M[1]) < WOOD_RADIUS_M + 6.0
    built = truth == ground.BUILT
    is_barn = y > (HOUSES_M[0][0][1] + BARN_M[0][1]) / 2
    return {
        "pond": ndimage.binary_closing(truth == ground.WATER, iterations=2),
        "wood": ndimage.binary_closing((truth == ground.BROADLEAVED) & near_wood, iterations=3),
        "road": away < 3.5,
        "houses": built & ~is_barn,
        "barn": built & is_barn,
    }


def write_map_tiles(rgb: NDArray[np.uint8], *, out: Path) -> None:
    """The picture on its own grid, two zooms, as /imagery/ would serve it."""
    for z in (0, 1):
        side = MAP_TILE_PX << z
        shown = Image.fromarray(rgb) if side == PICTURE_PX else Image.fromarray(rgb).resize((side, side), 4)
        for x in range(1 << z):
            for y in range(1 << z):
                path = out / str(z) / str(x) / f"{y}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                corner = (x * MAP_TILE_PX, y * MAP_TILE_PX)
                box = (*corner, corner[0] + MAP_TILE_PX, corner[1] + MAP_TILE_PX)
                shown.crop(box).save(path, "JPEG", quality=JPEG_QUALITY, optimize=True)


def write_rasters(rgb: NDArray[np.uint8], zones: dict[str, Mask], *, out: Path) -> None:
    """The tile's segments at every level, and where the model hesitates."""
    valid = np.ones(rgb.shape[:2], dtype=bool)
    for level, ids in segment_tile(np.ascontiguousarray(rgb), valid).items():
        (out / f"segments-{level}.zz").write_bytes(zlib.compress(ids.astype("<u2").tobytes(), 9))
    doubt = np.full(rgb.shape[:2], 14.0)
    for name, weight in (("wood", 90.0), ("pond", 70.0), ("road", 40.0), ("houses", 60.0), ("barn", 60.0)):
        border = ndimage.binary_dilation(zones[name], iterations=3) & ~ndimage.binary_erosion(zones[name], iterations=3)
        doubt[border] += weight
    doubt[zones["barn"]] += 75.0
    doubt[_filled(SHADOW)] = 215.0
    levels = (np.rint(ndimage.gaussian_filter(doubt, 4.0) / 8) * 8).clip(1, 255).astype(np.uint8)
    (out / "doubt.zz").write_bytes(zlib.compress(levels.tobytes(), 9))


def _filled(ring: Ring) -> Mask:
    from PIL import ImageDraw

    picture = Image.new("1", (TILE_PX, TILE_PX))
    ImageDraw.Draw(picture).polygon([(x / SUBPIXELS, y / SUBPIXELS) for x, y in ring], fill=1)
    return np.asarray(picture, dtype=bool)


def _units(x_m: float, y_m: float) -> tuple[int, int]:
    """A place in metres of the picture, in the tile's units and inside it."""
    side = TILE_PX * SUBPIXELS

    def unit(metres: float) -> int:
        return min(max(round((metres / GSD_M - ORIGIN_PX) * SUBPIXELS), 0), side)

    return unit(x_m), unit(y_m)


def _rectangle(centre: tuple[float, float], size_m: tuple[float, float], angle: float, *, off_m: float) -> Ring:
    """A building's outline as a model would draw it, off by a little."""
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    places = [np.array(centre) + a * size_m[0] / 2 * along + b * size_m[1] / 2 * across for a, b in corners]
    return [_units(x + off_m, y + off_m) for x, y in places]


def _road() -> Ring:
    """The road from one side of the tile to the other."""
    west = ORIGIN_PX * GSD_M
    xs = np.linspace(west, west + TILE_PX * GSD_M, 13)
    edge = [[_units(float(x), float(road_middle_m(x)) + side) for x in xs] for side in (-3.4, 3.4)]
    return edge[0] + edge[1][::-1]


def _shadow() -> Ring:
    """What the wood's shadow covers of the meadow, on the side away from the sun."""
    turns = np.radians(np.linspace(195.0, 290.0, 10))

    def arc(radius_m: float) -> Ring:
        return [_units(WOOD_M[0] + radius_m * np.cos(t), WOOD_M[1] + radius_m * np.sin(t)) for t in turns]

    return arc(WOOD_RADIUS_M + 7.0) + arc(WOOD_RADIUS_M + 2.6)[::-1]


SHADOW = _shadow()


def model_draft() -> list[dict[str, Any]]:
    """What a model might offer: road and houses right, the barn's roof taken for a car park, a shadow for water."""
    drawn = [
        (SEALED, _road(), 0.96),
        *((BUILT, _rectangle(*house, off_m=0.3), share) for house, share in zip(HOUSES_M, (0.95, 0.92), strict=True)),
        (SEALED, _rectangle(*BARN_M, off_m=-0.2), 0.86),
        (WATER, SHADOW, 0.48),
    ]
    return [
        {"id": f"practice-{n}", "class_code": code, "rings": [ring], "provenance": "accepted", "confidence": sure}
        for n, (code, ring, sure) in enumerate(drawn, start=1)
    ]


def scene_of(zones: dict[str, Mask]) -> dict[str, Any]:
    """What the page needs to know of the scene, JSON-able."""
    nomenclature = json.loads((REPOSITORY / "annotation" / "nomenclatures" / "ocsge_cover.json").read_text("utf-8"))
    letters = np.full((TILE_PX, TILE_PX), ".", dtype="<U1")
    for name, letter in (("wood", "w"), ("road", "r"), ("pond", "p"), ("houses", "h"), ("barn", "b")):
        letters[zones[name]] = letter
    sampled = letters[SAMPLE_PX // 2 :: SAMPLE_PX, SAMPLE_PX // 2 :: SAMPLE_PX]
    return {
        "picture_px": PICTURE_PX,
        "tile_px": TILE_PX,
        "origin_px": ORIGIN_PX,
        "gsd_m": GSD_M,
        "nomenclature": nomenclature["code"],
        "version": nomenclature["version"],
        "classes": [item for item in nomenclature["classes"] if item["code"] in CLASSES],
        "draft": model_draft(),
        "sample_px": SAMPLE_PX,
        "answer": ["".join(row) for row in sampled],
    }


if __name__ == "__main__":
    main()
