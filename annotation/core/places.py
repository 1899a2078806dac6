"""A place that a reader of the map points at: one point, or one ring around an area, in longitude and latitude.

Anyone may send one, so it is read here, by our own code, before any geometry library or database sees it. Positions are
whole numbers of 1e-7 degree (about 1 cm), which makes every test of the ring exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import shapely
from pyproj import Geod

from annotation.core.features import shown
from annotation.core.grid import LonLat
from annotation.errors import InvalidPlace

UNITS_PER_DEGREE = 10**7
MAX_CORNERS = 100
_EARTH = Geod(ellps="WGS84")

Position = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Place:
    """One position for a point; three or more, the ring not closed, for an area. In units of 1e-7 degree."""

    positions: tuple[Position, ...]

    @property
    def is_area(self) -> bool:
        """Whether it is an area and not a point."""
        return len(self.positions) > 1

    @property
    def lonlat(self) -> list[LonLat]:
        """Its positions in degrees; an area's ring is closed."""
        ring = [*self.positions, self.positions[0]] if self.is_area else self.positions
        return [(x / UNITS_PER_DEGREE, y / UNITS_PER_DEGREE) for x, y in ring]

    @property
    def marker(self) -> LonLat:
        """A position that stands for it: the point, or one inside the area."""
        if not self.is_area:
            return self.lonlat[0]
        inside = shapely.Polygon(self.lonlat).representative_point()
        return inside.x, inside.y

    @property
    def area_m2(self) -> float:
        """Area on the ellipsoid; 0 for a point."""
        if not self.is_area:
            return 0.0
        lons, lats = zip(*self.lonlat, strict=True)
        area, _perimeter = _EARTH.polygon_area_perimeter(lons, lats)
        return abs(float(area))


def parse_place(payload: object) -> Place:
    """Read a GeoJSON Point, or a Polygon of one ring.

    Args:   payload: decoded JSON, longitude first (RFC 7946).
    Raises: InvalidPlace: another type, not finite, too many corners, a ring that crosses or touches itself.
    """
    kind = payload.get("type") if isinstance(payload, dict) else None
    if not isinstance(payload, dict) or kind not in ("Point", "Polygon"):
        given = kind if isinstance(payload, dict) else payload
        raise InvalidPlace(f"The place must be a GeoJSON Point or Polygon, not {shown(given)}.")
    unknown = sorted(str(name) for name in payload if name not in ("type", "coordinates"))
    if unknown:
        raise InvalidPlace(f"The place has a member {shown(unknown[0])}: send type and coordinates alone.")
    coordinates = payload.get("coordinates")
    if kind == "Point":
        return Place((_position(coordinates),))
    return Place(_ring(coordinates))


def _position(value: object) -> Position:
    if not isinstance(value, list) or len(value) != 2:
        raise InvalidPlace(f"A position is [longitude, latitude], two numbers, not {shown(value)}.")
    lon, lat = value
    for number, name, limit in ((lon, "longitude", 180), (lat, "latitude", 90)):
        # Compared before any conversion to float: an integer of a thousand digits would overflow it.
        if type(number) not in (int, float) or not -limit <= number <= limit:
            raise InvalidPlace(
                f"The {name} {shown(number)} must be a number of degrees from {-limit} to {limit}; longitude is first."
            )
    return round(lon * UNITS_PER_DEGREE), round(lat * UNITS_PER_DEGREE)


def _ring(value: object) -> tuple[Position, ...]:
    if not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], list):
        raise InvalidPlace("An area is one ring without holes: draw around the wrong place only.")
    ring = value[0]
    if not 4 <= len(ring) <= MAX_CORNERS + 1:
        raise InvalidPlace(f"The area has {len(ring) - 1} corners: give 3 to {MAX_CORNERS}.")
    positions = [_position(position) for position in ring]
    if positions[0] != positions[-1]:
        raise InvalidPlace("The area's ring is not closed: end it with its first position.")
    corners = tuple(positions[:-1])
    if len(set(corners)) < len(corners):
        raise InvalidPlace("Two corners of the area are at one place: remove one of them.")
    _require_simple(corners)
    return corners


def _require_simple(corners: tuple[Position, ...]) -> None:
    edges = [*pairwise(corners), (corners[-1], corners[0])]
    last = len(edges) - 1
    for i, (a, b) in enumerate(edges):
        c = edges[i + 1 if i < last else 0][1]
        if _turn(a, b, c) == 0 and (a[0] - b[0]) * (c[0] - b[0]) + (a[1] - b[1]) * (c[1] - b[1]) > 0:
            raise InvalidPlace("The area's outline goes back over itself: move or remove a corner.")
        for j in range(i + 2, len(edges)):
            if not (i == 0 and j == last) and _meet(a, b, *edges[j]):
                raise InvalidPlace("The area's outline crosses itself: move or remove a corner.")
    if sum(ax * by - bx * ay for (ax, ay), (bx, by) in edges) == 0:
        raise InvalidPlace("The area has no surface: its corners lie on one line. Move one, or give a point.")


def _turn(a: Position, b: Position, c: Position) -> int:
    """1 where a, b, c turn left, -1 right, 0 on one line."""
    product = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return (product > 0) - (product < 0)


def _meet(a: Position, b: Position, c: Position, d: Position) -> bool:
    """Whether segments ab and cd share a position."""
    turns = (_turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b))
    if turns[0] * turns[1] < 0 and turns[2] * turns[3] < 0:
        return True
    ends = ((a, b, c), (a, b, d), (c, d, a), (c, d, b))
    return any(turn == 0 and _within(*three) for turn, three in zip(turns, ends, strict=True))


def _within(a: Position, b: Position, p: Position) -> bool:
    """Whether p, on the line ab, lies between a and b."""
    return min(a[0], b[0]) <= p[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= p[1] <= max(a[1], b[1])
