"""Rasters of a release's prediction map: what they must be, and their names after IGN's scheme.

Scheme (that of the Gers release of 2022): product _ version _ theme _ vintage _ format _ CRS _ place _ date,
the place being the campaign and the tile's upper-left corner in kilometres.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import rasterio
from rio_cogeo.cogeo import cog_validate

from learning.release import geodesy
from learning.release.contents import Affine6, MapRecord, NomenclatureInfo, ReleaseContents
from learning.release.errors import UnusableArtefact

PRODUCT = "SOLCOMMUN"
_CRS_NAMES = {
    "EPSG:2154": "LAMB93",
    "EPSG:2975": "RGR92UTM40S",
    "EPSG:5490": "RGAF09UTM20",
    "EPSG:2972": "RGFG95UTM22",
    "EPSG:4471": "RGM04UTM38S",
    "EPSG:3857": "PM",
}
# A release may hold tables of names beside its rasters; what is checked is the rasters themselves.
_ALONE = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True, slots=True)
class RasterGrid:
    """The grid of a raster: CRS (code or WKT), transform (a, b, c, d, e, f), size in pixels."""

    crs: str
    transform: Affine6
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class MapArtefact:
    """One published piece: its paths in the release and its grid."""

    item_id: str
    class_path: str
    entropy_path: str | None
    grid: RasterGrid
    reviewed_path: str | None = None


def map_name(
    theme: str, place: str, contents: ReleaseContents, *, form: str = "COG", suffix: str = "tif", crs: str | None = None
) -> str:
    """File name of one piece, as `SOLCOMMUN_1-0-0_CLASS_2019_COG_LAMB93_gers-0420-6440_2026-11-22.tif`.

    Args: crs: that of the file, where it is not the layer's.
    """
    code = geodesy.crs_code(crs or contents.layer.crs)
    crs_name = _CRS_NAMES.get(code or "", "LOCAL" if code is None else code.replace(":", ""))
    version, day = contents.version.replace(".", "-"), contents.published_on.date().isoformat()
    return f"{PRODUCT}_{version}_{theme}_{contents.layer.vintage}_{form}_{crs_name}_{place}_{day}.{suffix}"


def map_values(maps: MapRecord, nomenclature: NomenclatureInfo) -> dict[str, int]:
    """Value of each class in the class rasters, in order of value."""
    values = nomenclature.raster_values if maps.class_values is None else dict(maps.class_values)
    return dict(sorted(values.items(), key=lambda pair: pair[1]))


def map_colours(maps: MapRecord, nomenclature: NomenclatureInfo) -> dict[int, tuple[int, int, int, int]]:
    """Red, green, blue, alpha (0..255) that each value of the class rasters must have."""
    by_code = {item.code: item for item in nomenclature.classes}
    values = map_values(maps, nomenclature)
    colours = {value: bytes.fromhex(by_code[code].colour[1:]) for code, value in values.items()}
    return {value: (rgb[0], rgb[1], rgb[2], 255) for value, rgb in colours.items()}


def check_class_map(path: Path, *, colours: dict[int, tuple[int, int, int, int]], nodata: int) -> RasterGrid:
    """Check one class COG (nodata, colour table) and return its grid. Raises UnusableArtefact."""
    grid = check_cog(path)
    with rasterio.open(path, driver="GTiff") as source:
        if source.nodata != nodata:
            raise UnusableArtefact(f"{path.name} declares nodata {source.nodata}, its record {nodata}; write it again")
        if source.colorinterp[0].name != "palette":
            raise UnusableArtefact(f"{path.name} has no colour table; write the nomenclature's")
        table = source.colormap(1)
    for value, colour in colours.items():
        if table.get(value) != colour:
            raise UnusableArtefact(f"{path.name} shows {value} as {table.get(value)}, the nomenclature as {colour}")
    return grid


def check_entropy_map(path: Path, *, grid: RasterGrid) -> None:
    """Check one entropy COG against the grid of its class map. Raises UnusableArtefact."""
    met = check_cog(path)
    if met != grid:
        raise UnusableArtefact(f"{path.name} is on the grid {met}, its class map on {grid}; publish maps of one run")


def check_cog(path: Path) -> RasterGrid:
    """The grid of a valid COG of one band of uint8. Raises UnusableArtefact."""
    fault = cog_fault(path)
    if fault is not None:
        raise UnusableArtefact(f"{path.name}: {fault}")
    with rasterio.open(path, driver="GTiff") as source:
        if source.count != 1 or source.dtypes[0] != "uint8":
            raise UnusableArtefact(f"{path.name} has {source.count} band(s) of {source.dtypes}; expected one of uint8")
        a, b, c, d, e, f = tuple(source.transform)[:6]
        wkt = str(source.crs.to_wkt())
        return RasterGrid(geodesy.crs_code(wkt) or wkt, (a, b, c, d, e, f), source.width, source.height)


def tiff_fault(path: Path) -> str | None:
    """Why a file is not a readable GeoTIFF, else None. GDAL sees it only if it starts as a TIFF does."""
    with path.open("rb") as handle:
        magic = handle.read(4)
    if magic not in _TIFF_MAGIC:
        return f"not a TIFF (first bytes {magic!r})"
    try:
        with rasterio.Env(**_ALONE), rasterio.open(path, driver="GTiff") as source:
            return None if source.crs is not None else "no coordinate reference system"
    except rasterio.errors.RasterioError as error:
        return f"does not open as GeoTIFF ({error})"


def cog_fault(path: Path) -> str | None:
    """Why a file is not a valid cloud-optimised GeoTIFF, None when it is one."""
    fault = tiff_fault(path)
    if fault is not None:
        return fault
    valid, errors, _ = cog_validate(path, quiet=True, config=_ALONE)
    return None if valid else f"not a valid cloud-optimised GeoTIFF ({'; '.join(errors)})"
