"""Another vintage's map as evidence against a campaign's own."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from annotation.models import Campaign, ImageryLayer
from learning.core.map_tables import write_npy
from learning.core.other_vintage import FILE, PARTS_FILE, MapPair, contradicted_share
from learning.core.regions import PARTS
from learning.errors import InvalidPredictionGrid
from learning.models import Prediction
from learning.services.predictions import shown_prediction

log = logging.getLogger(__name__)


def other_vintages_map(prediction: Prediction) -> Prediction | None:
    """The map that people see of this ground in another year's imagery, in the same CRS: of the newest imagery.

    A map with fewer than two of this one's class codes could contradict nothing; an older one may.
    """
    layer, codes = prediction.layer, set(prediction.model.class_codes)
    others = (
        Campaign.objects.filter(layer__crs=layer.crs)
        .exclude(layer__vintage=layer.vintage)
        .select_related("layer")
        .order_by("-layer__vintage", "-pk")
    )
    for campaign in others:
        other = shown_prediction(campaign) if _share_ground(layer, campaign.layer) else None
        if other is not None and len(codes.intersection(other.model.class_codes)) > 1:
            return other
    return None


def write_other_vintage(
    prediction: Prediction, *, on_progress: Callable[[float], None] = lambda share: None
) -> list[str]:
    """Write what another vintage's map contradicts of a map whose files are in place; the names of the files written.

    Parts of tiles are told apart where the map tells them. Evidence never stands in the way of a map: another
    campaign's map that cannot be read or compared is logged and left out.

    Args: on_progress: share done, from 0 to 1.
    """
    for name in (FILE, PARTS_FILE):  # of an attempt before, when there was another vintage
        prediction.path(name).unlink(missing_ok=True)
    other = other_vintages_map(prediction)
    if other is None:
        return []
    this, that = (MapPair(one.path("class.tif"), one.path("entropy.tif")) for one in (prediction, other))
    tile_px = prediction.model.campaign.tile_px
    tables = {"scores.npy": (FILE, tile_px), "parts_histogram.npy": (PARTS_FILE, tile_px // PARTS)}
    grids = [(prediction.path(name), *wanted) for name, wanted in tables.items() if prediction.path(name).exists()]
    shares: dict[str, NDArray[np.float32]] = {}
    try:
        for number, (like, name, side) in enumerate(grids):
            rows, cols = np.load(like, mmap_mode="r", allow_pickle=False).shape[:2]

            def told(done: float, before: int = number) -> None:
                on_progress((before + done) / len(grids))

            shares[name] = contradicted_share(this, that, tile_px=side, n_rows=rows, n_cols=cols, on_progress=told)
    except (InvalidPredictionGrid, RasterioError) as error:
        log.warning("The map of %s is not compared with that of %s: %s", prediction.layer, other.layer, error)
        return []
    if np.isnan(shares[FILE]).all():
        return []
    for name, share in shares.items():
        write_npy(prediction.path(name), share)
    return list(shares)


def _share_ground(layer: ImageryLayer, other: ImageryLayer) -> bool:
    """Whether two layers in one CRS overlap by more than an edge."""
    left, bottom, right, top = _bounds(layer)
    west, south, east, north = _bounds(other)
    return west < right and left < east and south < top and bottom < north


def _bounds(layer: ImageryLayer) -> tuple[float, float, float, float]:
    """Left, bottom, right, top of a north-up layer, in its CRS."""
    a, _b, c, _d, e, f = layer.transform
    return c, f + e * layer.height, c + a * layer.width, f
