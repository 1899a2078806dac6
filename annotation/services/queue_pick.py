"""Picking a tile on the map, in place of the next in the queue (docs/adr/0004).

Locks are taken as annotation.services.queue says; a pick takes the campaign's, since it may write a ticket.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q

from annotation.errors import CampaignClosed, NoFreeSlot, TileNotWorkable, TooManyLeases
from annotation.models import Annotation, Campaign, Lease, QueueRound, Ticket, Tile, TileOffer
from annotation.services.gold import gold_lease_if_chosen
from annotation.services.leases import keep_lease, leave, lower_marks
from annotation.services.limits import Action, spend
from annotation.services.queue import go_on, grant, note_offer, one_claim_at_a_time, open_ticket, own_ticket
from annotation.services.report_queue import kept_ticket
from annotation.services.rounds import lock_campaign
from annotation.services.tiles import materialise_tiles, quarters_of, role_of_tile, usable_tiles

if TYPE_CHECKING:
    from django.contrib.auth.models import User

REOPENABLE = (Annotation.State.DRAFT, Annotation.State.SUBMITTED, Annotation.State.SENT_BACK)


@transaction.atomic
def pick_tile(*, campaign: Campaign, annotator: User, row: int, col: int, part: int = 0) -> Lease:
    """Give this person a tile they chose on the map, if a slot is free: of one that was split, the quarter `part`, or
    the first that they may do.

    Raises: CampaignClosed, AccountBlocked, TooManyThisHour, TileOutsideGrid, TileNotWorkable, NoFreeSlot,
        TooManyLeases.
    """
    if campaign.state != Campaign.State.OPEN:
        raise CampaignClosed(f"Campaign {campaign.slug!r} is closed: choose another one.")
    one_claim_at_a_time(campaign, annotator)
    spend(user=annotator, action=Action.CLAIM)
    lock_campaign(campaign)
    left: list[Ticket] = []
    lease = _picked(campaign, annotator, (row, col, part), left)
    lower_marks(left)
    return lease


def _picked(campaign: Campaign, annotator: User, place: tuple[int, int, int], left: list[Ticket]) -> Lease:
    row, col, part = place
    tile = _tile_to_pick(campaign, annotator, row, col, part)
    drawing = Lease.objects.filter(tile=tile, annotator=annotator, purpose=Lease.Purpose.DRAW)
    mine = drawing.select_related("tile__campaign").first()
    if mine is not None and mine.state == Lease.State.ACTIVE:
        kept = keep_lease(mine, ahead=False)
        if kept is not None:
            return kept
    left += _make_room(campaign, annotator)
    own = Annotation.objects.filter(tile=tile, annotator=annotator).first()
    if mine is not None and own is not None and own.state in REOPENABLE:
        return _taken_again(campaign, mine, annotator)
    if own is not None and own.state in (Annotation.State.ACCEPTED, Annotation.State.REVERTED):
        what = "are accepted" if own.state == Annotation.State.ACCEPTED else "were set aside by a maintainer"
        raise NoFreeSlot(f"Your labels of this tile {what}: choose another one.")
    if tile.role == Tile.Role.HOLDOUT:
        raise TileNotWorkable(f"Tile row {row}, column {col} is a control tile: the queue hands those out.")
    if chosen := gold_lease_if_chosen(tile, annotator):
        note_offer(chosen, way=TileOffer.Way.GOLD)
        return chosen
    ticket = _ticket_for_pick(campaign, tile, annotator)
    if ticket is None:
        used = tile.tickets.exclude(state=Ticket.State.VOID).count()
        raise NoFreeSlot(
            f"{used} of {campaign.redundancy} people already work or worked on this tile: choose another one."
        )
    return grant(tile=tile, annotator=annotator, ticket=ticket, ahead=False, way=TileOffer.Way.CHOSEN)


def _taken_again(campaign: Campaign, mine: Lease, annotator: User) -> Lease:
    """A tile that they had before, with what they drew."""

    def other(tile: Tile) -> Ticket | None:
        is_control = tile.role == Tile.Role.HOLDOUT  # the queue hands those out
        return open_ticket(tile) if is_control else _ticket_for_pick(campaign, tile, annotator)

    if own_ticket(mine) is None and (chosen := gold_lease_if_chosen(mine.tile, annotator)):
        note_offer(chosen, way=TileOffer.Way.GOLD)
        return chosen
    return go_on(mine.tile, annotator, mine, ahead=False, way=TileOffer.Way.CHOSEN, other=other)


def _tile_to_pick(campaign: Campaign, annotator: User, row: int, col: int, part: int) -> Tile:
    role = role_of_tile(campaign, row, col)
    inside = 0 <= row < campaign.n_rows and 0 <= col < campaign.n_cols
    if inside and (role == Tile.Role.BUFFER or not usable_tiles(campaign)[row, col]):
        why = "kept apart around the control tiles" if role == Tile.Role.BUFFER else "without enough imagery"
        raise TileNotWorkable(f"Tile row {row}, column {col} is {why}: choose another one.")
    tile = materialise_tiles(campaign=campaign, places=[(row, col)])[(row, col)]
    quarters = quarters_of([tile]).get(tile.pk, [])
    if quarters:
        asked = [quarter for quarter in quarters if quarter.part == part]
        tile = asked[0] if asked else _quarter_to_pick(campaign, quarters, annotator)
    if tile.state == Tile.State.UNUSABLE:
        raise TileNotWorkable(f"Tile row {row}, column {col} was reported unusable: choose another one.")
    return tile


def _quarter_to_pick(campaign: Campaign, quarters: Sequence[Tile], annotator: User) -> Tile:
    """What they hold, else what they began, else the first that still wants somebody, one they passed over last; the
    first of all if none does.
    """
    here = {"tile__in": [quarter.pk for quarter in quarters]}
    drawing = Lease.objects.filter(**here, annotator=annotator, purpose=Lease.Purpose.DRAW, state=Lease.State.ACTIVE)
    held = set(drawing.values_list("tile_id", flat=True))
    mine = Lease.objects.filter(**here, annotator=annotator, purpose=Lease.Purpose.DRAW, state=Lease.State.RELEASED)
    passed = set(mine.exclude(release_reason__in=["", Lease.Reason.LEFT]).values_list("tile_id", flat=True))
    own = dict(Annotation.objects.filter(**here, annotator=annotator).values_list("tile_id", "state"))
    given = Ticket.objects.filter(**here, state__in=[Ticket.State.LEASED, Ticket.State.DONE])
    taken = Counter(given.values_list("tile_id", flat=True))

    def place(quarter: Tile) -> int:
        if quarter.pk in held:
            return 0
        if own.get(quarter.pk) in (Annotation.State.DRAFT, Annotation.State.SENT_BACK):
            return 1
        wanted = quarter.state != Tile.State.UNUSABLE and taken[quarter.pk] < campaign.redundancy
        return 4 if not wanted or quarter.pk in own else 3 if quarter.pk in passed else 2

    return min(quarters, key=place)


def _make_room(campaign: Campaign, annotator: User) -> list[Ticket]:
    """A tile leased ahead and not begun gives way to the one that was chosen, and so does a quarter, which is kept."""
    held = Lease.objects.filter(
        annotator=annotator, tile__campaign=campaign, purpose=Lease.Purpose.DRAW, state=Lease.State.ACTIVE
    )
    begun = Annotation.objects.filter(tile=OuterRef("tile"), annotator=annotator)
    left = leave(held.filter(ahead=True).exclude(Exists(begun) & Q(tile__part=0)))
    if held.count() >= settings.MAX_ACTIVE_LEASES:
        raise TooManyLeases(f"You hold {held.count()} tiles already: submit or skip one of them first.")
    return left


def _ticket_for_pick(campaign: Campaign, tile: Tile, annotator: User) -> Ticket | None:
    """One that is open or was put aside for them, else one more in a slot that is free, behind all others."""
    ticket = open_ticket(tile) or kept_ticket(tile=tile, annotator=annotator)
    used = set(tile.tickets.exclude(state=Ticket.State.VOID).values_list("slot", flat=True))
    free = next((slot for slot in range(campaign.redundancy) if slot not in used), None)
    if ticket is not None or free is None:
        return ticket
    queue_round = QueueRound.objects.get(campaign=campaign, closed_at__isnull=True)
    last = queue_round.tickets.aggregate(last=Max("rank"))["last"]
    return Ticket.objects.create(
        campaign=campaign,
        round=queue_round,
        rank=0 if last is None else max(0, last + 1),  # below zero are reported places
        tile=tile,
        part=tile.part,
        slot=free,
        slots=campaign.redundancy,
        kind=Ticket.Kind.PICKED,
    )
