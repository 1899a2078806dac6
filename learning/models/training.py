"""Training sets, runs, trained models and their evaluations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class TrainingSet(models.Model):
    """The exact revisions a run learns from, frozen; hold-out and gold tiles are refused by database triggers."""

    campaign = models.ForeignKey("annotation.Campaign", on_delete=models.PROTECT, related_name="training_sets")
    number = models.PositiveIntegerField()
    class_codes = models.JSONField()  # index k of a label raster of this set is class_codes[k - 1]; 0 is unlabelled
    broader = models.JSONField(default=list)  # [code, [class codes it leaves open]]; their raster values follow
    sha256 = models.CharField(
        max_length=64
    )  # of campaign, class codes, the sorted (tile, revision, revision sha256) and, if any, (judged tile, its sha256)
    # and the weights that are not 1
    n_tiles = models.PositiveIntegerField()
    # Accepted labels left out since one person made more of a class than one may: {"revisions": [ids], "why": [...]}
    left_out = models.JSONField(default=dict, blank=True)
    drawn_m2 = models.JSONField(null=True, blank=True)  # {class code: ground that its items give that class}
    frozen_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    frozen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["campaign", "number"]
        constraints = [models.UniqueConstraint(fields=["campaign", "number"], name="training_set_number_unique")]

    def __str__(self) -> str:
        return f"training set {self.number} of {self.campaign}"


class TrainingSetItem(models.Model):
    """One accepted revision in a training set."""

    training_set = models.ForeignKey(TrainingSet, on_delete=models.CASCADE, related_name="items")
    tile = models.ForeignKey("annotation.Tile", on_delete=models.PROTECT, related_name="+")
    revision = models.ForeignKey("annotation.AnnotationRevision", on_delete=models.PROTECT, related_name="+")
    weights = models.JSONField(default=dict, blank=True)  # {class: what its author's label counts}, 1 left out

    class Meta:
        constraints = [models.UniqueConstraint(fields=["training_set", "revision"], name="training_item_unique")]

    def __str__(self) -> str:
        return f"{self.tile} in {self.training_set}"


class TrainingSetValidation(models.Model):
    """A tile whose polygons, drawn by a model, people agreed on, as a training set learns them.

    The verdicts never change, so their ids say what was agreed; `sha256` says it without them. Like items, these are
    refused outside the pool, and with verdicts of another tile, by a database trigger.
    """

    training_set = models.ForeignKey(TrainingSet, on_delete=models.CASCADE, related_name="validated")
    tile = models.ForeignKey("annotation.Tile", on_delete=models.PROTECT, related_name="+")
    validation_ids = models.JSONField()
    sha256 = models.CharField(max_length=64)  # of the sorted (model version, polygon, outline SHA-256, class)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["training_set", "tile"], name="training_validated_tile_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.tile}, judged, in {self.training_set}"


class TrainingRun(models.Model):
    """One training of a network on a frozen set."""

    training_set = models.ForeignKey(TrainingSet, on_delete=models.PROTECT, related_name="runs")
    config = models.JSONField(default=dict)
    seed = models.BigIntegerField()
    code_commit = models.CharField(max_length=60, blank=True)
    initial_model = models.ForeignKey(
        "learning.TrainedModel", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    job = models.OneToOneField(
        "annotation.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="training_run"
    )
    step = models.PositiveIntegerField(default=0)
    loss_curve = models.JSONField(default=list)  # [[step, loss], …]
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"run {self.pk} on {self.training_set}"

    @property
    def folder(self) -> Path:
        """Where checkpoints of this run lie."""
        return Path(settings.RUNS_DIR) / f"run-{self.pk}"


class ModelOrigin(models.Model):
    """Where a model comes from that was not trained here: weights published elsewhere (docs/adr/0032)."""

    source = models.CharField(max_length=60)  # code of the data file that describes the weights
    variant = models.CharField(max_length=60)
    title = models.JSONField()  # {"en": …, "fr": …}
    published_as = models.CharField(max_length=200)
    address = models.CharField(max_length=300)
    licence = models.CharField(max_length=40)
    attribution = models.CharField(max_length=300)
    seen = models.JSONField()  # {"en": …, "fr": …}: what their training has seen
    # Whether they have learnt from this campaign's ground, as whoever imported them says; null: nobody knows.
    seen_here = models.BooleanField(null=True, blank=True)
    file_name = models.CharField(max_length=200)
    source_sha256 = models.CharField(max_length=64)
    bands = models.JSONField()  # the imagery's bands in the order of the file's input
    class_codes = models.JSONField()  # as in a training set
    rows = models.JSONField()  # {class code: [channel codes]}; a class without any is never said
    left_out = models.JSONField(default=dict, blank=True)  # {channel code: why no class has it}
    imported_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    job = models.OneToOneField(
        "annotation.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="model_origin"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(source_sha256="") & ~Q(licence="") & ~Q(attribution=""), name="model_origin_attributed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.variant}"

    @property
    def may_have_seen_here(self) -> bool:
        """Whether they may have learnt from this campaign's ground: unless somebody said that they have not."""
        return self.seen_here is not False

    @property
    def name(self) -> str:
        """What people know the weights by, in English: releases are in English."""
        return f"{self.title.get('en', self.source)} {self.variant}"


class TrainedModel(models.Model):
    """A network's weights with all that is needed to use them; at most one is promoted a campaign.

    It was made by a training run here, or has an origin elsewhere: one of the two (check constraint).
    """

    class State(models.TextChoices):
        CANDIDATE = "candidate", _("candidate")
        PROMOTED = "promoted", _("published")
        HELD = "held", _("held back")
        REJECTED = "rejected", _("not promoted")
        RETIRED = "retired", _("replaced")

    class Outcome(models.TextChoices):
        PROMOTE = "promote", _("not worse")
        HOLD = "hold", _("cannot be told yet")
        REJECT = "reject", _("worse")

    campaign = models.ForeignKey("annotation.Campaign", on_delete=models.PROTECT, related_name="trained_models")
    run = models.OneToOneField(
        TrainingRun, null=True, blank=True, on_delete=models.PROTECT, related_name="trained_model"
    )
    origin = models.OneToOneField(
        ModelOrigin, null=True, blank=True, on_delete=models.PROTECT, related_name="trained_model"
    )
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.CANDIDATE)
    file = models.CharField(max_length=300)  # relative to MODELS_DIR
    sha256 = models.CharField(max_length=64)
    # What the gate said. A model that it would promote is held all the same where publishing is left to a maintainer.
    outcome = models.CharField(max_length=8, choices=Outcome.choices, blank=True)
    gate = models.JSONField(default=dict)  # the decision and its figures
    # Fitted on the first hold-out it was judged on, and kept, so that its maps never change; null: none was fitted.
    temperature = models.FloatField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["campaign", "number"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "number"], name="trained_model_number_unique"),
            models.UniqueConstraint(
                fields=["campaign"], condition=Q(state="promoted"), name="trained_model_one_promoted"
            ),
            models.CheckConstraint(condition=~Q(sha256="") & ~Q(file=""), name="trained_model_has_file"),
            models.CheckConstraint(
                condition=Q(state="candidate") | ~Q(gate={}), name="trained_model_decided_with_figures"
            ),
            models.CheckConstraint(
                condition=Q(run__isnull=False, origin__isnull=True) | Q(run__isnull=True, origin__isnull=False),
                name="trained_model_has_run_or_origin",
            ),
            models.CheckConstraint(
                condition=~Q(state="held") | Q(outcome__in=["promote", "hold"]), name="trained_model_held_for_a_reason"
            ),
            models.CheckConstraint(
                condition=Q(temperature__isnull=True) | Q(temperature__gt=0), name="trained_model_temperature_positive"
            ),
        ]

    def __str__(self) -> str:
        return self.version

    @property
    def version(self) -> str:
        """The name people and files know it by."""
        return f"{self.campaign.slug}-m{self.number}"

    @property
    def path(self) -> Path:
        """Where the weights lie."""
        return Path(settings.MODELS_DIR) / self.file

    @property
    def training_set(self) -> TrainingSet | None:
        """What it has learnt from here; None when it was imported."""
        return self.run.training_set if self.run else None

    @property
    def training_tiles(self) -> int:
        """Tiles of this campaign it has learnt from."""
        return self.run.training_set.n_tiles if self.run else 0

    @property
    def class_codes(self) -> list[str]:
        """Its classes: raster value k of its maps is class_codes[k - 1]."""
        codes = self.run.training_set.class_codes if self.run else self.origin.class_codes  # type: ignore[union-attr]
        return list(codes)

    @property
    def options(self) -> dict[str, Any]:
        """Options of its training; none when it was imported."""
        return dict(self.run.config) if self.run else {}

    @property
    def seed(self) -> int:
        """From which its figures are resampled."""
        return self.run.seed if self.run else self.campaign.seed

    @property
    def is_judged(self) -> bool:
        """Whether there was anything to judge it by; a maintainer may publish imported weights before there is."""
        return bool(self.gate) and bool(self.gate.get("judged", True))

    @property
    def is_published_unjudged(self) -> bool:
        """Whether it is shown though nothing is known of how good it is here."""
        return self.state == self.State.PROMOTED and not self.is_judged

    @property
    def foreign_origin(self) -> ModelOrigin | None:
        """Weights from elsewhere that it is, or began from, by however many trainings."""
        if self.run is None or self.run.initial_model_id is None:
            return self.origin
        # A training goes on from a model of its campaign: all of them in one query, however long the line is.
        began = {
            pk: (origin, earlier)
            for pk, origin, earlier in TrainedModel.objects.filter(campaign=self.campaign_id).values_list(
                "pk", "origin", "run__initial_model"
            )
        }
        origin: int | None = None
        earlier: int | None = self.run.initial_model_id
        while earlier is not None:
            origin, earlier = began[earlier]
        return ModelOrigin.objects.get(pk=origin) if origin else None


class Evaluation(models.Model):
    """A model's figures on the hold-out as it was labelled at that moment; all that pages draw from (docs/adr/0033).

    Intervals resample blocks of neighbouring tiles. Shares and probabilities are from 0 to 1; null where a class or
    an interval is not to be had. `ClassFigures` are those of `per_class`.
    """

    model = models.ForeignKey(TrainedModel, on_delete=models.CASCADE, related_name="evaluations")
    holdout_sha256 = models.CharField(max_length=64)  # of the sorted (tile, revision) that were the reference
    n_tiles = models.PositiveIntegerField()
    class_codes = models.JSONField()
    confusion = models.JSONField()  # rows truth, columns prediction, pixels
    tile_confusions = models.JSONField()  # {tile id: K×K list}, for the paired bootstrap
    miou = models.FloatField()
    miou_low = models.FloatField()
    miou_high = models.FloatField()
    overall_accuracy = models.FloatField()
    # {code: {iou, iou_low, iou_high, f1, user_accuracy, producer_accuracy, support_px, support_tiles}}
    per_class = models.JSONField()
    # {unit: "blocks" or "tiles", n_units, block_tiles, confidence, miou_by_tiles: [low, high],
    #  overall_accuracy: [low, high], block_of: {tile id: number}}
    intervals = models.JSONField(default=dict, blank=True)
    # [{depth, codes, confusion, miou, miou_low, miou_high, overall_accuracy, per_class: {code: ClassFigures}}],
    # coarsest first, without the finest, which is the evaluation itself
    levels = models.JSONField(default=list, blank=True)
    # [{kind, code, name, n_tiles, confusion, miou, miou_low, miou_high, overall_accuracy, per_class}], those whose
    # ground holds the middle of a tile, by number of tiles
    territories = models.JSONField(default=list, blank=True)
    # {temperature, fold_temperatures, n_blocks, n_pixels, n_bins, before: R, after: R or null}, with R = {ece, ece_low,
    # ece_high, nll, pixels: [a bin], confidence: [a bin], accuracy: [a bin]}; empty where none was made
    calibration = models.JSONField(default=dict, blank=True)
    # Relative to MODELS_DIR, read by learning.core.error_maps; empty where there is none. Control tiles are labelled
    # blind: for maintainers alone while the campaign is open.
    error_maps = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.model}: mIoU {self.miou:.3f}"


class RetrainingPolicy(models.Model):
    """When a campaign retrains by itself, and what a model must be to be published."""

    campaign = models.OneToOneField("annotation.Campaign", on_delete=models.CASCADE, related_name="retraining_policy")
    enabled = models.BooleanField(default=True)
    period_hours = models.FloatField(default=24.0)
    min_newly_accepted = models.PositiveIntegerField(default=20)
    training = models.JSONField(default=dict)  # overrides of the training configuration (steps, crop_px, …)
    round_size = models.PositiveIntegerField(default=200)
    # Retrain before there are enough new labels when their classes have moved by so much (learning.core.drift).
    drift_index = models.FloatField(null=True, blank=True, default=0.25)
    # Stop when the next 100 tiles are expected to bring less, in points of mean IoU, with enough certainty.
    stop_below_points = models.FloatField(null=True, blank=True, default=0.2)
    go_on_until_tiles = models.PositiveIntegerField(default=0)  # the stop rule is silent up to so many labelled tiles
    shadow = models.BooleanField(default=False)  # models are judged, and published by a maintainer alone
    class_floors = models.JSONField(default=dict, blank=True)  # {class code: least IoU of a model to be published}
    last_considered_at = models.DateTimeField(null=True, blank=True)
    last_refusal = models.CharField(max_length=300, blank=True)
    last_refusal_code = models.CharField(max_length=40, blank=True)  # with its figures, for readers of any language
    last_refusal_figures = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(period_hours__gt=0, min_newly_accepted__gte=1, round_size__gte=1),
                name="retraining_policy_sane",
            ),
            models.CheckConstraint(
                condition=(Q(drift_index__isnull=True) | Q(drift_index__gt=0))
                & (Q(stop_below_points__isnull=True) | Q(stop_below_points__gt=0)),
                name="retraining_policy_thresholds_above_zero",
            ),
        ]

    def __str__(self) -> str:
        return f"retraining of {self.campaign}"
