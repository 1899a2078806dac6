"""A release's dataset and models on the Hugging Face Hub: one dataset repository and one model repository a campaign.

By the Hub's own HTTP API rather than by huggingface_hub: a dry run must show the very requests, and the library
decides on the way what to send. Addresses and bodies are those of its code: huggingface_hub 2.4 (`hf_api.py`,
`_commit_api.py`, `lfs.py`) and, for paths-info with a body of JSON, @huggingface/hub 2.17. Not tried on the Hub.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Any

from learning.release import layout
from learning.release.deposit.archives import whole
from learning.release.deposit.calls import Call, FileBody, Found, Plan, Question, Step, json_body
from learning.release.deposit.record import DepositRecord
from learning.release.manifest import FileEntry

TARGET = "huggingface"
FILES_PER_COMMIT = 100
MOST_BYTES = 5 * 2**30  # of one upload in one piece
LARGEST_TEXT = 1 << 20
TEXTS = frozenset({".md", ".json", ".csv", ".txt", ".py", ".jsonld"})
ATTRIBUTES = ".gitattributes"
LFS = "application/vnd.git-lfs+json"


def huggingface_plan(record: DepositRecord, *, origin: str, namespace: str, earlier: Sequence[str] = ()) -> Plan:
    """Both repositories: made (private), filled commit by commit, tagged; shown as the last step.

    Args:   namespace: person or organisation of the Hub. earlier: paths (of the release) that the campaign's deposit
            before this one sent: those that this release has no more are removed.
    Raises: ValueError (a file too large for one upload).
    """
    files = _sent(record)
    large = [entry.path for entry in files if entry.size > MOST_BYTES]
    if large:
        raise ValueError(f"{large[0]} is larger than 5 GiB, which the Hub takes in one piece: publish it in parts")
    steps: list[Step] = []
    last: list[Step] = []
    for kind in ("dataset", "model"):
        repository = f"{namespace}/{record.campaign}" + ("-models" if kind == "model" else "")
        paths = {place: entry.path for entry in files if (place := _repositories(entry.path).get(kind))}
        if not paths:
            continue
        gone = sorted({place for path in earlier if (place := _repositories(path).get(kind))} - set(paths))
        maker = _Repository(record, origin, kind, repository)
        steps += maker.steps(paths, gone)
        last.append(maker.show())
    known = {"record": f"{namespace}/{record.campaign}", "page": f"{origin}/datasets/{namespace}/{record.campaign}"}
    return Plan(TARGET, record.name, origin, ("Authorization", "Bearer "), (*steps, *last), known)


def _sent(record: DepositRecord) -> list[FileEntry]:
    """The files that go to either repository. Where the dataset has shards they go instead of its single tiles."""
    files = [entry for entry in record.files if _repositories(entry.path)]
    shards = f"{layout.DATASET_DIR}/shards/"
    if not any(entry.path.startswith(shards) for entry in files):
        return files

    def is_tile(path: str) -> bool:
        return path.startswith(f"{layout.DATASET_DIR}/") and path.count("/") > 1 and not path.startswith(shards)

    return [entry for entry in files if not is_tile(entry.path)]


def _repositories(path: str) -> dict[str, str]:
    """Where a file of the release goes: place in the repository by kind of repository.

    The dataset's folder is the root of its repository, where the Hub looks for the card; a model's folder keeps its
    name, and the newest model's card is the repository's (`steps`).
    """
    top, _, rest = path.partition("/")
    if top == layout.DATASET_DIR:
        return {"dataset": rest}
    if top == layout.ANNOTATIONS_DIR or path == layout.RELEASE:
        return {"dataset": path}
    return {"model": rest} if top == layout.MODELS_DIR else {}


class _Repository:
    """The steps for one repository."""

    def __init__(self, record: DepositRecord, origin: str, kind: str, name: str) -> None:
        self.record, self.origin, self.kind, self.name = record, origin, kind, name
        self.api = f"{origin}/api/{kind}s/{name}"
        git = f"{origin}/datasets/{name}" if kind == "dataset" else f"{origin}/{name}"
        self.batch = f"{git}.git/info/lfs/objects/batch"

    def steps(self, paths: dict[str, str], gone: Sequence[str]) -> list[Step]:
        """Making it, commits of at most FILES_PER_COMMIT files, what is gone, the tag of the version.

        Args: paths: file of the release by place in the repository.
        """
        bodies: dict[str, bytes | FileBody] = {}
        for place, path in paths.items():
            body = whole(self.record, path)
            is_text = PurePosixPath(place).suffix in TEXTS and body.size <= LARGEST_TEXT
            bodies[place] = body.path.read_bytes() if is_text else body
        cards = [path for path in sorted(paths.values()) if path.endswith("/README.md")]
        if self.kind == "model" and cards:
            bodies["README.md"] = (self.record.root / cards[-1]).read_bytes()
        large = [p for p, body in bodies.items() if isinstance(body, FileBody) and PurePosixPath(p).suffix in TEXTS]
        bodies[ATTRIBUTES] = attributes(large)
        places = sorted(bodies)
        parts = [places[n : n + FILES_PER_COMMIT] for n in range(0, len(places), FILES_PER_COMMIT)]
        steps = [self._make()]
        for number, part in enumerate(parts, start=1):
            steps.append(self._commit(f"{number} of {len(parts)}", {place: bodies[place] for place in part}))
        if gone:
            steps.append(self._remove(gone))
        return [*steps, self._tag()]

    def _step(self, name: str, *calls: Call, question: Question | None = None, last: bool = False) -> Step:
        return Step(f"{self.kind}: {name}", calls, question, last)

    def _make(self) -> Step:
        namespace, _, name = self.name.partition("/")
        body = json_body({"type": self.kind, "name": name, "organization": namespace, "private": True})
        # 409: it is there already.
        made = Call("make the repository", "POST", f"{self.origin}/api/repos/create", body, accepts=(200, 201, 409))
        return self._step("repository", made)

    def _commit(self, number: str, bodies: dict[str, bytes | FileBody]) -> Step:
        large = {place: body for place, body in bodies.items() if isinstance(body, FileBody)}
        objects = {body.sha256: body for body in large.values()}
        calls: list[Call] = []
        if objects:
            asked = [{"oid": oid, "size": body.size} for oid, body in sorted(objects.items())]
            wanted = {"operation": "upload", "transfers": ["basic"], "hash_algo": "sha256", "objects": asked}
            calls.append(Call("ask where to", "POST", self.batch, json_body(wanted), LFS, reads=_places(set(objects))))
        for oid, body in sorted(objects.items()):
            sent = Call(f"send {body.name}", "PUT", f"{{upload:{oid}}}", body, "application/octet-stream",
                        accepts=(200, 201, 204), needs=f"upload:{oid}", headers_of=f"upload:{oid}:headers")  # fmt: skip
            fact = json_body({"oid": oid, "size": body.size})
            seen = Call(f"have {body.name} looked at", "POST", f"{{verify:{oid}}}", fact, LFS, needs=f"verify:{oid}",
                        accepts=(200, 204), headers_of=f"verify:{oid}:headers")  # fmt: skip
            calls += [sent, seen]
        lines = [_line(place, body) for place, body in sorted(bodies.items())]
        calls.append(self._committed(f"Release {self.record.version}, part {number}", lines))
        oids = {p: body.sha256 if isinstance(body, FileBody) else git_blob(body) for p, body in bodies.items()}
        return self._step(f"files {number}", *calls, question=self._holds(oids))

    def _committed(self, summary: str, lines: list[dict[str, Any]]) -> Call:
        head = {"key": "header", "value": {"summary": summary, "description": self.record.page}}
        body = b"".join(json_body(line) + b"\n" for line in (head, *lines))
        return Call("commit", "POST", f"{self.api}/commit/main", body, "application/x-ndjson", accepts=(200, 201))

    def _holds(self, oids: dict[str, str]) -> Question:
        """Whether the repository has these files with these bytes already."""

        def read(answer: Any) -> Found:
            there = {item["path"]: (item.get("lfs") or {}).get("oid") or item["oid"] for item in answer}
            return Found(done=all(there.get(place) == oid for place, oid in oids.items()))

        return Question(f"{self.api}/paths-info/main", read, "POST", json_body({"paths": sorted(oids)}))

    def _remove(self, gone: Sequence[str]) -> Step:
        lines = [{"key": "deletedFile", "value": {"path": place}} for place in gone]
        question = Question(
            f"{self.api}/paths-info/main",
            lambda answer: Found(done=not answer),
            "POST",
            json_body({"paths": list(gone)}),
        )
        call = self._committed(f"Release {self.record.version}: what it has no more", lines)
        return self._step("what is gone", call, question=question)

    def _tag(self) -> Step:
        body = json_body({"tag": self.record.version, "message": self.record.page})
        # 409: the tag is there, and is never moved.
        return self._step("tag", Call("tag", "POST", f"{self.api}/tag/main", body, accepts=(200, 201, 409)))

    def show(self) -> Step:
        """Make it public."""
        call = Call("show it", "PUT", f"{self.api}/settings", json_body({"private": False}))
        return self._step("show", call, last=True)


def attributes(large_texts: Sequence[str]) -> bytes:
    """What git keeps outside: everything but texts, and texts that are large."""
    outside, inside = "filter=lfs diff=lfs merge=lfs -text", "-filter -diff -merge text"
    kept = [f"{mark} {inside}" for mark in (ATTRIBUTES, *(f"*{suffix}" for suffix in sorted(TEXTS)))]
    return "\n".join([f"* {outside}", *kept, *(f"{path} {outside}" for path in sorted(large_texts)), ""]).encode()


def git_blob(content: bytes) -> str:
    """The id git gives a file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _line(place: str, body: bytes | FileBody) -> dict[str, Any]:
    if isinstance(body, FileBody):
        return {"key": "lfsFile", "value": {"path": place, "algo": "sha256", "oid": body.sha256, "size": body.size}}
    content = base64.b64encode(body).decode("ascii")
    return {"key": "file", "value": {"path": place, "content": content, "encoding": "base64"}}


def _places(oids: set[str]) -> Callable[[Any], Found]:
    """Addresses to send objects to, from an answer of the LFS batch API; none for what is there already.

    They are signed, so that they are hints: never kept.
    """

    def read(answer: Any) -> Found:
        hints = {}
        for item in answer["objects"]:
            if "error" in item or item["oid"] not in oids:
                raise ValueError(f"the Hub does not take {item['oid']}: {json.dumps(item.get('error'))[:200]}")
            for action in ("upload", "verify"):
                if action in item.get("actions", {}):
                    told = item["actions"][action]
                    hints[f"{action}:{item['oid']}"] = str(told["href"])
                    hints[f"{action}:{item['oid']}:headers"] = json.dumps(told.get("header", {}))
        return Found(hints=hints)

    return read
