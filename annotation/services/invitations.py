"""Invitations: a link, used once, that gives a role in a campaign or a place in a team."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models.functions import Now

from annotation.errors import InvitationUnusable, TooManyInvitations, TooManyTokens, UserError
from annotation.models import AuditEntry, Campaign, Invitation, Membership, Team
from annotation.services.audit import record_change
from annotation.services.clock import database_now
from annotation.services.people import highest, own_role, set_role
from annotation.services.teams import join_team

if TYPE_CHECKING:
    from django.contrib.auth.models import User

VALID_FOR = timedelta(days=7)
MOST_A_DAY = 100  # made by one person, withdrawn ones included: each may have been a mail
MOST_OPEN = 50  # of one person: an invitation by e-mail must not become a way to send mail to anyone


@dataclass(frozen=True, slots=True)
class Invited:
    """A new invitation with its secret, which is shown or sent now and never again."""

    invitation: Invitation
    secret: str


@transaction.atomic
def invite(
    *, actor: User, campaign: Campaign | None = None, role: str = "", team: Team | None = None, email: str = ""
) -> Invited:
    """Make an invitation to a campaign in a role, or to a team.

    Raises: UserError (not exactly one of campaign and team), TooManyTokens, TooManyInvitations.
    """
    if (campaign is None) == (team is None) or bool(role) != (campaign is not None):
        raise UserError("An invitation is to a campaign in a role, or to a team: give one of them.")
    get_user_model().objects.select_for_update(no_key=True).get(pk=actor.pk)  # the count below then holds
    if Invitation.objects.open().filter(invited_by=actor).count() >= MOST_OPEN:
        raise TooManyTokens(f"{MOST_OPEN} of your invitations are open: withdraw some, or wait until they are used.")
    day = database_now() - timedelta(days=1)
    if Invitation.objects.filter(invited_by=actor, created_at__gt=day).count() >= MOST_A_DAY:
        raise TooManyInvitations(f"You have made {MOST_A_DAY} invitations in a day: go on tomorrow.")
    secret = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        campaign=campaign,
        role=Membership.Role(role) if role else "",
        team=team,
        email=email,
        digest=digest_of(secret),
        invited_by=actor,
        expires_at=database_now() + VALID_FOR,
    )
    record_change(action=AuditEntry.Action.INVITED, actor=actor, campaign=campaign, team=team, after=role)
    return Invited(invitation=invitation, secret=secret)


def invitation_of(secret: str) -> Invitation:
    """The invitation that a link names, if it can still be used by whoever holds it.

    Raises: InvitationUnusable.
    """
    found = (
        Invitation.objects.open()
        .select_related("campaign", "team", "invited_by")
        .filter(digest=digest_of(secret), invited_by__is_active=True)
        .first()
    )
    if found is None or not may_invite(found.invited_by, campaign=found.campaign, team=found.team):
        raise InvitationUnusable(
            "This invitation was used, withdrawn or has lapsed: ask whoever sent it for a new one."
        )
    return found


@transaction.atomic
def accept_invitation(*, secret: str, user: User) -> Invitation:
    """Use an invitation up: the first to do so has what it offers, and a higher role they have already stays.

    Raises: InvitationUnusable.
    """
    invitation = invitation_of(secret)
    # One statement decides between two people with the same link.
    used = Invitation.objects.open().filter(pk=invitation.pk)
    if not used.update(accepted_at=Now(), accepted_by=user, email=""):
        raise InvitationUnusable("Somebody else has just used this invitation: ask whoever sent it for a new one.")
    if invitation.campaign is not None:
        had = own_role(invitation.campaign, user)
        if highest([role for role in (had, invitation.role) if role]) != had:
            set_role(campaign=invitation.campaign, user=user, role=invitation.role, actor=invitation.invited_by)
    elif invitation.team is not None:
        join_team(team=invitation.team, user=user, actor=invitation.invited_by)
    record_change(
        action=AuditEntry.Action.INVITATION_USED,
        actor=user,
        subject=user,
        campaign=invitation.campaign,
        team=invitation.team,
        after=invitation.role,
    )
    return invitation


@transaction.atomic
def withdraw_invitation(*, invitation: Invitation, actor: User) -> None:
    """Make an open invitation useless. Repeated, it changes nothing."""
    if Invitation.objects.open().filter(pk=invitation.pk).update(revoked_at=Now(), email=""):
        record_change(
            action=AuditEntry.Action.INVITATION_WITHDRAWN,
            actor=actor,
            campaign=invitation.campaign,
            team=invitation.team,
            before=invitation.role,
        )


def may_invite(user: User, *, campaign: Campaign | None, team: Team | None) -> bool:
    """Whether a person may invite to this campaign or team, now."""
    if campaign is not None:
        return Campaign.objects.maintained_by(user).filter(pk=campaign.pk).exists()
    return team is not None and Team.objects.managed_by(user).filter(pk=team.pk).exists()


def forget_lapsed_addresses() -> int:
    """Empty the addresses of invitations that can no longer be used; returns how many."""
    return Invitation.objects.exclude(email="").filter(expires_at__lte=Now()).update(email="")


def digest_of(secret: str) -> str:
    """What is kept of a secret. It has 256 random bits, so no slow hash is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()
