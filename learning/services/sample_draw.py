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
_CHANGE_NAMES: Sequence[tuple[str, Sequence[str]]] = [(name, ()) for name in CHANGE_STRATA]
#: Told the share of the work that is done.
Progress = Callable[[float], None]


def place_side_px(campaign: Campaign, side_m: float = DEFAULT_UNIT_M) -> int:
    """Side of a place in pixels of the campaign's layer, to the nearest, at least one."""
    return max(1, round(side_m / campaign.layer.gsd_m))


def draw_change_sample(
    *, pair: VintagePair, campaign: Campaign, drawn_by: User | None, counted: Mapping[str, bool | None] | None = None,
    total: int = DEFAULT_PLACES, fewest: int = FEWEST_A_STRATUM, unit_px: int | None = None,
    answers_wanted: int = 2, seed: int = 0, first_map: Prediction | None = None, on_progress: Progress | None = None,
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
    later = map_to_sample(campaign, layer=pair.second_id)
    earlier = first_map or earlier_map(pair)
    side = unit_px or place_side_px(campaign)
    counted = counted_classes(campaign) if counted is None else counted
    blocks = _change_blocks(campaign, earlier, later, counted, side)
    sample = ReferenceSample(
        campaign=campaign, kind=ReferenceSample.Kind.CHANGE, pair=pair, first_map=earlier, second_map=later,
        counted=dict(counted), unit_px=side, answers_wanted=answers_wanted, seed=seed, drawn_by=drawn_by,
    )  # fmt: skip
    return _draw(sample, blocks, _CHANGE_NAMES, total=total, fewest=fewest, on_progress=on_progress)


def change_strata(
    *, pair: VintagePair, campaign: Campaign, on_progress: Progress | None = None
) -> list[dict[str, object]]:
    """The strata of a sample of change, counted and with nothing drawn: what a plan rests on.

    Raises: NoPrediction, InvalidPredictionGrid.
    """
    later, side = map_to_sample(campaign, layer=pair.second_id), place_side_px(campaign)
    blocks = _change_blocks(campaign, earlier_map(pair), later, counted_classes(campaign), side)
    sizes = stratum_sizes(_told(blocks(), campaign, side, on_progress))
    return _strata(sizes, {}, _CHANGE_NAMES, place_m2=(side * campaign.layer.gsd_m) ** 2)


def _change_blocks(
    campaign: Campaign, earlier: Prediction, later: Prediction, counted: Mapping[str, bool | None], side: int
) -> Blocks:
    table = partial(change_table, counted=_counted_of_maps(campaign, counted))
    return partial(strata_blocks, _classes(earlier), _classes(later), table, unit_px=side)


def _counted_of_maps(campaign: Campaign, counted: Mapping[str, bool | None]) -> frozenset[str]:
    """Codes whose ground surely counts, with those of maps from before a change of classes."""
    before = lineage_of(campaign).known
    earlier = {code for code, now in before.items() if all(counted.get(one) for one in now)}
    return frozenset({code for code, counts in counted.items() if counts} | earlier)


def draw_area_sample(
    *, campaign: Campaign, drawn_by: User | None, total: int = DEFAULT_PLACES, fewest: int = FEWEST_A_STRATUM,
    unit_px: int | None = None, answers_wanted: int = 2, seed: int = 0, on_progress: Progress | None = None,
) -> ReferenceSample:  # fmt: skip
    """Draw places on a campaign's published map, stratified by its classes.

    Raises: NoPrediction, SampleOpen, InvalidSample.
    """
    shown = map_to_sample(campaign, layer=campaign.layer_id)
    side = unit_px or place_side_px(campaign)
    blocks = partial(strata_blocks, None, _classes(shown), lambda _then, now: class_table(now), unit_px=side)
    sample = ReferenceSample(
        campaign=campaign, kind=ReferenceSample.Kind.AREA, second_map=shown, unit_px=side,
        answers_wanted=answers_wanted, seed=seed, drawn_by=drawn_by,
    )  # fmt: skip
    names = [(code, (code,)) for code in shown.model.class_codes]
    return _draw(sample, blocks, names, total=total, fewest=fewest, on_progress=on_progress)


def require_none_open(campaign: Campaign, kind: str) -> None:
    """One sample of a kind is open in a campaign at a time. Raises: SampleOpen."""
    if ReferenceSample.objects.filter(campaign=campaign, kind=kind, closed_at__isnull=True).exists():
        raise SampleOpen(f"A sample of this kind is open in {campaign.slug}: close it before another one is drawn.")


def _draw(
    sample: ReferenceSample, blocks: Blocks, names: Sequence[tuple[str, Sequence[str]]], *, total: int, fewest: int,
    on_progress: Progress | None,
) -> ReferenceSample:  # fmt: skip
    """Count the places of each stratum, draw, and write: one open sample of a kind in a campaign."""
    campaign = sample.campaign
    require_none_open(campaign, sample.kind)
    first, second = _halves(on_progress)
    sizes = stratum_sizes(_told(blocks(), campaign, sample.unit_px, first))
    wanted = allocate({stratum: int(sizes[stratum]) for stratum in range(OUTSIDE)}, total, fewest=fewest)
    drawn = draw_units(
        _told(blocks(), campaign, sample.unit_px, second), sizes=sizes, wanted=wanted, unit_px=sample.unit_px,
        rng=np.random.default_rng(sample.seed),
    )  # fmt: skip
    sample.strata = _strata(sizes, wanted, names, place_m2=(sample.unit_px * campaign.layer.gsd_m) ** 2)
    ground_m2 = campaign.layer.width * campaign.layer.height * campaign.layer.gsd_m**2
    sample.outside_m2 = ground_m2 - sum(stratum["area_m2"] for stratum in sample.strata)
    with transaction.atomic():
        sample.save()
        SampleUnit.objects.bulk_create(_units(sample, drawn))
    return sample


def _halves(on_progress: Progress | None) -> tuple[Progress | None, Progress | None]:
    """The maps are gone through twice: once to count, once to draw."""
    if on_progress is None:
        return None, None
    return (lambda share: on_progress(share / 2)), (lambda share: on_progress(0.5 + share / 2))


def _told(
    blocks: Iterator[tuple[int, int, Strata]], campaign: Campaign, side: int, on_progress: Progress | None
) -> Iterator[tuple[int, int, Strata]]:
    """The same blocks, with how far they are."""
    rows = max(1, campaign.layer.height // side)
    for top, left, strata in blocks:
        if on_progress is not None:
            on_progress(top / rows)
        yield top, left, strata


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


def map_to_sample(campaign: Campaign, *, layer: int) -> Prediction:
    """The published map that places are drawn on. Raises: NoPrediction: there is none of this layer."""
    found = shown_prediction(campaign)
    if found is None or found.layer_id != layer:
        raise NoPrediction(
            f"Campaign {campaign.slug} has no published map of the layer wanted: publish a model there, then draw."
        )
    return found


def _classes(prediction: Prediction) -> Path:
    return prediction.path("class.tif")
