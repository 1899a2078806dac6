"""Divide a territory into parcels by recursive cuts; the first cuts are its roads.

All lengths are metres in a gently warped frame (u to the right, v down), so that a straight cut is a curved
road on the ground. Nothing here knows about pixels' colours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Polygon = list[tuple[float, float]]

ROAD, LANE, TRACK, HEDGE, MARGIN = range(5)
#: Full width in metres of what runs along a cut.
EDGE_WIDTH_M = {ROAD: 7.0, LANE: 5.0, TRACK: 3.2, HEDGE: 2.4, MARGIN: 1.2}


@dataclass(frozen=True, slots=True)
class Zones:
    """Where things gather, in metres of the warped frame."""

    village: tuple[float, float]
    village_radius_m: float
    vineyard: tuple[float, float]
    vineyard_radius_m: float
    parcel_m: float
    plot_m: float


@dataclass(slots=True)
class Parcel:
    """A leaf of the division: a convex polygon, its direction and the pixels it holds."""

    polygon: Polygon
    direction: tuple[float, float]
    area_m2: float
    pixels: NDArray[np.int32] = field(repr=False)

    @property
    def centre(self) -> tuple[float, float]:
        """Mean of the vertices."""
        corners = np.asarray(self.polygon)
        return float(corners[:, 0].mean()), float(corners[:, 1].mean())


@dataclass(slots=True)
class Division:
    """Parcels, and for each pixel (flat arrays) the cut that is nearest to it.

    edge_gap_m is the distance to the border of the strip along that cut (negative inside the strip),
    edge_axis_m the distance to its axis, edge_kind one of ROAD … MARGIN.
    """

    parcels: list[Parcel]
    edge_gap_m: NDArray[np.float32]
    edge_axis_m: NDArray[np.float32]
    edge_kind: NDArray[np.uint8]


def smooth_noise(rng: np.random.Generator, *, size_px: int, wavelength_px: float) -> NDArray[np.float32]:
    """Smooth noise of unit variance, float32 (size_px, size_px): cubic B-splines over random knots."""
    knots = int(np.ceil(size_px / wavelength_px)) + 4
    position = np.arange(size_px) / wavelength_px
    first = np.floor(position).astype(np.intp)
    t = position - first
    weights = (
        (1 - t) ** 3 / 6,
        (3 * t**3 - 6 * t**2 + 4) / 6,
        (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
        t**3 / 6,
    )
    basis = np.zeros((size_px, knots), dtype=np.float32)
    for shift, weight in enumerate(weights):
        basis[np.arange(size_px), first + shift] = weight
    surface: NDArray[np.float32] = basis @ rng.standard_normal((knots, knots)).astype(np.float32) @ basis.T
    surface -= surface.mean()
    surface /= surface.std() + np.float32(1e-6)
    return surface


def divide(
    *,
    u_m: NDArray[np.float32],
    v_m: NDArray[np.float32],
    extent_m: float,
    zones: Zones,
    rng: np.random.Generator,
) -> Division:
    """Cut the square [0, extent_m]² until parcels are small enough, and sort the pixels into them.

    u_m and v_m are flat float32 arrays: the warped coordinates of every pixel.
    """
    count = u_m.size
    division = Division(
        parcels=[],
        edge_gap_m=np.full(count, 1e3, dtype=np.float32),
        edge_axis_m=np.full(count, 1e3, dtype=np.float32),
        edge_kind=np.full(count, MARGIN, dtype=np.uint8),
    )
    margin = 0.1 * extent_m
    low, high = -margin, extent_m + margin
    whole = [(low, low), (high, low), (high, high), (low, high)]
    stack = [(whole, np.arange(count, dtype=np.int32), 0)]
    while stack:
        polygon, pixels, depth = stack.pop()
        if pixels.size == 0:
            continue
        area = _area(polygon)
        if area <= _target_area(polygon, zones=zones) * rng.uniform(0.7, 1.3):
            direction, _ = _longest_edge(polygon)
            division.parcels.append(Parcel(polygon, direction, area, pixels))
            continue
        normal, offset = _cut(polygon, depth=depth, zones=zones, rng=rng)
        kind = _kind(polygon, depth=depth, zones=zones, rng=rng)
        signed = normal[0] * u_m[pixels] + normal[1] * v_m[pixels] - np.float32(offset)
        _mark_edge(division, pixels=pixels, axis_m=np.abs(signed), kind=kind)
        sides = ((1.0, signed >= 0), (-1.0, signed < 0))
        for sign, held in sides:
            half = _clip(polygon, normal=(sign * normal[0], sign * normal[1]), offset=sign * offset)
            stack.append((half, pixels[held], depth + 1))
    return division


def _mark_edge(division: Division, *, pixels: NDArray[np.int32], axis_m: NDArray[np.float32], kind: int) -> None:
    gap = axis_m - np.float32(EDGE_WIDTH_M[kind] / 2)
    known = division.edge_gap_m[pixels]
    # A hedge or a track stops at the verge of the road it meets.
    kept = (division.edge_kind[pixels] <= LANE) & (known < 1.0) & (division.edge_kind[pixels] < kind)
    nearer = (gap < known) & ~kept
    chosen = pixels[nearer]
    division.edge_gap_m[chosen] = gap[nearer]
    division.edge_axis_m[chosen] = axis_m[nearer]
    division.edge_kind[chosen] = kind


def _target_area(polygon: Polygon, *, zones: Zones) -> float:
    centre = np.asarray(polygon).mean(axis=0)
    distance = float(np.hypot(*(centre - np.asarray(zones.village))))
    if distance < zones.village_radius_m:
        return zones.plot_m**2
    if distance < 1.6 * zones.village_radius_m:
        return (0.5 * zones.parcel_m) ** 2
    return zones.parcel_m**2


def _kind(polygon: Polygon, *, depth: int, zones: Zones, rng: np.random.Generator) -> int:
    if depth == 0:
        return ROAD
    if depth == 1:
        return ROAD if rng.random() < 0.5 else LANE
    area = _area(polygon)
    near_village = _target_area(polygon, zones=zones) < zones.parcel_m**2
    if near_village and area > 4.5 * zones.plot_m**2:
        return LANE
    if near_village:
        return HEDGE if rng.random() < 0.45 else MARGIN
    if area > 6 * zones.parcel_m**2:
        return LANE if rng.random() < 0.4 else TRACK
    return int(rng.choice([TRACK, HEDGE, MARGIN], p=[0.18, 0.32, 0.5]))


def _cut(polygon: Polygon, *, depth: int, zones: Zones, rng: np.random.Generator) -> tuple[tuple[float, float], float]:
    along, _ = _longest_edge(polygon)
    turn = rng.normal(0.0, 0.09) + (rng.uniform(0.25, 0.5) if depth == 0 else 0.0)
    cos, sin = np.cos(turn), np.sin(turn)
    normal = (float(along[0] * cos - along[1] * sin), float(along[0] * sin + along[1] * cos))
    if depth == 0:
        # The main road goes through the village.
        return normal, normal[0] * zones.village[0] + normal[1] * zones.village[1]
    reach = [normal[0] * x + normal[1] * y for x, y in polygon]
    share = rng.uniform(0.4, 0.6)
    return normal, min(reach) + share * (max(reach) - min(reach))


def _longest_edge(polygon: Polygon) -> tuple[tuple[float, float], float]:
    corners = np.asarray(polygon)
    edges = np.roll(corners, -1, axis=0) - corners
    lengths = np.hypot(edges[:, 0], edges[:, 1])
    longest = int(lengths.argmax())
    unit = edges[longest] / lengths[longest]
    return (float(unit[0]), float(unit[1])), float(lengths[longest])


def _area(polygon: Polygon) -> float:
    corners = np.asarray(polygon)
    x, y = corners[:, 0], corners[:, 1]
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def _clip(polygon: Polygon, *, normal: tuple[float, float], offset: float) -> Polygon:
    """The part of a convex polygon where normal · p >= offset (Sutherland-Hodgman, one edge)."""
    kept: Polygon = []
    for (x0, y0), (x1, y1) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        before = normal[0] * x0 + normal[1] * y0 - offset
        after = normal[0] * x1 + normal[1] * y1 - offset
        if before >= 0:
            kept.append((x0, y0))
        if (before < 0) != (after < 0):
            share = before / (before - after)
            kept.append((x0 + share * (x1 - x0), y0 + share * (y1 - y0)))
    return kept
