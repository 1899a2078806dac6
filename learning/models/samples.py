"""Samples of places that people judge by eye, against which maps and changes are measured (docs/adr/0053, 0054)."""

from __future__ import annotations

from django.conf import settings
from django.contrib.gis.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from learning.models.predictions import Prediction


class ReferenceSample(models.Model):
    """A probability sample of a map, or of the ground that two maps share; drawn once, and never added to.

    `strata` is a list, in the order that units name them by: {"name", "codes", "places", "area_m2", "drawn"}.
    """

    class Kind(models.TextChoices):
        AREA = "area", _("area of each class")
        CHANGE = "change", _("change between two dates")

    campaign = models.ForeignKey("annotation.Campaign", on_delete=models.PROTECT, related_name="reference_samples")
    kind = models.CharField(max_length=6, choices=Kind.choices)
    pair = models.ForeignKey(
        "annotation.VintagePair", null=True, blank=True, on_delete=models.PROTECT, related_name="reference_samples"
    )
    # The maps that its strata are taken from: of the earlier date, where there are two, and of the campaign's own.
    first_map = models.ForeignKey(Prediction, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    second_map = models.ForeignKey(Prediction, on_delete=models.PROTECT, related_name="+")
    strata = models.JSONField()
    counted = models.JSONField(default=dict)  # by class code, whether its ground is artificialised; null: it may be
    unit_px = models.PositiveSmallIntegerField()  # side of a place, in pixels of the campaign's layer
    outside_m2 = models.FloatField(default=0)  # ground of the campaign's layer that no stratum holds
    answers_wanted = models.PositiveSmallIntegerField(default=2)
    seed = models.BigIntegerField()
    drawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    drawn_at = models.DateTimeField(auto_now_add=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="area", pair__isnull=True, first_map__isnull=True)
                | Q(kind="change", pair__isnull=False, first_map__isnull=False),
                name="sample_of_change_has_two_dates",
            ),
            models.CheckConstraint(condition=Q(unit_px__gt=0, answers_wanted__gt=0), name="sample_has_sizes"),
            models.UniqueConstraint(
                fields=["campaign", "kind"], condition=Q(closed_at__isnull=True), name="sample_one_open_a_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign} sample {self.pk}"


class SampleUnit(models.Model):
    """A place of a sample: a square of pixels of the campaign's layer. Never a label: nothing is learnt from it."""

    sample = models.ForeignKey(ReferenceSample, on_delete=models.CASCADE, related_name="units")
    number = models.PositiveIntegerField()  # from 1, in the random order in which the sample is gone through
    stratum = models.PositiveSmallIntegerField()  # its place in the sample's strata
    row = models.PositiveIntegerField()  # of its upper-left pixel
    col = models.PositiveIntegerField()
    inclusion_probability = models.FloatField()
    location = models.PointField(srid=4326)  # its centre
    # What the maps say at its centre, by code; never shown to those who answer. Empty: not known.
    first_mapped = models.CharField(max_length=60, blank=True)
    second_mapped = models.CharField(max_length=60, blank=True)
    # When its ground was photographed; null: no layer says it.
    first_acquired_on = models.DateField(null=True, blank=True)
    second_acquired_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["sample", "number"]
        constraints = [
            models.UniqueConstraint(fields=["sample", "number"], name="sample_unit_number_once"),
            models.UniqueConstraint(fields=["sample", "row", "col"], name="sample_unit_place_once"),
            models.CheckConstraint(
                condition=Q(inclusion_probability__gt=0, inclusion_probability__lte=1),
                name="sample_unit_has_a_probability",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sample} place {self.number}"


class SampleAnswer(models.Model):
    """What one person saw at a place. Rows are only added (database trigger): of several by one person the last counts.

    Empty codes say that they could not tell. An answer that settles is given by somebody else, where answers differ.
    """

    class Sureness(models.TextChoices):
        SURE = "sure", _("sure")
        UNSURE = "unsure", _("not quite sure")

    unit = models.ForeignKey(SampleUnit, on_delete=models.PROTECT, related_name="answers")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="sample_answers")
    operation_id = models.UUIDField(unique=True)  # of the client's write: sent twice, it happens once
    first_code = models.CharField(max_length=60, blank=True)  # empty also in a sample at one date
    second_code = models.CharField(max_length=60, blank=True)
    sureness = models.CharField(max_length=6, choices=Sureness.choices)
    settles = models.BooleanField(default=False)
    seconds = models.FloatField()
    licence = models.CharField(max_length=30)
    answered_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(condition=Q(seconds__gte=0), name="sample_answer_seconds_sane"),
            models.CheckConstraint(
                condition=~Q(second_code="") | Q(first_code=""), name="sample_answer_tells_all_dates_or_none"
            ),
        ]
        indexes = [
            models.Index(fields=["unit", "-id"], name="sample_answer_of_unit"),
            models.Index(fields=["person", "-id"], name="sample_answer_mine"),
        ]

    def __str__(self) -> str:
        return f"{self.first_code} {self.second_code} by {self.person} at {self.unit_id}"
