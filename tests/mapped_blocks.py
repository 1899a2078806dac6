"""A map for tests of the job that makes polygons: some blocks of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import rasterio
from learning_rows import labelled_campaign, model_row, ready_map

from learning.core.map_copies import write_hidden_copy
from learning.jobs import polygons as polygons_job
from learning.services.holdout import holdout_windows


def map_in_blocks(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A map of 1,024 px in nine blocks: the first class in the west, the second in the east, specks of each strewn
    over the other, and a building of 60 × 90 px (216 m²: 200 are enough) of the first in the east."""
    monkeypatch.setattr(polygons_job, "BLOCK_PX", 400)
    scene = labelled_campaign()
    prediction = ready_map(model_row(scene.campaign, state="promoted"), np.zeros((16, 16), np.float32))
    classes = np.ones((1024, 1024), np.uint8)
    classes[:, 512:] = 2
    specks = np.random.default_rng(2).random(classes.shape) < 0.01
    classes[specks] = 3 - classes[specks]
    classes[380:440, 700:790] = 1
    layer = scene.campaign.layer
    with rasterio.open(
        prediction.path("class.tif"), "w", driver="GTiff", width=1024, height=1024, count=1, dtype="uint8", nodata=0,
        crs=layer.crs, transform=rasterio.Affine(*layer.transform), tiled=True, blockxsize=512, blockysize=512,
    ) as out:  # fmt: skip
        out.write(classes, 1)
    hidden = holdout_windows(scene.campaign)
    write_hidden_copy(
        prediction.path("class.tif"), prediction.path("class_public.tif"), hidden=hidden, overviews="MODE"
    )
    return prediction
