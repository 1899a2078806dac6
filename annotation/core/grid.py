"""The imagery's pixel grid and the tiles cut from it.

Pixel coordinates: x to the right, y down, origin at the raster's upper-left corner. A tile is a square of
`tile_px` pixels; only whole tiles exist, the remainder at the right and bottom is never labelled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from annotation.errors import TileOutsideGrid, UnlocatedGrid, UnusableGrid

SUBPIXELS: int = 8
"""Vertices of a tile lie on 1/8 of a pixel (docs/adr/0002)."""

Bounds = tuple[float, float, float, float]
LonLat = tuple[float, float]


@lru_cache(maxsize=64)
def lonlat_transformers(crs: str) -> tuple[Transformer, Transformer]:
    """Transformers (CRS → WGS 84 longitude/latitude, and back), in x, y order.

    Raises: UnlocatedGrid: the CRS is unknown, or local (engineering), hence without a place on Earth.
    """
    try:
        source, world = CRS.from_user_input(crs), CRS.from_epsg(4326)
        return (
            Transformer.from_crs(source, world, always_xy=True),
            Transformer.from_crs(world, source, always_xy=True),
        )
    except (CRSError, ProjError) as error:
        raise UnlocatedGrid(
            f"The imagery's CRS {crs[:80]!r} has no relation to longitude and latitude; "
            "import the imagery again with a real CRS (for example EPSG:2154)."
        ) from error


@lru_cache(maxsize=64)
def web_transformer(crs: str) -> Transformer:
    """Transformer (CRS → Web Mercator, EPSG:3857), in x, y order.

    Raises: UnlocatedGrid: as `lonlat_transformers`.
    """
    try:
        return Transformer.from_crs(CRS.from_user_input(crs), CRS.from_epsg(3857), always_xy=True)
    except (CRSError, ProjError) as error:
        raise UnlocatedGrid(f"The imagery's CRS {crs[:80]!r} has no relation to the web grid.") from error


@dataclass(frozen=True, slots=True)
class PixelWindow:
    """A rectangle of whole pixels of a raster."""

    col_off: int
    row_off: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class PixelGrid:
    """The grid of one imagery layer.

    Args:
        crs: "EPSG:2154" or WKT.
        transform: (a, b, c, d, e, f) as in `affine.Affine[:6]`, in CRS units, north-up: b = d = 0,
            a > 0, e < 0.
        width, height: in pixels.

    Raises: UnusableGrid.
    """

    crs: str
    transform: tuple[float, float, float, float, float, float]
    width: int
    height: int

    def __post_init__(self) -> None:
        """Refuse what the rest of the platform cannot work on."""
        if len(self.transform) != 6 or not all(math.isfinite(value) for value in self.transform):
            raise UnusableGrid(f"The transform {self.transform} is not six finite numbers; check the imagery.")
        a, b, _, d, e, _ = self.transform
        if b != 0 or d != 0 or a <= 0 or e >= 0:
            raise UnusableGrid(f"The transform {self.transform} is rotated or not north-up; warp the imagery north-up.")
        if self.width < 1 or self.height < 1:
            raise UnusableGrid(f"The raster is {self.width} by {self.height} pixels; it needs at least one pixel.")

    def to_crs_xy(self, x_px: float, y_px: float) -> tuple[float, float]:
        """Position in the CRS of a pixel coordinate."""
        a, _, c, _, e, f = self.transform
        return c + a * x_px, f + e * y_px

    def to_lonlat(self, x_px: float, y_px: float) -> LonLat:
        """Longitude and latitude (WGS 84, degrees) of a pixel coordinate. Raises: UnlocatedGrid."""
        lon, lat = lonlat_transformers(self.crs)[0].transform(*self.to_crs_xy(x_px, y_px))
        return float(lon), float(lat)

    def from_lonlat(self, lon: float, lat: float) -> tuple[float, float]:
        """Pixel coordinate (x, y) of a longitude and latitude (WGS 84, degrees); infinite where the CRS has none.

        Raises: UnlocatedGrid.
        """
        a, _, c, _, e, f = self.transform
        x, y = lonlat_transformers(self.crs)[1].transform(lon, lat)
        return float(x - c) / a, float(y - f) / e

    @property
    def bounds_crs(self) -> Bounds:
        """(left, bottom, right, top) in CRS units."""
        left, top = self.to_crs_xy(0, 0)
        right, bottom = self.to_crs_xy(self.width, self.height)
        return left, bottom, right, top

    @property
    def bounds_wgs84(self) -> Bounds:
        """(west, south, east, north) in degrees, of the curved outline. Raises: UnlocatedGrid."""
        return _bounds_wgs84(self.crs, self.bounds_crs)


@dataclass(frozen=True, slots=True)
class TileGrid:
    """The tiles of a campaign: squares of `tile_px` pixels on a pixel grid.

    Raises: UnusableGrid: not one whole tile fits.
    """

    pixels: PixelGrid
    tile_px: int

    def __post_init__(self) -> None:
        """Refuse a tile size that cuts no tile."""
        if self.tile_px < 1 or self.tile_px > min(self.pixels.width, self.pixels.height):
            raise UnusableGrid(
                f"Tiles of {self.tile_px} pixels do not fit in a raster of {self.pixels.width} by "
                f"{self.pixels.height} pixels; choose a smaller tile."
            )

    @property
    def n_rows(self) -> int:
        """Number of rows of whole tiles."""
        return self.pixels.height // self.tile_px

    @property
    def n_cols(self) -> int:
        """Number of columns of whole tiles."""
        return self.pixels.width // self.tile_px

    @property
    def n_tiles(self) -> int:
        """Number of whole tiles."""
        return self.n_rows * self.n_cols

    def window(self, row: int, col: int) -> PixelWindow:
        """Pixels of a tile. Raises: TileOutsideGrid."""
        self._require(row, col)
        return PixelWindow(col * self.tile_px, row * self.tile_px, self.tile_px, self.tile_px)

    def bounds_crs(self, row: int, col: int) -> Bounds:
        """(left, bottom, right, top) of a tile, in CRS units. Raises: TileOutsideGrid."""
        window = self.window(row, col)
        left, top = self.pixels.to_crs_xy(window.col_off, window.row_off)
        right, bottom = self.pixels.to_crs_xy(window.col_off + window.width, window.row_off + window.height)
        return left, bottom, right, top

    def bounds_wgs84(self, row: int, col: int) -> Bounds:
        """(west, south, east, north) of a tile, in degrees. Raises: TileOutsideGrid, UnlocatedGrid."""
        return _bounds_wgs84(self.pixels.crs, self.bounds_crs(row, col))

    def polygon_wgs84(self, row: int, col: int) -> list[LonLat]:
        """Closed ring of a tile, 5 × (lon, lat), counter-clockwise as RFC 7946 asks.

        Raises: TileOutsideGrid, UnlocatedGrid.
        """
        window = self.window(row, col)
        left, top = window.col_off, window.row_off
        right, bottom = left + window.width, top + window.height
        corners = [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
        return [self.pixels.to_lonlat(x, y) for x, y in corners]

    def index(self, row: int, col: int) -> int:
        """Rank of a tile, row by row from the upper left. Raises: TileOutsideGrid."""
        self._require(row, col)
        return row * self.n_cols + col

    def row_col(self, index: int) -> tuple[int, int]:
        """Inverse of `index`. Raises: TileOutsideGrid."""
        if not 0 <= index < self.n_tiles:
            raise TileOutsideGrid(f"Tile {index} does not exist; this grid has tiles 0 to {self.n_tiles - 1}.")
        return divmod(index, self.n_cols)

    def _require(self, row: int, col: int) -> None:
        if not (0 <= row < self.n_rows and 0 <= col < self.n_cols):
            raise TileOutsideGrid(
                f"Tile (row {row}, column {col}) does not exist; this grid has rows 0 to {self.n_rows - 1} "
                f"and columns 0 to {self.n_cols - 1}."
            )


def _bounds_wgs84(crs: str, bounds: Bounds) -> Bounds:
    west, south, east, north = lonlat_transformers(crs)[0].transform_bounds(*bounds, densify_pts=21)
    return float(west), float(south), float(east), float(north)
