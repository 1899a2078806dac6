"""Maps for tests: class rasters written as they are wanted, tile by tile."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from learning_rows import labelled_campaign, model_row, ready_map
from numpy.typing import NDArray
from scenes import TWO_CLASSES

FIRST, SECOND = 1, 2  # raster values of TWO_CLASSES in `model_row`'s training sets


def judged_model(camp: Any, number: int, revisions: list[Any], *, against: Any = None, **more: Any) -> Any:
    """A published model that has learnt from these labels, judged against another one on the reference "h"."""
    from learning.models import TrainingSetItem

    gate = {"promote": True, "reason": "", "against": against.version if against else None, "holdout_sha256": "h"}
    model = model_row(camp, state=more.pop("state", "promoted"), number=number, gate=gate)
    for annotation in revisions:
        TrainingSetItem.objects.create(
            training_set=model.run.training_set, tile=annotation.tile, revision=annotation.head
        )
    return model


def retire(model: Any) -> None:
    """Another model is published in its place."""
    model.state = "retired"
    model.save(update_fields=["state"])


def map_of(model: Any, tiles: dict[Any, NDArray[np.uint8]], *, everywhere: int = FIRST) -> Any:
    """A ready map that has one class everywhere but on some tiles, by (row, col)."""
    camp = model.campaign
    prediction = ready_map(model, np.zeros((camp.n_rows, camp.n_cols), np.float32))
    classes = np.full((camp.layer.height, camp.layer.width), everywhere, np.uint8)
    side = camp.tile_px
    for (row, col), raster in tiles.items():
        classes[row * side : (row + 1) * side, col * side : (col + 1) * side] = raster
    with rasterio.open(
        prediction.path("class.tif"), "w", driver="GTiff", dtype="uint8", count=1, nodata=0, tiled=True,
        width=camp.layer.width, height=camp.layer.height, transform=rasterio.Affine(*camp.layer.transform),
    ) as out:  # fmt: skip
        out.write(classes, 1)
    return prediction


def map_of_vintage(slug: str, *, vintage: int, east: int, state: str = "promoted") -> Any:
    """A ready, sure map of a campaign on a layer of its own: the first class in the west, `east` in the east."""
    campaign = labelled_campaign(slug, pool=1).campaign
    layer = campaign.layer
    layer.vintage = vintage
    layer.save()
    prediction = ready_map(model_row(campaign, state=state), np.full((16, 16), 0.1, np.float32))
    classes = np.ones((1024, 1024), np.uint8)
    classes[:, 512:] = east
    for name, array in (("class.tif", classes), ("entropy.tif", np.ones_like(classes))):
        with rasterio.open(
            prediction.path(name), "w", driver="GTiff", width=1024, height=1024, count=1, dtype="uint8",
            crs=layer.crs, transform=rasterio.Affine(*layer.transform),
        ) as out:  # fmt: skip
            out.write(array, 1)
            out.update_tags(CLASS_CODES=json.dumps(prediction.model.class_codes))
    np.save(prediction.path("doubt.npy"), np.full((16, 16, 2), 0.001, np.float32))
    np.save(prediction.path("embedding.npy"), np.zeros((16, 16, 64), np.float16))
    np.save(prediction.path("histogram.npy"), np.full((16, 16, 2), 2048, np.int64))
    return prediction


def halves_at(column: int, *, side: int = 64) -> NDArray[np.uint8]:
    """The first class left of a column, the second from it on."""
    raster = np.full((side, side), SECOND, np.uint8)
    raster[:, :column] = FIRST
    return raster


def evaluation(model: Any, accuracy: float, *, reference: str = "h", miou: float = 0.5) -> Any:
    """A model's figures on a reference."""
    from learning.models import Evaluation

    return Evaluation.objects.create(
        model=model, holdout_sha256=reference, n_tiles=4, class_codes=list(TWO_CLASSES), confusion=[], miou=miou,
        tile_confusions={}, miou_low=miou - 0.1, miou_high=miou + 0.1, overall_accuracy=accuracy, per_class={},
    )  # fmt: skip


def drawn_map(camp: Any, classes: NDArray[np.uint8], doubt: NDArray[np.uint8]) -> Any:
    """A published model's map of a campaign's whole layer, with its copies for people.

    Args: classes, doubt: uint8 of the layer's shape, as the map stores them.
    """
    from learning.core.map_copies import write_hidden_copy
    from learning.jobs.prediction import PUBLIC_COPIES
    from learning.services.holdout import holdout_windows

    prediction = ready_map(model_row(camp, state="promoted"), np.zeros((camp.n_rows, camp.n_cols), np.float32))
    height, width = classes.shape
    for name, values in (("class.tif", classes), ("entropy.tif", doubt)):
        with rasterio.open(
            prediction.path(name), "w", driver="GTiff", width=width, height=height, count=1, dtype="uint8", nodata=0,
            crs=camp.layer.crs, transform=Affine(*camp.layer.transform), tiled=True, blockxsize=512, blockysize=512,
        ) as target:  # fmt: skip
            target.write(values, 1)
            target.update_tags(CLASS_CODES=json.dumps(prediction.model.class_codes))
    for name, source, overviews in PUBLIC_COPIES:
        hidden = holdout_windows(camp)
        write_hidden_copy(prediction.path(source), prediction.path(name), hidden=hidden, overviews=overviews)
    return prediction


def halved_map() -> tuple[Any, Any]:
    """A labelled campaign and a map of 1,024 px: its left half is the first class, its right half the second, doubt is
    at the bottom."""
    scene = labelled_campaign()
    classes, doubt = np.ones((1024, 1024), np.uint8), np.ones((1024, 1024), np.uint8)
    classes[:, 512:] = 2
    doubt[512:] = 255
    return scene, drawn_map(scene.campaign, classes, doubt)
