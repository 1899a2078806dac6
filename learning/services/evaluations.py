"""A model's figures on the hold-out: per class, level and territory, with intervals, and whether it can be believed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import shapely
from django.db import transaction
from numpy.typing import NDArray

from annotation.core.label_table import Broader
from annotation.core.territory_tiles import tiles_within
from annotation.errors import UnlocatedGrid
from annotation.models import Campaign, Territory
from annotation.services.queue_front import territories_of
from learning.core import evaluate
from learning.core.calibration import N_BINS, CalibrationCounts, calibrate
from learning.core.evaluate import add_broader, merge_classes, national_level, nomenclature_levels, number_blocks
from learning.models import Evaluation, TrainedModel
from learning.services.holdout import HoldoutReference

Confusions = NDArray[np.int64]
LEVEL_REPLICATES = 1000  # of a level's or a territory's intervals


@transaction.atomic
def record_evaluation(
    *,
    model: TrainedModel,
    reference: HoldoutReference,
    confusions: Mapping[int, Confusions],
    class_codes: list[str],
    broader: tuple[Broader, Mapping[int, Confusions]] = ((), {}),
    calibration: Mapping[int, CalibrationCounts] | None = None,
    error_maps: str = "",
) -> Evaluation:
    """Store a model's figures on one reference, with intervals by bootstrap over blocks; once per reference.

    The first temperature that can be fitted becomes the model's, unless it has a map: what it says never changes.

    Args:
        confusions: by tile id, int64 (class, class), truth in rows.
        broader: classes that reference labels above the finest ones leave open, and by tile id, int64 (broader label,
            class), what was predicted there: they count at the levels at which they name one class.
        calibration: by tile id, sums of the model's confidence; None = it is not looked at.
        error_maps: file of the maps of errors, relative to MODELS_DIR, already in place; "" = none.

    Raises: InvalidEvaluation (no labelled pixel).
    """
    model_row = TrainedModel.objects.select_for_update(of=("self",)).get(pk=model.pk)
    known = evaluation_on(model, reference)
    if known is not None:
        return known
    campaign = model.campaign
    order = [tile.tile_id for tile in reference.tiles]
    stack, blocks = np.stack([confusions[tile] for tile in order]), reference_blocks(campaign, reference)
    figures = evaluate.evaluate(stack, class_codes=class_codes, blocks=blocks, rng=draws_of(model))
    calibrated = None
    if calibration is not None:
        calibrated = calibrate([calibration[tile] for tile in order], blocks=blocks, rng=draws_of(model))
        if calibrated.after is not None and model_row.temperature is None and not model_row.predictions.own().exists():
            model_row.temperature = model.temperature = calibrated.temperature
            model_row.save(update_fields=["temperature"])
    return Evaluation.objects.create(
        model=model,
        holdout_sha256=reference.sha256,
        n_tiles=len(order),
        class_codes=class_codes,
        confusion=[list(row) for row in figures.confusion],
        tile_confusions={str(tile): confusions[tile].tolist() for tile in order},
        miou=figures.miou,
        miou_low=figures.miou_low,
        miou_high=figures.miou_high,
        overall_accuracy=figures.overall_accuracy,
        per_class=_per_class(figures),
        intervals=json_safe(
            {
                "unit": "blocks" if figures.n_units < figures.n_tiles else "tiles",
                "n_units": figures.n_units,
                "block_tiles": campaign.holdout.block_tiles,
                "confidence": figures.confidence,
                "miou_by_tiles": figures.miou_by_tiles,
                "overall_accuracy": (figures.overall_accuracy_low, figures.overall_accuracy_high),
                "block_of": dict(zip(map(str, order), blocks.tolist(), strict=True)),
            }
        ),
        levels=_levels(
            campaign,
            stack,
            class_codes=class_codes,
            blocks=blocks,
            model=model,
            leaves_open=broader[0],
            broader=np.stack([broader[1][tile] for tile in order]) if broader[0] else None,
        ),
        territories=_territories(campaign, reference, stack, class_codes=class_codes, blocks=blocks, model=model),
        calibration=json_safe({**asdict(calibrated), "n_bins": N_BINS}) if calibrated else {},
        error_maps=error_maps,
    )


def evaluation_on(model: TrainedModel, reference: HoldoutReference) -> Evaluation | None:
    """The model's figures on exactly this reference, if it was evaluated on it."""
    return model.evaluations.filter(holdout_sha256=reference.sha256).first()


def national_level_of(evaluation: Evaluation) -> dict[str, Any] | None:
    """Its figures at the national classes; None where its model tells none of a theme's classes apart."""
    return next((level for level in evaluation.levels if level["depth"] == 0), None)


def reference_blocks(campaign: Campaign, reference: HoldoutReference) -> NDArray[np.int64]:
    """The block of each reference tile, numbered from 0: int64 (tile,), in the reference's order.

    Blocks are those in which the hold-out was drawn, squares of `block_tiles` tiles: they were drawn by chance one by
    one, so they are what chance could have chosen otherwise, and tiles of a block lie side by side.
    """
    side = campaign.holdout.block_tiles
    return number_blocks([(tile.row // side, tile.col // side) for tile in reference.tiles])


def draws_of(model: TrainedModel) -> np.random.Generator:
    """The model's own chance, for every bootstrap over it."""
    return np.random.default_rng(model.seed)


def json_safe(value: Any) -> Any:
    """The value with numbers that JSON lacks (NaN, infinities) as None and tuples as lists."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: json_safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(item) for item in value]
    return value


def _per_class(figures: evaluate.Evaluation) -> dict[str, dict[str, Any]]:
    return {
        score.code: json_safe({name: value for name, value in asdict(score).items() if name != "code"})
        for score in figures.per_class
    }


def _scored(
    confusions: Confusions, *, codes: Sequence[str], blocks: NDArray[np.int64], model: TrainedModel
) -> dict[str, Any]:
    """Figures of some tiles at one level, as levels and territories keep them."""
    figures = evaluate.evaluate(
        confusions, class_codes=codes, blocks=blocks, rng=draws_of(model), n_resamples=LEVEL_REPLICATES
    )
    alone = len(confusions) == 1  # one tile has no interval
    return {
        "confusion": [list(row) for row in figures.confusion],
        "miou": figures.miou,
        "miou_low": None if alone else json_safe(figures.miou_low),
        "miou_high": None if alone else json_safe(figures.miou_high),
        "overall_accuracy": figures.overall_accuracy,
        "overall_accuracy_low": None if alone else json_safe(figures.overall_accuracy_low),
        "overall_accuracy_high": None if alone else json_safe(figures.overall_accuracy_high),
        "per_class": _per_class(figures),
    }


def _levels(
    campaign: Campaign,
    stack: Confusions,
    *,
    class_codes: list[str],
    blocks: NDArray[np.int64],
    model: TrainedModel,
    leaves_open: Broader,
    broader: Confusions | None,
) -> list[dict[str, Any]]:
    """Figures at every level of the nomenclature above the model's own classes, coarsest first; of a theme before all
    others those at the national classes, whose depth is given as 0.
    """
    parents = {
        code: parent or None for code, parent in campaign.nomenclature.classes.values_list("code", "parent_code")
    }
    if not set(class_codes) <= set(parents):
        return []  # a model of another nomenclature has no levels here
    coarser = list(nomenclature_levels(class_codes, parents=parents)[:-1])
    national = national_level(class_codes)
    if campaign.nomenclature.extends_id and 1 < len(national.codes) < len(class_codes):
        coarser = [national, *(level for level in coarser if level.group_of != national.group_of)]
    found = []
    for level in coarser:
        merged = merge_classes(stack, group_of=level.group_of)
        if broader is not None:
            merged = add_broader(merged, broader, leaves_open=leaves_open, group_of=level.group_of)
        scored = _scored(merged, codes=level.codes, blocks=blocks, model=model)
        found.append({"depth": level.depth, "codes": list(level.codes), **scored})
    return found


def _territories(
    campaign: Campaign,
    reference: HoldoutReference,
    stack: Confusions,
    *,
    class_codes: list[str],
    blocks: NDArray[np.int64],
    model: TrainedModel,
) -> list[dict[str, Any]]:
    """Figures of each known territory that holds the middle of a reference tile, those with most tiles first."""
    found = []
    for territory, inside in _tiles_by_territory(campaign, reference):
        part = stack[inside]
        if not part.any():
            continue
        found.append(
            {
                "kind": territory.kind,
                "code": territory.code,
                "name": territory.name,
                "n_tiles": len(inside),
                **_scored(part, codes=class_codes, blocks=number_blocks(blocks[inside].tolist()), model=model),
            }
        )
    return sorted(found, key=lambda one: (-one["n_tiles"], one["kind"], one["code"]))


def _tiles_by_territory(campaign: Campaign, reference: HoldoutReference) -> list[tuple[Territory, list[int]]]:
    """Positions in the reference of each territory's tiles; nothing for imagery without a place on Earth."""
    try:
        touched = territories_of(campaign)
    except UnlocatedGrid:
        return []
    places = [(tile.row, tile.col) for tile in reference.tiles]
    found = []
    for territory in touched.iterator(chunk_size=50):
        within = tiles_within(shapely.from_wkb(bytes(territory.boundary.wkb)), grid=campaign.tile_grid)
        height, width = within.mask.shape
        inside = [
            position
            for position, (row, col) in enumerate(places)
            if 0 <= row - within.row_off < height
            and 0 <= col - within.col_off < width
            and within.mask[row - within.row_off, col - within.col_off]
        ]
        if inside:
            found.append((territory, inside))
    return found
