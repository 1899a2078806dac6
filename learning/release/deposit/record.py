"""What is said of a release elsewhere: only what its own published files say, and the address of its page."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from learning.release import layout
from learning.release.licences import OTHER, licence_href, licence_name
from learning.release.manifest import FileEntry, file_sha256, read_manifest


@dataclass(frozen=True, slots=True)
class DepositRecord:
    """A published release as others are told of it. No person is named: the publisher is the creator."""

    root: Path
    name: str  # campaign-1.2.0
    campaign: str
    version: str
    title: dict[str, str]
    description: dict[str, str]
    publisher: str
    published_on: str  # 2026-11-27
    vintage: int
    licence: str
    imagery_licence: str
    attribution: str
    page: str
    code_url: str | None
    manifest_sha256: str
    files: tuple[FileEntry, ...]

    def file_address(self, path: str) -> str:
        """Where the site serves a file of the release."""
        return f"{self.page}files/{path}"

    @property
    def licences(self) -> tuple[str, ...]:
        """Licences of what people and models made, then of the imagery's pixels, each once."""
        return tuple(dict.fromkeys((self.licence, self.imagery_licence)))


def read_record(root: Path, *, name: str, site: str) -> DepositRecord:
    """Read a published release's own description.

    Args:   site: address of the site, `https://host/`.
    Raises: InvalidContents (the manifest cannot be read), OSError, KeyError.
    """
    manifest = read_manifest(root)
    said: dict[str, Any] = json.loads((root / layout.RELEASE).read_text(encoding="utf-8"))
    lists = [
        FileEntry(name, (root / name).stat().st_size, file_sha256(root / name))
        for name in (layout.MANIFEST, layout.SUMS)
    ]
    return DepositRecord(
        root=root,
        name=name,
        campaign=said["campaign"]["slug"],
        version=said["version"],
        title=said["title"],
        description=said["description"],
        publisher=said["publisher"],
        published_on=said["published_on"][:10],
        vintage=int(said["layer"]["vintage"]),
        licence=said["licence"],
        imagery_licence=said["layer"]["licence"],
        attribution=said["attribution"],
        page=f"{site.rstrip('/')}/releases/{name}/",
        code_url=said.get("code_url"),
        manifest_sha256=manifest.sha256,
        files=(*manifest.files, *lists),
    )


def licence_sentence(licence: str) -> str:
    """A licence in plain words with the address of its text."""
    href = licence_href(licence)
    return licence_name(licence) if licence == OTHER or href is None else f"{licence_name(licence)} ({href})"


def paragraphs(record: DepositRecord) -> list[str]:
    """What the release is, in French and English, as plain paragraphs."""
    french, english = record.description.get("fr", ""), record.description.get("en", "")
    return [
        *dict.fromkeys(text for text in (french, english) if text),
        f"Annotations, masques, modèles et cartes : {licence_sentence(record.licence)}. "
        f"Imagerie : {licence_sentence(record.imagery_licence)}. {record.attribution}",
        f"Annotations, masks, models and maps: {licence_sentence(record.licence)}. "
        f"Imagery: {licence_sentence(record.imagery_licence)}. {record.attribution}",
        f"Version {record.version}. Page: {record.page} SHA-256 of manifest.json: {record.manifest_sha256}",
    ]


def as_html(record: DepositRecord) -> str:
    """The paragraphs for a target that takes HTML; whatever the texts hold is escaped."""
    return "".join(f"<p>{html.escape(text)}</p>" for text in paragraphs(record))
