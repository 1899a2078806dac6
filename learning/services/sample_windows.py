"""Where a place of a sample lies on each layer that it is looked at on, and when it was photographed."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib.gis.geos import Polygon

from annotation.models import ImageryLayer
from annotation.services.ground_dates import ground_acquired_on
from learning.models import ReferenceSample, SampleUnit


def layers_of(sample: ReferenceSample) -> list[ImageryLayer]:
    """The layers on which a sample is looked at, in the order of time."""
    return [sample.pair.first, sample.campaign.layer] if sample.pair else [sample.campaign.layer]


def window_on(layer: ImageryLayer, unit: SampleUnit, sample: ReferenceSample) -> dict[str, Any]:
    """A place on a layer: corner and side in the layer's pixels, to the nearest, and the day of its ground there."""
    own = sample.campaign.layer
    side = max(1, round(sample.unit_px * own.gsd_m / layer.gsd_m))
    x, y = own.pixel_grid.to_crs_xy(unit.col, unit.row)
    a, _b, c, _d, e, f = layer.transform
    return {
        "origin_px": [round((x - c) / a), round((y - f) / e)],
        "side_px": side,
        "acquired_on": ground_at(layer, unit, sample),
    }


def ground_at(layer: ImageryLayer, unit: SampleUnit, sample: ReferenceSample) -> date | None:
    """The day on which a place was photographed for a layer, where it knows it."""
    own, side = sample.campaign.layer.pixel_grid, sample.unit_px
    west, north = own.to_lonlat(unit.col, unit.row)
    east, south = own.to_lonlat(unit.col + side, unit.row + side)
    return ground_acquired_on(layer, Polygon.from_bbox((west, south, east, north)))
