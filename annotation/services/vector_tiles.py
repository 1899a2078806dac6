"""Vector tiles of a campaign's reviewed labels, from PostGIS: made once, kept until what they show changes.

From zoom 13 on they hold the polygons (layer "labels": class, area_m2) and, where several people labelled a tile, how
far they agree (layer "agreement": people, agreement in %). Further out polygons are smaller than pixels: there a tile
holds squares of a 32nd of its side (layer "cells") with the class that most of their labelled ground has.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.gis.geos import Polygon
from django.db import connection, transaction
from pyproj import Transformer

from annotation.core.grid import web_transformer
from annotation.models import Annotation, Campaign, VectorTile
from annotation.services.clock import database_now

FIRST_POLYGON_ZOOM, DEEPEST_ZOOM = 13, 16
#: At zoom 13 polygons smaller than a pixel are left out; closer up none is.
COMPLETE_FROM_ZOOM = 14
CELLS_ARE_KEPT = timedelta(seconds=60)
CELL_ZOOMS = 5
# As in migration 0023: "tile" in ASCII.
LOCK = 1953853029
HALF_WORLD_M = 20037508.342789244

POLYGONS = """
SELECT ST_AsMVT(drawn, 'labels', 4096, 'geom', 'id') FROM (
    SELECT f.id, f.class_code AS class, round(f.area_m2::numeric, 1)::float8 AS area_m2,
           ST_AsMVTGeom(f.ground_web, ST_TileEnvelope(%s, %s, %s), 4096, 64, true) AS geom
    FROM annotation_annotatedfeature f
    WHERE f.revision_id IN ({shown})
      AND f.ground_web && ST_TileEnvelope(%s, %s, %s, margin => 64.0 / 4096) AND f.area_m2 >= %s
) drawn WHERE geom IS NOT NULL
"""

AGREEMENT = """
SELECT ST_AsMVT(drawn, 'agreement', 4096, 'geom', 'id') FROM (
    SELECT t.id, g.n_people AS people,
           round(100.0 * (g.compared_px - g.differing_px) / g.compared_px, 1)::float8 AS agreement,
           ST_AsMVTGeom(ST_Transform(t.footprint, 3857), ST_TileEnvelope(%s, %s, %s), 4096, 64, true) AS geom
    FROM annotation_tileagreement g JOIN annotation_tile t ON t.id = g.tile_id
    WHERE g.compared_px > 0 AND t.id IN ({tiles})
) drawn WHERE geom IS NOT NULL
"""

CELLS = """
WITH counted AS (
    SELECT floor(annotation_web_x((ST_XMin(t.footprint) + ST_XMax(t.footprint)) / 2, %s))::int AS x,
           floor(annotation_web_y((ST_YMin(t.footprint) + ST_YMax(t.footprint)) / 2, %s))::int AS y,
           f.class_code, sum(f.area_m2) AS area_m2, count(DISTINCT t.id) AS tiles
    FROM annotation_annotatedfeature f
    JOIN annotation_annotation a ON a.head_id = f.revision_id
    JOIN annotation_tile t ON t.id = a.tile_id
    WHERE f.revision_id IN ({shown})
    GROUP BY 1, 2, 3
), most AS (
    SELECT DISTINCT ON (x, y) x, y, class_code AS class, area_m2, max(tiles) OVER cell AS tiles,
           sum(area_m2) OVER cell AS labelled_m2
    FROM counted WINDOW cell AS (PARTITION BY x, y) ORDER BY x, y, area_m2 DESC, class_code
)
SELECT ST_AsMVT(drawn, 'cells', 4096, 'geom') FROM (
    SELECT class, tiles, round(labelled_m2::numeric)::float8 AS labelled_m2,
           round((100 * area_m2 / labelled_m2)::numeric)::int AS share,
           ST_AsMVTGeom(ST_TileEnvelope(%s, x, y), ST_TileEnvelope(%s, %s, %s), 4096, 64, true) AS geom
    FROM most WHERE labelled_m2 > 0
) drawn WHERE geom IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class VectorTileContent:
    """A vector tile: a mark that changes with it, and gzip of Mapbox Vector Tile 2.1; b"" where there is nothing."""

    etag: str
    compressed: bytes


NOTHING = VectorTileContent("empty", b"")


def vector_tile(*, campaign: Campaign, z: int, x: int, y: int) -> VectorTileContent:
    """What a map shows of a campaign's reviewed labels, as anyone may see them (`shown_on_maps`).

    An edit is seen by the next reader from zoom 13 on, and within a minute further out.

    Args: campaign: with its layer loaded. z: 0 to DEEPEST_ZOOM; clients enlarge those for closer looks.
    """
    if not _may_show(campaign, z, x, y):
        return NOTHING
    found = VectorTile.objects.filter(campaign=campaign, z=z, x=x, y=y).first()
    if found is not None and (z >= FIRST_POLYGON_ZOOM or database_now() - found.made_at < CELLS_ARE_KEPT):
        return VectorTileContent(found.etag, bytes(found.content))
    return _make(campaign, z, x, y)


@transaction.atomic
def _make(campaign: Campaign, z: int, x: int, y: int) -> VectorTileContent:
    """Make a vector tile, and keep it unless somebody is changing what it shows right now."""
    may_keep = z < FIRST_POLYGON_ZOOM or _nobody_changes(campaign, z, x, y)
    # After the lock: this statement sees all that was committed before it was given.
    content = _cells(campaign, z, x, y) if z < FIRST_POLYGON_ZOOM else _polygons(campaign, z, x, y)
    etag = hashlib.sha256(content).hexdigest()[:24] if content else NOTHING.etag
    made = VectorTileContent(etag, gzip.compress(content, compresslevel=6, mtime=0) if content else b"")
    if may_keep:
        VectorTile.objects.bulk_create(
            [
                VectorTile(
                    campaign=campaign, z=z, x=x, y=y, etag=made.etag, content=made.compressed, made_at=database_now()
                )
            ],
            update_conflicts=True,
            unique_fields=["campaign", "z", "x", "y"],
            update_fields=["etag", "content", "made_at"],
        )
    return made


def _nobody_changes(campaign: Campaign, z: int, x: int, y: int) -> bool:
    """Take the cell of zoom 13 for this transaction, if no change of it is under way."""
    up = z - FIRST_POLYGON_ZOOM
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(%s, annotation_vector_cell(%s, %s, %s))",
            [LOCK, campaign.pk, x >> up, y >> up],
        )
        return bool(cursor.fetchone()[0])


def _polygons(campaign: Campaign, z: int, x: int, y: int) -> bytes:
    shown = _shown_under(campaign, z, x, y)
    heads, of_heads = shown.values("head_id").query.sql_with_params()
    tiles, of_tiles = shown.values("tile_id").query.sql_with_params()
    place, smallest_m2 = [z, x, y], 0.0 if z >= COMPLETE_FROM_ZOOM else _pixel_m2(campaign, z)
    # Layers of a vector tile are written one after the other: two tiles joined are one with the layers of both.
    return _read(POLYGONS.format(shown=heads), [*place, *of_heads, *place, smallest_m2]) + _read(
        AGREEMENT.format(tiles=tiles), [*place, *of_tiles]
    )


def _cells(campaign: Campaign, z: int, x: int, y: int) -> bytes:
    heads, of_heads = _shown_under(campaign, z, x, y).values("head_id").query.sql_with_params()
    finer = z + CELL_ZOOMS
    return _read(CELLS.format(shown=heads), [finer, finer, *of_heads, finer, z, x, y])


def _read(sql: str, params: list[Any]) -> bytes:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return bytes(cursor.fetchone()[0] or b"")


def _shown_under(campaign: Campaign, z: int, x: int, y: int) -> Any:
    """Labels shown of tiles that a vector tile and its margin touch."""
    west, south, east, north = _bounds_m(z, x, y)
    to_lonlat = Transformer.from_crs("EPSG:3857", "EPSG:4326", always_xy=True)
    area = Polygon.from_bbox((*to_lonlat.transform(west, south), *to_lonlat.transform(east, north)))
    area.srid = 4326
    return Annotation.objects.shown_on_maps().filter(tile__campaign=campaign, tile__footprint__bboverlaps=area)


def _bounds_m(z: int, x: int, y: int) -> tuple[float, float, float, float]:
    """West, south, east, north of a tile with its margin, in metres of the web grid."""
    span = 2 * HALF_WORLD_M / (1 << z)
    margin = span / 64
    left, top = x * span - HALF_WORLD_M, HALF_WORLD_M - y * span
    west, east = max(left - margin, -HALF_WORLD_M), min(left + span + margin, HALF_WORLD_M)
    return west, max(top - span - margin, -HALF_WORLD_M), east, min(top + margin, HALF_WORLD_M)


def _may_show(campaign: Campaign, z: int, x: int, y: int) -> bool:
    """Whether a tile touches the campaign's imagery: of the rest of the world nothing is asked or kept."""
    if z > DEEPEST_ZOOM:
        return False
    west, south, east, north = campaign.layer.pixel_grid.bounds_wgs84
    (left, right), (bottom, top) = web_transformer("EPSG:4326").transform([west, east], [south, north])
    area = _bounds_m(z, x, y)
    return bool(left < area[2] and area[0] < right and bottom < area[3] and area[1] < top)


def _pixel_m2(campaign: Campaign, z: int) -> float:
    """Ground under one pixel of a 256-px map tile, in the middle of the campaign's imagery."""
    layer = campaign.layer
    west, south, east, north = layer.pixel_grid.bounds_wgs84
    (left, right), _ = web_transformer("EPSG:4326").transform([west, east], [south, north])
    ground_per_web = layer.width * layer.gsd_m / (right - left)
    return float((2 * HALF_WORLD_M / (256 << z) * ground_per_web) ** 2)
