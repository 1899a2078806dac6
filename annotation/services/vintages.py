"""What people labelled on the same ground in other vintages, offered as a start on a tile (docs/adr/0017)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db.models import QuerySet

from annotation.compiled import Compiled
from annotation.core.tile_geometry import MAX_FEATURES, Feature
from annotation.core.transfer import LabelledTile, carried_over
from annotation.models import Annotation, Campaign, Tile, VintagePair
from annotation.services.annotations import class_codes
from annotation.services.tiles import is_blind_tile, require_help_allowed

MAX_SOURCE_TILES = 256
"""Tiles of other campaigns that are looked at for one tile: more lie under it only where they are far smaller."""


@dataclass(frozen=True, slots=True)
class OtherVintage:
    """A tile's ground as another campaign's accepted labels show it."""

    campaign: Campaign
    features: tuple[Feature, ...]


def has_other_vintages(tile: Tile) -> bool:
    """Whether people labelled this ground on another layer; `other_vintages` may still find no class in common.

    False on a blind tile.
    """
    return not is_blind_tile(tile) and _is_labelled_elsewhere(tile.campaign) and bool(_labels_elsewhere(tile))


def other_vintages(tile: Tile) -> list[OtherVintage]:
    """Accepted labels of other campaigns on other layers of this ground, on this tile's grid, newest imagery first.

    Only layers in the same CRS and pool tiles on both sides, of each tile the annotation accepted last, and of its
    features those whose class this campaign offers under the same code. At most 5,000 features in all.

    Raises: BlindTile.
    """
    require_help_allowed(tile)
    codes = class_codes(tile.campaign)
    labels = _labels_elsewhere(tile)
    heads = Annotation.objects.filter(pk__in=[label.pk for label in labels])
    stored: dict[int, Any] = dict(heads.values_list("pk", "head__features"))
    labels.sort(key=lambda label: (-label.tile.campaign.layer.vintage, label.tile.campaign_id, label.tile_id))
    found: list[OtherVintage] = []
    room = MAX_FEATURES
    row, col = tile.place
    for _campaign, group in groupby(labels, key=lambda label: label.tile.campaign_id):
        if room == 0:
            break
        of_campaign = list(group)
        sources = [
            LabelledTile(
                name=f"v{label.pk}",
                grid=label.tile.grid,
                row=label.tile.place[0],
                col=label.tile.place[1],
                features=_features(stored[label.pk], codes),
            )
            for label in of_campaign
        ]
        features = carried_over(sources, grid=tile.grid, row=row, col=col)[:room]
        if features:
            found.append(OtherVintage(campaign=of_campaign[0].tile.campaign, features=features))
            room -= len(features)
    return found


def earlier_labels(tile: Tile, pair: VintagePair) -> tuple[Feature, ...]:
    """What people labelled on this ground on the earlier layer of a pair, on this tile's grid: of several campaigns
    there the one opened first.

    Raises: BlindTile.
    """
    on_first = [other for other in other_vintages(tile) if other.campaign.layer_id == pair.first_id]
    return on_first[0].features if on_first else ()


def accepted_labels(tile: Tile) -> tuple[Feature, ...]:
    """The labels of this very tile that were accepted last, in classes that its campaign offers."""
    label = (
        Annotation.objects.usable_as_labels()
        .filter(tile=tile)
        .select_related("head")
        .order_by("-decided_at", "-pk")
        .first()
    )
    if label is None or label.head is None:
        return ()
    return tuple(_features(label.head.features, class_codes(tile.campaign)))


def _on_other_layers(crs: str, layer: int) -> QuerySet[Campaign]:
    return Campaign.objects.filter(layer__crs=crs).exclude(layer=layer).only("pk")[:1]


def _near_on_other_layers(tile: int, crs: str, layer: int) -> QuerySet[Annotation]:
    return (
        Annotation.objects.usable_as_labels()
        .exclude(head__licence="")
        .filter(
            tile__role=Tile.Role.POOL,
            tile__footprint__bboverlaps=Tile.objects.filter(pk=tile).values("footprint"),
            tile__campaign__layer__crs=crs,
        )
        .exclude(tile__campaign__layer=layer)
        .order_by("tile_id", "-decided_at", "-pk")
        .distinct("tile_id")
        .select_related("tile__campaign__layer")[:MAX_SOURCE_TILES]
    )


ON_OTHER_LAYERS = Compiled(_on_other_layers, crs=str, layer=int)
NEAR_ON_OTHER_LAYERS = Compiled(_near_on_other_layers, tile=int, crs=str, layer=int)


def _is_labelled_elsewhere(campaign: Campaign) -> bool:
    """Whether any labels could be found at all: most places have one layer, and are answered by this."""
    return ON_OTHER_LAYERS.first(crs=campaign.layer.crs, layer=campaign.layer_id) is not None


def _labels_elsewhere(tile: Tile) -> list[Annotation]:
    """The annotation accepted last of each tile of another layer that shares ground with this one, without its head."""
    layer = tile.campaign.layer
    near = NEAR_ON_OTHER_LAYERS.rows(tile=tile.pk, crs=layer.crs, layer=layer.pk)
    left, bottom, right, top = tile.grid.bounds_crs(*tile.place)
    found = []
    for label in near:
        west, south, east, north = label.tile.grid.bounds_crs(*label.tile.place)
        # Boxes in degrees overlap along an edge where the ground does not.
        if west < right and left < east and south < top and bottom < north:
            found.append(label)
    return found


def _features(stored: list[dict[str, Any]], codes: frozenset[str]) -> list[Feature]:
    return [
        Feature(
            item["id"],
            item["class_code"],
            tuple(tuple((x, y) for x, y in ring) for ring in item["rings"]),
            item["provenance"],
        )
        for item in stored
        if item["class_code"] in codes
    ]
