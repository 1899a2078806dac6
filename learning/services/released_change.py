"""What a release says of change since earlier vintages: figures of closed samples, and their places (docs/adr/0059)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.gis.db.models import Extent
from django.contrib.gis.geos import Polygon

from annotation.models import Campaign, Territory, VintagePair
from learning.models import ReferenceSample
from learning.release.ground import ChangePlace, ChangeStatistics
from learning.services.change_figures import FEWEST_PLACES, ChangeFigures, change_figures, counted_now
from learning.services.evaluations import json_safe
from learning.services.samples import Codes, Resolved, agreement, resolve
from learning.services.statistics_export import may_be_carried
from learning.services.territory_figures import change_told

#: Of figures within a territory, what is the same in all of them and told once.
_TOLD_ONCE = ("first", "second", "sample", "shift", "differences")
FORMULAS: Mapping[str, str] = {
    "source": "Olofsson et al. 2014, doi 10.1016/j.rse.2014.02.015; strata need not be the classes that are told: "
    "Stehman 2014, doi 10.1080/01431161.2014.930207",
    "area": "A = A_total * sum_h W_h * n_h(shows) / n_h, with what a place shows from its two codes alone",
    "p": "p_hk = W_h * n_hk / n_h",
    "gain": "a place shows gain where counted[first] is false and counted[second] is true; loss the other way round. "
    "Where counted is null either may be: the lower figure holds what is certain, the upper what is possible. The same "
    "class at both dates is neither",
    "net": "gain less loss, their covariance within each stratum taken into account",
    "interval": "Jeffreys' 95 % limits of each stratum's share (Brown, Cai, DasGupta 2001, doi 10.1214/ss/1009213286), "
    "put together by the method of variance estimates recovery (Zou, Donner 2008, doi 10.1002/sim.3095)",
    "per_year": "divided by the years of the period",
    "territory": "places outside of it stay in the sample, as places that show no change there",
}


def released_change(campaign: Campaign, *, licence: str) -> tuple[ChangeStatistics, ...]:
    """Change since each earlier layer that the campaign drew a sample for, the latest first; without places where it
    is not assessed, or where an answer was not given under a licence that a release under `licence` may carry.
    """
    samples = ReferenceSample.objects.filter(campaign=campaign, kind=ReferenceSample.Kind.CHANGE)
    pairs = VintagePair.objects.filter(pk__in=samples.values("pair")).select_related("first", "second")
    ordered = pairs.order_by("-first__vintage", "first__slug")
    return tuple(_since(change_figures(pair=pair, campaign=campaign), campaign, licence) for pair in ordered)


def _since(found: ChangeFigures, campaign: Campaign, licence: str) -> ChangeStatistics:
    first, sample = found.pair.first.slug, found.sample
    told = json_safe(change_told(found))
    if found.status == "assessed" and sample is not None and may_be_carried(sample.pk, licence):
        places = resolve(sample)
        counts = _counts(sample, places)
        document = {
            **told,
            "confidence": 0.95,
            "unit": "ha",
            **counts,
            "counted": counted_now(sample, sorted({code for pair in counts["codes"] for code in pair})),
            "counted_as_drawn": sample.counted,
            "formulas": dict(FORMULAS),
            "sample": _how_drawn(sample, places),
            "territories": _territories(found.pair, sample),
        }
        return ChangeStatistics(
            first=first, figures=json_safe(document), places=tuple(_place(one, sample) for one in places),
            unit_px=sample.unit_px,
        )  # fmt: skip
    reason = found.reason or "licence"
    head = {"first": told["first"], "second": told["second"]}
    return ChangeStatistics(first=first, figures={**head, "status": "not assessed", "reason": reason})


def _counts(sample: ReferenceSample, places: Sequence[Resolved]) -> dict[str, Any]:
    """n_hk and p_hk: strata (rows) by the pairs of classes that people saw (columns), and the strata's weights."""
    seen: Counter[tuple[int, Codes]] = Counter()
    for place in places:
        if place.codes is not None:
            seen[place.unit.stratum, place.codes] += 1
    codes = sorted({pair for _stratum, pair in seen})
    area = [float(stratum["area_m2"]) for stratum in sample.strata]
    total = sum(area)
    n = [[seen[at, pair] for pair in codes] for at in range(len(area))]
    weights = [one / total for one in area]
    return {
        "strata": [stratum["name"] for stratum in sample.strata],
        "codes": [list(pair) for pair in codes],
        "n": n,
        "p": [
            [weight * count / sum(row) if count else 0.0 for count in row]
            for weight, row in zip(weights, n, strict=True)
        ],
        "weights": weights,
        "ground_ha": total / 10_000,
    }  # fmt: skip


def _how_drawn(sample: ReferenceSample, places: Sequence[Resolved]) -> dict[str, Any]:
    """How the places were drawn and answered; the same names as those of a sample of areas."""
    gsd_m, maps = sample.campaign.layer.gsd_m, (sample.first_map, sample.second_map)
    return {
        "id": sample.pk,
        "seed": sample.seed,
        "side_px": sample.unit_px,
        "side_m": sample.unit_px * gsd_m,
        "frame": f"squares of pixels of layer {sample.campaign.layer.slug} with imagery at both dates, by what the two "
        "maps say at the centre",
        "stratified_by": [one.model.version for one in maps if one is not None],
        "strata": sample.strata,
        "outside_m2": sample.outside_m2,
        "answers_a_place": sample.answers_wanted,
        "agreement_alpha": agreement(places),
        "drawn_on": sample.drawn_at.date().isoformat(),
        "closed_on": sample.closed_at.date().isoformat() if sample.closed_at else None,
    }


def _place(place: Resolved, sample: ReferenceSample) -> ChangePlace:
    unit, (first, second) = place.unit, place.codes or ("", "")
    return ChangePlace(
        number=unit.number, stratum=sample.strata[unit.stratum]["name"], row=unit.row, col=unit.col,
        inclusion_probability=unit.inclusion_probability, first_mapped=unit.first_mapped,
        second_mapped=unit.second_mapped, first_seen=first, second_seen=second,
        first_day=unit.first_acquired_on, second_day=unit.second_acquired_on,
    )  # fmt: skip


def _territories(pair: VintagePair, sample: ReferenceSample) -> list[dict[str, Any]]:
    """Figures within each territory that holds enough of the places."""
    west, south, east, north = sample.units.aggregate(around=Extent("location"))["around"]
    near = Territory.objects.filter(boundary__bboverlaps=Polygon.from_bbox((west, south, east, north)))
    found = []
    for territory in near.order_by("kind", "code"):
        if sample.units.filter(location__within=territory.boundary).count() < FEWEST_PLACES:
            continue
        figures = change_figures(pair=pair, territory=territory, campaign=sample.campaign)
        if figures.status == "assessed":
            told = {name: value for name, value in change_told(figures).items() if name not in _TOLD_ONCE}
            found.append({"kind": territory.kind, "code": territory.code, "name": territory.name, **told})
    return found
