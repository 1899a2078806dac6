"""From rows of change to the API's bodies; no decision is taken here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.gis.geos import Polygon

from annotation.api.presenters import tile_body
from annotation.models import ChangeAnswer, ChangeCell, ChangeRound, ChangeTicket, ImageryLayer, Tile
from annotation.services.change_answers import cells_for
from annotation.services.change_outcomes import round_counts
from annotation.services.change_words import cells_of_today
from annotation.services.class_lineage import lineage_of
from annotation.services.ground_dates import ground_acquired_on
from annotation.services.pairs import shift_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def round_body(opened: ChangeRound) -> dict[str, Any]:
    """The open round with its layers."""
    pair = opened.pair
    return {
        "number": opened.number,
        "source": opened.source,
        "first_map": opened.first_map,
        "second_map": opened.second_map,
        "control_share": opened.control_share,
        "opened_at": opened.opened_at,
        "pair": {"id": pair.pk, "first": pair.first, "second": pair.second, "shift": shift_of(pair)},
        "counts": round_counts(opened),
    }


def task_body(ticket: ChangeTicket, annotator: User) -> dict[str, Any]:
    """A tile that a person holds, with the cells that are asked of them."""
    tile = ticket.tile
    return {
        "ticket": ticket.pk,
        "held_until": ticket.held_until,
        "tile": tile_body(tile, tile.campaign),
        "first": first_body(tile, ticket.round.pair.first),
        "why": {
            "is_control": ticket.is_control,
            "probability": ticket.probability,
            "score": ticket.score,
            "rank": ticket.rank,
        },
        "cells": cells_for(ticket, annotator),
    }


def first_body(tile: Tile, layer: ImageryLayer) -> dict[str, Any]:
    """Where a tile lies on the earlier layer: its grid may begin elsewhere and have other pixels."""
    a, _, c, _, e, f = tile.grid.pixels.transform
    first_a, _, first_c, _, first_e, first_f = layer.transform
    window = tile.window
    footprint = Polygon.from_bbox(tile.grid.bounds_wgs84(*tile.place))
    return {
        "origin_px": [
            (c + a * window.col_off - first_c) / first_a,
            (f + e * window.row_off - first_f) / first_e,
        ],
        "scale": a / first_a,
        "acquired_on": ground_acquired_on(layer, footprint),
    }


def review_body(cell: ChangeCell) -> dict[str, Any]:
    """A cell that waits for a maintainer."""
    answers = ChangeAnswer.objects.counting().filter(cell=cell).select_related("annotator__contributor")
    campaign = cell.round.campaign
    lineage = lineage_of(campaign)
    cells_of_today([cell], campaign)
    return {
        "tile": tile_body(cell.tile, cell.tile.campaign),
        "first": first_body(cell.tile, cell.round.pair.first),
        "cell": cell,
        "answers": [
            {
                "who": answer.annotator.contributor.public_id,
                "verdict": answer.verdict,
                "first_code": lineage.now(answer.first_code),
                "second_code": lineage.now(answer.second_code),
            }
            for answer in answers.order_by("pk")
        ],
    }
