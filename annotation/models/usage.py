"""What ground is used for, beside what covers it: polygons imported from elsewhere (docs/adr/0052).

The other source of usage is a campaign over a nomenclature of usage on the same layer: it needs no model of its own.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.gis.db import models
from django.utils.translation import gettext_lazy as _

from annotation.models.annotations import ImageryPolygonField


class UsageSource(models.Model):
    """A file of polygons that was imported for one imagery layer: who made it, when, and under what licence."""

    class Kind(models.TextChoices):
        USAGE = "usage", _("land use, each polygon with its code")
        QUARRIES = "quarries", _("all active extraction sites: what lies outside is none")
        GROUND_PV = "ground_pv", _("exemption: ground photovoltaics that meet the conditions of the decree")
        PUBLIC_PARK = "public_park", _("exemption: public parks")

    layer = models.ForeignKey("annotation.ImageryLayer", on_delete=models.CASCADE, related_name="usage_sources")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    source = models.CharField(max_length=200)  # who made it, as a reader is told
    licence = models.CharField(max_length=60)
    as_of = models.DateField()  # of the source: of two, the newer one holds
    file_name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    n_polygons = models.PositiveIntegerField()
    n_outside = models.PositiveIntegerField()  # in the file and beside the layer: left out
    imported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="usage_sources"
    )
    imported_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)  # it holds no longer; what was made with it still names it

    class Meta:
        ordering = ["-as_of", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["layer", "kind", "sha256"],
                condition=models.Q(ended_at__isnull=True),
                name="usage_source_imported_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source}, {self.as_of}"


class UsagePolygon(models.Model):
    """A polygon of a source, in the CRS of the source's layer; `code` is empty where the kind says all."""

    source = models.ForeignKey(UsageSource, on_delete=models.CASCADE, related_name="polygons")
    code = models.CharField(max_length=60, blank=True)
    geometry = ImageryPolygonField()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.code or self.source.kind} of {self.source}"
