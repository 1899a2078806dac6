"""Requests as data: what would be sent where, what is asked first, and what is kept of the answers."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Known = Mapping[str, str]
_VARIABLE = re.compile(r"\{([a-z0-9_:]+)\}")


@dataclass(frozen=True, slots=True)
class FileBody:
    """The body of a request that is a file: sent from the disk, its size and digests known before."""

    path: Path
    name: str
    size: int
    sha256: str
    md5: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What a question learnt: whether the step is done already, and variables. `hints` are not kept on the deposit."""

    done: bool = False
    known: Known = field(default_factory=dict)
    hints: Known = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """A request that changes nothing, asked before a step; 404 and 410 answer that there is nothing yet.

    `read` is given the answer's JSON.
    """

    address: str
    read: Callable[[Any], Found]
    method: str = "GET"
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One request that changes something. `{name}` in the address stands for what an earlier answer said.

    Args: accepts: statuses that mean it is done. reads: what to keep of the answer; raises `ValueError` where the
          answer shows that it was not done. needs: a variable without which the call is left out. unless: one with
          which it is. headers_of: a variable that holds further headers as JSON.
    """

    name: str
    method: str
    address: str
    body: bytes | FileBody | None = None
    content_type: str = "application/json"
    accepts: tuple[int, ...] = (200,)
    reads: Callable[[Any], Found] | None = None
    needs: str = ""
    unless: str = ""
    headers_of: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """Calls that belong together: begun again, they begin with the question.

    Args: last: it waits for the word to publish. gives: the variable it is for; known already, nothing is to be done.
    """

    name: str
    calls: tuple[Call, ...]
    question: Question | None = None
    last: bool = False
    gives: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is sent to one target for one release.

    Args: origin: scheme, host and port of the target, the only place the token is sent to. authorisation: name of the
          header and what stands before the token. known: variables there are before the first step.
    """

    target: str
    release: str
    origin: str
    authorisation: tuple[str, str]
    steps: tuple[Step, ...]
    known: Known = field(default_factory=dict)
    accept: str = "application/json"


def filled(template: str, known: Known) -> str:
    """An address with its variables.

    Raises: ValueError (one is not known).
    """

    def value(found: re.Match[str]) -> str:
        if found[1] not in known:
            raise ValueError(f"{template} needs {found[1]!r}, which no answer has given")
        return known[found[1]]

    return _VARIABLE.sub(value, template)


def json_body(value: object) -> bytes:
    """JSON as it is sent: sorted keys, so that the same contents give the same bytes."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def body_facts(body: bytes | FileBody | None) -> dict[str, object] | None:
    """Size and digest of a body, and the name of the file it is."""
    if body is None:
        return None
    if isinstance(body, FileBody):
        return {"bytes": body.size, "sha256": body.sha256, "file": body.name}
    return {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def described(plan: Plan) -> dict[str, Any]:
    """The plan without its bodies, as JSON: every request in order, and the files among them. It holds no secret."""
    steps: list[dict[str, Any]] = []
    for step in plan.steps:
        question = step.question
        asked = None
        if question is not None:
            asked = {"method": question.method, "address": question.address, "body": body_facts(question.body)}
        requests = [
            {
                "name": call.name,
                "method": call.method,
                "address": call.address,
                "content_type": call.content_type if call.body is not None else None,
                "body": body_facts(call.body),
                "only_if": call.needs or None,
                "not_if": call.unless or None,
            }
            for call in step.calls
        ]
        steps.append({"name": step.name, "asked_first": asked, "only_to_publish": step.last, "requests": requests})
    return {
        "target": plan.target,
        "release": plan.release,
        "origin": plan.origin,
        "accept": plan.accept,
        "token": f"{plan.authorisation[0]}, to {plan.origin} alone",
        "known": dict(plan.known),
        "steps": steps,
        "files": file_list(plan),
    }


def file_list(plan: Plan) -> list[dict[str, object]]:
    """Files whose bytes leave, each once."""
    bodies = {
        call.body.name: call.body for step in plan.steps for call in step.calls if isinstance(call.body, FileBody)
    }
    return [{"name": body.name, "bytes": body.size, "sha256": body.sha256} for _, body in sorted(bodies.items())]
