"""Open data read by a page of another site, in a real browser: what it may read, and what the browser keeps from it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from scenes import labelled_scene

from annotation.jobs.registry import run_job
from learning.services.releases import start_release

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

#: What a STAC browser does: walks from the root to a file, reads a part of it, and asks again whether it changed.
WALK = """async (root) => {
  const read = async (address) => (await fetch(address)).json();
  const child = (thing) => thing.links.find(({ rel }) => rel === 'child').href;
  const release = await read(child(await read(child(await read(root)))));
  const own = child(release);
  const whole = await fetch(own);
  const part = await fetch(own, { headers: { Range: 'bytes=0-9' } });
  const again = await fetch(own, { headers: { 'If-None-Match': whole.headers.get('ETag') }, cache: 'no-store' });
  return { version: release.version, own, status: [whole.status, part.status, again.status],
           range: part.headers.get('Content-Range'), text: await part.text() };
}"""
REFUSED = """async (address) => {
  try { return `read: ${(await fetch(address)).status}`; } catch (error) { return error.name; }
}"""


class Elsewhere(BaseHTTPRequestHandler):
    """A page of another site, empty."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>A STAC browser</title>")

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_a_page_of_another_site_walks_the_catalogue_and_reads_files_and_nothing_else(
    server: Any, open_page: Any, elsewhere: str, tmp_path: Path
) -> None:
    scene = labelled_scene(tmp_path, "ailleurs", pool_tiles=2)
    assert run_job(str(start_release(campaign=scene.campaign, actor=None).id))
    page = open_page()
    page.goto(elsewhere)
    assert server.url not in elsewhere, "another origin"
    found = page.evaluate(WALK, f"{server.url}/stac/catalog.json")
    assert found["own"] == f"{server.url}/releases/ailleurs-0.1.0/files/catalog.json"
    assert (found["version"], found["status"]) == ("0.1.0", [200, 206, 304])
    assert found["range"].startswith("bytes 0-9/") and len(found["text"]) == 10
    for closed in ("/api/v1/campaigns/", "/releases/", "/accounts/login/"):
        assert page.evaluate(REFUSED, f"{server.url}{closed}") == "TypeError", closed
