"""The "vectorise" job: polygons of a class map that share their edges, as GeoParquet, GeoPackage and vector tiles."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rasterio

from annotation.core.themes import national_code
from annotation.jobs.registry import job
from annotation.services.jobs import JobContext
from learning.core.durable import publish, write_durably
from learning.core.map_plan import remove_work_dir
from learning.core.polygons.join import joined
from learning.core.polygons.plan import BLOCK_PX, PolygonPlan
from learning.core.polygons.rule import PolygonRule, shipped_rule, tree_distances
from learning.core.polygons.run import draw_blocks
from learning.errors import UnusableClassMap
from learning.jobs.blocks import Blocks
from learning.jobs.forecast import Forecast
from learning.jobs.shards import SharedOut
from learning.models import Prediction
from learning.release.manifest import file_sha256
from learning.release.map_polygons import ClassText, MapFacts, PolygonCount, write_map_gpkg, write_map_parquet
from learning.release.polygon_tiles import write_polygon_tiles
from learning.services.class_changes import classes_ever
from learning.services.polygons import KIND, class_map_of, finish_polygons

ZONES = "zones.tif"  # beside the layer's analysis.tif and on its grid, where an operator has put it
DRAWN, JOINED, COPIED = 0.8, 0.9, 0.93  # shares of the progress bar


@job(KIND)
def vectorise(context: JobContext) -> dict[str, Any]:
    """Make the polygons of a map; a worker that takes over goes on with the block that the last one was at."""
    prediction = Prediction.objects.select_related(
        "model__campaign__layer", "model__campaign__nomenclature", "model__run__training_set", "model__origin"
    ).get(pk=context.payload["prediction"])
    whole = context.payload["with_control_tiles"]
    rule = shipped_rule(context.payload["rule"])
    kind = "whole" if whole else "public"
    plan = plan_of(prediction, rule, with_control_tiles=whole, work_dir=prediction.path(f"polygons_{kind}.blocks"))
    _draw(context, prediction, plan)
    names = {suffix: f"polygons_{kind}.{suffix}" for suffix in ("parquet", "gpkg", "pmtiles", "rule.json")}
    count = _write_files(context, prediction, plan, rule, names)
    made = finish_polygons(
        prediction=prediction,
        with_control_tiles=whole,
        rule=rule,
        files={
            name: {"sha256": file_sha256(prediction.path(name)), "bytes": prediction.path(name).stat().st_size}
            for name in names.values()
        },
        figures={
            "polygons": count.polygons,
            "area_m2": count.area_m2,
            "narrow": count.narrow,
            "exceptions": dict(count.exceptions),
            "zones": plan.zones is not None,
            "without_zones": dict(rule.zone_names[rule.without_zones]),
        },
        job=context.job,
    )
    remove_work_dir(plan.work_dir)
    return {"polygon_map": made.pk, "polygons": count.polygons, "exceptions": dict(count.exceptions)}


def _draw(context: JobContext, prediction: Prediction, plan: PolygonPlan) -> None:
    """All blocks, by whoever there is to do them."""
    forecast = Forecast()

    def on_progress(share: float) -> None:
        context.progress(DRAWN * share, f"Drawing polygons.{forecast.words(share)}")

    def do_all(step: str, told: Callable[[float], None]) -> None:
        SharedOut(context, Blocks(prediction, plan, step), told).complete()

    draw_blocks(plan, do_all=do_all, on_progress=on_progress)


def plan_of(prediction: Prediction, rule: PolygonRule, *, with_control_tiles: bool, work_dir: Path) -> PolygonPlan:
    """What is to be made of a prediction. Raises: UnusableClassMap: the zones lie on another grid."""
    campaign, name = prediction.model.campaign, class_map_of(prediction, with_control_tiles=with_control_tiles)
    layer, codes = campaign.layer, tuple(prediction.model.class_codes)
    parents = {code: item.parent_code or None for code, item in classes_ever(campaign).items()}
    units = [
        rule.unit(code, nomenclature=campaign.nomenclature.code, ancestors=_above(code, parents)) for code in codes
    ]
    source, zones = prediction.path(name), layer.path(ZONES)
    made_of = [file_sha256(source), rule.text, file_sha256(zones) if zones.exists() else ""]
    with rasterio.open(source, driver="GTiff") as dataset:
        width, height = dataset.width, dataset.height
    if zones.exists():
        with rasterio.open(zones, driver="GTiff") as dataset:
            if (dataset.width, dataset.height) != (width, height):
                raise UnusableClassMap(
                    f"{ZONES} of layer {layer.slug} has {dataset.width} × {dataset.height} px and the map "
                    f"{width} × {height}: write it on the grid of analysis.tif, or remove it."
                )
    return PolygonPlan(
        source=source,
        width=width,
        height=height,
        zones=zones if zones.exists() else None,
        class_codes=codes,
        minimum_px=rule.minimum_px(units, pixel_area_m2=layer.gsd_m**2),
        distance=tree_distances(parents, codes),
        tolerance_px=rule.simplify_m / layer.gsd_m,
        work_dir=work_dir,
        fingerprint=hashlib.sha256("\n".join(made_of).encode()).hexdigest(),
        block_px=BLOCK_PX,
    )


def facts_of(prediction: Prediction, rule: PolygonRule) -> MapFacts:
    """What is written beside each polygon of a prediction."""
    campaign = prediction.model.campaign
    layer, nomenclature = campaign.layer, campaign.nomenclature
    classes = classes_ever(campaign)
    parents = {code: item.parent_code or None for code, item in classes.items()}
    texts = [
        ClassText(
            code=code,
            label_fr=classes[code].name.get("fr", code),
            label_en=classes[code].name.get("en", code),
            width_m=rule.unit(code, nomenclature=nomenclature.code, ancestors=_above(code, parents)).width_m,
            national_code=national_code(code) if nomenclature.extends_id else "",
        )
        for code in prediction.model.class_codes
    ]
    return MapFacts(
        crs=layer.crs, classes=texts, m_per_unit=layer.gsd_m / abs(layer.transform[0]), vintage=layer.vintage,
        model=prediction.model.version,
    )  # fmt: skip


def _above(code: str, parents: dict[str, str | None]) -> list[str]:
    """Codes above a class, nearest first."""
    above: list[str] = []
    while (parent := parents.get(above[-1] if above else code)) is not None:
        above.append(parent)
    return above


def _write_files(
    context: JobContext, prediction: Prediction, plan: PolygonPlan, rule: PolygonRule, names: dict[str, str]
) -> PolygonCount:
    """The files and the rule, in place; whoever writes them, the same bytes."""

    def on_block(number: int) -> None:
        context.progress(DRAWN + (JOINED - DRAWN) * (number + 1) / plan.n_blocks, "Joining polygons over the seams.")

    def on_tiles(share: float) -> None:
        context.progress(COPIED + (1 - COPIED) * share, "Writing vector tiles.")

    facts, transform = facts_of(prediction, rule), rasterio.Affine(*prediction.model.campaign.layer.transform)
    polygons = joined(plan, transform=transform, on_block=on_block)
    partial = {suffix: plan.work_dir / f"{context.job.fence}.{suffix}" for suffix in ("parquet", "gpkg", "pmtiles")}
    count = write_map_parquet(partial["parquet"], polygons, facts=facts)
    context.progress(JOINED, "Writing the GeoPackage.")
    partial["gpkg"].unlink(missing_ok=True)
    # Of the map, so that made again the file is the same.
    changed_at = prediction.finished_at or prediction.created_at
    write_map_gpkg(partial["parquet"], partial["gpkg"], crs=facts.crs, changed_at=changed_at)
    pixel_crs = abs(transform.a)
    write_polygon_tiles(partial["parquet"], partial["pmtiles"], facts=facts, pixel_crs=pixel_crs, on_progress=on_tiles)
    for suffix, path in partial.items():
        publish(path, prediction.path(names[suffix]))
    write_durably(prediction.path(names["rule.json"]), rule.text.encode())
    return count
