"""Where a foreign raster lies: its CRS, its affine transform, the ground size of its pixels."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import pyproj
from pyproj.exceptions import ProjError
from rasterio.crs import CRS

from annotation.raster.errors import (
    ContradictoryGeoreference,
    MissingGeoreference,
    UnusableCrs,
    UnusableGeotransform,
)

Transform = tuple[float, float, float, float, float, float]

SQUARE_TOLERANCE = 0.01
AREA_OF_USE_MARGIN_DEGREES = 10.0
IDENTITY: tuple[Transform, ...] = ((1.0, 0.0, 0.0, 0.0, 1.0, 0.0), (1.0, 0.0, 0.0, 0.0, -1.0, 0.0))


def parse_given_crs(crs: str) -> CRS:
    """A CRS named by a person. Only EPSG codes: other spellings make GDAL open files and addresses.

    Raises UnusableCrs.
    """
    match = re.fullmatch(r"EPSG:(\d{4,6})", crs.strip(), flags=re.IGNORECASE)
    if match is None:
        raise UnusableCrs(f"{crs[:80]!r} is not an EPSG code. Write it as EPSG:2154.")
    try:
        return CRS.from_epsg(int(match[1]))
    except Exception as error:
        raise UnusableCrs(f"EPSG:{match[1]} is not a known CRS. Look the code up at epsg.org.") from error


def choose_transform(
    own: Sequence[float], given: Sequence[float] | None, *, name: str, ground_points: int
) -> Transform:
    """The file's own affine transform (a, b, c, d, e, f), or the given one when it has none.

    Raises MissingGeoreference, ContradictoryGeoreference, UnusableGeotransform.
    """
    own_transform = tuple(float(value) for value in own)[:6]
    has_own = own_transform not in IDENTITY
    if not has_own and given is None:
        met = f"only {ground_points} ground control points" if ground_points else "no geotransform"
        raise MissingGeoreference(
            f"{name} has {met}. Give crs= and transform= (pixel width, 0, left, 0, -pixel height, top), "
            "or export an orthorectified GeoTIFF."
        )
    if given is None:
        return check_transform(own_transform, name=name)
    chosen = check_transform(given, name=name)
    if has_own and chosen != own_transform:
        raise ContradictoryGeoreference(
            f"{name} has the transform {own_transform} and {chosen} was given. Leave transform= out."
        )
    return chosen


def check_transform(transform: Sequence[float], *, name: str) -> Transform:
    """The six numbers of a north-up grid. Raises UnusableGeotransform."""
    if len(transform) != 6 or not all(math.isfinite(value) for value in transform):
        raise UnusableGeotransform(
            f"{name} has the transform {tuple(transform)}; six finite numbers are needed. Georeference it again."
        )
    a, b, c, d, e, f = (float(value) for value in transform)
    if b or d:
        raise UnusableGeotransform(
            f"{name} is rotated or sheared (transform {a, b, c, d, e, f}). Warp it north-up first: gdalwarp "
            "input.tif output.tif."
        )
    if a <= 0 or e >= 0:
        raise UnusableGeotransform(
            f"{name} has pixels of {a} x {e}: width must be above 0 and height below 0 (north-up). Warp it "
            "north-up first: gdalwarp input.tif output.tif."
        )
    return a, b, c, d, e, f


def choose_crs(own: CRS | None, given: str | None, *, name: str) -> CRS:
    """The file's own CRS, or the given one when it has none.

    Raises MissingGeoreference, ContradictoryGeoreference, UnusableCrs.
    """
    chosen = parse_given_crs(given) if given is not None else None
    if own is None or not own.to_wkt():
        if chosen is None:
            raise MissingGeoreference(f"{name} does not name its CRS. Give it with crs=, for example EPSG:2154.")
        return chosen
    if chosen is not None and chosen != own:
        raise ContradictoryGeoreference(
            f"{name} is in {own.to_string()[:80]} and crs={given} was given. Leave crs= out."
        )
    return own


def ground_size_m(*, crs: CRS, transform: Transform, width: int, height: int, name: str) -> float:
    """The ground size of a pixel in metres (gsd_m), once CRS, coordinates and squareness are found sound.

    A projected CRS gives its own pixel size in metres when that is within 1 % of the geodesic one
    (Lambert-93, UTM), else the geodesic one at the centre (Web Mercator). A geographic CRS is accepted only
    when its pixels are square on the ground within 1 % at the top, the middle and the bottom: labels and
    networks need square pixels.
    Raises UnusableCrs, UnusableGeotransform.
    """
    code = crs.to_epsg(confidence_threshold=100)
    # By code when there is one: the text in a file does not carry the area the CRS is made for.
    system = pyproj.CRS.from_wkt(crs.to_wkt()) if code is None else pyproj.CRS.from_epsg(code)
    horizontal = system.sub_crs_list[0] if system.is_compound else system
    if not (horizontal.is_projected or horizontal.is_geographic):
        raise UnusableCrs(
            f"{name} is in “{system.name}”, which is not a place on Earth ({system.type_name}). Give an "
            "orthorectified image."
        )
    sizes = _ground_sizes(horizontal, transform=transform, width=width, height=height, name=name)
    if horizontal.is_projected:
        a, e = transform[0], -transform[4]
        nominal_x, nominal_y = (
            a * horizontal.axis_info[0].unit_conversion_factor,
            e * horizontal.axis_info[0].unit_conversion_factor,
        )
        ratios = [nominal_x / nominal_y]
        gsd_m = nominal_x if abs(nominal_x / sizes[1][0] - 1) <= SQUARE_TOLERANCE else sizes[1][0]
    else:
        ratios = [size_x / size_y for size_x, size_y in sizes]
        gsd_m = sizes[1][0]
    worst = max(ratios, key=lambda ratio: abs(ratio - 1))
    if abs(worst - 1) > SQUARE_TOLERANCE:
        advice = f"Resample it to square pixels: gdalwarp -t_srs EPSG:… -tr {gsd_m:.4g} {gsd_m:.4g}."
        raise UnusableGeotransform(
            f"{name} has pixels {worst:.3f} times as wide as high on the ground in {system.name}; 1 % is "
            f"accepted. {advice}"
        )
    return gsd_m


def _ground_sizes(
    system: pyproj.CRS, *, transform: Transform, width: int, height: int, name: str
) -> list[tuple[float, float]]:
    """Geodesic width and height in metres of a pixel at the top, middle and bottom of the centre column."""
    a, _, c, _, e, f = transform
    centre_x = c + a * width / 2
    rows = [f, f + e * height / 2, f + e * height]
    corners_x = [c, c + a * width, c, c + a * width, centre_x, centre_x, centre_x]
    corners_y = [f, f, f + e * height, f + e * height, *rows]
    try:
        to_wgs84 = pyproj.Transformer.from_crs(system, "EPSG:4326", always_xy=True)
        lons, lats = to_wgs84.transform(corners_x, corners_y, errcheck=True)
    except ProjError as error:
        raise _misplaced(system, name=name, x=centre_x, y=rows[1]) from error
    if (
        not all(math.isfinite(value) for value in (*lons, *lats))
        or max(map(abs, lats)) > 90
        or max(map(abs, lons)) > 180
    ):
        raise _misplaced(system, name=name, x=centre_x, y=rows[1])
    area = system.area_of_use
    margin = AREA_OF_USE_MARGIN_DEGREES
    if area is not None and area.west <= area.east:
        fits_lon = area.west - margin <= lons[5] <= area.east + margin
        if not (fits_lon and area.south - margin <= lats[5] <= area.north + margin):
            raise _misplaced(system, name=name, x=centre_x, y=rows[1])
    geod = pyproj.Geod(ellps="WGS84")
    span = 64  # pixels: a longer base than one pixel keeps the digits of a 5 cm grid
    sizes = []
    for row_y in rows:
        xs = [centre_x - a * span / 2, centre_x + a * span / 2, centre_x, centre_x]
        ys = [row_y, row_y, row_y - e * span / 2, row_y + e * span / 2]
        lon, lat = to_wgs84.transform(xs, ys)
        size_x = geod.inv(lon[0], lat[0], lon[1], lat[1])[2] / span
        size_y = geod.inv(lon[2], lat[2], lon[3], lat[3])[2] / span
        if not (math.isfinite(size_x) and math.isfinite(size_y) and size_x > 0 and size_y > 0):
            raise _misplaced(system, name=name, x=centre_x, y=row_y)
        sizes.append((size_x, size_y))
    return sizes


def _misplaced(system: pyproj.CRS, *, name: str, x: float, y: float) -> UnusableCrs:
    return UnusableCrs(
        f"{name} says it lies at ({x:g}, {y:g}) in {system.name}, where that CRS has no ground. The CRS or "
        "the coordinates are wrong: georeference it again."
    )
