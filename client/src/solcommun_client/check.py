"""Is what lies in a folder what was published? Digests, missing and extra files; no network.

Whether the files are sound in themselves (rasters, tables, catalogue) is what the platform's own
`python -m learning.release.verify` says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from solcommun_client.errors import Refused
from solcommun_client.manifest import MANIFEST, SUMS, FileEntry, Manifest, chosen, parse_manifest, sums_of
from solcommun_client.words import say


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one path of a release."""

    path: str
    problem: str


@dataclass(frozen=True, slots=True)
class Report:
    """Files looked at, digest of the manifest ("" when it cannot be read), faults by path."""

    files: int
    manifest_sha256: str
    faults: tuple[Fault, ...]


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder.

    Raises: Refused (no such folder, no manifest, or one that cannot be read).
    """
    if not folder.is_dir():
        raise Refused(say("there is no folder {path}: give the folder that holds manifest.json", path=folder))
    try:
        raw = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise Refused(say("the manifest cannot be read ({why}): fetch it again", why=error.strerror)) from error
    return parse_manifest(raw)


def verify(
    folder: str | Path,
    *,
    manifest_sha256: str | None = None,
    only: Sequence[str] = (),
) -> Report:
    """Compare every file of a folder with its manifest.

    Args:   manifest_sha256: the digest on the release's page; without it, a manifest that was replaced together with
            the files cannot be told from the real one. only: folders or patterns to look at; files beside them are
            not called extra.
    Raises: Refused (there is no such folder, or nothing matches `only`).
    """
    root = Path(folder)
    if not root.is_dir():
        raise Refused(say("there is no folder {path}: give the folder that holds manifest.json", path=root))
    try:
        manifest = read_manifest(root)
    except Refused as error:
        return Report(files=0, manifest_sha256="", faults=(Fault(MANIFEST, str(error)),))
    faults = _faults_of_lists(root, manifest, manifest_sha256)
    entries = chosen(manifest.files, only)
    for entry in entries:
        if (problem := file_problem(root / entry.path, entry)) is not None:
            faults.append(Fault(entry.path, problem))
    if not only:
        listed = {entry.path for entry in manifest.files} | {MANIFEST, SUMS}
        present = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_symlink() or path.is_file()}
        faults += [Fault(path, say("not listed in the manifest")) for path in present - listed]
    faults.sort(key=lambda fault: (fault.path, fault.problem))
    return Report(files=len(entries), manifest_sha256=manifest.sha256, faults=tuple(faults))


def _faults_of_lists(root: Path, manifest: Manifest, expected: str | None) -> list[Fault]:
    faults = []
    if expected is not None and expected.strip().lower() != manifest.sha256:
        text = "its sha256 is {found}, the published one is {expected}"
        faults.append(Fault(MANIFEST, say(text, found=manifest.sha256, expected=expected)))
    try:
        sums = (root / SUMS).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return [*faults, Fault(SUMS, say("missing or unreadable"))]
    if sums != sums_of(manifest):
        faults.append(Fault(SUMS, say("does not say the same as manifest.json")))
    return faults


def file_problem(path: Path, entry: FileEntry) -> str | None:
    """What is wrong with one file, None when it is the one listed."""
    if path.is_symlink():
        return say("is a link")
    if not path.is_file():
        return say("missing")
    size = path.stat().st_size
    if size != entry.size:
        return say("altered: {found} bytes, the manifest says {listed}", found=size, listed=entry.size)
    with path.open("rb") as handle:
        same = hashlib.file_digest(handle, "sha256").hexdigest() == entry.sha256
    return None if same else say("altered: the sha256 is not the manifest's")
