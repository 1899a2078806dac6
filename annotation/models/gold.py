"""Gold tiles: tiles whose labels are known, given like any other to see how reliable people are (docs/adr/0022)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from annotation.querysets import GoldOutcomeQuerySet


class GoldTile(models.Model):
    """A pool tile with a revision taken for the truth. Whatever was gold once never trains a model (trigger)."""

    tile = models.ForeignKey("annotation.Tile", on_delete=models.PROTECT, related_name="golds")
    revision = models.ForeignKey("annotation.AnnotationRevision", on_delete=models.PROTECT, related_name="+")
    marked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    marked_at = models.DateTimeField(auto_now_add=True)
    note = models.CharField(max_length=500, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    faulty = models.BooleanField(default=False)  # its labels were wrong: what people did there says nothing of them

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["tile"], condition=Q(retired_at__isnull=True), name="gold_one_reference_a_tile"
            ),
            models.CheckConstraint(condition=Q(faulty=False) | Q(retired_at__isnull=False), name="gold_faulty_retires"),
        ]

    def __str__(self) -> str:
        return f"gold on {self.tile}"


class GoldLease(models.Model):
    """That a lease was given for its gold, and the reason the person is shown. Never leaves the server."""

    lease = models.OneToOneField("annotation.Lease", on_delete=models.CASCADE, related_name="gold")
    gold = models.ForeignKey(GoldTile, on_delete=models.CASCADE, related_name="leases")
    why = models.JSONField()  # as presenters.why_body
    given_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.gold} by lease {self.lease_id}"


class GoldOutcome(models.Model):
    """What a person handed in on a gold tile against its reference. Rows are only ever added (database trigger)."""

    gold = models.ForeignKey(GoldTile, on_delete=models.PROTECT, related_name="outcomes")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="gold_outcomes")
    revision = models.ForeignKey("annotation.AnnotationRevision", on_delete=models.PROTECT, related_name="+")
    confusion = models.JSONField()  # {class in the reference: {class said, "" = left out: pixels}}
    agreement = models.FloatField(null=True)  # share of the ground labelled by both with the same class
    passed = models.BooleanField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = GoldOutcomeQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gold", "revision"], name="gold_outcome_once_a_revision")]
        indexes = [models.Index(fields=["annotator", "gold", "id"], name="gold_outcome_of_person")]

    def __str__(self) -> str:
        return f"{self.annotator} on {self.gold}"
