"""Every place where a row names an account: what a person is given of it, and what becomes of it when they leave.

A test compares this list with the database's foreign keys, so that a new one is decided on when it is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from django.apps import apps


@dataclass(frozen=True, slots=True)
class PersonalRows:
    """Rows that name an account by one foreign key.

    Attributes:
        given: fields that go into the person's export, an allow-list: a secret is never given by oversight.
        withheld: why nothing is given, where `given` is empty.
        deleted: whether the rows go with the account; the others keep its number, which then says nothing.
    """

    given: tuple[str, ...] = ()
    withheld: str = ""
    deleted: bool = False


TILE = ("tile_id", "tile__campaign__slug", "tile__row", "tile__col", "tile__part")

#: "app.Model.field" → what is done with the rows.
ROWS: dict[str, PersonalRows] = {
    "account.EmailAddress.user": PersonalRows(("email", "verified", "primary"), deleted=True),
    "mfa.Authenticator.user": PersonalRows(("type", "created_at", "last_used_at"), deleted=True),
    "socialaccount.SocialAccount.user": PersonalRows(
        ("provider", "uid", "last_login", "date_joined", "extra_data"), deleted=True
    ),
    "admin.LogEntry.user": PersonalRows(("action_time", "content_type__model", "object_id", "action_flag")),
    "annotation.AnnotationRevision.author": PersonalRows(
        ("annotation_id", "number", "seconds_spent", "draft_model", "imagery_seen", "licence", "sha256", "created_at")
    ),
    "annotation.Annotation.annotator": PersonalRows(
        ("id", *TILE, "state", "version", "is_extra", "submitted_at", "decided_at", "created_at")
    ),
    "annotation.Annotation.shown_to": PersonalRows(withheld="for some minutes: who looks at somebody else's work"),
    "annotation.ApiToken.user": PersonalRows(
        ("name", "prefix", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at"), deleted=True
    ),
    "annotation.AuditEntry.actor": PersonalRows(("at", "action", "campaign__slug", "before", "after")),
    "annotation.AuditEntry.subject": PersonalRows(("at", "action", "campaign__slug", "before", "after")),
    "annotation.Campaign.created_by": PersonalRows(("slug", "title", "created_at")),
    "annotation.ChangeAnswer.annotator": PersonalRows(
        (
            "cell_id",
            "cell__tile__campaign__slug",
            "cell__tile__row",
            "cell__tile__col",
            "verdict",
            "first_code",
            "second_code",
            "seconds",
            "licence",
            "created_at",
            "taken_back_at",
        )
    ),
    "annotation.ChangeOffer.annotator": PersonalRows(
        ("ticket_id", "ticket__tile__campaign__slug", "ticket__tile__row", "ticket__tile__col", "offered_at")
    ),
    "annotation.ChangeReview.reviewer": PersonalRows(
        ("cell_id", "verdict", "first_code", "second_code", "comment", "licence", "created_at")
    ),
    "annotation.ChangeRound.opened_by": PersonalRows(("campaign__slug", "number", "opened_at", "closed_at")),
    "annotation.ChangeTicket.holder": PersonalRows((*TILE, "round__number", "state", "held_until", "copies_all")),
    "annotation.Contributor.blocked_by": PersonalRows(withheld="a decision on somebody else's account"),
    "annotation.Contributor.user": PersonalRows(
        ("public_id", "language", "licence_accepted_at", "blocked_at", "blocked_reason", "credit_name")
    ),
    "annotation.Correction.reviewer": PersonalRows(("revision_id", "version", "features", "saved_at"), deleted=True),
    # Which tiles are gold stays unknown to those who are measured by them: figures by class are on My work.
    "annotation.GoldOutcome.annotator": PersonalRows(withheld="would tell which tiles are gold"),
    "annotation.GoldTile.marked_by": PersonalRows(("tile_id", "marked_at", "note", "retired_at")),
    "annotation.HourlyUse.user": PersonalRows(("action", "used", "since"), deleted=True),
    "annotation.ImageryLayer.created_by": PersonalRows(("slug", "title", "created_at")),
    "annotation.Invitation.accepted_by": PersonalRows(("campaign__slug", "role", "team__name", "accepted_at")),
    "annotation.Invitation.invited_by": PersonalRows(
        ("campaign__slug", "role", "team__name", "created_at", "expires_at", "accepted_at", "revoked_at"), deleted=True
    ),
    "annotation.Job.owner": PersonalRows(("id", "kind", "state", "created_at", "finished_at")),
    "annotation.Lease.annotator": PersonalRows(
        (*TILE, "purpose", "state", "granted_at", "expires_at", "release_reason", "comment")
    ),
    "annotation.Membership.user": PersonalRows(("campaign__slug", "role"), deleted=True),
    "annotation.Operation.actor": PersonalRows(("id", "kind", "annotation_id", "version", "created_at")),
    "annotation.PlaceReport.assigned_to": PersonalRows(("public_id", "campaign__slug", "state", "created_at")),
    "annotation.PlaceReport.reporter": PersonalRows(
        ("public_id", "campaign__slug", "class_code", "comment", "state", "answer", "release", "created_at")
    ),
    "annotation.PriorityArea.created_by": PersonalRows(("campaign__slug", "name", "created_at", "ended_at")),
    "annotation.ReportEvent.actor": PersonalRows(("report__public_id", "kind", "role", "words", "created_at")),
    "annotation.ClassChange.made_by": PersonalRows(("campaign__slug", "plan", "reason", "created_at")),
    "annotation.ClassChange.reversed_by": PersonalRows(("campaign__slug", "reversed_at")),
    "annotation.Revert.account": PersonalRows(
        ("campaign__slug", "since", "until", "blocks", "reason", "made_at", "undone_at")
    ),
    "annotation.Revert.made_by": PersonalRows(("campaign__slug", "since", "until", "blocks", "reason", "made_at")),
    "annotation.Revert.undone_by": PersonalRows(("campaign__slug", "undone_at", "undo_reason")),
    "annotation.Review.author": PersonalRows(("annotation_id", "verdict", "reason", "comment", "created_at")),
    "annotation.Review.reviewer": PersonalRows(
        ("annotation_id", "verdict", "reason", "comment", "licence", "created_at")
    ),
    "annotation.SecondOpinion.asked_by": PersonalRows(("annotation_id", "comment", "created_at")),
    "annotation.Standing.user": PersonalRows(
        ("campaign__slug", "level", "accepted", "sent_back", "vouched_level", "updated_at"), deleted=True
    ),
    "annotation.Standing.vouched_by": PersonalRows(withheld="a decision on somebody else"),
    "annotation.Stewardship.user": PersonalRows(("territory__kind", "territory__code", "given_at"), deleted=True),
    "annotation.TeamMember.user": PersonalRows(("team__name", "manages"), deleted=True),
    "annotation.TileOffer.annotator": PersonalRows((*TILE, "ahead", "offered_at")),
    "annotation.TrustAlarm.resolved_by": PersonalRows(withheld="a decision on somebody else's work"),
    "annotation.TrustAlarm.subject": PersonalRows(("campaign__slug", "kind", "opened_at", "resolution"), deleted=True),
    "annotation.UsageSource.imported_by": PersonalRows(("layer__slug", "kind", "source", "imported_at", "ended_at")),
    "annotation.Validation.annotator": PersonalRows(
        (
            *TILE,
            "model_version",
            "feature_id",
            "shown_class",
            "verdict",
            "class_code",
            "seconds",
            "licence",
            "created_at",
        )
    ),
    "annotation.ValidationBatch.annotator": PersonalRows(("id", *TILE, "model_version", "finished", "created_at")),
    "annotation.VintagePair.created_by": PersonalRows(("first__slug", "second__slug", "created_at")),
}


def personal_rows() -> dict[str, PersonalRows]:
    """What every app says of its rows, by "app.Model.field"."""
    found: dict[str, PersonalRows] = {}
    for label in ("annotation", "learning"):
        if apps.is_installed(apps.get_app_config(label).name):
            found.update(import_module(f"{label}.personal_rows").ROWS)
    return found
