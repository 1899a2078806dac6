"""Areas of classes and the accuracy of a map, from a probability sample, or "not assessed" and why (docs/adr/0053).

Counting a map's pixels is no estimate. What is told here comes of a closed sample of places; without one, of a hold-out
of blocks that is labelled to the end; without either there is the map's own count, and no figure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from annotation.models import Campaign, Territory
from learning.core.area import Estimate
from learning.models import MapArea, Prediction, ReferenceSample
from learning.services.area_blocks import figures_of_blocks
from learning.services.area_places import FigureOfPlaces, places_within
from learning.services.predictions import shown_prediction

M2_PER_HA = 10_000

Estimator = Literal["", "olofsson2014", "stehman2014", "blocks"]


@dataclass(frozen=True, slots=True)
class ClassArea:
    """A class: as the map counts it, and as it is estimated; areas in hectares, accuracies from 0 to 1.

    Args:
        mapped_ha: pixels of the map; None: not counted yet.
        estimate_ha, half_width_ha: the estimate and the half-width of the usual 95 % interval; None: not assessed.
        lower_ha, upper_ha: the interval to publish, which holds where few places decide too (Jeffreys' limits of each
            stratum put together) and need not lie evenly around the estimate.
        few: whether few places decide: the usual interval is then too narrow.
        user, producer: None where no place of the sample belongs to the class, and where only blocks were labelled.
        places: of the sample, at which people saw it.
    """

    code: str
    mapped_ha: float | None
    estimate_ha: float | None = None
    half_width_ha: float | None = None
    lower_ha: float | None = None
    upper_ha: float | None = None
    few: bool = False
    user: Estimate | None = None
    producer: Estimate | None = None
    places: int = 0


@dataclass(frozen=True, slots=True)
class AreaFigures:
    """Figures of one map, in all of it or within a territory; `reason` says why they are not assessed.

    Reasons: "no_map", "no_sample" (neither sample nor a labelled hold-out), "sample_open", "not_counted" (the map has
    not been counted here, or not at the sample's places: run the job), "few_places", "few_blocks",
    "holdout_unfinished", "outside" (the layer does not cover the territory), "classes_changed" (map and answers speak
    in classes from before and after a change that have no level in common).

    Args:
        matrix: places by class of the map (rows) and of the reference; `proportions` the shares of the ground that
            they stand for (p_ij); both in the order of `classes`. For blocks: pixels, and none.
        weights: of each stratum, W_h, in the order of the sample's strata.
        ground_ha: all the ground there. unassessed_ha: that which no stratum or no place stands for; where there is
            some, the upper ends of intervals hold it whole.
        left_out: places drawn there without an answer that counts.
        learnt_from: places on tiles that the model was trained on; None: not known. Independent where there is none.
    """

    status: Literal["assessed", "not_assessed"]
    reason: str = ""
    estimator: Estimator = ""
    classes: tuple[ClassArea, ...] = ()
    overall: Estimate | None = None
    matrix: tuple[tuple[int, ...], ...] = ()
    proportions: tuple[tuple[float, ...], ...] = ()
    weights: tuple[float, ...] = ()
    model: str = ""
    vintage: int | None = None
    prediction: int | None = None
    sample: int | None = None
    seed: int | None = None
    closed_at: datetime | None = None
    places: int = 0
    left_out: int = 0
    learnt_from: int | None = None
    blocks: int = 0
    ground_ha: float | None = None
    unassessed_ha: float = 0.0

    @property
    def independent(self) -> bool | None:
        """Whether the reference is independent of what the model learnt from; None: not known."""
        return None if self.learnt_from is None else self.learnt_from == 0


def area_figures(*, campaign: Campaign, territory: Territory | None = None) -> AreaFigures:
    """What is known of the areas on the map that a campaign shows, in all of it or within a territory."""
    shown = shown_prediction(campaign)
    return AreaFigures("not_assessed", "no_map") if shown is None else figures_of_map(shown, territory=territory)


def figures_of_map(prediction: Prediction, *, territory: Territory | None = None) -> AreaFigures:
    """The same for one map, shown or not."""
    told = _as_mapped(prediction, territory)
    if territory is not None and not told.classes:
        return told
    samples = ReferenceSample.objects.filter(campaign=prediction.model.campaign, kind=ReferenceSample.Kind.AREA)
    newest = samples.filter(closed_at__isnull=False).select_related("second_map", "campaign__layer").first()
    if newest is not None:
        return _of_places(told, places_within(newest, prediction=prediction, territory=territory), newest)
    if territory is None:
        found = figures_of_blocks(prediction, mapped_ha=[area.mapped_ha for area in told.classes])
        if not isinstance(found, str):
            classes = tuple(
                replace(
                    area, estimate_ha=one.value, half_width_ha=one.half_width,
                    lower_ha=max(0.0, one.value - one.half_width), upper_ha=one.value + one.half_width,
                )
                for area, one in zip(told.classes, found.area, strict=True)
            )  # fmt: skip
            # Hold-out tiles are kept out of every training set, and tiles around them: a trigger sees to it.
            return replace(
                told, status="assessed", reason="", estimator="blocks", classes=classes, overall=found.overall,
                matrix=found.matrix, blocks=found.blocks, learnt_from=0,
            )  # fmt: skip
        reason = found
    else:
        reason = "no_sample"
    return replace(told, reason="sample_open" if samples.exists() else reason)


def _as_mapped(prediction: Prediction, territory: Territory | None) -> AreaFigures:
    """The map's own count, where there is one."""
    layer, codes = prediction.model.campaign.layer, prediction.model.class_codes
    ha_per_px = layer.gsd_m**2 / M2_PER_HA
    told = AreaFigures(
        "not_assessed", "no_sample", model=prediction.model.version, vintage=layer.vintage, prediction=prediction.pk
    )
    counted = MapArea.objects.filter(prediction=prediction, territory=territory).first()
    if counted is not None:
        pixels = counted.class_px
        return replace(
            told,
            classes=tuple(ClassArea(code, pixels.get(code, 0) * ha_per_px) for code in codes),
            ground_ha=counted.ground_px * ha_per_px,
        )
    if territory is None:
        return replace(
            told,
            classes=tuple(ClassArea(code, None) for code in codes),
            ground_ha=layer.width * layer.height * ha_per_px,
        )
    is_counted = MapArea.objects.filter(prediction=prediction).exists()
    return replace(told, reason="outside" if is_counted else "not_counted")


def _of_places(told: AreaFigures, found: FigureOfPlaces | str, sample: ReferenceSample) -> AreaFigures:
    """The same with what a sample says."""
    about = replace(told, sample=sample.pk, seed=sample.seed, closed_at=sample.closed_at)
    if isinstance(found, str):
        return replace(about, reason=found)
    mapped: dict[str, float | None] = {}
    for one in told.classes:
        code, so_far = found.levels[one.code], mapped.get(found.levels[one.code], 0.0)
        mapped[code] = None if one.mapped_ha is None or so_far is None else so_far + one.mapped_ha
    classes = []
    for number, code in enumerate(found.codes):
        area, interval = found.accuracy.area[number], found.intervals[number]
        classes.append(
            ClassArea(
                code=code,
                mapped_ha=mapped.get(code, found.accuracy.mapped_area[number]),
                estimate_ha=area.value + found.unassessed_mapped[number],
                half_width_ha=area.half_width,
                lower_ha=interval.lower,
                upper_ha=interval.upper + found.unassessed_ha,
                few=found.few[number],
                user=found.accuracy.user[number],
                producer=found.accuracy.producer[number],
                places=found.seen[number],
            )
        )
    return replace(
        about, status="assessed", reason="", estimator=found.estimator, classes=tuple(classes),
        overall=found.accuracy.overall, matrix=found.matrix, proportions=found.accuracy.proportions,
        weights=found.weights, places=sum(found.seen), left_out=found.left_out, learnt_from=found.learnt_from,
        unassessed_ha=found.unassessed_ha,
    )  # fmt: skip
