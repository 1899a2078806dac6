"""Tokens of people's scripts: made, looked up, taken back (docs/adr/0025)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from annotation.errors import TooManyTokens, UserError
from annotation.models import ApiToken, AuditEntry
from annotation.services.audit import record_change
from annotation.services.clock import database_now
from annotation.services.invitations import digest_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MARK = "sol_"  # so that people and scanners for leaked secrets recognise one
SHOWN = len(MARK) + 6
MOST_USABLE = 20
LONGEST_DAYS = 366
SEEN_EVERY = timedelta(minutes=1)  # a busy script does not write a row at each request


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token's row with the token itself, which is shown now and never again."""

    row: ApiToken
    secret: str


@transaction.atomic
def make_token(*, user: User, name: str, scopes: Sequence[str], days: int) -> NewToken:
    """A new token of this person.

    Raises: UserError (no such scope, or a time out of range), TooManyTokens.
    """
    unknown = sorted(set(scopes) - set(ApiToken.Scope.values))
    if unknown or not scopes:
        raise UserError(f"Scopes {unknown or 'none'}: choose among {', '.join(ApiToken.Scope.values)}.")
    if not 1 <= days <= LONGEST_DAYS:
        raise UserError(f"A token for {days} days: choose from 1 to {LONGEST_DAYS}.")
    get_user_model().objects.select_for_update(no_key=True).get(pk=user.pk)  # the count below then holds
    if ApiToken.objects.of(user).usable().count() >= MOST_USABLE:
        raise TooManyTokens(f"You have {MOST_USABLE} usable tokens: revoke one that you no longer need.")
    secret = MARK + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        user=user,
        name=name.strip(),
        prefix=secret[:SHOWN],
        digest=digest_of(secret),
        scopes=[scope for scope in ApiToken.Scope.values if scope in scopes],
        expires_at=database_now() + timedelta(days=days),
    )
    record_change(action=AuditEntry.Action.TOKEN_MADE, actor=user, subject=user, after=" ".join(row.scopes))
    return NewToken(row=row, secret=secret)


def token_of(secret: str) -> ApiToken | None:
    """The usable token that a request carries, its use noted; None when there is none."""
    token = ApiToken.objects.usable().select_related("user").filter(digest=digest_of(secret)).first()
    if token is not None:
        stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=Now() - SEEN_EVERY)
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=Now())
    return token


@transaction.atomic
def revoke_token(*, token: ApiToken, actor: User | None) -> None:
    """Make a token useless at once. Repeated, it changes nothing."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=Now()):
        record_change(
            action=AuditEntry.Action.TOKEN_REVOKED, actor=actor, subject=token.user, before=" ".join(token.scopes)
        )
