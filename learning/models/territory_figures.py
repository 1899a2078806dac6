"""Figures of territories, as their pages show them (docs/adr/0057)."""

from __future__ import annotations

from django.db import models


class TerritoryFigures(models.Model):
    """What a campaign says of a territory, put together by a job: pages and programs read it, and count nothing.

    `document` is what `learning.services.territory_figures.figures_document` makes.
    """

    territory = models.ForeignKey("annotation.Territory", on_delete=models.CASCADE, related_name="figures")
    campaign = models.ForeignKey("annotation.Campaign", on_delete=models.CASCADE, related_name="territory_figures")
    document = models.JSONField()
    computed_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["territory", "campaign"], name="territory_figures_one_a_campaign"),
        ]

    def __str__(self) -> str:
        return f"{self.territory} in {self.campaign}"
