"""What a revert writes, each step one statement over all its rows. Called by annotation.services.reverts.

Locks are taken in the order of annotation.services.queue: person, annotation, ticket, lease, tile, report, mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection

# Scope of a revert, as conditions on one row of work; each part that is not given holds for everything.
_SCOPE = """
    (%(account)s::bigint IS NULL OR {person} = %(account)s)
    AND (%(campaign)s::bigint IS NULL OR t.campaign_id = %(campaign)s)
    AND (%(since)s::timestamptz IS NULL OR {at} >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR {at} < %(until)s)
    AND (%(area)s::geometry IS NULL OR ST_Intersects(t.footprint, %(area)s))
"""
# Under a revert of the same account already, or for a batch under another batch: done once. Under one of the other
# kind it is set aside once more, so that undoing one revert never brings back what another one took.
_NOT_YET = """
    NOT EXISTS (
        SELECT 1 FROM annotation_revertitem known JOIN annotation_revert r ON r.id = known.revert_id
        WHERE {known} AND r.undone_at IS NULL AND r.account_id IS NOT DISTINCT FROM %(account)s
    )
"""
_HANDED_IN = "COALESCE(a.submitted_at, a.created_at)"


def _scoped(statement: str, *, person: str, at: str, known: str = "") -> str:
    """A statement of ours with the scope's conditions written out for its columns."""
    scope = _SCOPE.format(person=person, at=at).strip()
    return statement.replace("[scope]", scope).replace("[not yet]", _NOT_YET.format(known=known).strip())


LOCK_LABELS = _scoped(
    """
SELECT a.id FROM annotation_annotation a JOIN annotation_tile t ON t.id = a.tile_id
WHERE [scope]
ORDER BY a.id FOR UPDATE OF a
""",
    person="a.annotator_id",
    at=_HANDED_IN,
)

LABELS = _scoped(
    """
INSERT INTO annotation_revertitem
    (revert_id, kind, tile_id, annotation_id, lease_id, ticket_id, state_before, decided_before)
SELECT %(revert)s, 'labels', a.tile_id, a.id, COALESCE(earlier.lease_id, l.id), COALESCE(earlier.ticket_id, k.id),
       COALESCE(earlier.state_before, a.state), COALESCE(earlier.decided_before, a.decided_at)
FROM annotation_annotation a
JOIN annotation_tile t ON t.id = a.tile_id
LEFT JOIN annotation_lease l ON l.tile_id = a.tile_id AND l.annotator_id = a.annotator_id AND l.purpose = 'draw'
    AND l.state IN ('active', 'kept', 'done')
LEFT JOIN annotation_ticket k ON k.id = l.ticket_id AND k.state IN ('leased', 'done') AND NOT a.is_extra
LEFT JOIN LATERAL (
    SELECT i.state_before, i.decided_before, i.lease_id, i.ticket_id
    FROM annotation_revertitem i JOIN annotation_revert r ON r.id = i.revert_id
    WHERE i.annotation_id = a.id AND i.kind = 'labels' AND r.undone_at IS NULL ORDER BY i.id LIMIT 1
) earlier ON true
WHERE a.head_id IS NOT NULL
  AND [scope]
  AND [not yet]
ORDER BY a.id
""",
    person="a.annotator_id",
    at=_HANDED_IN,
    known="known.kind = 'labels' AND known.annotation_id = a.id",
)

VERDICTS = _scoped(
    """
INSERT INTO annotation_revertitem (revert_id, kind, tile_id, batch_id, state_before)
SELECT %(revert)s, 'verdicts', b.tile_id, b.id, ''
FROM annotation_validationbatch b JOIN annotation_tile t ON t.id = b.tile_id
WHERE [scope]
  AND [not yet]
ORDER BY b.created_at, b.id
""",
    person="b.annotator_id",
    at="b.created_at",
    known="known.batch_id = b.id",
)

CHANGE_ANSWERS = _scoped(
    """
INSERT INTO annotation_revertitem (revert_id, kind, tile_id, change_answer_id, state_before)
SELECT %(revert)s, 'change', c.tile_id, a.id, ''
FROM annotation_changeanswer a
JOIN annotation_changecell c ON c.id = a.cell_id
JOIN annotation_tile t ON t.id = c.tile_id
WHERE a.taken_back_at IS NULL
  AND [scope]
  AND [not yet]
ORDER BY a.id
""",
    person="a.annotator_id",
    at="a.created_at",
    known="known.kind = 'change' AND known.change_answer_id = a.id",
)

# Places whose answers no longer count are asked again, of others.
OPEN_CHANGE_TICKETS = """
UPDATE annotation_changeticket k SET state = 'open', holder_id = NULL, held_until = NULL
FROM annotation_revertitem i
JOIN annotation_changeanswer a ON a.id = i.change_answer_id
JOIN annotation_changeround r ON true
WHERE i.revert_id = %(revert)s AND i.kind = 'change' AND k.id = a.ticket_id AND k.holder_id = a.annotator_id
  AND r.id = k.round_id AND r.closed_at IS NULL AND k.state <> 'void'
"""

REVIEWS = _scoped(
    """
INSERT INTO annotation_revertitem
    (revert_id, kind, tile_id, annotation_id, review_id, state_before, decided_before)
SELECT %(revert)s, 'review', a.tile_id, a.id, v.id, a.state, a.decided_at
FROM annotation_review v
JOIN annotation_annotation a ON a.id = v.annotation_id
JOIN annotation_tile t ON t.id = a.tile_id
WHERE [scope]
  AND [not yet]
ORDER BY v.id
""",
    person="v.reviewer_id",
    at="v.created_at",
    known="known.review_id = v.id",
)

REPORTS = _scoped(
    """
INSERT INTO annotation_revertitem (revert_id, kind, tile_id, lease_id, state_before)
SELECT %(revert)s, 'report', l.tile_id, l.id, l.release_reason
FROM annotation_lease l JOIN annotation_tile t ON t.id = l.tile_id
WHERE l.release_reason = 'bad_imagery'
  AND [scope]
ORDER BY l.id
""",
    person="l.annotator_id",
    at="l.granted_at",
)

LOCK_REVIEWED = """
SELECT a.id FROM annotation_annotation a
JOIN annotation_revertitem i ON i.annotation_id = a.id AND i.kind = 'review'
WHERE i.revert_id = %(revert)s ORDER BY a.id FOR UPDATE OF a
"""

LOCK_REVERTED = """
SELECT a.id FROM annotation_annotation a
WHERE a.id IN (SELECT annotation_id FROM annotation_revertitem WHERE revert_id = %(revert)s)
ORDER BY a.id FOR UPDATE OF a
"""

SET_ASIDE = """
UPDATE annotation_annotation a SET state = 'reverted', shown_to_id = NULL, shown_until = NULL
FROM annotation_revertitem i
WHERE i.revert_id = %(revert)s AND i.kind = 'labels' AND i.annotation_id = a.id AND a.state <> 'reverted'
"""

# Labels that no revert holds any more are again what they were.
BRING_BACK = """
UPDATE annotation_annotation a SET state = i.state_before, decided_at = i.decided_before
FROM annotation_revertitem i
WHERE i.revert_id = %(revert)s AND i.kind = 'labels' AND i.annotation_id = a.id AND a.state = 'reverted'
  AND NOT EXISTS (
      SELECT 1 FROM annotation_revertitem other JOIN annotation_revert r ON r.id = other.revert_id
      WHERE other.annotation_id = a.id AND other.kind = 'labels' AND r.undone_at IS NULL
  )
"""

# Labels that were taken for the truth and are not trusted any more say nothing of anybody.
RETIRE_GOLD = """
UPDATE annotation_goldtile g SET retired_at = COALESCE(g.retired_at, now()), faulty = true
FROM annotation_revertitem i JOIN annotation_annotationrevision r ON r.annotation_id = i.annotation_id
WHERE i.revert_id = %(revert)s AND i.kind = 'labels' AND g.revision_id = r.id AND NOT g.faulty
"""

# The latest review that counts decides; labels whose every review was set aside wait for one again.
FOLLOW_REVIEWS = """
UPDATE annotation_annotation a SET state = now.state, decided_at = now.decided_at
FROM (
    SELECT a.id, last.created_at AS decided_at,
           CASE WHEN last.verdict = 'accept' THEN 'accepted'
                WHEN last.verdict = 'send_back' AND NOT EXISTS (
                    SELECT 1 FROM annotation_secondopinion o WHERE o.disputes_id = last.id
                ) THEN 'sent_back'
                ELSE 'submitted' END AS state
    FROM annotation_annotation a
    JOIN LATERAL (
        SELECT COALESCE(h.stands_for_id, h.id) AS drawn_id FROM annotation_annotationrevision h WHERE h.id = a.head_id
    ) head ON true
    LEFT JOIN LATERAL (
        SELECT v.id, v.verdict, v.created_at FROM annotation_review v
        JOIN annotation_annotationrevision r ON r.id = v.revision_id
        WHERE v.annotation_id = a.id AND COALESCE(r.stands_for_id, r.id) = head.drawn_id AND NOT EXISTS (
            SELECT 1 FROM annotation_revertitem i JOIN annotation_revert r ON r.id = i.revert_id
            WHERE i.review_id = v.id AND r.undone_at IS NULL
        )
        ORDER BY v.created_at DESC, v.id DESC LIMIT 1
    ) last ON true
    WHERE a.id IN (SELECT annotation_id FROM annotation_revertitem WHERE revert_id = %(revert)s)
      AND a.state IN ('accepted', 'sent_back', 'submitted')
      AND EXISTS (
          SELECT 1 FROM annotation_review v JOIN annotation_annotationrevision r ON r.id = v.revision_id
          WHERE v.annotation_id = a.id AND COALESCE(r.stands_for_id, r.id) = head.drawn_id
      )
) now
WHERE now.id = a.id AND (a.state, a.decided_at) IS DISTINCT FROM (now.state, now.decided_at)
"""

OPEN_TICKETS = """
UPDATE annotation_ticket k SET state = 'open', leased_until = NULL
FROM annotation_revertitem i
JOIN annotation_tile t ON t.id = i.tile_id
JOIN annotation_lease l ON l.id = i.lease_id AND l.state IN ('active', 'kept', 'done')
WHERE i.revert_id = %(revert)s AND i.kind = 'labels' AND i.ticket_id = k.id AND l.ticket_id = k.id
  AND k.state IN ('leased', 'done') AND t.state <> 'unusable'
  AND NOT EXISTS (SELECT 1 FROM annotation_goldtile g WHERE g.tile_id = t.id)
"""
FREE_LEASES = """
UPDATE annotation_lease l SET
    state = 'released', release_reason = CASE l.state WHEN 'kept' THEN 'left' ELSE l.release_reason END
FROM annotation_revertitem i
WHERE i.revert_id = %(revert)s AND i.kind = 'labels' AND i.lease_id = l.id AND l.state IN ('active', 'kept', 'done')
"""
# A blocked person holds no tile, whether they began it or not.
OPEN_HELD_TICKETS = """
UPDATE annotation_ticket k SET state = 'open', leased_until = NULL
FROM annotation_lease l
WHERE l.ticket_id = k.id AND l.annotator_id = %(account)s AND l.state IN ('active', 'kept') AND k.state = 'leased'
"""
LOWER_MARKS_TO_HELD = """
UPDATE annotation_queuemark m SET open_rank = LEAST(m.open_rank, low.rank)
FROM (
    SELECT k.campaign_id, min(k.rank) AS rank FROM annotation_ticket k JOIN annotation_lease l ON l.ticket_id = k.id
    WHERE l.annotator_id = %(account)s AND k.state = 'open' GROUP BY k.campaign_id
) low
WHERE low.campaign_id = m.campaign_id
"""
FREE_HELD_LEASES = """
UPDATE annotation_lease SET state = 'released', release_reason = 'left'
WHERE annotator_id = %(account)s AND state IN ('active', 'kept')
"""
LOWER_MARKS = """
UPDATE annotation_queuemark m SET open_rank = LEAST(m.open_rank, low.rank)
FROM (
    SELECT k.campaign_id, min(k.rank) AS rank
    FROM annotation_revertitem i JOIN annotation_ticket k ON k.id = i.ticket_id
    WHERE i.revert_id = %(revert)s AND k.state = 'open' GROUP BY k.campaign_id
) low
WHERE low.campaign_id = m.campaign_id
"""
DROP_REPORTS = """
UPDATE annotation_lease l SET release_reason = 'skip'
FROM annotation_revertitem i
WHERE i.revert_id = %(revert)s AND i.kind = 'report' AND i.lease_id = l.id
"""
BRING_REPORTS_BACK = """
UPDATE annotation_lease l SET release_reason = i.state_before
FROM annotation_revertitem i
WHERE i.revert_id = %(revert)s AND i.kind = 'report' AND i.lease_id = l.id
  AND NOT EXISTS (
      SELECT 1 FROM annotation_revertitem other JOIN annotation_revert r ON r.id = other.revert_id
      WHERE other.lease_id = l.id AND other.kind = 'report' AND r.undone_at IS NULL
  )
"""
# Where nobody has taken the tile meanwhile; where somebody has, both count.
CLOSE_TICKETS = """
UPDATE annotation_ticket k SET state = 'done'
FROM annotation_revertitem i JOIN annotation_annotation a ON a.id = i.annotation_id
WHERE i.revert_id = %(revert)s AND i.ticket_id = k.id AND k.state = 'open'
  AND a.state IN ('accepted', 'submitted', 'sent_back')
"""
KEEP_LEASES = """
UPDATE annotation_lease l SET state = 'done'
FROM annotation_revertitem i JOIN annotation_annotation a ON a.id = i.annotation_id
WHERE i.revert_id = %(revert)s AND i.kind = 'labels' AND i.lease_id = l.id AND l.state = 'released'
  AND a.state IN ('accepted', 'submitted', 'sent_back')
"""

# Two people at least must still call a tile's imagery unusable for it to stay so.
RETIRE_OR_NOT = """
UPDATE annotation_tile t SET state = CASE WHEN said.people >= %(reports)s THEN 'unusable' ELSE 'open' END
FROM (
    SELECT i.tile_id, count(DISTINCT l.annotator_id) AS people
    FROM annotation_revertitem i
    LEFT JOIN annotation_lease l ON l.tile_id = i.tile_id AND l.release_reason = 'bad_imagery'
    WHERE i.revert_id = %(revert)s AND i.kind = 'report' GROUP BY i.tile_id
) said
WHERE said.tile_id = t.id AND t.role = 'pool'
  AND ((t.state = 'unusable' AND said.people < %(reports)s) OR (t.state = 'open' AND said.people >= %(reports)s))
"""


def run(statements: Sequence[str], values: dict[str, Any]) -> int:
    """Run statements in order; returns how many rows the last one touched."""
    touched = 0
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, values)
            touched = cursor.rowcount
    return touched
