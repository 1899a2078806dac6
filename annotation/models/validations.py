"""Verdicts on a model's polygons: what people said of a drawing that is not theirs (docs/adr/0018)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from annotation.querysets import ValidationBatchQuerySet, ValidationQuerySet


class ValidationBatch(models.Model):
    """A client's write of verdicts, by the id the client gave it: sent twice, it happens once. Rows are only added."""

    id = models.UUIDField(primary_key=True)
    tile = models.ForeignKey("annotation.Tile", on_delete=models.PROTECT, related_name="validation_batches")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    model_version = models.CharField(max_length=120)
    # The person is through with the model's drawing of this tile: every polygon is judged, or they said so.
    finished = models.BooleanField()
    answer = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ValidationBatchQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["tile", "model_version", "annotator"], name="validation_finished", condition=Q(finished=True)
            ),
            models.Index(fields=["annotator", "created_at"], name="validation_lately"),
        ]

    def __str__(self) -> str:
        return f"{self.annotator} on {self.tile} by {self.model_version}"


class Validation(models.Model):
    """What one person said of one polygon that a model drew. Rows are only added (database trigger): of several by one
    person on one polygon the last counts.
    """

    class Verdict(models.TextChoices):
        AGREE = "agree", _("the class is right")
        DISAGREE = "disagree", _("the class is wrong")
        UNSURE = "unsure", _("cannot tell")
        OTHER = "other", _("another class is right")

    batch = models.ForeignKey(ValidationBatch, on_delete=models.PROTECT, related_name="validations")
    tile = models.ForeignKey("annotation.Tile", on_delete=models.PROTECT, related_name="validations")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="validations")
    model_version = models.CharField(max_length=120)
    feature_id = models.CharField(max_length=40)
    shown_class = models.CharField(max_length=60)
    rings = models.JSONField()  # integer rings in 1/8 pixel, as the model drew them
    shown_sha256 = models.CharField(max_length=64)  # of the outline's canonical JSON
    confidence = models.FloatField()  # the model's, as shown: 0 to 1
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    class_code = models.CharField(max_length=60, blank=True)  # the class that this person says is there, if any
    seconds = models.FloatField()
    licence = models.CharField(max_length=30)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ValidationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "feature_id"], name="validation_once_a_batch"),
            models.CheckConstraint(
                condition=Q(verdict="agree", class_code=F("shown_class"))
                | (Q(verdict="other") & ~Q(class_code="") & ~Q(class_code=F("shown_class")))
                | Q(verdict__in=["disagree", "unsure"], class_code=""),
                name="validation_class_follows_verdict",
            ),
            models.CheckConstraint(
                condition=Q(confidence__gte=0, confidence__lte=1, seconds__gte=0), name="validation_figures_sane"
            ),
        ]
        indexes = [
            models.Index(fields=["tile", "annotator", "model_version", "feature_id", "-id"], name="validation_current"),
            models.Index(fields=["annotator"], name="validation_mine"),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.annotator} on {self.feature_id}"
