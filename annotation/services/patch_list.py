"""Patches as they are shown: which ground, which class it was and should have been, and on whose word."""

from __future__ import annotations

import json
from typing import Any

from django.db.models import QuerySet

from annotation.models import Campaign, ChangeAnswer, Patch
from annotation.services.class_lineage import Lineage, lineage_of

MOST_SHOWN = 2_000


def patches_of(campaign: Campaign) -> QuerySet[Patch]:
    """Patches that came of a campaign's questions, newest first, those that were withdrawn included."""
    found = Patch.objects.filter(cell__round__campaign=campaign)
    return found.select_related(
        "layer", "cell__tile", "cell__round__campaign", "review__reviewer__contributor"
    ).order_by("-pk")


def authors_of(patches: list[Patch]) -> dict[int, list[str]]:
    """By patch, the random ids of the people whose answers say what it says."""
    answers = (
        ChangeAnswer.objects.counting()
        .filter(cell__in=[patch.cell_id for patch in patches], verdict="first_wrong")
        .order_by("pk")
        .values_list("cell_id", "first_code", "annotator__contributor__public_id")
    )
    lineages: dict[
        int, Lineage
    ] = {}  # by campaign: a patch may be of another day than an answer, and so of its classes
    lineage_at: dict[int, Lineage] = {}
    for patch in patches:
        campaign = patch.cell.round.campaign
        if campaign.pk not in lineages:
            lineages[campaign.pk] = lineage_of(campaign)
        lineage_at[patch.cell_id] = lineages[campaign.pk]
    said: dict[tuple[int, str], list[str]] = {}
    for cell, code, who in answers:
        said.setdefault((cell, lineage_at[cell].now(code)), []).append(who)
    return {
        patch.pk: said.get((patch.cell_id, lineage_at[patch.cell_id].now(patch.right_code)), []) for patch in patches
    }


def patches_as_geojson(campaign: Campaign) -> dict[str, Any]:
    """A FeatureCollection (longitude, latitude) of the newest patches, with who said so and which still hold."""
    patches = list(patches_of(campaign)[:MOST_SHOWN])
    authors = authors_of(patches)
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": patch.pk,
                "geometry": json.loads(patch.footprint.geojson),
                "properties": {
                    "layer": patch.layer.slug,
                    "vintage": patch.layer.vintage,
                    "cell": patch.cell_id,
                    "wrong_code": patch.wrong_code,
                    "right_code": patch.right_code,
                    "area_m2": patch.area_m2,
                    "people": authors[patch.pk],
                    "reviewed_by": reviewer_of(patch),
                    "made_at": patch.made_at.isoformat(),
                    "withdrawn_at": None if patch.withdrawn_at is None else patch.withdrawn_at.isoformat(),
                    "licence": patch.licence,
                },
            }
            for patch in patches
        ],
    }


def reviewer_of(patch: Patch) -> str | None:
    """The random id of the maintainer who said so, if one did."""
    return None if patch.review is None else patch.review.reviewer.contributor.public_id
