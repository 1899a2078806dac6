"""Job "import_imagery": foreign files are rewritten in the sandbox, then the layer appears at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings

from annotation.jobs.registry import job
from annotation.models import ImageryLayer
from annotation.raster.isolated_ingest import rewrite_isolated
from annotation.raster.layer_files import DESCRIPTION_NAME, LayerFiles
from annotation.services.imagery import register_layer
from annotation.services.jobs import JobContext


@job("import_imagery")
def import_imagery(context: JobContext) -> dict[str, Any]:
    """Rewrite, then register. Resumed after a crash, it starts the rewriting over or finds it done."""
    payload = context.payload
    known = ImageryLayer.objects.filter(slug=payload["slug"]).first()
    if known is not None:
        return layer_result(known, [])
    folder = Path(settings.IMAGERY_DIR) / f"{payload['slug']}-{str(context.job.id)[:8]}"
    if (folder / DESCRIPTION_NAME).exists():
        files = LayerFiles.load(folder)
    else:
        folder.parent.mkdir(parents=True, exist_ok=True)
        files = rewrite_isolated(
            payload["paths"],
            out_dir=folder,
            crs=payload["crs"],
            transform=payload["transform"],
            band_names=payload["band_names"],
            progress=lambda fraction: context.progress(0.98 * fraction, "Rewriting the imagery as our own files"),
            require_isolation=settings.REQUIRE_SANDBOX,
        )
    layer = register_layer(files=files, payload=payload, owner=context.job.owner)
    return layer_result(layer, files.notes)


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
