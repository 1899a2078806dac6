"""What changed from one coverage of a tile to another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

UNLABELLED = ""


@dataclass(frozen=True, slots=True)
class Change:
    """Ground whose class changed.

    Args:
        before, after: class codes; "" is unlabelled.
        rings: outlines of the ground, outer and inner, in 1/8 pixel, not closed by a repeated vertex.
        share: of the tile, 0 to 1.
    """

    before: str
    after: str
    rings: tuple[tuple[tuple[float, float], ...], ...]
    share: float


def class_changes(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]], *, side: int
) -> tuple[Change, ...]:
    """Ground by the class it had and the class it has, the largest first; ground of the same class is left out.

    Args:
        before, after: features of two coverages as stored (rings in 1/8 pixel, valid, without overlap).
        side: of the tile, in 1/8 pixel.
    """
    tile = shapely.box(0, 0, side, side)
    old, new = _by_class(before, tile), _by_class(after, tile)
    changes = []
    for was, ground in old.items():
        for now, other in new.items():
            if was == now:
                continue
            changed = shapely.intersection(ground, other)
            share = changed.area / tile.area
            if share > 0:
                changes.append(Change(before=was, after=now, rings=_rings(changed), share=share))
    return tuple(sorted(changes, key=lambda change: (-change.share, change.before, change.after)))


def _by_class(features: Sequence[Mapping[str, Any]], tile: BaseGeometry) -> dict[str, BaseGeometry]:
    parts: defaultdict[str, list[BaseGeometry]] = defaultdict(list)
    for feature in features:
        shell, *holes = feature["rings"]
        parts[feature["class_code"]].append(shapely.Polygon(shell, holes))
    ground: dict[str, BaseGeometry] = {code: shapely.union_all(polygons) for code, polygons in parts.items()}
    ground[UNLABELLED] = shapely.difference(tile, shapely.union_all(list(ground.values())))
    return ground


def _rings(ground: BaseGeometry) -> tuple[tuple[tuple[float, float], ...], ...]:
    polygons = [part for part in shapely.get_parts(ground) if isinstance(part, shapely.Polygon)]
    rings = [ring for polygon in polygons for ring in (polygon.exterior, *polygon.interiors)]
    return tuple(tuple((x, y) for x, y in ring.coords[:-1]) for ring in rings)
