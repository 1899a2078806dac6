"""Maps as polygons."""

from __future__ import annotations

from pathlib import Path

from django.db import models

from learning.models.predictions import Prediction


class PolygonMap(models.Model):
    """The polygons of one prediction, once their files are in place; made again, it names the new ones.

    While its campaign is open control tiles are labelled blind, so that people are given polygons without them.
    """

    prediction = models.ForeignKey(Prediction, on_delete=models.CASCADE, related_name="polygon_maps")
    with_control_tiles = models.BooleanField()
    rule = models.CharField(max_length=60)  # of minimum units, see learning/polygon_rules; the file lies beside
    rule_version = models.CharField(max_length=20)
    files = models.JSONField(default=dict)  # name → {sha256, bytes}, in the prediction's folder
    figures = models.JSONField(default=dict)  # see services.polygons.finish_polygons
    job = models.ForeignKey("annotation.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    finished_at = models.DateTimeField()

    class Meta:
        ordering = ["-finished_at"]
        constraints = [
            models.UniqueConstraint(fields=["prediction", "with_control_tiles"], name="polygon_map_one_a_kind"),
        ]

    def __str__(self) -> str:
        return f"polygons of {self.prediction}"

    def path(self, name: str) -> Path:
        """Where one of its files lies."""
        return self.prediction.path(name)
