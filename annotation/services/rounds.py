"""Rounds: a ranking of a campaign's tiles written down once, as tickets (docs/adr/0004)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from django.db import connection, transaction
from django.db.models import Count, Max
from django.db.models.functions import Now
from numpy.typing import NDArray

from annotation.core.blind import is_blind
from annotation.core.quarters import windows_in_quarter
from annotation.errors import CampaignClosed
from annotation.models import Campaign, QueueMark, QueueRound, Ticket, Tile
from annotation.services.report_queue import carry_reports
from annotation.services.tiles import Place, materialise_tiles, quarters_left_out, quarters_of

SLOT_SPACING = 20  # ranks between a tile's first and second ticket, so that two people are rarely side by side


# Locked in the order of their ids, as annotation.services.tiles locks those whose state changes.
SCORE = """
WITH scored AS MATERIALIZED (
    SELECT t.id, now.score
    FROM annotation_tile t JOIN unnest(%(tiles)s::bigint[], %(scores)s::float8[]) AS now(id, score) ON now.id = t.id
    WHERE t.priority IS DISTINCT FROM now.score
    ORDER BY t.id FOR NO KEY UPDATE OF t
)
UPDATE annotation_tile t SET priority = scored.score FROM scored WHERE t.id = scored.id
"""


@dataclass(frozen=True, slots=True)
class QueuedTile:
    """A tile that a round wants labelled, in the order given; `probability` where it was drawn at random.

    Args: score: where the round has no scores of all tiles.
        regions: windows of the tile that are asked for, (col, row, width, height) in its pixels, most wanted first;
        none = the whole tile. Of a tile that was split, each quarter is asked for those in it, and one without any is
        not asked for. Blind tiles are asked for whole.
    """

    row: int
    col: int
    kind: str
    score: float | None = None
    probability: float | None = None
    regions: tuple[tuple[int, int, int, int], ...] = ()


@transaction.atomic
def open_queue_round(
    *,
    campaign: Campaign,
    function: str,
    tickets: Iterable[QueuedTile],
    scores: NDArray[np.float32] | None = None,
    model_version: str = "",
    seed: int = 0,
    random_share: float = 0.0,
    control_share: float | None = None,
    pixel_score: str = "entropy",
) -> QueueRound:
    """Close the campaign's round and open the next one with these tiles, best first.

    `scores` are means over the pixels of every tile of `pixel_score`, float32 (n_rows, n_cols), NaN where there is no
    imagery. The map shows them of all tiles of the pool that have a row: of gold tiles too, which no round asks for
    and which are given with their score (docs/adr/0022).

    Hold-out tiles that still lack labels are woven in at `control_share` (default: the campaign's). Tickets of
    earlier rounds that nobody holds are void, but for those of reported places, which go first here too; work under way
    goes on.
    """
    lock_campaign(campaign)
    if campaign.state != Campaign.State.OPEN:
        raise CampaignClosed(f"Campaign {campaign.slug!r} is closed: open it again before opening a round.")
    share = campaign.control_share if control_share is None else control_share
    wanted = _weave_controls([_scored(item, scores) for item in tickets], _unlabelled_controls(campaign), share)
    tiles = materialise_tiles(campaign=campaign, places=[(item.row, item.col) for item in wanted])
    campaign.rounds.filter(closed_at__isnull=True).update(closed_at=Now())
    last = campaign.rounds.aggregate(last=Max("number"))["last"]
    queue_round = QueueRound.objects.create(
        campaign=campaign,
        number=0 if last is None else last + 1,
        function=function,
        pixel_score=pixel_score,
        model_version=model_version,
        random_share=random_share,
        control_share=share,
        seed=seed,
    )
    # As late as can be: whoever claims between this line and the commit finds nothing and waits for the new round.
    Ticket.objects.filter(campaign=campaign, state=Ticket.State.OPEN).update(state=Ticket.State.VOID)
    # Before the mark: whoever hands a tile in holds it and then moves the mark.
    _score_tiles(campaign, wanted, tiles, scores)
    QueueMark.objects.update_or_create(campaign=campaign, defaults={"open_rank": 0})
    carry_reports(queue_round)
    _write_tickets(queue_round, wanted, tiles)
    return queue_round


def labelled_or_leased_tiles(campaign: Campaign) -> set[Place]:
    """Tiles whose every slot is taken or done, that are retired, or gold: no round should ask for them again."""
    closed = [Tile.State.ACCEPTED, Tile.State.UNUSABLE]
    done = set(campaign.tiles.filter(part=0, state__in=closed).values_list("row", "col"))
    full = (
        campaign.tickets.filter(state__in=[Ticket.State.LEASED, Ticket.State.DONE])
        .values("tile__row", "tile__col", "part")
        .annotate(slots_used=Count("pk"))
        .filter(slots_used__gte=campaign.redundancy)
        .values_list("tile__row", "tile__col", "part")
    )
    taken = set(full)
    gold = set(campaign.tiles.filter(golds__isnull=False).values_list("row", "col"))
    return done | gold | {(row, col) for row, col, part in taken if part == 0} | _taken_in_quarters(campaign, taken)


def _taken_in_quarters(campaign: Campaign, taken: set[tuple[int, int, int]]) -> set[Place]:
    """Of the tiles that were split, those of which every quarter is taken or closed.

    One that nobody was asked for wants nobody once there is work on the parts that were: the tile is done with them.
    """
    left_out = quarters_left_out(campaign)
    split, wanting, untouched, worked_on = set[Place](), set[Place](), set[Place](), set[Place]()
    quarters = campaign.tiles.filter(whole__isnull=False).values_list("pk", "row", "col", "part", "state")
    for number, row, col, part, state in quarters:
        split.add((row, col))
        if state == Tile.State.ACCEPTED or (row, col, part) in taken:
            worked_on.add((row, col))
        elif state != Tile.State.UNUSABLE:
            (untouched if number in left_out else wanting).add((row, col))
    return split - wanting - (untouched - worked_on)


def _unlabelled_controls(campaign: Campaign) -> list[QueuedTile]:
    """Hold-out tiles that lack labels, in a seeded random order: those labelled so far are a random part of all."""
    lacking = campaign.tiles.filter(part=0, role=Tile.Role.HOLDOUT, state__in=[Tile.State.OPEN, Tile.State.SENT_BACK])
    places = list(lacking.order_by("row", "col").values_list("row", "col"))
    np.random.default_rng([campaign.seed, 2]).shuffle(places)
    probability = campaign.holdout.inclusion_probability
    return [
        QueuedTile(row=int(row), col=int(col), kind=Ticket.Kind.CONTROL, probability=probability) for row, col in places
    ]


def _weave_controls(pool: Sequence[QueuedTile], controls: Sequence[QueuedTile], share: float) -> list[QueuedTile]:
    """Every 1/share-th ticket is a control tile, until there are no more; without pool tiles, control tiles alone."""
    if not pool:
        return list(controls)
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


def _write_tickets(queue_round: QueueRound, wanted: Sequence[QueuedTile], tiles: Mapping[Place, Tile]) -> None:
    campaign = queue_round.campaign
    quarters = quarters_of(tiles.values())
    given_out = {place: quarters.get(tile.pk, [tile]) for place, tile in tiles.items()}
    taken: dict[int, set[int]] = {}
    held = Ticket.objects.filter(campaign=campaign, tile__in=[one.pk for some in given_out.values() for one in some])
    for tile_id, slot in held.exclude(state=Ticket.State.VOID).values_list("tile_id", "slot"):
        taken.setdefault(tile_id, set()).add(slot)
    ordered = []
    for position, item in enumerate(wanted):
        for tile in given_out[(item.row, item.col)]:
            regions = _regions_of(item, tile, campaign)
            if regions is None or (tile.part and tile.state in (Tile.State.ACCEPTED, Tile.State.UNUSABLE)):
                continue
            free = [slot for slot in range(campaign.redundancy) if slot not in taken.get(tile.pk, set())]
            ordered += [
                (position + nth * SLOT_SPACING, nth, position, slot, tile, item, regions)
                for nth, slot in enumerate(free)
            ]
    ordered.sort(key=lambda entry: entry[:3])
    # The quarters of a tile share a rank.
    by_rank = enumerate(list(entries) for _place, entries in groupby(ordered, key=lambda entry: entry[:3]))
    Ticket.objects.bulk_create(
        [
            Ticket(
                campaign=campaign,
                round=queue_round,
                rank=rank,
                tile=tile,
                part=tile.part,
                slot=slot,
                slots=campaign.redundancy,
                kind=item.kind,
                score=item.score,
                probability=item.probability,
                regions=regions,
            )
            for rank, entries in by_rank
            for (*_place, slot, tile, item, regions) in entries
        ],
        batch_size=2000,
    )


def _regions_of(item: QueuedTile, tile: Tile, campaign: Campaign) -> list[list[int]] | None:
    """The windows that a tile or a quarter is asked for, none = all of it; None for a quarter in which none lies.

    Which parts of a blind tile are wanted would be a model's opinion of them.
    """
    blind = is_blind(seed=campaign.seed, row=tile.row, col=tile.col, share=campaign.blind_share)
    if blind or not item.regions:
        return []
    if not tile.part:
        return [list(window) for window in item.regions]
    within = windows_in_quarter(item.regions, part=tile.part, tile_px=campaign.tile_px)
    return [list(window) for window in within] or None


def _scored(item: QueuedTile, scores: NDArray[np.float32] | None) -> QueuedTile:
    return item if scores is None else replace(item, score=float(scores[item.row, item.col]))


def _score_tiles(
    campaign: Campaign,
    wanted: Sequence[QueuedTile],
    tiles: Mapping[Place, Tile],
    scores: NDArray[np.float32] | None,
) -> None:
    """What the map shows of the tiles that are wanted; where every tile has a score, of all that have a row."""
    found = {tiles[(item.row, item.col)].pk: item.score for item in wanted if item.score is not None}
    if scores is not None:
        pool = campaign.tiles.filter(part=0, role=Tile.Role.POOL).values_list("pk", "row", "col")
        rows = np.array(list(pool), np.int64).reshape(-1, 3)
        rows = rows[np.isfinite(scores[rows[:, 1], rows[:, 2]])]
        found = dict(zip(rows[:, 0].tolist(), scores[rows[:, 1], rows[:, 2]].tolist(), strict=True))
    with connection.cursor() as cursor:
        cursor.execute(SCORE, {"tiles": list(found), "scores": list(found.values())})


def lock_campaign(campaign: Campaign) -> None:
    """Opening rounds and picking tiles exclude each other; foreign keys to the campaign go on."""
    Campaign.objects.select_for_update(no_key=True).only("pk").get(pk=campaign.pk)
