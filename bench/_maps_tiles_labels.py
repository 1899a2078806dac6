"""Half a million reviewed polygons for _maps_tiles.py, written at once, and their vector tiles made in two ways."""

from __future__ import annotations

import time
import urllib.request
from typing import Any

TILES_A_SIDE, TILE_PX, A_TILE = 141, 512, 25
CORNERS = 38
POLYGONS = TILES_A_SIDE**2 * A_TILE
ZOOM = 14

TILES = """
INSERT INTO annotation_tile (campaign_id, row, col, role, state, footprint)
SELECT %(campaign)s, n / %(side)s, n %% %(side)s, 'pool', 'open', ST_SetSRID(ST_MakeEnvelope(
    %(west)s + (n %% %(side)s) * %(dx)s, %(north)s - (n / %(side)s + 1) * %(dy)s,
    %(west)s + (n %% %(side)s + 1) * %(dx)s, %(north)s - (n / %(side)s) * %(dy)s), 4326)
FROM generate_series(0, %(side)s * %(side)s - 1) n ON CONFLICT DO NOTHING
"""
ANNOTATIONS = """
INSERT INTO annotation_annotation (tile_id, annotator_id, state, version, is_extra, created_at)
SELECT id, %(person)s, 'draft', 1, false, now() FROM annotation_tile WHERE campaign_id = %(campaign)s AND role = 'pool'
"""
REVISIONS = """
INSERT INTO annotation_annotationrevision
    (annotation_id, number, author_id, features, sha256, seconds_spent, draft_model, imagery_seen, licence, created_at)
SELECT a.id, 1, %(person)s, '[]', '', 0, '', '{}', 'etalab-2.0', now()
FROM annotation_annotation a JOIN annotation_tile t ON t.id = a.tile_id WHERE t.campaign_id = %(campaign)s
"""
# Blobs of 38 corners of 2 to 7 m, most of them near their tile's middle.
FEATURES = """
WITH shape AS (
    SELECT ST_SetSRID(ST_MakePolygon(ST_AddPoint(line, ST_StartPoint(line))), 3857) AS blob FROM (
        SELECT ST_MakeLine(ARRAY(
            SELECT ST_Point((1 + 0.2 * sin(5 * t)) * cos(t), (1 + 0.2 * sin(5 * t)) * sin(t))
            FROM generate_series(0, %(corners)s - 1) n, LATERAL (SELECT 2 * pi() * n / %(corners)s AS t) angle
        )) AS line
    ) ring
), placed AS (
    SELECT r.id AS revision, k, ST_XMin(t.footprint) AS west, ST_XMax(t.footprint) AS east,
           ST_YMin(t.footprint) AS south, ST_YMax(t.footprint) AS north,
           random() + random() AS along, random() + random() AS across, 3 + 7 * random() ^ 2 AS size
    FROM annotation_annotationrevision r JOIN annotation_annotation a ON a.id = r.annotation_id
    JOIN annotation_tile t ON t.id = a.tile_id, generate_series(1, %(each)s) k
    WHERE t.campaign_id = %(campaign)s
)
INSERT INTO annotation_annotatedfeature
    (revision_id, feature_id, class_code, provenance, geometry, ground_web, area_m2)
SELECT revision, 'f' || k, (%(codes)s::text[])[1 + floor(6 * random() ^ 2)::int], 'drawn', blob, ground,
       size * size * 1.6
FROM (
    SELECT *, ST_SetSRID('POLYGON((0 0, 1 0, 1 1, 0 0))'::geometry, 2154) AS blob,
        ST_Translate(ST_Scale((SELECT blob FROM shape), size, size),
            (west + (east - west) * along / 2) / 180 * 20037508.342789244,
            ln(tan(pi() / 4 + radians(south + (north - south) * across / 2) / 2)) / pi() * 20037508.342789244) AS ground
    FROM placed
) made
"""
ACCEPTED = """
UPDATE annotation_annotation a SET state = 'accepted', submitted_at = now(), decided_at = now(), head_id = r.id
FROM annotation_annotationrevision r, annotation_tile t
WHERE r.annotation_id = a.id AND t.id = a.tile_id AND t.campaign_id = %(campaign)s
"""
LIVE = """
SELECT ST_AsMVT(drawn, 'labels', 4096, 'geom', 'id') FROM (
    SELECT f.id, f.class_code AS class, round(f.area_m2::numeric, 1)::float8 AS area_m2,
           ST_AsMVTGeom(f.ground_web, ST_TileEnvelope(%(z)s, %(x)s, %(y)s), 4096, 64, true) AS geom
    FROM annotation_annotatedfeature f JOIN annotation_annotation a ON a.head_id = f.revision_id
    JOIN annotation_tile t ON t.id = a.tile_id
    WHERE f.ground_web && ST_TileEnvelope(%(z)s, %(x)s, %(y)s, margin => 64.0 / 4096)
      AND t.campaign_id = %(campaign)s AND a.state = 'accepted' AND t.role = 'pool'
) drawn WHERE geom IS NOT NULL
"""
COUNT = """
SELECT count(*) FROM annotation_annotatedfeature f JOIN annotation_annotation a ON a.head_id = f.revision_id
JOIN annotation_tile t ON t.id = a.tile_id
WHERE t.campaign_id = %(campaign)s AND a.state = 'accepted' AND t.role = 'pool'
  AND ST_AsMVTGeom(f.ground_web, ST_TileEnvelope(%(z)s, %(x)s, %(y)s), 4096, 64, true) IS NOT NULL
"""


def write() -> Any:
    """A campaign whose pool tiles are all labelled and accepted."""
    import scenes
    from django.db import connection, transaction

    layer = scenes.virtual_layer("labels", width=TILES_A_SIDE * TILE_PX, height=TILES_A_SIDE * TILE_PX)
    campaign = scenes.campaign("labels", layer=layer, tile_px=TILE_PX, first_round=1)
    west, south, east, north = campaign.layer.pixel_grid.bounds_wgs84
    person = scenes.person("labels-author")
    codes = list(campaign.nomenclature.classes.filter(selectable=True).values_list("code", flat=True))[:6]
    values = {
        "campaign": campaign.pk, "person": person.pk, "side": TILES_A_SIDE, "west": west, "north": north,
        "dx": (east - west) / TILES_A_SIDE, "dy": (north - south) / TILES_A_SIDE, "corners": CORNERS, "each": A_TILE,
        "codes": codes,
    }  # fmt: skip
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("SELECT setseed(0.5)")
        for statement in (TILES, ANNOTATIONS, REVISIONS, FEATURES, ACCEPTED):
            cursor.execute(statement, values)
        cursor.execute("UPDATE annotation_tile SET state = 'accepted' WHERE campaign_id = %(campaign)s", values)
    with connection.cursor() as cursor:
        for table in ("tile", "annotation", "annotationrevision", "annotatedfeature"):
            cursor.execute(f"ANALYZE annotation_{table}")
    return campaign


def middle(campaign: Any) -> tuple[int, int, int]:
    """The tile of zoom 14 in the middle."""
    from annotation.core.grid import web_transformer
    from annotation.services.vector_tiles import HALF_WORLD_M

    west, south, east, north = campaign.layer.pixel_grid.bounds_wgs84
    x, y = web_transformer("EPSG:4326").transform((west + east) / 2, (south + north) / 2)
    span = 2 * HALF_WORLD_M / 2**ZOOM
    return ZOOM, int((x + HALF_WORLD_M) // span), int((HALF_WORLD_M - y) // span)


def kept(campaign: Any, z: int, x: int, y: int) -> bytes:
    """Ours, as a view asks for it."""
    from annotation.services.vector_tiles import vector_tile

    return vector_tile(campaign=campaign, z=z, x=x, y=y).compressed


def made_by_postgis(campaign: Any, z: int, x: int, y: int) -> bytes:
    """The rival: ST_AsMVT over the polygons as they are stored on the web grid."""
    return bytes(_one(LIVE, campaign, z, x, y))


def count(campaign: Any, z: int, x: int, y: int) -> int:
    """Polygons that the tile must have."""
    return int(_one(COUNT, campaign, z, x, y))


def _one(sql: str, campaign: Any, z: int, x: int, y: int) -> Any:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql, {"campaign": campaign.pk, "z": z, "x": x, "y": y})
        return cursor.fetchone()[0]


def polygons_in(tile: bytes) -> int:
    """Polygons of the layer of labels."""
    from vector_tiles import layers

    return len(layers(tile)["labels"])


def cold(campaign: Any, z: int, x: int, y: int) -> float:
    """Seconds to make a tile and keep it."""
    from annotation.models import VectorTile

    times = []
    for _ in range(3):
        VectorTile.objects.filter(campaign=campaign).delete()
        start = time.perf_counter()
        kept(campaign, z, x, y)
        times.append(time.perf_counter() - start)
    return sorted(times)[1]


def coarse(campaign: Any) -> str:
    """How long a tile of zoom 10 takes that nobody has asked for in the last minute."""
    z, x, y = middle(campaign)
    start = time.perf_counter()
    kept(campaign, 10, x >> (z - 10), y >> (z - 10))
    return f"{1000 * (time.perf_counter() - start):.0f} ms"


def edit_seen_after(campaign: Any, place: tuple[int, int, int], port: int) -> float:
    """Seconds from the commit of an edit until a reader over HTTP has a tile without what it took away."""
    from annotation.models import AnnotatedFeature, Annotation

    z, x, y = place
    address = f"http://127.0.0.1:{port}/campaigns/{campaign.slug}/labels/{z}/{x}/{y}.mvt"
    whole = count(campaign, *place)
    _read(address)
    in_tile = {feature.id for feature in _features(_read(address))}
    head = AnnotatedFeature.objects.filter(pk__in=list(in_tile)[:1]).values("revision_id")
    gone = AnnotatedFeature.objects.filter(revision_id__in=head, pk__in=in_tile).count()
    Annotation.objects.filter(head_id__in=head).update(state="reverted")
    start = time.perf_counter()
    while time.perf_counter() - start < 10:
        if len(_features(_read(address))) == whole - gone:
            return time.perf_counter() - start
    raise SystemExit("The edit was never seen.")


def _read(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 our own server
        return bytes(answer.read())


def _features(tile: bytes) -> list[Any]:
    from vector_tiles import layers

    return layers(tile)["labels"]
