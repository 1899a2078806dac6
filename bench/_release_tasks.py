"""What release.py measures, each in a process of its own so that its memory is its own, and the writer beside them.

python bench/_release_tasks.py NAME RELEASE FOLDER [LABELS]
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / name) for name in ("platform", "tests", "bench", ".")]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "_next_tile_settings")

import django  # noqa: E402 (the settings must be named first)

django.setup()

from _release_world import SAVERS, SAVES_A_SECOND  # noqa: E402

STOP = "stop"


def ours(release: Any, folder: Path, _labels: int) -> int:
    """GeoParquet and GeoPackage as a release has them, and flushed as it is."""
    from learning.release.annotation_rows import RowRules
    from learning.release.bundle import flush_tree
    from learning.release.vectors import write_annotations
    from learning.services.annotation_export import annotation_batches
    from learning.services.release_contents import public_ids, released_labels
    from learning.services.release_freeze import frozen_inputs

    frozen, labels = frozen_inputs(release), released_labels(release)
    batches = annotation_batches(labels, contributors=public_ids(labels))
    rules = RowRules.of(frozen, account_names=frozenset())
    written = write_annotations(folder, batches, rules=rules, crs=frozen.layer.crs, published_on=frozen.published_on)
    flush_tree(folder / "annotations")
    return written.features


def orm(release: Any, folder: Path, labels: int) -> int:
    """Objects of the ORM into a GeoDataFrame, and that to a GeoPackage: what is written first by whoever knows both."""
    import geopandas
    from shapely.geometry import shape

    from annotation.models import AnnotatedFeature

    chosen = release.labels.order_by("tile_row", "tile_col", "annotation_id").values("revision_id")[:labels]
    found = AnnotatedFeature.objects.filter(revision__in=chosen).select_related(
        "revision__annotation__annotator__contributor", "revision__annotation__tile__campaign__nomenclature"
    )
    campaign = release.campaign
    classes = {item.code: item.name for item in campaign.nomenclature.classes.all()}
    rows = []
    for feature in found.order_by(
        "revision__annotation__tile__row", "revision__annotation__tile__col", "revision__annotation", "feature_id"
    ).iterator():
        revision = feature.revision
        label, tile = revision.annotation, revision.annotation.tile
        rows.append(
            {
                "annotation_id": str(label.pk),
                "revision_id": str(revision.pk),
                "revision_number": revision.number,
                "tile_id": str(tile.pk),
                "tile_row": tile.row,
                "tile_col": tile.col,
                "role": tile.role,
                "feature_id": feature.feature_id,
                "class_code": feature.class_code,
                "class_fr": classes[feature.class_code]["fr"],
                "class_en": classes[feature.class_code]["en"],
                "nomenclature": tile.campaign.nomenclature.code,
                "nomenclature_version": tile.campaign.nomenclature.version,
                "vintage": campaign.layer.vintage,
                "image_date": campaign.layer.acquired_on,
                "provenance": feature.provenance,
                "state": label.state,
                "reviewed_on": label.decided_at.date(),
                "contributor_id": label.annotator.contributor.public_id,
                "licence": revision.licence,
                "geometry": shape(json.loads(feature.geometry.json)),
            }
        )
    table = geopandas.GeoDataFrame(rows, geometry="geometry", crs=campaign.layer.crs)
    folder.mkdir(parents=True, exist_ok=True)
    table.to_file(folder / "annotations.gpkg", driver="GPKG", layer="annotations")
    return len(table)


def geoparquet(_release: Any, folder: Path, _labels: int) -> int:
    """The GeoParquet that whoever has ogr2ogr's GeoPackage still needs, batch by batch by the quickest libraries."""
    import pyarrow.parquet as pq
    import pyogrio

    with pyogrio.open_arrow(folder / "annotations.gpkg", batch_size=20_000, use_pyarrow=True) as (_meta, reader):
        rows = 0
        with pq.ParquetWriter(folder / "annotations.parquet", reader.schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(batch)
                rows += batch.num_rows
    return rows


def save(release: Any, folder: Path, _labels: int) -> int:
    """Save, hand in and accept labels by the services' own steps, 50 a second, until the folder has a file STOP.

    By some people at once, each by a connection of their own, one label after another.
    """
    from concurrent.futures import ThreadPoolExecutor

    from scenes import person

    people = [person(f"meanwhile-{nth}") for nth in range(SAVERS)]
    with ThreadPoolExecutor(SAVERS) as threads:
        return sum(threads.map(lambda nth: _save_as(people[nth], nth, release.campaign, folder), range(SAVERS)))


def _save_as(author: Any, nth: int, campaign: Any, folder: Path) -> int:
    """The labels of one of the people, of whom each works on tiles of their own."""
    from django.db import connection, transaction
    from scenes import square

    from annotation.core.tile_geometry import parse_features
    from annotation.models import Annotation, Tile
    from annotation.services.annotations import append_revision, class_codes, imagery_seen, write_polygons
    from annotation.services.clock import database_now

    codes = class_codes(campaign)
    shape = [square(min(codes), 8, 8, 40)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        print(json.dumps({"backend": cursor.fetchone()[0]}) + "\n", end="", flush=True)
    done, due = 0, time.monotonic()
    tiles = Tile.objects.filter(campaign=campaign, role="pool").select_related("campaign__layer")
    for tile in tiles.order_by("-pk")[nth * 200 :].iterator(chunk_size=200):
        time.sleep(max(0.0, due - time.monotonic()))
        due += SAVERS / SAVES_A_SECOND
        if (folder / STOP).exists():
            break
        with transaction.atomic():
            label = Annotation.objects.create(tile=tile, annotator=author)
            parsed = parse_features(shape, tile_px=tile.px, class_codes=codes)
            seen = imagery_seen(campaign.layer, ())
            head = append_revision(label, parsed, author=author, seconds_spent=1.0, draft_model="", imagery_seen=seen)
            write_polygons(head, tile)
            label.state, label.submitted_at = Annotation.State.ACCEPTED, database_now()
            label.decided_at = label.submitted_at
            label.save()
        done += 1
    connection.close()
    return done


def main() -> None:
    """Do one of them; print what it took as JSON."""
    from learning.models import Release

    name, number, folder, labels = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    release = Release.objects.select_related("campaign__layer", "campaign__nomenclature").get(pk=number)
    import pyogrio  # noqa: F401 (a worker has these loaded)

    import learning.jobs.releases  # noqa: F401

    before, start = os.times(), time.perf_counter()
    rows = {"ours": ours, "orm": orm, "geoparquet": geoparquet, "save": save}[name](release, folder, labels)
    wall, after = time.perf_counter() - start, os.times()
    used = sum(after[:4]) - sum(before[:4])
    print(json.dumps({"rows": rows, "wall": wall, "cpu": used}), flush=True)


if __name__ == "__main__":
    main()
