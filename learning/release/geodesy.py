"""From a layer's grid to longitude and latitude (OGC:CRS84), rounded to 1e-7 degree (about 1 cm)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from learning.release.contents import Affine6

Bounds = tuple[float, float, float, float]  # (left, bottom, right, top) or (west, south, east, north)
DECIMALS = 7


@lru_cache(maxsize=8)
def _to_wgs84(crs: str) -> Transformer:
    return Transformer.from_crs(CRS.from_user_input(crs), CRS.from_user_input("OGC:CRS84"), always_xy=True)


def window_bounds(transform: Affine6, *, x_px: int, y_px: int, width: int, height: int) -> Bounds:
    """Bounds in the layer's CRS (left, bottom, right, top) of a window of pixels on a north-up grid."""
    a, _, c, _, e, f = transform
    return (c + a * x_px, f + e * (y_px + height), c + a * (x_px + width), f + e * y_px)


def polygon_wgs84(bounds_crs: Bounds, crs: str) -> dict[str, object]:
    """GeoJSON polygon of a rectangle given in `crs`: its four corners, counter-clockwise, closed."""
    left, bottom, right, top = bounds_crs
    xs, ys = _to_wgs84(crs).transform([left, right, right, left, left], [bottom, bottom, top, top, bottom])
    ring = [[round(float(x), DECIMALS), round(float(y), DECIMALS)] for x, y in zip(xs, ys, strict=True)]
    return {"type": "Polygon", "coordinates": [ring]}


def bounds_wgs84(bounds_crs: Bounds, crs: str) -> list[float]:
    """West, south, east, north of a rectangle given in `crs`, its edges densified."""
    return [round(float(v), DECIMALS) for v in _to_wgs84(crs).transform_bounds(*bounds_crs, densify_pts=21)]


def geometries_wgs84(geometries: NDArray[np.object_], crs: str) -> NDArray[np.object_]:
    """Polygons in longitude and latitude, rounded; shape kept."""
    transformer = _to_wgs84(crs)

    def project(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        lon, lat = transformer.transform(xy[:, 0], xy[:, 1])
        return np.round(np.column_stack([lon, lat]), DECIMALS)

    return np.asarray(shapely.transform(geometries, project), dtype=object)


@lru_cache(maxsize=8)
def crs_code(crs: str) -> str | None:
    """`AUTHORITY:CODE` of a CRS, None when it has none that PROJ is sure of."""
    authority = CRS.from_user_input(crs).to_authority()
    return None if authority is None else ":".join(authority)


def projjson(crs: str) -> dict[str, object]:
    """PROJJSON of a CRS, as GeoParquet's `crs` wants it."""
    return dict(CRS.from_user_input(crs).to_json_dict())


def is_metric(crs: str) -> bool:
    """Whether the CRS is projected with axes in metres."""
    parsed = CRS.from_user_input(crs)
    return bool(parsed.is_projected) and all(axis.unit_name == "metre" for axis in parsed.axis_info)
