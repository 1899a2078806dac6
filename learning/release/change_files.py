"""Change since an earlier vintage in a release: figures with all that they rest on, and the places of the sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from learning.release import layout
from learning.release.contents import ReleaseContents
from learning.release.ground import ChangePlace, ChangeStatistics
from learning.release.polygon_files import with_geometry
from learning.release.sample_places import with_squares, write_places
from learning.release.text import canonical_json, write_text

SCHEMA = with_geometry(
    pa.schema(
        [
            pa.field("number", pa.int32(), nullable=False),
            pa.field("stratum", pa.string(), nullable=False),
            pa.field("inclusion_probability", pa.float64(), nullable=False),
            pa.field("first_mapped", pa.string()),
            pa.field("second_mapped", pa.string()),
            pa.field("first_seen", pa.string()),
            pa.field("second_seen", pa.string()),
            pa.field("first_day", pa.date32()),
            pa.field("second_day", pa.date32()),
        ]
    )
)


@dataclass(frozen=True, slots=True)
class ChangeArtefact:
    """The published change since an earlier layer: paths in the release, and how many places there are."""

    first: str
    title: str
    vintage: int
    accuracy: str
    places: str
    n_places: int


def write_change(root: Path, contents: ReleaseContents) -> tuple[ChangeArtefact, ...]:
    """Write figures and places of each earlier layer since which change was assessed, under `root`/change."""
    return tuple(_written(root, one, contents) for one in contents.change if one.places)


def _written(root: Path, one: ChangeStatistics, contents: ReleaseContents) -> ChangeArtefact:
    layer, told = contents.layer, _first_of(one)
    made = ChangeArtefact(
        first=one.first,
        title=str(told["title"]),
        vintage=int(told["vintage"]),
        accuracy=layout.change_accuracy(one.first),
        places=layout.change_places(one.first),
        n_places=len(one.places),
    )
    table = change_places_table(one.places, unit_px=one.unit_px, crs=layer.crs, transform=layer.transform)
    write_places(table, root / made.places)
    write_text(root / made.accuracy, canonical_json({**one.figures, "file": made.places}))
    return made


def change_places_table(
    places: Sequence[ChangePlace], *, unit_px: int, crs: str, transform: Sequence[float]
) -> pa.Table:  # fmt: skip
    """A row a place, in the order of numbers; geometries are squares in the layer's CRS, as `places_table` has them."""
    texts = ("first_mapped", "second_mapped", "first_seen", "second_seen")
    attributes: list[pa.Array] = [
        pa.array([place.number for place in places], pa.int32()),
        pa.array([place.stratum for place in places], pa.string()),
        pa.array([place.inclusion_probability for place in places], pa.float64()),
        *(pa.array([getattr(place, name) or None for place in places], pa.string()) for name in texts),
        *(pa.array([getattr(place, name) for place in places], pa.date32()) for name in ("first_day", "second_day")),
    ]
    at = [(place.row, place.col) for place in places]
    return with_squares(attributes, at, schema=SCHEMA, unit_px=unit_px, crs=crs, transform=transform)


def change_json(contents: ReleaseContents) -> list[dict[str, object]]:
    """What `release.json` says: since which layers change was asked about, and where it is told or why it is not."""
    return [
        {
            "first": _first_of(one),
            "status": one.figures["status"],
            "reason": one.figures["reason"],
            "file": layout.change_accuracy(one.first) if one.places else None,
            "places": len(one.places),
        }
        for one in contents.change
    ]


def _first_of(one: ChangeStatistics) -> dict[str, Any]:
    told = one.figures["first"]
    if not isinstance(told, dict):
        raise TypeError(f"the figures of change since {one.first} do not say its layer: {told!r}")
    return told
