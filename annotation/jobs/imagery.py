"""Job "import_imagery": foreign files are rewritten in the sandbox, then the layer appears at once."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from annotation.jobs.registry import job
from annotation.models import ImageryLayer
from annotation.raster.cell_import import Workers, import_cells
from annotation.raster.isolated_ingest import plan_isolated, rewrite_isolated
from annotation.raster.layer_files import DESCRIPTION_NAME, LayerFiles
from annotation.services.imagery import register_layer
from annotation.services.jobs import JobContext


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
        require_isolation=settings.REQUIRE_SANDBOX,
    )
    folder = import_folder(payload["slug"], plan)
    files = _small_layer(context, folder) if _is_small(plan) else _cells(context, plan, folder)
    layer = register_layer(files=files, payload=payload, owner=context.job.owner)
    return layer_result(layer, files.notes)


def import_folder(slug: str, plan: Mapping[str, Any]) -> Path:
    """Where an import of these files writes: the same for the next attempt at the same; other attempts are removed."""
    states = [Path(source["path"]).stat() for source in plan["sources"]]
    told = json.dumps([plan, settings.IMAGERY_CELL_PX, [[state.st_size, state.st_mtime_ns] for state in states]])
    root = Path(settings.IMAGERY_DIR)
    folder = root / f"{slug}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    root.mkdir(parents=True, exist_ok=True)
    for other in root.iterdir():
        if re.fullmatch(rf"{re.escape(slug)}-[0-9a-f]{{12}}\.partial", other.name) and other.stem != folder.name:
            shutil.rmtree(other, ignore_errors=True)
    return folder


def _is_small(plan: Mapping[str, Any]) -> bool:
    """Whether one file holds the layer: it fits in a cell."""
    return max(plan["width"], plan["height"]) <= int(settings.IMAGERY_CELL_PX)


def _small_layer(context: JobContext, folder: Path) -> LayerFiles:
    if (folder / DESCRIPTION_NAME).exists():
        return LayerFiles.load(folder)
    return rewrite_isolated(
        context.payload["paths"],
        out_dir=folder,
        crs=context.payload["crs"],
        transform=context.payload["transform"],
        band_names=context.payload["band_names"],
        progress=lambda share: context.progress(0.98 * share, "Rewriting the imagery as our own files"),
        require_isolation=settings.REQUIRE_SANDBOX,
    )


def _cells(context: JobContext, plan: Mapping[str, Any], folder: Path) -> LayerFiles:
    return import_cells(
        plan,
        out_dir=folder,
        cell_px=settings.IMAGERY_CELL_PX,
        workers=Workers(settings.IMPORT_PROCESSES, require_isolation=settings.REQUIRE_SANDBOX),
        progress=lambda share, message: context.progress(0.98 * share, message),
    )


def layer_result(layer: ImageryLayer, notes: list[str]) -> dict[str, Any]:
    """What the command and the API report of an import."""
    return {
        "layer": layer.slug,
        "width": layer.width,
        "height": layer.height,
        "gsd_m": layer.gsd_m,
        "crs": layer.crs,
        "bands": layer.bands,
        "notes": notes,
    }
