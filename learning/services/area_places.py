"""What a sample of places says of a map, in all of it or within a territory (docs/adr/0053).

Within a territory the sample is stratified again by what the map counts there: given how many of a stratum's places
fell into it, these are a simple random sample of its ground there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from annotation.models import Territory
from annotation.services.class_lineage import lineage_of
from learning.core.area import AreaAccuracy, stratified_estimates
from learning.core.area_strata import strata_estimates
from learning.core.change_area import Interval, area_showing
from learning.models import MapArea, MapAtPlaces, Prediction, ReferenceSample
from learning.services.samples import resolve

M2_PER_HA = 10_000
#: Below it an overall accuracy of 90 % is known to ± 11 points at best, and most classes have no place at all.
FEWEST_PLACES = 30
#: Ground of strata without two places may be this share of all; more, and what is left says little of the whole.
MOST_UNASSESSED = 0.05
#: Fewer places than this, at which people saw a class that the map does not have there, and the usual interval of its
#: area covers less often than it says; see `make check-statistics`.
FEW_DECIDE = 10

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FigureOfPlaces:
    """Estimates in hectares, for classes in the order of `codes`: those of the map, then others that people saw.

    Args:
        intervals: of each class's area, that hold where few places decide too; `few` says where they do.
        seen: places at which people saw each class.
        levels: what each class of the map and of the sample counts as, where classes changed since.
        unassessed_ha: ground of strata without two places; `unassessed_mapped` what the map has of each class there.
    """

    estimator: Literal["olofsson2014", "stehman2014"]
    codes: tuple[str, ...]
    accuracy: AreaAccuracy
    intervals: tuple[Interval, ...]
    few: tuple[bool, ...]
    seen: tuple[int, ...]
    matrix: tuple[tuple[int, ...], ...]
    weights: tuple[float, ...]
    left_out: int
    learnt_from: int | None
    unassessed_ha: float
    unassessed_mapped: tuple[float, ...]
    levels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Places:
    """Places that count, by number of stratum, class of the map, class seen: int64 (place,)."""

    stratum: IntArray
    mapped: IntArray
    reference: IntArray
    codes: tuple[str, ...]
    left_out: int
    learnt_from: int
    levels: Mapping[str, str]


def places_within(
    sample: ReferenceSample, *, prediction: Prediction, territory: Territory | None
) -> FigureOfPlaces | str:
    """What a closed sample says of a map; else the reason for which nothing can be said."""
    at_places = MapAtPlaces.objects.filter(sample=sample, prediction=prediction).first()
    areas = _strata_ha(sample, territory)
    if at_places is None or areas is None:
        return "not_counted"
    places = _read(sample, at_places, prediction, territory)
    if places is None:
        return "classes_changed"
    drawn = np.bincount(places.stratum, minlength=len(areas))
    assessed = drawn >= 2
    unassessed = np.where(assessed, 0.0, areas)
    if drawn.sum() < FEWEST_PLACES or unassessed.sum() > MOST_UNASSESSED * areas.sum():
        return "few_places"
    # Strata that are one class now were drawn at rates of their own: they are not put together.
    apart = len({places.levels[code] for code in prediction.model.class_codes}) == len(prediction.model.class_codes)
    same_map = apart and sample.second_map == prediction
    return _figures(sample, places, np.where(assessed, areas, 0.0), unassessed, same_map=same_map)


def _figures(
    sample: ReferenceSample, places: _Places, areas: NDArray[np.float64], unassessed: NDArray[np.float64], *,
    same_map: bool,
) -> FigureOfPlaces:  # fmt: skip
    """Estimates from the strata that have two places or more."""
    kept = areas[places.stratum] > 0
    stratum, mapped, reference = places.stratum[kept], places.mapped[kept], places.reference[kept]
    size = len(places.codes)
    matrix = np.zeros((size, size), np.int64)
    np.add.at(matrix, (mapped, reference), 1)
    place_ha = (sample.unit_px * sample.campaign.layer.gsd_m) ** 2 / M2_PER_HA
    of_class = _by_class(sample, areas, places)
    if same_map:
        accuracy = stratified_estimates(matrix, mapped_area=of_class.tolist())
    else:
        drawn = np.bincount(stratum, minlength=len(areas))
        accuracy = strata_estimates(
            places=np.maximum(np.rint(areas / place_ha), drawn).astype(int).tolist(), stratum=stratum, mapped=mapped,
            reference=reference, mapped_area=of_class.tolist(), place_area=place_ha,
        )  # fmt: skip
    off = matrix.sum(axis=0) - np.diagonal(matrix)
    return FigureOfPlaces(
        estimator="olofsson2014" if same_map else "stehman2014",
        codes=places.codes,
        accuracy=accuracy,
        intervals=tuple(
            area_showing(areas=areas.tolist(), stratum=stratum, shows=np.equal(reference, j)) for j in range(size)
        ),
        few=tuple(bool(one < FEW_DECIDE) for one in off),
        seen=tuple(matrix.sum(axis=0).tolist()),
        matrix=tuple(tuple(row) for row in matrix.tolist()),
        weights=tuple((areas / areas.sum()).tolist()),
        left_out=places.left_out,
        learnt_from=places.learnt_from,
        unassessed_ha=float(unassessed.sum()),
        unassessed_mapped=tuple(_by_class(sample, unassessed, places).tolist()),
        levels=places.levels,
    )


def _by_class(sample: ReferenceSample, areas: NDArray[np.float64], places: _Places) -> NDArray[np.float64]:
    """Ground of strata by class of the map that they were drawn from."""
    found = np.zeros(len(places.codes))
    for stratum, area in zip(sample.strata, areas, strict=True):
        if area > 0:
            found[places.codes.index(places.levels[stratum["codes"][0]])] += area
    return found


def _strata_ha(sample: ReferenceSample, territory: Territory | None) -> NDArray[np.float64] | None:
    """Ground of each stratum, in hectares: float64 (stratum,); in a territory as the map it was drawn from counts."""
    if territory is None:
        return np.array([stratum["area_m2"] / M2_PER_HA for stratum in sample.strata])
    counted = MapArea.objects.filter(prediction=sample.second_map, territory=territory).first()
    if counted is None:
        return None
    ha_per_px = sample.campaign.layer.gsd_m**2 / M2_PER_HA
    return np.array(
        [sum(counted.class_px.get(code, 0) for code in stratum["codes"]) * ha_per_px for stratum in sample.strata]
    )


def _read(
    sample: ReferenceSample, at_places: MapAtPlaces, prediction: Prediction, territory: Territory | None
) -> _Places | None:
    """Places whose answers came to a class, of a territory those whose centre lies in it; None: map, strata and answers
    speak in classes that have no level in common."""
    inside = None
    if territory is not None:
        inside = set(sample.units.filter(location__within=territory.boundary).values_list("pk", flat=True))
    learnt, own = set(at_places.learnt_from), [code for stratum in sample.strata for code in stratum["codes"]]
    resolved = resolve(sample)
    seen = {place.codes[1] for place in resolved if place.codes is not None}
    # A map may say a class that was split since where people say its parts, and the other way round.
    lineage, said = lineage_of(sample.campaign), {*prediction.model.class_codes, *own, *at_places.codes, *seen}
    if lineage.mixes(said):
        return None
    levels = lineage.levels(said)
    rows: list[tuple[int, str, str]] = []
    left_out = learnt_from = 0
    for place in resolved:
        if inside is not None and place.unit.pk not in inside:
            continue
        mapped = at_places.codes[place.unit.number - 1]
        if place.codes is None or not mapped:
            left_out += 1
            continue
        rows.append((place.unit.stratum, levels[mapped], levels[place.codes[1]]))
        learnt_from += place.unit.number in learnt
    told = [levels[code] for code in (*prediction.model.class_codes, *own)]
    codes = tuple(dict.fromkeys([*told, *sorted({seen for _, _, seen in rows})]))
    number = {code: at for at, code in enumerate(codes)}

    def column(values: list[int]) -> IntArray:
        return np.array(values, np.int64)

    return _Places(
        stratum=column([stratum for stratum, _, _ in rows]),
        mapped=column([number[code] for _, code, _ in rows]),
        reference=column([number[code] for _, _, code in rows]),
        codes=codes,
        left_out=left_out,
        learnt_from=learnt_from,
        levels=levels,
    )
