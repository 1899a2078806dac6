"""Published releases: complete or absent, never changed (docs/adr/0010)."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import models
from django.db.models import Q


class ReleaseQuerySet(models.QuerySet["Release"]):
    """Releases."""

    def public(self) -> ReleaseQuerySet:
        """Releases anyone may see and download."""
        return self.filter(state="published")

    def named(self, name: str) -> Release | None:
        """The published release named "campaign-1.2.0", or "1.2.0" while only one campaign has it."""
        found = list(self.public().filter(Q(folder=name) | Q(version=name))[:3])
        exact = [release for release in found if release.folder == name]
        return exact[0] if exact else found[0] if len(found) == 1 else None


class Release(models.Model):
    """One versioned bundle of a campaign's labels, dataset, model and maps."""

    class State(models.TextChoices):
        STAGING = "staging"
        PUBLISHED = "published"
        FAILED = "failed"

    campaign = models.ForeignKey("annotation.Campaign", on_delete=models.PROTECT, related_name="releases")
    version = models.CharField(max_length=30)
    title = models.CharField(max_length=200)
    notes = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.STAGING)
    folder = models.CharField(max_length=200, unique=True)  # relative to RELEASES_DIR
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    artefacts = models.PositiveIntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)
    summary = models.JSONField(default=dict)  # counts and figures shown on the landing page
    trained_model = models.ForeignKey(
        "learning.TrainedModel", null=True, blank=True, on_delete=models.PROTECT, related_name="releases"
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)

    objects = ReleaseQuerySet.as_manager()

    class Meta:
        ordering = ["-published_at", "-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "version"], condition=~Q(state="failed"), name="release_version_unique"
            ),
            models.CheckConstraint(
                condition=~Q(state="published") | (~Q(manifest_sha256="") & Q(published_at__isnull=False)),
                name="release_published_has_manifest",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign.slug} {self.version}"

    @property
    def path(self) -> Path:
        """Where the release's files lie."""
        return Path(settings.RELEASES_DIR) / self.folder

    @property
    def doi(self) -> str:
        """DOI that the release is cited by, "" without one; a list of releases prefetches `deposits`."""
        return next((deposit.citable_doi for deposit in self.deposits.all() if deposit.citable_doi), "")
