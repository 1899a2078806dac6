"""Two vintages of the same ground, compared (docs/adr/0050)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class VintagePair(models.Model):
    """Two imagery layers of one ground, the earlier one first."""

    first = models.ForeignKey("annotation.ImageryLayer", on_delete=models.PROTECT, related_name="pairs_as_first")
    second = models.ForeignKey("annotation.ImageryLayer", on_delete=models.PROTECT, related_name="pairs_as_second")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # How far the second lies from the first on the ground, and within what 95 % of the windows lie of that.
    shift_east_m = models.FloatField(null=True, blank=True)
    shift_south_m = models.FloatField(null=True, blank=True)
    shift_spread_m = models.FloatField(null=True, blank=True)
    windows_measured = models.PositiveSmallIntegerField(default=0)
    windows_looked_at = models.PositiveSmallIntegerField(default=0)
    measured_at = models.DateTimeField(null=True, blank=True)
    measured_from = models.JSONField(default=list)  # SHA-256 of both layers' pixels then
    # Of each window that told something: its middle in the layers' CRS, and its own shift in metres to east and south.
    windows = models.JSONField(default=list)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="pair_of_layers_once"),
            models.CheckConstraint(condition=~Q(first=F("second")), name="pair_of_two_layers"),
        ]

    def __str__(self) -> str:
        return f"{self.first} / {self.second}"
