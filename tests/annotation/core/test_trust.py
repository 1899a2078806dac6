"""Levels, worked out by hand."""

from __future__ import annotations

import pytest

from annotation.core.trust import CONTRIBUTOR, NEWCOMER, TRUSTED, Record, level_of, tiles_to_next_level


@pytest.mark.parametrize(
    ("record", "first", "level", "missing"),
    [
        (Record(), 3, NEWCOMER, 3),
        (Record(accepted=2), 3, NEWCOMER, 1),
        (Record(accepted=2, gold_passed=1), 3, CONTRIBUTOR, 27),
        (Record(accepted=3), 3, CONTRIBUTOR, 27),
        (Record(accepted=3, sent_back=1), 3, NEWCOMER, 1),
        (Record(accepted=4, sent_back=1), 3, CONTRIBUTOR, 27),
        (Record(accepted=5, gold_failed=2), 3, NEWCOMER, 2),
        (Record(sent_back=5), 3, NEWCOMER, 8),
        (Record(accepted=30), 3, TRUSTED, None),
        (Record(accepted=31, gold_failed=1), 3, CONTRIBUTOR, 1),
        (Record(accepted=40, flagged=True), 3, NEWCOMER, None),
        (Record(), 0, CONTRIBUTOR, 30),
        (Record(sent_back=1), 0, NEWCOMER, 1),
        (Record(accepted=30), 50, NEWCOMER, 20),
        (Record(vouched=TRUSTED), 3, TRUSTED, None),
        (Record(vouched=TRUSTED, flagged=True), 3, NEWCOMER, None),
        (Record(vouched=CONTRIBUTOR, accepted=1), 3, CONTRIBUTOR, 29),
    ],
)
def test_a_level_is_earned_by_tiles_and_lost_by_them(
    record: Record, first: int, level: int, missing: int | None
) -> None:
    assert level_of(record, first_reviewed=first) == level
    assert tiles_to_next_level(record, first_reviewed=first) == missing
