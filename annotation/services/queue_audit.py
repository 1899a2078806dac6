"""What the queue really did in a period: the tiles offered, in the order of time, held against their ranks.

Everything is replayed from the offers as they were written (annotation.models.TileOffer); nothing is taken from what
the queue says of itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, Min, OuterRef
from scipy.stats import kendalltau

from annotation.models import Campaign, QueueRound, Ticket, Tile, TileOffer

MOST_OFFERS = 50_000


@dataclass(frozen=True, slots=True)
class Offered:
    """One offer and what lay before it.

    Args:
        passed_over: tickets of the same round that had a better rank, that nobody had been offered, and whose tile this
            person had not been offered either, at that moment. Claims that run at the same time pass over each
            other's; more than these means that the order was not kept. None for what was not next in the queue.
    """

    at: datetime
    person: str
    row: int
    col: int
    part: int  # which quarter of a tile that was split; 0 for a whole one
    round_number: int | None
    kind: str
    way: str
    rank: int | None
    score: float | None
    probability: float | None
    ahead: bool
    newcomer: bool
    again: bool
    passed_over: int | None


@dataclass(frozen=True, slots=True)
class RoundAudit:
    """One round in the period.

    Args:
        in_turn: offers that were the best free ticket of the person's, out of `from_queue`.
        most_passed_over: by one offer; None without offers from the queue.
        order: Kendall's tau-b between the order of first offers and their rank, newcomers' apart: 1 is the ranking's
            order; None under two offers.
        random_wanted, random_offered: share of pool tickets drawn at random, as the round wanted it, and among its
            tickets offered in the period; None where none was.
        control_wanted, control_offered: the same of control tiles among all tickets.
        probabilities: every logged chance of being drawn, with how many of the offered tickets carry it.
    """

    number: int
    function: str
    pixel_score: str
    model_version: str
    opened_at: datetime
    offers: int
    from_queue: int
    in_turn: int
    most_passed_over: int | None
    order: float | None
    random_wanted: float
    random_offered: float | None
    control_wanted: float
    control_offered: float | None
    probabilities: tuple[tuple[str, float, int], ...]


@dataclass(frozen=True, slots=True)
class QueueAudit:
    """A period of one campaign's queue, oldest offer first."""

    rounds: tuple[RoundAudit, ...]
    offers: tuple[Offered, ...]
    is_cut: bool  # there were more offers than MOST_OFFERS; these are the latest


def audit_queue(*, campaign: Campaign, since: datetime, until: datetime) -> QueueAudit:
    """Replay what was offered from `since` to before `until`; at most the latest MOST_OFFERS."""
    wanted = campaign.offers.filter(offered_at__gte=since, offered_at__lt=until)
    latest = list(
        wanted.select_related("tile", "ticket__round", "annotator__contributor").order_by("-offered_at", "-pk")[
            : MOST_OFFERS + 1
        ]
    )
    offers = latest[:MOST_OFFERS][::-1]
    rounds = {offer.ticket.round_id: offer.ticket.round for offer in offers if offer.ticket}
    replays = {pk: _Replay(found, offers) for pk, found in rounds.items()}
    shown = tuple(_shown(offer, replays) for offer in offers)
    audits = sorted((replay.summary(shown) for replay in replays.values()), key=lambda audit: audit.number)
    return QueueAudit(rounds=tuple(audits), offers=shown, is_cut=len(latest) > MOST_OFFERS)


def _shown(offer: TileOffer, replays: dict[int, _Replay]) -> Offered:
    ticket = offer.ticket
    again, passed_over = replays[ticket.round_id].see(offer, ticket) if ticket else (False, None)
    return Offered(
        at=offer.offered_at,
        person=offer.annotator.contributor.public_id,
        row=offer.tile.row,
        col=offer.tile.col,
        part=offer.tile.part,
        round_number=ticket.round.number if ticket else None,
        kind=ticket.kind if ticket else "",
        way=offer.way,
        rank=offer.rank,
        score=ticket.score if ticket else None,
        probability=ticket.probability if ticket else None,
        ahead=offer.ahead,
        newcomer=offer.newcomer,
        again=again,
        passed_over=passed_over,
    )


class _Replay:
    """The tickets of one round, taken one after the other as they were."""

    def __init__(self, queue_round: QueueRound, offers: Sequence[TileOffer]) -> None:
        self.round = queue_round
        first = offers[0].offered_at
        self.offered: set[int] = set()  # tickets that somebody had been offered
        self.seen: dict[int, set[int]] = {}  # person: tiles they had been offered
        earlier = TileOffer.objects.filter(campaign=queue_round.campaign_id, offered_at__lt=first)
        self.offered |= set(earlier.filter(ticket__round=queue_round).values_list("ticket", flat=True))
        people = {offer.annotator_id for offer in offers}
        for person, tile in earlier.filter(annotator__in=people).values_list("annotator", "tile"):
            self.seen.setdefault(person, set()).add(tile)
        tickets = queue_round.tickets.exclude(tile__state=Tile.State.UNUSABLE).order_by("rank")
        # Instead of a tile that was split its quarters wait.
        tickets = tickets.exclude(Exists(Tile.objects.filter(whole=OuterRef("tile"))))
        self.waiting = [one for one in tickets.only("rank", "tile", "placed_at") if one.pk not in self.offered]
        self.next = 0  # into `waiting`: everything before it is offered, or was passed over
        self.passed: dict[int, Ticket] = {}  # never offered, and of better rank than one that was

    def see(self, offer: TileOffer, offered: Ticket) -> tuple[bool, int | None]:
        """Whether the ticket had been offered before, and how many better ones were passed over."""
        rank = offered.rank if offer.rank is None else offer.rank
        again = offered.pk in self.offered
        own = self.seen.setdefault(offer.annotator_id, set())
        better = None
        in_queue = offer.way == TileOffer.Way.QUEUE and not offer.newcomer
        if in_queue and not again:
            while self.next < len(self.waiting) and self.waiting[self.next].rank < rank:
                ticket = self.waiting[self.next]
                if ticket.pk not in self.offered:
                    self.passed[ticket.pk] = ticket
                self.next += 1
            better = sum(
                ticket.rank < rank and ticket.tile_id not in own and ticket.placed_at <= offer.offered_at
                for ticket in self.passed.values()
            )
        self.offered.add(offered.pk)
        self.passed.pop(offered.pk, None)
        own.add(offer.tile_id)
        return again, better

    def summary(self, shown: Iterable[Offered]) -> RoundAudit:
        """The round's figures over the period."""
        ours = [offer for offer in shown if offer.round_number == self.round.number]
        turns = [offer for offer in ours if offer.passed_over is not None]
        fresh = [offer for offer in ours if not offer.again]
        pool = [offer for offer in fresh if offer.kind != Ticket.Kind.CONTROL]
        drawn = Counter((offer.kind, offer.probability) for offer in fresh if offer.probability is not None)
        tau = kendalltau(range(len(turns)), [offer.rank for offer in turns]).statistic if len(turns) > 1 else None
        return RoundAudit(
            number=self.round.number,
            function=self.round.function,
            pixel_score=self.round.pixel_score,
            model_version=self.round.model_version,
            opened_at=self.round.opened_at,
            offers=len(ours),
            from_queue=len(turns),
            in_turn=sum(offer.passed_over == 0 for offer in turns),
            most_passed_over=max((offer.passed_over or 0 for offer in turns), default=None),
            order=None if tau is None else round(float(tau), 9),
            random_wanted=self.round.random_share,
            random_offered=_share(pool, (Ticket.Kind.RANDOM, Ticket.Kind.INITIAL)),
            control_wanted=self.round.control_share,
            control_offered=_share(fresh, (Ticket.Kind.CONTROL,)),
            probabilities=tuple((str(kind), value, count) for (kind, value), count in sorted(drawn.items())),
        )


def _share(offers: Sequence[Offered], kinds: Sequence[str]) -> float | None:
    return sum(offer.kind in kinds for offer in offers) / len(offers) if offers else None


def first_offer_at(campaign: Campaign) -> datetime | None:
    """When the campaign's first tile was offered."""
    found: datetime | None = campaign.offers.aggregate(first=Min("offered_at"))["first"]
    return found
