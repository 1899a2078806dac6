"""What it takes to publish half a million polygons, beside what others take for the same rows.

    python bench/release.py [--polygons 500000] [--orm-polygons 20000] [--rounds 1] [--ogr2ogr PATH]

Boots by itself: a database of its own in the running PostgreSQL, filled by COPY from a printed seed (polygons clustered
by tile, about 38 corners, some with holes, two in five bent so that GEOS must judge them). A release is frozen in one
transaction; from then on five people save, hand in and accept 50 labels a second until all is measured. By turns, there
and back again, each in a process of its own:

    ours      GeoParquet and GeoPackage as a release has them: validity, classes, order and grid checked
    ogr2ogr   GeoPackage, unchecked, of the same rows and columns in the same order, and from it a GeoParquet by pyogrio
              and pyarrow, batch by batch; left out where there is no ogr2ogr. The GeoPackage alone is printed too
    orm       GeoPackage alone, unchecked: the ORM's objects into a GeoDataFrame; of so many polygons, scaled to all

    orm_speedup      time of orm, scaled ÷ ours
    ogr2ogr_speedup  time of ogr2ogr and of its GeoParquet ÷ ours
    memory_ratio     most memory of orm, scaled in a line through two sizes ÷ ours, all processes added

Checked, or there are no figures: both of our files hold exactly the rows of the release, by a hash over the sorted rows
of the table and of each file; they are the same bytes in each turn; nothing saved meanwhile is among them. Processor
time, ours, theirs and the database's, is printed beside.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / name) for name in ("platform", "tests", "bench", ".")]
os.environ["DJANGO_SETTINGS_MODULE"] = "_next_tile_settings"
os.environ.setdefault("SOLCOMMUN_TEST_DATA_DIR", tempfile.mkdtemp(prefix="solcommun-release-"))

from _next_tile_world import address, database  # noqa: E402 (the path must be set first)
from _release_world import SAVERS  # noqa: E402

TASKS = str(REPOSITORY / "bench" / "_release_tasks.py")
SAME_ROWS = """
SELECT l.annotation_id::text AS annotation_id, l.revision_id::text AS revision_id, r.number AS revision_number,
    l.tile_id::text AS tile_id, l.tile_row, l.tile_col, l.role, f.feature_id, f.class_code,
    c.name->>'fr' AS class_fr, c.name->>'en' AS class_en, n.code AS nomenclature, n.version AS nomenclature_version,
    y.vintage, l.image_date, f.provenance, a.state, l.reviewed_on, p.public_id AS contributor_id, l.licence, f.geometry
FROM learning_releasedlabel l
JOIN annotation_annotatedfeature f ON f.revision_id = l.revision_id
JOIN annotation_annotationrevision r ON r.id = l.revision_id
JOIN annotation_annotation a ON a.id = l.annotation_id
JOIN annotation_contributor p ON p.user_id = a.annotator_id
JOIN learning_release e ON e.id = l.release_id
JOIN annotation_campaign g ON g.id = e.campaign_id
JOIN annotation_imagerylayer y ON y.id = g.layer_id
JOIN annotation_nomenclature n ON n.id = g.nomenclature_id
JOIN annotation_nomenclatureclass c ON c.nomenclature_id = n.id AND c.code = f.class_code
WHERE l.release_id = {release}
ORDER BY l.tile_row, l.tile_col, l.annotation_id::text COLLATE "C", f.feature_id COLLATE "C"
"""
TABLE = """
COPY (SELECT f.revision_id::text, f.feature_id, f.class_code, f.provenance,
             ST_AsBinary(ST_ForcePolygonCCW(f.geometry), 'NDR')
      FROM learning_releasedlabel l JOIN annotation_annotatedfeature f ON f.revision_id = l.revision_id
      WHERE l.release_id = {release}) TO STDOUT (FORMAT BINARY)
"""


def main() -> None:
    """Measure, check, print the table and the line of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--polygons", type=int, default=500_000)
    parser.add_argument("--orm-polygons", type=int, default=20_000, help="of the rival by the ORM; thrice as many once")
    parser.add_argument("--rounds", type=int, default=1, help="turns there and back")
    parser.add_argument("--ogr2ogr", default=os.environ.get("OGR2OGR") or shutil.which("ogr2ogr"))
    arguments = parser.parse_args()
    with database(), tempfile.TemporaryDirectory(prefix="solcommun-release-") as folder:
        measure(Path(folder), arguments)


def measure(folder: Path, arguments: argparse.Namespace) -> None:
    """All of it, on a world of its own."""
    import _release_world
    from django.db import connection

    from learning.services.release_freeze import freeze_release
    from learning.services.releases import start_release

    start = time.perf_counter()
    campaign = _release_world.write(arguments.polygons)
    print(f"seed {_release_world.SEED}: {arguments.polygons} polygons in {time.perf_counter() - start:.0f} s")
    start_release(campaign=campaign, actor=None)
    start = time.perf_counter()
    release = freeze_release(release=campaign.releases.get())
    labels = release.labels.count()
    print(f"frozen: {labels} labels in {time.perf_counter() - start:.1f} s")
    os.environ["DATABASE_URL"] = address(connection.settings_dict["NAME"])
    some = labels * arguments.orm_polygons // arguments.polygons
    turns = ["ours", "ogr2ogr", "orm"] if arguments.ogr2ogr else ["ours", "orm"]
    took: dict[str, list[dict[str, Any]]] = {}
    with saving(release, folder) as saved:
        for nth, name in enumerate((turns + turns[::-1]) * arguments.rounds):
            into = folder / f"{nth}"
            into.mkdir()
            took.setdefault(name, []).append(turn(name, release, into, some, arguments.ogr2ogr))
            if name == "ogr2ogr":
                took.setdefault("geoparquet", []).append(turn("geoparquet", release, into, 0, None))
            if name != "ours":
                shutil.rmtree(into)
        big = turn("orm", release, folder / "big", 3 * some, arguments.ogr2ogr)
    check(release, folder, arguments.polygons, saved)
    report(took, big, arguments.polygons, with_ogr2ogr=bool(arguments.ogr2ogr))


def turn(name: str, release: Any, into: Path, labels: int, ogr2ogr: str | None) -> dict[str, Any]:
    """One turn of one of them, in a process of its own."""
    command = [sys.executable, TASKS, name, str(release.pk), str(into), str(labels)]
    if name == "ogr2ogr":
        command = by_ogr2ogr(release, into, str(ogr2ogr))
    database_before, before, start = postgres_seconds(), os.times(), time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peaks: dict[int, float] = {}
    watcher = threading.Thread(target=watch, args=(process.pid, peaks))
    watcher.start()
    said, complaints = process.communicate()
    watcher.join()
    wall, after = time.perf_counter() - start, os.times()
    if process.returncode:
        raise SystemExit(f"{name} ended with {process.returncode}: {complaints[-600:]}")
    if name == "ogr2ogr":
        import pyogrio

        used = after.children_user + after.children_system - before.children_user - before.children_system
        made = {"rows": pyogrio.read_info(into / "annotations.gpkg")["features"], "wall": wall, "cpu": used}
    else:
        made = json.loads(said.splitlines()[-1])
    made |= {"database": postgres_seconds() - database_before, "mib": sum(peaks.values())}
    print(
        f"  {name:10} {made['rows']:7} rows {made['wall']:6.1f} s, processor {made['cpu']:5.1f} s"
        f" + database {made['database']:4.1f} s, {made['mib']:5.0f} MiB",
        flush=True,
    )
    return made


def watch(root: int, peaks: dict[int, float]) -> None:
    """The most memory, in MiB, of a process and of each it starts, until it ends.

    Not `ru_maxrss`: a new process has that of the one it was forked from.
    """
    while True:
        waiting = [root]
        for pid in waiting:
            try:
                waiting += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            if "VmHWM:" in status:
                peaks[pid] = int(status.partition("VmHWM:")[2].split()[0]) / 1024
        if _state(root) in ("", "Z"):
            return
        time.sleep(0.05)


def _state(pid: int) -> str:
    with contextlib.suppress(OSError):
        return _stat(pid)[0]
    return ""


def by_ogr2ogr(release: Any, into: Path, ogr2ogr: str) -> list[str]:
    """The command of GDAL's own tool, from PostgreSQL to a GeoPackage."""
    from django.db import connection

    known = connection.get_connection_params()
    parts = [f"{key}={known[key]}" for key in ("dbname", "host", "port", "user", "password") if known.get(key)]
    return [
        ogr2ogr, "-f", "GPKG", str(into / "annotations.gpkg"), "PG:" + " ".join(parts), "-sql",
        SAME_ROWS.format(release=release.pk), "-nln", "annotations", "-nlt", "POLYGON", "-a_srs",
        release.campaign.layer.crs,
    ]  # fmt: skip


@contextlib.contextmanager
def saving(release: Any, folder: Path) -> Iterator[dict[str, float]]:
    """While the block runs, a process writes labels; how many, and how many a second, is there afterwards."""
    into = folder / "saving"
    into.mkdir()
    command = [sys.executable, TASKS, "save", str(release.pk), str(into), "0"]
    saved: dict[str, float] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        try:
            NOT_COUNTED.update(json.loads(writer.stdout.readline())["backend"] for _saver in range(SAVERS))
            yield saved
        finally:
            (into / "stop").touch()
        last = json.loads(writer.stdout.read().splitlines()[-1])
    saved["saves"], saved["a_second"] = last["rows"], last["rows"] / last["wall"]


NOT_COUNTED: set[int] = set()


def postgres_seconds() -> float:
    """Processor time of the database's processes so far but for the writers'; 0 where the system does not say."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        own = int(cursor.fetchone()[0])
    with contextlib.suppress(OSError):
        postmaster = int(_stat(own)[1])
        ticks = sum(int(part) for part in _stat(postmaster)[11:15])
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and int(entry.name) not in NOT_COUNTED:
                    found = _stat(int(entry.name))
                    ticks += sum(int(part) for part in found[11:13]) if int(found[1]) == postmaster else 0
        return ticks / os.sysconf("SC_CLK_TCK")
    return 0.0


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def check(release: Any, folder: Path, polygons: int, saved: dict[str, float]) -> None:
    """Hold both files against the table."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import pyogrio
    from django.db import connection

    with connection.cursor() as cursor:
        with cursor.copy(TABLE.format(release=release.pk)) as copy:
            copy.set_types(["text", "text", "text", "text", "bytea"])
            wanted, count = hash_of(copy.rows())
        cursor.execute("SELECT count(*) FROM annotation_annotation WHERE state = 'accepted'")
        accepted = cursor.fetchone()[0]
    assert count == polygons, f"{count} polygons are in the release, {polygons} were made"
    assert saved["saves"] > 0 and accepted == release.labels.count() + saved["saves"]
    files = sorted(folder.glob("*/annotations/annotations.*"))
    columns = ["revision_id", "feature_id", "class_code", "provenance"]
    digests = {path.suffix: set[str]() for path in files}
    for path in files:
        digests[path.suffix].add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert all(len(found) == 1 for found in digests.values()), "two turns wrote other bytes"
    for path in files[:2]:
        if path.suffix == ".gpkg":
            table = pyogrio.read_arrow(path, columns=columns)[1]
            table = table.rename_columns([{"geom": "geometry"}.get(name, name) for name in table.column_names])
        else:
            table = pq.read_table(path, columns=[*columns, "geometry"])
        batches = pa.Table.to_batches(table.select([*columns, "geometry"]), max_chunksize=20_000)
        found, rows = hash_of(row for batch in batches for row in zip(*batch.to_pydict().values(), strict=True))
        assert (found, rows) == (wanted, polygons), f"{path.name} holds other rows than the table"
    print(
        f"checked: both files hold the table's {polygons} rows ({wanted[:16]}…), the same bytes in each turn; of the"
        f" {saved['saves']:.0f} labels saved and accepted meanwhile ({saved['a_second']:.0f} a second) none is in them"
    )


def hash_of(rows: Iterable[tuple[Any, ...]]) -> tuple[str, int]:
    """SHA-256 over the sorted digests of the rows, and how many there are."""
    found = sorted(hashlib.sha256("|".join(texts).encode() + b"|" + bytes(shape)).digest() for *texts, shape in rows)
    return hashlib.sha256(b"".join(found)).hexdigest(), len(found)


def report(took: dict[str, list[dict[str, Any]]], big: dict[str, Any], polygons: int, *, with_ogr2ogr: bool) -> None:
    """The table and the figures."""

    def middle(name: str, what: str) -> float:
        return statistics.median(one[what] for one in took[name])

    small = took["orm"][0]["rows"]
    scale = polygons / small
    slope = (big["mib"] - middle("orm", "mib")) / (big["rows"] - small)
    orm_mib = big["mib"] + slope * (polygons - big["rows"])
    print(f"orm: {big['rows']} rows take {big['wall'] / middle('orm', 'wall') * small / big['rows']:.2f} as long a row")
    processor = {name: middle(name, "cpu") + middle(name, "database") for name in took}
    processor["orm"] *= scale
    both = middle("ogr2ogr", "wall") + middle("geoparquet", "wall") if with_ogr2ogr else None
    if with_ogr2ogr:
        print(f"ogr2ogr's GeoPackage alone ÷ both of ours: {middle('ogr2ogr', 'wall') / middle('ours', 'wall'):.2f}")
        processor["ogr2ogr"] += processor.pop("geoparquet")
    shown = {name: spent / processor["ours"] for name, spent in processor.items() if name != "ours"}
    print("processor time ÷ ours: " + ", ".join(f"{name} {ratio:.1f}" for name, ratio in shown.items()))
    print(f"memory of orm in a line to all rows: {orm_mib:.0f} MiB")
    if not with_ogr2ogr:
        print("ogr2ogr: not measured, there is none on PATH; give OGR2OGR=")
    figures = {
        "orm_speedup": round(middle("orm", "wall") * scale / middle("ours", "wall"), 1),
        "ogr2ogr_speedup": round(both / middle("ours", "wall"), 2) if both else None,
        "memory_ratio": round(orm_mib / middle("ours", "mib"), 2),
    }
    print("FIGURES " + json.dumps(figures))


if __name__ == "__main__":
    main()
