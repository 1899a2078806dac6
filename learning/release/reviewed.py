"""Reviewed coverage: where people's accepted labels are, and what they say there, on the grid of the map.

A raster of classes like the map beside it, made of the masks that the dataset holds: 0 is ground that nobody labelled
or whose labels were not accepted. Laid over the map it tells what was drawn by people from what a model says alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import rasterio
from numpy.typing import NDArray

from annotation.core.grid import PixelWindow
from annotation.raster.cog import CogWriter
from learning.release import layout
from learning.release.contents import LayerInfo

REVIEWED_WORDS = "Labels that people drew or corrected and others accepted; 0 where nobody labelled."
Colours = Mapping[int, tuple[int, int, int, int]]


class ReviewedTiles:
    """The masks of a staged release, by row of tiles.

    Args: root: of the release; its dataset is written. tile_px: side of a tile.
    """

    def __init__(self, root: Path, *, tile_px: int) -> None:
        self._folder, self._tile_px = root / layout.DATASET_DIR, tile_px
        self._rows: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for batch in pq.ParquetFile(root / layout.TILES_PARQUET).iter_batches(columns=["row", "col", "mask"]):
            for row, col, mask in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                self._rows[row].append((col, mask))

    def write(self, path: Path, *, window: PixelWindow, layer: LayerInfo, colours: Colours) -> bool:
        """Write a window of the layer as a COG of classes drawn by people. Memory: one row of tiles.

        Returns: whether anything is labelled there; where nothing is, no file stays.
        """
        a, b, left, d, e, top = layer.transform
        place = rasterio.Affine(a, b, left + a * window.col_off, d, e, top + e * window.row_off)
        labelled = False
        with CogWriter(
            path, width=window.width, height=window.height, crs=layer.crs, transform=place, overviews="MODE",
            colours=colours,
        ) as out:  # fmt: skip
            first, stop = window.row_off, window.row_off + window.height
            for row in range(first // self._tile_px, -(-stop // self._tile_px)):
                start, end = max(first, row * self._tile_px), min(stop, (row + 1) * self._tile_px)
                strip = self._strip(row, window, start, end)
                if strip is None:
                    out.skip(end - start)
                else:
                    labelled = labelled or bool(strip.any())
                    out.write(strip)
        if not labelled:
            path.unlink()
        return labelled

    def _strip(self, row: int, window: PixelWindow, start: int, end: int) -> NDArray[np.uint8] | None:
        """Rows `start` to `end` of the layer, all of one row of tiles, within the window's columns."""
        size, left, right = self._tile_px, window.col_off, window.col_off + window.width
        tiles = [(col, mask) for col, mask in self._rows.get(row, []) if col * size < right and (col + 1) * size > left]
        if not tiles:
            return None
        strip = np.zeros((end - start, window.width), np.uint8)
        for col, mask in tiles:
            with rasterio.open(self._folder / mask, driver="GTiff") as source:
                values = source.read(1)
            begin, stop = max(left, col * size), min(right, (col + 1) * size)
            rows, cols = slice(start - row * size, end - row * size), slice(begin - col * size, stop - col * size)
            strip[:, begin - left : stop - left] = values[rows, cols]
        return strip
