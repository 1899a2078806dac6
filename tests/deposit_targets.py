"""Zenodo (InvenioRDM), data.gouv.fr (udata) and the Hugging Face Hub, as far as a deposit speaks to them.

Written as we know them, then held against their makers' code (named in the module of each target) for addresses, fields
and choices; what it does not show, such as states and wordings of refusals, is our reading. Nothing here was compared
with answers of the real sites. Every request is kept as it came, and any may be met by a fault first.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

T = TypeVar("T", bound="Target")
TOKEN = "secret-token-7f3a"


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    status: int = 0
    port: int = 0

    def json(self) -> Any:
        return json.loads(self.body)


class Refusal(Exception):
    def __init__(self, status: int, said: str = "no") -> None:
        super().__init__(said)
        self.status = status


Answer = tuple[int, Any]


@dataclass
class Target:
    """What the three have in common. `faults` hold (pattern of "METHOD path", fault); each is met once.

    A fault: {"status": 429, "retry_after": "0"}, {"cut": "before"} (the request is not done), {"cut": "after"} (it is
    done, and the answer lost).
    """

    requests: list[Request] = field(default_factory=list)
    faults: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    port: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def changes(self) -> list[Request]:
        """Requests that changed something: those that were done."""
        asked = ("/paths-info/",)
        return [
            r for r in self.requests if r.method != "GET" and r.status < 400 and not any(a in r.path for a in asked)
        ]

    def answer(self, request: Request) -> Answer:
        raise NotImplementedError


class Zenodo(Target):
    """An InvenioRDM. Search looks at drafts as well, and a published draft is a record."""

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[str, dict[str, Any]] = {}

    def answer(self, request: Request) -> Answer:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Refusal(401, "The server could not verify that you are authorized")
        assert request.headers["Accept"] == "application/vnd.inveniordm.v1+json"
        path, method = request.path, request.method
        if (method, path) == ("GET", "/api/user/records"):
            wanted = re.fullmatch(r'metadata\.identifiers\.identifier:"(.+)"', request.query["q"][0])
            assert wanted is not None
            hits = [r for r in self.records.values() if wanted[1] in named(r)]
            return 200, {"hits": {"hits": [self.shown(record) for record in hits], "total": len(hits)}}
        if (method, path) == ("POST", "/api/records"):
            return 201, self.shown(self.new(request.json(), parent=None))
        found = re.fullmatch(r"/api/records/([a-z0-9-]+)(/.*)?", path)
        record = self.records.get(found[1]) if found else None
        if found is None or record is None:
            raise Refusal(404)
        return self.on_record(method, found[2] or "", record, request)

    def on_record(self, method: str, rest: str, record: dict[str, Any], request: Request) -> Answer:
        if (method, rest) == ("GET", ""):
            if not record["is_published"]:
                raise Refusal(404, "The persistent identifier is not registered.")
            return 200, self.shown(record)
        if (method, rest) == ("POST", "/versions"):
            if not record["is_published"]:
                raise Refusal(404)
            drafts = [r for r in self.records.values() if r["parent"] == record["parent"] and not r["is_published"]]
            return 201, self.shown(drafts[0] if drafts else self.new({"metadata": {}}, parent=record["parent"]))
        if not rest.startswith("/draft") or record["is_published"]:
            raise Refusal(404)
        if (method, rest) == ("PUT", "/draft"):
            record["metadata"] = request.json()["metadata"]
            return 200, self.shown(record)
        if (method, rest) == ("POST", "/draft/actions/publish"):
            return self.publish(record)
        return self.on_file(method, rest.removeprefix("/draft/files"), record, request)

    def publish(self, record: dict[str, Any]) -> Answer:
        required = ("resource_type", "title", "creators", "publication_date")
        lacking = [name for name in required if not record["metadata"].get(name)]
        waiting = [key for key, file in record["files"].items() if file["status"] != "completed"]
        if lacking or waiting or not record["files"]:
            raise Refusal(400, f"A validation error occurred. {lacking} {waiting}")
        record["is_published"] = True
        return 202, self.shown(record)

    def on_file(self, method: str, rest: str, record: dict[str, Any], request: Request) -> Answer:
        files = record["files"]
        if (method, rest) == ("POST", ""):
            for entry in request.json():
                if entry["key"] in files:
                    raise Refusal(400, f"File with key {entry['key']} already exists.")
                files[entry["key"]] = {"key": entry["key"], "status": "pending"}
            return 201, {"entries": [without_content(file) for file in files.values()]}
        found = re.fullmatch(r"/([^/]+)(/content|/commit)?", rest)
        file = files.get(unquote(found[1])) if found else None
        if found is None or file is None:
            raise Refusal(404)
        if (method, found[2]) == ("GET", None):
            return 200, without_content(file)
        if (method, found[2]) == ("DELETE", None):
            del files[file["key"]]
            return 204, None
        if (method, found[2]) == ("PUT", "/content"):
            if file["status"] == "completed" or request.headers["Content-Type"] != "application/octet-stream":
                raise Refusal(403)
            file["content"] = request.body
            return 200, {"key": file["key"], "status": "pending"}
        if (method, found[2]) == ("POST", "/commit") and "content" in file:
            file["status"], file["checksum"] = "completed", f"md5:{md5_of(file['content'])}"
            file["size"] = len(file["content"])
            return 200, without_content(file)
        raise Refusal(400, "no content")

    def new(self, content: dict[str, Any], parent: str | None) -> dict[str, Any]:
        name = f"abcde-{len(self.records):05d}"
        record = {"id": name, "parent": parent or f"p-{name}", "metadata": content["metadata"], "files": {}}
        self.records[name] = record | {"is_published": False}
        return self.records[name]

    def shown(self, record: dict[str, Any]) -> dict[str, Any]:
        name, published = record["id"], record["is_published"]
        page = f"{self.origin}/{'records' if published else 'uploads'}/{name}"
        pids = {"doi": {"identifier": f"10.5281/zenodo.{name}", "provider": "datacite"}} if published else {}
        kept = {"id": name, "is_published": published, "metadata": record["metadata"], "pids": pids}
        return {**kept, "links": {"self_html": page}, "parent": {"id": record["parent"]}}


def md5_of(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def without_content(file: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in file.items() if name != "content"}


def named(record: dict[str, Any]) -> list[str]:
    return [item["identifier"] for item in record["metadata"].get("identifiers", [])]


class DataGouv(Target):
    """A udata: datasets of an organisation with resources."""

    def __init__(self) -> None:
        super().__init__()
        self.datasets: dict[str, dict[str, Any]] = {}

    def answer(self, request: Request) -> Answer:
        if request.headers.get("X-API-KEY") != TOKEN:
            raise Refusal(401, "Invalid API Key")
        method, path = request.method, request.path
        if (method, path) == ("GET", "/api/1/datasets/"):
            tag, organisation = request.query["tag"][0], request.query["organization"][0]
            rows = [d for d in self.datasets.values() if tag in d["tags"] and d["organization"] == organisation]
            return 200, {"data": rows, "total": len(rows)}
        if (method, path) == ("POST", "/api/1/datasets/"):
            name = f"{len(self.datasets):024x}"
            self.datasets[name] = {"id": name, "page": f"{self.origin}/datasets/{name}/", "resources": []}
            return 201, self.save(self.datasets[name], request.json())
        found = re.fullmatch(r"/api/1/datasets/([0-9a-f]{24})/(resources/)?", path)
        dataset = self.datasets.get(found[1]) if found else None
        if found is None or dataset is None:
            raise Refusal(404)
        if (method, found[2]) == ("GET", None):
            return 200, dataset
        if (method, found[2]) == ("PUT", None):
            return 200, self.save(dataset, request.json())
        form = request.json()
        if not form["title"] or form["type"] not in ("main", "documentation") or form["filetype"] != "remote":
            raise Refusal(400, "validation")
        if form["checksum"]["type"] not in ("sha1", "sha2", "sha256", "md5", "crc") or not form["url"].startswith(
            "http"
        ):
            raise Refusal(400, "validation")
        dataset["resources"].append(form)
        return 201, form

    def save(self, dataset: dict[str, Any], form: dict[str, Any]) -> dict[str, Any]:
        if not form["title"] or not form["description"] or form["frequency"] != "irregular":
            raise Refusal(400, "validation")
        dataset |= form
        return dataset


class Hub(Target):
    """The Hugging Face Hub: repositories with commits, and a storage elsewhere for large files."""

    def __init__(self) -> None:
        super().__init__()
        self.repositories: dict[str, dict[str, Any]] = {}
        self.storage = Storage()

    def answer(self, request: Request) -> Answer:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Refusal(401, "Invalid username or password.")
        method, path = request.method, request.path
        if (method, path) == ("POST", "/api/repos/create"):
            form = request.json()
            key = f"{form['type']}s/{form['organization']}/{form['name']}"
            if key in self.repositories:
                raise Refusal(409, "You already created this repo")
            self.repositories[key] = {"files": {}, "commits": [], "tags": {}, "private": form["private"]}
            return 200, {"url": f"{self.origin}/{key}"}
        if method == "POST" and path.startswith("/verify/"):
            return (200, {}) if request.json()["oid"] in self.storage.objects else (404, None)
        found = re.fullmatch(r"/(datasets/)?([\w-]+/[\w-]+)\.git/info/lfs/objects/batch", path)
        if found:
            return self.batch(request)
        found = re.fullmatch(r"/api/((?:datasets|models)/[\w-]+/[\w-]+)/(.+)", path)
        repository = self.repositories.get(found[1]) if found else None
        if found is None or repository is None:
            raise Refusal(404, "Repository not found")
        return self.on_repository(method, found[2], repository, request)

    def on_repository(self, method: str, rest: str, repository: dict[str, Any], request: Request) -> Answer:
        if (method, rest) == ("POST", "paths-info/main"):
            files = repository["files"]
            return 200, [files[path] for path in request.json()["paths"] if path in files]
        if (method, rest) == ("POST", "commit/main"):
            return self.commit(repository, [json.loads(line) for line in request.body.splitlines()])
        if (method, rest) == ("POST", "tag/main"):
            tag = request.json()["tag"]
            if tag in repository["tags"]:
                raise Refusal(409)
            repository["tags"][tag] = len(repository["commits"])
            return 200, {}
        if (method, rest) == ("PUT", "settings"):
            repository |= request.json()
            return 200, request.json()
        raise Refusal(404)

    def commit(self, repository: dict[str, Any], lines: list[dict[str, Any]]) -> Answer:
        assert lines[0]["key"] == "header" and lines[0]["value"]["summary"]
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "lfsFile":
                if value["oid"] not in self.storage.objects or value["algo"] != "sha256":
                    raise Refusal(400, f"LFS object {value['oid']} is missing")
                entry = {"type": "file", "oid": "0" * 40, "lfs": {"oid": value["oid"], "size": value["size"]}}
            elif line["key"] == "file":
                content = base64.b64decode(value["content"], validate=True)
                git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
                entry = {"type": "file", "oid": git, "size": len(content), "content": content.decode()}
            else:
                del repository["files"][value["path"]]
                continue
            repository["files"][value["path"]] = {**entry, "path": value["path"]}
        repository["commits"].append(lines[0]["value"]["summary"])
        return 200, {"success": True, "commitOid": "f" * 40}

    def batch(self, request: Request) -> Answer:
        form = request.json()
        if request.headers["Content-Type"] != "application/vnd.git-lfs+json" or "basic" not in form["transfers"]:
            raise Refusal(422)
        objects = []
        for item in form["objects"]:
            actions = {
                "upload": {"href": f"{self.storage.origin}/{item['oid']}?signature=abc", "header": {"x-part": "1"}},
                "verify": {"href": f"{self.origin}/verify/{item['oid']}"},
            }
            there = item["oid"] in self.storage.objects
            objects.append(item if there else {**item, "actions": actions})
        return 200, {"transfer": "basic", "objects": objects}


class Storage(Target):
    """Where the Hub has large files sent: it must never see the token."""

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, bytes] = {}

    def answer(self, request: Request) -> Answer:
        assert TOKEN not in json.dumps(request.headers) and request.headers["x-part"] == "1"
        oid = request.path.removeprefix("/")
        if hashlib.sha256(request.body).hexdigest() != oid or request.query["signature"] != ["abc"]:
            raise Refusal(400, "SignatureDoesNotMatch")
        self.objects[oid] = request.body
        return 200, None


@contextmanager
def running(target: T) -> Iterator[T]:
    """The target behind a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def handle_any(self) -> None:
            respond(self, target)

        do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 - http.server's names

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    target.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield target
    finally:
        server.shutdown()
        server.server_close()


def respond(handler: BaseHTTPRequestHandler, target: Target) -> None:
    parts = urlsplit(handler.path)
    body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
    request = Request(handler.command, parts.path, parse_qs(parts.query), dict(handler.headers), body, port=target.port)
    with target.lock:
        fault = next((f for f in target.faults if re.search(f[0], f"{request.method} {request.path}")), None)
        if fault is not None:
            target.faults.remove(fault)
        meant = fault[1] if fault else {}
        target.requests.append(request)
        if meant.get("cut") == "before":
            request.status = 599
            handler.close_connection = True
            return
        if "status" in meant:
            request.status, said = meant["status"], {"message": "a fault"}
        else:
            try:
                request.status, said = target.answer(request)
            except Refusal as refusal:
                request.status, said = refusal.status, {"message": str(refusal)}
    if meant.get("cut") == "after":
        handler.close_connection = True
        return
    content = b"" if said is None else json.dumps(said).encode()
    handler.send_response(request.status)
    handler.send_header("Content-Length", str(len(content)))
    if "retry_after" in meant:
        handler.send_header("Retry-After", meant["retry_after"])
    handler.end_headers()
    handler.wfile.write(content)
