"""Fetching a release: each file goes on where it stopped, is held against its digest, and appears whole."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from solcommun_client.check import file_problem, read_manifest
from solcommun_client.errors import Refused, Unreachable
from solcommun_client.manifest import LIMIT_BYTES, MANIFEST, SUMS, FileEntry, Manifest, chosen, parse_manifest, sums_of
from solcommun_client.web import BROKEN, TRIES, NoSuchRange, Web
from solcommun_client.words import say, size_words

PARTS = ".solcommun-parts"  # no path of a release begins with a point
PIECE_BYTES = 1 << 18
MOST_AT_ONCE = 8
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Downloaded:
    """Where a release lies now, files fetched and files that were there already."""

    folder: Path
    fetched: int
    kept: int
    manifest_sha256: str


def files_address(url: str) -> str:
    """Where the files of a release are, from its page's address or from that of any of its files."""
    base = url.split("?")[0].split("#")[0]
    head, found, _ = base.partition("/files/")
    return f"{head}/files/" if found else f"{base.rstrip('/')}/files/"


def fetch_manifest(web: Web, url: str, *, manifest_sha256: str | None = None) -> Manifest:
    """The manifest of a release on a site.

    Raises: Refused (it is not the one expected, or none at all), Unreachable.
    """
    manifest = parse_manifest(web.read(f"{files_address(url)}{MANIFEST}", limit=LIMIT_BYTES))
    if manifest_sha256 is not None and manifest_sha256.strip().lower() != manifest.sha256:
        text = "its sha256 is {found}, the published one is {expected}"
        raise Refused(f"{MANIFEST}: {say(text, found=manifest.sha256, expected=manifest_sha256)}")
    return manifest


def download(
    url: str,
    into: str | Path | None = None,
    *,
    only: Sequence[str] = (),
    manifest_sha256: str | None = None,
    at_once: int = 4,
    web: Web | None = None,
    started: Callable[[int, int], None] = lambda files, size: None,
    progress: Progress = lambda size: None,
) -> Downloaded:
    """Fetch a release into a folder. Run again it goes on: what is there and right is not fetched.

    Args:   into: default: a folder named after the release. only: folders or patterns. at_once: files at a time.
            started: told the files and bytes to fetch. progress: told the bytes that arrived, from several threads.
    Raises: Refused (address, folder, manifest, no room, wrong digest), Unreachable.
    """
    web = web or Web()
    base = files_address(url)
    manifest = fetch_manifest(web, url, manifest_sha256=manifest_sha256)
    root = Path(into) if into is not None else Path(urlsplit(base).path.rstrip("/").split("/")[-2])
    _check_folder(root, manifest)
    entries = chosen(manifest.files, only)
    for entry in entries:
        _check_inside(root, entry.path)
    wanted = [entry for entry in entries if file_problem(root / entry.path, entry) is not None]
    _check_room(root, sum(entry.size for entry in wanted))
    started(len(wanted), sum(entry.size for entry in wanted))
    parts = root / PARTS
    parts.mkdir(parents=True, exist_ok=True)
    # In place first, so that a folder that is half there says which release it is.
    _replace(parts / MANIFEST, root / MANIFEST, manifest.raw)
    _replace(parts / SUMS, root / SUMS, sums_of(manifest).encode())
    with ThreadPoolExecutor(max(1, min(at_once, MOST_AT_ONCE))) as pool:
        jobs = [pool.submit(fetch_file, web, base, entry, root, progress) for entry in wanted]
        try:
            for job in as_completed(jobs):
                job.result()
        except BaseException:
            web.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    shutil.rmtree(parts)
    return Downloaded(root, len(wanted), len(entries) - len(wanted), manifest.sha256)


def _check_folder(root: Path, manifest: Manifest) -> None:
    """A folder that holds another release is not written over."""
    if (root / MANIFEST).exists():
        other = read_manifest(root)
        if other.sha256 != manifest.sha256:
            raise Refused(say("{folder} holds release {other}: give an empty folder", folder=root, other=other.version))


def _check_inside(root: Path, path: str) -> None:
    """No link in the folder may lead a file out of it; the manifest's own paths cannot."""
    if not (root / path).parent.resolve().is_relative_to(root.resolve()):
        text = "{path} would be written outside {folder} (a link leads there): remove the link"
        raise Refused(say(text, path=path, folder=root))


def _check_room(root: Path, needed: int) -> None:
    place = next(folder for folder in (root, *root.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    if free < needed:
        text = "{folder} has {free} left and {needed} are needed: make room or choose another folder"
        raise Refused(say(text, folder=root, free=size_words(free), needed=size_words(needed)))


def _replace(part: Path, target: Path, content: bytes) -> None:
    part.write_bytes(content)
    part.replace(target)


def fetch_file(web: Web, base: str, entry: FileEntry, root: Path, progress: Progress) -> None:
    """One file, whole and right, or not there.

    Raises: Refused (twice another digest, or a link leads elsewhere), Unreachable.
    """
    # The same content may stand at two paths, which two threads fetch at the same time.
    part = root / PARTS / f"{entry.sha256}-{hashlib.sha256(entry.path.encode()).hexdigest()[:16]}"
    for _ in range(2):
        _fetch_part(web, f"{base}{entry.path}", entry, part, progress)
        if file_problem(part, entry) is None:
            break
        part.unlink()
    else:
        text = "{path} arrived twice with another sha256 than the manifest's: the site or the way to it is at fault"
        raise Refused(say(text, path=entry.path))
    target = root / entry.path
    target.parent.mkdir(parents=True, exist_ok=True)
    _check_inside(root, entry.path)
    part.replace(target)
    _tag_file(part).unlink(missing_ok=True)


def _fetch_part(web: Web, url: str, entry: FileEntry, part: Path, progress: Progress) -> None:
    """Have `part` hold as many bytes as the file has, going on from those it has."""
    fruitless = 0
    while (have := part.stat().st_size if part.exists() else -1) != entry.size:
        if have > entry.size:
            part.unlink()
            continue
        why = ""
        try:
            _append(web, url, entry, part, progress)
        except BROKEN as error:
            why = type(error).__name__
        got_on = part.exists() and part.stat().st_size > have
        fruitless = 0 if got_on else fruitless + 1
        if fruitless >= TRIES:
            text = "{url} cannot be reached ({why}): try again later, what is here is kept"
            raise Unreachable(say(text, url=url, why=why or f"{have}/{entry.size}"))
        if not got_on:
            web.hold(web.first_wait_s * 2**fruitless)


def _append(web: Web, url: str, entry: FileEntry, part: Path, progress: Progress) -> None:
    """One request for what is missing: a range only of the very file that the beginning came from (If-Range)."""
    have = part.stat().st_size if part.exists() else 0
    tag = _tag_file(part).read_text(encoding="ascii") if have and _tag_file(part).exists() else ""
    headers = {"Range": f"bytes={have}-", "If-Range": tag} if tag else {}
    try:
        opened = web.open(url, headers)
    except NoSuchRange:
        part.unlink()
        return
    with opened as answer:
        goes_on = answer.status == 206 and (answer.headers.get("Content-Range") or "").startswith(f"bytes {have}-")
        if answer.status == 206 and not goes_on:
            part.unlink(missing_ok=True)
            return
        etag = answer.headers.get("ETag") or ""
        if etag.startswith('"') and etag.isascii():  # a weak tag cannot stand in If-Range
            _tag_file(part).write_text(etag, encoding="ascii")
        with part.open("ab" if goes_on else "wb") as handle:
            size = handle.tell() if goes_on else 0
            while piece := answer.read(PIECE_BYTES):
                if web.stop.is_set():
                    return
                size += len(piece)
                if size > entry.size:
                    raise Refused(say("{url} sends more than {limit} bytes", url=url, limit=entry.size))
                handle.write(piece)
                progress(len(piece))
            handle.flush()
            os.fsync(handle.fileno())


def _tag_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.etag")
