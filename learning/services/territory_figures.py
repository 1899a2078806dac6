"""What is known of a territory, put together once and kept: its pages, its tables and the API all read the same.

Counting takes seconds to minutes (every tile of a campaign, every place of a sample), and a page must not. A job puts a
document a campaign together and keeps it; the document names everything by code, and holds no word of a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from django.contrib.gis.geos import GEOSGeometry, Polygon
from django.db.models import Q, QuerySet
from django.utils import timezone
from pyproj import Geod

from annotation.errors import JobAlreadyRunning
from annotation.models import Campaign, ImageryLayer, Job, Territory, VintagePair
from annotation.pictures import outline_of
from annotation.services.coverage import Seen, coverage_of
from annotation.services.ground_dates import days_of_layer
from annotation.services.jobs import enqueue_job
from annotation.services.pairs import is_stale, shift_of
from learning.errors import NoPrediction
from learning.models import TerritoryFigures
from learning.services.area_figures import area_figures
from learning.services.artificialisation import artificialisation_figures
from learning.services.change_figures import ChangeFigures, change_figures
from learning.services.evaluations import json_safe
from learning.services.map_differences import differences_of
from learning.services.map_pairs import maps_of_pair
from learning.services.map_requests import shape_of, territories_on
from learning.services.predictions import shown_prediction

KIND = "territory_figures"
M2_PER_HA = 10_000
_EARTH = Geod(ellps="WGS84")

Document = dict[str, Any]


def start_territory_figures(*, campaign: Campaign) -> Job:
    """Queue the figures of every territory that a campaign's imagery covers some of. Raises: JobAlreadyRunning."""
    return enqueue_job(kind=KIND, payload={"campaign": campaign.pk}, campaign=campaign, key=campaign.slug)


def want_territory_figures(*, campaign: Campaign) -> None:
    """Queue them, unless they are being counted already or no territory is known there."""
    if territories_on(campaign.layer).exists():
        with suppress(JobAlreadyRunning):
            start_territory_figures(campaign=campaign)


def campaigns_with_territories() -> list[Campaign]:
    """Campaigns of which some territory holds ground."""
    campaigns = Campaign.objects.select_related("layer").order_by("pk")
    return [campaign for campaign in campaigns if territories_on(campaign.layer).exists()]


def figures_document(*, campaign: Campaign, territory: Territory, seen: Seen) -> Document:
    """What a campaign says of a territory, as JSON holds it; areas in hectares, shares from 0 to 1.

    Args:
        campaign: with its layer and nomenclature loaded.
        seen: tiles of the campaign that people looked at, from `annotation.services.coverage.seen_tiles`.
    """
    prediction = shown_prediction(campaign)
    document = {
        "campaign": {"slug": campaign.slug, "title": campaign.title, "open": campaign.state == Campaign.State.OPEN},
        "nomenclature": {"code": campaign.nomenclature.code, "version": campaign.nomenclature.version},
        "classes": {
            item.code: {"name": item.name, "colour": item.colour}
            for item in campaign.nomenclature.classes.order_by("position")
        },
        "imagery": _imagery(campaign.layer, territory),
        "map": {
            "model": prediction.model.version,
            "made_on": _day(prediction.finished_at),
        } if prediction else None,
        "ground": _ground(campaign.layer, territory),
        "review": _review(campaign, territory, seen),
        "area": json_types(asdict(area_figures(campaign=campaign, territory=territory))),
        "changes": [
            change_told(change_figures(pair=pair, territory=territory)) for pair in _pairs(campaign.layer, territory)
        ],
        "artificialisation": json_types(asdict(artificialisation_figures(campaign=campaign, territory=territory))),
    }  # fmt: skip
    safe: Document = json_safe(document)
    return safe


def keep_figures(*, campaign: Campaign, territory: Territory, document: Document) -> TerritoryFigures:
    """Keep what was counted, in the place of what was counted before."""
    row, _created = TerritoryFigures.objects.update_or_create(
        campaign=campaign, territory=territory, defaults={"document": document, "computed_at": timezone.now()}
    )
    return row


def kept_figures(territory: Territory) -> list[TerritoryFigures]:
    """What is kept of a territory, the newest imagery first, with the shifts of images as they are now. Two questions
    to the database.
    """
    rows = list(TerritoryFigures.objects.filter(territory=territory).select_related("campaign__layer", "territory"))
    _tell_shifts_of_now(rows)
    return sorted(rows, key=lambda row: (-row.campaign.layer.vintage, -row.campaign_id))


def _tell_shifts_of_now(rows: Iterable[TerritoryFigures]) -> None:
    """A layer may have been replaced since the figures were put together: no shift of other pixels is told of."""
    changes = [one for row in rows for one in row.document["changes"] if "pair" in one]
    wanted = {one["pair"] for one in changes}
    pairs = VintagePair.objects.filter(pk__in=wanted).select_related("first", "second").in_bulk() if wanted else {}
    for one in changes:
        pair = pairs.get(one["pair"])
        shift = shift_of(pair) if pair else None
        one["shift"] = asdict(shift) if shift else None
        one["shift_is_stale"] = pair is not None and is_stale(pair)


def area_ha(boundary: GEOSGeometry) -> float:
    """Area of a boundary in longitude and latitude, in ha, on the ellipsoid (WGS 84)."""
    m2, _perimeter = _EARTH.geometry_area_perimeter(shape_of(boundary))
    return abs(float(m2)) / M2_PER_HA


def _ground(layer: ImageryLayer, territory: Territory) -> dict[str, float]:
    """The territory's ground, and how much of it the layer's outline holds."""
    whole = area_ha(territory.boundary)
    ring = list(map(layer.pixel_grid.to_lonlat, *outline_of(layer)))
    outline = layer.footprint or Polygon([*ring, ring[0]])
    outline.srid = 4326
    covered = territory.boundary.intersection(outline)
    return {"territory_ha": whole, "imagery_ha": min(whole, area_ha(covered)) if not covered.empty else 0.0}


def _imagery(layer: ImageryLayer, territory: Territory) -> dict[str, Any]:
    days = days_of_layer(layer, territory.boundary)
    first, last = (day.isoformat() if day else None for day in days)
    return {
        "layer": layer.slug,
        "title": layer.title,
        "vintage": layer.vintage,
        "gsd_m": layer.gsd_m,
        "attribution": layer.attribution,
        "licence": layer.licence,
        "first_day": first,
        "last_day": last,
    }


def _review(campaign: Campaign, territory: Territory, seen: Seen) -> dict[str, int] | None:
    """Tiles of the territory with imagery, and what people did on them; None: the middle of no tile lies in it."""
    found = coverage_of(campaign, [territory], seen)
    if not found:
        return None
    counts = found[0]
    return {
        "tiles": counts.tiles,
        "labelled": counts.labelled,
        "judged": counts.judged,
        "seen": counts.seen,
        "in_part": counts.in_part,
        "never": counts.unseen,
        "reported": counts.reported,
    }


def _pairs(layer: ImageryLayer, territory: Territory) -> QuerySet[VintagePair]:
    """Pairs of which a layer is the later, where the earlier one covers some of the territory as well."""
    ground = territory.boundary
    return (
        VintagePair.objects.filter(
            Q(first__footprint__intersects=ground) | Q(first__footprint__isnull=True), second=layer
        )
        .select_related("first", "second")
        .order_by("-first__vintage")
    )


def change_told(figures: ChangeFigures) -> dict[str, Any]:
    """Change since an earlier vintage, in types of JSON."""
    return {
        "pair": figures.pair.pk,
        "first": _dated(figures.pair.first),
        "second": _dated(figures.pair.second),
        "status": figures.status,
        "reason": figures.reason,
        "period": json_types(asdict(figures.period)) if figures.period else None,
        "found": json_types(asdict(figures.found)) if figures.found else None,
        "sample": figures.sample.pk if figures.sample else None,
        "shift": asdict(shift) if (shift := shift_of(figures.pair)) else None,
        "differences": _differences(figures.pair),
        "patches": figures.patches,
        "patches_ha": figures.patches_ha,
        "never_reviewed": figures.never_reviewed,
    }


def _differences(pair: VintagePair) -> list[dict[str, str]]:
    """What else than the ground may make the two maps differ; nothing where one of them is missing."""
    later = Campaign.objects.filter(layer=pair.second_id).order_by("-pk").first()
    try:
        maps = maps_of_pair(campaign=later, pair=pair) if later else None
    except NoPrediction:
        maps = None
    return [asdict(one) for one in differences_of(maps.first, maps.second)] if maps else []


def _dated(layer: ImageryLayer) -> dict[str, Any]:
    return {"layer": layer.slug, "title": layer.title, "vintage": layer.vintage}


def json_types(value: Mapping[str, Any]) -> dict[str, Any]:
    """The same with moments and days as text."""

    def plain(item: Any) -> Any:
        if isinstance(item, Mapping):
            return {name: plain(inner) for name, inner in item.items()}
        if isinstance(item, list | tuple):
            return [plain(inner) for inner in item]
        return item.isoformat() if isinstance(item, date | datetime) else item

    return {name: plain(item) for name, item in value.items()}


def _day(moment: datetime | None) -> str | None:
    return moment.date().isoformat() if moment else None
