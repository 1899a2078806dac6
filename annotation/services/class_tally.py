"""What a change of classes makes of each label, and how much of it there is: for its preview and for itself alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from annotation.core.class_changes import recode_features
from annotation.core.grid import SUBPIXELS
from annotation.models import Campaign
from annotation.services import class_change_sql as sql

MOST_LISTED = 10_000  # tiles named in a report
ClassOf = Callable[[dict[str, Any], Mapping[str, Any]], str | None]
"""The class of a stored feature on a tile ("annotation", "row", "col", "part"); None where nothing is known of it."""


@dataclass(slots=True)
class Count:
    """What labels hold of a class and state, and what becomes of it; areas in square metres on the imagery's pixels."""

    annotations: int = 0
    features: int = 0
    area_m2: float = 0.0
    unlabelled: int = 0
    unlabelled_m2: float = 0.0


@dataclass(slots=True)
class Tally:
    """Counts of a change, as it looks at labels one after the other."""

    by_class: dict[tuple[str, str, str], Count] = field(default_factory=dict)  # (class before, class now, state)
    annotations: int = 0
    tiles: set[int] = field(default_factory=set)
    holdout_tiles: set[int] = field(default_factory=set)
    emptied: int = 0
    gold: int = 0
    places: list[dict[str, Any]] = field(default_factory=list)  # tiles where something becomes unlabelled

    def as_json(self) -> dict[str, Any]:
        """The counts, for people and files."""
        rows: list[dict[str, Any]] = [
            {
                "from": before, "to": now or None, "state": state, "annotations": count.annotations,
                "features": count.features, "area_m2": round(count.area_m2, 2),
            }
            for (before, now, state), count in sorted(self.by_class.items())
        ]  # fmt: skip
        lost = [row for row in rows if row["to"] is None]
        return {
            "rows": rows,
            "annotations": self.annotations,
            "features": sum(row["features"] for row in rows),
            "area_m2": round(sum(row["area_m2"] for row in rows), 2),
            "tiles": len(self.tiles),
            "holdout_tiles": len(self.holdout_tiles),
            "unlabelled_features": sum(row["features"] for row in lost),
            "unlabelled_m2": round(sum(row["area_m2"] for row in lost), 2),
            "emptied": self.emptied,
            "gold": self.gold,
            "places": self.places[:MOST_LISTED],
            "places_total": len(self.places),
        }


@dataclass(frozen=True, slots=True)
class Recoded:
    """One revision of a label and what the change makes of it."""

    annotation: int
    revision: int
    is_head: bool
    features: list[dict[str, Any]]
    recoded: int
    lost: int
    lost_m2: float
    by_ground: dict[str, str]


def recoded_rows(
    campaign: Campaign,
    touched: frozenset[str],
    default: Mapping[str, str | None],
    class_of: ClassOf | None,
    tally: Tally,
) -> Iterator[Recoded]:
    """Every label that holds a class that changes, and what becomes of it, counted into `tally`."""
    unit_m2 = campaign.layer.gsd_m**2 / SUBPIXELS**2
    values: dict[str, Any] = {
        "campaign": campaign.pk,
        "touched": [Jsonb([{"class_code": code}]) for code in sorted(touched)],
    }
    if not touched:
        return
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql.ROWS, values)
        for annotation, revision, is_head, state, tile, row, col, part, role, features in cursor:
            stored = json.loads(features) if isinstance(features, str) else features
            place = {"annotation": annotation, "row": row, "col": col, "part": part}
            rule = None if class_of is None else (lambda feature, place=place: class_of(feature, place))
            kept, lost = recode_features(stored, default=default, class_of=rule)
            now = {feature["id"]: feature["class_code"] for feature in kept}
            if kept == stored:
                continue
            changing = [feature for feature in stored if now.get(feature["id"]) != feature["class_code"]]
            areas = {feature["id"]: ring_area(feature) * unit_m2 for feature in changing}
            lost_m2 = sum(areas[feature["id"]] for feature in lost)
            if is_head:
                _count(tally, changing, now, areas, state)
                tally.annotations += 1
                tally.tiles.add(tile)
                if role == "holdout":
                    tally.holdout_tiles.add(tile)
                tally.emptied += not kept
                if lost:
                    found = {"tile": tile, "state": state, "features": len(lost), "area_m2": round(lost_m2, 2)}
                    tally.places.append({**place, **found})
            else:
                tally.gold += 1
            yield Recoded(
                annotation=annotation,
                revision=revision,
                is_head=is_head,
                features=kept,
                recoded=len(changing) - len(lost),
                lost=len(lost),
                lost_m2=lost_m2,
                by_ground={} if class_of is None else {key: code for key, code in now.items() if key in areas},
            )


def _count(
    tally: Tally,
    changing: list[dict[str, Any]],
    now: Mapping[str, str],
    areas: Mapping[str, float],
    state: str,
) -> None:
    met = set()
    for feature in changing:
        key = (feature["class_code"], now.get(feature["id"], ""), state)
        count = tally.by_class.setdefault(key, Count())
        count.features += 1
        count.area_m2 += areas[feature["id"]]
        met.add(key)
    for key in met:
        tally.by_class[key].annotations += 1


def ring_area(feature: Mapping[str, Any]) -> float:
    """Area of a stored feature in square subpixels: its exterior less its holes."""
    areas = []
    for ring in feature["rings"]:
        ends = zip(ring, [*ring[1:], ring[0]], strict=True)
        areas.append(abs(sum(x * v - u * y for (x, y), (u, v) in ends)) / 2)
    return areas[0] - sum(areas[1:])
