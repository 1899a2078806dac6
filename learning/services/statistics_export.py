"""What ships with figures of areas: counts, weights, formulas and how places were drawn, and the places (ADR 0053)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from annotation.models import Territory
from annotation.services.class_lineage import lineage_of
from learning.errors import NoSuchPlace
from learning.models import MapAtPlaces, Prediction, ReferenceSample, SampleAnswer
from learning.release.contents import MapStatistics, SamplePlace
from learning.release.licences import carried_licences
from learning.services.area_figures import AreaFigures, figures_of_map
from learning.services.samples import Resolved, agreement, resolve

FORMULAS: Mapping[str, Mapping[str, str]] = {
    "olofsson2014": {
        "source": "Olofsson et al. 2014, doi 10.1016/j.rse.2014.02.015, equations 1 to 11",
        "area": "A_j = A * sum_i W_i * n_ij / n_i.",
        "half_width": "1.96 * A * sqrt(sum_i W_i^2 * (n_ij/n_i.) * (1 - n_ij/n_i.) / (n_i. - 1))",
    },
    "stehman2014": {
        "source": "Stehman 2014, doi 10.1080/01431161.2014.930207, equations 1 to 5 and 25 to 29",
        "area": "A_j = sum_h A_h * mean of y_u in h, y_u = 1 where class j was seen",
        "half_width": "1.96 * place area * sqrt(sum_h N_h^2 * (1 - n_h/N_h) * s_yh^2 / n_h)",
    },
    "blocks": {
        "source": "Cochran 1977, Sampling Techniques, section 6 (ratio), with blocks as units",
        "area": "A_j = mapped_j + A * sum_b (reference_bj - mapped_bj) / sum_b ground_b",
        "half_width": "t(n-1, 0.975) * A * sqrt((1 - f) * sum_b (d_b - R * g_b)^2 / (n - 1) / n) / mean(g)",
    },
}
PUBLISHED = (
    "lower_ha, upper_ha: Jeffreys' 95 % limits of each stratum's share, put together as sum of squares (Zou, Donner "
    "2008, doi 10.1002/sim.3095), with ground that no place stands for (unassessed_ha) within the upper end"
)


def statistics_document(prediction: Prediction | None, *, territory: Territory | None = None) -> dict[str, Any]:
    """Figures of a map with all that they rest on, as JSON; of no map, that there is none."""
    nothing = AreaFigures("not_assessed", "no_map")
    figures = nothing if prediction is None else figures_of_map(prediction, territory=territory)
    document = {**_told(figures), "confidence": 0.95}
    if prediction is None or figures.status != "assessed":
        return document
    document["formulas"] = dict(FORMULAS[figures.estimator])
    if figures.sample is not None:
        document["formulas"]["interval"] = PUBLISHED
        document["sample"] = _sample(ReferenceSample.objects.get(pk=figures.sample))
    else:
        holdout = prediction.model.campaign.holdout
        document["holdout"] = {
            "blocks": figures.blocks,
            "block_tiles": holdout.block_tiles,
            "inclusion_probability": holdout.inclusion_probability,
            "seed": holdout.seed,
        }
    return document


def map_statistics(prediction: Prediction, *, licence: str) -> MapStatistics | None:
    """What a release says of a map's areas, in all of it and in each territory that was counted; None: not assessed.

    Neither figures nor places where an answer was not given under a licence that a release under `licence` may carry.
    """
    document = statistics_document(prediction)
    if document["status"] != "assessed":
        return None
    if "sample" in document and not may_be_carried(document["sample"]["id"], licence):
        return MapStatistics(figures={"status": "not assessed", "reason": "licence"})
    territories = Territory.objects.filter(pk__in=prediction.areas.values("territory")).order_by("kind", "code")
    document["territories"] = [
        {"kind": one.kind, "code": one.code, "name": one.name, **_told(figures_of_map(prediction, territory=one))}
        for one in territories
    ]
    if "sample" not in document:
        return MapStatistics(figures=document)
    sample = ReferenceSample.objects.get(pk=document["sample"]["id"])
    return MapStatistics(figures=document, places=sample_places(sample, prediction), unit_px=sample.unit_px)


def may_be_carried(sample_id: int, licence: str) -> bool:
    """Whether a release under `licence` may carry every answer of a sample, of which it would else be a part."""
    answers = SampleAnswer.objects.filter(unit__sample=sample_id)
    return not answers.exclude(licence__in=carried_licences(licence)).exists()


def sample_places(sample: ReferenceSample, prediction: Prediction) -> tuple[SamplePlace, ...]:
    """Every place of a closed sample with what a map and people say there.

    Raises: NoSuchPlace: it is not closed, or the map was not read at its places.
    """
    read = MapAtPlaces.objects.filter(sample=sample, prediction=prediction).first()
    if sample.closed_at is None or read is None:
        raise NoSuchPlace(f"Sample {sample.pk} is not closed, or no map was read at its places yet.")
    learnt, places = set(read.learnt_from), resolve(sample)
    seen = {place.codes[1] for place in places if place.codes}
    levels = lineage_of(sample.campaign).levels({*read.codes, *seen})

    def told(place: Resolved) -> SamplePlace:
        unit = place.unit
        return SamplePlace(
            number=unit.number, stratum=sample.strata[unit.stratum]["name"], row=unit.row, col=unit.col,
            inclusion_probability=unit.inclusion_probability, mapped=levels[read.codes[unit.number - 1]],
            seen=levels[place.codes[1]] if place.codes else "", learnt_from=unit.number in learnt,
        )  # fmt: skip

    return tuple(told(place) for place in places)


def _told(figures: AreaFigures) -> dict[str, Any]:
    """Figures as JSON; counts and shares by class of the map (rows) and class seen (columns)."""
    codes = [area.code for area in figures.classes]
    return {
        "status": "not assessed" if figures.status == "not_assessed" else "assessed",
        "reason": figures.reason,
        "estimator": figures.estimator,
        "model": figures.model,
        "vintage": figures.vintage,
        "classes": [asdict(area) for area in figures.classes],
        "overall": asdict(figures.overall) if figures.overall else None,
        "codes": codes,
        "n": [list(row) for row in figures.matrix],
        "p": [list(row) for row in figures.proportions],
        "weights": list(figures.weights),
        "places": figures.places,
        "left_out": figures.left_out,
        "ground_ha": figures.ground_ha,
        "unassessed_ha": figures.unassessed_ha,
        "independent_of_training": figures.independent,
        "places_on_training_tiles": figures.learnt_from,
    }


def _sample(sample: ReferenceSample) -> dict[str, Any]:
    """How the places were drawn and answered."""
    closed = sample.closed_at
    return {
        "id": sample.pk,
        "seed": sample.seed,
        "side_px": sample.unit_px,
        "side_m": sample.unit_px * sample.campaign.layer.gsd_m,
        "frame": f"squares of pixels of layer {sample.campaign.layer.slug} with imagery, by the class at the centre",
        "stratified_by": sample.second_map.model.version,
        "strata": sample.strata,
        "outside_m2": sample.outside_m2,
        "answers_a_place": sample.answers_wanted,
        "agreement_alpha": agreement(resolve(sample)),
        "drawn_on": sample.drawn_at.date().isoformat(),
        "closed_on": closed.date().isoformat() if closed else None,
    }
