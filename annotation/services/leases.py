"""Leases: kept while someone works, given back, handed in (docs/adr/0004). Locks as annotation.services.queue says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Greatest

from annotation.errors import LeaseLost, NotThere
from annotation.models import Annotation, Lease, Ticket, Tile
from annotation.services.clock import database_now
from annotation.services.queue_mark import lower_mark
from annotation.services.tiles import lock_with_wholes, refresh_tile_states

if TYPE_CHECKING:
    from django.contrib.auth.models import User

BEGUN_KEPT = timedelta(days=7)  # what a split left of somebody's draft in a quarter they have not come to
REPORTS_TO_RETIRE = 2  # people who must call a tile's imagery unusable before it leaves the queue


def keep_lease(lease: Lease, *, ahead: bool) -> Lease | None:
    """Renew a lease unless someone else was given its tile in the meantime."""
    locked = locked_lease(lease)
    return _renew(locked, ahead=ahead) if locked.state == Lease.State.ACTIVE else None


def locked_lease(lease: Lease) -> Lease:
    """The lease as it is now, locked after its ticket."""
    if lease.ticket_id is not None:
        Ticket.objects.select_for_update(of=("self",)).filter(pk=lease.ticket_id).order_by("pk").first()
    return Lease.objects.select_for_update(of=("self",)).select_related("tile").get(pk=lease.pk)


def _renew(lease: Lease, *, ahead: bool | None = None) -> Lease:
    until = database_now() + timedelta(seconds=settings.LEASE_SECONDS)
    lease.expires_at = until
    if ahead is not None:
        lease.ahead = ahead
    lease.save(update_fields=["expires_at", "ahead"])
    if lease.ticket_id is not None:
        # What is only made ready may be kept for them for longer.
        longest = Greatest("leased_until", until) if lease.ahead else until
        Ticket.objects.filter(pk=lease.ticket_id, state=Ticket.State.LEASED).update(leased_until=longest)
    return lease


@transaction.atomic
def heartbeat_lease(*, token: str, annotator: User) -> Lease:
    """Keep a tile for as long as someone works on it.

    Raises: NotThere, LeaseLost (it had lapsed and was given to someone else).
    """
    lease = _lease_of(token, annotator)
    if lease.state != Lease.State.ACTIVE:
        raise LeaseLost(
            "This tile was given to someone else while nothing was heard of you; what you drew can still be saved."
        )
    return _renew(lease)


@transaction.atomic
def release_lease(
    *, token: str, annotator: User, reason: str, comment: str = "", unless_renewed: datetime | None = None
) -> None:
    """Give a tile back. Leaving keeps the right to come back to it; the other reasons do not.

    Args:   unless_renewed: when the lease was to expire, as the sender knew it. One renewed since is kept: a page
                that is left must not take the tile from the page that opened it again.
    Raises: NotThere.
    """
    lease = _lease_of(token, annotator)
    if unless_renewed not in (None, lease.expires_at):
        return
    opened = _give_up(lease, reason=reason, comment=comment)
    lower_marks([] if opened is None else [opened])  # last, as everywhere


def _give_up(lease: Lease, *, reason: str, comment: str = "") -> Ticket | None:
    """Returns the ticket if it is open again."""
    if lease.state != Lease.State.ACTIVE:
        return None
    if reason == Lease.Reason.LEFT and lease.ticket is not None and _is_begun_quarter(lease):
        _keep(lease, lease.ticket)
        return None
    lease.state, lease.release_reason, lease.comment = Lease.State.RELEASED, reason, comment
    lease.save(update_fields=["state", "release_reason", "comment"])
    held = Ticket.objects.filter(leases=lease, state=Ticket.State.LEASED)
    is_open_again = held.update(state=Ticket.State.OPEN, leased_until=None) > 0
    if reason == Lease.Reason.BAD_IMAGERY:
        _retire_if_reported_enough(lease.tile)
    return lease.ticket if is_open_again else None


def _is_begun_quarter(lease: Lease) -> bool:
    """Whether it was made ready, holds what a split left there, and was not come to."""
    begun = Annotation.objects.filter(tile=lease.tile_id, annotator=lease.annotator_id, state=Annotation.State.DRAFT)
    return lease.ahead and lease.tile.part > 0 and begun.exists()


def _keep(lease: Lease, ticket: Ticket) -> None:
    kept_until = database_now() + BEGUN_KEPT
    lease.state = Lease.State.KEPT
    lease.save(update_fields=["state"])
    Ticket.objects.filter(pk=ticket.pk, state=Ticket.State.LEASED).update(leased_until=kept_until)


def finish_lease(*, tile: Tile, annotator: User) -> bool:
    """The person's work on the tile is submitted: lease and ticket are done. Called inside the submission.

    Returns: whether the tile was theirs until now; False when it had been given up or given to someone else, or when
        they went on with what they had begun though the tile had all the people it wants.
    """
    lease = Lease.objects.filter(tile=tile, annotator=annotator, purpose=Lease.Purpose.DRAW).first()
    if lease is None:
        return False
    lease = locked_lease(lease)
    if lease.state == Lease.State.RELEASED:
        return False
    if lease.ticket_id is not None:
        Ticket.objects.filter(pk=lease.ticket_id, state=Ticket.State.LEASED).update(
            state=Ticket.State.DONE, leased_until=None
        )
    lease.state = Lease.State.DONE
    lease.save(update_fields=["state"])
    return not lease.extra


@transaction.atomic
def reclaim_abandoned_tiles() -> int:
    """Give back tiles whose work was sent back or withdrawn and then left alone for weeks; returns how many.

    The author may still finish: it then counts as an extra contribution.
    """
    before = database_now() - timedelta(days=settings.RECLAIM_AFTER_DAYS)
    abandoned = Annotation.objects.filter(
        Q(state=Annotation.State.SENT_BACK, decided_at__lt=before)
        | Q(state=Annotation.State.DRAFT, submitted_at__isnull=False, head__created_at__lt=before),
        is_extra=False,
    )
    count = 0
    for tile_id, annotator_id in abandoned.values_list("tile_id", "annotator_id"):
        lease = Lease.objects.filter(tile_id=tile_id, annotator_id=annotator_id, ticket__isnull=False).first()
        if lease is None or (lease := locked_lease(lease)).state == Lease.State.RELEASED:
            continue
        Ticket.objects.filter(leases=lease).update(state=Ticket.State.VOID, leased_until=None)
        lease.state = Lease.State.RELEASED
        lease.save(update_fields=["state"])
        count += 1
    return count


def _lease_of(token: str, annotator: User) -> Lease:
    lease = Lease.objects.filter(token=token, annotator=annotator).first()
    if lease is None:
        raise NotThere("This lease is not yours or has ended: ask for the next tile.")
    return locked_lease(lease)


def _retire_if_reported_enough(tile: Tile) -> None:
    # People, not leases: one person may hold one to draw and one to judge.
    reported = Lease.objects.filter(tile=tile, release_reason=Lease.Reason.BAD_IMAGERY)
    reports = reported.values("annotator").distinct().count()
    # A control tile stays: dropping it because two people say so would bend the sample that judges the model. So does a
    # tile that was split: its quarters say what it is.
    if reports >= REPORTS_TO_RETIRE and tile.role == Tile.Role.POOL and not tile.quarters.exists():
        Ticket.objects.filter(tile=tile, state=Ticket.State.OPEN).update(state=Ticket.State.VOID)
        lock_with_wholes([tile.pk])
        Tile.objects.filter(pk=tile.pk).update(state=Tile.State.UNUSABLE)
        if tile.part:
            refresh_tile_states([tile.pk])  # its whole follows


def leave(leases: Iterable[Lease]) -> list[Ticket]:
    """Give tiles back whose person goes elsewhere; returns the tickets that are open again.

    The caller ends with `lower_marks` of them: the mark comes last, after whatever it still locks.
    """
    return [
        ticket for lease in leases if (ticket := _give_up(locked_lease(lease), reason=Lease.Reason.LEFT)) is not None
    ]


def lower_marks(tickets: Sequence[Ticket]) -> None:
    """Claims find these open tickets again."""
    if tickets:
        lower_mark(tickets[0].campaign, min(ticket.rank for ticket in tickets))
