"""Drawing the places of a sample from the maps of a pair of layers, or from one map (docs/adr/0054)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from django.contrib.gis.geos import Point
from django.db import transaction
from numpy.typing import NDArray

from annotation.models import Campaign, VintagePair
from annotation.services.class_lineage import lineage_of
from learning.core.sample_frame import (
    CHANGE_STRATA,
    FEWEST_A_STRATUM,
    OUTSIDE,
    DrawnUnit,
    Strata,
    allocate,
    change_table,
    class_table,
    codes_at,
    draw_units,
    strata_blocks,
    stratum_sizes,
)
from learning.errors import NoPrediction, SampleOpen
from learning.models import Prediction, ReferenceSample, SampleUnit
from learning.services.counted_classes import counted_classes
from learning.services.map_pairs import earlier_map
from learning.services.predictions import shown_prediction
from learning.services.sample_windows import ground_at, layers_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User

DEFAULT_PLACES = 600
DEFAULT_UNIT_M = 2.0  # side of a place: larger than what two images of one ground are apart
Blocks = Callable[[], Iterator[tuple[int, int, Strata]]]


def draw_change_sample(
    *, pair: VintagePair, campaign: Campaign, drawn_by: User | None, counted: Mapping[str, bool | None] | None = None,
    total: int = DEFAULT_PLACES, fewest: int = FEWEST_A_STRATUM, unit_px: int | None = None,
    answers_wanted: int = 2, seed: int = 0, first_map: Prediction | None = None,
) -> ReferenceSample:  # fmt: skip
    """Draw places on the ground that both maps of a pair show, stratified by how the two differ.

    Args:
        campaign: of the pair's later layer; its published map is the later one.
        counted: by class code, whether its ground is artificialised, None: the class alone does not tell; by default
            as the rule says. Strata are made with those that surely are, figures with all.
        total, fewest: places in all, and at least in each stratum.
        unit_px: side of a place in the later layer's pixels; None: about two metres.
        first_map: of the earlier layer; None: that which people see of the newest campaign there.
    Raises: NoPrediction, SampleOpen, InvalidSample, InvalidPredictionGrid.
    """
    later = _shown_map(campaign, layer=pair.second_id)
    earlier = first_map or earlier_map(pair)
    side = unit_px or max(1, round(DEFAULT_UNIT_M / campaign.layer.gsd_m))
    counted = counted_classes(campaign) if counted is None else counted
    table = partial(change_table, counted=_counted_of_maps(campaign, counted))
    blocks = partial(strata_blocks, _classes(earlier), _classes(later), table, unit_px=side)
    names = [(name, ()) for name in CHANGE_STRATA]
    sample = ReferenceSample(
        campaign=campaign, kind=ReferenceSample.Kind.CHANGE, pair=pair, first_map=earlier, second_map=later,
        counted=dict(counted), unit_px=side, answers_wanted=answers_wanted, seed=seed, drawn_by=drawn_by,
    )  # fmt: skip
    return _draw(sample, blocks, names, total=total, fewest=fewest)


def _counted_of_maps(campaign: Campaign, counted: Mapping[str, bool | None]) -> frozenset[str]:
    """Codes whose ground surely counts, with those of maps from before a change of classes."""
    before = lineage_of(campaign).known
    earlier = {code for code, now in before.items() if all(counted.get(one) for one in now)}
    return frozenset({code for code, counts in counted.items() if counts} | earlier)


def draw_area_sample(
    *, campaign: Campaign, drawn_by: User | None, total: int = DEFAULT_PLACES, fewest: int = FEWEST_A_STRATUM,
    unit_px: int | None = None, answers_wanted: int = 2, seed: int = 0,
) -> ReferenceSample:  # fmt: skip
    """Draw places on a campaign's published map, stratified by its classes.

    Raises: NoPrediction, SampleOpen, InvalidSample.
    """
    shown = _shown_map(campaign, layer=campaign.layer_id)
    side = unit_px or max(1, round(DEFAULT_UNIT_M / campaign.layer.gsd_m))
    blocks = partial(strata_blocks, None, _classes(shown), lambda _then, now: class_table(now), unit_px=side)
    sample = ReferenceSample(
        campaign=campaign, kind=ReferenceSample.Kind.AREA, second_map=shown, unit_px=side,
        answers_wanted=answers_wanted, seed=seed, drawn_by=drawn_by,
    )  # fmt: skip
    return _draw(sample, blocks, [(code, (code,)) for code in shown.model.class_codes], total=total, fewest=fewest)


def _draw(
    sample: ReferenceSample, blocks: Blocks, names: Sequence[tuple[str, Sequence[str]]], *, total: int, fewest: int
) -> ReferenceSample:
    """Count the places of each stratum, draw, and write: one open sample of a kind in a campaign."""
    campaign = sample.campaign
    if ReferenceSample.objects.filter(campaign=campaign, kind=sample.kind, closed_at__isnull=True).exists():
        raise SampleOpen(f"A sample of this kind is open in {campaign.slug}: close it before another one is drawn.")
    sizes = stratum_sizes(blocks())
    wanted = allocate({stratum: int(sizes[stratum]) for stratum in range(OUTSIDE)}, total, fewest=fewest)
    drawn = draw_units(
        blocks(), sizes=sizes, wanted=wanted, unit_px=sample.unit_px, rng=np.random.default_rng(sample.seed)
    )
    sample.strata = _strata(sizes, wanted, names, place_m2=(sample.unit_px * campaign.layer.gsd_m) ** 2)
    ground_m2 = campaign.layer.width * campaign.layer.height * campaign.layer.gsd_m**2
    sample.outside_m2 = ground_m2 - sum(stratum["area_m2"] for stratum in sample.strata)
    with transaction.atomic():
        sample.save()
        SampleUnit.objects.bulk_create(_units(sample, drawn))
    return sample


def _units(sample: ReferenceSample, drawn: Sequence[DrawnUnit]) -> list[SampleUnit]:
    """The rows of drawn places, with what the maps say there and when the ground was photographed."""
    grid, middle, half = sample.campaign.layer.pixel_grid, sample.unit_px // 2 + 0.5, sample.unit_px / 2
    centres = [grid.to_crs_xy(unit.col + middle, unit.row + middle) for unit in drawn]
    later = codes_at(_classes(sample.second_map), centres)
    earlier = codes_at(_classes(sample.first_map), centres) if sample.first_map else [""] * len(drawn)
    made = []
    for number, (unit, first, second) in enumerate(zip(drawn, earlier, later, strict=True), start=1):
        row = SampleUnit(
            sample=sample, number=number, stratum=unit.stratum, row=unit.row, col=unit.col,
            inclusion_probability=unit.probability, first_mapped=first, second_mapped=second,
            location=Point(*grid.to_lonlat(unit.col + half, unit.row + half), srid=4326),
        )  # fmt: skip
        days = [ground_at(layer, row, sample) for layer in layers_of(sample)]
        row.second_acquired_on = days[-1]
        row.first_acquired_on = days[0] if sample.pair else None
        made.append(row)
    return made


def _strata(
    sizes: NDArray[np.int64], wanted: dict[int, int], names: Sequence[tuple[str, Sequence[str]]], *, place_m2: float
) -> list[dict[str, object]]:
    return [
        {
            "name": name,
            "codes": list(codes),
            "places": int(sizes[stratum]),
            "area_m2": int(sizes[stratum]) * place_m2,
            "drawn": wanted.get(stratum, 0),
        }
        for stratum, (name, codes) in enumerate(names)
    ]


def _shown_map(campaign: Campaign, *, layer: int) -> Prediction:
    found = shown_prediction(campaign)
    if found is None or found.layer_id != layer:
        raise NoPrediction(
            f"Campaign {campaign.slug} has no published map of the layer wanted: publish a model there, then draw."
        )
    return found


def _classes(prediction: Prediction) -> Path:
    return prediction.path("class.tif")
