"""The queue: claims that follow the rank of a round's tickets under concurrency (docs/adr/0004).

Locks are taken in one order everywhere: campaign, annotation, ticket, lease, tile, report, mark; labels and tiles by
id. Opening a round and picking a tile lock the campaign; claims, heartbeats, releases and submissions do not. Leases to
judge a model's drawing are handed out in annotation.services.validation_queue; keeping and releasing them is the same.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from annotation.compiled import Compiled
from annotation.errors import CampaignClosed
from annotation.models import Annotation, Campaign, Lease, QueueMark, Territory, Ticket, Tile, TileOffer
from annotation.services.clock import database_now
from annotation.services.gold import gold_lease_if_due
from annotation.services.leases import keep_lease, leave, locked_lease, lower_marks
from annotation.services.limits import Action, spend
from annotation.services.newcomers import easy_first, is_newcomer

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from annotation.querysets import TicketQuerySet

MARK_STRIDE = 64  # ranks taken before the mark moves again: dead entries that a claim may have to pass
EVER = datetime(1970, 1, 1, tzinfo=UTC)

WHAT_WAITS = """
SELECT
    EXISTS (
        SELECT 1 FROM annotation_lease l JOIN annotation_tile t ON t.id = l.tile_id
        WHERE l.annotator_id = %(person)s AND l.purpose = 'draw' AND l.state = 'active' AND t.campaign_id = %(campaign)s
    ),
    EXISTS (
        SELECT 1 FROM annotation_annotation a JOIN annotation_tile t ON t.id = a.tile_id
        WHERE a.annotator_id = %(person)s AND a.state = 'sent_back' AND t.campaign_id = %(campaign)s
    ),
    EXISTS (
        SELECT 1 FROM annotation_lease l JOIN annotation_tile t ON t.id = l.tile_id
        WHERE l.annotator_id = %(person)s AND l.state = 'kept' AND t.campaign_id = %(campaign)s
    ),
    EXISTS (
        SELECT 1 FROM annotation_goldtile g JOIN annotation_tile t ON t.id = g.tile_id
        WHERE g.retired_at IS NULL AND t.campaign_id = %(campaign)s
    ),
    EXISTS (
        SELECT 1 FROM annotation_ticket
        WHERE campaign_id = %(campaign)s AND state = 'leased' AND leased_until < statement_timestamp()
          AND leased_until >= COALESCE(mark.leased_from, %(ever)s)
    ),
    COALESCE(mark.open_rank, 0),
    COALESCE(mark.leased_from, %(ever)s)
FROM (SELECT) AS one LEFT JOIN annotation_queuemark mark ON mark.campaign_id = %(campaign)s
"""

# Whoever held the ticket and went silent no longer does; what they drew is theirs to save. The person's own row is
# left to the insertion: one statement changes a row once.
GRANT = """
WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS now),
gone AS (
    UPDATE annotation_lease SET
        state = 'released', release_reason = CASE state WHEN 'kept' THEN 'left' ELSE release_reason END
    WHERE ticket_id = %(ticket)s AND state IN ('active', 'kept')
      AND NOT (tile_id = %(tile)s AND annotator_id = %(person)s AND purpose = 'draw')
),
taken AS (
    UPDATE annotation_ticket SET state = 'leased', leased_until = GREATEST(
        now + %(for_s)s * interval '1 second', CASE WHEN %(ahead)s THEN leased_until END
    )
    FROM moment WHERE id = %(ticket)s
),
granted AS (
    INSERT INTO annotation_lease AS mine (
        token, tile_id, annotator_id, purpose, ticket_id, state, ahead, extra, asked, granted_at, expires_at,
        release_reason, comment
    )
    SELECT
        %(token)s, %(tile)s, %(person)s, 'draw', %(ticket)s::bigint, 'active', %(ahead)s, %(extra)s, %(asked)s::jsonb,
        now, now + %(for_s)s * interval '1 second', '', ''
    FROM moment
    ON CONFLICT (tile_id, annotator_id, purpose) DO UPDATE SET
        ticket_id = CASE WHEN %(extra)s THEN NULL ELSE COALESCE(EXCLUDED.ticket_id, mine.ticket_id) END,
        asked = CASE WHEN EXCLUDED.ticket_id IS NULL THEN mine.asked ELSE EXCLUDED.asked END,
        state = EXCLUDED.state, ahead = EXCLUDED.ahead, extra = EXCLUDED.extra, granted_at = EXCLUDED.granted_at,
        expires_at = EXCLUDED.expires_at, release_reason = ''
    RETURNING mine.*
),
offered AS (
    INSERT INTO annotation_tileoffer (
        campaign_id, tile_id, annotator_id, ticket_id, way, newcomer, ahead, rank, offered_at
    )
    SELECT
        %(campaign)s, %(tile)s, %(person)s, %(ticket)s::bigint, %(way)s, %(newcomer)s, %(ahead)s, %(rank)s::integer, now
    FROM moment
)
SELECT * FROM granted
"""


# --- claims -------------------------------------------------------------------------------------------------


@transaction.atomic
def claim_next_tile(
    *, campaign: Campaign, annotator: User, ahead: bool = False, within: Territory | None = None
) -> Lease | None:
    """Give this person the best-ranked tile they may still do; None when there is none.

    Without `ahead`, a tile they already hold comes first, then work sent back to them, then what they began in the
    quarters of a tile that they split. With `ahead` they hold a second tile, so that nobody waits between two (at most
    MAX_ACTIVE_LEASES). `within` a territory, the best-ranked of those that touch it; what they hold elsewhere and have
    not begun goes back to the queue.

    Guarantees: never more people than the tile's redundancy (unique slots), never one person twice on a tile
    (unique lease), order by rank among what is free at that moment, but for newcomers' first tiles, which are the
    easiest (annotation.services.newcomers), and for gold tiles.
    Raises: CampaignClosed, AccountBlocked, TooManyThisHour.
    """
    if campaign.state != Campaign.State.OPEN:
        raise CampaignClosed(f"Campaign {campaign.slug!r} is closed: choose another one.")
    one_claim_at_a_time(campaign, annotator)
    left = [] if within is None else _leave_unbegun(campaign, annotator, outside=within)
    lease = _next_lease(campaign, annotator, ahead=ahead, within=within)
    if lease is None:
        transaction.set_rollback(True)  # whoever asks in vain, however often, has used nothing of their hour
    else:
        lower_marks(left)
    return lease


def _next_lease(campaign: Campaign, annotator: User, *, ahead: bool, within: Territory | None) -> Lease | None:
    waits = _what_waits(campaign, annotator)
    kept = held_lease(campaign, annotator, purpose=Lease.Purpose.DRAW, ahead=ahead) if waits.held else None
    if kept is not None:
        return kept
    spend(user=annotator, action=Action.CLAIM)
    sent_back = _next_sent_back(campaign, annotator) if waits.sent_back else None
    if sent_back is not None:
        return _grant_sent_back(sent_back, ahead=ahead)
    begun = _next_begun(campaign, annotator) if waits.begun and within is None else None
    if begun is not None:
        way = TileOffer.Way.CHOSEN  # by whoever split it
        return go_on(begun.tile, annotator, begun, ahead=ahead, way=way, other=open_ticket)
    newcomer = within is None and is_newcomer(campaign, annotator)
    if waits.gold:
        gold = gold_lease_if_due(campaign, annotator, ahead=ahead, within=within, newcomer=newcomer)
        if gold is not None:
            note_offer(gold, way=TileOffer.Way.GOLD)
            return gold
    ticket = _next_ticket(campaign, annotator, waits=waits, newcomer=newcomer, within=within)
    if ticket is None:
        _wait_for_round_being_opened(campaign)
        waits = _what_waits(campaign, annotator)
        ticket = _next_ticket(campaign, annotator, waits=waits, newcomer=newcomer, within=within)
    if ticket is None:
        return None
    way = TileOffer.Way.QUEUE if within is None else TileOffer.Way.TERRITORY
    lease = grant(tile=ticket.tile, annotator=annotator, ticket=ticket, ahead=ahead, way=way, newcomer=newcomer)
    if ticket.rank >= waits.open_rank + MARK_STRIDE:
        _move_mark(ticket)
    return lease


class _Waits(NamedTuple):
    """What a claim has to look at, before it looks (most often nothing), and the mark at which it begins."""

    held: bool
    sent_back: bool
    begun: bool
    gold: bool
    lapsed: bool
    open_rank: int
    leased_from: datetime


def _what_waits(campaign: Campaign, annotator: User) -> _Waits:
    """In one statement what would be six, each longer to build than to answer."""
    with connection.cursor() as cursor:
        cursor.execute(WHAT_WAITS, {"campaign": campaign.pk, "person": annotator.pk, "ever": EVER})
        return _Waits(*cursor.fetchone())


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
    passed = Lease.objects.filter(
        tile=OuterRef("tile"), annotator=annotator, purpose=Lease.Purpose.DRAW, state=Lease.State.RELEASED
    ).exclude(release_reason__in=["", Lease.Reason.LEFT])
    return (
        Annotation.objects.filter(tile__campaign=campaign, annotator=annotator, state=Annotation.State.SENT_BACK)
        .exclude(Exists(held) | Exists(passed))
        .select_related("tile")
        .order_by("decided_at")
        .first()
    )


def _grant_sent_back(annotation: Annotation, *, ahead: bool) -> Lease:
    tile, author = annotation.tile, annotation.annotator
    lease = Lease.objects.filter(tile=tile, annotator=author, purpose=Lease.Purpose.DRAW).first()
    return go_on(tile, author, lease, ahead=ahead, way=TileOffer.Way.SENT_BACK, other=open_ticket)


def go_on(
    tile: Tile,
    annotator: User,
    lease: Lease | None,
    *,
    ahead: bool,
    way: str,
    other: Callable[[Tile], Ticket | None],
) -> Lease:
    """Give somebody a tile that they had before: by their own ticket, by an `other` one, else as an extra contribution.

    What was handed in by a ticket counts by it for good. Gold tiles take no ticket.
    """
    own = own_ticket(lease)
    if (own is not None and own.state == Ticket.State.DONE) or (own is None and tile.golds.exists()):
        return grant(tile=tile, annotator=annotator, ticket=None, ahead=ahead, way=way)
    ticket = own or other(tile)
    return grant(tile=tile, annotator=annotator, ticket=ticket, ahead=ahead, way=way, extra=ticket is None)


def _next_begun(campaign: Campaign, annotator: User) -> Lease | None:
    kept = Lease.objects.filter(annotator=annotator, tile__campaign=campaign, state=Lease.State.KEPT)
    kept = kept.exclude(tile__state=Tile.State.UNUSABLE)
    lease = kept.order_by("ticket__rank", "tile__part").first()
    if lease is None or (lease := locked_lease(lease)).state != Lease.State.KEPT:
        return None  # it was given to somebody else at this moment
    return lease


def own_ticket(lease: Lease | None) -> Ticket | None:
    """The ticket by which a person has a tile, locked; None where they have none, it is void, or another's by now."""
    if lease is None or lease.ticket_id is None:
        return None
    tickets = Ticket.objects.select_for_update(of=("self",)).select_related("round")
    ticket = tickets.filter(pk=lease.ticket_id).exclude(state=Ticket.State.VOID).order_by("pk").first()
    if ticket is None or (ticket.state == Ticket.State.DONE and lease.state == Lease.State.DONE):
        return ticket  # after an undone revert, two may have handed in by it
    held = [Lease.State.ACTIVE, Lease.State.KEPT, Lease.State.DONE]
    is_given = Lease.objects.filter(ticket=ticket, state__in=held).exclude(pk=lease.pk).exists()
    # Leased to nobody, it was put aside for whoever is to correct a reported place.
    is_put_aside = ticket.leased_until is not None and ticket.leased_until >= database_now()
    return None if is_given or (lease.state == Lease.State.RELEASED and is_put_aside) else ticket


def open_ticket(tile: Tile) -> Ticket | None:
    """The tile's open ticket of the lowest rank, locked."""
    open_tickets = Ticket.objects.select_for_update(of=("self",)).filter(tile=tile, state=Ticket.State.OPEN)
    return open_tickets.order_by("rank").first()


def _leave_unbegun(campaign: Campaign, annotator: User, *, outside: Territory) -> list[Ticket]:
    begun = Annotation.objects.filter(tile=OuterRef("tile"), annotator=annotator)
    held = Lease.objects.filter(
        annotator=annotator, tile__campaign=campaign, purpose=Lease.Purpose.DRAW, state=Lease.State.ACTIVE
    )
    unbegun = held.exclude(tile__footprint__intersects=outside.boundary).exclude(Exists(begun))
    return leave(unbegun)


def _next_ticket(
    campaign: Campaign, annotator: User, *, waits: _Waits, newcomer: bool, within: Territory | None = None
) -> Ticket | None:
    """Tickets whose holder has gone first, then open ones; both in rank order, skipping those being claimed."""
    if within is None and not newcomer and not waits.lapsed:
        return FIRST_OPEN.first(campaign=campaign.pk, annotator=annotator.pk, rank=waits.open_rank)
    free = _free_in_order(campaign.pk, annotator.pk)
    if within is not None:
        there = Tile.objects.filter(campaign=campaign, footprint__intersects=within.boundary)
        free = free.filter(tile__in=there.values("pk"))
    if newcomer and (easy := easy_first(free.filter(state=Ticket.State.OPEN), campaign).first()) is not None:
        return easy
    if waits.lapsed:
        gone = free.filter(state=Ticket.State.LEASED, leased_until__lt=Now(), leased_until__gte=waits.leased_from)
        if (ticket := gone.first()) is not None:
            return ticket
    return free.filter(state=Ticket.State.OPEN, rank__gte=waits.open_rank).first()


def _free_in_order(campaign: int, annotator: int) -> TicketQuerySet:
    free = Ticket.objects.left_for(annotator).filter(campaign=campaign).order_by("rank", "part")
    return free.select_for_update(skip_locked=True, of=("self",)).select_related("tile", "round")


def _first_open(campaign: int, annotator: int, rank: int) -> QuerySet[Ticket]:
    return _free_in_order(campaign, annotator).filter(state=Ticket.State.OPEN, rank__gte=rank)[:1]


FIRST_OPEN = Compiled(_first_open, campaign=int, annotator=int, rank=int)  # what nearly every claim ends with


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
    *,
    tile: Tile,
    annotator: User,
    ticket: Ticket | None,
    ahead: bool,
    way: str,
    newcomer: bool = False,
    extra: bool = False,
) -> Lease:
    """Lease a tile to a person by a ticket that is locked, and write the offer down. Called inside a claim.

    Without a ticket the person keeps theirs, and what they were asked for. `extra`: there is none for them; what they
    hand in is kept, not counted.
    """
    [lease] = Lease.objects.raw(
        GRANT,
        {
            "token": uuid.uuid4(),
            "campaign": tile.campaign_id,
            "tile": tile.pk,
            "person": annotator.pk,
            "ticket": None if ticket is None else ticket.pk,
            "rank": None if ticket is None else ticket.rank,
            "for_s": settings.LEASE_SECONDS,
            "ahead": ahead,
            "way": way,
            "newcomer": newcomer,
            "extra": extra,
            "asked": json.dumps([] if ticket is None else ticket.regions),
        },
    )
    lease.tile, lease.annotator = tile, annotator
    if ticket is not None:
        ticket.state, ticket.leased_until = Ticket.State.LEASED, lease.expires_at
        lease.ticket = ticket
    return lease


def note_offer(lease: Lease, *, way: str) -> None:
    """Write down that a gold tile was given, which takes no ticket. Called inside a claim."""
    TileOffer.objects.create(
        campaign_id=lease.tile.campaign_id,
        tile=lease.tile,
        annotator=lease.annotator,
        way=way,
        newcomer=False,
        ahead=lease.ahead,
        offered_at=lease.granted_at,
    )


def _wait_for_round_being_opened(campaign: Campaign) -> None:
    """Between the end of one round and the commit of the next there is no ticket to see."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM annotation_campaign WHERE id = %s FOR SHARE", [campaign.pk])
