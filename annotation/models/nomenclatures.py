"""Class trees and the mappings between them, loaded from data files (docs/adr/0012)."""

from __future__ import annotations

from django.db import models


class Nomenclature(models.Model):
    """One version of a class tree; a loaded version never changes."""

    code = models.SlugField(max_length=60)
    version = models.CharField(max_length=40)
    # The campaign whose change of classes made this version; it is no other campaign's (docs/adr/0056).
    made_for = models.ForeignKey(
        "annotation.Campaign", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    # The national version that a theme refines (docs/adr/0058); this tree holds its classes and the theme's own.
    extends = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="themes")
    title = models.JSONField(default=dict)  # {"en": …, "fr": …}
    source = models.TextField(blank=True)
    sha256 = models.CharField(max_length=64)
    loaded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["code", "version"]
        constraints = [models.UniqueConstraint(fields=["code", "version"], name="nomenclature_one_row_a_version")]

    def __str__(self) -> str:
        return f"{self.code} {self.version}"


class NomenclatureClass(models.Model):
    """A class; its identity is the code, never an index."""

    nomenclature = models.ForeignKey(Nomenclature, on_delete=models.CASCADE, related_name="classes")
    code = models.CharField(max_length=60)
    parent_code = models.CharField(max_length=60, blank=True)
    name = models.JSONField(default=dict)
    definition = models.JSONField(default=dict)
    colour = models.CharField(max_length=7)
    selectable = models.BooleanField(default=True)
    raster_value = models.PositiveSmallIntegerField(null=True, blank=True)
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["nomenclature", "position"]
        constraints = [
            models.UniqueConstraint(fields=["nomenclature", "code"], name="nomenclature_class_code_unique"),
        ]

    def __str__(self) -> str:
        return self.code


class NomenclatureMapping(models.Model):
    """Which classes of one nomenclature correspond to which of another; many-to-many, by code."""

    source = models.ForeignKey(Nomenclature, on_delete=models.PROTECT, related_name="mappings_from")
    target = models.ForeignKey(Nomenclature, on_delete=models.PROTECT, related_name="mappings_to")
    note = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "target"], name="mapping_one_a_pair")]

    def __str__(self) -> str:
        return f"{self.source} → {self.target}"


class MappingEntry(models.Model):
    """One line of a mapping; `is_default` marks the choice a raster conversion takes among several."""

    mapping = models.ForeignKey(NomenclatureMapping, on_delete=models.CASCADE, related_name="entries")
    source_code = models.CharField(max_length=60)
    target_code = models.CharField(max_length=60, blank=True)  # empty: no class corresponds, as the note explains
    is_default = models.BooleanField(default=False)
    note = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mapping", "source_code", "target_code"], name="mapping_entry_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.source_code} → {self.target_code}"
