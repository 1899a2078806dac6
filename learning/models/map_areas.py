"""What a map says of ground and of drawn places, counted once by a job: pages and figures read rows (docs/adr/0053)."""

from __future__ import annotations

from django.db import models

from learning.models.predictions import Prediction
from learning.models.samples import ReferenceSample


class MapArea(models.Model):
    """Pixels of each class of a map, in all of it or within a territory. A count of pixels, never an estimate."""

    prediction = models.ForeignKey(Prediction, on_delete=models.CASCADE, related_name="areas")
    territory = models.ForeignKey(
        "annotation.Territory", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    class_px = models.JSONField()  # by class code; ground without imagery is in none
    ground_px = models.PositiveBigIntegerField()  # all the ground there, on the map or beside it
    counted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["prediction", "territory"], name="map_area_one_a_territory", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prediction} in {self.territory or 'all'}"


class MapAtPlaces(models.Model):
    """The class that a map gives each place of a sample, at the place's centre; never shown to who answers it."""

    prediction = models.ForeignKey(Prediction, on_delete=models.CASCADE, related_name="at_places")
    sample = models.ForeignKey(ReferenceSample, on_delete=models.CASCADE, related_name="maps")
    codes = models.JSONField()  # in the order of the places' numbers; empty: no imagery there
    learnt_from = models.JSONField(default=list)  # numbers of places on tiles that the map's model was trained on

    class Meta:
        constraints = [models.UniqueConstraint(fields=["prediction", "sample"], name="map_at_places_once")]

    def __str__(self) -> str:
        return f"{self.prediction} at places of {self.sample}"
