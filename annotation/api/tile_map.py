"""A campaign's tiles as one GeoJSON text: the largest answer that anyone may ask for, so it is made to cost little."""

from __future__ import annotations

import gzip
import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from django.contrib.gis.geos import Polygon
from django.core.cache import caches
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When

from annotation.core.grid import TileGrid
from annotation.core.outlines import tile_outlines
from annotation.errors import UserError
from annotation.models import Campaign, Tile

MOST_TILES = 20_000
SPLIT = ',"split":true'
Bbox = tuple[float, float, float, float]


class TileMap(NamedTuple):
    """The text, compressed, and a mark that changes with it."""

    etag: str
    compressed: bytes


def tile_map(campaign: Campaign, bbox: Bbox | None) -> TileMap:
    """The tiles of a campaign, or of a part of it, as a moment ago: made once in a few seconds by each process.

    Args:
        bbox: west, south, east, north in degrees.
    """
    place = "all" if bbox is None else ",".join(f"{degrees:.6f}" for degrees in bbox)
    cache, key = caches["tile_maps"], f"{campaign.pk}:{place}"
    found: TileMap | None = cache.get(key)
    if found is None:
        body = collection(campaign.tile_grid, shown_tiles(campaign, bbox)).encode()
        digest = hashlib.sha256(body).hexdigest()[:24]
        # Weak: the same mark stands for the text with and without compression.
        found = TileMap(f'W/"{digest}"', gzip.compress(body, compresslevel=1, mtime=0))
        cache.set(key, found)
    return found


def shown_tiles(campaign: Campaign, bbox: Bbox | None) -> QuerySet[Tile, tuple[Any, ...]]:
    """Rows (id, row, column, state, priority, role, is split) of tiles; the buffer around the hold-out is nobody's.

    What waits for someone comes first, then what is to do by the model's doubt: of too many, these are shown.
    """
    tiles = Tile.objects.filter(campaign=campaign, part=0).exclude(role=Tile.Role.BUFFER)
    if bbox is not None:
        tiles = tiles.filter(footprint__bboverlaps=Polygon.from_bbox(bbox))
    urgency = Case(
        When(state__in=[Tile.State.SUBMITTED, Tile.State.SENT_BACK], then=Value(0)),
        When(Q(state=Tile.State.OPEN, priority__isnull=False), then=Value(1)),
        default=Value(2),
    )
    ranked = tiles.order_by(urgency, F("priority").desc(nulls_last=True), "pk")
    ranked = ranked.annotate(is_split=Exists(Tile.objects.filter(whole=OuterRef("pk"))))
    return ranked.values_list("pk", "row", "col", "state", "priority", "role", "is_split")[: MOST_TILES + 1]


def collection(grid: TileGrid, found: Iterable[Sequence[Any]]) -> str:
    """A GeoJSON FeatureCollection of at most MOST_TILES tiles; `truncated` says that there are more.

    Degrees have 6 decimals, about 0.1 m (RFC 7946, section 11.2). Hold-out tiles are called control tiles. Of a tile
    given out in quarters it says so, of others nothing.
    """
    rows = list(found)
    truncated, rows = len(rows) > MOST_TILES, rows[:MOST_TILES]
    places = np.array([row[1:3] for row in rows], dtype=np.int64).reshape(-1, 2)
    corners, rings = tile_outlines(grid, rows=places[:, 0], cols=places[:, 1])
    points = [f"[{lon:.6f},{lat:.6f}]" for lon, lat in corners.tolist()]
    features = [
        f'{{"type":"Feature","id":{pk},"geometry":{{"type":"Polygon","coordinates":[['
        f"{points[a]},{points[b]},{points[c]},{points[d]},{points[e]}]]}},"
        f'"properties":{{"id":{pk},"row":{row},"col":{col},"state":"{state}","priority":{number(priority)},'
        f'"role":"{"control" if role == "holdout" else "pool"}"{SPLIT if is_split else ""}}}}}'
        for (pk, row, col, state, priority, role, is_split), (a, b, c, d, e) in zip(rows, rings.tolist(), strict=True)
    ]
    return (
        f'{{"type":"FeatureCollection","truncated":{"true" if truncated else "false"},'
        f'"features":[{",".join(features)}]}}'
    )


def number(value: float | None) -> str:
    """JSON of a score; JSON knows no infinity and no NaN."""
    return "null" if value is None or not math.isfinite(value) else f"{value:.4f}"


def parse_bbox(text: str) -> Bbox:
    """West, south, east, north in degrees, from "w,s,e,n".

    Raises: UserError.
    """
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"bbox is {text[:60]!r}: send west,south,east,north in degrees.") from None
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise UserError(f"bbox is {text[:60]!r}: west < east within ±180 and south < north within ±90.")
    return west, south, east, north
