"""The list of a release's files, `manifest.json`, read strictly."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from solcommun_client.errors import Refused
from solcommun_client.words import say

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
FORMAT = ("solcommun-release-manifest", 1)
LIMIT_BYTES = 1 << 28
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of a release: path with forward slashes, bytes, sha256 in hexadecimal."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a release holds; `sha256` is the digest of `raw`, the bytes of manifest.json."""

    version: str
    files: tuple[FileEntry, ...]
    sha256: str
    raw: bytes


def parse_manifest(raw: bytes) -> Manifest:
    """Read manifest.json.

    Raises: Refused (not a manifest of this format, or it names a place outside the release).
    """
    try:
        parsed = json.loads(raw)
        found = (parsed["format"], parsed["format_version"])
        if found != FORMAT:
            raise Refused(say("the manifest is of format {found!r}: a newer solcommun-client may read it", found=found))
        files = tuple(FileEntry(str(f["path"]), int(f["size"]), str(f["sha256"])) for f in parsed["files"])
        version = str(parsed["version"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        why = type(error).__name__
        raise Refused(say("the manifest cannot be read ({why}): fetch it again", why=why)) from error
    seen: set[str] = set()
    for entry in files:
        if not _SAFE.fullmatch(entry.path) or not _SHA256.fullmatch(entry.sha256) or entry.size < 0:
            raise Refused(say("the manifest lists {path!r}, which is outside the release", path=entry.path))
        if entry.path in seen:
            raise Refused(say("the manifest lists {path!r} twice", path=entry.path))
        seen.add(entry.path)
    return Manifest(version=version, files=files, sha256=hashlib.sha256(raw).hexdigest(), raw=raw)


def sums_of(manifest: Manifest) -> str:
    """What SHA256SUMS has to say: every file and the manifest itself, sorted by path."""
    lines = [(entry.path, entry.sha256) for entry in manifest.files] + [(MANIFEST, manifest.sha256)]
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(lines))


def chosen(files: Sequence[FileEntry], only: Sequence[str]) -> list[FileEntry]:
    """The files that a folder name (`annotations/`) or a pattern (`maps/*.tif`) of `only` takes in; all without one.

    Raises: Refused (none is taken in).
    """
    if not only:
        return list(files)

    def taken(path: str) -> bool:
        return any(fnmatchcase(path, mark) or path.startswith(f"{mark.rstrip('/')}/") for mark in only)

    found = [entry for entry in files if taken(entry.path)]
    if not found:
        raise Refused(say("nothing in the release matches {only}: see `solcommun list`", only=", ".join(only)))
    return found
