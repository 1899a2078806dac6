"""Patches: places where an earlier vintage's label was wrong, found by looking at a later one (docs/adr/0051)."""

from __future__ import annotations

from django.contrib.gis.db import models
from django.db.models import F, Q

from annotation.models.annotations import ImageryPolygonField
from annotation.querysets import PatchQuerySet


class Patch(models.Model):
    """A correction of an older vintage: never a change of the ground, and no part of any flow.

    Made when a cell is settled as "the earlier label was wrong". Rows are only added; what no longer stands says so
    once, on its own row (database trigger), and stays in the releases that carried it.
    """

    cell = models.ForeignKey("annotation.ChangeCell", on_delete=models.PROTECT, related_name="patches")
    layer = models.ForeignKey("annotation.ImageryLayer", on_delete=models.PROTECT, related_name="patches")
    geometry = ImageryPolygonField()  # in the layers' common CRS, as it was drawn on the later one
    footprint = models.PolygonField(srid=4326)
    area_m2 = models.FloatField()
    wrong_code = models.CharField(max_length=60)
    right_code = models.CharField(max_length=60)
    answers = models.PositiveSmallIntegerField()  # people who said so
    # A maintainer said so, besides or instead.
    review = models.ForeignKey(
        "annotation.ChangeReview", null=True, blank=True, on_delete=models.PROTECT, related_name="patches"
    )
    licence = models.CharField(max_length=30)
    made_at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    released_in: list[str]  # of PatchQuerySet.with_releases alone

    objects = PatchQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["cell"], condition=Q(withdrawn_at__isnull=True), name="patch_one_standing_a_cell"
            ),
            models.CheckConstraint(condition=~Q(wrong_code=F("right_code")), name="patch_corrects_something"),
        ]
        indexes = [models.Index(fields=["layer", "made_at"], name="patch_of_layer")]

    def __str__(self) -> str:
        return f"{self.wrong_code} → {self.right_code} on {self.layer}"
