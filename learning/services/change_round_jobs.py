"""Opening a round of questions about change from the browser: what it would hold is looked at first (docs/adr/0062)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction

from annotation.core.change import FoundCell, most_telling
from annotation.errors import NothingToAsk
from annotation.models import Campaign, ChangeRound, Job, VintagePair
from annotation.services.change_rounds import OpenedRound, cells_of_labels, open_change_round
from annotation.services.jobs import enqueue_job
from annotation.services.validation_queue import require_open
from learning.services.map_pairs import cells_of_published_maps, maps_of_pair

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KIND = "change_round"
M2_PER_HA = 10_000


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """A round as somebody asks for it.

    Args:
        source: "maps" or "labels". places: at most, without those of control tiles; None: all that differ.
        control_share: of the tiles, from 0 to below 1. least_px: smallest ground asked about, in pixels.
    """

    pair: int
    source: str
    places: int | None
    control_share: float
    least_px: int
    seed: int


def start_change_round(*, campaign: Campaign, plan: RoundPlan, opens: bool, actor: User) -> Job:
    """Queue the comparison of two dates: to see what a round would hold, or to open it.

    Raises: CampaignClosed, NoPrediction, JobAlreadyRunning.
    """
    require_open(campaign)
    if plan.source == ChangeRound.Source.MAPS:
        maps_of_pair(campaign=campaign, pair=VintagePair.objects.get(pk=plan.pair))
    payload = {"campaign": campaign.pk, "opens": opens, "by": actor.pk, "plan": asdict(plan)}
    return enqueue_job(kind=KIND, payload=payload, owner=actor, campaign=campaign, key=campaign.slug)


def make_round(*, campaign: Campaign, plan: RoundPlan, opens: bool, actor: User | None) -> dict[str, Any]:
    """Compare the two dates, and say what the round holds: {"round", "tiles", "control_tiles", "cells", "left_out",
    "area_ha", "answers", "kinds"}; `kinds` are the changes of class, the most ground first. Nothing is kept unless it
    opens; {"round": None} with nothing else where nothing differs.

    Raises: CampaignClosed, NoPrediction, PairDoesNotFit; NothingToAsk, where it was to open.
    """
    cells = list(_cells(campaign, plan))
    with transaction.atomic():
        try:
            opened = open_change_round(
                campaign=campaign, pair=VintagePair.objects.get(pk=plan.pair), cells=cells, source=plan.source,
                control_share=plan.control_share, seed=plan.seed, actor=actor, **_map_names(campaign, plan),
            )  # fmt: skip
        except NothingToAsk:
            if opens:
                raise
            transaction.set_rollback(True)
            return {"round": None}
        found = _told(opened)
        # What a round would hold is told by opening it: whichever rule leaves ground out has been asked.
        transaction.set_rollback(not opens)
    return found


def _cells(campaign: Campaign, plan: RoundPlan) -> Iterator[FoundCell]:
    pair = VintagePair.objects.select_related("first", "second").get(pk=plan.pair)
    find = cells_of_published_maps if plan.source == ChangeRound.Source.MAPS else cells_of_labels
    cells = find(campaign=campaign, pair=pair, control_share=plan.control_share, seed=plan.seed, least_px=plan.least_px)
    yield from most_telling(cells, most=plan.places, control_share=plan.control_share, seed=plan.seed)


def _map_names(campaign: Campaign, plan: RoundPlan) -> dict[str, str]:
    if plan.source != ChangeRound.Source.MAPS:
        return {}
    maps = maps_of_pair(campaign=campaign, pair=VintagePair.objects.get(pk=plan.pair))
    return {"first_map": maps.first.model.version, "second_map": maps.second.model.version}


def _told(opened: OpenedRound) -> dict[str, Any]:
    tickets, cells = opened.round.tickets, list(opened.round.cells.all())
    kinds: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for cell in cells:
        if not cell.is_control:
            kinds[cell.first_code, cell.second_code].append(cell.area_m2)
    return {
        "round": opened.round.number,
        "tiles": tickets.values("tile").distinct().count(),
        "control_tiles": tickets.filter(is_control=True).values("tile").distinct().count(),
        "answers": tickets.count(),
        "cells": opened.cells,
        "left_out": opened.left_out,
        "area_ha": sum(sum(areas) for areas in kinds.values()) / M2_PER_HA,
        "kinds": [
            {"first": first, "second": second, "cells": len(areas), "area_ha": sum(areas) / M2_PER_HA}
            for (first, second), areas in sorted(kinds.items(), key=lambda one: (-sum(one[1]), one[0]))
        ],
    }
