"""A labelled polygon of a tile, and the strict reading of those a client sends.

Reading builds no geometry object: whatever is hostile is refused before GEOS sees it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from annotation.core.grid import SUBPIXELS
from annotation.errors import InvalidFeature, UnknownClass

MAX_FEATURES = 5_000
MAX_FEATURE_VERTICES = 10_000
MAX_TILE_VERTICES = 200_000
PROVENANCES = frozenset({"drawn", "corrected", "accepted", "segment", "copied", "imported"})

Vertex = tuple[int, int]
Ring = tuple[Vertex, ...]
Rings = tuple[Ring, ...]

_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
# A draft feature carries its confidence; a client that keeps it sends it back, and it means nothing here.
_MEMBERS = frozenset({"id", "class_code", "rings", "provenance", "confidence"})
_NEEDED = ("id", "class_code", "rings")


@dataclass(frozen=True, slots=True)
class Feature:
    """One labelled polygon of a tile.

    Args:
        id: 1 to 40 characters of A-Z a-z 0-9 _ -, unique in the tile.
        class_code: code of the class in the campaign's nomenclature.
        rings: exterior, then holes; vertices are integers in 1/8 pixel from the tile's upper-left corner,
            y down; the first vertex is not repeated at the end.
        provenance: how the polygon came to be, one of `PROVENANCES`.
    """

    id: str
    class_code: str
    rings: Rings
    provenance: str = "drawn"

    def as_json(self) -> dict[str, object]:
        """The members of the API's feature, JSON types only."""
        return {
            "id": self.id,
            "class_code": self.class_code,
            "rings": [[[x, y] for x, y in ring] for ring in self.rings],
            "provenance": self.provenance,
        }


def rings_in(stored: Sequence[Sequence[Sequence[int]]]) -> Rings:
    """Rings as they are stored, JSON lists of integers, as the core holds them."""
    return tuple(tuple((x, y) for x, y in ring) for ring in stored)


def shown(value: object) -> str:
    """A short ASCII picture of a value met, safe for any value (deep, huge, unprintable)."""
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, str):
        return ascii(value if len(value) <= 60 else value[:57] + "...")
    if isinstance(value, int):
        # Converting an integer of thousands of digits to text is refused by Python itself.
        return str(value) if value.bit_length() <= 128 else f"an integer of {value.bit_length()} bits"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return "an object" if isinstance(value, dict) else f"a {type(value).__name__}"


def is_feature_id(value: object) -> bool:
    """Whether a value can identify a feature."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def parse_features(payload: object, *, tile_px: int, class_codes: Collection[str]) -> tuple[Feature, ...]:
    """Read the `features` list of a save; nothing is repaired.

    The polygons may still be invalid or overlap: call `check_coverage` on the answer.

    Args:
        payload: decoded JSON, a list of feature objects.
        tile_px: side of the tile in pixels; vertices lie in 0 … 8 · tile_px.
        class_codes: codes that may be used.

    Raises: InvalidFeature, UnknownClass.
    """
    if not isinstance(payload, list):
        raise InvalidFeature(f"features must be a list, not {shown(payload)}; send [] for an empty tile.")
    if len(payload) > MAX_FEATURES:
        raise InvalidFeature(f"The tile has {len(payload)} features; the limit is {MAX_FEATURES}: merge the smallest.")
    codes = frozenset(class_codes)
    features: list[Feature] = []
    seen: set[str] = set()
    total = 0
    for position, item in enumerate(payload):
        feature = _parse_feature(item, position=position, side=SUBPIXELS * tile_px, codes=codes)
        if feature.id in seen:
            raise InvalidFeature(f"Two features have the id {feature.id!r}; give each its own.", feature_id=feature.id)
        seen.add(feature.id)
        total += sum(map(len, feature.rings))
        if total > MAX_TILE_VERTICES:
            raise InvalidFeature(
                f"The tile has more than {MAX_TILE_VERTICES} vertices; simplify its outlines.",
                feature_id=feature.id,
            )
        features.append(feature)
    return tuple(features)


def require_class(value: object, *, codes: Collection[str], feature_id: str) -> str:
    """The value as a class code. Raises: UnknownClass."""
    if not isinstance(value, str) or value not in codes:
        raise UnknownClass(
            f"Feature {feature_id!r} has the class {shown(value)}, which this campaign's nomenclature "
            "does not offer; choose one of its classes.",
            feature_id=feature_id,
        )
    return value


def _parse_feature(item: object, *, position: int, side: int, codes: Collection[str]) -> Feature:
    if not isinstance(item, dict):
        raise InvalidFeature(f"Feature number {position} must be an object, not {shown(item)}.")
    feature_id = item.get("id")
    if not isinstance(feature_id, str) or not is_feature_id(feature_id):
        raise InvalidFeature(
            f"Feature number {position} has the id {shown(feature_id)}; an id is 1 to 40 characters of A-Z a-z 0-9 _ -."
        )
    for member in item:
        if member not in _MEMBERS:
            raise InvalidFeature(
                f"Feature {feature_id!r} has an unknown member {shown(member)}; remove it.",
                feature_id=feature_id,
            )
    for member in _NEEDED:
        if member not in item:
            raise InvalidFeature(f"Feature {feature_id!r} lacks {member!r}; add it.", feature_id=feature_id)
    provenance = item.get("provenance", "drawn")
    if not isinstance(provenance, str) or provenance not in PROVENANCES:
        raise InvalidFeature(
            f"Feature {feature_id!r} has the provenance {shown(provenance)}; "
            f"use one of {', '.join(sorted(PROVENANCES))}.",
            feature_id=feature_id,
        )
    return Feature(
        id=feature_id,
        class_code=require_class(item["class_code"], codes=codes, feature_id=feature_id),
        rings=_parse_rings(item["rings"], side=side, feature_id=feature_id),
        provenance=provenance,
    )


def _parse_rings(value: object, *, side: int, feature_id: str) -> Rings:
    if not isinstance(value, list) or not value:
        raise InvalidFeature(
            f"Feature {feature_id!r}: rings must be a list with an exterior ring, not {shown(value)}.",
            feature_id=feature_id,
        )
    rings: list[Ring] = []
    total = 0
    for ring in value:
        if not isinstance(ring, list) or len(ring) < 3:
            raise InvalidFeature(
                f"Feature {feature_id!r}: a ring needs at least 3 vertices, not {shown(ring)}.",
                feature_id=feature_id,
            )
        total += len(ring)
        if total > MAX_FEATURE_VERTICES:
            raise InvalidFeature(
                f"Feature {feature_id!r} has {total} vertices or more; the limit is {MAX_FEATURE_VERTICES}: "
                "simplify it or split it.",
                feature_id=feature_id,
            )
        rings.append(_parse_ring(ring, side=side, feature_id=feature_id))
    return tuple(rings)


def _parse_ring(ring: list[object], *, side: int, feature_id: str) -> Ring:
    vertices: list[Vertex] = []
    for vertex in ring:
        if not isinstance(vertex, list) or len(vertex) != 2:
            raise InvalidFeature(
                f"Feature {feature_id!r}: a vertex is [x, y], not {shown(vertex)}.", feature_id=feature_id
            )
        x, y = vertex
        # `type is int`: in Python True is an int, and 1.0 is not a position of the integer grid.
        if type(x) is not int or type(y) is not int:
            raise InvalidFeature(
                f"Feature {feature_id!r}: vertex ({shown(x)}, {shown(y)}) must be two integers in 1/8 pixel.",
                feature_id=feature_id,
            )
        if not (0 <= x <= side and 0 <= y <= side):
            raise InvalidFeature(
                f"Feature {feature_id!r}: vertex ({shown(x)}, {shown(y)}) is outside the tile, "
                f"which spans 0 to {side}; move it inside.",
                feature_id=feature_id,
            )
        if vertices and vertices[-1] == (x, y):
            raise InvalidFeature(
                f"Feature {feature_id!r}: vertex ({x}, {y}) is repeated; send it once.",
                feature_id=feature_id,
                at=(x, y),
            )
        vertices.append((x, y))
    if vertices[0] == vertices[-1]:
        raise InvalidFeature(
            f"Feature {feature_id!r}: the ring ends on its first vertex {vertices[0]}; "
            "rings are not closed by repetition, leave the last vertex out.",
            feature_id=feature_id,
            at=vertices[0],
        )
    return tuple(vertices)
