"""The audit log: who changed what anyone may do, in the transaction that changed it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from annotation.models import AuditEntry, Campaign, Team

if TYPE_CHECKING:
    from django.contrib.auth.models import User

#: Id of the request being answered, set by the site's middleware; empty in jobs and commands.
request_id: ContextVar[str] = ContextVar("request_id", default="")


def record_change(
    *,
    action: str,
    actor: User | None,
    subject: User | None = None,
    campaign: Campaign | None = None,
    team: Team | None = None,
    before: str = "",
    after: str = "",
) -> AuditEntry:
    """Add an entry. `before` and `after` are codes (a role, scopes), never names, addresses or secrets."""
    return AuditEntry.objects.create(
        action=AuditEntry.Action(action),
        actor=actor,
        subject=subject,
        campaign=campaign,
        team=team,
        before=before[:60],
        after=after[:60],
        request_id=request_id.get(),
    )
