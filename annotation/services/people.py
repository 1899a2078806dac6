"""People: their public face, and their roles in campaigns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from annotation.core.credit_name import checked_credit_name
from annotation.errors import ConsentRequired, LastMaintainer
from annotation.models import AuditEntry, Campaign, Contributor, Membership, TeamRole
from annotation.services.audit import record_change

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.contrib.auth.models import User

#: The higher role covers the lower ones.
ROLES = (Membership.Role.ANNOTATOR, Membership.Role.REVIEWER, Membership.Role.MAINTAINER)


def contributor_of(user: User) -> Contributor:
    """The person's public face, made at first need."""
    contributor, _created = Contributor.objects.get_or_create(user=user)
    return contributor


def accept_contribution_licence(*, user: User) -> Contributor:
    """Record that this person gives their contributions under the platform's licence."""
    contributor = contributor_of(user)
    if contributor.licence_accepted_at is None:
        contributor.licence_accepted_at = timezone.now()
        contributor.save(update_fields=["licence_accepted_at"])
    return contributor


def set_credit_name(*, user: User, name: str) -> Contributor:
    """Say under which name releases made from now on thank this person; an empty name: none.

    The name stands in a list of names, never beside the random id or the labels.

    Raises: InvalidCreditName.
    """
    contributor = contributor_of(user)
    contributor.credit_name = checked_credit_name(name) if name.strip() else ""
    contributor.save(update_fields=["credit_name"])
    return contributor


def require_consent(user: User, *, told: str) -> None:
    """Every contribution is given under the platform's licence; `told` says so of this one, with the next step.

    Raises: ConsentRequired.
    """
    if contributor_of(user).licence_accepted_at is None:
        raise ConsentRequired(told)


@transaction.atomic
def set_role(*, campaign: Campaign, user: User, role: str, actor: User | None = None) -> Membership:
    """Give a person a role of their own in a campaign, replacing the one they had.

    Raises: LastMaintainer.
    """
    lock_roles(campaign)
    before = own_role(campaign, user)
    membership, _created = Membership.objects.update_or_create(
        campaign=campaign, user=user, defaults={"role": Membership.Role(role)}
    )
    if before != role:
        if before == Membership.Role.MAINTAINER:
            require_maintainer(campaign)
        record_change(
            action=AuditEntry.Action.ROLE_SET, actor=actor, subject=user, campaign=campaign, before=before, after=role
        )
    return membership


@transaction.atomic
def remove_role(*, campaign: Campaign, user: User, actor: User | None) -> None:
    """Take a person's own role in a campaign away; they may go on labelling. Repeated, it changes nothing.

    Raises: LastMaintainer.
    """
    lock_roles(campaign)
    before = own_role(campaign, user)
    if not before:
        return
    Membership.objects.filter(campaign=campaign, user=user).delete()
    if before == Membership.Role.MAINTAINER:
        require_maintainer(campaign)
    record_change(
        action=AuditEntry.Action.ROLE_REMOVED, actor=actor, subject=user, campaign=campaign, before=before, after=""
    )


def lock_roles(campaign: Campaign) -> None:
    """Let changes of a campaign's roles follow each other: two maintainers cannot remove each other at once."""
    Campaign.objects.select_for_update(no_key=True).order_by().values_list("pk").get(pk=campaign.pk)


def require_maintainer(campaign: Campaign) -> None:
    """After a change that took one away: somebody who may sign in still maintains the campaign.

    Raises: LastMaintainer.
    """
    role = Membership.Role.MAINTAINER
    left = get_user_model().objects.filter(
        Q(memberships__campaign=campaign, memberships__role=role)
        | Q(team_memberships__team__roles__campaign=campaign, team_memberships__team__roles__role=role),
        is_active=True,
    )
    if not left.exists():
        raise LastMaintainer(
            f"{campaign.title} would have no maintainer left: make somebody else a maintainer first.",
            details={"campaign": campaign.slug},
        )


def own_role(campaign: Campaign, user: User) -> str:
    """The role that a person has by themselves, not through a team; empty when none."""
    return Membership.objects.filter(campaign=campaign, user=user).values_list("role", flat=True).first() or ""


def role_in(*, campaign: Campaign, user: User) -> str | None:
    """The person's role, their own or a team's; anyone signed in may annotate, nobody anonymous may."""
    if user.is_anonymous:
        return None
    if user.is_superuser:
        return Membership.Role.MAINTAINER.value
    own = Membership.objects.filter(campaign=campaign, user=user).values_list("role", flat=True)
    by_team = TeamRole.objects.filter(campaign=campaign, team__memberships__user=user).values_list("role", flat=True)
    return highest([Membership.Role.ANNOTATOR, *own.union(by_team)])


def roles_of(user: User) -> dict[str, str]:
    """Campaign slug → the role this person has there, their own or a team's."""
    own = Membership.objects.filter(user=user).values_list("campaign__slug", "role")
    by_team = TeamRole.objects.filter(team__memberships__user=user).values_list("campaign__slug", "role")
    found: dict[str, list[str]] = {}
    for slug, role in own.union(by_team):
        found.setdefault(slug, []).append(role)
    return {slug: highest(roles) for slug, roles in sorted(found.items())}


def highest(roles: Iterable[str]) -> str:
    """Of several roles, the one that covers the others."""
    return str(max(roles, key=[role.value for role in ROLES].index))
