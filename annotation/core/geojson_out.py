"""A tile's shapes as GeoJSON geometries (RFC 7946), the way back from `geojson`."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import shapely
from numpy.typing import NDArray

from annotation.core.features import Rings
from annotation.core.grid import TileGrid, lonlat_transformers
from annotation.core.tile_geometry import to_crs

DECIMALS = 7  # about 1 cm


class PolygonGeometry(TypedDict):
    """A GeoJSON Polygon: closed rings of [longitude, latitude], the outer one counterclockwise."""

    type: str
    coordinates: list[list[list[float]]]


def polygon_geometry(rings: Rings, *, grid: TileGrid, row: int, col: int) -> PolygonGeometry:
    """One feature's rings, in 1/8 pixel of its tile, as a polygon in degrees (WGS 84).

    Raises: TileOutsideGrid.
    """
    placed = to_crs(rings, grid=grid, row=row, col=col)
    forward = lonlat_transformers(grid.pixels.crs)[0]

    def degrees(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack(forward.transform(xy[:, 0], xy[:, 1]), axis=1)

    turned = shapely.orient_polygons(shapely.transform(placed, degrees), exterior_cw=False)
    lines = (turned.exterior, *turned.interiors)
    coordinates = [
        [[round(lon, DECIMALS), round(lat, DECIMALS)] for lon, lat in shapely.get_coordinates(line).tolist()]
        for line in lines
    ]
    return {"type": "Polygon", "coordinates": coordinates}
