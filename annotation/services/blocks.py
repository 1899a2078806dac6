"""Blocking an account: it signs in no more, holds no tile, and what it still sends is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db.models.functions import Now

from annotation.errors import AccountBlocked
from annotation.models import Contributor
from annotation.services.clock import database_now
from annotation.services.people import contributor_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def block_account(*, account: User, actor: User | None, reason: str) -> bool:
    """Block an account and end its sessions; False when it was blocked already. Called in a transaction.

    Waits for what the account is writing at this moment (annotation.services.limits holds the same row), so that
    whoever reads its work next sees all of it. Undone by `lift_block`.
    """
    contributor_of(account)
    changed = Contributor.objects.filter(user=account, blocked_at__isnull=True).update(
        blocked_at=database_now(), blocked_by=actor, blocked_reason=reason[:500]
    )
    if not changed:
        return False
    account.is_active = False
    account.save(update_fields=["is_active"])
    _end_sessions(account)
    return True


def lift_block(*, account: User) -> None:
    """Let an account work again; it signs in anew."""
    Contributor.objects.filter(user=account).update(blocked_at=None, blocked_by=None, blocked_reason="")
    account.is_active = True
    account.save(update_fields=["is_active"])


def refuse_blocked(contributor: Contributor) -> None:
    """Raises: AccountBlocked."""
    if contributor.blocked_at is not None:
        why = contributor.blocked_reason or "no reason was given"
        raise AccountBlocked(
            f"This account was blocked on {contributor.blocked_at:%Y-%m-%d}: {why}. Its work is kept and does not "
            "count. Write to the operator of this site if this is a mistake."
        )


def _end_sessions(account: User) -> None:
    # A session's owner is inside its signed text: each has to be read.
    own = [
        session.pk
        for session in Session.objects.filter(expire_date__gt=Now()).iterator()
        if session.get_decoded().get(SESSION_KEY) == str(account.pk)
    ]
    Session.objects.filter(pk__in=own).delete()
