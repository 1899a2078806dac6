"""Maps that models made."""

from __future__ import annotations

import json
from pathlib import Path

from django.conf import settings
from django.contrib.gis.db import models
from django.db.models import Q

from learning.models.training import TrainedModel

MADE_WITH = "made_with.json"  # beside the files: how the map is computed, fixed when it is begun


class PredictionQuerySet(models.QuerySet["Prediction"]):
    """Maps: the models' own, or those that somebody asked for beside them."""

    def own(self) -> PredictionQuerySet:
        """The models' own maps of whole layers: what is shown, compared, published, and opens rounds."""
        return self.filter(request_sha256="")

    def requested(self) -> PredictionQuerySet:
        """Maps that were made on request."""
        return self.exclude(request_sha256="")


class Prediction(models.Model):
    """A model's map of a layer: classes, entropy, and per-tile scores from the same pass.

    The entropy map holds the entropy, whichever score was summed over the tiles. A model's own map is that of the whole
    layer: people see it, and rounds open from it. Beside it maps are made on request, of a part of the layer or with
    probabilities: these are files for who asked (docs/adr/0041).
    """

    class State(models.TextChoices):
        RUNNING = "running"
        READY = "ready"

    model = models.ForeignKey(TrainedModel, on_delete=models.PROTECT, related_name="predictions")
    layer = models.ForeignKey("annotation.ImageryLayer", on_delete=models.PROTECT, related_name="predictions")
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    folder = models.CharField(
        max_length=200
    )  # relative to PREDICTIONS_DIR: class.tif, entropy.tif, their public copies, scores.npy, histogram.npy
    files = models.JSONField(default=dict)  # name → sha256
    layer_version = models.PositiveIntegerField(default=1)  # of the imagery that the model saw
    pixel_score = models.CharField(max_length=32, default="entropy")  # what scores.npy and doubt.npy hold
    mean_entropy_nats = models.FloatField(null=True, blank=True)  # over the pool's tiles
    class_px = models.JSONField(null=True, blank=True)  # {class code: pixels of whole tiles}; null: not counted
    job = models.OneToOneField(
        "annotation.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="prediction"
    )
    # Of what was asked for, see services.map_requests; empty: the model's own map.
    request_sha256 = models.CharField(max_length=64, blank=True, default="")
    area = models.MultiPolygonField(srid=4326, null=True, blank=True)  # null: the whole layer
    area_name = models.CharField(max_length=200, blank=True, default="")
    probabilities = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = PredictionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["model", "layer", "request_sha256"], name="prediction_one_a_model_a_layer_a_request"
            ),
            models.CheckConstraint(
                condition=~Q(request_sha256="") | Q(area__isnull=True, area_name="", probabilities=False),
                name="prediction_own_map_is_of_all",
            ),
            models.CheckConstraint(
                condition=Q(state="running") | Q(mean_entropy_nats__isnull=False), name="prediction_ready_has_scores"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} on {self.area_name or self.layer}"

    @property
    def core_px(self) -> int | None:
        """Side of the part of a window that was kept, in pixels; None: not written down."""
        try:
            kept = json.loads(self.path(MADE_WITH).read_bytes())
        except FileNotFoundError:
            return None
        return int(kept["core_px"]) if "core_px" in kept else None

    @property
    def is_requested(self) -> bool:
        """Whether somebody asked for it, beside the model's own map."""
        return self.request_sha256 != ""

    def path(self, name: str) -> Path:
        """Where one of the prediction's files lies."""
        return Path(settings.PREDICTIONS_DIR) / self.folder / name
