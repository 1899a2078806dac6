"""Which class a shape becomes by the ground it lies on, where areas were imported for a split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from pyproj import Transformer
from shapely.geometry import shape

from annotation.core.class_changes import Area
from annotation.core.grid import SUBPIXELS, TileGrid
from annotation.errors import CannotChangeClasses
from annotation.models import Campaign

MOST_CORNERS = 500_000
LEAST_SHARE = 0.5  # of a shape's ground, that areas of one class must hold

Rule = Callable[[dict[str, Any], Mapping[str, Any]], str | None]


def ground_rule(campaign: Campaign, areas: Mapping[str, Sequence[Area]]) -> Rule:
    """A rule that gives a stored feature of a split class the class of the areas under most of its ground.

    Args:   areas: by the code before; longitude and latitude.
    Returns: a function of a feature and its tile's place (row, col, part); None where no class's areas hold half.
    Raises: CannotChangeClasses: an area is no valid polygon.
    """
    pixels = campaign.layer.pixel_grid
    from_wgs84 = Transformer.from_crs("EPSG:4326", pixels.crs, always_xy=True)
    a, _, c, _, e, f = pixels.transform
    trees: dict[str, tuple[shapely.STRtree, list[str]]] = {}
    corners = 0
    for code, some in areas.items():
        placed = []
        for number, area in enumerate(some):
            polygon = shape(dict(area.geometry))
            corners += int(shapely.get_num_coordinates(polygon))
            if corners > MOST_CORNERS or not polygon.is_valid or polygon.is_empty:
                raise CannotChangeClasses(
                    f"Area number {number} of class {code} is not a valid polygon, or all have more than "
                    f"{MOST_CORNERS} corners: correct it where it was made."
                )
            on_ground = shapely.transform(polygon, lambda xy: np.column_stack(from_wgs84.transform(xy[:, 0], xy[:, 1])))
            # In pixels of the layer, whose rows go down.
            placed.append(shapely.transform(on_ground, lambda xy: (xy - (c, f)) / (a, e)))
        trees[code] = (shapely.STRtree(placed), [area.class_code for area in some])

    def class_of(feature: dict[str, Any], place: Mapping[str, Any]) -> str | None:
        if feature["class_code"] not in trees:
            return None
        tree, codes = trees[feature["class_code"]]
        polygon = _on_layer(feature, campaign, pixels, place)
        shares: dict[str, float] = {}
        for found in tree.query(polygon, predicate="intersects").tolist():
            common = shapely.intersection(polygon, tree.geometries[found])
            shares[codes[found]] = shares.get(codes[found], 0.0) + float(common.area)
        best = max(shares, key=lambda code: shares[code], default=None)
        return best if best is not None and shares[best] >= LEAST_SHARE * polygon.area else None

    return class_of


def _on_layer(feature: dict[str, Any], campaign: Campaign, pixels: Any, place: Mapping[str, Any]) -> shapely.Polygon:
    side = campaign.tile_px // 2 if place["part"] else campaign.tile_px
    row, col = place["row"], place["col"]
    if place["part"]:
        down, right = divmod(place["part"] - 1, 2)
        row, col = 2 * row + down, 2 * col + right
    window = TileGrid(pixels=pixels, tile_px=side).window(row, col)
    rings = [
        [(window.col_off + x / SUBPIXELS, window.row_off + y / SUBPIXELS) for x, y in ring] for ring in feature["rings"]
    ]
    return shapely.Polygon(rings[0], rings[1:])
