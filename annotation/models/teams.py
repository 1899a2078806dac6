"""Teams of people, what a team may do in a campaign, and invitations to either."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from annotation.models.campaigns import Campaign, Membership
from annotation.querysets import InvitationQuerySet, TeamQuerySet


class Team(models.Model):
    """A named group of people; a person may be in several, a team may have a role in several campaigns."""

    name = models.CharField(max_length=80, unique=True)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="annotation.TeamMember", related_name="teams")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TeamQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class TeamMember(models.Model):
    """A person in a team; those who manage it say who else is."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="team_memberships")
    manages = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="team_member_once")]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"


class TeamRole(models.Model):
    """What every member of a team may do in a campaign, beside any role of their own."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="team_roles")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="roles")
    role = models.CharField(max_length=10, choices=Membership.Role.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "team"], name="team_role_one_a_team")]

    def __str__(self) -> str:
        return f"{self.team} {self.role} in {self.campaign}"


class Invitation(models.Model):
    """A link that gives whoever first opens it, signed in, a role in a campaign or a place in a team.

    Only the hash of its secret is kept, so that a copy of the database lets nobody in.
    """

    campaign = models.ForeignKey(Campaign, null=True, blank=True, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=10, choices=Membership.Role.choices, blank=True)
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(blank=True)  # where it was sent; emptied once it is used, withdrawn or has lapsed
    digest = models.CharField(max_length=64, unique=True)  # SHA-256 of the secret
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(campaign__isnull=False, team__isnull=True) & ~Q(role="")
                | Q(campaign__isnull=True, team__isnull=False, role=""),
                name="invitation_to_a_campaign_or_a_team",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True) | Q(revoked_at__isnull=True), name="invitation_used_or_withdrawn"
            ),
        ]

    def __str__(self) -> str:
        return f"invitation {self.pk}"
