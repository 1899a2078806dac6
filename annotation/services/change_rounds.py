"""Opening a round of questions about change: which ground is asked about, and in which order (docs/adr/0051)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now

from annotation.core.change import FoundCell, area_px, compared_labels, drawn_controls, in_order
from annotation.errors import NothingToAsk, PairDoesNotFit
from annotation.models import Campaign, ChangeCell, ChangeRound, ChangeTicket, Tile, VintagePair
from annotation.services.rounds import lock_campaign
from annotation.services.tiles import Place, is_blind_tile, materialise_tiles
from annotation.services.validation_queue import require_open
from annotation.services.vintages import accepted_labels, earlier_labels

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LEAST_CELL_PX = 100  # 4 m² at 0.20 m: below it, what differs is how two people drew one edge
MOST_CELLS_A_TILE = 40  # more than one sitting; the largest are asked about
DIFFERS, NOT_SAID = 1.0, 0.5  # scores of ground that two dates label differently, and that only the first labels


@dataclass(frozen=True, slots=True)
class OpenedRound:
    """A round, and how much of what was found is not asked about."""

    round: ChangeRound
    cells: int
    left_out: int


@transaction.atomic
def open_change_round(
    *,
    campaign: Campaign,
    pair: VintagePair,
    cells: Iterable[FoundCell],
    source: str = ChangeRound.Source.MAPS,
    first_map: str = "",
    second_map: str = "",
    control_share: float | None = None,
    seed: int = 0,
    actor: User | None = None,
) -> OpenedRound:
    """Close the campaign's round of questions and open the next one with these cells.

    Tiles go by their highest score, with control tiles in between at `control_share` (default: the campaign's random
    share); a tile that k people are to answer has k tickets, one after the other. Left out: cells on control, blind,
    gold and split tiles, which people must not be shown labels of, and on tiles without usable imagery. Open tickets
    of the earlier round are void; what was answered stays.

    Args:
        cells: on the campaign's tiles, at most one sitting a tile; controls among them with their probability.
        first_map, second_map: versions of the models whose maps were compared.
    Raises: CampaignClosed; PairDoesNotFit: the campaign is not over the later layer; NothingToAsk.
    """
    require_open(campaign)
    if campaign.layer_id != pair.second_id:
        raise PairDoesNotFit(
            f"Campaign {campaign.slug!r} is over {campaign.layer.slug!r}, the later layer of this pair is "
            f"{pair.second.slug!r}: ask in a campaign over that one."
        )
    share = campaign.random_share if control_share is None else control_share
    lock_campaign(campaign)
    by_place: dict[Place, list[FoundCell]] = {}
    for cell in cells:
        by_place.setdefault((cell.row, cell.col), []).append(cell)
    tiles = _askable(campaign, by_place)
    asked = {place: _of_one_sitting(by_place[place]) for place in by_place if place in tiles}
    if not asked:
        raise NothingToAsk(
            "No ground to ask about: nothing differs on tiles where questions may be asked. Compare other maps, or "
            "label more tiles of the earlier date."
        )
    opened = _new_round(
        campaign,
        pair=pair,
        source=ChangeRound.Source(source),
        first_map=first_map,
        second_map=second_map,
        control_share=share,
        seed=seed,
        opened_by=actor,
    )
    _write_cells(opened, asked, tiles)
    _write_tickets(opened, asked, tiles)
    n_cells = sum(map(len, asked.values()))
    return OpenedRound(round=opened, cells=n_cells, left_out=sum(map(len, by_place.values())) - n_cells)


def _askable(campaign: Campaign, places: Iterable[Place]) -> dict[Place, Tile]:
    """Tiles on which labels may be shown to whoever answers."""
    made = materialise_tiles(campaign=campaign, places=places)
    usable = set(
        Tile.objects.filter(pk__in=[tile.pk for tile in made.values()], role=Tile.Role.POOL)
        .filter(golds__isnull=True, quarters__isnull=True)
        .exclude(state=Tile.State.UNUSABLE)
        .values_list("pk", flat=True)
    )
    found = {}
    for place, tile in made.items():
        tile.campaign = campaign
        if tile.pk in usable and not is_blind_tile(tile):
            found[place] = tile
    return found


def _of_one_sitting(cells: list[FoundCell]) -> list[FoundCell]:
    return sorted(cells, key=lambda cell: (-cell.score, cell.rings))[:MOST_CELLS_A_TILE]


def _new_round(campaign: Campaign, **values: object) -> ChangeRound:
    earlier = ChangeRound.objects.filter(campaign=campaign)
    ChangeTicket.objects.filter(round__in=earlier, state=ChangeTicket.State.OPEN).update(state=ChangeTicket.State.VOID)
    earlier.filter(closed_at__isnull=True).update(closed_at=Now())
    number = (earlier.aggregate(last=Max("number"))["last"] or 0) + 1
    return ChangeRound.objects.create(campaign=campaign, number=number, **values)  # type: ignore[misc]


def _write_cells(opened: ChangeRound, asked: dict[Place, list[FoundCell]], tiles: dict[Place, Tile]) -> None:
    unit_m2 = opened.campaign.layer.gsd_m**2
    rows = [
        ChangeCell(
            round=opened,
            tile=tiles[place],
            rings=[[[x, y] for x, y in ring] for ring in cell.rings],
            area_m2=area_px(cell.rings) * unit_m2,
            first_code=cell.first_code,
            second_code=cell.second_code,
            score=cell.score,
            doubt=cell.doubt,
            is_control=cell.is_control,
            probability=cell.probability,
        )
        for place, found in asked.items()
        for cell in found
    ]
    ChangeCell.objects.bulk_create(rows, batch_size=2000)


def _write_tickets(opened: ChangeRound, asked: dict[Place, list[FoundCell]], tiles: dict[Place, Tile]) -> None:
    controls = {place for place, found in asked.items() if all(cell.is_control for cell in found)}
    scored = [(place, found[0].score) for place, found in asked.items() if place not in controls]
    rng = np.random.default_rng(opened.seed)
    order = in_order(scored, sorted(controls), control_share=opened.control_share, rng=rng)
    slots = opened.campaign.redundancy
    rows = [
        ChangeTicket(
            round=opened,
            tile=tiles[place],
            slot=slot,
            rank=position * slots + slot,
            score=asked[place][0].score,
            is_control=place in controls,
            probability=min(cell.probability for cell in asked[place]) if place in controls else 1.0,
        )
        for position, place in enumerate(order)
        for slot in range(slots)
    ]
    ChangeTicket.objects.bulk_create(rows, batch_size=2000)


# --- cells from labels --------------------------------------------------------------------------------------


def cells_of_labels(
    *, campaign: Campaign, pair: VintagePair, control_share: float, seed: int, least_px: int = LEAST_CELL_PX
) -> Iterator[FoundCell]:
    """Ground that people labelled at the earlier date, where the labels of the later date differ or are missing.

    Labels that both dates share are the frame from which control tiles are drawn, with the probability that each had.
    """
    agreeing: list[tuple[Place, list[FoundCell]]] = []
    differing = 0
    places = Tile.objects.filter(campaign=campaign, part=0, role=Tile.Role.POOL).select_related("campaign__layer")
    for tile in places.order_by("row", "col").iterator(500):
        found = list(_cells_on(tile, pair, least_px=least_px))
        asked = [cell for cell in found if cell.first_code != cell.second_code]
        differing += bool(asked)
        if asked:
            yield from asked
        elif found:
            agreeing.append(((tile.row, tile.col), found))
    rng = np.random.default_rng(seed)
    drawn, probability = drawn_controls(range(len(agreeing)), scored=differing, control_share=control_share, rng=rng)
    for number in drawn:
        for cell in agreeing[number][1]:
            yield FoundCell(
                cell.row, cell.col, cell.rings, cell.first_code, cell.second_code, 0.0, None, True, probability
            )


def _cells_on(tile: Tile, pair: VintagePair, *, least_px: int) -> Iterator[FoundCell]:
    if is_blind_tile(tile):
        return
    for said_first, said_second, rings, _area in compared_labels(
        earlier_labels(tile, pair), accepted_labels(tile), least_px=least_px
    ):
        score = 0.0 if said_first == said_second else DIFFERS if said_second else NOT_SAID
        yield FoundCell(tile.row, tile.col, rings, said_first, said_second, score)
