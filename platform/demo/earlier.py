"""The same territory three years before: what was built since is still a field, and a house stands that is gone now.

What changed is known to the pixel, so that the figures of change can be held against it. The camera flew on another
day: other light, other noise, and an image that lies a little beside the later one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio.features
import rasterio.warp
from rasterio.transform import from_origin
from scipy import ndimage

from demo import ground, objects
from demo.parcels import LANE
from demo.territory import CRS, ORIGIN_M, Drawn, draw_ground, lit, truth_of, write_territory

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from demo.parcels import Parcel

YEARS = 3
#: Where the later image shows the same ground, from the earlier one: metres to the east and to the south.
SHIFT_M = (0.10, -0.06)
#: Brightness of R, G, B, NIR beside the later flight's.
EXPOSURE = (1.02, 1.0, 0.98, 0.99)
#: Share of the village's plots that were fields, and what lies within so much of a parcel's edge stays as it is.
NEW_PLOTS, KEPT_EDGE_M = 0.22, 1.0
#: Room for a house and its garden.
HOUSE_M2 = 350.0
#: The invented commune.
KIND, CODE = "commune", "32999"
#: Corners of the commune, as shares of the territory's side from its upper-left corner.
COMMUNE = ((0.06, 0.09), (0.44, 0.04), (0.93, 0.11), (0.96, 0.58), (0.71, 0.93), (0.28, 0.96), (0.05, 0.66))
#: What each use of a parcel is in the national nomenclature of usage; roads and what nobody uses stand apart.
USAGES = {
    "plot": "US5", "square": "US3", "farm": "US1.1", "vineyard": "US1.1", "meadow": "US1.1", "dry": "US1.1",
    "crop": "US1.1", "ripe": "US1.1", "maize": "US1.1", "ploughed": "US1.1", "wood": "US1.2", "bare": "US1.3",
}  # fmt: skip
ROADS, UNUSED = "US4.1.1", "US6.3"
#: Usage is drawn on squares of so many metres.
USAGE_M = 1.0


@dataclass(frozen=True, slots=True)
class Earlier:
    """Image, uint8 (4, size_px, size_px), and truth, uint8 (size_px, size_px), of the earlier date."""

    image: NDArray[np.uint8]
    truth: NDArray[np.uint8]


def generate_vintages(
    out_dir: Path, earlier_dir: Path, *, seed: int, size_px: int, gsd_m: float = 0.20
) -> tuple[Path, Path]:
    """Write the territory into out_dir as generate_territory does, and image.tif and truth.tif of the earlier date into
    earlier_dir; beside these, of the later date, commune.geojson and usage.geojson (RFC 7946; the property `code`).

    Returns: image and truth of the later date.
    """
    drawn = draw_ground(seed=seed, size_px=size_px, gsd_m=gsd_m)
    later = write_territory(out_dir, image=lit(drawn.canvas), truth=truth_of(drawn.canvas), gsd_m=gsd_m)
    usage = usage_of(drawn)  # before the ground is taken back in time
    earlier = draw_earlier(drawn, seed=seed)
    write_territory(earlier_dir, image=earlier.image, truth=earlier.truth, gsd_m=gsd_m)
    for name, features in (("commune", commune(size_px * gsd_m)), ("usage", usage)):
        text = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)
        (earlier_dir / f"{name}.geojson").write_text(text + "\n", encoding="utf-8")
    return later


def draw_earlier(drawn: Drawn, *, seed: int) -> Earlier:
    """Take the ground of a drawn territory back in time; its canvas is painted over."""
    canvas = drawn.canvas
    canvas.rng = np.random.default_rng([seed, YEARS])
    for parcel in drawn.division.parcels:
        parcel.pixels = parcel.pixels[drawn.division.edge_gap_m[parcel.pixels] > KEPT_EDGE_M]
    # Vineyard surely is not artificialised, whatever it is used for: of a meadow cover alone does not tell.
    for parcel in (*new_plots(drawn), *new_farm(drawn), *grubbed_vines(drawn)):
        _clear(canvas, parcel)
        ground.paint_field(canvas, parcel, cover="vineyard")
    for parcel in gone_house(drawn):
        _clear(canvas, parcel)
        objects.settle_plot(canvas, parcel, division=drawn.division)
    return Earlier(_flown_apart(lit(canvas), gsd_m=canvas.gsd_m), truth_of(canvas))


def new_plots(drawn: Drawn) -> list[Parcel]:
    """The plots that were built on since: those of the village that lie farthest to the south-east."""
    plots = [parcel for parcel, use in _with_ground(drawn) if use == "plot"]
    order = sorted(plots, key=lambda parcel: -sum(parcel.centre))
    return order[: max(1, round(NEW_PLOTS * len(plots)))]


def new_farm(drawn: Drawn) -> list[Parcel]:
    """The farm that was built since, the smallest; none where the territory has none."""
    farms = [parcel for parcel, use in _with_ground(drawn) if use == "farm"]
    return sorted(farms, key=lambda parcel: parcel.pixels.size)[:1]


def gone_house(drawn: Drawn) -> list[Parcel]:
    """The vineyard in which a house stood: the smallest that has room for one."""
    return sorted(_fields(drawn, "vineyard"), key=lambda parcel: parcel.pixels.size)[:1]


def grubbed_vines(drawn: Drawn) -> list[Parcel]:
    """The field that was a vineyard: the smallest."""
    return sorted(_fields(drawn, "crop", "ripe", "ploughed"), key=lambda parcel: parcel.pixels.size)[:1]


def _with_ground(drawn: Drawn) -> list[tuple[Parcel, str]]:
    pairs = zip(drawn.division.parcels, drawn.uses, strict=True)
    return [(parcel, use) for parcel, use in pairs if parcel.pixels.size]


def _fields(drawn: Drawn, *uses: str) -> list[Parcel]:
    """Parcels of these uses with room for a house, away from the river and from the territory's edge."""
    room = round(HOUSE_M2 / drawn.canvas.gsd_m**2)
    extent = drawn.canvas.size_px * drawn.canvas.gsd_m
    return [
        parcel
        for parcel, use in _with_ground(drawn)
        if use in uses
        and parcel.pixels.size > room
        and 0.1 * extent < parcel.centre[0] < 0.9 * extent
        and parcel.centre[1] < 0.72 * extent
    ]


def _clear(canvas: ground.Canvas, parcel: Parcel) -> None:
    """Nothing stands on a parcel any more."""
    canvas.height_m[parcel.pixels] = 0.0
    canvas.trees[parcel.pixels] = False


def _flown_apart(image: NDArray[np.uint8], *, gsd_m: float) -> NDArray[np.uint8]:
    """The image as another flight has it: its own exposure, a fraction of a pixel beside."""
    east, south = (-metres / gsd_m for metres in SHIFT_M)
    moved = np.empty_like(image)
    for band, exposure in enumerate(EXPOSURE):
        level = ndimage.shift(image[band].astype(np.float32), (south, east), order=1, mode="nearest")
        moved[band] = np.clip(np.rint(level * exposure), 1, 255)
    return moved


def commune(extent_m: float) -> list[dict[str, Any]]:
    """The boundary of the invented commune, as one GeoJSON feature in degrees."""
    west, north = ORIGIN_M
    ring = [(west + x * extent_m, north - y * extent_m) for x, y in (*COMMUNE, COMMUNE[0])]
    shape = {"type": "Polygon", "coordinates": [ring[::-1]]}
    return [_feature({"code": CODE, "name": "Exempleville"}, shape)]


def usage_of(drawn: Drawn) -> list[dict[str, Any]]:
    """What the ground is used for at the later date, as GeoJSON features in degrees with the code of usage."""
    canvas, division = drawn.canvas, drawn.division
    codes = sorted({*USAGES.values(), ROADS, UNUSED})
    usage = np.full(canvas.size_px**2, codes.index(UNUSED), dtype=np.uint8)
    for parcel, use in zip(division.parcels, drawn.uses, strict=True):
        usage[parcel.pixels] = codes.index(USAGES[use])
    usage[canvas.truth == ground.WATER] = codes.index(UNUSED)
    usage[(division.edge_kind <= LANE) & (division.edge_gap_m < 0)] = codes.index(ROADS)
    step = max(1, round(USAGE_M / canvas.gsd_m))
    coarse = usage.reshape(canvas.size_px, canvas.size_px)[step // 2 :: step, step // 2 :: step]
    transform = from_origin(*ORIGIN_M, step * canvas.gsd_m, step * canvas.gsd_m)
    shapes = rasterio.features.shapes(np.ascontiguousarray(coarse), transform=transform)
    return [_feature({"code": codes[int(value)]}, shape) for shape, value in shapes]


def _feature(properties: dict[str, str], shape: dict[str, Any]) -> dict[str, Any]:
    """A GeoJSON feature of a polygon in the territory's CRS."""
    geometry = rasterio.warp.transform_geom(CRS, "EPSG:4326", shape, precision=8)
    return {"type": "Feature", "properties": properties, "geometry": geometry}
