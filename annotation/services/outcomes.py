"""What reviewers made of one person's labels, class by class: whether a class came through as drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST_VERDICTS = 200
# A class was corrected on a tile where the reviewer changed, took away or added a shape of it: shapes keep their ids.
BY_CLASS = """
WITH verdict AS (
    SELECT review.id, review.verdict, review.revision_id, review.corrected_id, campaign.nomenclature_id
    FROM annotation_review review
    JOIN annotation_annotation annotation ON annotation.id = review.annotation_id
    JOIN annotation_tile tile ON tile.id = annotation.tile_id
    JOIN annotation_campaign campaign ON campaign.id = tile.campaign_id
    WHERE review.author_id = %(author)s
    ORDER BY review.created_at DESC, review.id DESC
    LIMIT %(most)s
), shape AS (
    SELECT verdict.id, feature.revision_id = verdict.revision_id AS own, feature.feature_id, feature.class_code,
        feature.geometry::bytea AS ground
    FROM verdict JOIN annotation_annotatedfeature feature
        ON feature.revision_id = verdict.revision_id OR feature.revision_id = verdict.corrected_id
), corrected AS (
    SELECT id, class_code FROM shape JOIN verdict USING (id) WHERE verdict.verdict = 'correct'
    GROUP BY id, feature_id, class_code, ground HAVING count(*) = 1
), met AS (
    SELECT id, class_code FROM shape WHERE own UNION SELECT id, class_code FROM corrected
)
SELECT verdict.nomenclature_id, met.class_code, count(*),
    count(*) FILTER (WHERE verdict.verdict = 'correct' AND EXISTS (
        SELECT 1 FROM corrected WHERE corrected.id = met.id AND corrected.class_code = met.class_code)),
    count(*) FILTER (WHERE verdict.verdict = 'send_back')
FROM met JOIN verdict USING (id)
GROUP BY verdict.nomenclature_id, met.class_code
"""


@dataclass(frozen=True, slots=True)
class ClassOutcome:
    """Verdicts on tiles that hold a class, in the author's labels or in the reviewer's.

    Args:
        judged: all of them.
        corrected: those where the reviewer changed, took away or added a shape of the class.
        sent_back: those that came back; a tile that does counts for every class drawn on it.
    """

    judged: int
    corrected: int
    sent_back: int

    @property
    def as_drawn(self) -> int:
        """Those where the class was accepted as its author drew it."""
        return self.judged - self.corrected - self.sent_back


def outcomes_by_class(user: User) -> Mapping[tuple[int, str], ClassOutcome]:
    """Of this person's last MOST_VERDICTS verdicts, by nomenclature id and class code."""
    with connection.cursor() as cursor:
        cursor.execute(BY_CLASS, {"author": user.pk, "most": MOST_VERDICTS})
        return {(nomenclature, code): ClassOutcome(*counts) for nomenclature, code, *counts in cursor.fetchall()}
