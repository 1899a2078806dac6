"""Paint what lies on the ground: fields, vineyards, roads, river, ponds, bare soil.

Colours are R, G, B, NIR on 0…255 in full sun. Several covers share their colours on purpose: ploughed land
(herbaceous in the national nomenclature) and bare soil, vines and maize, tracks and dry soil.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from demo.parcels import HEDGE, LANE, ROAD, TRACK, smooth_noise

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from demo.parcels import Division, Parcel

#: Position of each class among the fourteen leaves of the cover nomenclature, in the order of its codes.
BUILT, SEALED, MINERAL, BARE, WATER, BROADLEAVED, VINEYARD, HERBACEOUS = 1, 2, 3, 5, 6, 8, 12, 13

MEADOW = (104, 122, 76, 178)
DRY_GRASS = (158, 150, 104, 160)
CROP = (84, 112, 60, 192)
RIPE = (186, 168, 116, 168)
PLOUGHED = (150, 126, 98, 136)
SOIL = (172, 150, 118, 150)
VINE_LEAF = (82, 104, 58, 176)
ASPHALT = (124, 124, 126, 122)
CONCRETE = (160, 156, 148, 152)
GRAVEL = (182, 170, 146, 168)
RIVER = (66, 78, 66, 34)
POND = (58, 70, 62, 26)


@dataclass(slots=True)
class Canvas:
    """The territory being painted; every array is flat, row by row, of size_px² pixels (albedo: 4 of them).

    x_m, y_m: ground position from the upper-left corner, y down; u_m, v_m: the same in the warped frame of
    the parcels. truth: class values, uint8; height_m: what stands above the ground.
    """

    size_px: int
    gsd_m: float
    rng: np.random.Generator
    x_m: NDArray[np.float32] = field(init=False)
    y_m: NDArray[np.float32] = field(init=False)
    u_m: NDArray[np.float32] = field(init=False)
    v_m: NDArray[np.float32] = field(init=False)
    truth: NDArray[np.uint8] = field(init=False)
    albedo: NDArray[np.float32] = field(init=False)
    height_m: NDArray[np.float32] = field(init=False)
    trees: NDArray[np.bool_] = field(init=False)
    fine: NDArray[np.float32] = field(init=False)
    middle: NDArray[np.float32] = field(init=False)
    broad: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        """Lay out empty arrays and the noises every cover shares."""
        count = self.size_px**2
        rows, cols = np.divmod(np.arange(count, dtype=np.int32), np.int32(self.size_px))
        self.x_m = (cols.astype(np.float32) + 0.5) * np.float32(self.gsd_m)
        self.y_m = (rows.astype(np.float32) + 0.5) * np.float32(self.gsd_m)
        warp_px = max(180.0 / self.gsd_m / 2, 16.0)
        self.u_m = self.x_m + 9.0 * self.noise(warp_px)
        self.v_m = self.y_m + 9.0 * self.noise(warp_px)
        self.fine, self.middle, self.broad = self.noise(2.5), self.noise(16), self.noise(110)
        self.truth = np.full(count, HERBACEOUS, dtype=np.uint8)
        self.albedo = np.empty((4, count), dtype=np.float32)
        self.albedo[:] = np.array(MEADOW, dtype=np.float32)[:, None]
        self.height_m = np.zeros(count, dtype=np.float32)
        self.trees = np.zeros(count, dtype=bool)

    def noise(self, wavelength_px: float) -> NDArray[np.float32]:
        """Smooth unit-variance noise, flat."""
        return smooth_noise(self.rng, size_px=self.size_px, wavelength_px=wavelength_px).ravel()

    def paint(
        self,
        pixels: NDArray[np.int32],
        *,
        colour: tuple[int, int, int, int],
        texture: NDArray[np.float32] | float = 0.0,
        truth: int,
    ) -> None:
        """Give pixels a colour modulated by a relative texture, and their class."""
        for band, level in enumerate(colour):
            self.albedo[band, pixels] = level * (1.0 + texture)
        self.truth[pixels] = truth


def paint_field(canvas: Canvas, parcel: Parcel, *, cover: str) -> None:
    """Paint one parcel as the named cover of FIELD_COVERS, rows running along its longest side."""
    px = parcel.pixels
    turn = canvas.rng.normal(0.0, 0.06)
    ax, ay = parcel.direction
    dx, dy = ax * np.cos(turn) - ay * np.sin(turn), ax * np.sin(turn) + ay * np.cos(turn)
    across = (-dy * canvas.u_m[px] + dx * canvas.v_m[px]).astype(np.float32)
    along = (dx * canvas.u_m[px] + dy * canvas.v_m[px]).astype(np.float32)
    FIELD_COVERS[cover](canvas, px, across, along)


def _tinted(rng: np.random.Generator, colour: tuple[int, ...], spread: float = 0.09) -> tuple[int, int, int, int]:
    bright = rng.normal(1.0, spread)
    red, green, blue, nir = (round(c * bright * rng.normal(1.0, spread / 3)) for c in colour)
    return red, green, blue, nir


def _grass(colour: tuple[int, int, int, int], patchy: float) -> Callable[..., None]:
    def paint(canvas: Canvas, px: NDArray[np.int32], across: NDArray[np.float32], _: object) -> None:
        swath = canvas.rng.uniform(2.5, 9.0)
        stripes = np.sign(np.sin(np.pi * across / swath)) * canvas.rng.choice([0.0, 0.015, 0.03])
        texture = patchy * canvas.broad[px] + 0.6 * patchy * canvas.middle[px] + 0.05 * canvas.fine[px] + stripes
        canvas.paint(px, colour=_tinted(canvas.rng, colour), texture=texture, truth=HERBACEOUS)

    return paint


def _cereal(colour: tuple[int, int, int, int]) -> Callable[..., None]:
    def paint(canvas: Canvas, px: NDArray[np.int32], across: NDArray[np.float32], _: object) -> None:
        rng = canvas.rng
        texture = 0.05 * canvas.broad[px] + 0.03 * canvas.middle[px] + 0.03 * canvas.fine[px]
        canvas.paint(px, colour=_tinted(rng, colour), texture=texture, truth=HERBACEOUS)
        # Pairs of wheel marks left by the sprayer.
        span = rng.uniform(15.0, 24.0)
        place = np.mod(across + rng.uniform(0, span), span)
        wheels = (np.abs(place - 1.0) < 0.22) | (np.abs(place - 2.9) < 0.22)
        canvas.albedo[:, px[wheels]] *= np.array([[0.97], [0.86], [0.9], [0.78]], dtype=np.float32)

    return paint


def _rows(
    *, leaf: tuple[int, int, int, int], spacing_m: tuple[float, float], cover: float, tall: float, truth: int
) -> Callable[..., None]:
    def paint(canvas: Canvas, px: NDArray[np.int32], across: NDArray[np.float32], along: NDArray[np.float32]) -> None:
        rng = canvas.rng
        spacing = rng.uniform(*spacing_m)
        ground = _tinted(rng, MEADOW if truth == VINEYARD and rng.random() < 0.4 else SOIL)
        texture = 0.06 * canvas.broad[px] + 0.05 * canvas.middle[px] + 0.06 * canvas.fine[px]
        canvas.paint(px, colour=ground, texture=texture, truth=truth)
        phase = np.abs(np.mod(across / spacing, 1.0) - 0.5) * 2.0
        # Gaps, weak plants and uneven pruning break the rows.
        vigour = cover + 0.09 * canvas.middle[px] + 0.10 * canvas.fine[px] + 0.05 * canvas.broad[px]
        bushy = phase < vigour * (0.9 + 0.1 * np.sin(along * 5.2))
        plants = px[bushy]
        canvas.paint(plants, colour=_tinted(rng, leaf), texture=0.12 * canvas.fine[plants], truth=truth)
        canvas.height_m[plants] = tall * (0.85 + 0.15 * np.clip(canvas.middle[plants], -1, 1))

    return paint


def _ploughed(canvas: Canvas, px: NDArray[np.int32], across: NDArray[np.float32], _: object) -> None:
    furrow = canvas.rng.uniform(0.9, 1.8)
    ridges = 0.07 * np.sin(2 * np.pi * across / furrow + 0.6 * canvas.middle[px])
    damp = -0.07 * np.clip(canvas.broad[px], -1.5, 1.5)
    texture = ridges + damp + 0.03 * canvas.middle[px] + 0.05 * canvas.fine[px]
    canvas.paint(px, colour=_tinted(canvas.rng, PLOUGHED, 0.12), texture=texture, truth=HERBACEOUS)


def _bare(canvas: Canvas, px: NDArray[np.int32], _: object, __: object) -> None:
    heaps = np.clip(0.8 * canvas.middle[px] + 0.8 * canvas.broad[px] - 1.0, 0.0, 2.0)
    texture = 0.08 * canvas.broad[px] + 0.06 * canvas.middle[px] + 0.07 * canvas.fine[px]
    canvas.paint(px, colour=_tinted(canvas.rng, SOIL, 0.12), texture=texture, truth=BARE)
    canvas.height_m[px] = 1.2 * heaps


def _wood(canvas: Canvas, px: NDArray[np.int32], _: object, __: object) -> None:
    canvas.paint(px, colour=MEADOW, texture=0.1 * canvas.middle[px], truth=HERBACEOUS)
    canvas.trees[px[0.8 * canvas.broad[px] + 0.25 * canvas.middle[px] > -0.9]] = True


FIELD_COVERS: dict[str, Callable[..., None]] = {
    "meadow": _grass(MEADOW, 0.07),
    "dry": _grass(DRY_GRASS, 0.08),
    "crop": _cereal(CROP),
    "ripe": _cereal(RIPE),
    "maize": _rows(leaf=(92, 118, 62, 188), spacing_m=(0.9, 1.3), cover=0.66, tall=0.5, truth=HERBACEOUS),
    "ploughed": _ploughed,
    "vineyard": _rows(leaf=VINE_LEAF, spacing_m=(2.0, 2.9), cover=0.36, tall=1.5, truth=VINEYARD),
    "bare": _bare,
    "wood": _wood,
}


def paint_edges(canvas: Canvas, division: Division) -> None:
    """Paint what runs along the cuts: roads with verges, tracks, hedges, grass margins."""
    gap, axis, kind = division.edge_gap_m, division.edge_axis_m, division.edge_kind
    verge = np.flatnonzero(gap < np.where(kind <= LANE, 2.2, 0.9) + 0.3 * canvas.middle).astype(np.int32)
    texture = 0.08 * canvas.middle[verge] + 0.06 * canvas.fine[verge]
    canvas.paint(verge, colour=MEADOW, texture=texture, truth=HERBACEOUS)
    canvas.height_m[verge] = 0.0
    canvas.trees[verge] = False
    hedge = (kind == HEDGE) & (gap < 0.25 * canvas.middle) & (canvas.broad + 0.5 * canvas.middle > -0.7)
    canvas.trees |= hedge
    track = np.flatnonzero((kind == TRACK) & (gap < 0.12 * canvas.middle)).astype(np.int32)
    canvas.paint(track, colour=GRAVEL, texture=0.07 * canvas.middle[track], truth=MINERAL)
    crown = track[(axis[track] < 0.45) & (canvas.broad[track] > -0.4)]
    canvas.albedo[:, crown] = np.array([[124], [130], [88], [165]]) * (1 + 0.08 * canvas.fine[crown])
    _paint_roads(canvas, gap=gap, axis=axis, kind=kind)


def _paint_roads(
    canvas: Canvas, *, gap: NDArray[np.float32], axis: NDArray[np.float32], kind: NDArray[np.uint8]
) -> None:
    for sort, colour, lane_m in ((LANE, CONCRETE, 1.3), (ROAD, ASPHALT, 1.75)):
        px = np.flatnonzero((kind == sort) & (gap < 0.05 * canvas.middle)).astype(np.int32)
        worn = 0.05 * np.exp(-(((np.abs(axis[px] - lane_m) - 0.8) / 0.35) ** 2))
        patches = 0.06 * np.sign(canvas.broad[px] - 0.3) + 0.03 * canvas.middle[px]
        texture = worn + patches + 0.03 * canvas.fine[px]
        canvas.paint(px, colour=colour, texture=texture, truth=SEALED)
        canvas.height_m[px] = 0.0
        if sort == ROAD:
            dashes = (axis[px] < 0.12) & (np.mod(canvas.u_m[px] + canvas.v_m[px], 6.0) < 3.0)
            sides = np.abs(gap[px] + 0.35) < 0.09
            canvas.albedo[:, px[dashes | sides]] = 205.0


def paint_river(canvas: Canvas, *, division: Division, centre_v: float, width_m: float) -> None:
    """A river across the territory near v = centre_v, with gravel bars and a wooded bank; roads bridge it."""
    extent = canvas.size_px * canvas.gsd_m
    meander = 0.05 * extent * np.sin(canvas.u_m / extent * 9.5) + 0.018 * extent * np.sin(canvas.u_m / extent * 23)
    away = np.abs(canvas.v_m - centre_v - meander) / 1.12
    half = width_m / 2 * (1.0 + 0.16 * canvas.broad)
    bank = away - half
    bridge = (division.edge_kind <= LANE) & (division.edge_gap_m < 0.4)
    strip = np.flatnonzero((bank < 9.0 + 3.0 * canvas.broad) & ~bridge).astype(np.int32)
    canvas.paint(strip, colour=MEADOW, texture=0.08 * canvas.middle[strip], truth=HERBACEOUS)
    canvas.height_m[strip] = 0.0
    canvas.trees[strip] = (bank[strip] > 0.3) & (canvas.broad[strip] + 0.5 * canvas.middle[strip] > -0.35)
    bar = strip[bank[strip] < 4.0 * (-0.45 - canvas.broad[strip])]
    canvas.paint(bar, colour=(188, 178, 156, 166), texture=0.09 * canvas.fine[bar], truth=BARE)
    canvas.trees[bar] = False
    water = strip[bank[strip] < np.where(canvas.broad[strip] < -0.55, -1.0, 0.0)]
    ripple = 0.05 * canvas.middle[water] + 0.05 * canvas.broad[water]
    canvas.paint(water, colour=RIVER, texture=ripple, truth=WATER)
    canvas.trees[water] = False


def paint_pond(canvas: Canvas, parcel: Parcel, *, division: Division, radius_m: float) -> None:
    """A pond or a hillside reservoir with a muddy rim in the middle of a parcel, clear of its edges."""
    px = parcel.pixels
    centre = float(canvas.u_m[px].mean()), float(canvas.v_m[px].mean())
    angle = np.arctan2(canvas.v_m[px] - centre[1], canvas.u_m[px] - centre[0])
    shape = 1.0 + 0.18 * np.sin(2 * angle + centre[0]) + 0.1 * np.sin(3 * angle + centre[1])
    away = np.hypot(canvas.u_m[px] - centre[0], canvas.v_m[px] - centre[1]) - radius_m * shape
    outside = np.maximum(away + 0.35 * canvas.middle[px], 4.0 - division.edge_gap_m[px])
    rim = px[outside < 1.6]
    canvas.paint(rim, colour=SOIL, texture=0.06 * canvas.middle[rim], truth=BARE)
    canvas.height_m[rim] = 0.0
    canvas.trees[rim] = False
    water = px[outside < 0]
    canvas.paint(water, colour=POND, texture=0.04 * canvas.broad[water], truth=WATER)
