"""Reported places go first: their tickets have ranks below zero, in the order of the reports (docs/adr/0024).

Locks follow annotation.services.queue: the caller holds the campaign. A ticket that somebody is claiming at this moment
is passed over, never waited for: its tile is in work.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Max

from annotation.models import Campaign, Lease, PlaceReport, QueueRound, Ticket, Tile
from annotation.services.clock import database_now
from annotation.services.queue_mark import lower_mark

if TYPE_CHECKING:
    from django.contrib.auth.models import User

FIRST_RANK = -(10**9)  # of the first reported place in a round
REPORTS_BELOW = -(10**8)  # no other ticket has a rank below this one: priority areas count down from zero
MOST_AHEAD = 50  # reported places that may wait before all others unasked; a steward may add more
KEPT_FOR = timedelta(days=7)  # how long a place stays the person's it was given to, before anybody may take it


@dataclass(frozen=True, slots=True)
class Queued:
    """A ticket at the front, the open one it took the place of, or in a word why there is none."""

    ticket: Ticket | None = None
    earlier: Ticket | None = None
    why_not: str = ""


def queue_reported_tile(
    tile: Tile, *, reopen: bool = False, limit: int | None = MOST_AHEAD, keep: bool = False
) -> Queued:
    """Put a tile before all others of the open round. Called with the campaign locked.

    Args:
        reopen: also where it is accepted: one more slot is made for the correction.
        limit: how many reported places may wait already; None for no limit.
        keep: the ticket is not offered for KEPT_FOR; `kept_ticket` gives it to the person it is for.

    Returns: without a ticket, why: "closed", "control", "buffer", "unusable", "apart" (gold, or was), "accepted",
        "in_work", "many_ahead".
    """
    why_not = _why_not(tile, reopen=reopen)
    queue_round = QueueRound.objects.filter(campaign=tile.campaign, closed_at__isnull=True).first()
    if why_not or queue_round is None:
        return Queued(why_not=why_not or "closed")
    open_one = (
        Ticket.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(tile=tile, round=queue_round, state=Ticket.State.OPEN)
        .order_by("rank")
        .first()
    )
    if open_one is not None and open_one.kind == Ticket.Kind.REPORTED:
        return Queued(ticket=_kept(open_one) if keep else open_one)
    waiting = queue_round.tickets.filter(kind=Ticket.Kind.REPORTED, state=Ticket.State.OPEN)
    if limit is not None and waiting.count() >= limit:
        return Queued(why_not="many_ahead")
    slot = _free_slot(tile, reopen=reopen) if open_one is None else open_one.slot
    if slot is None:
        return Queued(why_not="in_work")
    if open_one is not None:
        Ticket.objects.filter(pk=open_one.pk).update(state=Ticket.State.VOID)
    ticket = _ticket_at_front(queue_round, tile, slot=slot, like=open_one)
    return Queued(ticket=_kept(ticket) if keep else ticket, earlier=open_one)


def _why_not(tile: Tile, *, reopen: bool) -> str:
    if tile.campaign.state != Campaign.State.OPEN:
        return "closed"
    if tile.golds.exists():
        return "apart"
    # A report must not bend the sample that judges the model: control tiles keep the order of their draw.
    if tile.role != Tile.Role.POOL:
        return "control" if tile.role == Tile.Role.HOLDOUT else "buffer"
    if tile.state == Tile.State.UNUSABLE:
        return "unusable"
    return "accepted" if tile.state == Tile.State.ACCEPTED and not reopen else ""


def _free_slot(tile: Tile, *, reopen: bool) -> int | None:
    used = dict(tile.tickets.exclude(state=Ticket.State.VOID).values_list("slot", "state"))
    free = next((slot for slot in range(tile.campaign.redundancy) if slot not in used), None)
    if free is None and reopen and tile.state == Tile.State.ACCEPTED and Ticket.State.LEASED not in used.values():
        return max(used) + 1
    return free


def _ticket_at_front(queue_round: QueueRound, tile: Tile, *, slot: int, like: Ticket | None) -> Ticket:
    last = queue_round.tickets.filter(rank__lt=REPORTS_BELOW).aggregate(last=Max("rank"))["last"]
    ticket = Ticket.objects.create(
        campaign=tile.campaign,
        round=queue_round,
        rank=FIRST_RANK if last is None else last + 1,
        tile=tile,
        part=tile.part,
        slot=slot,
        slots=max(tile.campaign.redundancy, slot + 1),
        kind=Ticket.Kind.REPORTED,
        score=like.score if like else None,
        probability=like.probability if like else None,
    )
    lower_mark(ticket.campaign, ticket.rank)
    return ticket


def _kept(ticket: Ticket) -> Ticket:
    """Taken out of the queue until the person it is for comes, or the time is over."""
    ticket.state, ticket.leased_until = Ticket.State.LEASED, database_now() + KEPT_FOR
    ticket.save(update_fields=["state", "leased_until"])
    return ticket


def kept_ticket(*, tile: Tile, annotator: User) -> Ticket | None:
    """The ticket that was put aside for this person on this tile, locked; None when there is none, or it lapsed."""
    asked = PlaceReport.objects.waiting().filter(tile=tile, assigned_to=annotator, ticket__isnull=False)
    ticket = (
        Ticket.objects.select_for_update(of=("self",))
        .filter(pk__in=asked.values("ticket"), state=Ticket.State.LEASED)
        .order_by("rank")
        .first()
    )
    return None if ticket is None or _is_held(ticket) else ticket


def _is_held(ticket: Ticket) -> bool:
    return Lease.objects.filter(ticket=ticket, state__in=[Lease.State.ACTIVE, Lease.State.KEPT]).exists()


def take_back(report: PlaceReport) -> None:
    """The place need not be drawn after all: its ticket goes, and what it took the place of comes back."""
    ticket, earlier = report.ticket, report.earlier_ticket
    if ticket is None or PlaceReport.objects.waiting().filter(ticket=ticket).exclude(pk=report.pk).exists():
        return
    free = Ticket.objects.select_for_update(skip_locked=True, of=("self",)).filter(pk=ticket.pk).first()
    if free is None or _is_held(ticket) or free.state not in (Ticket.State.OPEN, Ticket.State.LEASED):
        return
    Ticket.objects.filter(pk=ticket.pk).update(state=Ticket.State.VOID, leased_until=None)
    if earlier is not None and earlier.state == Ticket.State.VOID and earlier.round.closed_at is None:
        earlier.state = Ticket.State.OPEN
        earlier.save(update_fields=["state"])
        lower_mark(earlier.campaign, earlier.rank)


def carry_reports(queue_round: QueueRound) -> None:
    """Places that wait because of a report go first in the new round too. Called while it is being opened."""
    left = (
        PlaceReport.objects.waiting()
        .filter(campaign=queue_round.campaign_id, ticket__state=Ticket.State.VOID, ticket__kind=Ticket.Kind.REPORTED)
        .select_related("ticket__tile__campaign")
        .order_by("ticket__rank", "pk")
    )
    carried: dict[int, Ticket] = {}
    for report in left:
        old = report.ticket
        if old is None:
            continue
        if _why_not(old.tile, reopen=report.reopened):
            continue
        if old.pk not in carried:
            if old.tile.tickets.exclude(state=Ticket.State.VOID).filter(slot=old.slot).exists():
                continue
            carried[old.pk] = _ticket_at_front(queue_round, old.tile, slot=old.slot, like=old)
        PlaceReport.objects.filter(pk=report.pk).update(ticket=carried[old.pk], earlier_ticket=None)
