"""What is known of a pair of vintages, as its page and the API give it: shift, days, differences, disagreement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse

from annotation.models import Campaign, ChangeRound, ImageryLayer, Job, Patch, VintagePair
from annotation.services.ground_dates import days_of_layer
from annotation.services.jobs import last_failure
from annotation.services.pairs import KIND as MEASURE_KIND
from annotation.services.pairs import is_stale, measuring_of, shift_of
from learning.difference_words import differences_told
from learning.errors import NoPrediction
from learning.map_layers import change, disagreement_layer, imagery, maps_of
from learning.models import MapComparison, ReferenceSample
from learning.polygon_views import offered_polygon_tiles
from learning.services.map_comparison import KIND as COMPARE_KIND
from learning.services.map_comparison import comparing_of, current_comparison
from learning.services.map_differences import nodata_share
from learning.services.map_pairs import MapsOfPair, published_maps
from learning.services.predictions import shown_files

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

M2_PER_HA = 10_000


def maps_or_none(pair: VintagePair) -> MapsOfPair | None:
    """The published maps of both layers; None where one has none."""
    try:
        return published_maps(pair)
    except NoPrediction:
        return None


def pair_document(pair: VintagePair) -> dict[str, Any]:
    """All that is known of a pair; metres, hectares, shares from 0 to 1. Numbers of other pixels are left out."""
    maps = maps_or_none(pair)
    return {
        "id": pair.pk,
        "first": layer_told(pair.first),
        "second": layer_told(pair.second),
        "shift": shift_told(pair),
        "differences": differences_told(maps.first, maps.second) if maps else [],
        "disagreement": disagreement_told(pair, maps),
        "page": reverse("pair", args=[pair.pk]),
    }


def layer_told(layer: ImageryLayer) -> dict[str, Any]:
    """One of the two layers, with the days on which it was photographed; null: nothing says them."""
    first, last = days_of_layer(layer)
    return {
        "layer": layer.slug, "title": layer.title, "vintage": layer.vintage, "gsd_m": layer.gsd_m,
        "attribution": layer.attribution, "first_day": first, "last_day": last, "nodata": nodata_share(layer),
    }  # fmt: skip


def shift_state(pair: VintagePair) -> str:
    """What is known of a pair's shift: "measured", "nothing" (no window had enough in common), "stale" (a layer was
    replaced since), or "never"."""
    if pair.measured_at is None:
        return "never"
    return "stale" if is_stale(pair) else "nothing" if shift_of(pair) is None else "measured"


def shift_told(pair: VintagePair) -> dict[str, Any]:
    """How far the second layer lies from the first, and of which windows that is known."""
    shift = shift_of(pair)
    told: dict[str, Any] = {
        "state": shift_state(pair), "limit_m": max(pair.first.gsd_m, pair.second.gsd_m),
        "looked_at": pair.windows_looked_at, "measured_at": pair.measured_at,
        "east_m": None, "south_m": None, "distance_m": None, "spread_m": None, "is_large": None, "windows": 0,
        "places": [],
    }  # fmt: skip
    if shift is None:
        return told
    places = [{"x": x, "y": y, "east_m": east, "south_m": south} for x, y, east, south in pair.windows]
    return told | {
        "east_m": shift.east_m, "south_m": shift.south_m, "distance_m": shift.distance_m, "spread_m": shift.spread_m,
        "is_large": shift.is_large, "windows": shift.windows, "places": places,
    }  # fmt: skip


def _not_counted(maps: MapsOfPair | None) -> str:
    """Why there is no count: "no_maps" (not both vintages have a published one), "no_public_copy", "not_counted"."""
    if maps is None:
        return "no_maps"
    is_public = all(shown_files(one) is not None for one in (maps.first, maps.second))
    return "not_counted" if is_public else "no_public_copy"


def disagreement_told(pair: VintagePair, maps: MapsOfPair | None) -> dict[str, Any]:
    """Ground on which the two maps name another class: a count of pixels, never an estimate of change."""
    found = current_comparison(pair) if maps else None
    if found is None:
        return {"state": _not_counted(maps), "compared_ha": None, "differing_ha": None,
                "doubted_ha": None, "classes": [], "made_at": None, "file": None}  # fmt: skip
    ha = found.pixel_m2 / M2_PER_HA
    rows = [
        {"first_code": first, "second_code": second, "px": px, "ha": px * ha}
        for first, line in zip(found.codes, found.class_px, strict=True)
        for second, px in zip(found.codes, line, strict=True)
        if px and first != second
    ]
    return {
        "state": "counted",
        "compared_ha": ha * sum(map(sum, found.class_px)),
        "differing_ha": ha * sum(row["px"] for row in rows),
        "doubted_ha": ha * found.doubted_px,
        "classes": sorted(rows, key=lambda row: (-row["px"], row["first_code"], row["second_code"])),
        "made_at": found.made_at,
        "file": reverse("pair-disagreement", args=[pair.pk]),
    }


def layers_of_pair(pair: VintagePair, maps: MapsOfPair | None) -> dict[str, Any]:
    """What the map of a pair can show, as `map_layers` gives it of a campaign: the later imagery first."""
    made = [maps.second, maps.first] if maps else []
    return {
        "imagery": [imagery(pair.second), imagery(pair.first)],
        "maps": [one for prediction in made for one in maps_of(prediction)],
        "change": change(*made) if maps else None,
        "disagreement": disagreement_layer(*made) if maps else None,
        "polygons": offered_polygon_tiles(maps.second) if maps else None,
        "labels": None,
    }


def links_of(pair: VintagePair, user: User | AnonymousUser) -> dict[str, Any]:
    """What hangs on a pair: campaigns over the later layer, with what this person may do there; rounds of questions,
    samples and patches counted."""
    campaigns = Campaign.objects.filter(layer=pair.second_id).order_by("-pk")
    reviewed = set(campaigns.reviewed_by(user).values_list("pk", flat=True))
    open_rounds = ChangeRound.objects.filter(closed_at=None, campaign__layer=pair.second_id, campaign__state="open")
    asking = set(open_rounds.values_list("campaign_id", flat=True))
    return {
        "campaigns": [
            {"campaign": one, "is_reviewed": one.pk in reviewed, "is_asking": one.pk in asking} for one in campaigns
        ],
        "rounds": pair.change_rounds.count(),
        "samples": ReferenceSample.objects.filter(pair=pair).count(),
        "patches": Patch.objects.standing().filter(cell__round__pair=pair).count(),
    }


def failures_of(pair: VintagePair) -> dict[str, str]:
    """Why the newest job failed, by what it was to do; "" where it did not."""
    kinds = {"measure": MEASURE_KIND, "compare": COMPARE_KIND}
    return {what: last_failure(Job.objects.filter(kind=kind, key=str(pair.pk))) for what, kind in kinds.items()}


def jobs_of(pair: VintagePair) -> dict[str, Any]:
    """Jobs under way, by what they do."""
    return {"measure": measuring_of(pair), "compare": comparing_of(pair)}


def comparison_file(pair: VintagePair) -> MapComparison | None:
    """The comparison whose file may be taken away: of the maps that people see now."""
    return current_comparison(pair)
