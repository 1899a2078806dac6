"""Published releases: complete or absent, never changed (docs/adr/0010), at most withdrawn (docs/adr/0049)."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

WITHDRAWN_SUFFIX = ".withdrawn"


class ReleaseQuerySet(models.QuerySet["Release"]):
    """Releases."""

    def public(self) -> ReleaseQuerySet:
        """Releases anyone may see, those that were withdrawn and give no files any more included."""
        return self.filter(state="published").defer("frozen")

    def standing(self) -> ReleaseQuerySet:
        """Releases anyone may download: published, and not withdrawn."""
        return self.public().filter(yanked_at__isnull=True)

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

    class View(models.TextChoices):
        OWN = ""
        NATIONAL = "national"

    campaign = models.ForeignKey("annotation.Campaign", on_delete=models.PROTECT, related_name="releases")
    version = models.CharField(max_length=30)
    # National: a theme's own classes are published as the national ones that they refine (docs/adr/0060).
    view = models.CharField(max_length=10, choices=View.choices, default=View.OWN, blank=True)
    title = models.CharField(max_length=200)
    notes = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.STAGING)
    folder = models.CharField(max_length=200, unique=True)  # relative to RELEASES_DIR
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    artefacts = models.PositiveIntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)
    summary = models.JSONField(default=dict)  # counts and figures shown on the landing page
    # learning.release.frozen.Frozen: all that it is made of but its labels, kept once (database trigger); empty before
    # its job begins, and for releases that were published before there was this.
    frozen = models.JSONField(default=dict, blank=True)
    trained_model = models.ForeignKey(
        "learning.TrainedModel", null=True, blank=True, on_delete=models.PROTECT, related_name="releases"
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)
    # What a maintainer wrote of what changed, by language; empty: told from the facts alone when it is made.
    texts = models.JSONField(default=dict, blank=True)
    # Withdrawn: the page says so, the files are gone for readers, manifest and checksums stay.
    yanked_at = models.DateTimeField(null=True, blank=True)
    yank_reason = models.CharField(max_length=500, blank=True)
    yanked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    files_removed_at = models.DateTimeField(null=True, blank=True)

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
            models.CheckConstraint(
                condition=Q(yanked_at__isnull=True, files_removed_at__isnull=True)
                | (Q(state="published", yanked_at__isnull=False) & ~Q(yank_reason="")),
                name="release_withdrawn_says_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign.slug} {self.version}"

    @property
    def is_frozen(self) -> bool:
        """Whether what it holds is fixed; it can be built again only then."""
        return bool(self.frozen)

    @property
    def path(self) -> Path:
        """Where the release's files lie; a withdrawn one's where no web server looks for releases."""
        name = self.folder if self.yanked_at is None else f"{self.folder}{WITHDRAWN_SUFFIX}"
        return Path(settings.RELEASES_DIR) / name

    @property
    def doi(self) -> str:
        """DOI that the release is cited by, "" without one; a list of releases prefetches `deposits`."""
        return next((deposit.citable_doi for deposit in self.deposits.all() if deposit.citable_doi), "")


class ReleasedCredit(models.Model):
    """A person as a release names them, for as long as the account is there; what was published keeps the name."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="credits")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=60)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["release", "person"], name="credited_once_a_release")]

    def __str__(self) -> str:
        return f"{self.name} in {self.release}"


class ReleasedLabel(models.Model):
    """An accepted annotation at the revision that a release holds. Rows are written once (database trigger).

    Places are those of the whole tile, also where the label is of a quarter (`part` 1 to 4, 0 = whole).
    """

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="labels")
    annotation = models.ForeignKey("annotation.Annotation", on_delete=models.PROTECT, related_name="releases")
    revision = models.ForeignKey("annotation.AnnotationRevision", on_delete=models.PROTECT, related_name="releases")
    tile = models.ForeignKey("annotation.Tile", on_delete=models.PROTECT, related_name="+")  # the whole one
    tile_row = models.PositiveIntegerField()
    tile_col = models.PositiveIntegerField()
    part = models.PositiveSmallIntegerField()
    role = models.CharField(max_length=8)  # of the tile: pool or holdout
    reviewed_on = models.DateField(null=True, blank=True)  # the day of decided_at in universal time
    decided_at = models.DateTimeField(null=True, blank=True)
    image_date = models.DateField(null=True, blank=True)  # when most of the tile's ground was photographed
    licence = models.CharField(max_length=30)
    # {class: intersection over union between two people of the tile}, where several labelled it and it was counted.
    agreement = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["release", "annotation"], name="released_label_once_a_release"),
            models.CheckConstraint(condition=~Q(licence=""), name="released_label_has_licence"),
            models.CheckConstraint(condition=Q(role__in=["pool", "holdout"]), name="released_label_of_pool_or_holdout"),
        ]
        indexes = [
            models.Index(fields=["release", "tile_row", "tile_col", "annotation"], name="released_label_in_order"),
        ]

    def __str__(self) -> str:
        return f"revision {self.revision_id} in {self.release}"


class ReleasedPatch(models.Model):
    """A correction of an earlier vintage that a release holds, as it stood. Rows are written once (database trigger).

    Ground, licence and day are the patch's own and never change; the classes are kept, since a change of classes may
    give them other codes, and so are the answers that say so, since their authors may take them back.
    """

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="patches")
    patch = models.ForeignKey("annotation.Patch", on_delete=models.PROTECT, related_name="releases")
    wrong_code = models.CharField(max_length=60)
    right_code = models.CharField(max_length=60)
    answer_ids = ArrayField(models.BigIntegerField())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["release", "patch"], name="released_patch_once_a_release"),
            models.CheckConstraint(condition=~Q(wrong_code=F("right_code")), name="released_patch_corrects_something"),
        ]

    def __str__(self) -> str:
        return f"patch {self.patch_id} in {self.release}"
