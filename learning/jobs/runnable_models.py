"""What a release's model needs to run elsewhere, made from its weights when the release is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from annotation.raster.reader import open_layer
from learning.jobs.options import usual_core_px
from learning.release.cards import WEIGHTS
from learning.release.contents import DatasetTile, ModelRecord, ReleaseContents, RunnableRecord
from learning.release.dataset import colour_table

GOLDEN_TILES = 4  # the first of the dataset, by row and column


def with_runnable_model(contents: ReleaseContents, *, work_dir: Path) -> ReleaseContents:
    """The contents, their model with code and ONNX that were held against it on golden tiles; as they are without one.

    The same contents give the same files.

    Args:   work_dir: where they are written; the caller removes it.
    Raises: ModelNotPortable, UnsupportedNetwork, InvalidModelFile, ModelCannotUseImagery.
    """
    record = contents.model
    if record is None:
        return contents
    tiles = iter(contents.tiles)
    golden = list(islice(tiles, GOLDEN_TILES))
    contents = replace(contents, tiles=chain(golden, tiles))
    if not golden:
        return contents
    return replace(contents, model=_runnable(record, contents, golden, work_dir / "model"))


def _runnable(
    record: ModelRecord, contents: ReleaseContents, golden: Sequence[DatasetTile], folder: Path
) -> ModelRecord:
    from learning.core import portable
    from learning.core.model_file import load_model, match_imagery

    model = replace(load_model(record.weights_path), temperature=record.temperature)
    layer = contents.layer
    bands = match_imagery(model.metadata, bands=layer.bands, dtype=layer.dtype)
    images, masks = _read(contents, golden, [place + 1 for place in bands])
    core_px = (contents.maps and contents.maps.core_px) or usual_core_px("cpu")
    made = portable.write_portable(
        model,
        folder,
        title=f"{record.name} {record.version}",
        weights_name=WEIGHTS,
        values=contents.nomenclature.raster_values,
        colours=colour_table(contents.nomenclature.classes),
        core_px=core_px,
        tiles=images,
        masks=masks,
    )
    runnable = RunnableRecord(
        network_path=folder / portable.NETWORK,
        onnx_path=folder / portable.ONNX,
        onnx_opset=portable.OPSET,
        onnx_free_sides=made.onnx_free_sides,
        onnx_difference=made.onnx_difference,
        onnx_other_px=made.onnx_other_px,
        code_difference=made.code_difference,
        largest_score=made.onnx_scale,
        tiles=made.tiles,
        pixels=made.pixels,
        core_px=core_px,
        margin_px=model.metadata.margin_px,
        golden_tile=golden[0],
        golden=made.golden,
    )
    return replace(record, runnable=runnable)


def _read(
    contents: ReleaseContents, golden: Sequence[DatasetTile], indexes: Sequence[int]
) -> tuple[list[Any], list[NDArray[np.bool_]]]:
    """Pixels (band, row, col) of tiles, and where the images of the dataset say they are imagery (by nodata alone)."""
    size = contents.campaign.tile_px
    windows = [Window(tile.col * size, tile.row * size, size, size) for tile in golden]
    with open_layer(contents.layer.analysis_path) as source:
        images = [source.read(list(indexes), window=window) for window in windows]
        if contents.layer.nodata is None:
            return images, [np.ones((size, size), bool) for _ in windows]
        masks = [source.dataset_mask(window=window) > 0 for window in windows]
    return images, masks
