"""Half a million reviewed polygons in a database of their own, made from a seed, for release.py."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

SEED = 20261127
TILE_PX, SUBPIXELS = 512, 8
CELLS = 10  # a tile's shapes lie each in a cell of its own, so that they are a coverage
MEAN_FEATURES, MEAN_VERTICES = 25, 38
BENT = 0.4  # of the shapes; with the holes as many as are not proven valid without GEOS in traced and drawn ones
PEOPLE = 40
SAVES_A_SECOND, SAVERS = 50, 5  # labels that all of them together save while the release is made
PROVENANCES = ("drawn", "drawn", "drawn", "segment", "corrected", "accepted", "copied", "imported")

ANNOTATIONS = """
INSERT INTO annotation_annotation (tile_id, annotator_id, state, version, is_extra, created_at)
SELECT t.id, (%(people)s::bigint[])[1 + t.id %% %(n)s], 'draft', 1, false, '2026-01-05T08:00:00Z'
FROM annotation_tile t WHERE t.campaign_id = %(campaign)s AND t.role = 'pool'
"""
REVISIONS = """
INSERT INTO annotation_annotationrevision
    (annotation_id, number, author_id, features, sha256, seconds_spent, draft_model, imagery_seen, licence, created_at)
SELECT a.id, 1, a.annotator_id, '[]', '', 0, '', '{}', 'etalab-2.0', '2026-01-05T08:00:00Z'
FROM annotation_annotation a JOIN annotation_tile t ON t.id = a.tile_id
WHERE t.campaign_id = %(campaign)s ORDER BY t.row, t.col
"""
ACCEPTED = """
UPDATE annotation_annotation a
SET state = 'accepted', submitted_at = '2026-01-06T08:00:00Z', decided_at = '2026-01-07T08:00:00Z', head_id = r.id
FROM annotation_annotationrevision r, annotation_tile t
WHERE r.annotation_id = a.id AND t.id = a.tile_id AND t.campaign_id = %(campaign)s
"""
REVIEWS = """
INSERT INTO annotation_review
    (annotation_id, revision_id, author_id, reviewer_id, verdict, reason, comment, marks, licence, created_at)
SELECT a.id, a.head_id, a.annotator_id, %(reviewer)s, 'accept', '', '', '[]', 'etalab-2.0', a.decided_at
FROM annotation_annotation a JOIN annotation_tile t ON t.id = a.tile_id WHERE t.campaign_id = %(campaign)s
"""
TILES = """
INSERT INTO annotation_tile (campaign_id, row, col, role, state, footprint)
SELECT %(campaign)s, n / %(side)s, n %% %(side)s, 'pool', 'open', ST_SetSRID(ST_MakeEnvelope(
    0.001 * (n %% %(side)s), 0.001 * (n / %(side)s), 0.001 * (n %% %(side)s + 1), 0.001 * (n / %(side)s + 1)), 4326)
FROM generate_series(0, %(side)s * %(side)s - 1) n ON CONFLICT DO NOTHING
"""


def write(polygons: int) -> Any:
    """A campaign whose pool tiles are labelled, reviewed and accepted; with as many polygons, written by COPY."""
    import scenes
    from django.db import connection, transaction

    side = int(np.ceil((polygons / MEAN_FEATURES) ** 0.5))
    layer = scenes.virtual_layer("release", width=side * TILE_PX, height=side * TILE_PX)
    campaign = scenes.campaign("release", layer=layer, tile_px=TILE_PX, first_round=1)
    people = [scenes.person(f"author-{number}").pk for number in range(PEOPLE)]
    values = {
        "campaign": campaign.pk, "side": side, "people": people, "n": PEOPLE,
        "reviewer": scenes.person("reviewer").pk,
    }  # fmt: skip
    codes = list(campaign.nomenclature.classes.filter(selectable=True).values_list("code", flat=True))
    with connection.cursor() as cursor, transaction.atomic():
        for statement in (TILES, ANNOTATIONS, REVISIONS):
            cursor.execute(statement, values)
        cursor.execute(
            "SELECT r.id, t.row, t.col FROM annotation_annotationrevision r JOIN annotation_annotation a"
            " ON a.id = r.annotation_id JOIN annotation_tile t ON t.id = a.tile_id WHERE t.campaign_id = %s"
            " ORDER BY r.id",
            [campaign.pk],
        )
        places = np.array(cursor.fetchall(), np.int64)
        columns = "revision_id, feature_id, class_code, provenance, geometry, area_m2"
        with cursor.copy(f"COPY annotation_annotatedfeature ({columns}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0))
            for rows in _rows(places, polygons, codes, campaign.layer.transform):
                copy.write(rows)
            copy.write(struct.pack("!h", -1))
        for statement in (ACCEPTED, REVIEWS):
            cursor.execute(statement, values)
        cursor.execute("UPDATE annotation_tile SET state = 'accepted' WHERE campaign_id = %(campaign)s", values)
    with connection.cursor() as cursor:
        for table in ("tile", "annotation", "annotationrevision", "annotatedfeature", "review"):
            cursor.execute(f"VACUUM ANALYZE annotation_{table}")
    return campaign


def _rows(places: NDArray[np.int64], polygons: int, codes: list[str], transform: list[float]) -> Iterator[bytes]:
    """The shapes' rows in COPY's binary form, some tiles at a time."""
    random = np.random.default_rng(SEED)
    weights = random.lognormal(0.0, 0.8, len(places))
    # Clustered: tiles have from a few shapes to a hundred.
    wanted = np.minimum(np.maximum(1, polygons * weights / weights.sum()).astype(np.int64), CELLS * CELLS - 1)
    short = polygons - int(wanted.sum())
    while short:
        room = np.flatnonzero(wanted < CELLS * CELLS) if short > 0 else np.flatnonzero(wanted > 1)
        chosen = random.permutation(room)[: abs(short)]
        wanted[chosen] += 1 if short > 0 else -1
        short = polygons - int(wanted.sum())
    for start in range(0, len(places), 500):
        yield _tiles_rows(random, places[start : start + 500], wanted[start : start + 500], codes, transform)


def _tiles_rows(
    random: np.random.Generator,
    places: NDArray[np.int64],
    wanted: NDArray[np.int64],
    codes: list[str],
    transform: list[float],
) -> bytes:
    a, _, c, _, e, f = transform
    rows = bytearray()
    cell = TILE_PX * SUBPIXELS / CELLS
    for (revision, row, col), count in zip(places.tolist(), wanted.tolist(), strict=True):
        cells = random.permutation(CELLS * CELLS)[:count]
        vertices = np.clip(random.poisson(MEAN_VERTICES, count), 8, 90)
        kinds = random.integers(0, len(PROVENANCES), count)
        classes = (len(codes) * random.random(count) ** 2).astype(int)
        with_hole = random.random(count) < 0.03
        bent = (random.random(count) < BENT) & ~with_hole
        for nth in range(count):
            centre = (np.array([cells[nth] % CELLS, cells[nth] // CELLS]) + 0.5) * cell
            ring = (_bow if bent[nth] else _blob)(random, int(vertices[nth]), 0.45 * cell)
            rings = [ring, np.rint(ring[::-1] * 0.4)] if with_hole[nth] else [ring]
            placed = []
            for one in rings:
                xy = np.rint(one + np.rint(centre))
                placed.append(
                    np.column_stack(
                        [c + a * (col * TILE_PX + xy[:, 0] / SUBPIXELS), f + e * (row * TILE_PX + xy[:, 1] / SUBPIXELS)]
                    )
                )
            rows += _row(revision, f"f{nth + 1}", codes[classes[nth]], PROVENANCES[kinds[nth]], placed)
    return bytes(rows)


def _blob(random: np.random.Generator, vertices: int, radius: float) -> NDArray[np.float64]:
    """A star-shaped outline on the integer grid around 0, closed."""
    angles = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    ripple = (
        1 + 0.15 * np.sin(random.integers(2, 6) * angles + random.uniform(0, 6)) + random.uniform(-0.04, 0.04, vertices)
    )
    size = radius * random.uniform(0.6, 0.8)
    ring = np.rint(size * ripple[:, None] * np.column_stack([np.cos(angles), np.sin(angles)]))
    return np.vstack([ring, ring[:1]])


def _bow(random: np.random.Generator, vertices: int, radius: float) -> NDArray[np.float64]:
    """A bow around three quarters of 0 on the integer grid, closed: seen whole from nowhere inside."""
    turn = np.linspace(0, 1.5 * np.pi, max(4, vertices // 2)) + random.uniform(0, 2 * np.pi)
    size = radius * random.uniform(0.6, 0.8) * (1 + random.uniform(-0.04, 0.04, (2, len(turn))))
    across = np.concatenate([size[0], 0.5 * size[1]])[:, None]
    both = np.concatenate([turn, turn[::-1]])
    ring = np.rint(across * np.column_stack([np.cos(both), np.sin(both)]))
    return np.vstack([ring, ring[:1]])


def _row(revision: int, feature: str, code: str, provenance: str, rings: list[NDArray[np.float64]]) -> bytes:
    wkb = struct.pack("<BIII", 1, 3 | 0x20000000, 2154, len(rings)) + b"".join(
        struct.pack("<I", len(ring)) + ring.astype("<f8").tobytes() for ring in rings
    )
    area = float(shapely.Polygon(rings[0], rings[1:]).area)
    texts = (text.encode() for text in (feature, code, provenance))
    fields = (struct.pack("!q", revision), *texts, wkb, struct.pack("!d", area))
    return struct.pack("!h", len(fields)) + b"".join(struct.pack("!i", len(field)) + field for field in fields)
