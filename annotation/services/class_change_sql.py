"""What a change of classes writes, each step one statement over all its rows. Called by services.class_changes."""

from __future__ import annotations

# Heads whoever's they are, and gold references in use: the same rule for all, so that everything agrees afterwards.
ROWS = """
SELECT a.id, r.id, r.id = a.head_id AS is_head, a.state, t.id, t.row, t.col, t.part, t.role, r.features
FROM annotation_annotation a
JOIN annotation_tile t ON t.id = a.tile_id
JOIN annotation_annotationrevision r ON r.annotation_id = a.id AND (r.id = a.head_id OR EXISTS (
    SELECT 1 FROM annotation_goldtile g WHERE g.revision_id = r.id AND g.retired_at IS NULL))
WHERE t.campaign_id = %(campaign)s AND r.features @> ANY(%(touched)s::jsonb[])
ORDER BY a.id, r.id
"""
STAGE = """
CREATE TEMPORARY TABLE class_change_stage (
    annotation_id bigint, before_id bigint PRIMARY KEY, is_head boolean, features jsonb, sha256 text, recoded integer,
    unlabelled integer, unlabelled_m2 double precision
) ON COMMIT DROP;
CREATE TEMPORARY TABLE class_change_by_ground (
    before_id bigint, feature_id text, class_code text, PRIMARY KEY (before_id, feature_id)
) ON COMMIT DROP;
CREATE TEMPORARY TABLE class_change_code (code text PRIMARY KEY, now text) ON COMMIT DROP;
"""
COPY_STAGE = (
    "COPY class_change_stage (annotation_id, before_id, is_head, features, sha256, recoded, unlabelled, unlabelled_m2)"
    " FROM STDIN"
)
# The work stays its author's, under its licence and of its day: a change of classes draws nothing.
REVISIONS = """
WITH made AS (
    INSERT INTO annotation_annotationrevision
        (annotation_id, number, parent_id, author_id, features, sha256, seconds_spent, draft_model, imagery_seen,
         licence, stands_for_id, created_at)
    SELECT s.annotation_id,
           (SELECT max(o.number) FROM annotation_annotationrevision o WHERE o.annotation_id = s.annotation_id)
               + row_number() OVER (PARTITION BY s.annotation_id ORDER BY s.is_head, s.before_id),
           r.id, r.author_id, s.features, s.sha256, 0, r.draft_model, r.imagery_seen, r.licence,
           COALESCE(r.stands_for_id, r.id), r.created_at
    FROM class_change_stage s JOIN annotation_annotationrevision r ON r.id = s.before_id
    ORDER BY s.annotation_id, s.is_head, s.before_id
    RETURNING id, annotation_id, parent_id
)
INSERT INTO annotation_classchangeitem
    (change_id, annotation_id, before_id, after_id, is_back, state_before, decided_before, recoded,
     unlabelled, unlabelled_m2)
SELECT %(change)s, made.annotation_id, made.parent_id, made.id, %(is_back)s, a.state, a.decided_at, s.recoded,
       s.unlabelled, s.unlabelled_m2
FROM made
JOIN class_change_stage s ON s.before_id = made.parent_id
JOIN annotation_annotation a ON a.id = made.annotation_id
ORDER BY made.annotation_id, made.id
"""
POLYGONS = """
INSERT INTO annotation_annotatedfeature
    (revision_id, feature_id, class_code, provenance, geometry, ground_web, area_m2)
SELECT i.after_id, f.feature_id, COALESCE(g.class_code, CASE WHEN c.code IS NULL THEN f.class_code ELSE c.now END),
       f.provenance, f.geometry, f.ground_web, f.area_m2
FROM annotation_classchangeitem i
JOIN class_change_stage s ON s.before_id = i.before_id
JOIN annotation_annotatedfeature f ON f.revision_id = i.before_id
LEFT JOIN class_change_by_ground g ON g.before_id = i.before_id AND g.feature_id = f.feature_id
LEFT JOIN class_change_code c ON c.code = f.class_code
WHERE i.change_id = %(change)s AND i.is_back = %(is_back)s AND COALESCE(
    g.class_code, CASE WHEN c.code IS NULL THEN f.class_code ELSE c.now END) IS NOT NULL
ORDER BY i.annotation_id, f.id
"""
HEADS = """
UPDATE annotation_annotation a SET head_id = r.id, version = r.number
FROM annotation_classchangeitem i
JOIN class_change_stage s ON s.before_id = i.before_id AND s.is_head
JOIN annotation_annotationrevision r ON r.id = i.after_id
WHERE i.change_id = %(change)s AND i.is_back = %(is_back)s AND a.id = i.annotation_id AND a.head_id = i.before_id
"""
# Where nothing is left there is nothing to count: it is its author's draft again, as if they had taken it back.
EMPTIED = """
UPDATE annotation_annotation a SET state = 'draft', decided_at = NULL, shown_to_id = NULL, shown_until = NULL
FROM annotation_classchangeitem i JOIN annotation_annotationrevision r ON r.id = i.after_id
WHERE i.change_id = %(change)s AND i.is_back = %(is_back)s AND a.head_id = r.id AND r.features = '[]'
  AND a.state IN ('submitted', 'accepted', 'sent_back')
RETURNING a.tile_id
"""
# A reference never changes: another one takes its place, in the new classes, unless nothing is left of it.
GOLD = """
WITH old AS (
    UPDATE annotation_goldtile g SET retired_at = now()
    FROM annotation_classchangeitem i
    WHERE i.change_id = %(change)s AND i.is_back = %(is_back)s AND g.revision_id = i.before_id AND g.retired_at IS NULL
    RETURNING g.id, g.tile_id, g.marked_by_id, g.note, i.after_id
), new AS (
    INSERT INTO annotation_goldtile (tile_id, revision_id, marked_by_id, marked_at, note, retired_at, faulty)
    SELECT old.tile_id, old.after_id, old.marked_by_id, now(), old.note, NULL, false
    FROM old JOIN annotation_annotationrevision r ON r.id = old.after_id WHERE r.features <> '[]'
    RETURNING tile_id
)
SELECT old.id, old.tile_id FROM old WHERE old.tile_id NOT IN (SELECT tile_id FROM new)
"""

# --- taking a change back -----------------------------------------------------------------------------------

HEADS_BACK = """
UPDATE annotation_annotation a SET
    head_id = r.id, version = r.number,
    state = CASE WHEN a.state = 'draft' THEN i.state_before ELSE a.state END,
    decided_at = CASE WHEN a.state = 'draft' AND i.state_before = 'accepted' THEN i.decided_before ELSE a.decided_at END
FROM annotation_classchangeitem i JOIN annotation_annotationrevision r ON r.id = i.before_id
WHERE i.change_id = %(change)s AND NOT i.is_back AND a.id = i.annotation_id AND a.head_id = i.after_id
RETURNING a.tile_id
"""
GOLD_BACK = """
WITH new AS (
    UPDATE annotation_goldtile g SET retired_at = now()
    FROM annotation_classchangeitem i
    WHERE i.change_id = %(change)s AND NOT i.is_back AND g.revision_id = i.after_id AND g.retired_at IS NULL
    RETURNING g.tile_id, g.marked_by_id, g.note, i.before_id
)
INSERT INTO annotation_goldtile (tile_id, revision_id, marked_by_id, marked_at, note, retired_at, faulty)
SELECT tile_id, before_id, marked_by_id, now(), note, NULL, false FROM new
"""
# Those of which nothing was left.
GOLD_AGAIN = """
INSERT INTO annotation_goldtile (tile_id, revision_id, marked_by_id, marked_at, note, retired_at, faulty)
SELECT g.tile_id, g.revision_id, g.marked_by_id, now(), g.note, NULL, false
FROM annotation_goldtile g
WHERE g.id = ANY(%(golds)s) AND NOT EXISTS (
    SELECT 1 FROM annotation_goldtile o WHERE o.tile_id = g.tile_id AND o.retired_at IS NULL)
RETURNING tile_id
"""
# What a shape was before, where it was there before: its class then is known, whatever others became.
CLASSES_BEFORE = """
SELECT i.annotation_id, f->>'id', f->>'class_code'
FROM annotation_classchangeitem i
JOIN annotation_annotation a ON a.id = i.annotation_id AND a.head_id <> i.after_id
JOIN annotation_annotationrevision r ON r.id = i.before_id
CROSS JOIN LATERAL jsonb_array_elements(r.features) f
WHERE i.change_id = %(change)s AND NOT i.is_back
"""
SINCE = """
SELECT count(*) FROM annotation_classchangeitem i
JOIN annotation_annotation a ON a.id = i.annotation_id
JOIN annotation_annotationrevision r ON r.id = i.after_id
WHERE i.change_id = %(change)s AND NOT i.is_back AND a.head_id <> i.after_id
  AND EXISTS (SELECT 1 FROM annotation_annotationrevision h WHERE h.id = a.head_id AND h.number > r.number)
"""
