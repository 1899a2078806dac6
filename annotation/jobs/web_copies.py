"""Job "write_web_copy": a layer that was imported before web copies were written gets its own."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from annotation.jobs.registry import job
from annotation.models import ImageryLayer
from annotation.raster.layer_files import WEB_NAME
from annotation.raster.sandbox import run_in_sandbox
from annotation.services.imagery import note_web_copy
from annotation.services.jobs import JobContext


@job("write_web_copy")
def write_web_copy(context: JobContext) -> dict[str, Any]:
    """Write the copy beside the layer's files, then name it. Resumed, it starts over or finds it named."""
    layer = ImageryLayer.objects.get(slug=context.payload["slug"])
    if WEB_NAME not in layer.files:
        digest = run_in_sandbox(
            "annotation.raster.web_copy.add_web_copy",
            {"folder": str(layer.path("").resolve()), "threads": settings.IMPORT_PROCESSES},
            on_progress=lambda share: context.progress(0.98 * share, "Writing the copy for web maps"),
            require_isolation=settings.REQUIRE_SANDBOX,
        )
        layer = note_web_copy(layer=layer, sha256=digest)
    return {"layer": layer.slug, "sha256": layer.files.get(WEB_NAME, "")}
