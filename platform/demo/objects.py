"""Put up what stands on the ground: trees, houses with their gardens, barns, cars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from demo.ground import BROADLEAVED, BUILT, CONCRETE, GRAVEL, HERBACEOUS, MEADOW, MINERAL, SEALED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from demo.ground import Canvas
    from demo.parcels import Division, Parcel

CROWN = (62, 84, 50, 158)
ROOFS = (
    (172, 112, 86, 150),
    (158, 100, 76, 140),
    (186, 132, 104, 160),
    (146, 118, 98, 132),
    (104, 104, 110, 108),
)
SHEETS = ((176, 180, 182, 168), (128, 132, 138, 130), (150, 158, 150, 150))
CARS = ((228, 228, 226), (60, 62, 68), (150, 46, 42), (70, 90, 140), (176, 178, 182))


def plant_trees(canvas: Canvas) -> None:
    """Fill canvas.trees with crowns (jittered grid) and add a few lone trees in the open."""
    size, gsd, rng = canvas.size_px, canvas.gsd_m, canvas.rng
    ground = np.flatnonzero(canvas.trees).astype(np.int32)
    canvas.paint(ground, colour=(58, 68, 44, 118), texture=0.08 * canvas.fine[ground], truth=BROADLEAVED)
    canvas.height_m[ground] = np.maximum(canvas.height_m[ground], 1.8)
    step = 3.6 / gsd
    grid_y, grid_x = np.mgrid[0:size:step, 0:size:step]
    seeds_x = grid_x.ravel() + rng.uniform(0, step, grid_x.size)
    seeds_y = grid_y.ravel() + rng.uniform(0, step, grid_x.size)
    inside = (seeds_x < size) & (seeds_y < size)
    seeds_x, seeds_y = seeds_x[inside], seeds_y[inside]
    held = canvas.trees[seeds_y.astype(int) * size + seeds_x.astype(int)]
    for x, y in zip(seeds_x[held], seeds_y[held], strict=True):
        plant_tree(canvas, x_px=x, y_px=y, radius_m=rng.uniform(1.7, 4.2))
    lone = rng.uniform(0, size, (max(4, round(0.00014 * (size * gsd) ** 2)), 2))
    for x, y in lone:
        if canvas.truth[int(y) * size + int(x)] == HERBACEOUS:
            plant_tree(canvas, x_px=x, y_px=y, radius_m=rng.uniform(1.6, 4.6))


def plant_tree(canvas: Canvas, *, x_px: float, y_px: float, radius_m: float) -> None:
    """Stamp one crown: a lobed dome that hides what is under it where it is the tallest."""
    rng, gsd = canvas.rng, canvas.gsd_m
    reach = int(np.ceil(1.3 * radius_m / gsd))
    x0, y0 = int(x_px), int(y_px)
    rows = np.arange(max(y0 - reach, 0), min(y0 + reach + 1, canvas.size_px))
    cols = np.arange(max(x0 - reach, 0), min(x0 + reach + 1, canvas.size_px))
    dy, dx = np.meshgrid((rows - y_px) * gsd, (cols - x_px) * gsd, indexing="ij")
    angle = np.arctan2(dy, dx)
    lobes = 1.0 + 0.12 * np.sin(3 * angle + rng.uniform(0, 6.3)) + 0.09 * np.sin(5 * angle + rng.uniform(0, 6.3))
    near = np.hypot(dx, dy) / (radius_m * lobes)
    flat = (rows[:, None] * canvas.size_px + cols[None, :]).astype(np.int32)
    px = flat[near < 1]
    dome = np.sqrt(1.0 - near[near < 1] ** 2)
    height = radius_m * (1.2 + 0.85 * dome) + 0.28 * canvas.fine[px] * dome
    top = height > canvas.height_m[px]
    px, height, dome = px[top], height[top], dome[top]
    tint = rng.normal(1.0, 0.1)
    red, green, blue, nir = (round(c * tint * rng.normal(1.0, 0.05)) for c in CROWN)
    texture = 0.14 * canvas.fine[px] + 0.22 * (dome.astype(np.float32) - 0.6)
    canvas.paint(px, colour=(red, green, blue, nir), texture=texture, truth=BROADLEAVED)
    canvas.height_m[px] = height


def settle_plot(canvas: Canvas, parcel: Parcel, *, division: Division) -> None:
    """A house in its garden: lawn, drive to the nearest road, terrace, trees."""
    rng, px = canvas.rng, parcel.pixels
    lawn = (
        round(MEADOW[0] * rng.normal(1, 0.1)),
        MEADOW[1],
        MEADOW[2],
        round(MEADOW[3] * rng.normal(1, 0.08)),
    )
    texture = 0.09 * canvas.middle[px] + 0.06 * canvas.fine[px]
    canvas.paint(px, colour=lawn, texture=texture, truth=HERBACEOUS)
    inner = px[division.edge_gap_m[px] > 5.0]
    if inner.size < 400:
        return
    middle = float(canvas.u_m[inner].mean()), float(canvas.v_m[inner].mean())
    turn = rng.choice([0.0, np.pi / 2]) + rng.normal(0.0, 0.05)
    angle = float(np.arctan2(parcel.direction[1], parcel.direction[0]) + turn)
    long_m, deep_m = rng.uniform(10.0, 15.5), rng.uniform(7.0, 9.0)
    surface = (GRAVEL, MINERAL) if rng.random() < 0.5 else (CONCRETE, SEALED)
    _drive(canvas, px, start=middle, division=division, colour=surface[0], truth=surface[1])
    behind = rng.uniform(0.2, 0.5) * deep_m
    patio = (middle[0] - behind * np.sin(angle), middle[1] + behind * np.cos(angle))
    terrace = _rectangle(canvas, px, centre=patio, angle=angle, size_m=(long_m * rng.uniform(0.4, 0.8), deep_m))[0]
    paving = (round(rng.uniform(140, 190)),) * 3 + (150,)
    canvas.paint(terrace, colour=paving, texture=0.04 * canvas.fine[terrace], truth=SEALED)
    raise_building(canvas, px, centre=middle, angle=angle, size_m=(long_m, deep_m), roof=ROOFS)
    if rng.random() < 0.45:
        along = (np.cos(angle), np.sin(angle))
        wing = (
            middle[0] + 0.32 * long_m * along[0] - 0.6 * deep_m * along[1],
            middle[1] + 0.32 * long_m * along[1] + 0.6 * deep_m * along[0],
        )
        raise_building(canvas, px, centre=wing, angle=angle + np.pi / 2, size_m=(deep_m + 3, 6.0), roof=ROOFS)
    for spot in rng.choice(px, size=rng.integers(2, 7)):
        if canvas.truth[spot] == HERBACEOUS:
            y, x = divmod(int(spot), canvas.size_px)
            plant_tree(canvas, x_px=x, y_px=y, radius_m=rng.uniform(1.0, 3.4))


def settle_farm(canvas: Canvas, parcel: Parcel, *, division: Division) -> None:
    """A farmyard: gravel, two or three long sheds, heaps."""
    rng, px = canvas.rng, parcel.pixels
    canvas.paint(px, colour=MEADOW, texture=0.08 * canvas.middle[px] + 0.05 * canvas.fine[px], truth=HERBACEOUS)
    yard = px[division.edge_gap_m[px] > 2.0 + canvas.middle[px]]
    texture = 0.06 * canvas.broad[yard] + 0.05 * canvas.middle[yard] + 0.04 * canvas.fine[yard]
    canvas.paint(yard, colour=GRAVEL, texture=texture, truth=MINERAL)
    if yard.size < 2000:
        return
    middle = float(canvas.u_m[yard].mean()), float(canvas.v_m[yard].mean())
    angle = float(np.arctan2(parcel.direction[1], parcel.direction[0]))
    for shift in (-12.0, 11.0):
        centre = middle[0] - shift * np.sin(angle), middle[1] + shift * np.cos(angle)
        size = rng.uniform(18.0, 28.0), rng.uniform(10.0, 14.0)
        raise_building(canvas, yard, centre=centre, angle=angle + rng.normal(0, 0.04), size_m=size, roof=SHEETS)


def settle_square(canvas: Canvas, parcel: Parcel, *, division: Division) -> None:
    """A car park with painted bays, cars and a few trees."""
    rng = canvas.rng
    px = parcel.pixels[division.edge_gap_m[parcel.pixels] > 1.0]
    texture = 0.04 * canvas.broad[px] + 0.04 * canvas.middle[px] + 0.03 * canvas.fine[px]
    canvas.paint(px, colour=(134, 132, 132, 128), texture=texture, truth=SEALED)
    angle = float(np.arctan2(parcel.direction[1], parcel.direction[0]))
    along = canvas.u_m[px] * np.cos(angle) + canvas.v_m[px] * np.sin(angle)
    across = -canvas.u_m[px] * np.sin(angle) + canvas.v_m[px] * np.cos(angle)
    row = np.mod(across, 16.0)
    canvas.albedo[:, px[(np.mod(along, 2.5) < 0.15) & (row < 5.0)]] = 200.0
    for spot in rng.choice(px, size=max(1, px.size // 1100)):
        _car(canvas, spot=int(spot), angle=angle + np.pi / 2)
    for spot in rng.choice(px, size=max(1, px.size // 9000)):
        y, x = divmod(int(spot), canvas.size_px)
        plant_tree(canvas, x_px=x, y_px=y, radius_m=rng.uniform(1.6, 2.8))


def drive_cars(canvas: Canvas, *, division: Division) -> None:
    """Leave a few cars on the roads."""
    road = np.flatnonzero((canvas.truth == SEALED) & (division.edge_gap_m < -1.3))
    count = round(0.0005 * road.size * canvas.gsd_m**2 * 4)
    if road.size == 0:
        return
    for spot in canvas.rng.choice(road, size=count):
        y, x = divmod(int(spot), canvas.size_px)
        ahead = canvas.truth[y * canvas.size_px + min(x + 30, canvas.size_px - 1)] == SEALED
        _car(canvas, spot=int(spot), angle=0.0 if ahead else np.pi / 2)


def raise_building(
    canvas: Canvas,
    allowed: NDArray[np.int32],
    *,
    centre: tuple[float, float],
    angle: float,
    size_m: tuple[float, float],
    roof: tuple[tuple[int, int, int, int], ...],
) -> None:
    """A gabled building, ridge along its first side, on the allowed pixels (its parcel's)."""
    rng = canvas.rng
    px, _, across = _rectangle(canvas, allowed, centre=centre, angle=angle, size_m=size_m)
    colour = roof[rng.integers(len(roof))]
    sheets = 0.03 * np.sin(across * 9.0) if roof is SHEETS else 0.05 * canvas.fine[px]
    canvas.paint(px, colour=colour, texture=sheets + 0.05 * canvas.middle[px], truth=BUILT)
    eaves = rng.uniform(3.0, 6.0)
    pitch = 0.18 if roof is SHEETS else 0.38
    canvas.height_m[px] = eaves + pitch * (size_m[1] / 2 - np.abs(across))
    canvas.trees[px] = False


def _rectangle(
    canvas: Canvas,
    allowed: NDArray[np.int32],
    *,
    centre: tuple[float, float],
    angle: float,
    size_m: tuple[float, float],
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    du, dv = canvas.u_m[allowed] - centre[0], canvas.v_m[allowed] - centre[1]
    along = du * np.cos(angle) + dv * np.sin(angle)
    across = dv * np.cos(angle) - du * np.sin(angle)
    inside = (np.abs(along) < size_m[0] / 2) & (np.abs(across) < size_m[1] / 2)
    return allowed[inside], along[inside].astype(np.float32), across[inside].astype(np.float32)


def _drive(
    canvas: Canvas,
    px: NDArray[np.int32],
    *,
    start: tuple[float, float],
    division: Division,
    colour: tuple[int, int, int, int],
    truth: int,
) -> None:
    """A strip from the house to the pixel of the plot that is nearest to a road."""
    edge = px[(division.edge_kind[px] <= 1) & (division.edge_gap_m[px] < 1.2)]
    if edge.size == 0:
        return
    away = np.hypot(canvas.u_m[edge] - start[0], canvas.v_m[edge] - start[1])
    end = edge[int(away.argmin())]
    du, dv = float(canvas.u_m[end] - start[0]), float(canvas.v_m[end] - start[1])
    middle = (start[0] + du / 2, start[1] + dv / 2)
    strip = _rectangle(canvas, px, centre=middle, angle=float(np.arctan2(dv, du)), size_m=(np.hypot(du, dv), 3.4))[0]
    canvas.paint(strip, colour=colour, texture=0.05 * canvas.fine[strip], truth=truth)


def _car(canvas: Canvas, *, spot: int, angle: float) -> None:
    y, x = divmod(spot, canvas.size_px)
    reach = int(3.0 / canvas.gsd_m)
    rows = np.arange(max(y - reach, 0), min(y + reach, canvas.size_px))
    cols = np.arange(max(x - reach, 0), min(x + reach, canvas.size_px))
    around = (rows[:, None] * canvas.size_px + cols[None, :]).ravel().astype(np.int32)
    sealed = around[canvas.truth[around] == SEALED]
    centre = float(canvas.u_m[spot]), float(canvas.v_m[spot])
    px, along, _ = _rectangle(canvas, sealed, centre=centre, angle=angle, size_m=(4.3, 1.8))
    red, green, blue = CARS[canvas.rng.integers(len(CARS))]
    canvas.paint(px, colour=(red, green, blue, 110), texture=-0.35 * (np.abs(along - 0.5) < 0.5), truth=SEALED)
    canvas.height_m[px] = 1.4
