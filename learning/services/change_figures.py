"""How much ground changed between two vintages, with its error: from a sample that people labelled at both dates.

Never from the difference of two maps, which counts each map's errors as change (docs/adr/0054). A place where the first
map was wrong and the ground stayed as it was is told apart, and in no flow.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import shapely
from django.contrib.gis.db.models.functions import Centroid
from django.db.models import Count, Sum

from annotation.core.territory_tiles import tiles_within
from annotation.models import Campaign, ChangeTicket, Patch, Territory, VintagePair
from annotation.services.class_lineage import Lineage, lineage_of
from annotation.services.coverage import seen_tiles
from learning.core.change_area import FEWEST_UNITS, Bracket, Interval, area_showing, change_estimates
from learning.core.sample_frame import CHANGE_STRATA
from learning.models import ReferenceSample
from learning.services.samples import Resolved, agreement, resolve

M2_PER_HA = 10_000
DAYS_A_YEAR = 365.25
FEWEST_PLACES = 50  # of a territory: with fewer, half of an interval is chance alone
Reason = Literal["", "no_sample", "sample_open", "few_places", "stratum_unanswered", "classes_changed"]


@dataclass(frozen=True, slots=True)
class Flow:
    """An area, and the same for each year; in ha. `per_year` is None where the dates are not known."""

    ha: Bracket
    ha_per_year: Bracket | None


@dataclass(frozen=True, slots=True)
class Period:
    """Between which days the ground is compared, the earliest and the latest of each date, and the mean time between.

    Args: exact: from the days on which the ground was photographed; else from the vintages alone.
    """

    first: tuple[date, date] | tuple[int, int]
    second: tuple[date, date] | tuple[int, int]
    years: float
    exact: bool


@dataclass(frozen=True, slots=True)
class StratumFigure:
    """A part of the ground from which places were drawn: its name, area, places drawn and places with an answer."""

    name: str
    area_ha: float
    drawn: int
    used: int


@dataclass(frozen=True, slots=True)
class ClassChange:
    """Ground of one class at the first date and another at the second, in ha."""

    first_code: str
    second_code: str
    ha: Interval


@dataclass(frozen=True, slots=True)
class Assessed:
    """What a closed sample says of change.

    Args:
        kind: "figure" where the classes tell whether ground is artificialised, "bracket" where some may be either.
        gain, loss, net: flow, return flow, and the one less the other.
        classes: each change of class that was seen.
        first_wrong, second_wrong: ground that the two maps say changed and did not, by which of them was wrong; in no
            flow. The area in ha with its interval.
        mapped_gain_ha, mapped_loss_ha: what the difference of the two maps would have said. No estimate.
        places, used, cannot_tell, unresolved: of the sample in this ground; those that cannot tell and those without an
            agreed answer are left out, as if they were like the others of their stratum.
        alpha: agreement of people before anything was settled (Krippendorff), of the whole sample.
    """

    kind: Literal["figure", "bracket"]
    gain: Flow
    loss: Flow
    net: Flow
    classes: tuple[ClassChange, ...]
    first_wrong: Interval
    second_wrong: Interval
    mapped_gain_ha: float
    mapped_loss_ha: float
    strata: tuple[StratumFigure, ...]
    places: int
    used: int
    cannot_tell: int
    unresolved: int
    alpha: float | None


@dataclass(frozen=True, slots=True)
class ChangeFigures:
    """Change between the vintages of a pair, in all of the ground they share or within a territory.

    Args:
        status, reason: "not_assessed", and why: no sample was drawn ("no_sample"), none is closed ("sample_open"), too
            few of its places lie in the territory ("few_places"), a part of the ground has no answer
            ("stratum_unanswered"), or answers from before and after a change of classes have no level in common
            ("classes_changed").
        patches, patches_ha: corrections of the earlier vintage that stand: never part of a flow.
        never_reviewed: share of the ground that nobody has looked at, 0 to 1; None: no campaign of the later vintage.
        outside_ha: ground of the later layer that no place could be drawn from.
    """

    status: Literal["assessed", "not_assessed"]
    reason: Reason
    pair: VintagePair
    territory: Territory | None
    sample: ReferenceSample | None
    period: Period | None
    found: Assessed | None
    patches: int
    patches_ha: float
    never_reviewed: float | None
    outside_ha: float | None


def change_figures(
    *, pair: VintagePair, territory: Territory | None = None, campaign: Campaign | None = None
) -> ChangeFigures:
    """What the newest closed sample of a pair says of change, or why there is nothing to say.

    Args: campaign: only samples that it drew count.
    """
    samples = ReferenceSample.objects.filter(pair=pair).select_related("campaign__layer", "pair__first", "pair__second")
    if campaign is not None:
        samples = samples.filter(campaign=campaign)
    sample = samples.filter(closed_at__isnull=False).order_by("-closed_at").first()
    places: list[Resolved] = resolve(sample) if sample else []
    inside = _within(sample, territory) if sample else set()
    reason: Reason = "" if sample else "sample_open" if samples.exists() else "no_sample"
    if sample and territory and len(inside) < FEWEST_PLACES:
        reason = "few_places"
    usable = [place for place in places if place.codes is not None]
    if sample and not reason and not _every_stratum_answered(sample, usable):
        reason = "stratum_unanswered"
    if sample and not reason and lineage_of(sample.campaign).mixes(_said(usable)):
        reason = "classes_changed"
    period = _period(sample, [place for place in places if place.unit.pk in inside]) if sample else None
    count, area_ha = _patches(pair, territory)
    return ChangeFigures(
        status="not_assessed" if reason else "assessed",
        reason=reason,
        pair=pair,
        territory=territory,
        sample=sample,
        period=period,
        found=_assessed(sample, places, inside, period) if sample and period and not reason else None,
        patches=count,
        patches_ha=area_ha,
        never_reviewed=_never_reviewed(pair, territory),
        outside_ha=sample.outside_m2 / M2_PER_HA if sample and territory is None else None,
    )


def _within(sample: ReferenceSample, territory: Territory | None) -> set[int]:
    """Places of a sample in a territory, or all of them."""
    units = sample.units.filter(location__within=territory.boundary) if territory else sample.units.all()
    return set(units.values_list("pk", flat=True))


def _every_stratum_answered(sample: ReferenceSample, usable: Sequence[Resolved]) -> bool:
    used = np.bincount([place.unit.stratum for place in usable], minlength=len(sample.strata))
    return all(used[at] >= FEWEST_UNITS for at, stratum in enumerate(sample.strata) if stratum["area_m2"] > 0)


def _assessed(sample: ReferenceSample, places: Sequence[Resolved], inside: set[int], period: Period) -> Assessed:
    """Estimates of the ground inside. Places outside it stay in the sample, as places that show no change there.

    That keeps the size of every stratum known: nobody has to count the maps again within a territory.
    """
    used = [place for place in places if place.codes is not None]
    here = np.array([place.unit.pk in inside for place in used], np.bool_)
    stratum = np.array([place.unit.stratum for place in used], np.int64)
    areas = [one["area_m2"] / M2_PER_HA for one in sample.strata]
    codes = [place.codes or ("", "") for place in used]
    nowhere = next(iter(sample.counted))  # a place outside has the same class twice: no change, whichever it is
    first, second = (
        [pair[at] if is_here else nowhere for pair, is_here in zip(codes, here, strict=True)] for at in (0, 1)
    )
    lineage, counted = lineage_of(sample.campaign), counted_now(sample, {*first, *second})
    found = change_estimates(areas=areas, stratum=stratum, first=first, second=second, counted=counted)

    def area(shows: Sequence[bool]) -> Interval:
        return area_showing(areas=areas, stratum=stratum, shows=np.array(shows, np.bool_) & here)

    known = [place for place in places if place.unit.pk in inside]
    return Assessed(
        kind="figure" if found.gain.is_figure and found.loss.is_figure else "bracket",
        gain=_flow(found.gain, period),
        loss=_flow(found.loss, period),
        net=_flow(found.net, period),
        classes=tuple(ClassChange(*pair, ha) for pair, ha in found.pairs.items()),
        first_wrong=area([_wrong(place, lineage) == "first" for place in used]),
        second_wrong=area([_wrong(place, lineage) == "second" for place in used]),
        mapped_gain_ha=_mapped(sample, known, "gain"),
        mapped_loss_ha=_mapped(sample, known, "loss"),
        strata=tuple(_stratum_figures(sample, known)),
        places=len(known),
        used=sum(place.codes is not None for place in known),
        cannot_tell=sum(place.state == "agreed" and place.codes is None for place in known),
        unresolved=sum(place.state != "agreed" for place in known),
        alpha=agreement(places),
    )


def counted_now(sample: ReferenceSample, codes: Collection[str]) -> dict[str, bool | None]:
    """By each of the codes that its answers are read in, whether its ground counts, by the classes that the sample was
    drawn with and that are it now, or parts of it; None: not known, also of a class that came later."""
    lineage = lineage_of(sample.campaign)

    def counted(code: str) -> bool | None:
        same = (code, *lineage.codes(code))
        counts = {how for drawn, how in sample.counted.items() if drawn in same or code in lineage.codes(drawn)}
        return counts.pop() if len(counts) == 1 else None

    return {code: counted(code) for code in codes}


def _said(places: Sequence[Resolved]) -> set[str]:
    return {code for place in places for code in place.codes or ()}


def _flow(ha: Bracket, period: Period) -> Flow:
    return Flow(ha, ha.per(period.years) if period.years > 0 else None)


def _wrong(place: Resolved, lineage: Lineage) -> str:
    """Which map was wrong, where both differ and the ground stayed as it was; "" elsewhere. A map that says a class
    that was split since says nothing against any of its parts."""
    first, second = place.codes or ("", "")
    unit, right = place.unit, lineage.may_be_one
    if right(unit.first_mapped, unit.second_mapped) or first != second:
        return ""
    is_first = not right(unit.first_mapped, first) and right(unit.second_mapped, second)
    return "first" if is_first else "second"


def _mapped(sample: ReferenceSample, known: Sequence[Resolved], name: str) -> float:
    """Area that the difference of the maps gives; within a territory as its places tell it."""
    at = CHANGE_STRATA.index(name)
    stratum = sample.strata[at]
    share = sum(place.unit.stratum == at for place in known) / stratum["drawn"] if stratum["drawn"] else 0.0
    return float(stratum["area_m2"]) * share / M2_PER_HA


def _stratum_figures(sample: ReferenceSample, known: Sequence[Resolved]) -> list[StratumFigure]:
    return [
        StratumFigure(
            name=stratum["name"],
            area_ha=stratum["area_m2"] / M2_PER_HA,
            drawn=sum(place.unit.stratum == at for place in known),
            used=sum(place.unit.stratum == at and place.codes is not None for place in known),
        )
        for at, stratum in enumerate(sample.strata)
    ]


def _period(sample: ReferenceSample, known: Sequence[Resolved]) -> Period | None:
    """Between which days, of places in this ground; from the vintages where some layer does not say its days."""
    pair = sample.pair
    if pair is None or not known:
        return None
    days = [(place.unit.first_acquired_on, place.unit.second_acquired_on) for place in known]
    dated = [(first, second) for first, second in days if first is not None and second is not None]
    if len(dated) < len(days):
        years = float(pair.second.vintage - pair.first.vintage)
        return Period(
            (pair.first.vintage, pair.first.vintage), (pair.second.vintage, pair.second.vintage), years, exact=False
        )
    firsts, seconds = [first for first, _ in dated], [second for _, second in dated]
    between = sum((second - first).days for first, second in dated) / len(dated)
    return Period((min(firsts), max(firsts)), (min(seconds), max(seconds)), between / DAYS_A_YEAR, exact=True)


def _patches(pair: VintagePair, territory: Territory | None) -> tuple[int, float]:
    """Corrections of the earlier vintage that stand: how many, and their area in ha."""
    standing = Patch.objects.standing().filter(layer=pair.first)
    if territory is not None:
        standing = standing.annotate(middle=Centroid("footprint")).filter(middle__within=territory.boundary)
    found = standing.aggregate(count=Count("pk"), area=Sum("area_m2"))
    return found["count"], (found["area"] or 0.0) / M2_PER_HA


def _never_reviewed(pair: VintagePair, territory: Territory | None) -> float | None:
    """Share of the later vintage's tiles on which nobody drew, judged or answered about change."""
    campaign = Campaign.objects.filter(layer=pair.second).select_related("layer").order_by("-pk").first()
    if campaign is None:
        return None
    tiles = seen_tiles(campaign)
    seen, usable = tiles.seen.copy(), tiles.usable
    answered = ChangeTicket.objects.filter(
        round__pair=pair, round__campaign=campaign, state=ChangeTicket.State.DONE
    ).values_list("tile__row", "tile__col")
    for row, col in answered.distinct():
        seen[row, col] = True
    if territory is not None:
        within = tiles_within(shapely.from_wkb(bytes(territory.boundary.wkb)), grid=campaign.tile_grid)
        seen, usable = within.of(seen), within.of(usable)
    total = int(usable.sum())
    return 1 - int((seen & usable).sum()) / total if total else None
