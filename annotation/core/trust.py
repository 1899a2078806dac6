"""How far a person's work is believed, from what became of it."""

from __future__ import annotations

from dataclasses import dataclass

NEWCOMER, CONTRIBUTOR, TRUSTED = 0, 1, 2
TRUSTED_POINTS = 30
# A tile whose labels are known and were failed says more than one that a reviewer sent back to be finished.
COST_OF_SENT_BACK, COST_OF_GOLD_FAILED = 1, 2


@dataclass(frozen=True, slots=True)
class Record:
    """What became of a person's work in a campaign.

    Args:
        accepted: tiles of theirs that a reviewer accepted. sent_back: times one was sent back.
        gold_passed, gold_failed: tiles with known labels, judged by those.
        vouched: level that a maintainer gave them at the start.
        flagged: the sequential test on gold tiles says that they answer carelessly or to harm.
    """

    accepted: int = 0
    sent_back: int = 0
    gold_passed: int = 0
    gold_failed: int = 0
    vouched: int = NEWCOMER
    flagged: bool = False

    @property
    def points(self) -> int:
        """Tiles that speak for them less what speaks against; below 0 for whoever has more of the latter."""
        against = COST_OF_SENT_BACK * self.sent_back + COST_OF_GOLD_FAILED * self.gold_failed
        return self.accepted + self.gold_passed - against


def level_of(record: Record, *, first_reviewed: int) -> int:
    """The level earned: contributor from `first_reviewed` points on, trusted from TRUSTED_POINTS on.

    It is lost as it was earned: by tiles sent back and gold tiles failed. Whoever the test flags is a newcomer, vouched
    for or not. Where no tile of a newcomer is reviewed (`first_reviewed` 0) everyone begins as a contributor.
    """
    if record.flagged:
        return NEWCOMER
    earned = NEWCOMER
    if record.points >= first_reviewed:
        earned = CONTRIBUTOR
    if record.points >= max(TRUSTED_POINTS, first_reviewed):
        earned = TRUSTED
    return max(earned, record.vouched)


def tiles_to_next_level(record: Record, *, first_reviewed: int) -> int | None:
    """Accepted tiles that are missing to the next level; None at the highest, or when flagged."""
    level = level_of(record, first_reviewed=first_reviewed)
    if record.flagged or level == TRUSTED:
        return None
    wanted = first_reviewed if level == NEWCOMER else max(TRUSTED_POINTS, first_reviewed)
    return wanted - record.points
