"""Territories, and the people who look after the map there, across campaigns (docs/adr/0024)."""

from __future__ import annotations

from django.conf import settings
from django.contrib.gis.db import models
from django.utils.translation import gettext_lazy as _

from annotation.querysets import TerritoryQuerySet


class Territory(models.Model):
    """A commune, an EPCI or a département, with its boundary."""

    class Kind(models.TextChoices):
        COMMUNE = "commune", _("commune")
        EPCI = "epci", _("group of communes (EPCI)")
        DEPARTEMENT = "departement", _("département")

    kind = models.CharField(max_length=12, choices=Kind.choices)
    code = models.CharField(max_length=20)
    name = models.CharField(max_length=200)
    boundary = models.MultiPolygonField(srid=4326)
    source = models.CharField(max_length=200)
    as_of = models.DateField()  # of the source
    imported_at = models.DateTimeField(auto_now=True)

    objects = TerritoryQuerySet.as_manager()

    class Meta:
        ordering = ["kind", "code"]
        verbose_name_plural = "territories"
        constraints = [models.UniqueConstraint(fields=["kind", "code"], name="territory_code_unique")]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"


class Stewardship(models.Model):
    """Somebody looks after a territory: they answer what is reported there."""

    territory = models.ForeignKey(Territory, on_delete=models.CASCADE, related_name="stewardships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="stewardships")
    given_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["territory", "user"], name="stewardship_one_a_person")]

    def __str__(self) -> str:
        return f"{self.user} for {self.territory}"
