"""The queue: claims that follow the rank of a round's tickets under concurrency (docs/adr/0004).

Locks are taken in one order everywhere: campaign, annotation, ticket, lease, tile, mark. Opening a round and picking a
tile lock the campaign; claims, heartbeats, releases and submissions do not. Leases to judge a model's drawing are
handed out in annotation.services.validation_queue; keeping and releasing them is the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, Max, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Now

from annotation.errors import CampaignClosed, LeaseLost, NoFreeSlot, NotThere, TileNotWorkable, TooManyLeases
from annotation.models import Annotation, Campaign, Lease, QueueMark, QueueRound, Territory, Ticket, Tile, TileOffer
from annotation.services.clock import database_now
from annotation.services.gold import gold_lease_if_chosen, gold_lease_if_due
from annotation.services.limits import Action, spend
from annotation.services.newcomers import easy_first, is_newcomer
from annotation.services.queue_mark import lower_mark
from annotation.services.report_queue import kept_ticket
from annotation.services.rounds import lock_campaign
from annotation.services.tiles import (
    lock_with_wholes,
    materialise_tiles,
    quarters_of,
    refresh_tile_states,
    role_of_tile,
    usable_tiles,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import User

REOPENABLE = (Annotation.State.DRAFT, Annotation.State.SUBMITTED, Annotation.State.SENT_BACK)
MARK_STRIDE = 64  # ranks taken before the mark moves again: dead entries that a claim may have to pass
EVER = datetime(1970, 1, 1, tzinfo=UTC)
REPORTS_TO_RETIRE = 2  # people who must call a tile's imagery unusable before it leaves the queue


# --- claims -------------------------------------------------------------------------------------------------


@transaction.atomic
def claim_next_tile(
    *, campaign: Campaign, annotator: User, ahead: bool = False, within: Territory | None = None
) -> Lease | None:
    """Give this person the best-ranked tile they may still do; None when there is none.

    Without `ahead`, a tile they already hold comes first, then work sent back to them. With `ahead` they hold a
    second tile, so that nobody waits between two (at most MAX_ACTIVE_LEASES). `within` a territory, the best-ranked of
    those that touch it; what they hold elsewhere and have not begun goes back to the queue.

    Guarantees: never more people than the tile's redundancy (unique slots), never one person twice on a tile
    (unique lease), order by rank among what is free at that moment, but for newcomers' first tiles, which are the
    easiest (annotation.services.newcomers), and for gold tiles.
    Raises: CampaignClosed, AccountBlocked, TooManyThisHour.
    """
    if campaign.state != Campaign.State.OPEN:
        raise CampaignClosed(f"Campaign {campaign.slug!r} is closed: choose another one.")
    one_claim_at_a_time(campaign, annotator)
    if within is not None:
        _leave_unbegun(campaign, annotator, outside=within)
    kept = held_lease(campaign, annotator, purpose=Lease.Purpose.DRAW, ahead=ahead)
    if kept is not None:
        return kept
    spend(user=annotator, action=Action.CLAIM)
    sent_back = _next_sent_back(campaign, annotator)
    if sent_back is not None:
        way = TileOffer.Way.SENT_BACK
        return grant(tile=sent_back.tile, annotator=annotator, ticket=None, ahead=ahead, way=way)
    newcomer = within is None and is_newcomer(campaign, annotator)
    if gold := gold_lease_if_due(campaign, annotator, ahead=ahead, within=within, newcomer=newcomer):
        _note_offer(gold, way=TileOffer.Way.GOLD)
        return gold
    ticket = _next_ticket(campaign, annotator, newcomer=newcomer, within=within)
    if ticket is None:
        _wait_for_round_being_opened(campaign)
        ticket = _next_ticket(campaign, annotator, newcomer=newcomer, within=within)
    if ticket is None:
        transaction.set_rollback(True)  # whoever asks in vain, however often, has used nothing of their hour
        return None
    way = TileOffer.Way.QUEUE if within is None else TileOffer.Way.TERRITORY
    lease = grant(tile=ticket.tile, annotator=annotator, ticket=ticket, ahead=ahead, way=way, newcomer=newcomer)
    _move_mark(ticket)
    return lease


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
    tile = _tile_to_pick(campaign, annotator, row, col, part)
    mine = Lease.objects.filter(tile=tile, annotator=annotator, purpose=Lease.Purpose.DRAW).first()
    if mine is not None and mine.state == Lease.State.ACTIVE:
        kept = keep_lease(mine, ahead=False)
        if kept is not None:
            return kept
    _make_room(campaign, annotator)
    own = Annotation.objects.filter(tile=tile, annotator=annotator).first()
    if mine is not None and own is not None and own.state in REOPENABLE:
        # What a split left of one's draft in a quarter: nobody has been asked for it yet.
        is_unasked = tile.part > 0 and mine.ticket_id is None and own.submitted_at is None
        ticket = (_open_ticket(tile) or _ticket_for_pick(campaign, tile)) if is_unasked else None
        return grant(tile=tile, annotator=annotator, ticket=ticket, ahead=False, way=TileOffer.Way.CHOSEN)
    if own is not None and own.state in (Annotation.State.ACCEPTED, Annotation.State.REVERTED):
        what = "are accepted" if own.state == Annotation.State.ACCEPTED else "were set aside by a maintainer"
        raise NoFreeSlot(f"Your labels of this tile {what}: choose another one.")
    if tile.role == Tile.Role.HOLDOUT:
        raise TileNotWorkable(f"Tile row {row}, column {col} is a control tile: the queue hands those out.")
    if chosen := gold_lease_if_chosen(tile, annotator):
        _note_offer(chosen, way=TileOffer.Way.GOLD)
        return chosen
    ticket = _open_ticket(tile) or kept_ticket(tile=tile, annotator=annotator)
    if ticket is None:
        ticket = _ticket_for_pick(campaign, tile)
    return grant(tile=tile, annotator=annotator, ticket=ticket, ahead=False, way=TileOffer.Way.CHOSEN)


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
    """What they hold, else what they began, else the first that still wants somebody; the first of all if none does."""
    here = {"tile__in": [quarter.pk for quarter in quarters]}
    drawing = Lease.objects.filter(**here, annotator=annotator, purpose=Lease.Purpose.DRAW, state=Lease.State.ACTIVE)
    held = set(drawing.values_list("tile_id", flat=True))
    own = dict(Annotation.objects.filter(**here, annotator=annotator).values_list("tile_id", "state"))
    given = Ticket.objects.filter(**here, state__in=[Ticket.State.LEASED, Ticket.State.DONE])
    taken = Counter(given.values_list("tile_id", flat=True))

    def place(quarter: Tile) -> int:
        if quarter.pk in held:
            return 0
        if own.get(quarter.pk) in (Annotation.State.DRAFT, Annotation.State.SENT_BACK):
            return 1
        wanted = quarter.state != Tile.State.UNUSABLE and taken[quarter.pk] < campaign.redundancy
        return 2 if wanted and quarter.pk not in own else 3

    return min(quarters, key=place)


def _open_ticket(tile: Tile) -> Ticket | None:
    open_tickets = Ticket.objects.select_for_update(of=("self",)).filter(tile=tile, state=Ticket.State.OPEN)
    return open_tickets.order_by("rank").first()


def _make_room(campaign: Campaign, annotator: User) -> None:
    """A tile leased ahead and not begun gives way to the one that was chosen."""
    held = Lease.objects.filter(
        annotator=annotator, tile__campaign=campaign, purpose=Lease.Purpose.DRAW, state=Lease.State.ACTIVE
    )
    begun = Annotation.objects.filter(tile=OuterRef("tile"), annotator=annotator)
    for lease in held.filter(ahead=True).exclude(Exists(begun)):
        release_lease(token=str(lease.token), annotator=annotator, reason=Lease.Reason.LEFT)
    if held.count() >= settings.MAX_ACTIVE_LEASES:
        raise TooManyLeases(f"You hold {held.count()} tiles already: submit or skip one of them first.")


def _ticket_for_pick(campaign: Campaign, tile: Tile) -> Ticket:
    used = set(tile.tickets.exclude(state=Ticket.State.VOID).values_list("slot", flat=True))
    free = next((slot for slot in range(campaign.redundancy) if slot not in used), None)
    if free is None:
        raise NoFreeSlot(
            f"{len(used)} of {campaign.redundancy} people already work or worked on this tile: choose another one."
        )
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


def held_lease(campaign: Campaign, annotator: User, *, purpose: str, ahead: bool) -> Lease | None:
    """The lease that answers a claim without a new one: the tile at work, or with `ahead` the one beyond it.

    Each purpose has its own MAX_ACTIVE_LEASES.
    """
    held = Lease.objects.filter(
        annotator=annotator, tile__campaign=campaign, purpose=purpose, state=Lease.State.ACTIVE
    ).order_by("ahead", "granted_at", "pk")
    for lease in held[:1] if not ahead else held[settings.MAX_ACTIVE_LEASES - 1 :]:
        kept = keep_lease(lease, ahead=ahead)
        if kept is not None:
            return kept
    return None


def one_claim_at_a_time(campaign: Campaign, annotator: User) -> None:
    """Two tabs of one person would otherwise both pass the "not yet mine" test before either has a lease."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [campaign.pk % 2**31, annotator.pk % 2**31])


def _next_sent_back(campaign: Campaign, annotator: User) -> Annotation | None:
    held = Lease.objects.filter(
        tile=OuterRef("tile"), annotator=annotator, purpose=Lease.Purpose.DRAW, state=Lease.State.ACTIVE
    )
    return (
        Annotation.objects.filter(tile__campaign=campaign, annotator=annotator, state=Annotation.State.SENT_BACK)
        .exclude(Exists(held))
        .select_related("tile")
        .order_by("decided_at")
        .first()
    )


def _leave_unbegun(campaign: Campaign, annotator: User, *, outside: Territory) -> None:
    begun = Annotation.objects.filter(tile=OuterRef("tile"), annotator=annotator)
    held = Lease.objects.filter(
        annotator=annotator, tile__campaign=campaign, purpose=Lease.Purpose.DRAW, state=Lease.State.ACTIVE
    )
    for lease in held.exclude(tile__footprint__intersects=outside.boundary).exclude(Exists(begun)):
        release_lease(token=str(lease.token), annotator=annotator, reason=Lease.Reason.LEFT)


def _next_ticket(
    campaign: Campaign, annotator: User, *, newcomer: bool, within: Territory | None = None
) -> Ticket | None:
    """Tickets whose holder has gone first, then open ones; both in rank order, skipping those being claimed."""
    free = (
        Ticket.objects.left_for(annotator)
        .filter(campaign=campaign)
        .select_related("tile")
        .select_for_update(skip_locked=True, of=("self",))
        .order_by("rank", "part")
    )
    if within is not None:
        there = Tile.objects.filter(campaign=campaign, footprint__intersects=within.boundary)
        free = free.filter(tile__in=there.values("pk"))
    if newcomer and (easy := easy_first(free.filter(state=Ticket.State.OPEN), campaign).first()) is not None:
        return easy
    mark = QueueMark.objects.filter(campaign=campaign)
    since = Subquery(mark.values("leased_from"))
    lapsed = free.filter(state=Ticket.State.LEASED, leased_until__lt=Now(), leased_until__gte=Coalesce(since, EVER))
    open_ones = free.filter(state=Ticket.State.OPEN, rank__gte=Coalesce(Subquery(mark.values("open_rank")), 0))
    return lapsed.first() or open_ones.first()


def _move_mark(ticket: Ticket) -> None:
    """Bring the mark up to the first ticket that is still open, once enough have been taken since.

    Called last in a claim: nothing waits for a mark that somebody else is moving. What other claims are taking at this
    moment is still seen as open, so the mark never passes what may come back; what is given back lowers it again.
    """
    mark = (
        QueueMark.objects.select_for_update(skip_locked=True)
        .filter(campaign=ticket.campaign_id, open_rank__lte=ticket.rank - MARK_STRIDE)
        .first()
    )
    if mark is None:
        return
    tickets = Ticket.objects.filter(campaign=ticket.campaign_id)
    open_ones = tickets.filter(state=Ticket.State.OPEN, rank__gte=mark.open_rank).order_by("rank")
    first = open_ones.values_list("rank", flat=True).first()
    leased = tickets.filter(state=Ticket.State.LEASED, leased_until__gte=mark.leased_from or EVER).order_by(
        "leased_until"
    )
    now = database_now()
    oldest = leased.values_list("leased_until", flat=True).first()
    mark.open_rank = ticket.rank if first is None else first
    mark.leased_from = min(oldest or now, now)
    mark.save(update_fields=["open_rank", "leased_from", "moved_at"])


def grant(
    *, tile: Tile, annotator: User, ticket: Ticket | None, ahead: bool, way: str, newcomer: bool = False
) -> Lease:
    """Lease a tile to a person by a ticket that is locked, and write the offer down. Called inside a claim."""
    now = database_now()
    until = now + timedelta(seconds=settings.LEASE_SECONDS)
    if ticket is not None:
        # Whoever held this ticket and went silent no longer does; what they drew is theirs to save.
        Lease.objects.filter(ticket=ticket, state=Lease.State.ACTIVE).update(state=Lease.State.RELEASED)
        ticket.state, ticket.leased_until = Ticket.State.LEASED, until
        ticket.save(update_fields=["state", "leased_until"])
    lease, _created = Lease.objects.update_or_create(
        tile=tile,
        annotator=annotator,
        purpose=Lease.Purpose.DRAW,
        defaults={
            "state": Lease.State.ACTIVE,
            "granted_at": now,
            "expires_at": until,
            "ahead": ahead,
            "release_reason": "",
            **({"ticket": ticket} if ticket is not None else {}),
        },
    )
    _note_offer(lease, way=way, ticket=ticket, newcomer=newcomer)
    return lease


def _note_offer(lease: Lease, *, way: str, ticket: Ticket | None = None, newcomer: bool = False) -> None:
    TileOffer.objects.create(
        campaign_id=lease.tile.campaign_id,
        tile=lease.tile,
        annotator=lease.annotator,
        ticket=ticket,
        way=way,
        newcomer=newcomer,
        ahead=lease.ahead,
        rank=None if ticket is None else ticket.rank,
        offered_at=lease.granted_at,
    )


def _wait_for_round_being_opened(campaign: Campaign) -> None:
    """Between the end of one round and the commit of the next there is no ticket to see."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM annotation_campaign WHERE id = %s FOR SHARE", [campaign.pk])


def keep_lease(lease: Lease, *, ahead: bool) -> Lease | None:
    """Renew a lease unless someone else was given its tile in the meantime."""
    locked = _locked(lease)
    return _renew(locked, ahead=ahead) if locked.state == Lease.State.ACTIVE else None


def _locked(lease: Lease) -> Lease:
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
def release_lease(
    *, token: str, annotator: User, reason: str, comment: str = "", unless_renewed: datetime | None = None
) -> None:
    """Give a tile back. Leaving keeps the right to come back to it; the other reasons do not.

    Args:   unless_renewed: when the lease was to expire, as the sender knew it. One renewed since is kept: a page
                that is left must not take the tile from the page that opened it again.
    Raises: NotThere.
    """
    lease = _locked_lease(token, annotator)
    if lease.state != Lease.State.ACTIVE or unless_renewed not in (None, lease.expires_at):
        return
    lease.state, lease.release_reason, lease.comment = Lease.State.RELEASED, reason, comment
    lease.save(update_fields=["state", "release_reason", "comment"])
    held = Ticket.objects.filter(leases=lease, state=Ticket.State.LEASED)
    is_open_again = held.update(state=Ticket.State.OPEN, leased_until=None) > 0
    if reason == Lease.Reason.BAD_IMAGERY:
        _retire_if_reported_enough(lease.tile)
    if is_open_again and lease.ticket is not None:
        lower_mark(lease.ticket.campaign, lease.ticket.rank)  # last, as everywhere


def finish_lease(*, tile: Tile, annotator: User) -> bool:
    """The person's work on the tile is submitted: lease and ticket are done. Called inside the submission.

    Returns: whether the tile was theirs until now; False when it had been given up or given to someone else.
    """
    lease = Lease.objects.filter(tile=tile, annotator=annotator, purpose=Lease.Purpose.DRAW).first()
    if lease is None:
        return False
    lease = _locked(lease)
    if lease.state == Lease.State.RELEASED:
        return False
    if lease.ticket_id is not None:
        Ticket.objects.filter(pk=lease.ticket_id, state=Ticket.State.LEASED).update(
            state=Ticket.State.DONE, leased_until=None
        )
    lease.state = Lease.State.DONE
    lease.save(update_fields=["state"])
    return True


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
        if lease is None or (lease := _locked(lease)).state == Lease.State.RELEASED:
            continue
        Ticket.objects.filter(leases=lease).update(state=Ticket.State.VOID, leased_until=None)
        lease.state = Lease.State.RELEASED
        lease.save(update_fields=["state"])
        count += 1
    return count


def _locked_lease(token: str, annotator: User) -> Lease:
    lease = Lease.objects.filter(token=token, annotator=annotator).first()
    if lease is None:
        raise NotThere("This lease is not yours or has ended: ask for the next tile.")
    return _locked(lease)


def _retire_if_reported_enough(tile: Tile) -> None:
    # People, not leases: one person may hold one to draw and one to judge.
    reported = Lease.objects.filter(tile=tile, release_reason=Lease.Reason.BAD_IMAGERY)
    reports = reported.values("annotator").distinct().count()
    # A control tile stays: dropping it because two people say so would bend the sample that judges the model.
    if reports >= REPORTS_TO_RETIRE and tile.role == Tile.Role.POOL:
        Ticket.objects.filter(tile=tile, state=Ticket.State.OPEN).update(state=Ticket.State.VOID)
        lock_with_wholes([tile.pk])
        Tile.objects.filter(pk=tile.pk).update(state=Tile.State.UNUSABLE)
        if tile.part:
            refresh_tile_states([tile.pk])  # its whole follows
