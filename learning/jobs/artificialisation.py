"""The "artificialise" job: a map of cover and what is known of usage become polygons and areas of artificialised
ground."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

from annotation.jobs.registry import job
from annotation.models import ImageryLayer
from annotation.services.jobs import JobContext
from learning.core.artificialisation import ArtificialisationRule, shipped_artificialisation_rule
from learning.core.artificialised_kinds import Kinds, kind_distances
from learning.core.durable import publish, write_durably
from learning.core.map_plan import remove_work_dir
from learning.core.patch_sizes import BlockGrid
from learning.core.polygons.join import joined
from learning.core.polygons.plan import Block, PolygonPlan
from learning.core.polygons.run import draw_blocks
from learning.core.threshold_pass import ThresholdPlan, judged_blocks, least_pixels
from learning.jobs.territory_windows import TerritoryWindows
from learning.jobs.usage_ground import GroundReader
from learning.models import Prediction
from learning.release.artificialisation_files import ArtificialisationFacts, write_artificialisation
from learning.release.manifest import file_sha256
from learning.release.polygon_files import copy_to_gpkg
from learning.services.artificialisation_estimate import SampledGround, sampled_ground
from learning.services.artificialised_maps import KIND, Counted, covers_of, finish_artificialisation
from learning.services.counted_classes import covers_of_codes
from learning.services.territory_figures import want_territory_figures
from learning.services.usage_inputs import UsageInputs, usage_inputs

BLOCK_PX = 2048
LAYER = "artificialisation"
JUDGED, DRAWN = 0.5, 0.9  # shares of the progress bar


@job(KIND)
def artificialise(context: JobContext) -> dict[str, Any]:
    """Make the artificialised ground of a map; a worker that takes over goes on with the block the last one was at."""
    prediction = Prediction.objects.select_related("model__campaign__layer", "model__campaign__nomenclature").get(
        pk=context.payload["prediction"]
    )
    rule = shipped_artificialisation_rule(context.payload["rule"])
    layer = prediction.model.campaign.layer
    inputs, covers = usage_inputs(layer, rule), covers_of(prediction, rule)
    plan = _threshold_plan(prediction, rule, inputs)
    reader = GroundReader(prediction.path("class.tif"), layer, inputs, covers)
    kinds = Kinds(covers=covers, rule=rule)
    sampled = _sampled(prediction, inputs)
    territories = _Territories(layer, plan.grid)
    raster = plan.work_dir / "kinds.tif"
    with _kinds_file(plan, layer, raster) as write:
        for found in judged_blocks(
            plan, reader.ground,
            on_progress=lambda share: context.progress(JUDGED * share, "Passing the thresholds of the decree."),
        ):  # fmt: skip
            block = found.block
            classes, usage = reader.classes_and_usage(block.top, block.left, block.height, block.width)
            keys = kinds.keys(classes, usage, found.state, found.criterion)
            kinds.count(keys)
            territories.count(block, keys)
            write(kinds.values(keys), block)
    polygons = _polygon_plan(prediction, rule, kinds, raster, plan.card)
    draw_blocks(
        polygons,
        on_progress=lambda share: context.progress(JUDGED + (DRAWN - JUDGED) * share, "Drawing polygons."),
    )
    context.progress(DRAWN, "Writing the files.")
    files, n_polygons = _write_files(context, prediction, polygons, kinds, inputs)
    made = finish_artificialisation(
        prediction=prediction,
        inputs=inputs,
        counts=kinds.rows(kinds.pixels),
        estimate=None if sampled is None else sampled.estimate(),
        territories=territories.rows(kinds, sampled),
        files=files,
        job=context.job,
    )
    for folder in (plan.work_dir, polygons.work_dir):
        remove_work_dir(folder)
    want_territory_figures(campaign=prediction.model.campaign)
    return {"artificialisation": made.pk, "polygons": n_polygons, "territories": made.territories.count()}


def _sampled(prediction: Prediction, inputs: UsageInputs) -> SampledGround | None:
    """Places that people labelled, with what the rule says of what they saw."""
    campaign = prediction.model.campaign
    sampled = sampled_ground(campaign)
    if sampled is not None:
        covers = covers_of_codes(campaign.nomenclature, sampled.codes, inputs.rule)
        sampled.judge(GroundReader(prediction.path("class.tif"), campaign.layer, inputs, covers).state_of)
    return sampled


def _threshold_plan(prediction: Prediction, rule: ArtificialisationRule, inputs: UsageInputs) -> ThresholdPlan:
    layer = prediction.model.campaign.layer
    made_of = [file_sha256(prediction.path("class.tif")), rule.text, inputs.sha256, BLOCK_PX]
    pixel_area_m2 = layer.gsd_m**2
    with rasterio.open(prediction.path("class.tif"), driver="GTiff") as dataset:
        grid = BlockGrid(dataset.height, dataset.width, BLOCK_PX)
    return ThresholdPlan(
        grid=grid,
        patch_px=least_pixels(rule.patch_m2, pixel_area_m2=pixel_area_m2),
        building_px=least_pixels(rule.building_m2, pixel_area_m2=pixel_area_m2),
        linear_px=rule.linear_width_m / layer.gsd_m,
        work_dir=prediction.path("artificialisation.pass"),
        card=json.dumps(made_of),
    )


@contextmanager
def _kinds_file(plan: ThresholdPlan, layer: ImageryLayer, path: Path) -> Iterator[Any]:
    """A writer of blocks into a raster beside the blocks of the pass, which is begun anew."""
    profile = {
        "driver": "GTiff", "width": plan.grid.width, "height": plan.grid.height, "count": 1, "dtype": "uint8",
        "nodata": 0, "crs": layer.crs, "transform": Affine(*layer.transform), "tiled": True, "blockxsize": 512,
        "blockysize": 512, "compress": "deflate", "bigtiff": "IF_SAFER",
    }  # fmt: skip
    out: Any = None

    def write(values: NDArray[np.uint8], block: Block) -> None:
        nonlocal out
        if out is None:  # the pass makes the folder
            out = rasterio.open(path, "w", **profile)
        out.write(values, 1, window=rasterio.windows.Window(block.left, block.top, block.width, block.height))

    try:
        yield write
    finally:
        if out is not None:
            out.close()


def _polygon_plan(
    prediction: Prediction, rule: ArtificialisationRule, kinds: Kinds, raster: Path, card: str
) -> PolygonPlan:
    """Kinds of ground as polygons: specks go to the neighbour that is most alike, of the same state first."""
    layer = prediction.model.campaign.layer
    least = least_pixels(rule.polygon_minimum_m2, pixel_area_m2=layer.gsd_m**2)
    with rasterio.open(raster, driver="GTiff") as dataset:
        height, width = dataset.shape
    return PolygonPlan(
        source=raster,
        width=width,
        height=height,
        zones=None,
        class_codes=tuple(map(str, kinds.order)),
        minimum_px=np.array([[1] + [max(1, least)] * len(kinds.order)], np.int64),
        distance=kind_distances(kinds.order),
        tolerance_px=rule.simplify_m / layer.gsd_m,
        work_dir=prediction.path("artificialisation.blocks"),
        fingerprint=hashlib.sha256(card.encode()).hexdigest(),
        block_px=BLOCK_PX,
    )


def _write_files(
    context: JobContext, prediction: Prediction, plan: PolygonPlan, kinds: Kinds, inputs: UsageInputs
) -> tuple[dict[str, dict[str, Any]], int]:
    """GeoParquet, GeoPackage and the rule, in place."""
    layer, model = prediction.model.campaign.layer, prediction.model
    facts = ArtificialisationFacts(
        crs=layer.crs,
        kinds=[kinds.kind(key) for key in kinds.order],
        class_codes=list(model.class_codes),
        m_per_unit=layer.gsd_m / abs(layer.transform[0]),
        vintage=layer.vintage,
        source="; ".join([f"{model.version} ({model.campaign.slug})", *(_words(one) for one in inputs.sources)]),
        criteria=inputs.rule.criteria,
    )
    partial = {suffix: plan.work_dir / f"{context.job.fence}.{suffix}" for suffix in ("parquet", "gpkg")}
    count = write_artificialisation(partial["parquet"], joined(plan, transform=Affine(*layer.transform)), facts=facts)
    partial["gpkg"].unlink(missing_ok=True)
    changed_at = prediction.finished_at or prediction.created_at
    copy_to_gpkg(partial["parquet"], partial["gpkg"], layer=LAYER, crs=layer.crs, changed_at=changed_at)
    names = {suffix: f"artificialisation.{suffix}" for suffix in partial}
    for suffix, path in partial.items():
        publish(path, prediction.path(names[suffix]))
    rule_name = "artificialisation.rule.json"
    write_durably(prediction.path(rule_name), inputs.rule.text.encode())
    there = [prediction.path(name) for name in (*names.values(), rule_name)]
    return {path.name: {"sha256": file_sha256(path), "bytes": path.stat().st_size} for path in there}, count


def _words(source: dict[str, Any]) -> str:
    return f"{source['kind']}: {source['source']}, {source['as_of']}"


class _Territories:
    """Pixels by kind within each territory that the layer covers."""

    def __init__(self, layer: ImageryLayer, grid: BlockGrid) -> None:
        self._windows = TerritoryWindows(layer, side_px=grid.block_px)
        self._found: dict[int, NDArray[np.int64]] = {}

    def count(self, block: Block, keys: NDArray[np.int64]) -> None:
        """Count one more block."""
        for number, inside in self._windows.within(
            top=block.top, left=block.left, height=block.height, width=block.width
        ):
            found = Kinds.pixels_of(keys[inside])
            self._found[number] = self._found[number] + found if number in self._found else found

    def rows(self, kinds: Kinds, sampled: SampledGround | None) -> dict[int, Counted]:
        """What was counted, by territory."""
        return {
            number: Counted(
                counts=kinds.rows(found),
                ground_px=self._windows.ground_px[number],
                estimate=None if sampled is None else sampled.estimate(self._windows.holds(number, sampled.places)),
            )
            for number, found in self._found.items()
        }
