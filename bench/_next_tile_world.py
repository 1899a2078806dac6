"""Campaigns of any size in a database of their own, and the real site on it, for next_tile.py."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
TILE_PX = 64
DONE_BY_EACH = 500
CONSUMED = 0.2

# Bulk forms of what opening a round writes: the same rows, a few minutes instead of an hour.
TILES = """
INSERT INTO annotation_tile (campaign_id, row, col, role, state, priority, footprint)
SELECT %(campaign)s, n / %(cols)s, n %% %(cols)s, 'pool', 'open', 1.0 - n / %(count)s::float,
       ST_SetSRID(ST_MakeEnvelope(0.0001 * (n %% %(cols)s), 0.0001 * (n / %(cols)s),
                                  0.0001 * (n %% %(cols)s + 1), 0.0001 * (n / %(cols)s + 1)), 4326)
FROM generate_series(0, %(count)s - 1) AS n
ON CONFLICT DO NOTHING
"""
TICKETS = """
INSERT INTO annotation_ticket (campaign_id, round_id, rank, tile_id, slot, slots, kind, score, regions, state)
SELECT %(campaign)s, %(round)s, row_number() OVER (ORDER BY row, col) - 1, id, 0, 1, 'uncertainty',
       1.0 - (row_number() OVER (ORDER BY row, col)) / %(count)s::float, '[]', 'open'
FROM annotation_tile WHERE campaign_id = %(campaign)s AND role = 'pool'
"""
DONE = """
INSERT INTO annotation_lease (token, tile_id, annotator_id, purpose, ticket_id, state, ahead, granted_at, expires_at,
                              release_reason, comment)
SELECT gen_random_uuid(), t.tile_id, %(person)s, 'draw', t.id, 'done', false, now(), now(), '', ''
FROM annotation_ticket t
WHERE t.campaign_id = %(campaign)s AND t.rank %% %(people)s = %(nth)s AND t.state = 'done'
ORDER BY t.rank LIMIT %(done)s
"""


@contextmanager
def database() -> Iterator[None]:
    """A database of our own, migrated; gone afterwards."""
    import django

    django.setup()
    from django.db import connection
    from django.test.utils import setup_databases, teardown_databases

    old = setup_databases(verbosity=0, interactive=False)
    with connection.cursor() as cursor:
        # No claim reads or writes it, and five million footprints would take minutes to put in.
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE tablename = 'annotation_tile' AND indexdef LIKE '%USING gist%'"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f'DROP INDEX "{name}"')
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
            )
        teardown_databases(old, verbosity=0)


def campaign_of(count: int, people: list[Any]) -> Any:
    """An open campaign with `count` queued tiles, the first fifth of them done, each person having done 500."""
    import scenes
    from django.db import connection, transaction

    from annotation.models import QueueMark, QueueRound, Ticket
    from annotation.services import queue

    side = int(count**0.5) + 2
    layer = scenes.virtual_layer(f"layer-{count}", width=side * TILE_PX, height=side * TILE_PX)
    made = scenes.campaign(f"of-{count}", layer=layer, tile_px=TILE_PX, control_share=0.0, first_round=1)
    Ticket.objects.filter(campaign=made).delete()
    queue_round = QueueRound.objects.get(campaign=made, closed_at__isnull=True)
    values = {"campaign": made.pk, "round": queue_round.pk, "count": count, "cols": side}
    consumed = int(CONSUMED * count)
    with connection.cursor() as cursor:
        cursor.execute(TILES, values)
        cursor.execute(TICKETS, values)
        # One by one in life; here at once. Every one of them leaves a dead entry, and nobody has swept.
        cursor.execute(
            "UPDATE annotation_ticket SET state = 'done' WHERE campaign_id = %s AND rank < %s", [made.pk, consumed]
        )
        for nth, person in enumerate(people):
            done = {"person": person.pk, "nth": nth, "people": len(people), "done": DONE_BY_EACH}
            cursor.execute(DONE, values | done)
        for table in ("annotation_tile", "annotation_ticket", "annotation_lease"):
            cursor.execute(f"ANALYZE {table}")
    QueueMark.objects.filter(campaign=made).update(open_rank=0)
    with_mark = Ticket.objects.filter(campaign=made, state="open").order_by("rank").first()
    assert with_mark is not None
    with transaction.atomic():
        queue._move_mark(with_mark)
    return made


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def site(application: str, folder: Path) -> Iterator[int]:
    """The site under gunicorn as in production; gives its port."""
    from django.db import connection

    port = _free_port()
    name = connection.settings_dict["NAME"]
    environment = os.environ | {
        "DATABASE_URL": address(name),
        "DJANGO_SETTINGS_MODULE": "_next_tile_settings",
        "PYTHONPATH": os.pathsep.join(str(REPOSITORY / part) for part in ("platform", ".", "bench")),
        "STATEMENT_TIMEOUT_MS": "0",
    }
    command = [
        sys.executable, "-m", "gunicorn", "-c", "platform/setup/gunicorn.conf.py", "--access-logfile", "/dev/null",
        "--timeout", "600", "--bind", f"127.0.0.1:{port}", application,
    ]  # fmt: skip
    with (folder / f"{application.partition(':')[0]}.log").open("w") as log:
        server = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log)
        try:
            _wait_for(port, server, Path(log.name))
            yield port
        finally:
            server.terminate()
            server.wait(timeout=30)


def address(name: str) -> str:
    """The database's address with another name."""
    from urllib.parse import urlsplit, urlunsplit

    url = os.environ.get("DATABASE_URL", "")
    if not url:
        lines = (REPOSITORY / "var" / "services.env").read_text().splitlines()
        url = next(line.partition("=")[2] for line in lines if line.startswith("DATABASE_URL="))
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(150):
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"The site did not start:\n{log.read_text()[-2000:]}")
