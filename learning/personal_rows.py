"""Where the learning side's rows name an account (`annotation.personal_rows` says what for)."""

from __future__ import annotations

from annotation.personal_rows import PersonalRows

ROWS: dict[str, PersonalRows] = {
    "learning.Deposit.created_by": PersonalRows(("release__folder", "target", "created_at")),
    "learning.ModelOrigin.imported_by": PersonalRows(("trained_model__campaign__slug", "source", "created_at")),
    "learning.Release.created_by": PersonalRows(("campaign__slug", "version", "published_at")),
    "learning.Release.yanked_by": PersonalRows(("campaign__slug", "version", "yanked_at", "yank_reason")),
    "learning.ReleasedCredit.person": PersonalRows(("release__folder", "name"), deleted=True),
    "learning.ReferenceSample.drawn_by": PersonalRows(("campaign__slug", "kind", "drawn_at")),
    "learning.ReferenceSample.closed_by": PersonalRows(("campaign__slug", "kind", "closed_at")),
    "learning.SampleAnswer.person": PersonalRows(
        ("unit_id", "first_code", "second_code", "sureness", "settles", "seconds", "licence", "answered_at")
    ),
    "learning.TrainingSet.frozen_by": PersonalRows(("campaign__slug", "number", "frozen_at")),
}
