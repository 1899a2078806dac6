"""The "count_map_areas" job: pixels of each class in all of a map and in each territory, and its class at places."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from annotation.jobs.registry import job
from annotation.services.jobs import JobContext
from learning.jobs.territory_windows import TerritoryWindows
from learning.models import Prediction, ReferenceSample
from learning.services.map_areas import (
    KIND,
    CountedGround,
    finish_map_areas,
    keep_map_at_places,
    samples_to_read,
    trained_tiles,
)
from learning.services.territory_figures import want_territory_figures

SIDE_PX = 2048


@job(KIND)
def count_map_areas(context: JobContext) -> dict[str, Any]:
    """Count a map, a window at a time; taken over, it begins again."""
    prediction = Prediction.objects.select_related("model__campaign__layer", "model__run__training_set").get(
        pk=context.payload["prediction"]
    )
    layer, codes = prediction.model.campaign.layer, prediction.model.class_codes
    territories = TerritoryWindows(layer, side_px=SIDE_PX)
    whole = np.zeros(256, np.int64)
    within = {number: np.zeros(256, np.int64) for number in territories.ground_px}
    with rasterio.open(prediction.path("class.tif"), driver="GTiff") as dataset:
        for share, top, left, values in _windows(dataset):
            whole += np.bincount(values.ravel(), minlength=256)
            height, width = values.shape
            for number, inside in territories.within(top=top, left=left, height=height, width=width):
                within[number] += np.bincount(values[inside], minlength=256)
            context.progress(share, "Counting the map.")
        for sample in samples_to_read(prediction):
            _read_places(dataset, prediction, sample)

    def counted(pixels: NDArray[np.int64], ground_px: int) -> CountedGround:
        return CountedGround(dict(zip(codes, pixels[1 : len(codes) + 1].tolist(), strict=True)), ground_px)

    rows = finish_map_areas(
        prediction=prediction,
        whole=counted(whole, int(whole.sum())),
        territories={number: counted(pixels, territories.ground_px[number]) for number, pixels in within.items()},
    )
    want_territory_figures(campaign=prediction.model.campaign)
    return {"territories": len(rows) - 1}


def _windows(dataset: Any) -> Iterator[tuple[float, int, int, NDArray[np.uint8]]]:
    """Windows of a map: share of it done with this one, row and column of the first pixel, values."""
    for top in range(0, dataset.height, SIDE_PX):
        height = min(SIDE_PX, dataset.height - top)
        for left in range(0, dataset.width, SIDE_PX):
            width = min(SIDE_PX, dataset.width - left)
            values = dataset.read(1, window=Window(left, top, width, height))
            done = top * dataset.width + height * (left + width)
            yield done / (dataset.width * dataset.height), top, left, values


def _read_places(dataset: Any, prediction: Prediction, sample: ReferenceSample) -> None:
    """The class at the centre of each place, and which places lie on tiles that the model was trained on."""
    codes, middle = ["", *prediction.model.class_codes], sample.unit_px // 2
    tile_px, trained = sample.campaign.tile_px, trained_tiles(prediction)
    found, learnt_from = [], []
    for unit in sample.units.order_by("number"):
        row, col = unit.row + middle, unit.col + middle
        found.append(codes[int(dataset.read(1, window=Window(col, row, 1, 1))[0, 0])])
        corners = {
            (y // tile_px, x // tile_px)
            for y in (unit.row, unit.row + sample.unit_px - 1)
            for x in (unit.col, unit.col + sample.unit_px - 1)
        }
        if not trained.isdisjoint(corners):
            learnt_from.append(unit.number)
    keep_map_at_places(prediction=prediction, sample=sample, codes=found, learnt_from=learnt_from)
