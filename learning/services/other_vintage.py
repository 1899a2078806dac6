"""Another vintage's map as evidence against a campaign's own."""

from __future__ import annotations

import logging

import numpy as np

from annotation.models import ImageryLayer
from learning.core.map_tables import write_npy
from learning.core.other_vintage import FILE, MapPair, contradicted_share
from learning.errors import InvalidPredictionGrid
from learning.models import Prediction, TrainedModel

log = logging.getLogger(__name__)


def other_vintages_map(prediction: Prediction) -> Prediction | None:
    """The map of a published model on another layer of this ground, in the same CRS: of the newest imagery."""
    layer = prediction.layer
    maps = (
        Prediction.objects.filter(
            state=Prediction.State.READY, model__state=TrainedModel.State.PROMOTED, layer__crs=layer.crs
        )
        .exclude(layer=layer)
        .exclude(layer__vintage=layer.vintage)
        .select_related("layer")
        .order_by("-layer__vintage", "-finished_at", "pk")
    )
    return next((one for one in maps if _share_ground(layer, one.layer)), None)


def write_other_vintage(prediction: Prediction) -> bool:
    """Write what another vintage's map contradicts of a map whose files are in place; whether there is one.

    Evidence never stands in the way of a map: another campaign's map that cannot be compared is logged and left out.
    """
    target = prediction.path(FILE)
    target.unlink(missing_ok=True)  # of an attempt before, when there was another vintage
    other = other_vintages_map(prediction)
    if other is None:
        return False
    this, that = (MapPair(one.path("class.tif"), one.path("entropy.tif")) for one in (prediction, other))
    campaign = prediction.model.campaign
    rows, cols = np.load(prediction.path("scores.npy"), mmap_mode="r", allow_pickle=False).shape
    try:
        share = contradicted_share(this, that, tile_px=campaign.tile_px, n_rows=rows, n_cols=cols)
    except InvalidPredictionGrid as error:
        log.warning("The map of %s is not compared with that of %s: %s", prediction.layer, other.layer, error)
        return False
    if np.isnan(share).all():
        return False
    write_npy(target, share)
    return True


def _share_ground(layer: ImageryLayer, other: ImageryLayer) -> bool:
    """Whether two layers in one CRS overlap by more than an edge."""
    left, bottom, right, top = _bounds(layer)
    west, south, east, north = _bounds(other)
    return west < right and left < east and south < top and bottom < north


def _bounds(layer: ImageryLayer) -> tuple[float, float, float, float]:
    """Left, bottom, right, top of a north-up layer, in its CRS."""
    a, _b, c, _d, e, f = layer.transform
    return c, f + e * layer.height, c + a * layer.width, f
