"""What is shown with a gold tile: a reason and parts such as the queue's own tickets have, so that nobody can tell.

Borrowed from no single ticket that somebody may meet: the same rank, score or parts a second time would tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Max, Min, QuerySet

from annotation.core.asked import Window, known_windows
from annotation.core.gold import uniform
from annotation.core.stored_labels import class_index, label_rasters
from annotation.models import Campaign, GoldLease, GoldTile, Lease, QueueMark, QueueRound, Territory, Ticket
from annotation.services.newcomers import easy_first
from annotation.services.nomenclatures import selectable_codes
from annotation.services.tiles import is_blind_tile

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LEAST_KNOWN = 0.5  # of a part's ground, in the reference of a gold tile that is asked for it
# Kinds that any tile of the pool might have; the others depend on the place.
DRAWN = [Ticket.Kind.RANDOM, Ticket.Kind.INITIAL]
RANKED = [Ticket.Kind.UNCERTAINTY, Ticket.Kind.SUSPECT]


class Shown(NamedTuple):
    """A reason, as presenters.why_body, and the ticket that is like it."""

    why: dict[str, Any]
    like: Ticket


def reason_to_show(
    campaign: Campaign, annotator: User, *, key: bytes, count: int, within: Territory | None, newcomer: bool
) -> Shown | None:
    """A reason as the queue would give it now, at a rank between this person's last and the next; None without work.

    Newcomers go through the round from its far end: so do the ranks they are shown.
    """
    mark = QueueMark.objects.filter(campaign=campaign).values_list("open_rank", flat=True).first() or 0
    # Below zero lie reported places and priority areas, whose reason is their own.
    waiting = (
        Ticket.objects.left_for(annotator)
        .filter(campaign=campaign, state=Ticket.State.OPEN, rank__gte=max(mark, 0))
        .order_by("rank")
    )
    if within is not None:
        waiting = waiting.filter(tile__footprint__intersects=within.boundary)
    easy = easy_first(waiting, campaign).select_related("round").first() if newcomer else None
    queued = easy or waiting.select_related("round").first()
    like = None if queued is None else _like_any_tile(queued)
    if queued is None or like is None:
        return None
    told = _ranks_told(queued.round, annotator)
    if easy is None:
        between = range(max(told, default=-1) + 1, queued.rank)
    else:
        between = range(queued.rank + 1, min((rank for rank in told if rank > queued.rank), default=0))
    place = int(uniform(key, "rank", campaign.seed, annotator.pk, count) * len(between))
    why = {
        "kind": like.kind,
        "function": queued.round.function,
        "score": like.score,
        "pixel_score": queued.round.pixel_score,
        "rank": between[place] if between else queued.rank,
        "round": queued.round.number,
        "model_version": queued.round.model_version,
        "probability": like.probability,
    }
    return Shown(why, like)


def _like_any_tile(queued: Ticket) -> Ticket | None:
    """A ticket of the round such as any tile of the pool might have: one drawn at random, where the round has such."""
    by_chance = queued.round.random_share > 0 or queued.round.function == "initial"
    for kinds in (DRAWN, RANKED) if by_chance else (RANKED,):
        alike = queued.round.tickets.filter(kind__in=kinds)
        after = alike.filter(rank__gte=queued.rank).order_by("rank").first()
        if found := after or alike.order_by("-rank").first():
            return found
    return None


def _ranks_told(queue_round: QueueRound, annotator: User) -> set[int]:
    """The lowest and highest rank of the queue that this person was shown in a round, and those told with gold."""
    leases = Lease.objects.filter(annotator=annotator, ticket__round=queue_round)
    told = GoldLease.objects.filter(
        lease__annotator=annotator, gold__tile__campaign=queue_round.campaign_id, why__round=queue_round.number
    ).values_list("why__rank", flat=True)
    ends = leases.aggregate(first=Min("ticket__rank"), last=Max("ticket__rank"))
    return {*told, *(rank for rank in ends.values() if rank is not None)}


def reason_of_choice(campaign: Campaign) -> dict[str, Any]:
    """What is said of a tile that was chosen and that nobody had been asked about."""
    queue_round = QueueRound.objects.get(campaign=campaign, closed_at__isnull=True)
    last = queue_round.tickets.aggregate(last=Max("rank"))["last"]
    return {
        "kind": Ticket.Kind.PICKED.value,
        "function": queue_round.function,
        "score": None,
        "pixel_score": queue_round.pixel_score,
        "rank": 0 if last is None else max(0, last + 1),
        "round": queue_round.number,
        "model_version": queue_round.model_version,
        "probability": None,
    }


def parts_to_ask(gold: GoldTile, *, key: bytes, like: Ticket) -> list[Window] | None:
    """The parts of a gold tile that are asked for where the round asks for parts; none = the whole tile, as elsewhere
    and as of every blind tile.

    Drawn evenly among those known in the reference, once for the tile and the round: everybody who is given the tile is
    asked for the same ones, as the people of any tile are, and no other tile is asked for by a draw of this one.

    Returns: None where fewer are known than are asked for: given whole, the tile would be the only one.
    """
    if is_blind_tile(gold.tile):
        return []
    about = (gold.tile.campaign.seed, like.round_id, gold.pk)
    windows = _windows_as_usual(like, place=uniform(key, "like", *about))
    if not windows:
        return []
    tile_px, (_col, _row, width, height) = gold.tile.px, windows[0]
    values = class_index(selectable_codes(gold.tile.campaign))
    [reference] = label_rasters([gold.revision.features], tile_px=tile_px, values=values)
    known = known_windows(reference > 0, width=width, height=height, least=LEAST_KNOWN)
    drawn = sorted(known, key=lambda window: uniform(key, "asked", *about, *window))
    return drawn[: len(windows)] if len(drawn) >= len(windows) else None


def _windows_as_usual(like: Ticket, *, place: float) -> list[list[int]]:
    """How many windows, and how large, a tile of the round is asked for: as one of its tickets, at `place` of [0, 1).

    None in a round that asks for whole tiles.
    """
    in_parts = like.round.tickets.filter(part=0).exclude(regions=[]).order_by("pk")
    some: QuerySet[Ticket]
    for some in (in_parts.filter(kind=like.kind), in_parts):
        if count := some.count():
            return list(some[int(place * count)].regions)
    return []
