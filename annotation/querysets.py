"""The questions one may ask. Whatever a person may not see is not in the answer (404, never 403)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Exists, OuterRef, Q

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from annotation.models import (  # noqa: F401
        Annotation,
        Campaign,
        ImageryLayer,
        Job,
        PlaceReport,
        Territory,
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

    def maintained_by(self, user: Person) -> CampaignQuerySet:
        """Campaigns where this person may start training, publish and change settings."""
        if user.is_anonymous:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(memberships__user=user, memberships__role="maintainer")

    def reviewed_by(self, user: Person) -> CampaignQuerySet:
        """Campaigns where this person may review."""
        if user.is_anonymous:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(memberships__user=user, memberships__role__in=["reviewer", "maintainer"])


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
        reviewed = Q(
            tile__campaign__memberships__user=user,
            tile__campaign__memberships__role__in=["reviewer", "maintainer"],
        ) & ~Q(state="draft")
        return self.filter(Q(annotator=user) | reviewed).distinct()

    def to_review_by(self, user: Person) -> AnnotationQuerySet:
        """Submissions waiting for a verdict this person may give: never their own."""
        return self.readable_by(user).filter(state="submitted").exclude(annotator=user.pk)

    def usable_as_labels(self) -> AnnotationQuerySet:
        """Accepted annotations of people who held the tile, but for those that an accepted correction stands in for;
        extra contributions are kept but do not count.
        """
        counted = self.filter(state="accepted", head__isnull=False, is_extra=False)
        return counted.exclude(superseded_by__state="accepted")


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
        return self.filter(
            Q(owner=user) | Q(campaign__memberships__user=user, campaign__memberships__role="maintainer")
        ).distinct()


class TerritoryQuerySet(models.QuerySet["Territory"]):
    """Territories are public; who answers for one is `stewarded_by`."""

    def stewarded_by(self, user: Person) -> TerritoryQuerySet:
        """Territories that this person looks after."""
        if user.is_anonymous:
            return self.none()
        return self.filter(stewardships__user=user)


class PlaceReportQuerySet(models.QuerySet["PlaceReport"]):
    """Reports are public to read, without who made them; who may handle one is `handled_by`."""

    def waiting(self) -> PlaceReportQuerySet:
        """Reports without an answer yet."""
        return self.filter(state__in=["new", "assigned", "drawing"])

    def corrected(self) -> PlaceReportQuerySet:
        """Reports whose correction no release contains yet."""
        return self.filter(state="answered", answer="fixed")

    def handled_by(self, user: Person) -> PlaceReportQuerySet:
        """Reports that this person may assign and answer: on the territories they look after, in the campaigns they
        maintain, and on the control tiles of those they review.
        """
        if user.is_anonymous:
            return self.none()
        if user.is_superuser:
            return self
        from annotation.models import Campaign, Territory

        mine = Territory.objects.stewarded_by(user).filter(boundary__intersects=OuterRef("place"))
        return self.filter(
            Exists(mine)
            | Q(campaign__in=Campaign.objects.maintained_by(user).values("pk"))
            | ~Q(tile__role="pool") & Q(campaign__in=Campaign.objects.reviewed_by(user).values("pk"))
        )
