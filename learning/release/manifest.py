"""The list of a release's files with their digests, and the check of a download against it. Works offline."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from learning.release import layout
from learning.release.errors import InvalidContents
from learning.release.faults import Fault
from learning.release.formats import format_problems
from learning.release.stac_check import check_stac
from learning.release.text import canonical_json, write_text

FORMAT = "solcommun-release-manifest"
FORMAT_VERSION = 1
_SAFE_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file: path from the root with forward slashes, size in bytes, sha256 in hexadecimal."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of a release, sorted by path; `sha256` is the digest of manifest.json itself."""

    version: str
    files: tuple[FileEntry, ...]
    sha256: str


@dataclass(frozen=True, slots=True)
class FileDifference:
    """A file that two manifests do not agree on: its SHA-256 by the one and by the other, None where it is not."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was seen: files listed, digest of the manifest ("" when it is unreadable), faults by path."""

    artefacts: int
    manifest_sha256: str
    faults: tuple[Fault, ...]


def file_sha256(path: Path) -> str:
    """sha256 of a file, read in pieces."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def write_manifest(root: Path, *, version: str) -> Manifest:
    """Hash every file under `root` and write manifest.json and SHA256SUMS.

    Raises:  InvalidContents: a link, or a name that is not plain ASCII without spaces.
    """
    entries: list[FileEntry] = []
    for path in _files(root):
        relative = path.relative_to(root).as_posix()
        if relative in (layout.MANIFEST, layout.SUMS):
            continue
        if path.is_symlink() or not _SAFE_PATH.fullmatch(relative):
            raise InvalidContents(f"{relative!r} is a link or has an unsafe name; a release holds plain files only")
        entries.append(FileEntry(path=relative, size=path.stat().st_size, sha256=file_sha256(path)))
    entries.sort(key=lambda entry: entry.path)
    files = [{"path": entry.path, "size": entry.size, "sha256": entry.sha256} for entry in entries]
    head = {"format": FORMAT, "format_version": FORMAT_VERSION, "version": version}
    write_text(root / layout.MANIFEST, canonical_json({**head, "files": files}))
    manifest = Manifest(version=version, files=tuple(entries), sha256=file_sha256(root / layout.MANIFEST))
    write_text(root / layout.SUMS, _sums(manifest))
    return manifest


def _files(root: Path) -> list[Path]:
    """Every file and link under `root`, links to folders included (they are not followed)."""
    return [path for path in root.rglob("*") if path.is_symlink() or not path.is_dir()]


def _sums(manifest: Manifest) -> str:
    """Text for `sha256sum -c`: the files and the manifest itself, sorted by path."""
    lines = [(entry.path, entry.sha256) for entry in manifest.files] + [(layout.MANIFEST, manifest.sha256)]
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(lines))


def read_manifest(root: Path) -> Manifest:
    """Read manifest.json strictly.

    Raises:  InvalidContents: it is missing, or is not a manifest of this format.
    """
    path = root / layout.MANIFEST
    try:
        raw = path.read_bytes()
        parsed: Any = json.loads(raw)
        if parsed["format"] != FORMAT or parsed["format_version"] != FORMAT_VERSION:
            raise InvalidContents(f"manifest.json is of format {parsed['format']!r} {parsed['format_version']!r}")
        files = tuple(FileEntry(str(f["path"]), int(f["size"]), str(f["sha256"])) for f in parsed["files"])
        version = str(parsed["version"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidContents(f"manifest.json cannot be read ({type(error).__name__}); download it again") from error
    unsafe = [entry.path for entry in files if not _SAFE_PATH.fullmatch(entry.path)]
    if unsafe:
        raise InvalidContents(f"manifest.json lists the path {unsafe[0]!r}, which is outside the release")
    return Manifest(version=version, files=files, sha256=hashlib.sha256(raw).hexdigest())


def differing_files(before: Manifest, after: Manifest) -> tuple[FileDifference, ...]:
    """Files whose SHA-256 is not the same in two manifests, or that only one of them lists, by path."""
    ours = {entry.path: entry.sha256 for entry in before.files}
    theirs = {entry.path: entry.sha256 for entry in after.files}
    return tuple(
        FileDifference(path=path, before=ours.get(path), after=theirs.get(path))
        for path in sorted(ours.keys() | theirs.keys())
        if ours.get(path) != theirs.get(path)
    )


def verify(root: Path, *, expected_manifest_sha256: str | None = None) -> VerifyReport:
    """Check a release folder, offline: digests, missing and extra files, formats, STAC links and checksums.

    Args:    expected_manifest_sha256: the digest shown on the release's page. Without it a manifest replaced
             together with SHA256SUMS and the files cannot be told from the real one.
    Returns: faults sorted by path; each names one file.
    """
    try:
        manifest = read_manifest(root)
    except InvalidContents as error:
        return VerifyReport(artefacts=0, manifest_sha256="", faults=(Fault(layout.MANIFEST, str(error)),))
    faults = _manifest_faults(root, manifest, expected_manifest_sha256)
    sound: dict[str, tuple[int, str]] = {}
    for entry in manifest.files:
        problem = _entry_problem(root, entry)
        if problem is None:
            sound[entry.path] = (entry.size, entry.sha256)
        else:
            faults.append(Fault(entry.path, problem))
    listed = {entry.path for entry in manifest.files} | {layout.MANIFEST, layout.SUMS}
    present = {path.relative_to(root).as_posix() for path in _files(root)}
    faults += [Fault(path, "not listed in the manifest") for path in sorted(present - listed)]
    for path in sorted(sound):
        faults += [Fault(path, problem) for problem in format_problems(root, path)]
    listed_digests = {entry.path: (entry.size, entry.sha256) for entry in manifest.files}
    known = {fault.path for fault in faults}
    faults += [fault for fault in check_stac(root, digests=listed_digests) if fault.path not in known]
    return VerifyReport(
        artefacts=len(manifest.files), manifest_sha256=manifest.sha256, faults=tuple(sorted(set(faults)))
    )


def _manifest_faults(root: Path, manifest: Manifest, expected: str | None) -> list[Fault]:
    faults: list[Fault] = []
    if expected is not None and expected != manifest.sha256:
        faults.append(Fault(layout.MANIFEST, f"sha256 is {manifest.sha256}, the published one is {expected}"))
    try:
        sums = (root / layout.SUMS).read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return [*faults, Fault(layout.SUMS, "missing or unreadable")]
    lines = dict(line.split("  ", 1)[::-1] for line in sums.splitlines() if "  " in line)
    if lines.get(layout.MANIFEST) != manifest.sha256:
        faults.append(Fault(layout.MANIFEST, f"its sha256 is not the one in {layout.SUMS}"))
    if sums != _sums(manifest):
        faults.append(Fault(layout.SUMS, f"does not say the same as {layout.MANIFEST}"))
    return faults


def _entry_problem(root: Path, entry: FileEntry) -> str | None:
    path = root / entry.path
    if path.is_symlink():
        return "is a link"
    if not path.is_file():
        return "missing"
    size = path.stat().st_size
    if size != entry.size:
        return f"altered: {size} bytes, the manifest says {entry.size}"
    return None if file_sha256(path) == entry.sha256 else "altered: the sha256 is not the manifest's"
