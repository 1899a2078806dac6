"""Labels of two releases held against each other. Needs pyarrow (`pip install 'solcommun-client[rows]'`)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from solcommun_client.compare import LabelChanges
from solcommun_client.errors import Refused
from solcommun_client.words import say

COLUMNS = ("annotation_id", "feature_id", "class_code", "geometry")
Label = tuple[str, bytes]  # class code, digest of the outline


def label_changes(before: Path, after: Path) -> LabelChanges:
    """Count what changed between two GeoParquet files of annotations. A label is one feature of one annotation.

    About 200 bytes of memory a label of the older file.

    Raises: Refused (a file that cannot be read as one of annotations).
    """
    labels = dict(_labels(before))
    changes = LabelChanges()
    for key, (code, outline) in _labels(after):
        old = labels.pop(key, None)
        if old is None:
            changes.added[code] += 1
        elif old[0] != code:
            changes.reclassed[old[0], code] += 1
        elif old[1] != outline:
            changes.reshaped[code] += 1
    changes.removed.update(code for code, _ in labels.values())
    return changes


def _labels(path: Path) -> Iterator[tuple[tuple[str, str], Label]]:
    """((annotation, feature), (class code, digest of the outline)) of each row; the outline is compared as its WKB."""
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=list(COLUMNS), batch_size=8192):
                annotations, features, codes, shapes = (batch.column(name).to_pylist() for name in COLUMNS)
                for annotation, feature, code, shape in zip(annotations, features, codes, shapes, strict=True):
                    yield (annotation, feature), (code, hashlib.blake2b(shape, digest_size=16).digest())
    except (OSError, ValueError, KeyError) as error:  # pyarrow's own errors are of these
        raise Refused(f"{path}: {say('missing or unreadable')} ({type(error).__name__})") from error
