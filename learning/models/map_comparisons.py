"""Where the published maps of a pair of vintages disagree, counted once by a job (docs/adr/0061)."""

from __future__ import annotations

from pathlib import Path

from django.db import models

from learning.models.predictions import Prediction


class MapComparison(models.Model):
    """The two maps of a pair held against each other, once its file is in place; made again, it names the new one."""

    pair = models.OneToOneField("annotation.VintagePair", on_delete=models.CASCADE, related_name="map_comparison")
    first_map = models.ForeignKey(Prediction, on_delete=models.CASCADE, related_name="+")
    second_map = models.ForeignKey(Prediction, on_delete=models.CASCADE, related_name="+")
    version = models.CharField(max_length=64)  # of the files that were compared: see services.map_comparison
    codes = models.JSONField()  # classes that both maps know
    class_px = models.JSONField()  # pixels of the later map: a row an earlier class, a column a later one
    doubted_px = models.PositiveBigIntegerField()  # where the classes differ and one of the maps is not sure
    pixel_m2 = models.FloatField()
    file = models.CharField(max_length=120)  # in the later map's folder
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveBigIntegerField()
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["pair"]

    def __str__(self) -> str:
        return f"maps of {self.pair}"

    @property
    def path(self) -> Path:
        """Where its file lies."""
        return self.second_map.path(self.file)
