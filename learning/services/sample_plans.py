"""What a sample would take and tell before it is drawn, from what is known of a map (docs/adr/0062).

An expectation says where it comes from: counted on a map, seen in an earlier sample, measured on control tiles, or
assumed because nobody knows. Whoever plans may put other numbers in the place of those that were not counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from annotation.models import Campaign, Job, VintagePair
from learning.core.sample_frame import FEWEST_A_STRATUM
from learning.core.sample_plan import Expected, allocation, expected_half_widths, fewest_places
from learning.errors import InvalidPlan, InvalidSample, NoPrediction, PlanTooSmall, PlanTooWide
from learning.models import Evaluation, MapArea, Prediction, ReferenceSample
from learning.services.area_figures import figures_of_map
from learning.services.map_pairs import MapsOfPair, maps_of_pair
from learning.services.predictions import shown_prediction
from learning.services.sample_jobs import COUNT_KIND

M2_PER_HA = 10_000
ASSUMED_ACCURACY = 0.85
#: Share of the ground and of it what is as the maps say, before anything is counted: two maps that are right on 95 % of
#: the ground differ on a tenth (docs/adr/0054). One half has the widest interval: of mapped change it is the cautious
#: number.
ASSUMED_OF_CHANGE = {
    "stable_in": (0.1, 0.95), "stable_out": (0.8, 0.98), "gain": (0.02, 0.5), "loss": (0.02, 0.5),
    "other_change": (0.06, 0.5),
}  # fmt: skip
#: That no place of a sample was wrong does not say that none of the ground is.
MOST_ACCURACY = 0.98

Source = Literal["counted", "earlier_sample", "holdout", "assumed", "given"]


@dataclass(frozen=True, slots=True)
class ExpectedStratum:
    """What one expects of a stratum: its share of the ground and how often the map is right there, from 0 to 1."""

    code: str
    share: float
    share_from: Source
    accuracy: float
    accuracy_from: Source


@dataclass(frozen=True, slots=True)
class Expectations:
    """What a plan rests on.

    Args:
        pair: of a sample of change; None: of areas.
        model: versions of the models whose maps are counted on, "" without a map.
        ground_ha: that the strata hold; before a map is counted, all of the imagery.
        refusal: why nothing can be drawn now; "" where it can.
    """

    campaign: Campaign
    pair: VintagePair | None
    strata: tuple[ExpectedStratum, ...]
    ground_ha: float
    model: str
    refusal: Literal["", "no_map", "no_earlier_map", "sample_open"]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What somebody wants to know, and what they know better than the platform.

    Args:
        overall: half-width of the 95 % interval of the overall accuracy, a share from 0 to 1.
        area_of, area_ha: a stratum, and the half-width of its area's interval.
        places: in all; None: as many as the wishes take.
        share, accuracy: by stratum, in the place of what is expected; a share that was counted stands.
    """

    overall: float | None = None
    area_of: str = ""
    area_ha: float | None = None
    places: int | None = None
    fewest: int = FEWEST_A_STRATUM
    share: Mapping[str, float] = field(default_factory=dict)
    accuracy: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlannedStratum:
    """A stratum with its places; half-widths of 95 % intervals: of its accuracy (0 to 1), and of its area the longer
    side of the interval that is published."""

    expected: ExpectedStratum
    places: int
    accuracy_half: float
    area_half_ha: float


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """Places in all and by stratum, and what they are expected to tell."""

    strata: tuple[PlannedStratum, ...]
    places: int
    overall_half: float


def expectations(*, campaign: Campaign, pair: VintagePair | None = None) -> Expectations:
    """What is known of the strata of a sample: of the classes of the campaign's map, or of two maps' differences."""
    return _of_areas(campaign) if pair is None else _of_change(campaign, pair)


def plan_sample(known: Expectations, wishes: Wishes) -> SamplePlan:
    """How many places the wishes take, as a sample is drawn, and what they tell.

    Raises: InvalidPlan; PlanTooWide, PlanTooSmall.
    """
    strata = [_as_wished(one, wishes) for one in known.strata]
    codes = [one.code for one in strata]
    if wishes.area_of and wishes.area_of not in codes:
        raise InvalidPlan(f"{wishes.area_of!r} is no stratum of this sample: choose one of {', '.join(codes)}.")
    area = None
    if wishes.area_of and wishes.area_ha is not None:
        area = codes.index(wishes.area_of), wishes.area_ha / known.ground_ha
        if wishes.area_ha >= known.ground_ha:
            raise PlanTooWide(
                f"An area to ± {wishes.area_ha:g} ha, of {known.ground_ha:g} ha in all, is known without a sample: "
                "wish for fewer hectares."
            )
    _require_least(strata, wishes)
    try:
        expected = Expected(tuple(one.share for one in strata), tuple(one.accuracy for one in strata))
        total = wishes.places or fewest_places(
            expected, overall=wishes.overall, area=area, fewest=wishes.fewest, as_published=True
        )
        places = allocation(expected, total=total, how="fewest", fewest=wishes.fewest)
        told = expected_half_widths(expected, places, as_published=True)
    except InvalidSample as refusal:
        raise InvalidPlan(str(refusal)) from None
    return SamplePlan(
        strata=tuple(
            PlannedStratum(
                replace(one, share=float(weight)), n, told.user[number] if n else 0.0,
                told.area[number] * known.ground_ha,
            )
            for number, (one, weight, n) in enumerate(zip(strata, expected.weight, places, strict=True))
        ),
        places=sum(places),
        overall_half=told.overall,
    )  # fmt: skip


def _require_least(strata: Sequence[ExpectedStratum], wishes: Wishes) -> None:
    """Require that the least of each stratum with ground is not more than the places in all. Raises: PlanTooSmall."""
    parts = sum(one.share > 0 for one in strata)
    takes = wishes.fewest * parts
    if wishes.places is not None and wishes.places < takes:
        raise PlanTooSmall(
            f"At least {wishes.fewest} places in each of {parts} parts takes {takes}, more than {wishes.places} in "
            "all: wish for more places, or for fewer in each part.",
            details={"least": wishes.fewest, "parts": parts, "takes": takes},
        )


def _as_wished(one: ExpectedStratum, wishes: Wishes) -> ExpectedStratum:
    if one.share_from != "counted" and one.code in wishes.share:
        one = _given(one, share=wishes.share[one.code])
    if one.code in wishes.accuracy:
        one = _given(one, accuracy=wishes.accuracy[one.code])
    return one


def _given(one: ExpectedStratum, *, share: float | None = None, accuracy: float | None = None) -> ExpectedStratum:
    """The same number given back is no other one."""
    if share is not None and abs(share - one.share) > 5e-5:
        return replace(one, share=share, share_from="given")
    if accuracy is not None and abs(accuracy - one.accuracy) > 5e-4:
        return replace(one, accuracy=accuracy, accuracy_from="given")
    return one


def _of_areas(campaign: Campaign) -> Expectations:
    shown = shown_prediction(campaign)
    is_shown = shown is not None and shown.layer_id == campaign.layer_id
    found = shown if is_shown else None
    pixels = _counted_px(found) if found is not None else {}
    codes = list(found.model.class_codes) if found is not None else _chosen_codes(campaign)
    accuracy = _accuracies(found) if found is not None else {}
    ha_per_px = campaign.layer.gsd_m**2 / M2_PER_HA
    total = sum(pixels.values())
    strata = []
    for code in codes:
        share: tuple[float, Source] = (pixels.get(code, 0) / total, "counted") if total else (1 / len(codes), "assumed")
        strata.append(ExpectedStratum(code, *share, *accuracy.get(code, (ASSUMED_ACCURACY, "assumed"))))
    return Expectations(
        campaign, None, tuple(strata),
        ground_ha=total * ha_per_px if total else _imagery_ha(campaign),
        model=found.model.version if found is not None else "",
        refusal="no_map" if found is None else _open_refusal(campaign, ReferenceSample.Kind.AREA),
    )  # fmt: skip


def _of_change(campaign: Campaign, pair: VintagePair) -> Expectations:
    maps, refusal = _maps(campaign, pair)
    strata = _counted_strata(campaign, pair, maps) if maps is not None else []
    total = sum(float(one["area_m2"]) for one in strata)
    areas = {str(one["name"]): float(one["area_m2"]) for one in strata}
    expected = tuple(
        ExpectedStratum(name, areas[name] / total, "counted", accuracy, "assumed")
        if total
        else ExpectedStratum(name, share, "assumed", accuracy, "assumed")
        for name, (share, accuracy) in ASSUMED_OF_CHANGE.items()
    )
    return Expectations(
        campaign, pair, expected,
        ground_ha=total / M2_PER_HA if total else _imagery_ha(campaign),
        model=f"{maps.first.model.version} / {maps.second.model.version}" if maps is not None else "",
        refusal=refusal or _open_refusal(campaign, ReferenceSample.Kind.CHANGE),
    )  # fmt: skip


def _maps(campaign: Campaign, pair: VintagePair) -> tuple[MapsOfPair | None, Literal["", "no_map", "no_earlier_map"]]:
    try:
        return maps_of_pair(campaign=campaign, pair=pair), ""
    except NoPrediction:
        shown = shown_prediction(campaign)
        return None, "no_map" if shown is None or shown.layer_id != pair.second_id else "no_earlier_map"


def _counted_strata(campaign: Campaign, pair: VintagePair, maps: MapsOfPair) -> Sequence[Mapping[str, Any]]:
    """Strata of these two maps: of a sample that was drawn on them, else of a count; [] where neither was done."""
    drawn = ReferenceSample.objects.filter(
        campaign=campaign, pair=pair, first_map=maps.first, second_map=maps.second
    ).first()
    if drawn is not None:
        strata: Sequence[Mapping[str, Any]] = drawn.strata
        return strata
    done = Job.objects.filter(
        kind=COUNT_KIND, campaign=campaign, state=Job.State.SUCCEEDED, payload__pair=pair.pk,
        result__maps=[maps.first.pk, maps.second.pk],
    ).first()  # fmt: skip
    return done.result["strata"] if done is not None else []


def _open_refusal(campaign: Campaign, kind: str) -> Literal["", "sample_open"]:
    is_open = ReferenceSample.objects.filter(campaign=campaign, kind=kind, closed_at__isnull=True).exists()
    return "sample_open" if is_open else ""


def _counted_px(prediction: Prediction) -> dict[str, int]:
    counted = MapArea.objects.filter(prediction=prediction, territory=None).first()
    return dict(counted.class_px) if counted is not None else {}


def _chosen_codes(campaign: Campaign) -> list[str]:
    """The classes people may choose that have none below them: what a map would have."""
    rows = list(campaign.nomenclature.classes.order_by("position").values_list("code", "parent_code", "selectable"))
    parents = {parent for _code, parent, _selectable in rows}
    return [code for code, _parent, selectable in rows if selectable and code not in parents]


def _accuracies(prediction: Prediction) -> dict[str, tuple[float, Source]]:
    """How often the map is right where it shows a class: as its newest sample has it, else as control tiles do."""
    found: dict[str, tuple[float, Source]] = {}
    judged = Evaluation.objects.filter(model=prediction.model).order_by("-created_at", "-pk").first()
    for code, figures in (judged.per_class if judged is not None else {}).items():
        if figures.get("user_accuracy") is not None:
            found[code] = min(MOST_ACCURACY, figures["user_accuracy"]), "holdout"
    for area in figures_of_map(prediction).classes:
        if area.user is not None:
            found[area.code] = min(MOST_ACCURACY, area.user.value), "earlier_sample"
    return found


def _imagery_ha(campaign: Campaign) -> float:
    layer = campaign.layer
    return layer.width * layer.height * layer.gsd_m**2 / M2_PER_HA
