"""How long "next tile" takes as a campaign grows, and beside what other queues do.

    python bench/next_tile.py [--sizes 10000 1000000 5000000] [--clients 50] [--rate 10] [--seconds 12] [--rounds 2]

Boots by itself: a database of its own in the running PostgreSQL (durable commits as it is set up), and the real site
under gunicorn as in production. Each client is a signed-in person with 500 tiles done, who asks for the next tile over
HTTP with a session, permissions and the rest, and is through with it a moment later (what the submission writes to the
queue, done by SQL, not timed). A fifth of each campaign's queue has been done before, and nobody has swept: its entries
still lie in the index. Clients ask at a person's pace, together `--rate` times a second, whether answers come or not;
sizes are measured by turns, there and back again.

    claim_ms             median of a claim, 1 million tiles
    claim_alone_ms       the same of one person, with nobody beside them
    p50_ratio_1m, _5m    medians at 1 and 5 million tiles ÷ at 10 thousand
    held_snapshot_ratio  at 1 million, with a snapshot held open since --held claims ago ÷ without
    naive_ratio          median of a claim by ORDER BY score … FOR UPDATE under the same clients ÷ ours, at 1 million
    claims_per_s         as many as come through when nobody pauses
    save_ms              median of storing a polygon of 38 corners; printed beside a bare INSERT with a validity check

Checked in each run, or there are no figures: every answer is a tile, no tile is given twice, and none is passed over
for longer than other claims were under way.
"""

from __future__ import annotations

import argparse
import http.client
import json
import math
import os
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / name) for name in ("platform", "tests", "bench", ".")]
os.environ["DJANGO_SETTINGS_MODULE"] = "_next_tile_settings"
os.environ.setdefault("SOLCOMMUN_TEST_DATA_DIR", tempfile.mkdtemp(prefix="solcommun-queue-"))

from _next_tile_world import campaign_of, database, site  # noqa: E402 (the path must be set first)

TOKEN = "q" * 32
MILLION = 1_000_000


@dataclass
class Clients:
    """People who ask for tiles; what they were given and how long it took, in ms."""

    people: list[Any]
    cookies: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        from django.test import Client

        for person in self.people:
            browser = Client()
            browser.force_login(person)
            session = browser.cookies["sessionid"].value
            self.cookies.append(f"sessionid={session}; csrftoken={TOKEN}")

    def ask(self, port: int, slug: str, *, seconds: float, rate: float | None, least: int = 0) -> list[float]:
        """Claims for so long, together so often a second (without `rate`: each as soon as it can)."""
        guard, times, problems = threading.Lock(), list[float](), list[str]()
        period = len(self.people) / rate if rate else 0.0
        start = time.monotonic() + 0.5

        def work(number: int) -> None:
            due = start + period * number / len(self.people)
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
                asked = 0
                while time.monotonic() < start + seconds or asked < least:
                    time.sleep(max(0.0, due - time.monotonic()))
                    due = max(due + period, time.monotonic() if not rate else 0.0)
                    took, tile = self._claim(connection, number, slug)
                    asked += 1
                    finish(tile, self.people[number].pk)
                    with guard:
                        times.append(took)
            except BaseException as error:
                problems.append(f"{type(error).__name__}: {error}")
            finally:
                from django.db import connections

                connections.close_all()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(len(self.people))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if problems:
            raise SystemExit(f"{len(problems)} clients failed: {problems[0]}")
        return times

    def headers(self, number: int) -> dict[str, str]:
        """Of one client's requests."""
        return {"Cookie": self.cookies[number], "X-CSRFToken": TOKEN, "Content-Type": "application/json"}

    def _claim(self, connection: http.client.HTTPConnection, number: int, slug: str) -> tuple[float, int]:
        headers = self.headers(number)
        before = time.perf_counter()
        connection.request("POST", f"/api/v1/campaigns/{slug}/claim/", body=b'{"ahead": false}', headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        took = 1000 * (time.perf_counter() - before)
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {body[:300]!r}")
        return took, int(json.loads(body)["tile"]["id"])


def finish(tile: int, person: int) -> None:
    """What a submission writes to the queue."""
    from django.db import transaction

    from annotation.models import Tile
    from annotation.services.leases import finish_lease

    with transaction.atomic():
        if not finish_lease(tile=Tile(pk=tile), annotator=_person(person)):
            raise RuntimeError(f"tile {tile} was given to somebody else as well")


def _person(pk: int) -> Any:
    from django.contrib.auth import get_user_model

    return get_user_model()(pk=pk)


@contextmanager
def held_snapshot() -> Iterator[None]:
    """A transaction that has seen the queue as it is now and stays open, as an export's or a backup's."""
    import psycopg
    from django.db import connection

    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as held:
        held.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        held.execute("SELECT count(*) FROM annotation_queuemark")
        yield
        held.rollback()


def check_promises(campaign: Any, clients: int) -> None:
    """Raises SystemExit where a tile was given twice, or one passed over for longer than claims were under way."""
    from annotation.models import Lease

    leases = Lease.objects.filter(tile__campaign=campaign, ticket__rank__gte=campaign.first_rank)
    ranks = list(leases.order_by("granted_at").values_list("ticket__rank", flat=True))
    if len(set(ranks)) != len(ranks):
        raise SystemExit(f"{campaign}: a ticket was given twice")
    worst = max((abs(position - rank + campaign.first_rank) for position, rank in enumerate(ranks)), default=0)
    if worst > 2 * clients:
        raise SystemExit(f"{campaign}: a tile was given {worst} claims out of its turn")


def saves(port: int, clients: Clients, campaign: Any, count: int) -> tuple[list[float], list[float]]:
    """Times in ms of storing a polygon of 38 corners by the API, and of a bare INSERT of it that checks validity."""
    from django.db import connection

    ring = [
        [round(200 + 150 * math.cos(a)), round(200 + 150 * math.sin(a))]
        for a in (2 * math.pi * k / 38 for k in range(38))
    ]
    code = campaign.nomenclature.classes.filter(selectable=True).first().code
    wkt = "POLYGON((" + ", ".join(f"{x} {y}" for x, y in [*ring, ring[0]]) + "))"
    web = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    ours, bare = [], []
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bare (id bigserial PRIMARY KEY, shape geometry CHECK (ST_IsValid(shape)))")
        for _ in range(count):
            _took, tile = clients._claim(web, 0, campaign.slug)
            feature = {"id": "a", "class_code": code, "rings": [ring], "provenance": "drawn"}
            body = {"operation_id": str(uuid.uuid4()), "features": [feature], "seconds_spent": 1, "draft_model": None}
            headers = {
                **clients.headers(0), "If-Match": '"0"',
            }  # fmt: skip
            before = time.perf_counter()
            web.request("PUT", f"/api/v1/tiles/{tile}/annotation/", body=json.dumps(body), headers=headers)
            answer = web.getresponse()
            text = answer.read()
            ours.append(1000 * (time.perf_counter() - before))
            if answer.status != 200:
                raise SystemExit(f"A save was refused: {answer.status} {text[:300]!r}")
            finish(tile, clients.people[0].pk)
            before = time.perf_counter()
            cursor.execute("INSERT INTO bare (shape) VALUES (ST_GeomFromText(%s))", [wkt])
            bare.append(1000 * (time.perf_counter() - before))
    return ours, bare


def by_turns(sizes: list[int], rounds: int) -> list[int]:
    """There and back again, so that no size always comes after the same one."""
    return [size for nth in range(rounds) for size in (sizes if nth % 2 == 0 else reversed(sizes))]


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    import scenes

    from annotation.models import QueueMark

    people = [scenes.person(f"client-{number}") for number in range(arguments.clients)]
    clients = Clients(people)
    campaigns = {}
    for size in arguments.sizes:
        before = time.monotonic()
        campaigns[size] = campaign_of(size, people)
        campaigns[size].first_rank = QueueMark.objects.get(campaign=campaigns[size]).open_rank
        print(f"campaign of {size:,} tiles made in {time.monotonic() - before:.0f} s", flush=True)
    times: dict[Any, list[float]] = {size: [] for size in arguments.sizes}
    paced = {"seconds": arguments.seconds, "rate": arguments.rate}
    large = campaigns.get(MILLION) or campaigns[arguments.sizes[-1]]
    with site("config.wsgi:application", folder) as port:
        for campaign in campaigns.values():
            clients.ask(port, campaign.slug, seconds=2, rate=arguments.rate)  # connections and caches are warm
        for size in by_turns(arguments.sizes, 2 * arguments.rounds):
            times[size] += clients.ask(port, campaigns[size].slug, **paced)
        times["plain"] = clients.ask(port, large.slug, **paced)
        with held_snapshot():
            busy = clients.ask(port, large.slug, seconds=arguments.held, rate=None)
            times["held"] = clients.ask(port, large.slug, **paced)
        times["plain"] += clients.ask(port, large.slug, **paced)
        times["alone"] = Clients(people[:1]).ask(port, large.slug, seconds=arguments.seconds, rate=5)
        rush = clients.ask(port, large.slug, seconds=10, rate=None)
        ours, bare = saves(port, clients, large, arguments.saves)
        for campaign in campaigns.values():
            check_promises(campaign, arguments.clients)
    print(f"{len(busy)} claims while a snapshot was held before it was measured", flush=True)
    with site("_next_tile_naive:application", folder) as port:
        times["naive"] = clients.ask(port, large.slug, seconds=1, rate=arguments.rate, least=1)
    return {"times": times, "rush": len(rush) / 10, "save": ours, "bare": bare}


def main() -> None:
    """Measure, print the table and the line of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, MILLION, 5 * MILLION])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--rate", type=float, default=10.0, help="claims a second, of all clients together")
    parser.add_argument("--seconds", type=float, default=12.0, help="of each turn")
    parser.add_argument("--rounds", type=int, default=2, help="turns there and back")
    parser.add_argument("--held", type=float, default=30.0, help="seconds of claims under the held snapshot")
    parser.add_argument("--saves", type=int, default=100)
    arguments = parser.parse_args()
    with database(), tempfile.TemporaryDirectory() as folder:
        found = measure(arguments, Path(folder))
    times = {name: statistics.median(values) for name, values in found["times"].items()}
    print(f"\n{'claims at':>12}{'claims':>9}{'median':>10}{'p95':>10}{'max':>10}  (ms)")
    for name, values in found["times"].items():
        ordered = sorted(values)
        row = (statistics.median(values), ordered[int(0.95 * len(ordered))], ordered[-1])
        print(f"{name:>12}{len(values):>9}" + "".join(f"{value:10.1f}" for value in row))
    save, bare = (statistics.median(found[name]) for name in ("save", "bare"))
    print(
        f"\nsave of 38 corners {save:.1f} ms: {save / bare:.1f} × a bare INSERT with a validity check ({bare:.2f} ms)"
    )
    print(
        "recorded elsewhere, same kind of machine: Label Studio 1.23.2 412 ms at 100,000 tasks, 3,846 ms at 1,000,000"
    )
    least, *_ = arguments.sizes
    ratio = {size: round(times[size] / times[least], 2) for size in arguments.sizes}
    figures = {
        "p50_ratio_1m": ratio.get(MILLION), "p50_ratio_5m": ratio.get(5 * MILLION),
        "held_snapshot_ratio": round(times["held"] / times["plain"], 2),
        "naive_ratio": round(times["naive"] / times["plain"]), "claim_ms": round(times["plain"], 1),
        "claim_alone_ms": round(times["alone"], 1),
        "save_ms": round(save, 1), "claims_per_s": round(found["rush"]),
    }  # fmt: skip
    print("FIGURES " + json.dumps(figures))


if __name__ == "__main__":
    main()
