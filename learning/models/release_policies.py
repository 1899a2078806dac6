"""When a campaign releases by itself."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class ReleasePolicy(models.Model):
    """When a campaign, which is of one territory and vintage, releases by itself."""

    campaign = models.OneToOneField("annotation.Campaign", on_delete=models.CASCADE, related_name="release_policy")
    enabled = models.BooleanField(default=True)
    period_days = models.PositiveIntegerField(default=91)
    min_changed_labels = models.PositiveIntegerField(default=50)  # added, corrected or removed since the last release
    hold = models.BooleanField(default=True)  # notes are prepared, and a maintainer publishes
    proposed_at = models.DateTimeField(null=True, blank=True)  # since then it waits for a maintainer's word
    last_considered_at = models.DateTimeField(null=True, blank=True)
    last_refusal = models.CharField(max_length=300, blank=True)
    last_refusal_code = models.CharField(max_length=40, blank=True)  # with its figures, for readers of any language
    last_refusal_figures = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(period_days__gte=1, min_changed_labels__gte=1), name="release_policy_sane"
            ),
        ]

    def __str__(self) -> str:
        return f"releases of {self.campaign}"
