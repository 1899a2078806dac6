"""A prediction map as it is published: values of the nomenclature instead of the model's output channels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.windows import Window

from annotation.raster.reader import open_layer
from learning.core.durable import publish
from learning.release.contents import ClassInfo
from learning.release.dataset import colour_table

BLOCK_PX = 512
STRIP_PX = 2048  # rows and columns handled at once: constant memory whatever the layer


def write_published_classes(
    source: Path, target: Path, *, values: Mapping[int, int], classes: tuple[ClassInfo, ...]
) -> None:
    """Rewrite a class COG with other values and the nomenclature's colours.

    Args:
        source: uint8 COG, 0 = no imagery. target: where the new COG is put, whole or absent.
        values: published value (1..255) of each value of `source`; any other becomes 0.
    """
    table = np.zeros(256, np.uint8)
    for old, new in values.items():
        table[old] = new
    target.parent.mkdir(parents=True, exist_ok=True)
    flat, partial = target.with_suffix(".flat.tif"), target.with_suffix(".partial.tif")
    with open_layer(source) as dataset:
        profile = {
            "driver": "GTiff",
            "width": dataset.width,
            "height": dataset.height,
            "count": 1,
            "dtype": "uint8",
            "nodata": 0,
            "crs": dataset.crs,
            "transform": dataset.transform,
            "tiled": True,
            "blockxsize": BLOCK_PX,
            "blockysize": BLOCK_PX,
            "compress": "deflate",
            "bigtiff": "IF_SAFER",
        }
        with rasterio.open(flat, "w", **profile) as out:
            out.write_colormap(1, colour_table(classes))
            for top in range(0, dataset.height, STRIP_PX):
                for left in range(0, dataset.width, STRIP_PX):
                    width, height = min(STRIP_PX, dataset.width - left), min(STRIP_PX, dataset.height - top)
                    window = Window(left, top, width, height)
                    out.write(table[dataset.read(1, window=window)], 1, window=window)
    with open_layer(flat) as dataset:
        rasterio.shutil.copy(
            dataset,
            partial,
            driver="COG",
            COMPRESS="DEFLATE",
            BLOCKSIZE=str(BLOCK_PX),
            OVERVIEW_RESAMPLING="MODE",
            BIGTIFF="IF_SAFER",
        )
    flat.unlink()
    publish(partial, target)
