"""`make check-release` and OGC API Features: one that is as it says is right, one that is not is found out."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parents[3] / "bench"))
for package in ("geoparquet_validator", "mlcroissant", "pmtiles", "pyshacl", "stac_model", "schemathesis"):
    pytest.importorskip(
        package, reason="the validators of requirements/check.txt are not installed: make check-release"
    )

from _check_ogc import ogc_api  # noqa: E402 (what it imports is looked for first)

from learning.release.ogc_documents import GEOJSON, JSON, openapi  # noqa: E402

NO_SUCH = json.dumps({"code": "NotFound", "description": "There is nothing here."})


@contextmanager
def served(missing: tuple[str, str]) -> Iterator[str]:
    """A small API with one collection of one feature. Args: missing: media type and text of what is not there."""

    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            root = f"http://127.0.0.1:{self.server.server_port}/ogc/"  # type: ignore[attr-defined]
            place = {"type": "Point", "coordinates": [0.5, 43.7]}
            feature = {"type": "Feature", "id": "1.a", "geometry": place, "properties": {}, "links": []}
            collection = {"id": "camp.map", "links": []}
            known: dict[str, tuple[str, Any]] = {
                "/ogc/": (JSON, {"links": []}),
                "/ogc/api": (JSON, openapi(root, title="T", description="D", version="1", filters={})),
                "/ogc/conformance": (JSON, {"conformsTo": []}),
                "/ogc/collections": (JSON, {"links": [], "collections": [collection]}),
                "/ogc/collections/camp.map": (JSON, collection),
                "/ogc/collections/camp.map/items": (GEOJSON, {"type": "FeatureCollection", "features": [feature]}),
                "/ogc/collections/camp.map/items/1.a": (GEOJSON, feature),
            }
            found = known.get(self.path.partition("?")[0])
            kind, text = missing if found is None else (found[0], json.dumps(found[1]))
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(text.encode())

        def send_error(self, code: int, *_words: Any) -> None:
            self.send_response(405)
            self.send_header("Allow", "GET")
            self.end_headers()

        def log_message(self, *_words: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@pytest.mark.slow
def test_an_api_that_answers_as_its_document_says_is_right_and_one_that_answers_a_page_is_not() -> None:
    with served((JSON, NO_SUCH)) as url:
        found = list(ogc_api(url))
    assert {one.thing.partition(":")[0] for one in found if one.thing} == {"camp.map", "any collection"}
    assert len(found) > 6
    assert [one for one in found if one.errors] == []
    with served(("text/html", "<p>Nothing here</p>")) as url:
        wrong = [one for one in ogc_api(url) if one.errors]
    assert any("Content-Type" in error for one in wrong for error in one.errors)
