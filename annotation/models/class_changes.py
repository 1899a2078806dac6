"""Changes of a running campaign's classes: what was planned, what it did, and whether it was taken back."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class ClassChange(models.Model):
    """One change of a campaign's classes, from one version of its nomenclature to the next (docs/adr/0056)."""

    class State(models.TextChoices):
        PLANNED = "planned", _("planned")
        APPLIED = "applied", _("applied")
        REVERSED = "reversed", _("taken back")

    campaign = models.ForeignKey("annotation.Campaign", on_delete=models.CASCADE, related_name="class_changes")
    before = models.ForeignKey("annotation.Nomenclature", on_delete=models.PROTECT, related_name="+")
    after = models.ForeignKey("annotation.Nomenclature", null=True, on_delete=models.PROTECT, related_name="+")
    plan = models.JSONField()  # steps, as annotation.core.class_changes.apply_plan reads them
    reason = models.CharField(max_length=500)
    # {code before: code now, null where it is unlabelled until looked at or its ground decides}; classes that change
    codes = models.JSONField(default=dict)
    back = models.JSONField(default=dict)  # {code now: code before, null where several became it}
    report = models.JSONField(default=dict)  # what it did, as it was counted while it was done
    reversal = models.JSONField(default=dict)  # what taking it back did
    state = models.CharField(max_length=8, choices=State.choices, default=State.PLANNED)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    reversed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    applied_at = models.DateTimeField(null=True, blank=True)
    reversed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="planned", applied_at__isnull=True, reversed_at__isnull=True)
                | Q(state="applied", applied_at__isnull=False, reversed_at__isnull=True, after__isnull=False)
                | Q(state="reversed", applied_at__isnull=False, reversed_at__isnull=False, after__isnull=False),
                name="class_change_moments",
            ),
        ]

    def __str__(self) -> str:
        return f"change of classes {self.pk} of {self.campaign_id}"


class ClassChangeItem(models.Model):
    """A revision that a change of classes wrote, and the one in whose place it stands."""

    change = models.ForeignKey(ClassChange, on_delete=models.CASCADE, related_name="items")
    annotation = models.ForeignKey("annotation.Annotation", on_delete=models.PROTECT, related_name="+")
    before = models.ForeignKey(
        "annotation.AnnotationRevision", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    after = models.OneToOneField("annotation.AnnotationRevision", on_delete=models.PROTECT, related_name="+")
    is_back = models.BooleanField(default=False)  # written when the change was taken back, on work done since
    state_before = models.CharField(max_length=10)  # of the annotation
    decided_before = models.DateTimeField(null=True, blank=True)
    recoded = models.PositiveIntegerField()  # features whose class changed
    unlabelled = models.PositiveIntegerField()  # features that are left out
    unlabelled_m2 = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["change", "before"], name="class_change_once_a_revision")]

    def __str__(self) -> str:
        return f"{self.change}: {self.before_id} → {self.after_id}"
