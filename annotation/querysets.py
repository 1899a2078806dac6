"""The questions one may ask. Whatever a person may not see is not in the answer (404, never 403)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from annotation.models import (  # noqa: F401
        Annotation,
        ApiToken,
        Campaign,
        ImageryLayer,
        Invitation,
        Job,
        Team,
        Validation,
    )

    Person = User | AnonymousUser


class ImageryLayerQuerySet(models.QuerySet["ImageryLayer"]):
    """Imagery layers are public: what is shown on the map may be seen by anyone."""


class CampaignQuerySet(models.QuerySet["Campaign"]):
    """Campaigns are public to read; what a person may do is `role_of`."""

    def open(self) -> CampaignQuerySet:
        """Campaigns that take contributions."""
        return self.filter(state="open")

    def with_role(self, user: Person, *roles: str) -> CampaignQuerySet:
        """Campaigns where this person has one of these roles, their own or a team's: the one rule of who may what."""
        if user.is_anonymous:
            return self.none()
        if user.is_superuser:
            return self
        held = apps.get_model("annotation", "Membership").objects.filter(user=user, role__in=roles)
        by_team = apps.get_model("annotation", "TeamRole").objects.filter(team__memberships__user=user, role__in=roles)
        return self.filter(Q(pk__in=held.values("campaign")) | Q(pk__in=by_team.values("campaign")))

    def maintained_by(self, user: Person) -> CampaignQuerySet:
        """Campaigns where this person may start training, publish and change settings."""
        return self.with_role(user, "maintainer")

    def reviewed_by(self, user: Person) -> CampaignQuerySet:
        """Campaigns where this person may review."""
        return self.with_role(user, "reviewer", "maintainer")


class AnnotationQuerySet(models.QuerySet["Annotation"]):
    """Annotations."""

    def of(self, user: Any) -> AnnotationQuerySet:
        """This person's own."""
        return self.filter(annotator=user)

    def readable_by(self, user: Person) -> AnnotationQuerySet:
        """One's own, and those of the campaigns one reviews. Others' drafts stay theirs."""
        if user.is_anonymous:
            return self.none()
        if user.is_superuser:
            return self
        campaigns = apps.get_model("annotation", "Campaign").objects.reviewed_by(user)
        reviewed = Q(tile__campaign__in=campaigns.order_by().values("pk")) & ~Q(state="draft")
        return self.filter(Q(annotator=user) | reviewed)

    def to_review_by(self, user: Person) -> AnnotationQuerySet:
        """Submissions waiting for a verdict this person may give: never their own."""
        return self.readable_by(user).filter(state="submitted").exclude(annotator=user.pk)

    def usable_as_labels(self) -> AnnotationQuerySet:
        """Accepted annotations of people who held the tile; extra contributions are kept but do not count."""
        return self.filter(state="accepted", head__isnull=False, is_extra=False)


class ValidationQuerySet(models.QuerySet["Validation"]):
    """Verdicts on a model's polygons."""

    def of(self, user: Any) -> ValidationQuerySet:
        """This person's own."""
        return self.filter(annotator=user)

    def current(self) -> ValidationQuerySet:
        """Of several verdicts by one person on one polygon, the last; by tile, person, model and polygon."""
        one = ["tile_id", "annotator_id", "model_version", "feature_id"]
        return self.order_by(*one, "-pk").distinct(*one)


class JobQuerySet(models.QuerySet["Job"]):
    """Long work."""

    def visible_to(self, user: Person) -> JobQuerySet:
        """One's own jobs, and those of the campaigns one maintains."""
        if user.is_anonymous:
            return self.none()
        if user.is_superuser:
            return self
        campaigns = apps.get_model("annotation", "Campaign").objects.maintained_by(user)
        return self.filter(Q(owner=user) | Q(campaign__in=campaigns.order_by().values("pk")))


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    """Tokens of people's scripts."""

    def of(self, user: Any) -> ApiTokenQuerySet:
        """This person's own."""
        return self.filter(user=user)

    def usable(self) -> ApiTokenQuerySet:
        """Tokens that let a script in now: neither revoked nor lapsed, of an account that may sign in."""
        return self.filter(revoked_at__isnull=True, expires_at__gt=Now(), user__is_active=True)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Invitations to campaigns and teams."""

    def open(self) -> InvitationQuerySet:
        """Invitations that can still be used."""
        return self.filter(accepted_at__isnull=True, revoked_at__isnull=True, expires_at__gt=Now())


class TeamQuerySet(models.QuerySet["Team"]):
    """Teams: who is in one is for its members and for the operator to see."""

    def managed_by(self, user: Person) -> TeamQuerySet:
        """Teams whose members this person may choose."""
        if user.is_anonymous:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(memberships__user=user, memberships__manages=True)

    def readable_by(self, user: Person) -> TeamQuerySet:
        """Teams whose members this person may see: those they are in."""
        if user.is_anonymous:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(memberships__user=user)
