"""Maps of artificialised ground, made of a map of cover and of what is known of usage (docs/adr/0052)."""

from __future__ import annotations

from pathlib import Path

from django.db import models

from learning.models.predictions import Prediction


class ArtificialisationMap(models.Model):
    """The artificialised ground of one prediction, once its files are in place; made again, it names the new ones."""

    prediction = models.OneToOneField(Prediction, on_delete=models.CASCADE, related_name="artificialisation")
    rule = models.CharField(max_length=60)  # see learning/artificialisation_rules; the file lies beside
    rule_version = models.CharField(max_length=20)
    usage = models.JSONField(default=list)  # what was known of usage, what wins first: see services.usage_inputs
    usage_sha256 = models.CharField(max_length=64)  # of all of it: another one means that the map is not up to date
    counts = models.JSONField(default=list)  # [[cover, usage, state, criterion, pixels], …], see core.artificialisation
    estimate = models.JSONField(default=dict)  # see services.artificialisation_estimate; empty: no sample of places
    files = models.JSONField(default=dict)  # name → {sha256, bytes}, in the prediction's folder
    job = models.ForeignKey("annotation.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    finished_at = models.DateTimeField()

    class Meta:
        ordering = ["-finished_at"]

    def __str__(self) -> str:
        return f"artificialised ground of {self.prediction}"

    def path(self, name: str) -> Path:
        """Where one of its files lies."""
        return self.prediction.path(name)


class TerritoryArtificialisation(models.Model):
    """What was counted within one territory, when the map was made."""

    map = models.ForeignKey(ArtificialisationMap, on_delete=models.CASCADE, related_name="territories")
    territory = models.ForeignKey("annotation.Territory", on_delete=models.CASCADE, related_name="+")
    counts = models.JSONField(default=list)  # as those of the whole map
    estimate = models.JSONField(default=dict)  # as that of the whole map
    ground_px = models.PositiveBigIntegerField()  # of the whole territory, on the map or beside it

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["map", "territory"], name="artificialisation_one_a_territory"),
        ]

    def __str__(self) -> str:
        return f"{self.map} in {self.territory}"
