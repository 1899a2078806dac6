"""Patches as they are shown: which ground, which class it was and should have been, and on whose word."""

from __future__ import annotations

import json
from typing import Any

from django.db.models import QuerySet

from annotation.models import Campaign, ChangeAnswer, ChangeCell, Contributor, Patch
from annotation.services.class_lineage import lineage_of

MOST_SHOWN = 2_000


def patches_of(campaign: Campaign) -> QuerySet[Patch]:
    """Patches that came of a campaign's questions, newest first, withdrawn ones too, with `released_in`."""
    found = Patch.objects.filter(cell__round__campaign=campaign).with_releases()
    related = ("layer", "cell__tile", "cell__round", "review__reviewer__contributor")
    return found.select_related(*related).order_by("-pk")


def answers_behind(patches: list[Patch]) -> dict[int, list[ChangeAnswer]]:
    """By patch, the answers that say what it says, as they count now."""
    answers = (
        ChangeAnswer.objects.counting()
        .filter(cell__in=[patch.cell_id for patch in patches], verdict="first_wrong")
        .select_related("annotator")
        .order_by("pk")
    )
    # A patch may be of another day than an answer, and so of its classes.
    cells = dict(
        ChangeCell.objects.filter(pk__in=[patch.cell_id for patch in patches]).values_list("pk", "round__campaign")
    )
    lineages = {pk: lineage_of(campaign) for pk, campaign in Campaign.objects.in_bulk(set(cells.values())).items()}
    at_cell = {cell: lineages[campaign] for cell, campaign in cells.items()}
    said: dict[tuple[int, str], list[ChangeAnswer]] = {}
    for answer in answers:
        said.setdefault((answer.cell_id, at_cell[answer.cell_id].now(answer.first_code)), []).append(answer)
    return {patch.pk: said.get((patch.cell_id, at_cell[patch.cell_id].now(patch.right_code)), []) for patch in patches}


def authors_of(patches: list[Patch]) -> dict[int, list[str]]:
    """By patch, the random ids of the people whose answers say what it says."""
    behind = answers_behind(patches)
    people = {answer.annotator_id for answers in behind.values() for answer in answers}
    ids = dict(Contributor.objects.filter(user__in=people).values_list("user_id", "public_id"))
    return {pk: [ids[answer.annotator_id] for answer in answers] for pk, answers in behind.items()}


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
                    "released_in": patch.released_in,
                },
            }
            for patch in patches
        ],
    }


def reviewer_of(patch: Patch) -> str | None:
    """The random id of the maintainer who said so, if one did."""
    return None if patch.review is None else patch.review.reviewer.contributor.public_id
