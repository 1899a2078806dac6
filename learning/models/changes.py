"""What a map came to say of the labels that its model was the first to learn from."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from learning.core.map_changes import Comparison


class MapChange(models.Model):
    """How far two maps agree with a label: the one people saw before, and the first whose model has learnt from it.

    Counted by the job that makes the later map. The person is the label's author, by way of its annotation.
    """

    revision = models.ForeignKey("annotation.AnnotationRevision", on_delete=models.CASCADE, related_name="+")
    before = models.ForeignKey("learning.Prediction", on_delete=models.CASCADE, related_name="+")
    after = models.ForeignKey("learning.Prediction", on_delete=models.CASCADE, related_name="changes")
    compared_px = models.PositiveIntegerField()  # labelled, and given a class by both maps
    agreed_before_px = models.PositiveIntegerField()
    agreed_after_px = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["revision", "after"], name="map_change_once_a_map"),
            models.CheckConstraint(
                condition=Q(agreed_before_px__lte=F("compared_px"), agreed_after_px__lte=F("compared_px")),
                name="map_change_within_what_was_compared",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.revision}: {self.before} → {self.after}"

    @property
    def comparison(self) -> Comparison:
        """The pixels as the pure core knows them."""
        return Comparison(self.compared_px, self.agreed_before_px, self.agreed_after_px)
