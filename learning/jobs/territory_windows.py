"""Which pixels of a window of a layer lie in each territory, window by window: constant memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from annotation.core.grid import lonlat_transformers
from annotation.models import ImageryLayer
from learning.core.map_area import area_in_pixels, pixels_within, windows_within
from learning.errors import UnusableArea, UnusableOutline
from learning.services.map_requests import shape_of, territories_on


class TerritoryWindows:
    """The territories that a layer covers, on its pixels.

    One that lies between pixels, or whose outline cannot be followed on this grid, is left out.

    Args: side_px: of the windows that will be asked about, whose grid begins at the layer's corner.
    """

    def __init__(self, layer: ImageryLayer, *, side_px: int) -> None:
        grid, to_crs = layer.pixel_grid, lonlat_transformers(layer.crs)[1]
        a, _, _, _, e, _ = grid.transform
        self._areas: dict[int, tuple[str, NDArray[np.bool_]]] = {}
        self._side_px = side_px
        #: Pixels of each territory's whole ground, on the layer or beside it, by its key.
        self.ground_px: dict[int, int] = {}
        for number, boundary in territories_on(layer).values_list("pk", "boundary"):
            shape = shape_of(boundary)
            try:
                area = area_in_pixels(shape, grid)
            except (UnusableArea, UnusableOutline):
                continue
            touched = windows_within(area, width=grid.width, height=grid.height, side_px=side_px)
            placed = shapely.transform(shape, lambda xy: np.column_stack(to_crs.transform(xy[:, 0], xy[:, 1])))
            self._areas[number] = area, touched
            self.ground_px[number] = math.ceil(placed.area / abs(a * e))

    def within(self, *, top: int, left: int, height: int, width: int) -> Iterator[tuple[int, NDArray[np.bool_]]]:
        """Territories that touch a window, by key, with its pixels in each: bool (row, col)."""
        for number, (area, touched) in self._areas.items():
            if touched[top // self._side_px, left // self._side_px]:
                yield number, pixels_within(area, left=left, top=top, width=width, height=height)

    def holds(self, number: int, places: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
        """Which pixels, by row and column, lie in a territory: bool (place)."""
        area, _touched = self._areas[number]
        return np.array(
            [bool(pixels_within(area, left=col, top=row, width=1, height=1)[0, 0]) for row, col in places], bool
        )
