"""Pictures of imagery and labels on pages, put together from map tiles that are served anyway."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.urls import reverse

from annotation.core.grid import SUBPIXELS, lonlat_transformers

if TYPE_CHECKING:
    from annotation.models import ImageryLayer, PlaceReport, Tile

MAP_TILE_PX = 256
PLACE_COLOUR = "#ffd400"
#: A reported point is a circle of this part of the tile's side.
POINT_SHARE = 24
#: Points along a side of a layer's outline.
OUTLINE_POINTS = 16


@dataclass(frozen=True, slots=True)
class PlacedTile:
    """A map tile in a drawing; x, y, side in image pixels from the drawing's upper-left corner."""

    url: str
    x: int
    y: int
    side: int


@dataclass(frozen=True, slots=True)
class LabelledView:
    """Ground around a labelled tile, for an SVG of width × height image pixels.

    `frame` is the tile (x, y, side); `areas` are (SVG path in 1/8 pixel of the tile, "#RRGGBB"); `parts` are those of
    the tile that were asked for (x, y, width, height), none where all of it was.
    """

    width: int
    height: int
    images: tuple[PlacedTile, ...]
    frame: tuple[int, int, int]
    areas: tuple[tuple[str, str], ...]
    parts: tuple[tuple[int, int, int, int], ...] = ()

    @property
    def shade(self) -> str:
        """SVG path of all the view but the tile (drawn with the even-odd rule)."""
        x, y, side = self.frame
        return f"M0 0H{self.width}V{self.height}H0ZM{x} {y}h{side}v{side}h-{side}Z"


def native_tile_url(layer: ImageryLayer, z: int, x: int, y: int) -> str:
    """Address of a map tile on the imagery's own grid."""
    # A browser keeps a map tile for good: after ground was replaced it has another address.
    version = f"?v={layer.version}" if layer.version > 1 else ""
    return reverse("imagery-tile", args=[layer.slug, "native", z, x, y]) + version


def strip_of(layer: ImageryLayer) -> list[str]:
    """Addresses of two map tiles side by side from the middle of a layer; one where it is too small for two."""
    for z in range(max(0, layer.native_max_zoom - 2), layer.native_max_zoom + 1):
        side = MAP_TILE_PX << (layer.native_max_zoom - z)
        columns, rows = layer.width // side, layer.height // side
        if columns >= 2 and rows >= 1:
            left = min(max(0, columns // 2 - 1), columns - 2)
            return [native_tile_url(layer, z, left + step, rows // 2) for step in (0, 1)]
    return [native_tile_url(layer, 0, 0, 0)]


def thumbnail_of(tile: Tile) -> str:
    """Address of the smallest map tile that holds the centre of an annotated tile and most of it.

    Args: tile: with its campaign and layer loaded.
    """
    layer, tile_px, (row, col) = tile.campaign.layer, tile.px, tile.place
    z = layer.native_max_zoom
    while z > 0 and MAP_TILE_PX << (layer.native_max_zoom - z) < tile_px:
        z -= 1
    side = MAP_TILE_PX << (layer.native_max_zoom - z)
    return native_tile_url(layer, z, (2 * col + 1) * tile_px // (2 * side), (2 * row + 1) * tile_px // (2 * side))


def outline_of(layer: ImageryLayer) -> tuple[list[float], list[float]]:
    """Columns and rows, in pixels, of points around a layer: enough of them that its sides may curve on a map."""
    shares = [step / OUTLINE_POINTS for step in range(OUTLINE_POINTS)]
    right, down = [layer.width * share for share in shares], [layer.height * share for share in shares]
    left, up = [layer.width - x for x in right], [layer.height - y for y in down]
    columns = [*right, *[layer.width] * OUTLINE_POINTS, *left, *[0.0] * OUTLINE_POINTS]
    return columns, [*[0.0] * OUTLINE_POINTS, *down, *[layer.height] * OUTLINE_POINTS, *up]


def labelled_view(
    tile: Tile,
    features: Sequence[Mapping[str, Any]],
    *,
    colours: Mapping[str, str],
    sides: tuple[float, float] = (2.0, 1.5),
    asked: Iterable[Sequence[int]] = (),
) -> LabelledView:
    """A tile's labels over its imagery with some ground around it, kept inside the layer.

    Args:
        tile: with its campaign and layer loaded.
        colours: "#RRGGBB" by class code; a class without one is left out.
        sides: width and height of the view, in tiles.
        asked: windows of the tile that the labels were asked for, (col, row, width, height) in its pixels.
    """
    areas = tuple(
        (svg_path(feature["rings"]), colours[feature["class_code"]])
        for feature in features
        if feature["class_code"] in colours
    )
    view = view_of(tile, areas=areas, sides=sides)
    left, top, _side = view.frame
    return replace(view, parts=tuple((left + col, top + row, width, height) for col, row, width, height in asked))


def reported_view(report: PlaceReport) -> LabelledView:
    """A reported place over the imagery of its tile; `areas` is the place alone, a point as a small circle."""
    tile, campaign = report.tile, report.tile.campaign
    a, _, c, _, e, f = campaign.layer.pixel_grid.transform
    to_crs = lonlat_transformers(campaign.layer.crs)[1]
    place, window = report.place, tile.window
    lonlat = [place.coords] if place.geom_type == "Point" else place.coords[0]
    ring = []
    for lon, lat in lonlat:
        x, y = to_crs.transform(lon, lat)
        column, row = (x - c) / a - window.col_off, (y - f) / e - window.row_off
        ring.append([round(column * SUBPIXELS), round(row * SUBPIXELS)])
    if len(ring) > 1:
        return view_of(tile, areas=((svg_path([ring]), PLACE_COLOUR),))
    (x, y), r = ring[0], tile.px * SUBPIXELS // POINT_SHARE
    circle = f"M{x - r} {y}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0Z"
    return view_of(tile, areas=((circle, PLACE_COLOUR),))


def view_of(tile: Tile, *, areas: tuple[tuple[str, str], ...], sides: tuple[float, float] = (2.0, 1.5)) -> LabelledView:
    """Areas over a tile and some ground around it, kept inside the layer; `sides` of the view in tiles."""
    layer, tile_px, window = tile.campaign.layer, tile.px, tile.window
    width, height = (
        min(int(side * tile_px), limit) for side, limit in zip(sides, (layer.width, layer.height), strict=True)
    )
    left = min(max(0, window.col_off + tile_px // 2 - width // 2), layer.width - width)
    top = min(max(0, window.row_off + tile_px // 2 - height // 2), layer.height - height)
    return LabelledView(
        width=width,
        height=height,
        images=imagery_of(layer, left=left, top=top, width=width, height=height),
        frame=(window.col_off - left, window.row_off - top, tile_px),
        areas=areas,
    )


def imagery_of(layer: ImageryLayer, *, left: int, top: int, width: int, height: int) -> tuple[PlacedTile, ...]:
    """Map tiles that cover a window of a layer, some three in its width, placed from its corner."""
    z = layer.native_max_zoom
    while z > 0 and MAP_TILE_PX << (layer.native_max_zoom - z) < width // 3:
        z -= 1
    side = MAP_TILE_PX << (layer.native_max_zoom - z)
    return tuple(
        PlacedTile(native_tile_url(layer, z, x, y), x * side - left, y * side - top, side)
        for y in range(top // side, (top + height - 1) // side + 1)
        for x in range(left // side, (left + width - 1) // side + 1)
    )


def svg_path(rings: Iterable[Iterable[Sequence[float]]]) -> str:
    """Rings as one SVG path, in the units they are in."""
    return "".join("M" + "L".join(f"{int(x)} {int(y)}" for x, y in ring) + "Z" for ring in rings)


#: What brings 1/8 pixels to image pixels in an SVG transform.
SUBPIXEL_SCALE = f"{1 / SUBPIXELS:g}"
