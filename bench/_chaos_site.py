"""The real site for chaos_studio.py: its own database in the running PostgreSQL, its own folder, gunicorn."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

REPOSITORY = Path(__file__).resolve().parents[1]
FRONTEND = REPOSITORY / "frontend"
SLUG = "chaos"
TILE_PX = 128
PASSPHRASE = "a-long-passphrase"  # noqa: S105 of accounts that live as long as the bench


def database_url(name: str) -> str:
    """The address of a database beside the one that the environment or var/services.env names."""
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        lines = (REPOSITORY / "var" / "services.env").read_text().splitlines()
        url = next(line.partition("=")[2] for line in lines if line.startswith("DATABASE_URL="))
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def prepare_environment() -> None:
    """Set what Django reads when it loads; call before anything imports it."""
    os.environ["DATABASE_URL"] = database_url(f"solcommun_chaos_{os.getpid()}")
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright keeps an event loop in this thread
    os.environ["SOLCOMMUN_TEST_DATA_DIR"] = tempfile.mkdtemp(prefix="solcommun-chaos-")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for folder in ("platform", ".", "tests", "bench"):
        sys.path.insert(0, str(REPOSITORY / folder))


@contextmanager
def database() -> Iterator[None]:
    """A database of our own, migrated; gone afterwards."""
    import django

    django.setup()
    from django.db import connection
    from django.test.utils import setup_databases, teardown_databases

    old = setup_databases(verbosity=0, interactive=False)
    os.environ["DATABASE_URL"] = database_url(connection.settings_dict["NAME"])
    try:
        yield
    finally:
        with connection.cursor() as cursor:  # a request that was under way when the site stopped may still hold on
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
            )
        teardown_databases(old, verbosity=0)


def build(name: str, *options: str) -> Path:
    """The front end, built from its source into a folder of its own."""
    out = Path(os.environ["SOLCOMMUN_TEST_DATA_DIR"]) / f"dist-{name}"
    command = ["npx", "vite", "build", "--logLevel", "error", "--outDir", str(out), "--emptyOutDir", *options]
    subprocess.run(command, cwd=FRONTEND, check=True)
    return out


def open_campaign() -> Any:
    """A campaign on generated imagery, with tiles for every repeat; returns the imagery's layer."""
    import scenes

    layer, _truth = scenes.real_layer(Path(os.environ["SOLCOMMUN_TEST_DATA_DIR"]), "scene", size_px=2048)
    # Each person takes a tile, and another one ahead that they never come to.
    scenes.campaign(SLUG, layer=layer, tile_px=TILE_PX, first_round=150)
    return layer


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def site(dist: Path) -> Iterator[str]:
    """The site with one build of the studio; gives its address."""
    url = f"http://127.0.0.1:{_free_port()}"
    folder = Path(os.environ["SOLCOMMUN_TEST_DATA_DIR"])
    environment = os.environ | {
        "CHAOS_DIST": str(dist),
        "DJANGO_SETTINGS_MODULE": "_chaos_settings",
        "PYTHONPATH": os.pathsep.join(str(REPOSITORY / name) for name in ("platform", ".", "bench")),
        "WEB_CONCURRENCY": "1",
    }
    place = url.removeprefix("http://")
    command = [sys.executable, "-m", "gunicorn", "-c", "platform/setup/gunicorn.conf.py", "--bind", place]
    with (folder / f"site-{dist.name}.log").open("w") as log:
        server = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log)
        try:
            _wait_for(url, server)
            yield url
        finally:
            server.terminate()
            server.wait(30)


def _wait_for(url: str, server: subprocess.Popen[bytes], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/accounts/login/", timeout=5) as answer:  # noqa: S310 our own server
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"The site did not start: see the log in {os.environ['SOLCOMMUN_TEST_DATA_DIR']}")
