"""What is asked of OGC API Features, read strictly: a parameter that is unknown or unusable is refused.

Sources: OGC 17-069r4 (Part 1: Core), clauses 7.13 to 7.16; OGC 18-058r1 (Part 2: CRS by reference), clauses 6 and 7;
RFC 3339, section 5.6.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import ClassVar

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from learning.release import geodesy
from learning.release.errors import ReleaseError
from learning.release.feature_files import Days, FeatureFile, Wanted

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
DEFAULT_LIMIT = 100
MOST_FEATURES = 10_000
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_PIECES = 21  # of a side of a box, when it is drawn in another CRS


class BadParameter(ReleaseError):
    """A query parameter is unknown, given twice, or not usable."""

    code: ClassVar[str] = "InvalidParameterValue"


@dataclass(frozen=True, slots=True)
class ItemsQuery:
    """A request for a page of features.

    Args: wanted: which ones. crs: URI of the CRS of the answer. limit: features in a page. cursor: where it begins.
    """

    wanted: Wanted = field(default_factory=Wanted)
    crs: str = CRS84
    limit: int = DEFAULT_LIMIT
    cursor: str = ""


@lru_cache(maxsize=16)
def crs_uri(crs: str) -> str | None:
    """URI of a CRS by its authority; None where it has none, and cannot be asked for."""
    code = geodesy.crs_code(crs)
    if code is None:
        return None
    authority, _, number = code.partition(":")
    if authority == "OGC":
        return CRS84 if number == "CRS84" else None
    return f"http://www.opengis.net/def/crs/{authority}/0/{number}"


@lru_cache(maxsize=16)
def is_north_first(crs: str) -> bool:
    """Whether the CRS, as its authority defines it, names the coordinate to the north before that to the east."""
    return CRS.from_user_input(crs).axis_info[0].direction.lower() in {"north", "south"}


def offered_crs(crs: str) -> list[str]:
    """URIs that features may be asked in: longitude and latitude, and the CRS they are stored in."""
    stored = crs_uri(crs)
    return [CRS84] if stored in (None, CRS84) else [CRS84, str(stored)]


def read_single(parameters: Mapping[str, Sequence[str]], known: Sequence[str]) -> dict[str, str]:
    """Each parameter's only value.

    Raises: BadParameter: one is not known, or given twice.
    """
    for name, values in parameters.items():
        if name not in known:
            raise BadParameter(f"There is no parameter {name[:60]!r} here: those known are {', '.join(known)}.")
        if len(values) != 1:
            raise BadParameter(f"The parameter {name!r} is given {len(values)} times: give it once.")
    given = {name: values[0] for name, values in parameters.items()}
    if given.get("f", "json") != "json":
        raise BadParameter(f"The parameter f is {given['f'][:60]!r}: json is what this answers.")
    return given


def read_items_query(
    parameters: Mapping[str, Sequence[str]], *, source: FeatureFile, filters: Sequence[str]
) -> ItemsQuery:
    """A request for features.

    Args:   filters: columns that may be asked to hold a text.
    Raises: BadParameter.
    """
    known = ["bbox", "bbox-crs", "datetime", "limit", "crs", "cursor", "f", *filters]
    given = read_single(parameters, known)
    crs = given.get("crs", CRS84)
    offered = offered_crs(source.crs)
    for name in ("crs", "bbox-crs"):
        if given.get(name, CRS84) not in offered:
            raise BadParameter(f"The parameter {name} is {given[name][:100]!r}: {' or '.join(offered)} is offered.")
    area = read_box(given["bbox"], given.get("bbox-crs", CRS84), source=source) if "bbox" in given else None
    days = read_days(given["datetime"]) if "datetime" in given else None
    equals = {name: given[name] for name in filters if name in given}
    return ItemsQuery(Wanted(area, days, equals), crs, read_limit(given.get("limit")), given.get("cursor", ""))


def read_limit(text: str | None) -> int:
    """How many features a page has; more than the most is the most.

    Raises: BadParameter.
    """
    if text is None:
        return DEFAULT_LIMIT
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
        raise BadParameter(f"The parameter limit is {text[:60]!r}: a number from 1 to {MOST_FEATURES} is expected.")
    return min(int(text), MOST_FEATURES)


def read_days(text: str) -> Days:
    """An instant or an interval as days in UTC, both ends included.

    Raises: BadParameter.
    """
    parts = text.split("/")
    if len(parts) == 1:
        return _day(parts[0], text), _day(parts[0], text)
    if len(parts) != 2 or all(part in ("", "..") for part in parts):
        raise BadParameter(f"The parameter datetime is {text[:60]!r}: give an instant, or two with a slash between.")
    first, last = (None if part in ("", "..") else _day(part, text) for part in parts)
    if first is not None and last is not None and first > last:
        raise BadParameter(f"The parameter datetime is {text[:60]!r}: its end comes before its beginning.")
    return first, last


def _day(part: str, text: str) -> date:
    try:
        if _DAY.fullmatch(part):
            return date.fromisoformat(part)
        moment = datetime.fromisoformat(part)
        if moment.tzinfo is None or "T" not in part.upper():
            raise ValueError(part)
        return moment.astimezone(UTC).date()
    except (ValueError, OverflowError):
        raise BadParameter(
            f"The parameter datetime is {text[:60]!r}: dates such as 2024-06-30 or 2024-06-30T12:00:00Z are expected."
        ) from None


def read_box(text: str, crs: str, *, source: FeatureFile) -> shapely.Geometry | None:
    """The area of `bbox`, in the file's CRS; None where it holds all that the file has.

    Args:   crs: URI, of CRS84 or of the file's own.
    Raises: BadParameter.
    """
    west, south, east, north = _corners(text)
    if crs != CRS84:
        if is_north_first(source.crs):
            west, south, east, north = south, west, north, east
        if west > east:
            raise BadParameter(f"The parameter bbox is {text[:80]!r}: its first corner lies beyond the other.")
        return shapely.box(west, south, east, north)
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise BadParameter(f"The parameter bbox is {text[:80]!r}: west,south,east,north in degrees are expected.")
    boxes = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    return _area_near(source, [shapely.box(left, south, right, north) for left, right in boxes])


def _area_near(source: FeatureFile, boxes: Sequence[shapely.Geometry]) -> shapely.Geometry | None:
    """Boxes in degrees as an area in the file's CRS, cut to where the file has anything.

    A CRS says nothing of the other side of the world: a box is cut before it is drawn in it.
    """
    left, bottom, right, top = geodesy.bounds_wgs84(source.bounds_crs, source.crs)
    margin = 1e-3 + 0.01 * max(right - left, top - bottom)
    near = shapely.box(left - margin, bottom - margin, right + margin, top + margin)
    if any(shapely.covers(box, near) for box in boxes):
        return None
    parts = [shapely.intersection(box, near) for box in boxes]
    kept = [part for part in parts if not part.is_empty]
    if not kept:
        return shapely.MultiPolygon()
    transformer = _from_crs84(source.crs)
    side = max(right - left, top - bottom) / _PIECES + 1e-9

    def project(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(transformer.transform(xy[:, 0], xy[:, 1]))

    drawn = [shapely.transform(shapely.segmentize(part, side), project) for part in kept]
    return shapely.union_all(drawn)


@lru_cache(maxsize=8)
def _from_crs84(crs: str) -> Transformer:
    return Transformer.from_crs(CRS.from_user_input("OGC:CRS84"), CRS.from_user_input(crs), always_xy=True)


def _corners(text: str) -> tuple[float, float, float, float]:
    """Four of the numbers of a box: of six, heights are left out."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (4, 6) or not all(math.isfinite(number) for number in numbers):
        raise BadParameter(f"The parameter bbox is {text[:80]!r}: four numbers with commas between are expected.")
    half = len(numbers) // 2
    first, second = numbers[:2], numbers[half : half + 2]
    if first[1] > second[1]:
        raise BadParameter(f"The parameter bbox is {text[:80]!r}: its first corner lies beyond the other.")
    return first[0], first[1], second[0], second[1]
