"""How far the people of one tile agree, as counted by a job."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


class TileAgreement(models.Model):
    """The agreement of two people or more on one tile; figures of a campaign are sums of these."""

    tile = models.OneToOneField("annotation.Tile", on_delete=models.CASCADE, related_name="agreement")
    revision_ids = models.JSONField()  # of the labels compared, sorted: whether this is still what they say
    n_people = models.PositiveSmallIntegerField()
    compared_px = models.PositiveIntegerField()  # labelled by two people or more
    differing_px = models.PositiveIntegerField()  # of these, not all of one class
    alpha = models.FloatField(null=True)  # Krippendorff's, nominal, a pixel a unit
    totals = models.JSONField()  # {class: labels on the pixels compared}
    agreeing = models.FloatField()  # coincidences of a class with itself
    pairs = models.JSONField()  # {class: {class: pixels}}, each pair of people once in each direction
    people = models.JSONField()  # {annotator id: [pixels compared with others, of these with the same class]}
    staple_differs_px = models.PositiveIntegerField()  # pixels where the vote and STAPLE give different labels
    computed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(n_people__gte=2, differing_px__lte=F("compared_px")), name="tile_agreement_sane"
            ),
        ]

    def __str__(self) -> str:
        return f"agreement of {self.n_people} on {self.tile}"
