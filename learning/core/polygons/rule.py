"""What is too small to be a polygon: minimum units by class and zone, read from a data file (docs/adr/0012, 0036)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning.errors import InvalidPolygonRule

RULES_DIR = Path(__file__).resolve().parents[2] / "polygon_rules"
"""Rules that ship with the platform."""

LANGUAGES = ("fr", "en")
MAX_BYTES = 1 << 20
MAX_ZONES = 16
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_MEMBERS = {"code", "version", "title", "source", "simplify_m", "zones", "without_zones", "others", "classes"}


@dataclass(frozen=True, slots=True)
class Unit:
    """The least that some classes may measure.

    Args:
        minimum_m2: area by zone, in m².
        width_m: width in metres, which is told of a polygon and not enforced.
    """

    minimum_m2: Mapping[str, float]
    width_m: float


@dataclass(frozen=True, slots=True)
class PolygonRule:
    """Minimum units of polygons, versioned.

    Args:
        simplify_m: tolerance of the outlines: corners of triangles below its square are dropped.
        zones: codes, in the order of the values from 1 of a raster of zones.
        zone_names: each in `LANGUAGES`.
        without_zones: the zone that everything is in where no raster says it, or where that holds 0.
        others: the unit of classes that `classes` leaves out.
        classes: (codes by nomenclature, unit); a code speaks for the classes below it too, the nearest first.
        text: the file itself, to be kept beside what is made with it.
    """

    code: str
    version: str
    title: Mapping[str, str]
    source: str
    simplify_m: float
    zones: tuple[str, ...]
    zone_names: Mapping[str, Mapping[str, str]]
    without_zones: str
    others: Unit
    classes: tuple[tuple[Mapping[str, tuple[str, ...]], Unit], ...]
    text: str

    def unit(self, code: str, *, nomenclature: str, ancestors: Sequence[str] = ()) -> Unit:
        """The unit of a class, given the codes above it, nearest first."""
        for candidate in (code, *ancestors):
            for codes, unit in self.classes:
                if candidate in codes.get(nomenclature, ()):
                    return unit
        return self.others

    def minimum_px(self, units: Sequence[Unit], *, pixel_area_m2: float) -> NDArray[np.int64]:
        """Least pixels, int64 (zone + 1, class + 1): row 0 is where no zone is said, column 0 no class.

        Args:
            units: one for each class of the map, in its order.
            pixel_area_m2: area of one pixel in m².
        """
        rows = [self.without_zones, *self.zones]
        table = np.ones((len(rows), len(units) + 1), np.int64)
        for number, zone in enumerate(rows):
            table[number, 1:] = [math.ceil(unit.minimum_m2[zone] / pixel_area_m2 - 1e-9) for unit in units]
        return table


def known_rules() -> tuple[str, ...]:
    """Codes of the rules that ship with the platform."""
    return tuple(sorted(path.stem for path in RULES_DIR.glob("*.json")))


def shipped_rule(code: str) -> PolygonRule:
    """A rule that ships with the platform. Raises: InvalidPolygonRule, which lists those there are."""
    if code not in known_rules():
        raise InvalidPolygonRule(f"There is no rule {code!r} for polygons (there are: {', '.join(known_rules())}).")
    return load_rule(RULES_DIR / f"{code}.json")


def load_rule(path: Path) -> PolygonRule:
    """Read a rule's file. Raises: InvalidPolygonRule."""
    raw = path.read_bytes()
    if len(raw) > MAX_BYTES:
        raise InvalidPolygonRule(f"{path.name} has {len(raw)} bytes; the limit is {MAX_BYTES}.")
    try:
        return parse_rule(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidPolygonRule(f"{path.name} is not UTF-8: {error}; correct the file.") from error


def parse_rule(text: str) -> PolygonRule:
    """Check a rule's JSON. Raises: InvalidPolygonRule."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidPolygonRule(f"The rule is not JSON ({error}); correct the file.") from error
    members = _members(found, _MEMBERS, where="the rule")
    zones = members["zones"]
    if not isinstance(zones, list) or not 1 <= len(zones) <= MAX_ZONES:
        raise InvalidPolygonRule(f"zones must be a list of 1 to {MAX_ZONES} zones, not {zones!r:.80}.")
    zones = [_members(zone, {"code", "name"}, where="a zone") for zone in zones]
    codes = tuple(_code(zone["code"]) for zone in zones)
    if len(set(codes)) != len(codes):
        raise InvalidPolygonRule(f"The zones {', '.join(codes)} name one twice; keep one.")
    if members["without_zones"] not in codes:
        raise InvalidPolygonRule(f"without_zones must be one of {', '.join(codes)}, not {members['without_zones']!r}.")
    if not isinstance(members["classes"], list):
        raise InvalidPolygonRule(f"classes must be a list, not {members['classes']!r:.80}.")
    return PolygonRule(
        code=_code(members["code"]),
        version=str(members["version"]),
        title=_texts(members["title"], where="title"),
        source=str(members["source"]),
        simplify_m=_number(members["simplify_m"], where="simplify_m", least=0.0),
        zones=codes,
        zone_names={zone["code"]: _texts(zone["name"], where=f"zone {zone['code']}") for zone in zones},
        without_zones=members["without_zones"],
        others=_unit(members["others"], zones=codes, where="others"),
        classes=tuple(_class_unit(item, zones=codes) for item in members["classes"]),
        text=text,
    )


def tree_distances(parents: Mapping[str, str | None], codes: Sequence[str]) -> NDArray[np.uint8]:
    """Steps between classes in a nomenclature's tree, uint8 (class + 1, class + 1) by raster value; row and column 0,
    no class, are 0. Classes at the top are two steps from each other, by a root above them.

    Args: parents: the code above each code of the tree.
    """
    paths = [_path(parents, code) for code in codes]
    table = np.zeros((len(codes) + 1, len(codes) + 1), np.uint8)
    for a, one in enumerate(paths, start=1):
        for b, other in enumerate(paths, start=1):
            shared = sum(x == y for x, y in zip(one, other, strict=False))
            table[a, b] = len(one) + len(other) - 2 * shared
    return table


def _path(parents: Mapping[str, str | None], code: str) -> tuple[str, ...]:
    """Codes from the top of the tree down to this one."""
    path: tuple[str, ...] = (code,)
    while (parent := parents.get(path[0])) is not None:
        if parent in path:
            raise InvalidPolygonRule(f"Class {code} is above itself in the nomenclature; correct it.")
        path = (parent, *path)
    return path


def _class_unit(item: object, *, zones: tuple[str, ...]) -> tuple[Mapping[str, tuple[str, ...]], Unit]:
    members = _members(item, {"codes", "minimum_m2", "width_m"}, where="an entry of classes")
    by_nomenclature = members.pop("codes")
    if not isinstance(by_nomenclature, dict) or not all(isinstance(each, list) for each in by_nomenclature.values()):
        raise InvalidPolygonRule(f"codes must be lists of classes by nomenclature, not {by_nomenclature!r:.80}.")
    codes = {_code(name): tuple(_code(code) for code in listed) for name, listed in by_nomenclature.items()}
    return codes, _unit(members, zones=zones, where=f"the unit of {codes}")


def _unit(item: object, *, zones: tuple[str, ...], where: str) -> Unit:
    members = _members(item, {"minimum_m2", "width_m"}, where=where)
    least = _members(members["minimum_m2"], set(zones), where=f"minimum_m2 of {where}")
    return Unit(
        minimum_m2={zone: _number(least[zone], where=f"minimum_m2 of {where}", least=0.0) for zone in zones},
        width_m=_number(members["width_m"], where=f"width_m of {where}", least=0.0),
    )


def _members(item: object, needed: set[str], *, where: str) -> dict[str, Any]:
    if not isinstance(item, dict) or set(item) != needed:
        has = ", ".join(sorted(item)) if isinstance(item, dict) else repr(item)[:80]
        raise InvalidPolygonRule(f"{where} must have {', '.join(sorted(needed))}; it has {has}.")
    return dict(item)


def _code(found: object) -> str:
    if not isinstance(found, str) or not _CODE.fullmatch(found):
        raise InvalidPolygonRule(f"A code is letters, digits, '.', '_' and '-', not {found!r:.80}.")
    return found


def _texts(found: object, *, where: str) -> dict[str, str]:
    members = _members(found, set(LANGUAGES), where=where)
    if not all(isinstance(text, str) and text.strip() for text in members.values()):
        raise InvalidPolygonRule(f"{where} needs a text in each of {', '.join(LANGUAGES)}.")
    return members


def _number(found: object, *, where: str, least: float) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found) or found < least:
        raise InvalidPolygonRule(f"{where} must be a number of at least {least:g}, not {found!r:.80}.")
    return float(found)
