"""Jobs "import_imagery" and "replace_ground": foreign files are rewritten in the sandbox, then shown at once."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from annotation.errors import ImageryChanged
from annotation.jobs.registry import job
from annotation.models import ImageryLayer, SourceFile
from annotation.raster import plans
from annotation.raster.cell_import import Earlier, Workers, import_cells
from annotation.raster.cells import CellIndex
from annotation.raster.errors import SourceChanged
from annotation.raster.ground import day_number
from annotation.raster.isolated_ingest import plan_isolated, rewrite_isolated
from annotation.raster.layer_files import DESCRIPTION_NAME, LayerFiles, sha256_of
from annotation.services.imagery import register_layer
from annotation.services.imagery_sources import ImportedFile, next_number, replace_ground
from annotation.services.jobs import JobContext

CELLS_END, HASHES_END = 0.9, 0.99


@job("import_imagery")
def import_imagery(context: JobContext) -> dict[str, Any]:
    """Rewrite, then register. Resumed after a crash or a cancelled attempt, it goes on from the last finished cell."""
    payload = context.payload
    known = ImageryLayer.objects.filter(slug=payload["slug"]).first()
    if known is not None:
        return layer_result(known, [])
    plan = plan_isolated(
        payload["paths"],
        crs=payload["crs"],
        transform=payload["transform"],
        band_names=payload["band_names"],
        dates=payload.get("dates"),
        stack=payload.get("stack", ()),
        require_isolation=settings.REQUIRE_SANDBOX,
    )
    states = file_states(plan)
    folder = import_folder(payload["slug"], plan, states)
    files = _small_layer(context, folder) if is_small(plan) else _cells(context, plan, folder, None)
    sources = _imported(context, plan, states)
    layer = register_layer(
        files=files, payload=payload, owner=context.job.owner, sources=sources, shown_px=shown_px(files)
    )
    return layer_result(layer, files.notes)


@job("replace_ground")
def replace_layer_ground(context: JobContext) -> dict[str, Any]:
    """Write the cells that newer files touch beside the layer's own, then show all of it in one transaction."""
    payload = context.payload
    layer = ImageryLayer.objects.get(pk=payload["layer"])
    done = layer.sources.filter(layer_version=payload["base_version"] + 1)  # type: ignore[attr-defined]
    if layer.version == payload["base_version"] + 1 and done.count() == len(payload["paths"]):
        return layer_result(layer, [])  # the worker died after the transaction
    earlier = earlier_version(layer)
    plan = plan_isolated(
        payload["paths"],
        band_names=payload["band_names"],
        dates=payload["dates"],
        stack=payload["stack"],
        first_number=next_number(layer),
        onto=earlier.files,
        require_isolation=settings.REQUIRE_SANDBOX,
    )
    states = file_states(plan)
    folder = import_folder(layer.slug, [plan, layer.folder], states)
    files = _cells(context, plan, folder, earlier)
    shown = shown_px(files) or {}
    sources = _imported(context, plan, states)
    try:
        layer = replace_ground(
            layer=layer, base_version=payload["base_version"], files=files, sources=sources, shown_px=shown
        )
    except ImageryChanged:
        shutil.rmtree(files.folder, ignore_errors=True)
        raise
    unseen = [source["path"] for source in plan["sources"] if not shown.get(source["number"])]
    notes = [f"{Path(path).name} shows nothing: what lies on its ground is newer." for path in unseen]
    return layer_result(layer, [*files.notes, *notes])


def earlier_version(layer: ImageryLayer) -> Earlier:
    """What an import finds beneath it: the layer's files and the day of each of its sources."""
    rows = list(SourceFile.objects.filter(layer=layer, adds_bands=False).values_list("number", "acquired_on"))
    days = {number: day_number(day) for number, day in rows}
    # Pixels of which no file says the source are of an import whose files were all of one day.
    return Earlier(
        LayerFiles.load(layer.path("").resolve()),
        {0: day_number(layer.acquired_on), **days},
        sole=rows[0][0] if len(rows) == 1 else 0,
    )


def file_states(plan: Mapping[str, Any]) -> list[list[int]]:
    """Size and time of each file of a plan: what tells that it is still the same."""
    return [_state(source.path) for source in plans.from_json(plan).files]


def import_folder(slug: str, plan: Any, states: list[list[int]]) -> Path:
    """Where an import of these files writes: the same for the next attempt at the same; other attempts are removed."""
    told = json.dumps([plan, settings.IMAGERY_CELL_PX, states])
    root = Path(settings.IMAGERY_DIR)
    folder = root / f"{slug}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    root.mkdir(parents=True, exist_ok=True)
    for other in root.iterdir():
        if re.fullmatch(rf"{re.escape(slug)}-[0-9a-f]{{12}}\.partial", other.name) and other.stem != folder.name:
            shutil.rmtree(other, ignore_errors=True)
    return folder


def is_small(plan: Mapping[str, Any]) -> bool:
    """Whether one file holds the layer: it fits in a cell, no day tells two files apart, and none is stacked."""
    days = {source["acquired_on"] for source in plan["sources"]}
    fits = max(plan["width"], plan["height"]) <= int(settings.IMAGERY_CELL_PX)
    return fits and len(days) == 1 and not plan["stack"]


def shown_px(files: LayerFiles) -> dict[int, int] | None:
    """Pixels that each source shows in a layer of cells, by number."""
    if not files.is_cells:
        return None
    total: Counter[int] = Counter()
    for cell in CellIndex.load(files.analysis_path).cells.values():
        total.update(cell.shown_px)
    return dict(total)


def _small_layer(context: JobContext, folder: Path) -> LayerFiles:
    if (folder / DESCRIPTION_NAME).exists():
        return LayerFiles.load(folder)
    return rewrite_isolated(
        context.payload["paths"],
        out_dir=folder,
        crs=context.payload["crs"],
        transform=context.payload["transform"],
        band_names=context.payload["band_names"],
        progress=lambda share: context.progress(CELLS_END * share, "Rewriting the imagery as our own files"),
        require_isolation=settings.REQUIRE_SANDBOX,
    )


def _cells(context: JobContext, plan: Mapping[str, Any], folder: Path, earlier: Earlier | None) -> LayerFiles:
    return import_cells(
        plan,
        out_dir=folder,
        cell_px=settings.IMAGERY_CELL_PX,
        earlier=earlier,
        workers=Workers(settings.IMPORT_PROCESSES, require_isolation=settings.REQUIRE_SANDBOX),
        progress=lambda share, message: context.progress(CELLS_END * share, message),
    )


def _imported(context: JobContext, plan: Mapping[str, Any], states: list[list[int]]) -> list[ImportedFile]:
    """The files as they are written down; their bytes are read, not decoded. Raises SourceChanged."""
    report = plans.from_json(plan)
    placed = [(source, 1, (0, 0)) for source in report.sources]
    placed += [(source, part.ratio, part.offset_px) for part in report.stack for source in part.plan.sources]
    found = []
    for order, ((source, ratio, (col, row)), state) in enumerate(zip(placed, states, strict=True)):
        share = CELLS_END + (HASHES_END - CELLS_END) * order / len(states)
        context.progress(share, f"Hashing the files: {order} of {len(states)}")
        digest = sha256_of(source.path)
        if _state(source.path) != state:
            raise SourceChanged(f"{source.path.name} was changed while it was imported. Import the files again.")
        found.append(
            ImportedFile(
                number=source.number,
                name=source.path.name,
                size_bytes=state[0],
                sha256=digest,
                acquired_on=source.acquired_on,
                col=col + ratio * source.offset_px[0],
                row=row + ratio * source.offset_px[1],
                width=ratio * source.width,
                height=ratio * source.height,
                adds_bands=order >= len(report.sources),
            )
        )
    return found


def _state(path: Path) -> list[int]:
    state = path.stat()
    return [state.st_size, state.st_mtime_ns]


def layer_result(layer: ImageryLayer, notes: list[str]) -> dict[str, Any]:
    """What the command and the API report of an import."""
    return {
        "layer": layer.slug,
        "version": layer.version,
        "width": layer.width,
        "height": layer.height,
        "gsd_m": layer.gsd_m,
        "crs": layer.crs,
        "bands": layer.bands,
        "notes": notes,
    }
