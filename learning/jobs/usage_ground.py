"""Windows of a map of cover with what is known of usage painted beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio import features as gdal_features
from rasterio.windows import Window

from annotation.models import ImageryLayer
from learning.core.artificialisation import CRITERIA, EXEMPTIONS, NOT_ARTIFICIALISED
from learning.core.threshold_pass import Ground
from learning.services.usage_inputs import UsageInputs

Classes = NDArray[np.uint8]
_CRITERION = dict(zip(EXEMPTIONS, (CRITERIA.index("exempt_pv"), CRITERIA.index("exempt_parc")), strict=True))


class GroundReader:
    """Reads a class map window by window; the last window is kept, as the pass asks for it twice."""

    def __init__(self, class_map: Path, layer: ImageryLayer, inputs: UsageInputs, covers: Sequence[str | None]) -> None:
        self._path, self._inputs, self._transform = class_map, inputs, Affine(*layer.transform)
        self._pixel_area_m2 = layer.gsd_m**2
        rule = inputs.rule
        self._states = rule.states(covers)
        self._buildings = np.array([False, *(cover in rule.building_covers for cover in covers)])
        self._linear = np.zeros(len(rule.usages) + 2, bool)
        self._linear[[rule.usage_value(code) for code in rule.linear_usages]] = True
        self._may_be_exempt = {
            kind: np.array([False, *(not found.covers or cover in found.covers for cover in covers)])
            for kind, found in rule.exemptions.items()
        }
        self._last: tuple[tuple[int, int, int, int], tuple[Classes, Classes]] | None = None

    def classes_and_usage(self, top: int, left: int, height: int, width: int) -> tuple[Classes, Classes]:
        """Raster values of class and usage, uint8 (row, col) each."""
        place = top, left, height, width
        if self._last is None or self._last[0] != place:
            with rasterio.open(self._path, driver="GTiff") as dataset:
                classes = dataset.read(1, window=Window(left, top, width, height))
            self._last = place, (classes, self._usage(place))
        return self._last[1]

    def ground(self, top: int, left: int, height: int, width: int) -> Ground:
        """A window for the pass."""
        classes, usage = self.classes_and_usage(top, left, height, width)
        return Ground(
            state=self._states[classes, usage],
            building=self._buildings[classes],
            linear=self._linear[usage],
            exempt=self._exempt(classes, (top, left, height, width)),
        )

    def state_of(self, class_value: int, row: int, col: int) -> int:
        """What is known of a pixel if its class were another than the map's, before any threshold."""
        place = row, col, 1, 1
        exempt = self._exempt(np.full((1, 1), class_value, np.uint8), place)[0, 0]
        return NOT_ARTIFICIALISED if exempt else int(self._states[class_value, self._usage(place)[0, 0]])

    def _usage(self, place: tuple[int, int, int, int]) -> Classes:
        unknown = self._inputs.rule.anything_but_extraction if self._inputs.knows_quarries else 0
        shapes = (
            (polygon, value)
            for value, polygons in self._inputs.usage_within(self._bounds(place))
            for polygon in shapely.from_wkb(polygons)
        )
        return self._painted(shapes, place, unknown=unknown)

    def _exempt(self, classes: Classes, place: tuple[int, int, int, int]) -> Classes:
        exempt = np.zeros(classes.shape, np.uint8)
        for kind, polygons in self._inputs.exempt_within(self._bounds(place)):
            least_m2 = self._inputs.rule.exemptions[kind].minimum_m2
            found = shapely.from_wkb(polygons)
            area_m2 = shapely.area(found) / abs(self._transform.a * self._transform.e) * self._pixel_area_m2
            large = [polygon for polygon, area in zip(found, area_m2, strict=True) if area >= least_m2]
            inside = self._painted(((polygon, 1) for polygon in large), place, unknown=0) > 0
            exempt[inside & self._may_be_exempt[kind][classes]] = _CRITERION[kind]
        return exempt

    def _bounds(self, place: tuple[int, int, int, int]) -> tuple[float, float, float, float]:
        top, left, height, width = place
        corners = [self._transform @ corner for corner in ((left, top), (left + width, top + height))]
        xs, ys = zip(*corners, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    def _painted(
        self, shapes: Iterable[tuple[shapely.Polygon, int]], place: tuple[int, int, int, int], *, unknown: int
    ) -> Classes:
        """Polygons in the CRS painted one over the other: a pixel belongs to what holds its centre."""
        top, left, height, width = place
        painted = np.full((height, width), unknown, np.uint8)
        drawn = [(polygon, value) for polygon, value in shapes]
        if drawn:
            transform = self._transform @ Affine.translation(left, top)
            gdal_features.rasterize(drawn, out=painted, transform=transform)
        return painted
