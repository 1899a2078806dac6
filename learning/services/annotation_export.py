"""Published labels read from the database as Arrow batches: by COPY, in ranges, by several readers.

The labels name revisions, which never change (a database trigger sees to it) and whose polygons are written once, so
that ranges may be read one after another and by several connections while people go on, without a snapshot being held
that would keep the database from tidying up. Where a range ends depends on the labels alone: the batches are the same
however many read.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from numpy.typing import NDArray

from annotation.core.side_by_side import side_by_side
from learning.release.annotation_rows import LABELS, ROWS, ROWS_PER_GROUP
from learning.release.errors import InvalidContents

if TYPE_CHECKING:
    from learning.services.release_contents import PublishedLabel

MOST_READERS = 4
MOST_CORNERS = 1_000_000  # of a batch, 16 MB
_LABELS_AT_ONCE = 5_000

_SIZES = """
SELECT revision_id, count(*), sum(ST_NPoints(geometry)) FROM annotation_annotatedfeature
WHERE revision_id = ANY(%s) GROUP BY revision_id
"""
# Rows of reviews are only ever added, and none to a revision once its label is accepted.
_REVIEWS = """
SELECT label.revision, count(*),
    bool_or(v.corrected_id IN (label.revision, own.stands_for_id)),
    bool_or(COALESCE(r.stands_for_id, r.id) = COALESCE(own.stands_for_id, own.id) AND v.verdict = 'accept')
FROM unnest(%s::bigint[], %s::bigint[], %s::int[]) AS label (annotation, revision, number)
JOIN annotation_review v ON v.annotation_id = label.annotation
JOIN annotation_annotationrevision r ON r.id = v.revision_id AND r.number <= label.number
JOIN annotation_annotationrevision own ON own.id = label.revision
GROUP BY label.revision
"""
# A row of columns for some labels instead of a row a polygon: nothing is done polygon by polygon between the database
# and Arrow. For a whole batch at once the database took twice as long, growing and copying values of megabytes.
_COLUMNS = """
COPY (
    SELECT columns.*
    FROM (SELECT %s::bigint[] AS revisions) asked
    CROSS JOIN generate_series(1, cardinality(revisions), 16) AS first
    CROSS JOIN LATERAL (
        SELECT string_agg(feature_id, E'\\n'), string_agg(class_code, E'\\n'), string_agg(provenance, E'\\n'),
               array_agg(octet_length(shape)), string_agg(shape, ''::bytea)
        FROM (
            SELECT f.feature_id, f.class_code, f.provenance,
                   ST_AsBinary(ST_ForcePolygonCCW(f.geometry), 'NDR') AS shape
            FROM unnest(revisions[first:first + 15]) WITH ORDINALITY AS label (revision, nth)
            JOIN annotation_annotatedfeature f ON f.revision_id = label.revision
            ORDER BY label.nth, f.feature_id COLLATE "C"
        ) polygon
    ) columns
    ORDER BY first
) TO STDOUT (FORMAT BINARY)
"""
# PostgreSQL's documented forms: a file's signature, flags and length of what is to be skipped; rows, each its number of
# fields and these with their length before them; -1. An array's number of dimensions, flags, type, length, lower bound.
_FILE_HEADER, _ARRAY_HEADER = 11 + 4 + 4, 5 * 4
_FIELDS, _LENGTH = struct.Struct("!h"), struct.Struct("!i")
_ARRAY_ITEM = np.dtype([("length", ">i4"), ("value", ">i4")])


def annotation_batches(
    labels: Sequence[PublishedLabel], *, contributors: Mapping[int, str], readers: int | None = None
) -> Iterator[pa.RecordBatch]:
    """Features of the labels, as batches of annotation_rows.ROWS in the order of a release.

    Args:   labels: by tile row and column. contributors: public id by annotator. readers: connections that read at
            once; by default as many as there are cores, up to four. Inside a transaction the rows are read by its
            own connection alone, since no other may see them.
    Raises: InvalidContents (a label without a polygon).
    """
    ordered = sorted(labels, key=lambda label: (label.row, label.col, str(label.annotation_id), label.revision_number))
    if connection.in_atomic_block:
        for part, counts in _parts(ordered):
            yield _batch(connection, part, counts, contributors)
        return
    readers = readers or _cores()
    idle: SimpleQueue[BaseDatabaseWrapper] = SimpleQueue()
    opened = [connections.create_connection(connection.alias) for _reader in range(readers)]
    for own in opened:
        own.inc_thread_sharing()  # by one thread at a time
        idle.put(own)
    read = side_by_side(
        lambda part: _batch_of_idle(idle, *part, contributors=contributors), _parts(ordered), threads=readers
    )
    try:
        for _part, batch in read:
            yield batch
    finally:
        read.close()
        for own in opened:
            own.close()


def _cores() -> int:
    return min(MOST_READERS, len(os.sched_getaffinity(0)))


def _parts(labels: Sequence[PublishedLabel]) -> Iterator[tuple[list[PublishedLabel], list[int]]]:
    """Labels that go into a batch together, as many as give a row group and not too many corners; polygons of each."""
    part: list[PublishedLabel] = []
    counts: list[int] = []
    rows = corners = 0
    for start in range(0, len(labels), _LABELS_AT_ONCE):
        some = labels[start : start + _LABELS_AT_ONCE]
        with connection.cursor() as cursor:
            cursor.execute(_SIZES, [[label.revision_id for label in some]])
            sizes = {revision: (count, points) for revision, count, points in cursor.fetchall()}
        for label in some:
            if label.revision_id not in sizes:
                raise InvalidContents(
                    f"revision {label.revision_id} of annotation {label.annotation_id} is accepted and has no polygon "
                    "in the database; restore a backup, or have the tile labelled again"
                )
            count, points = sizes[label.revision_id]
            if part and (rows + count > ROWS_PER_GROUP or corners + points > MOST_CORNERS):
                yield part, counts
                part, counts, rows, corners = [], [], 0, 0
            part.append(label)
            counts.append(count)
            rows, corners = rows + count, corners + points
    if part:
        yield part, counts


def _batch_of_idle(
    idle: SimpleQueue[BaseDatabaseWrapper],
    part: list[PublishedLabel],
    counts: Sequence[int],
    *,
    contributors: Mapping[int, str],
) -> pa.RecordBatch:
    """A batch by a connection that no other reads with; kept open, since to open one costs as much as a batch."""
    own = idle.get_nowait()
    try:
        return _batch(own, part, counts, contributors)
    finally:
        idle.put(own)


def _batch(
    reader: BaseDatabaseWrapper, part: list[PublishedLabel], counts: Sequence[int], contributors: Mapping[int, str]
) -> pa.RecordBatch:
    revisions = [label.revision_id for label in part]
    with reader.cursor() as cursor:
        with cursor.copy(_COLUMNS, [revisions]) as copy:
            *texts, lengths, shapes = zip(*_rows(b"".join(copy)), strict=True)
        cursor.execute(
            _REVIEWS,
            [[label.annotation_id for label in part], revisions, [label.revision_number for label in part]],
        )
        reviews = {revision: found for revision, *found in cursor.fetchall()}
    of_shapes = np.frombuffer(b"".join(array[_ARRAY_HEADER:] for array in lengths), _ARRAY_ITEM)["value"]
    offsets = np.concatenate([np.zeros(1, np.int32), of_shapes.cumsum(dtype=np.int32)])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(shapes))]
    geometry = pa.Array.from_buffers(pa.binary(), len(of_shapes), buffers)
    of_feature = [pa.array(b"\n".join(text).decode().split("\n"), pa.string()) for text in texts]
    rows = [_label_row(label, contributors, reviews.get(label.revision_id)) for label in part]
    nth = np.repeat(np.arange(len(part)), counts)
    repeated = pa.RecordBatch.from_pylist(rows, schema=LABELS).take(pa.array(nth))
    agreement = _agreement(part, nth, of_feature[1])
    return pa.RecordBatch.from_arrays([*repeated.columns, *of_feature, agreement, geometry], schema=ROWS)


def _agreement(part: list[PublishedLabel], nth: NDArray[np.int64], class_codes: pa.StringArray) -> pa.DoubleArray:
    """Of each polygon, how far people agree on its class on its tile; nothing where that was not counted."""
    if not any(label.agreement for label in part):
        return pa.nulls(len(nth), pa.float64())
    pairs = zip(nth.tolist(), class_codes.to_pylist(), strict=True)
    return pa.array([part[label].agreement.get(code) for label, code in pairs], pa.float64())


def _rows(copied: bytes) -> Iterator[list[memoryview]]:
    """The fields of each row of a COPY."""
    at, view = _FILE_HEADER, memoryview(copied)
    while (count := _FIELDS.unpack_from(copied, at)[0]) >= 0:
        at += _FIELDS.size
        fields = []
        for _field in range(count):
            start = at + _LENGTH.size
            at = start + _LENGTH.unpack_from(copied, at)[0]
            fields.append(view[start:at])
        yield fields


def _label_row(label: PublishedLabel, contributors: Mapping[int, str], reviews: Sequence[Any] | None) -> dict[str, Any]:
    count, corrected, accepted = reviews or (0, False, False)
    return {
        "annotation_id": str(label.annotation_id),
        "revision_id": str(label.revision_id),
        "revision_number": label.revision_number,
        "tile_id": str(label.tile_id),
        "tile_row": label.row,
        "tile_col": label.col,
        "role": label.role,
        "saved_on": label.saved_on,
        "state": label.state,
        "review": "corrected" if corrected else "accepted" if accepted else "none",
        "reviews": count,
        "contributor_id": contributors[label.annotator_id],
        "reviewed_on": label.reviewed_on,
        "image_date": label.image_date,
        "licence": label.licence,
    }
