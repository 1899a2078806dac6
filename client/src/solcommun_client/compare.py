"""What changed from one release to another: files, and labels by class."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from solcommun_client.check import read_manifest
from solcommun_client.download import PARTS, fetch_file, fetch_manifest, files_address
from solcommun_client.manifest import FileEntry, Manifest
from solcommun_client.web import Web

LABELS = "annotations/annotations.parquet"


@dataclass(frozen=True, slots=True)
class LabelChanges:
    """Labels (a polygon of an annotation) counted by class code.

    `reclassed` counts pairs (before, after); `reshaped` kept its class and has another outline.
    """

    added: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    reclassed: Counter[tuple[str, str]] = field(default_factory=Counter)
    reshaped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Difference:
    """Paths by what happened to them, sorted; `labels` is None when they could not be compared (no pyarrow)."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    labels: LabelChanges | None

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.added or self.removed or self.changed)


def compare(before: str | Path, after: str | Path, *, web: Web | None = None) -> Difference:
    """What changed from one release to another, each a folder or an address.

    Files are compared by the digests of the manifests (a folder is not read again: `verify` does that), labels where
    both releases have them and pyarrow is installed.

    Raises: Refused, Unreachable.
    """
    web = web or Web()
    first, second = _manifest(web, before), _manifest(web, after)
    old = {entry.path: entry for entry in first.files}
    new = {entry.path: entry for entry in second.files}
    changed = tuple(sorted(p for p in old.keys() & new.keys() if old[p].sha256 != new[p].sha256))
    labels = None
    if LABELS in old and LABELS in new and find_spec("pyarrow") is not None:
        labels = LabelChanges() if LABELS not in changed else _labels(web, (before, old[LABELS]), (after, new[LABELS]))
    return Difference(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed=changed,
        labels=labels,
    )


def _is_address(place: str | Path) -> bool:
    return isinstance(place, str) and "://" in place


def _manifest(web: Web, place: str | Path) -> Manifest:
    return fetch_manifest(web, str(place)) if _is_address(place) else read_manifest(Path(place))


def _labels(web: Web, before: tuple[str | Path, FileEntry], after: tuple[str | Path, FileEntry]) -> LabelChanges:
    from solcommun_client.rows import label_changes

    with tempfile.TemporaryDirectory(prefix="solcommun-") as kept:
        paths = []
        for name, (place, entry) in (("before", before), ("after", after)):
            root = Path(place)
            if _is_address(place):
                root = Path(kept) / name
                (root / PARTS).mkdir(parents=True)
                fetch_file(web, files_address(str(place)), entry, root, lambda _: None)
            paths.append(root / LABELS)
        return label_changes(paths[0], paths[1])
