"""Imagery layers: one georeferenced raster of one vintage, rewritten as our own files."""

from __future__ import annotations

import math
from pathlib import Path

from django.conf import settings
from django.contrib.gis.db import models

from annotation.core.grid import PixelGrid
from annotation.querysets import ImageryLayerQuerySet, MosaicPieceQuerySet, SourceFileQuerySet
from annotation.raster.layer_files import analysis_name


class ImageryLayer(models.Model):
    """A raster of one vintage on its own pixel grid; listed only once all of its files are in place."""

    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=200)
    vintage = models.PositiveSmallIntegerField()
    acquired_on = models.DateField(null=True, blank=True)
    licence = models.CharField(max_length=60)
    attribution = models.CharField(max_length=300)
    crs = models.TextField()
    transform = models.JSONField()  # affine a, b, c, d, e, f
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    gsd_m = models.FloatField()
    bands = models.JSONField()
    dtype = models.CharField(max_length=10)
    nodata = models.FloatField(null=True, blank=True)
    folder = models.CharField(max_length=200, unique=True)
    files = models.JSONField(default=dict)  # file name → sha256
    stretch = models.JSONField(default=dict)
    footprint = models.PolygonField(srid=4326, null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)
    version = models.PositiveIntegerField(default=1)  # grows each time that ground is replaced
    earlier_folder = models.CharField(max_length=200, blank=True)  # of the version before, for who still reads it
    dated_by_ground = models.BooleanField(default=False)  # files or a mosaic graph date places of the layer

    objects = ImageryLayerQuerySet.as_manager()

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(condition=models.Q(width__gt=0, height__gt=0, gsd_m__gt=0), name="imagery_has_size"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def pixel_grid(self) -> PixelGrid:
        """The layer's grid as the pure core knows it."""
        return PixelGrid(
            crs=self.crs,
            transform=tuple(self.transform),
            width=self.width,
            height=self.height,  # type: ignore[arg-type]
        )

    @property
    def native_max_zoom(self) -> int:
        """The zoom at which one map-tile pixel is one image pixel."""
        return max(0, math.ceil(math.log2(max(self.width, self.height) / 256)))

    @property
    def analysis_path(self) -> Path:
        """The lossless copy that networks read, as `annotation.raster.reader.open_layer` takes it."""
        return self.path(analysis_name(self.files))

    @property
    def analysis_sha256(self) -> str:
        """Hexadecimal SHA-256 that tells any two versions of the layer's pixels apart; "" where none was stored."""
        return str(self.files.get(analysis_name(self.files), ""))

    def path(self, name: str) -> Path:
        """Where one of the layer's files lies."""
        return Path(settings.IMAGERY_DIR) / self.folder / name


class SourceFile(models.Model):
    """A file that a layer was made of: what it was, where it lies, and whether any of it is seen."""

    class State(models.TextChoices):
        SHOWN = "shown"
        HIDDEN = "hidden"  # newer or earlier files lie over all of its ground

    layer = models.ForeignKey(ImageryLayer, on_delete=models.CASCADE, related_name="sources")
    number = models.PositiveIntegerField()  # from 1; what the layer's origin rasters hold
    name = models.CharField(max_length=255)
    size_bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    bands = models.JSONField(default=list)
    acquired_on = models.DateField(null=True, blank=True)
    footprint = models.PolygonField(srid=4326)
    state = models.CharField(max_length=6, choices=State.choices, default=State.SHOWN)
    adds_bands = models.BooleanField(default=False)  # stacked on others, on whose ground it lies
    shown_px = models.PositiveBigIntegerField(null=True, blank=True)  # null: not counted
    layer_version = models.PositiveIntegerField(default=1)  # with which it came
    imported_at = models.DateTimeField(auto_now_add=True)

    objects = SourceFileQuerySet.as_manager()

    class Meta:
        ordering = ["layer", "number"]
        constraints = [
            models.UniqueConstraint(fields=["layer", "number"], name="source_number_once_a_layer"),
            models.CheckConstraint(condition=models.Q(number__gt=0), name="source_number_from_one"),
        ]

    def __str__(self) -> str:
        return self.name


class MosaicPiece(models.Model):
    """A piece of a layer's mosaic graph: the ground that one photograph gave, and its day."""

    layer = models.ForeignKey(ImageryLayer, on_delete=models.CASCADE, related_name="mosaic_pieces")
    acquired_on = models.DateField()
    footprint = models.MultiPolygonField(srid=4326)

    objects = MosaicPieceQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.layer_id} {self.acquired_on}"
