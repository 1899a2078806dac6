"""A plan on paper: what would be sent, byte for byte, for somebody to read before it leaves."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from learning.release.deposit.calls import Call, FileBody, Plan, described
from learning.release.errors import StagingRefused
from learning.release.text import canonical_json, write_text

PLAN = "plan.json"
README = "README.md"
_WORDS = (
    "# What would be sent to {target} for {release}\n\n"
    "`{plan}` lists every request in order: method, address (`{{name}}` stands for what an earlier answer says), size "
    "and SHA-256 of its body, and the question that is asked first, so that nothing is done twice. `requests/` holds "
    "each request as a head (`.http`) and, where it is not a file of the release, its body (`.body`). The token is the "
    "only thing left out: it goes as the header {token}. Steps marked `only_to_publish` are sent with "
    "`--publish` alone.\n"
)


def write_dry_run(plan: Plan, folder: Path) -> list[Path]:
    """Write a plan into an empty or new folder; returns the heads, in the order of sending.

    Raises: StagingRefused (the folder holds something).
    """
    if folder.exists() and any(path.name != "files" for path in folder.iterdir()):
        raise StagingRefused(f"{folder} is not empty: give a new folder")
    written = described(plan)
    write_text(folder / PLAN, canonical_json(written))
    words = _WORDS.format(target=plan.target, release=plan.release, plan=PLAN, token=written["token"])
    write_text(folder / README, words)
    heads = []
    number = 0
    for step in plan.steps:
        for call in step.calls:
            number += 1
            name = re.sub(r"[^A-Za-z0-9.]+", "-", f"{step.name} {call.name}").strip("-")[:80]
            head = folder / "requests" / f"{number:05d}-{name}.http"
            write_text(head, _head(call, plan))
            if isinstance(call.body, bytes):
                head.with_suffix(".body").write_bytes(call.body)
            heads.append(head)
    return heads


def _head(call: Call, plan: Plan) -> str:
    lines = [f"{call.method} {call.address}", *(f"{name}: {value}" for name, value in headers(call, plan).items())]
    if isinstance(call.body, FileBody):
        lines += ["", f"(the file {call.body.name}, sha256 {call.body.sha256})"]
    return "\n".join(lines) + "\n"


def headers(call: Call, plan: Plan) -> dict[str, str]:
    """Headers of a request but for the token and the host."""
    made = {"Accept": plan.accept, "User-Agent": "solcommun"}
    if call.body is not None:
        made["Content-Type"] = call.content_type
    size = call.body.size if isinstance(call.body, FileBody) else len(call.body or b"")
    if call.body is not None or call.method in ("POST", "PUT"):
        made["Content-Length"] = str(size)
    return made


def plan_sha256(plan: Plan) -> str:
    """Digest of plan.json: the same for a dry run and for what is sent."""
    return hashlib.sha256(canonical_json(described(plan)).encode()).hexdigest()
