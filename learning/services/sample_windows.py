"""Where a place of a sample lies on each layer that it is looked at on, and when it was photographed."""

from __future__ import annotations

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
    west, north = own.pixel_grid.to_lonlat(unit.col, unit.row)
    east, south = own.pixel_grid.to_lonlat(unit.col + sample.unit_px, unit.row + sample.unit_px)
    return {
        "origin_px": [round((x - c) / a), round((y - f) / e)],
        "side_px": side,
        "acquired_on": ground_acquired_on(layer, Polygon.from_bbox((west, south, east, north))),
    }
