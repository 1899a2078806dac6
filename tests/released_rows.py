"""Rows of annotations for a small release in Lambert-93, on tiles of 32 px of 0.2 m."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
from shapely import Polygon, box

from learning.release.annotation_rows import ROWS

TILE_PX = 32


def square(col: int, row: int, x: int, y: int, size: int) -> Polygon:
    """A square of `size` px at pixel (x, y) of a tile, in the layer's CRS."""
    left, right = (426000 + (col * TILE_PX + at) * 0.2 for at in (x, x + size))
    top, bottom = (6435000 - (row * TILE_PX + at) * 0.2 for at in (y, y + size))
    return box(left, bottom, right, top)


def make_record(
    row: int, col: int, feature: str, code: str, geometry: Polygon, role: str = "pool", **more: Any
) -> dict[str, Any]:
    """A row of annotation_rows.ROWS, its geometry not yet WKB."""
    return {
        "annotation_id": f"a{row}{col}",
        "revision_id": f"r{row}{col}-2",
        "revision_number": 2,
        "tile_id": f"t{row}{col}",
        "tile_row": row,
        "tile_col": col,
        "role": role,
        "feature_id": feature,
        "class_code": code,
        "provenance": "drawn",
        "state": "accepted",
        "geometry": geometry,
        "contributor_id": "user_4f9a1c",
        "saved_on": date(2026, 10, 30),
        "review": "accepted",
        "reviews": 1,
        "agreement": None,
        "reviewed_on": date(2026, 11, 3),
        "image_date": date(2019, 7, 14),
        "licence": "etalab-2.0",
        **more,
    }


def make_records() -> list[dict[str, Any]]:
    with_hole = Polygon(square(1, 0, 0, 0, 20).exterior, [square(1, 0, 4, 4, 5).exterior])
    return [
        make_record(0, 0, "f1", "CS1.1.1.1", square(0, 0, 0, 0, 8)),
        make_record(0, 0, "f2", "CS1.2.2", square(0, 0, 8, 0, 8)),
        make_record(0, 1, "f1", "CS2.2.1", with_hole),
        make_record(1, 2, "f1", "CS1.2.2", square(2, 1, 1, 1, 30), role="holdout"),
    ]


def make_batch(records: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{**one, "geometry": one["geometry"].wkb} for one in records], schema=ROWS)
