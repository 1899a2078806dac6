"""Teams: who is in one, and what it may do in a campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction

from annotation.errors import Conflict, NameTaken, NotThere
from annotation.models import AuditEntry, Campaign, Membership, Team, TeamMember, TeamRole
from annotation.services.audit import record_change
from annotation.services.people import lock_roles, require_maintainer

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@transaction.atomic
def make_team(*, name: str, actor: User) -> Team:
    """A new team, managed by whoever makes it.

    Raises: NameTaken.
    """
    try:
        with transaction.atomic():
            team = Team.objects.create(name=name.strip())
    except IntegrityError:
        raise NameTaken(f"There is a team {name.strip()!r} already: choose another name.") from None
    TeamMember.objects.create(team=team, user=actor, manages=True)
    record_change(action=AuditEntry.Action.TEAM_MADE, actor=actor, subject=actor, team=team)
    return team


@transaction.atomic
def join_team(*, team: Team, user: User, actor: User) -> TeamMember:
    """Put a person into a team. Repeated, it changes nothing."""
    member, created = TeamMember.objects.get_or_create(team=team, user=user)
    if created:
        record_change(action=AuditEntry.Action.TEAM_JOINED, actor=actor, subject=user, team=team)
    return member


@transaction.atomic
def leave_team(*, team: Team, user: User, actor: User | None) -> None:
    """Take a person out of a team. Repeated, it changes nothing.

    Raises: Conflict (nobody would manage it any more), LastMaintainer (of a campaign that the team maintains).
    """
    maintained = campaigns_maintained_by(team)
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    if not TeamMember.objects.filter(team=team, user=user).delete()[0]:
        return
    if not TeamMember.objects.filter(team=team, manages=True).exists():
        raise Conflict(f"Nobody would manage {team.name} any more: let another member manage it first.")
    for campaign in maintained:
        require_maintainer(campaign)
    record_change(action=AuditEntry.Action.TEAM_LEFT, actor=actor, subject=user, team=team)


@transaction.atomic
def let_manage(*, team: Team, user: User, actor: User) -> None:
    """Let a member say who is in the team.

    Raises: NotThere.
    """
    if not TeamMember.objects.filter(team=team, user=user).update(manages=True):
        raise NotThere(f"This person is not in {team.name}: invite them first.")
    record_change(action=AuditEntry.Action.TEAM_JOINED, actor=actor, subject=user, team=team, after="manages")


@transaction.atomic
def set_team_role(*, campaign: Campaign, team: Team, role: str, actor: User) -> TeamRole:
    """Give every member of a team, now and later, a role in a campaign.

    Raises: LastMaintainer.
    """
    lock_roles(campaign)
    before = TeamRole.objects.filter(campaign=campaign, team=team).values_list("role", flat=True).first() or ""
    given, _created = TeamRole.objects.update_or_create(
        campaign=campaign, team=team, defaults={"role": Membership.Role(role)}
    )
    if before != role:
        if before == Membership.Role.MAINTAINER:
            require_maintainer(campaign)
        record_change(
            action=AuditEntry.Action.TEAM_ROLE_SET, actor=actor, campaign=campaign, team=team, before=before, after=role
        )
    return given


@transaction.atomic
def remove_team_role(*, campaign: Campaign, team: Team, actor: User) -> None:
    """Take a team's role in a campaign away; roles of its members' own stay. Repeated, it changes nothing.

    Raises: LastMaintainer.
    """
    lock_roles(campaign)
    before = TeamRole.objects.filter(campaign=campaign, team=team).values_list("role", flat=True).first() or ""
    if not before:
        return
    TeamRole.objects.filter(campaign=campaign, team=team).delete()
    if before == Membership.Role.MAINTAINER:
        require_maintainer(campaign)
    record_change(action=AuditEntry.Action.TEAM_ROLE_REMOVED, actor=actor, campaign=campaign, team=team, before=before)


def campaigns_maintained_by(team: Team) -> list[Campaign]:
    """Campaigns whose maintainers this team's members are, locked in one order against other changes of roles."""
    found = Campaign.objects.filter(team_roles__team=team, team_roles__role=Membership.Role.MAINTAINER).order_by("pk")
    campaigns = list(found)
    for campaign in campaigns:
        lock_roles(campaign)
    return campaigns
