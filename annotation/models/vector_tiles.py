"""Vector tiles of a campaign's reviewed labels, kept as they were made (docs/adr/0037)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class VectorTile(models.Model):
    """One vector tile of the web grid. Triggers remove it in the transaction that changes what it shows."""

    campaign = models.ForeignKey("annotation.Campaign", on_delete=models.CASCADE, related_name="vector_tiles")
    z = models.PositiveSmallIntegerField()
    x = models.PositiveIntegerField()
    y = models.PositiveIntegerField()
    etag = models.CharField(max_length=32)
    content = models.BinaryField()  # Mapbox Vector Tile 2.1, gzip; empty where there is nothing
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "z", "x", "y"], name="vector_tile_once"),
            models.CheckConstraint(condition=Q(z__lte=30), name="vector_tile_zoom_sane"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign} {self.z}/{self.x}/{self.y}"
