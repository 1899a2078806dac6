"""The revisions that led to what a release holds: what was handed in or corrected, in order, and what became of it.

Drafts that were saved and never handed in are their author's; so are comments. A revision is told by its number, the
day it was saved and its author's random number. All of it follows from rows that are only ever added and from the
revision released, so that a rebuild finds the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from django.db import connection

from learning.release.licences import carried_licences

if TYPE_CHECKING:
    from learning.services.release_contents import PublishedLabel

_LABELS_AT_ONCE = 5_000
# The last verdict tells, of a revision that was judged more than once. Without one its author took it back and drew on.
_STEPS = """
SELECT r.annotation_id, r.id, r.number, r.author_id, r.licence, (r.created_at AT TIME ZONE 'UTC')::date,
    (verdict.created_at AT TIME ZONE 'UTC')::date,
    CASE verdict.verdict WHEN 'send_back' THEN 'sent_back' WHEN 'correct' THEN 'corrected' ELSE 'replaced' END
FROM unnest(%s::bigint[], %s::int[]) AS label (annotation, number)
JOIN annotation_annotationrevision r ON r.annotation_id = label.annotation AND r.number <= label.number
LEFT JOIN LATERAL (
    SELECT v.verdict, v.created_at FROM annotation_review v
    WHERE v.revision_id IN (r.id, r.stands_for_id) ORDER BY v.id DESC LIMIT 1
) verdict ON true
WHERE r.licence = ANY(%s) AND EXISTS (SELECT FROM annotation_annotatedfeature f WHERE f.revision_id = r.id)
    -- Classes were others before they changed: releases of that time tell of it (docs/adr/0056).
    AND NOT EXISTS (SELECT FROM annotation_annotatedfeature f WHERE f.revision_id = r.id AND f.class_code <> ALL(%s))
ORDER BY r.annotation_id, r.number
"""


def released_history(labels: Sequence[PublishedLabel], *, licence: str, codes: Sequence[str]) -> list[PublishedLabel]:
    """The labels of a release, each behind those of its earlier revisions that their author gave under a licence that a
    release under `licence` may carry. Their `state` is sent_back, corrected (a reviewer's own followed), replaced (its
    author drew on before a verdict) or, of the last, accepted; `reviewed_on` is the day of the last verdict on it.

    Args:   codes: classes that the release's labels may have; a revision with another one is left out.
    """
    return list(_history(labels, carried_licences(licence), list(codes)))


def _history(labels: Sequence[PublishedLabel], carried: list[str], codes: list[str]) -> Iterator[PublishedLabel]:
    for start in range(0, len(labels), _LABELS_AT_ONCE):
        some = labels[start : start + _LABELS_AT_ONCE]
        changed = {label.annotation_id: label for label in some if label.revision_number > 1}
        steps: dict[int, list[PublishedLabel]] = {annotation: [] for annotation in changed}
        with connection.cursor() as cursor:
            numbers = [label.revision_number for label in changed.values()]
            cursor.execute(_STEPS, [list(changed), numbers, carried, codes])
            for annotation, revision, number, author, given, saved, judged, state in cursor.fetchall():
                label = replace(changed[annotation], annotator_id=author)
                if revision != label.revision_id:
                    label = replace(
                        label, revision_id=revision, revision_number=number, licence=given, saved_on=saved,
                        reviewed_on=judged, state=state, agreement={},
                    )  # fmt: skip
                steps[annotation].append(label)
        for label in some:
            yield from steps.get(label.annotation_id, [label])
