"""The queue: rounds of ranked tickets, and claims that follow the rank under concurrency (docs/adr/0004)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, Max, OuterRef
from django.db.models.functions import Now

from annotation.errors import CampaignClosed, LeaseLost, NoFreeSlot, NotThere, TileNotWorkable
from annotation.models import Annotation, Campaign, Lease, QueueRound, Ticket, Tile
from annotation.services.clock import database_now
from annotation.services.tiles import Place, materialise_tiles

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SLOT_SPACING = 20  # ranks between a tile's first and second ticket, so that two people are rarely side by side
REPORTS_TO_RETIRE = 2  # people who must call a tile's imagery unusable before it leaves the queue


@dataclass(frozen=True, slots=True)
class QueuedTile:
    """A tile that a round wants labelled, in the order given; `probability` where it was drawn at random."""

    row: int
    col: int
    kind: str
    score: float | None = None
    probability: float | None = None


# --- rounds -------------------------------------------------------------------------------------------------


@transaction.atomic
def open_queue_round(
    *,
    campaign: Campaign,
    function: str,
    tickets: Iterable[QueuedTile],
    model_version: str = "",
    seed: int = 0,
    random_share: float = 0.0,
    control_share: float | None = None,
) -> QueueRound:
    """Close the campaign's round and open the next one with these tiles, best first.

    Hold-out tiles that still lack labels are woven in at `control_share` (default: the campaign's). Tickets of
    earlier rounds that nobody holds are void; work under way goes on.
    """
    Campaign.objects.select_for_update().get(pk=campaign.pk)
    if campaign.state != Campaign.State.OPEN:
        raise CampaignClosed(f"Campaign {campaign.slug!r} is closed: open it again before opening a round.")
    share = campaign.control_share if control_share is None else control_share
    campaign.rounds.filter(closed_at__isnull=True).update(closed_at=Now())
    Ticket.objects.filter(campaign=campaign, state=Ticket.State.OPEN).update(state=Ticket.State.VOID)
    last = campaign.rounds.aggregate(last=Max("number"))["last"]
    queue_round = QueueRound.objects.create(
        campaign=campaign,
        number=0 if last is None else last + 1,
        function=function,
        model_version=model_version,
        random_share=random_share,
        control_share=share,
        seed=seed,
    )
    wanted = _weave_controls(list(tickets), _unlabelled_controls(campaign), share)
    _write_tickets(queue_round, wanted)
    return queue_round


def labelled_or_leased_tiles(campaign: Campaign) -> set[Place]:
    """Tiles whose every slot is taken or done, or that are retired: no round should ask for them again."""
    done = set(campaign.tiles.filter(state__in=["accepted", "submitted", "unusable"]).values_list("row", "col"))
    held = campaign.tickets.filter(state__in=["leased", "done"]).values_list("tile__row", "tile__col")
    return done | set(held)


def _unlabelled_controls(campaign: Campaign) -> list[QueuedTile]:
    holdout = campaign.tiles.filter(role="holdout", state__in=["open", "sent_back"]).order_by("id")
    probability = campaign.holdout.inclusion_probability
    return [
        QueuedTile(row=row, col=col, kind=Ticket.Kind.CONTROL, probability=probability)
        for row, col in holdout.values_list("row", "col")
    ]


def _weave_controls(pool: Sequence[QueuedTile], controls: Sequence[QueuedTile], share: float) -> list[QueuedTile]:
    """Every 1/share-th ticket is a control tile, until there are no more."""
    woven: list[QueuedTile] = []
    due, waiting = 0.0, iter(controls)
    for tile in pool:
        due += share / (1.0 - share)
        while due >= 1.0:
            due -= 1.0
            control = next(waiting, None)
            if control is not None:
                woven.append(control)
        woven.append(tile)
    return woven


def _write_tickets(queue_round: QueueRound, wanted: Sequence[QueuedTile]) -> None:
    campaign = queue_round.campaign
    tiles = materialise_tiles(campaign=campaign, places=[(item.row, item.col) for item in wanted])
    taken: dict[int, set[int]] = {}
    held = Ticket.objects.filter(campaign=campaign, tile__in=[tile.pk for tile in tiles.values()])
    for tile_id, slot in held.exclude(state=Ticket.State.VOID).values_list("tile_id", "slot"):
        taken.setdefault(tile_id, set()).add(slot)
    ordered = []
    for position, item in enumerate(wanted):
        tile = tiles[(item.row, item.col)]
        free = [slot for slot in range(campaign.redundancy) if slot not in taken.get(tile.pk, set())]
        ordered += [(position + nth * SLOT_SPACING, nth, slot, tile, item) for nth, slot in enumerate(free)]
    ordered.sort(key=lambda entry: (entry[0], entry[1]))
    Ticket.objects.bulk_create(
        [
            Ticket(
                campaign=campaign,
                round=queue_round,
                rank=rank,
                tile=tile,
                slot=slot,
                slots=campaign.redundancy,
                kind=item.kind,
                score=item.score,
                probability=item.probability,
            )
            for rank, (_, _, slot, tile, item) in enumerate(ordered)
        ],
        batch_size=2000,
    )
    scored = []
    for item in wanted:
        tile = tiles[(item.row, item.col)]
        if item.score is not None and tile.priority != item.score:
            tile.priority = item.score
            scored.append(tile)
    Tile.objects.bulk_update(scored, ["priority"], batch_size=2000)


# --- claims -------------------------------------------------------------------------------------------------


@transaction.atomic
def claim_next_tile(*, campaign: Campaign, annotator: User, ahead: bool = False) -> Lease | None:
    """Give this person the best-ranked tile they may still do; None when there is none.

    Without `ahead`, a tile they already hold comes first, then work sent back to them. With `ahead` they hold a
    second tile, so that nobody waits between two (at most MAX_ACTIVE_LEASES).

    Guarantees: never more people than the tile's redundancy (unique slots), never one person twice on a tile
    (unique lease), order by rank among what is free at that moment.
    Raises: CampaignClosed.
    """
    if campaign.state != Campaign.State.OPEN:
        raise CampaignClosed(f"Campaign {campaign.slug!r} is closed: choose another one.")
    _one_claim_at_a_time(campaign, annotator)
    held = list(
        Lease.objects.filter(annotator=annotator, tile__campaign=campaign, state=Lease.State.ACTIVE).order_by(
            "ahead", "granted_at", "pk"
        )
    )
    if held and not ahead:
        return _renew(held[0], ahead=False)
    if len(held) >= settings.MAX_ACTIVE_LEASES:
        return _renew(held[-1], ahead=True)
    sent_back = _next_sent_back(campaign, annotator)
    if sent_back is not None:
        return _grant(tile=sent_back.tile, annotator=annotator, ticket=None, ahead=ahead)
    ticket = _next_ticket(campaign, annotator)
    if ticket is None:
        return None
    return _grant(tile=ticket.tile, annotator=annotator, ticket=ticket, ahead=ahead)


@transaction.atomic
def pick_tile(*, campaign: Campaign, annotator: User, row: int, col: int) -> Lease:
    """Give this person a tile they chose on the map, if a slot is free.

    Raises: CampaignClosed, TileOutsideGrid, TileNotWorkable, NoFreeSlot.
    """
    if campaign.state != Campaign.State.OPEN:
        raise CampaignClosed(f"Campaign {campaign.slug!r} is closed: choose another one.")
    _one_claim_at_a_time(campaign, annotator)
    tile = materialise_tiles(campaign=campaign, places=[(row, col)])[(row, col)]
    tile = Tile.objects.select_for_update().get(pk=tile.pk)
    mine = Lease.objects.filter(tile=tile, annotator=annotator).first()
    if mine is not None and mine.state == Lease.State.ACTIVE:
        return _renew(mine, ahead=False)
    if tile.role == Tile.Role.BUFFER or tile.state == Tile.State.UNUSABLE:
        raise TileNotWorkable(
            f"Tile row {row}, column {col} is kept apart ({tile.get_role_display()}): choose another one."
        )
    own_work = Annotation.objects.filter(tile=tile, annotator=annotator).exclude(state=Annotation.State.ACCEPTED)
    if mine is not None and own_work.exists():  # one's own, sent back or still waiting: it can be opened again
        return _grant(tile=tile, annotator=annotator, ticket=None, ahead=False)
    if tile.role == Tile.Role.HOLDOUT:
        raise TileNotWorkable(f"Tile row {row}, column {col} is a control tile: the queue hands those out.")
    ticket = Ticket.objects.select_for_update().filter(tile=tile, state=Ticket.State.OPEN).order_by("rank").first()
    if ticket is None:
        ticket = _ticket_for_pick(campaign, tile)
    return _grant(tile=tile, annotator=annotator, ticket=ticket, ahead=False)


def _ticket_for_pick(campaign: Campaign, tile: Tile) -> Ticket:
    used = set(tile.tickets.exclude(state=Ticket.State.VOID).values_list("slot", flat=True))
    free = next((slot for slot in range(campaign.redundancy) if slot not in used), None)
    if free is None:
        raise NoFreeSlot(
            f"{len(used)} of {campaign.redundancy} people already work or worked on this tile: choose another one."
        )
    queue_round = QueueRound.objects.select_for_update().get(campaign=campaign, closed_at__isnull=True)
    last = queue_round.tickets.aggregate(last=Max("rank"))["last"]
    return Ticket.objects.create(
        campaign=campaign,
        round=queue_round,
        rank=0 if last is None else last + 1,
        tile=tile,
        slot=free,
        slots=campaign.redundancy,
        kind=Ticket.Kind.PICKED,
    )


def _one_claim_at_a_time(campaign: Campaign, annotator: User) -> None:
    # Two tabs of one person would otherwise both pass the "not yet mine" test before either has a lease.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [campaign.pk % 2**31, annotator.pk % 2**31])


def _next_sent_back(campaign: Campaign, annotator: User) -> Annotation | None:
    held = Lease.objects.filter(tile=OuterRef("tile"), annotator=annotator, state=Lease.State.ACTIVE)
    return (
        Annotation.objects.filter(tile__campaign=campaign, annotator=annotator, state=Annotation.State.SENT_BACK)
        .exclude(Exists(held))
        .select_related("tile")
        .order_by("decided_at")
        .first()
    )


def _next_ticket(campaign: Campaign, annotator: User) -> Ticket | None:
    """Tickets whose holder has gone first, then open ones; both in rank order, skipping those being claimed."""
    mine = Lease.objects.filter(tile=OuterRef("tile"), annotator=annotator)
    free = (
        Ticket.objects.filter(campaign=campaign)
        .exclude(Exists(mine))
        .select_related("tile")
        .select_for_update(skip_locked=True, of=("self",))
        .order_by("rank")
    )
    lapsed = free.filter(state=Ticket.State.LEASED, leased_until__lt=Now())
    return lapsed.first() or free.filter(state=Ticket.State.OPEN).first()


def _grant(*, tile: Tile, annotator: User, ticket: Ticket | None, ahead: bool) -> Lease:
    now = database_now()
    until = now + timedelta(seconds=settings.LEASE_SECONDS)
    if ticket is not None:
        # Whoever held this ticket and went silent no longer does; what they drew is theirs to save (R7).
        Lease.objects.filter(ticket=ticket, state=Lease.State.ACTIVE).update(state=Lease.State.RELEASED)
        ticket.state, ticket.leased_until = Ticket.State.LEASED, until
        ticket.save(update_fields=["state", "leased_until"])
    lease, _created = Lease.objects.update_or_create(
        tile=tile,
        annotator=annotator,
        defaults={
            "state": Lease.State.ACTIVE,
            "granted_at": now,
            "expires_at": until,
            "ahead": ahead,
            "release_reason": "",
            **({"ticket": ticket} if ticket is not None else {}),
        },
    )
    return lease


def _renew(lease: Lease, *, ahead: bool | None = None) -> Lease:
    until = database_now() + timedelta(seconds=settings.LEASE_SECONDS)
    lease.expires_at = until
    if ahead is not None:
        lease.ahead = ahead
    lease.save(update_fields=["expires_at", "ahead"])
    if lease.ticket_id is not None:
        Ticket.objects.filter(pk=lease.ticket_id, state=Ticket.State.LEASED).update(leased_until=until)
    return lease


# --- while someone works ------------------------------------------------------------------------------------


@transaction.atomic
def heartbeat_lease(*, token: str, annotator: User) -> Lease:
    """Keep a tile for as long as someone works on it.

    Raises: NotThere, LeaseLost (it had lapsed and was given to someone else).
    """
    lease = _locked_lease(token, annotator)
    if lease.state != Lease.State.ACTIVE:
        raise LeaseLost(
            "This tile was given to someone else while nothing was heard of you; what you drew can still be saved."
        )
    return _renew(lease)


@transaction.atomic
def release_lease(*, token: str, annotator: User, reason: str, comment: str = "") -> None:
    """Give a tile back. Leaving keeps the right to come back to it; the other reasons do not.

    Raises: NotThere.
    """
    lease = _locked_lease(token, annotator)
    if lease.state != Lease.State.ACTIVE:
        return
    if lease.ticket_id is not None:
        Ticket.objects.filter(pk=lease.ticket_id, state=Ticket.State.LEASED).update(
            state=Ticket.State.OPEN, leased_until=None
        )
    if reason == Lease.Reason.LEFT:
        lease.delete()
        return
    lease.state, lease.release_reason, lease.comment = Lease.State.RELEASED, reason, comment
    lease.save(update_fields=["state", "release_reason", "comment"])
    if reason == Lease.Reason.BAD_IMAGERY:
        _retire_if_reported_enough(lease.tile)


def finish_lease(*, tile: Tile, annotator: User) -> None:
    """The person's work on the tile is submitted: lease and ticket are done. Called inside the submission."""
    lease = Lease.objects.select_for_update().filter(tile=tile, annotator=annotator).first()
    if lease is None:
        return
    if lease.state == Lease.State.ACTIVE and lease.ticket_id is not None:
        Ticket.objects.filter(pk=lease.ticket_id).exclude(state=Ticket.State.VOID).update(
            state=Ticket.State.DONE, leased_until=None
        )
    lease.state = Lease.State.DONE
    lease.save(update_fields=["state"])


def _locked_lease(token: str, annotator: User) -> Lease:
    lease = Lease.objects.filter(token=token, annotator=annotator).first()
    if lease is None:
        raise NotThere("This lease is not yours or has ended: ask for the next tile.")
    if lease.ticket_id is not None:
        # Same order as a claim (ticket, then lease), so that the two never wait for each other.
        Ticket.objects.select_for_update().filter(pk=lease.ticket_id).first()
    return Lease.objects.select_for_update().select_related("tile").get(pk=lease.pk)


def _retire_if_reported_enough(tile: Tile) -> None:
    reports = Lease.objects.filter(tile=tile, release_reason=Lease.Reason.BAD_IMAGERY).count()
    if reports >= REPORTS_TO_RETIRE:
        Ticket.objects.filter(tile=tile, state=Ticket.State.OPEN).update(state=Ticket.State.VOID)
        Tile.objects.filter(pk=tile.pk).update(state=Tile.State.UNUSABLE)
