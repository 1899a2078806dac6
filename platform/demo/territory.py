"""Generate a seeded territory of the Gers: an aerial image and the land cover that is true of it.

The ground is invented, the rules are those of OCS GE cover: arable land is herbaceous (CS2.2.1) even
ploughed, a vineyard is its whole parcel, what a crown hides is broad-leaved.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from rasterio.transform import from_origin

from demo import ground, objects
from demo.parcels import LANE, Zones, divide
from demo.sunlight import light

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from demo.parcels import Division, Parcel

CRS = "EPSG:2154"
#: Upper-left corner in Lambert-93 metres, in the Gers.
ORIGIN_M = (500000.0, 6290000.0)
BANDS = ("red", "green", "blue", "nir")
#: Truth value → cover code; 0 is never written.
CLASS_CODES = {
    ground.BUILT: "CS1.1.1.1",
    ground.SEALED: "CS1.1.1.2",
    ground.MINERAL: "CS1.1.2.1",
    ground.BARE: "CS1.2.1",
    ground.WATER: "CS1.2.2",
    ground.BROADLEAVED: "CS2.1.1.1",
    ground.VINEYARD: "CS2.1.3",
    ground.HERBACEOUS: "CS2.2.1",
}
#: What a parcel of the open country becomes, outside the vineyard slope.
_COUNTRY = {
    "meadow": 0.22, "dry": 0.1, "crop": 0.15, "ripe": 0.12, "maize": 0.11, "ploughed": 0.16, "wood": 0.14,
}  # fmt: skip


def drawn_on(vintage: int) -> str:
    """The day on which the territory is said to have been flown over, as ISO 8601 has it."""
    return f"{vintage}-06-18"


@dataclass(slots=True)
class Drawn:
    """A territory on its canvas before any light falls on it: what each parcel is used for, in their order."""

    canvas: ground.Canvas
    division: Division
    uses: list[str]


def generate_territory(out_dir: Path, *, seed: int, size_px: int = 2560, gsd_m: float = 0.20) -> tuple[Path, Path]:
    """Write image.tif (uint8, R G B NIR), truth.tif (uint8) and truth.json (value → code) in out_dir.

    Both rasters are size_px squares of gsd_m pixels in EPSG:2154 on the same grid. The same seed and size
    give the same pixels. Raises ValueError for a territory too small to hold every cover.
    """
    if size_px * gsd_m < 100.0:
        raise ValueError(f"a territory of {size_px * gsd_m:.0f} m is too small: ask for at least 100 m a side")
    image, truth = draw_territory(seed=seed, size_px=size_px, gsd_m=gsd_m)
    return write_territory(out_dir, image=image, truth=truth, gsd_m=gsd_m)


def write_territory(
    out_dir: Path, *, image: NDArray[np.uint8], truth: NDArray[np.uint8], gsd_m: float
) -> tuple[Path, Path]:
    """Write an image, uint8 (4, h, w), and its truth, uint8 (h, w), as generate_territory does; where they are."""
    out_dir.mkdir(parents=True, exist_ok=True)
    image_path, truth_path = out_dir / "image.tif", out_dir / "truth.tif"
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "width": truth.shape[1],
        "height": truth.shape[0],
        "dtype": "uint8",
        "crs": CRS,
        "transform": from_origin(*ORIGIN_M, gsd_m, gsd_m),
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "compress": "deflate",
        "predictor": 2,
    }
    with rasterio.open(image_path, "w", count=4, photometric="rgb", alpha="unspecified", **profile) as file:
        file.write(image)
        for index, name in enumerate(BANDS, start=1):
            file.set_band_description(index, name)
    table = {str(value): code for value, code in CLASS_CODES.items()}
    with rasterio.open(truth_path, "w", count=1, **profile) as file:
        file.write(truth, 1)
        file.update_tags(classes=json.dumps(table))
    (out_dir / "truth.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return image_path, truth_path


def draw_territory(*, seed: int, size_px: int, gsd_m: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The image, uint8 (4, size_px, size_px), and its truth, uint8 (size_px, size_px)."""
    canvas = draw_ground(seed=seed, size_px=size_px, gsd_m=gsd_m).canvas
    return lit(canvas), truth_of(canvas)


def lit(canvas: ground.Canvas) -> NDArray[np.uint8]:
    """A canvas as a camera sees it, uint8 (4, size_px, size_px)."""
    shape = (canvas.size_px, canvas.size_px)
    return light(
        albedo=canvas.albedo.reshape(4, *shape), height_m=canvas.height_m.reshape(shape), gsd_m=canvas.gsd_m,
        rng=canvas.rng,
    )  # fmt: skip


def truth_of(canvas: ground.Canvas) -> NDArray[np.uint8]:
    """The classes of a canvas, uint8 (size_px, size_px): a copy."""
    return canvas.truth.reshape(canvas.size_px, canvas.size_px).copy()


def draw_ground(*, seed: int, size_px: int, gsd_m: float) -> Drawn:
    """The same ground each time for a seed, a size and a pixel."""
    rng = np.random.default_rng(seed)
    extent = size_px * gsd_m
    canvas = ground.Canvas(size_px=size_px, gsd_m=gsd_m, rng=rng)
    parcel_m = float(np.clip(extent / 7.0, 30.0, 72.0))
    zones = Zones(
        village=(0.40 * extent, 0.42 * extent),
        village_radius_m=0.19 * extent,
        vineyard=(0.84 * extent, 0.24 * extent),
        vineyard_radius_m=0.24 * extent,
        parcel_m=parcel_m,
        plot_m=min(31.0, 0.8 * parcel_m),
    )
    division = divide(u_m=canvas.u_m, v_m=canvas.v_m, extent_m=extent, zones=zones, rng=rng)
    uses = _uses(division.parcels, zones=zones, extent_m=extent, rng=rng)
    for parcel, use in zip(division.parcels, uses, strict=True):
        if use in ground.FIELD_COVERS:
            ground.paint_field(canvas, parcel, cover=use)
    ground.paint_edges(canvas, division)
    for place, radius in (((0.66, 0.14), 0.040), ((0.15, 0.64), 0.026)):
        basin = _parcel_at(division.parcels, place=(place[0] * extent, place[1] * extent))
        ground.paint_pond(canvas, basin, division=division, radius_m=radius * extent)
    ground.paint_river(canvas, division=division, centre_v=0.84 * extent, width_m=0.025 * extent)
    _settle(canvas, division, uses)
    objects.plant_trees(canvas)
    objects.drive_cars(canvas, division=division)
    return Drawn(canvas, division, uses)


def _uses(parcels: list[Parcel], *, zones: Zones, extent_m: float, rng: np.random.Generator) -> list[str]:
    names, shares = list(_COUNTRY), np.array(list(_COUNTRY.values()))
    uses: list[str] = []
    outskirts: list[int] = []
    for number, parcel in enumerate(parcels):
        u, v = parcel.centre
        to_village = np.hypot(u - zones.village[0], v - zones.village[1])
        to_vineyard = np.hypot(u - zones.vineyard[0], v - zones.vineyard[1])
        inside = 0 < u < extent_m and 0 < v < extent_m
        if to_village < zones.village_radius_m:
            uses.append("plot")
        elif to_vineyard < zones.vineyard_radius_m and rng.random() < 0.85:
            uses.append("vineyard")
        else:
            uses.append(str(rng.choice(names, p=shares / shares.sum())))
            if inside and parcel.pixels.size and v < 0.72 * extent_m:
                outskirts.append(number)
    # Farms and quarries want room: they take some of the larger parcels.
    largest = sorted(outskirts, key=lambda number: -parcels[number].area_m2)[:9]
    for number, use in zip(rng.permutation(largest), ("bare", "farm", "bare", "farm"), strict=False):
        uses[number] = use
    plots = [number for number, use in enumerate(uses) if use == "plot"]
    for number in rng.permutation(plots)[: max(1, len(plots) // 20)]:
        uses[number] = "square"
    return uses


def _parcel_at(parcels: list[Parcel], *, place: tuple[float, float]) -> Parcel:
    """The parcel with the most room for a pond near a place: its size counts against its distance."""

    def reach(parcel: Parcel) -> float:
        u, v = parcel.centre
        return float(np.hypot(u - place[0], v - place[1]) - np.sqrt(parcel.area_m2))

    return min((parcel for parcel in parcels if parcel.pixels.size), key=reach)


def _settle(canvas: ground.Canvas, division: Division, uses: list[str]) -> None:
    """Houses, farms and car parks; they leave the roads and the river as they are."""
    settle = {"plot": objects.settle_plot, "farm": objects.settle_farm, "square": objects.settle_square}
    for parcel, use in zip(division.parcels, uses, strict=True):
        if use not in settle:
            continue
        px = parcel.pixels
        road = (division.edge_kind[px] <= LANE) & (division.edge_gap_m[px] < 0.4)
        parcel.pixels = px[~road & (canvas.truth[px] != ground.WATER)]
        settle[use](canvas, parcel, division=division)
