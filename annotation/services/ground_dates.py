"""When the ground of a tile was photographed: by the layer's mosaic graph, by its files, or by the layer as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from django.contrib.gis.geos import GEOSGeometry, Polygon
from django.db.models import Max, Min, Q

from annotation.models import Campaign, ImageryLayer, MosaicPiece, SourceFile, Tile

Dated = tuple[date, GEOSGeometry]


def tile_acquired_on(tile: Tile) -> date | None:
    """The day on which most of a tile's ground was photographed, None where nothing says it.

    Args: tile: with its campaign and layer loaded. One question more to the database where the layer dates places.
    """
    return ground_acquired_on(tile.campaign.layer, Polygon.from_bbox(tile.grid.bounds_wgs84(*tile.place)))


def ground_acquired_on(layer: ImageryLayer, footprint: Polygon) -> date | None:
    """The day on which most of a place in degrees was photographed; of equal shares the newest.

    A mosaic graph says it where one of its pieces lies; elsewhere the files that are seen do, then the layer.
    """
    if not layer.dated_by_ground:
        return layer.acquired_on
    footprint.srid = 4326
    pieces = MosaicPiece.objects.filter(layer=layer).at(footprint).values_list("acquired_on", "footprint")
    found = _most_of(footprint, pieces)
    if found is None:
        files = SourceFile.objects.filter(layer=layer).seen_at(footprint).values_list("acquired_on", "footprint")
        found = _most_of(footprint, ((day, ground) for day, ground in files if day is not None))
    return found or layer.acquired_on


def days_of_tiles(campaign: Campaign, places: Iterable[tuple[int, int]]) -> dict[tuple[int, int], date | None]:
    """The day of each tile of a campaign, by row and column."""
    layer, grid = campaign.layer, campaign.tile_grid
    if not layer.dated_by_ground:
        return dict.fromkeys(places, layer.acquired_on)
    return {
        place: ground_acquired_on(layer, Polygon.from_bbox(grid.bounds_wgs84(*place)))
        for place in dict.fromkeys(places)
    }


def days_of_layer(layer: ImageryLayer, ground: GEOSGeometry | None = None) -> tuple[date | None, date | None]:
    """The first and last day on which a layer was photographed, or its part over some ground in degrees, as far as
    files say; None twice where nothing says it.
    """
    if layer.dated_by_ground:
        there = Q() if ground is None else Q(footprint__intersects=ground)
        for rows in (
            MosaicPiece.objects.filter(there, layer=layer),
            SourceFile.objects.filter(there, layer=layer, state=SourceFile.State.SHOWN),
        ):
            days = rows.aggregate(first=Min("acquired_on"), last=Max("acquired_on"))
            if days["first"] is not None:
                return days["first"], days["last"]
    return layer.acquired_on, layer.acquired_on


def _most_of(footprint: Polygon, dated: Iterable[Dated]) -> date | None:
    """The day that covers most of a place where newer ground lies over older; None where none does."""
    shares: dict[date, float] = {}
    bare: GEOSGeometry = footprint
    for day, ground in sorted(dated, key=lambda item: item[0], reverse=True):
        shares[day] = shares.get(day, 0.0) + bare.intersection(ground).area
        bare = bare.difference(ground)
    covering = {day: round(area / footprint.area, 6) for day, area in shares.items()}
    return max(covering, key=lambda day: (covering[day], day)) if any(covering.values()) else None
