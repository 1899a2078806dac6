"""Who changed what anyone may do. Rows are only ever added (database trigger)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditEntry(models.Model):
    """One change of rights or of an account: numbers and codes only, never a name, an address or a secret.

    Accounts stand as numbers without a constraint, so that an entry outlives what it speaks of and never changes.
    """

    class Action(models.TextChoices):
        ROLE_SET = "role_set", _("role given")
        ROLE_REMOVED = "role_removed", _("role taken away")
        TEAM_MADE = "team_made", _("team made")
        TEAM_ROLE_SET = "team_role_set", _("team's role given")
        TEAM_ROLE_REMOVED = "team_role_removed", _("team's role taken away")
        TEAM_JOINED = "team_joined", _("joined a team")
        TEAM_LEFT = "team_left", _("left a team")
        INVITED = "invited", _("invitation made")
        INVITATION_WITHDRAWN = "invitation_withdrawn", _("invitation withdrawn")
        INVITATION_USED = "invitation_used", _("invitation used")
        TOKEN_MADE = "token_made", _("token made")
        TOKEN_REVOKED = "token_revoked", _("token revoked")
        EXPORTED = "exported", _("personal data exported")
        ERASED = "erased", _("account deleted")
        CLASSES_CHANGED = "classes_changed", _("classes changed")
        CLASSES_REVERSED = "classes_reversed", _("change of classes taken back")
        RELEASE_WITHDRAWN = "release_withdrawn", _("release withdrawn")

    at = models.DateTimeField(auto_now_add=True)
    action = models.CharField(max_length=24, choices=Action.choices)
    # Without an actor it was a command on the machine.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    subject = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    campaign = models.ForeignKey(
        "annotation.Campaign", null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    team = models.ForeignKey(
        "annotation.Team", null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    before = models.CharField(max_length=60, blank=True)
    after = models.CharField(max_length=60, blank=True)
    request_id = models.CharField(max_length=36, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["campaign", "-at"], name="audit_of_campaign"),
            models.Index(fields=["subject", "-at"], name="audit_of_person"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.pk}"
