"""A site that serves the files of a release with ranges and strong ETags, and misbehaves as it is told."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Fault = dict[str, Any]


def write_release(root: Path, files: dict[str, bytes], version: str = "1.0.0") -> str:
    """A folder with these files, their manifest and sums; returns the manifest's digest."""
    rows = []
    for path, content in sorted(files.items()):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
        rows.append({"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()})
    head = {"format": "solcommun-release-manifest", "format_version": 1, "version": version}
    raw = json.dumps({**head, "files": rows}).encode()
    (root / "manifest.json").write_bytes(raw)
    digest = hashlib.sha256(raw).hexdigest()
    lines = sorted([*((row["path"], row["sha256"]) for row in rows), ("manifest.json", digest)])
    (root / "SHA256SUMS").write_text("".join(f"{sha}  {path}\n" for path, sha in lines))
    return digest


@dataclass
class ReleaseSite:
    """Serves `root` under /releases/r-1.0.0/files/, and under / for catalogues.

    `faults` of a path are met one by one, then the file is served.

    A fault: {"status": 429, "headers": {…}}, {"cut_after": bytes}, {"body": other bytes}.
    """

    root: Path
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    asked: list[tuple[str, str | None, str | None, int]] = field(default_factory=list)  # path, Range, If-Range, status
    port: int = 0
    busiest: int = 0
    busy: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/releases/r-1.0.0/"

    def asked_for(self, path: str) -> list[tuple[str | None, str | None, int]]:
        """(Range, If-Range, status) of each request for a file."""
        return [(span, tag, status) for name, span, tag, status in self.asked if name == path]


@contextmanager
def release_site(root: Path) -> Iterator[ReleaseSite]:
    site = ReleaseSite(root)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            with site.lock:
                site.busy += 1
                site.busiest = max(site.busiest, site.busy)
            try:
                serve(self, site)
            finally:
                with site.lock:
                    site.busy -= 1

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


def serve(handler: BaseHTTPRequestHandler, site: ReleaseSite) -> None:
    path = handler.path.removeprefix("/releases/r-1.0.0/files").lstrip("/")
    span, tag = handler.headers.get("Range"), handler.headers.get("If-Range")
    with site.lock:
        faults = site.faults.get(path, [])
        fault = faults.pop(0) if faults else {}
    status, headers, body = answer(site.root / path, fault, span, tag)
    site.asked.append((path, span, tag, status))
    handler.send_response(status)
    for name, value in {**headers, **fault.get("headers", {}), "Content-Length": str(len(body))}.items():
        handler.send_header(name, value)
    handler.end_headers()
    cut = fault.get("cut_after")
    handler.wfile.write(body if cut is None else body[:cut])
    if cut is not None:
        handler.close_connection = True


def answer(file: Path, fault: Fault, span: str | None, tag: str | None) -> tuple[int, dict[str, str], bytes]:
    if "status" in fault:
        return fault["status"], {}, b"no"
    if not file.is_file():
        return 404, {}, b"no"
    body = fault.get("body", file.read_bytes())
    etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    found = re.fullmatch(r"bytes=(\d+)-", span or "")
    if found and tag in (None, etag):
        start = int(found.group(1))
        if start >= len(body):
            return 416, {"Content-Range": f"bytes */{len(body)}"}, b""
        return 206, {"ETag": etag, "Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}, body[start:]
    return 200, {"ETag": etag}, body
