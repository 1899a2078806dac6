"""How long it takes to split, merge, rename and move classes of a hundred thousand labels, and whether nothing is lost.

    python bench/class_changes.py [--annotations 100000] [--seed 1]

Boots by itself: a database of its own in the running PostgreSQL. One campaign whose tiles are labelled and accepted,
five squares a tile in random classes, written in bulk as the services write them. A release is frozen and its
annotations are written out. Then for each kind of change: the preview, the migration, and the way back, each by the
service that people use. A last plan splits without a default, so that every shape of the class becomes unlabelled.

    annotations           labels in the campaign
    KIND_preview_s        to count what the change would do
    KIND_migration_s      to give every label its new classes, in one transaction
    KIND_reversal_s       to take it back
    reports_equal_sql     each report's counts and areas equal those of SQL of its own over stored features and polygons
    reversal_exact        after each reversal, ids, hashes and features of all heads, and their polygons, hash as before
    release_unchanged     the release's files, written again from the database after each change, are the same bytes

Exit status 1 when one of the last three does not hold.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / name) for name in ("platform", "tests", "bench", ".")]
os.environ["DJANGO_SETTINGS_MODULE"] = "_next_tile_settings"
os.environ.setdefault("SOLCOMMUN_TEST_DATA_DIR", tempfile.mkdtemp(prefix="solcommun-classes-"))

from _next_tile_world import database  # noqa: E402 (the path must be set first)

WIDTHS = (11, 13, 12, 9, 9, 12)
TILE_PX, SHAPES, CELL_PX, PEOPLE = 64, 5, 12, 40

TILES = """
INSERT INTO annotation_tile (campaign_id, row, col, role, state, footprint)
SELECT %(campaign)s, n / %(side)s, n %% %(side)s, 'pool', 'accepted', ST_SetSRID(ST_MakeEnvelope(
    0.001 * (n %% %(side)s), 0.001 * (n / %(side)s), 0.001 * (n %% %(side)s + 1), 0.001 * (n / %(side)s + 1)), 4326)
FROM generate_series(0, %(side)s * %(side)s - 1) n ON CONFLICT DO NOTHING
"""
ANNOTATIONS = """
INSERT INTO annotation_annotation (tile_id, annotator_id, state, version, is_extra, created_at)
SELECT t.id, (%(people)s::bigint[])[1 + t.id %% %(n)s], 'draft', 1, false, '2026-01-05T08:00:00Z'
FROM annotation_tile t WHERE t.campaign_id = %(campaign)s AND t.role = 'pool' ORDER BY t.id LIMIT %(annotations)s
"""
POLYGONS = """
INSERT INTO annotation_annotatedfeature (revision_id, feature_id, class_code, provenance, geometry, area_m2)
SELECT r.id, f->>'id', f->>'class_code', f->>'provenance', box, ST_Area(box)
FROM annotation_annotationrevision r
JOIN annotation_annotation a ON a.id = r.annotation_id
JOIN annotation_tile t ON t.id = a.tile_id
CROSS JOIN LATERAL jsonb_array_elements(r.features) f
CROSS JOIN LATERAL (SELECT ST_SetSRID(ST_MakeEnvelope(
    %(x)s + %(gsd)s * (t.col * %(px)s + (f->'rings'->0->0->>0)::int / 8.0),
    %(y)s - %(gsd)s * (t.row * %(px)s + (f->'rings'->0->0->>1)::int / 8.0),
    %(x)s + %(gsd)s * (t.col * %(px)s + (f->'rings'->0->2->>0)::int / 8.0),
    %(y)s - %(gsd)s * (t.row * %(px)s + (f->'rings'->0->2->>1)::int / 8.0)), 2154) AS box) placed
WHERE t.campaign_id = %(campaign)s
"""
ACCEPTED = """
UPDATE annotation_annotation a
SET state = 'accepted', submitted_at = '2026-01-06T08:00:00Z', decided_at = '2026-01-07T08:00:00Z', head_id = r.id
FROM annotation_annotationrevision r, annotation_tile t
WHERE r.annotation_id = a.id AND t.id = a.tile_id AND t.campaign_id = %(campaign)s
"""
# Apart from the code under test: shapes, area on the ground and labels of some classes, from the polygons.
COUNTED = """
SELECT count(*), coalesce(sum(f.area_m2), 0), count(DISTINCT a.id)
FROM annotation_annotatedfeature f JOIN annotation_annotation a ON a.head_id = f.revision_id
JOIN annotation_tile t ON t.id = a.tile_id
WHERE t.campaign_id = %(campaign)s AND f.class_code = ANY(%(codes)s)
"""
# And that stored features say the same as the polygons.
STORED = """
SELECT count(*) FROM annotation_annotation a JOIN annotation_annotationrevision r ON r.id = a.head_id
JOIN annotation_tile t ON t.id = a.tile_id CROSS JOIN LATERAL jsonb_array_elements(r.features) f
WHERE t.campaign_id = %(campaign)s AND f->>'class_code' = ANY(%(codes)s)
"""
HEADS = """
SELECT md5(string_agg(
    md5(concat_ws('|', a.id, a.head_id, a.version, a.state, a.decided_at, r.sha256, r.features::text)),
    '' ORDER BY a.id))
FROM annotation_annotation a JOIN annotation_annotationrevision r ON r.id = a.head_id
JOIN annotation_tile t ON t.id = a.tile_id WHERE t.campaign_id = %(campaign)s
"""
SHAPES_HASH = """
SELECT md5(string_agg(md5(concat_ws('|', f.revision_id, f.feature_id, f.class_code, f.geometry::text, f.area_m2)),
                      '' ORDER BY f.id))
FROM annotation_annotatedfeature f JOIN annotation_annotation a ON a.head_id = f.revision_id
JOIN annotation_tile t ON t.id = a.tile_id WHERE t.campaign_id = %(campaign)s
"""


def main() -> None:
    """Measure, check, print the table and the line of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with database(), tempfile.TemporaryDirectory(prefix="solcommun-classes-") as folder:
        figures = measure(Path(folder), options)
    print("FIGURES " + json.dumps(figures))
    sys.exit(not all(figures[name] for name in ("reports_equal_sql", "reversal_exact", "release_unchanged")))


def write_world(options: argparse.Namespace) -> Any:
    """The campaign with its labels."""
    import scenes
    from django.db import connection, transaction

    side = int(np.ceil(options.annotations**0.5)) + 6  # some tiles are the hold-out's
    layer = scenes.virtual_layer("classes", width=side * TILE_PX, height=side * TILE_PX)
    campaign = scenes.campaign("classes", layer=layer, tile_px=TILE_PX, first_round=1, holdout_share=0.01)
    a, _, c, _, _, f = layer.transform
    values = {
        "campaign": campaign.pk, "side": side, "annotations": options.annotations, "n": PEOPLE,
        "people": [scenes.person(f"author-{number}").pk for number in range(PEOPLE)],
        "x": c, "y": f, "gsd": a, "px": TILE_PX,
    }  # fmt: skip
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute(TILES, values)
        cursor.execute(ANNOTATIONS, values)
        cursor.execute(
            "SELECT a.id, a.annotator_id FROM annotation_annotation a JOIN annotation_tile t ON t.id = a.tile_id"
            " WHERE t.campaign_id = %(campaign)s ORDER BY a.id",
            values,
        )
        write_revisions(cursor, cursor.fetchall(), codes_of(campaign), options.seed)
        for statement in (POLYGONS, ACCEPTED):
            cursor.execute(statement, values)
    with connection.cursor() as cursor:
        for table in ("tile", "annotation", "annotationrevision", "annotatedfeature"):
            cursor.execute(f"VACUUM ANALYZE annotation_{table}")
    return campaign


def codes_of(campaign: Any) -> list[str]:
    """Classes that people label with."""
    return list(campaign.nomenclature.classes.filter(selectable=True).values_list("code", flat=True))


def write_revisions(cursor: Any, annotations: list[tuple[int, int]], codes: list[str], seed: int) -> None:
    """One revision each: squares in cells of their own, in random classes."""
    from annotation.services.annotations import canonical_sha256

    random = np.random.default_rng(seed)
    print(f"seed {seed}: {len(annotations)} labels of {SHAPES} shapes in {len(codes)} classes")
    columns = (
        "annotation_id, number, author_id, features, sha256, seconds_spent, draft_model, imagery_seen, licence,"
        " created_at"
    )
    with cursor.copy(f"COPY annotation_annotationrevision ({columns}) FROM STDIN") as copy:
        for annotation, author in annotations:
            features = []
            for n, (kind, size) in enumerate(
                zip(random.integers(0, len(codes), SHAPES), random.integers(2, CELL_PX, SHAPES), strict=True)
            ):
                low, high = 8 * CELL_PX * n, 8 * (CELL_PX * n + int(size))
                ring = [[low, low], [high, low], [high, high], [low, high]]
                features.append({"id": f"f{n}", "class_code": codes[kind], "rings": [ring], "provenance": "drawn"})
            copy.write_row((
                annotation, 1, author, json.dumps(features), canonical_sha256(features), 60.0, "", "{}", "etalab-2.0",
                "2026-01-05T08:00:00Z",
            ))  # fmt: skip


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """All kinds of change on one world, each taken back before the next."""
    from learning.services.release_freeze import freeze_release
    from learning.services.releases import start_release

    start = time.perf_counter()
    campaign = write_world(options)
    print(f"written in {time.perf_counter() - start:.0f} s")
    start_release(campaign=campaign, actor=None)
    release = freeze_release(release=campaign.releases.get())
    first = write_release(release, folder / "first")
    one, two, three, *_ = codes_of(campaign)
    elsewhere = next(code for code in headings(campaign) if code != parent_of(campaign, three))
    plans = {
        "split": split(one, "a"),
        "merge": [{"kind": "merge", "codes": [one, two], "into": a_class("bench.merged")}],
        "rename": [{"kind": "rename", "code": one, "new_code": "bench.renamed"}],
        "move": [{"kind": "move", "code": three, "parent": elsewhere}],
        "unlabelled": split(one, None),
    }
    touched = {"split": [one], "merge": [one, two], "rename": [one], "move": [], "unlabelled": [one]}
    figures: dict[str, Any] = {"annotations": options.annotations}
    checks = {"reports_equal_sql": True, "reversal_exact": True, "release_unchanged": True}
    heads = ("preview s", "migration s", "reversal s", "labels", "shapes", "unlabelled")
    print(f"{'change':<12}" + "".join(f"{head:>{width}}" for head, width in zip(heads, WIDTHS, strict=True)))
    for kind, plan in plans.items():
        found = one_change(campaign, plan, touched[kind])
        for name, seconds in zip(("preview", "migration", "reversal"), found["seconds"], strict=True):
            figures[f"{kind}_{name}_s"] = round(seconds, 1)
        checks["reports_equal_sql"] &= found["equal"]
        checks["reversal_exact"] &= found["exact"]
        checks["release_unchanged"] &= found["release"] == first == write_release(release, folder / kind)
        counts = [found["report"][name] for name in ("annotations", "features", "unlabelled_features")]
        told = [*(f"{value:.1f}" for value in found["seconds"]), *counts]
        print(f"{kind:<12}" + "".join(f"{value:>{width}}" for value, width in zip(told, WIDTHS, strict=True)))
    return figures | checks


def one_change(campaign: Any, plan: list[dict[str, Any]], codes: list[str]) -> dict[str, Any]:
    """Preview, migrate, take back; what was found on the way."""
    from annotation.services.class_changes import apply_change, plan_change, preview_change, reverse_change

    campaign.refresh_from_db()
    before, counted = state_of(campaign), ask(COUNTED, campaign, codes=codes)
    seconds, said = timed(lambda: preview_change(campaign=campaign, plan=plan))
    change = plan_change(campaign=campaign, plan=plan, actor=None, reason="measured")
    took, change = timed(lambda: apply_change(change_id=change.pk, actor=None))
    report = change.report
    now = [code for code in change.codes.values() if code is not None]
    after = ask(COUNTED, campaign, codes=now)
    stored = ask(STORED, campaign, codes=now)[0]
    gone = ask(STORED, campaign, codes=[code for code in codes if code not in now])[0]
    equal = (
        all(report[name] == said[name] for name in said)
        and (report["features"], report["annotations"]) == (counted[0], counted[2])
        and abs(report["area_m2"] - counted[1]) < 0.5
        and (after[0] == stored == report["features"] - report["unlabelled_features"])
        and gone == 0
    )
    with tempfile.TemporaryDirectory(prefix="solcommun-classes-") as folder:
        written = write_release(campaign.releases.get(), Path(folder))
    back, change = timed(lambda: reverse_change(change_id=change.pk, actor=None))
    return {
        "seconds": (seconds, took, back), "report": report, "equal": equal, "exact": state_of(campaign) == before,
        "release": written,
    }  # fmt: skip


def ask(statement: str, campaign: Any, **values: Any) -> tuple[Any, ...]:
    """One row."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, {"campaign": campaign.pk, **values})
        return tuple(cursor.fetchone())


def state_of(campaign: Any) -> tuple[Any, ...]:
    """Hashes of all heads and of their polygons."""
    return ask(HEADS, campaign) + ask(SHAPES_HASH, campaign)


def timed(work: Any) -> tuple[float, Any]:
    """Seconds, and what came of it."""
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def write_release(release: Any, folder: Path) -> dict[str, str]:
    """The annotations of a frozen release as its files, and the hash of each."""
    from learning.release.annotation_rows import RowRules
    from learning.release.vectors import write_annotations
    from learning.services.annotation_export import annotation_batches
    from learning.services.release_contents import public_ids, released_labels
    from learning.services.release_freeze import frozen_inputs

    folder.mkdir(parents=True, exist_ok=True)
    release.refresh_from_db()
    frozen, labels = frozen_inputs(release), released_labels(release)
    batches = annotation_batches(labels, contributors=public_ids(labels))
    rules = RowRules.of(frozen, account_names=frozenset())
    write_annotations(folder, batches, rules=rules, crs=frozen.layer.crs, published_on=frozen.published_on)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def a_class(code: str) -> dict[str, Any]:
    """A class as a plan writes it."""
    return {"code": code, "name": {"fr": code, "en": code}, "colour": "#336699"}


def split(code: str, default: str | None) -> list[dict[str, Any]]:
    """Two children, the first of them the default or none."""
    into = [a_class("bench.1"), a_class("bench.2")]
    return [{"kind": "split", "code": code, "into": into, "default": default and "bench.1"}]


def headings(campaign: Any) -> list[str]:
    """Classes that nobody labels with."""
    return list(campaign.nomenclature.classes.filter(selectable=False).values_list("code", flat=True))


def parent_of(campaign: Any, code: str) -> str:
    """The class above one."""
    return str(campaign.nomenclature.classes.get(code=code).parent_code)


if __name__ == "__main__":
    main()
