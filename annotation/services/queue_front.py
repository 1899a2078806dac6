"""What goes before everything else in a campaign's queue: places that somebody asks to look at now.

A tile drawn at random and a control tile keep their place: what is measured on them holds for all the ground only as
long as nothing but chance brings them forward.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.db import transaction
from django.db.models import Min, QuerySet
from django.db.models.functions import Now
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.features import rasterize
from rasterio.transform import Affine
from shapely import wkb
from shapely.ops import transform

from annotation.errors import CampaignClosed, NameTaken, NotThere, OutsideCampaign
from annotation.models import Campaign, PriorityArea, QueueRound, Territory, Ticket, Tile
from annotation.services.clock import database_now
from annotation.services.queue_mark import lower_mark
from annotation.services.report_queue import REPORTS_BELOW
from annotation.services.rounds import lock_campaign
from annotation.services.tiles import Place, materialise_tiles, pool_mask, quarters_left_out, quarters_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KEEPS_ITS_PLACE = (Ticket.Kind.RANDOM, Ticket.Kind.CONTROL, Ticket.Kind.REPORTED)


@transaction.atomic
def put_first(*, campaign: Campaign, places: Sequence[Place], kind: str) -> int:
    """Bring pool tiles before everything that is open in the campaign's round but reported places, in the order given.

    Tickets that wait for these tiles move; a tile that nobody is asked about gets a ticket of this kind, if a slot is
    free. What people hold stays with them.

    Returns: how many tickets go first now.
    Raises:  CampaignClosed, TileOutsideGrid.
    """
    lock_campaign(campaign)
    if campaign.state != Campaign.State.OPEN:
        raise CampaignClosed(f"Campaign {campaign.slug!r} is closed: open it again before anything is put first.")
    found = materialise_tiles(campaign=campaign, places=places)
    quarters = quarters_of(found.values())
    given_out = [quarters.get(found[place].pk, [found[place]]) for place in dict.fromkeys(places)]
    tiles = [tile for some in given_out for tile in some if _may_come_first(tile)]
    order = {tile.pk: nth for nth, tile in enumerate(tiles)}
    queue_round = QueueRound.objects.get(campaign=campaign, closed_at__isnull=True)
    # One that is being claimed at this moment needs no moving.
    waiting = Ticket.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        campaign=campaign, tile__in=order, state=Ticket.State.OPEN
    )
    moved = sorted(waiting.exclude(kind__in=KEEPS_ITS_PLACE), key=lambda ticket: (order[ticket.tile_id], ticket.slot))
    given = Ticket.objects.filter(tile__in=order).exclude(state=Ticket.State.VOID)
    asked = set(given.values_list("tile_id", flat=True)) | quarters_left_out(campaign)
    new: dict[str, Any] = {"campaign": campaign, "slot": 0, "kind": kind}
    made = [
        Ticket(round=queue_round, tile=tile, part=tile.part, slots=campaign.redundancy, **new)
        for tile in tiles
        if tile.pk not in asked and not (tile.part and tile.state == Tile.State.ACCEPTED)
    ]
    first = sorted([*moved, *made], key=lambda ticket: (order[ticket.tile_id], ticket.slot))
    ranked = campaign.tickets.filter(rank__gt=REPORTS_BELOW)  # void ones keep their ranks
    lowest = ranked.aggregate(lowest=Min("rank"))["lowest"]
    rank = min(0, 0 if lowest is None else lowest) - len(first)
    now = database_now()
    for nth, ticket in enumerate(first):
        ticket.rank, ticket.placed_at = rank + nth, now
    Ticket.objects.bulk_update(moved, ["rank", "placed_at"], batch_size=1000)
    Ticket.objects.bulk_create(made, batch_size=1000)
    if first:
        lower_mark(campaign, rank)
    return len(first)


def _may_come_first(tile: Tile) -> bool:
    return tile.role == Tile.Role.POOL and tile.state != Tile.State.UNUSABLE and not tile.golds.exists()


# --- priority areas -----------------------------------------------------------------------------------------


def territories_of(campaign: Campaign) -> QuerySet[Territory]:
    """Territories that a campaign's imagery touches, by name."""
    west, south, east, north = campaign.layer.pixel_grid.bounds_wgs84
    return Territory.objects.filter(boundary__intersects=Polygon.from_bbox((west, south, east, north))).order_by(
        "kind", "name", "code"
    )


@transaction.atomic
def add_priority_area(*, campaign: Campaign, actor: User, name: str, ground: MultiPolygon) -> tuple[PriorityArea, int]:
    """Ask for an area's tiles before others: those that wait in this round at once, all of them from the next one on.

    Returns: the area, and how many waiting tickets went first.
    Raises:  NotThere (not a maintainer), CampaignClosed, NameTaken, OutsideCampaign.
    """
    _require_maintainer(campaign, actor)
    if campaign.priority_areas.filter(name=name, ended_at__isnull=True).exists():
        raise NameTaken(f"There is a priority area {name!r} already: end it first, or choose another name.")
    area = PriorityArea(campaign=campaign, name=name, ground=ground, created_by=actor)
    mask = _tiles_within(campaign, [area]) & pool_mask(campaign)
    if not mask.any():
        raise OutsideCampaign(
            f"The area {name!r} holds no tile to label of {campaign.slug!r}: choose ground on the campaign's map."
        )
    area.save()
    waiting = Ticket.objects.filter(campaign=campaign, state=Ticket.State.OPEN).exclude(kind__in=KEEPS_ITS_PLACE)
    places = waiting.order_by("rank").values_list("tile__row", "tile__col")
    inside = list(dict.fromkeys((row, col) for row, col in places if mask[row, col]))
    return area, put_first(campaign=campaign, places=inside, kind=Ticket.Kind.AREA)


@transaction.atomic
def end_priority_area(*, campaign: Campaign, actor: User, area_id: int) -> PriorityArea:
    """From the next round on this area's tiles are asked for as any others. Raises: NotThere."""
    _require_maintainer(campaign, actor)
    area = campaign.priority_areas.filter(pk=area_id, ended_at__isnull=True).first()
    if area is None:
        raise NotThere(f"There is no priority area {area_id} in {campaign.slug!r} now: look at the list again.")
    PriorityArea.objects.filter(pk=area.pk).update(ended_at=Now())
    area.refresh_from_db()
    return area


def priority_mask(campaign: Campaign) -> NDArray[np.bool_]:
    """Tiles whose centre lies in a priority area: bool (n_rows, n_cols)."""
    return _tiles_within(campaign, campaign.priority_areas.filter(ended_at__isnull=True))


def _tiles_within(campaign: Campaign, areas: Iterable[PriorityArea]) -> NDArray[np.bool_]:
    shape = (campaign.n_rows, campaign.n_cols)
    pixels = campaign.tile_grid.pixels
    to_imagery = Transformer.from_crs(4326, pixels.crs, always_xy=True).transform
    shapes = [transform(to_imagery, wkb.loads(bytes(area.ground.wkb))) for area in areas]
    if not shapes:
        return np.zeros(shape, np.bool_)
    by_tile = Affine(*pixels.transform) * Affine.scale(campaign.tile_px)
    return rasterize(((one, 1) for one in shapes), out_shape=shape, transform=by_tile, dtype="uint8").astype(np.bool_)


def _require_maintainer(campaign: Campaign, actor: User) -> None:
    if not Campaign.objects.maintained_by(actor).filter(pk=campaign.pk).exists():
        raise NotThere(f"You do not maintain {campaign.slug!r}: ask one of its maintainers.")
