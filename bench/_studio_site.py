"""The site of studio.py on a database of its own, the tile that it is measured on, and the rival's page."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _studio_scene import coverage

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / name) for name in ("platform", "tests", ".")]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
# Scenes are made between two gestures, in the thread of the event loop; Django would refuse the database beside it.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
os.environ.setdefault("OMP_NUM_THREADS", "1")

LAYER_PX, TILE_PX, SUBPIXELS = 3072, 512, 8


@contextmanager
def site() -> Iterator[str]:
    """The site's address, on a database made for it and dropped after."""
    import django

    django.setup()
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.db import connection, connections
    from django.test.testcases import LiveServerThread
    from django.test.utils import setup_test_environment, teardown_test_environment

    setup_test_environment(debug=False)
    before = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"solcommun_bench_{os.getpid()}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    server = LiveServerThread("127.0.0.1", StaticFilesHandler)
    server.daemon = True
    server.start()
    server.is_ready.wait()
    if server.error:
        raise server.error
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.terminate()
        with connection.cursor() as cursor:  # the server's threads hold their connections a little longer
            cursor.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and usename = current_user and pid <> pg_backend_pid()"
            )
        connections.close_all()
        connection.creation.destroy_test_db(before, verbosity=0)
        teardown_test_environment()


def build_rival(folder: Path) -> None:
    """The rival's page, with the Leaflet that the studio is built with."""
    vite = REPOSITORY / "frontend" / "node_modules" / "vite" / "bin" / "vite.js"
    command = ["node", str(vite), "build", "--config", "bench/vite.config.ts", "--outDir", str(folder)]
    subprocess.run(command, cwd=REPOSITORY / "frontend", check=True, capture_output=True)


def label_whole_tile(campaign: Any, user: Any, count: int) -> dict[str, Any]:
    """Claims a tile and saves `count` polygons on it, both by the API; returns the tile."""
    from rest_framework.test import APIClient

    api = APIClient()
    api.force_login(user)
    claimed = api.post(f"/api/v1/campaigns/{campaign.slug}/claim/", {"ahead": False}, format="json").json()
    codes = [c["code"] for c in _campaign(api, campaign)["nomenclature"]["classes"] if c["selectable"]]
    features = coverage(side=TILE_PX * SUBPIXELS, count=count, codes=codes)
    body = {"operation_id": str(uuid.uuid4()), "features": features, "seconds_spent": 0, "draft_model": None}
    address = f"/api/v1/tiles/{claimed['tile']['id']}/annotation/"
    version = claimed["annotation"]["version"]
    answer = api.put(address, body, format="json", headers={"if-match": f'"{version}"'})
    if answer.status_code != 200:
        raise SystemExit(f"The scene was not saved: {answer.status_code} {answer.content[:500]!r}")
    found: dict[str, Any] = claimed["tile"]
    return found


def _campaign(api: Any, campaign: Any) -> Any:
    return api.get(f"/api/v1/campaigns/{campaign.slug}/").json()
