"""People: their public face, and their roles in campaigns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from annotation.models import Campaign, Contributor, Membership

if TYPE_CHECKING:
    from django.contrib.auth.models import User


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


def set_role(*, campaign: Campaign, user: User, role: str) -> Membership:
    """Give a person a role in a campaign, replacing the one they had."""
    membership, _created = Membership.objects.update_or_create(
        campaign=campaign, user=user, defaults={"role": Membership.Role(role)}
    )
    return membership


def role_in(*, campaign: Campaign, user: User) -> str | None:
    """The person's role; anyone signed in may annotate, nobody anonymous may."""
    if user.is_anonymous:
        return None
    if user.is_superuser:
        return Membership.Role.MAINTAINER.value
    membership = Membership.objects.filter(campaign=campaign, user=user).first()
    return membership.role if membership else Membership.Role.ANNOTATOR.value
