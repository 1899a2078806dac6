"""Folders of a release as zip files, for targets that take few files and no folders: the same files, the same bytes."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections import defaultdict
from pathlib import Path

from learning.release.deposit.calls import FileBody
from learning.release.deposit.record import DepositRecord
from learning.release.manifest import FileEntry, file_sha256

ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # the first date a zip can hold
PIECE_BYTES = 1 << 20


def packed(record: DepositRecord, folder: Path) -> list[FileBody]:
    """Files of the release's root as they are, and one stored zip a folder, written into `folder`; sorted by name.

    Rasters, tables and weights are compressed already, so that nothing is compressed again. Paths in a zip begin with
    the folder's name: unpacked beside each other, the zips are the release.
    """
    groups: dict[str, list[FileEntry]] = defaultdict(list)
    bodies = []
    for entry in sorted(record.files, key=lambda entry: entry.path):
        top, _, rest = entry.path.partition("/")
        if rest:
            groups[top].append(entry)
        else:
            bodies.append(whole(record, entry.path))
    folder.mkdir(parents=True, exist_ok=True)
    for top, entries in groups.items():
        archive = folder / f"{top}.zip"
        _write_zip(record.root, entries, archive)
        bodies.append(file_body(archive, archive.name))
    return sorted(bodies, key=lambda body: body.name)


def _write_zip(root: Path, entries: list[FileEntry], archive: Path) -> None:
    unfinished = archive.with_suffix(".part")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED, allowZip64=True) as out:
        for entry in entries:
            info = zipfile.ZipInfo(entry.path, ZIP_DATE)
            info.external_attr = 0o644 << 16
            info.create_system = 3  # or the platform would be written
            info.file_size = entry.size
            with (root / entry.path).open("rb") as source, out.open(info, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, PIECE_BYTES)
    unfinished.replace(archive)


def whole(record: DepositRecord, path: str) -> FileBody:
    """One file of the release."""
    return file_body(record.root / path, path)


def file_body(path: Path, name: str) -> FileBody:
    """A file with its digests; MD5 since that is what archives answer with."""
    with path.open("rb") as handle:
        md5 = hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    return FileBody(path=path, name=name, size=path.stat().st_size, sha256=file_sha256(path), md5=md5)
