"""Labels: append-only revisions of one person's coverage of one tile, and what reviewers said of them."""

from __future__ import annotations

from django.conf import settings
from django.contrib.gis.db import models
from django.contrib.gis.db.models import PolygonField
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from annotation.querysets import AnnotationQuerySet, OfRevisionQuerySet


class ImageryPolygonField(PolygonField):
    """A polygon in whatever CRS its imagery has: stored as it is, never transformed on the way in.

    A type modifier of SRID 0 leaves PostGIS free to hold any; each value carries its own.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs["srid"] = 0
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    def get_placeholder(self, value: object, compiler: object, connection: object) -> str:
        """Pass the value through; Django would wrap it in ST_Transform to SRID 0."""
        return "%s"


class Annotation(models.Model):
    """One person's labels of one tile; the state of the latest revision in the review."""

    class State(models.TextChoices):
        DRAFT = "draft", _("being drawn")
        SUBMITTED = "submitted", _("waiting for review")
        SENT_BACK = "sent_back", _("sent back")
        ACCEPTED = "accepted", _("accepted")
        REVERTED = "reverted", _("set aside")  # kept, and counts for nothing (annotation.models.Revert)
        SPLIT = "split", _("continued in quarters")  # a draft of a tile split since; each quarter has its part of it

    tile = models.ForeignKey("annotation.Tile", on_delete=models.PROTECT, related_name="annotations")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="annotations")
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    version = models.PositiveIntegerField(default=0)
    head = models.ForeignKey(
        "annotation.AnnotationRevision", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    is_extra = models.BooleanField(
        default=False
    )  # saved after its lease was given to someone else: kept, and counted apart
    # A later correction of a reported place, which counts in its stead for as long as it is accepted.
    superseded_by = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="supersedes"
    )
    submitted_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    # A submission shown to one reviewer is not shown to another for a few minutes.
    shown_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    shown_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AnnotationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tile", "annotator"], name="annotation_one_a_person_a_tile"),
            models.CheckConstraint(
                condition=~Q(state__in=["submitted", "accepted"]) | Q(head__isnull=False),
                name="annotation_submitted_has_revision",
            ),
        ]
        indexes = [
            models.Index(fields=["submitted_at"], name="annotation_to_review", condition=Q(state="submitted")),
            models.Index(fields=["annotator", "-created_at"], name="annotation_mine"),
            models.Index(fields=["annotator"], name="annotation_sent_back", condition=Q(state="sent_back")),
            # What was handed in and decided since a moment, whatever became of it.
            models.Index(fields=["submitted_at"], name="annotation_by_handing_in"),
            models.Index(fields=["decided_at"], name="annotation_by_decision"),
        ]

    def __str__(self) -> str:
        return f"{self.annotator} on {self.tile} v{self.version}"


class AnnotationRevision(models.Model):
    """One saved state of an annotation. Rows are only ever added (database trigger)."""

    annotation = models.ForeignKey(Annotation, on_delete=models.PROTECT, related_name="revisions")
    number = models.PositiveIntegerField()
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    features = models.JSONField()  # integer rings in 1/8 pixel (docs/adr/0002)
    sha256 = models.CharField(max_length=64)  # of the features' canonical JSON
    seconds_spent = models.FloatField(default=0.0)
    draft_model = models.CharField(max_length=120, blank=True)  # version of the model whose draft was shown
    imagery_seen = models.JSONField(default=dict, blank=True)  # {"layer": slug, "file": sha256, "views": [names]}
    licence = models.CharField(max_length=30)
    # The same work in other classes (docs/adr/0056): the revision as it was drawn. What was said of one holds for both.
    stands_for = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["annotation", "number"], name="revision_number_unique"),
            models.CheckConstraint(
                condition=Q(number=1, parent__isnull=True) | Q(number__gt=1, parent__isnull=False),
                name="revision_has_its_parent",
            ),
        ]

    def __str__(self) -> str:
        return f"revision {self.number} of annotation {self.annotation_id}"


class AnnotatedFeature(models.Model):
    """A polygon of a submitted revision, in the imagery's CRS, for maps, exports and spatial questions."""

    revision = models.ForeignKey(AnnotationRevision, on_delete=models.CASCADE, related_name="polygons")
    feature_id = models.CharField(max_length=40)
    class_code = models.CharField(max_length=60)
    provenance = models.CharField(max_length=12)
    geometry = ImageryPolygonField()
    ground_web = PolygonField(srid=3857, null=True, blank=True)  # the same on the web grid; null: written before it was
    area_m2 = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["revision", "feature_id"], name="feature_id_unique")]

    def __str__(self) -> str:
        return f"{self.class_code} {self.feature_id}"


class Operation(models.Model):
    """A client's write, by the id the client gave it: sent twice, it happens once."""

    id = models.UUIDField(primary_key=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20)
    annotation = models.ForeignKey(Annotation, on_delete=models.CASCADE, related_name="operations")
    version = models.PositiveIntegerField()  # of the annotation after the write
    answer = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Review(models.Model):
    """A verdict on one revision by someone other than its author (database check)."""

    class Verdict(models.TextChoices):
        ACCEPT = "accept", _("accepted")
        CORRECT = "correct", _("corrected and accepted")
        SEND_BACK = "send_back", _("sent back")

    class Reason(models.TextChoices):
        GEOMETRY = "geometry", _("outlines are not on the ground's limits")
        CLASS = "class", _("a class is wrong")
        INCOMPLETE = "incomplete", _("visible ground is not labelled")
        IMAGERY = "imagery", _("the imagery does not allow a label here")
        OTHER = "other", _("another reason")

    annotation = models.ForeignKey(Annotation, on_delete=models.PROTECT, related_name="reviews")
    revision = models.ForeignKey(AnnotationRevision, on_delete=models.PROTECT, related_name="reviews")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews_made")
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    reason = models.CharField(max_length=12, choices=Reason.choices, blank=True)
    comment = models.TextField(blank=True, max_length=2000)
    # Places on the tile that the verdict speaks of: [{"at": [x, y] in 1/8 pixel, "reason": …, "comment": …}, …]
    marks = models.JSONField(default=list, blank=True)
    corrected = models.ForeignKey(
        AnnotationRevision, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )  # the reviewer's own revision, which took the place of the submitted one
    licence = models.CharField(max_length=30, blank=True)  # as of every contribution; empty before it was asked
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfRevisionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=~Q(reviewer=F("author")), name="review_never_of_ones_own_work"),
            models.UniqueConstraint(fields=["revision", "reviewer"], name="review_once_a_revision"),
            models.CheckConstraint(
                condition=~Q(verdict="send_back") | ~Q(reason=""), name="review_send_back_has_reason"
            ),
            models.CheckConstraint(
                condition=Q(verdict="correct", corrected__isnull=False)
                | (~Q(verdict="correct") & Q(corrected__isnull=True)),
                name="review_correction_has_revision",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.reviewer}"


class SecondOpinion(models.Model):
    """A wish that another reviewer decides: of the author, who disputes a verdict, or of a reviewer who is not sure."""

    annotation = models.ForeignKey(Annotation, on_delete=models.PROTECT, related_name="second_opinions")
    revision = models.ForeignKey(AnnotationRevision, on_delete=models.PROTECT, related_name="second_opinions")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    disputes = models.ForeignKey(Review, null=True, blank=True, on_delete=models.PROTECT, related_name="disputes")
    comment = models.TextField(max_length=2000)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfRevisionQuerySet.as_manager()

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(fields=["revision", "asked_by"], name="second_opinion_once_a_revision"),
        ]

    def __str__(self) -> str:
        return f"second opinion on {self.annotation}"


class Correction(models.Model):
    """A submission as a reviewer is correcting it: kept until they accept it, and of no effect before."""

    revision = models.ForeignKey(AnnotationRevision, on_delete=models.CASCADE, related_name="corrections")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    version = models.PositiveIntegerField(default=1)
    features = models.JSONField()
    operation_id = models.UUIDField()  # of the last save: sent again, it changes nothing
    saved_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["revision", "reviewer"], name="correction_one_a_reviewer")]

    def __str__(self) -> str:
        return f"correction of {self.revision}"


class SubmissionCheck(models.Model):
    """What the machine noticed of a submission before a person looks: it orders the review and decides nothing."""

    revision = models.OneToOneField(AnnotationRevision, on_delete=models.CASCADE, related_name="check_up")
    # Share of the labelled pixels on which a model's map, or other people's labels of the tile, have another class.
    against_map = models.FloatField(null=True)
    against_people = models.FloatField(null=True)
    model_version = models.CharField(max_length=120, blank=True)
    checked_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"check of {self.revision}"
