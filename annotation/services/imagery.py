"""Imagery layers: importing files by a job, and registering the layer once everything is in place."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.gis.geos import Polygon
from django.db import IntegrityError, transaction

from annotation.errors import NameTaken, UserError
from annotation.models import ImageryLayer, Job
from annotation.raster.isolated_ingest import plan_isolated
from annotation.raster.layer_files import LayerFiles
from annotation.services.imagery_sources import ImportedFile, add_sources, next_number
from annotation.services.jobs import enqueue_job

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KNOWN_LICENCES = ("etalab-2.0", "ODbL-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC0-1.0", "other")


def start_import(
    *,
    paths: Sequence[str],
    slug: str,
    title: str,
    vintage: int,
    licence: str,
    attribution: str,
    acquired_on: date | None = None,
    dates: Sequence[date | None] | None = None,
    crs: str | None = None,
    transform: Sequence[float] | None = None,
    band_names: Sequence[str] | None = None,
    stack: Sequence[Mapping[str, Any]] = (),
    owner: User | None = None,
) -> Job:
    """Check the files' headers, then queue their rewriting as our own.

    Args:
        dates: the day of each file, where they differ; a file without one has the layer's, `acquired_on`.
        stack: other files of the same ground, some bands of which are added: {"paths", "bands"} for each set.

    Raises: NameTaken, UserError (vintage or licence), UnusableRaster and its subclasses, JobAlreadyRunning.
    """
    if ImageryLayer.objects.filter(slug=slug).exists():
        raise NameTaken(f"An imagery layer {slug!r} exists: choose another --layer.")
    if not 1900 <= vintage <= 2100:
        raise UserError(f"The vintage is {vintage}: give the year of the imagery, such as 2022.")
    if licence not in KNOWN_LICENCES:
        raise UserError(f"The licence is {licence!r}: choose one of {', '.join(KNOWN_LICENCES)}.")
    if not attribution.strip():
        raise UserError("The attribution is empty: name who made the imagery, as every map must show it.")
    plan_isolated(
        paths,
        crs=crs,
        transform=transform,
        band_names=band_names,
        stack=stack,
        require_isolation=settings.REQUIRE_SANDBOX,
    )
    payload: dict[str, Any] = {
        "paths": [str(Path(path).absolute()) for path in paths],
        "slug": slug,
        "title": title,
        "vintage": vintage,
        "licence": licence,
        "attribution": attribution,
        "acquired_on": acquired_on.isoformat() if acquired_on else None,
        "dates": _days(paths, dates, acquired_on),
        "stack": _stack(stack),
        "crs": crs,
        "transform": list(transform) if transform is not None else None,
        "band_names": list(band_names) if band_names is not None else None,
    }
    return enqueue_job(kind="import_imagery", payload=payload, owner=owner, key=slug)


def start_replacement(
    *,
    paths: Sequence[str],
    layer: ImageryLayer,
    acquired_on: date | None = None,
    dates: Sequence[date | None] | None = None,
    band_names: Sequence[str] | None = None,
    stack: Sequence[Mapping[str, Any]] = (),
    owner: User | None = None,
) -> Job:
    """Check that files fit a layer, then queue the replacement of its ground by theirs.

    They are seen where they are at least as new as what is there; a file without a date is older than any with one.

    Raises: UnusableRaster and its subclasses, JobAlreadyRunning.
    """
    plan_isolated(
        paths,
        band_names=band_names,
        stack=stack,
        onto=LayerFiles.load(layer.path("")),
        first_number=next_number(layer),
        require_isolation=settings.REQUIRE_SANDBOX,
    )
    payload = {
        "layer": layer.pk,
        "base_version": layer.version,
        "paths": [str(Path(path).absolute()) for path in paths],
        "dates": _days(paths, dates, acquired_on),
        "stack": _stack(stack),
        "band_names": list(band_names) if band_names is not None else None,
    }
    return enqueue_job(kind="replace_ground", payload=payload, owner=owner, key=layer.slug)


def _stack(stack: Sequence[Mapping[str, Any]]) -> list[dict[str, list[str]]]:
    def absolute(paths: Sequence[str]) -> list[str]:
        return [str(Path(path).absolute()) for path in paths]

    return [{"paths": absolute(part["paths"]), "bands": list(part["bands"])} for part in stack]


def _days(paths: Sequence[str], dates: Sequence[date | None] | None, acquired_on: date | None) -> list[str | None]:
    """The day of each file. Raises UserError."""
    if dates is not None and len(dates) != len(paths):
        raise UserError(f"{len(dates)} dates were given for {len(paths)} files: give one for each, or one for all.")
    days = [day or acquired_on for day in dates or [None] * len(paths)]
    return [None if day is None else day.isoformat() for day in days]


def register_layer(
    *,
    files: LayerFiles,
    payload: dict[str, Any],
    owner: User | None,
    sources: Sequence[ImportedFile] = (),
    shown_px: Mapping[int, int] | None = None,
) -> ImageryLayer:
    """Make an imported folder a layer. Without the row, the folder does not exist for anyone.

    Args: sources, shown_px: as for `add_sources`.

    Raises: NameTaken (the folder is removed).
    """
    west, south, east, north = files.grid.bounds_wgs84
    try:
        with transaction.atomic():
            layer = ImageryLayer.objects.create(
                slug=payload["slug"],
                title=payload["title"],
                vintage=payload["vintage"],
                acquired_on=date.fromisoformat(payload["acquired_on"]) if payload["acquired_on"] else None,
                licence=payload["licence"],
                attribution=payload["attribution"],
                crs=files.grid.crs,
                transform=list(files.grid.transform),
                width=files.grid.width,
                height=files.grid.height,
                gsd_m=files.gsd_m,
                bands=files.bands,
                dtype=files.dtype,
                nodata=files.nodata,
                folder=files.folder.name,
                files=files.sha256,
                stretch={name: list(bounds) for name, bounds in files.stretch.items()},
                footprint=Polygon.from_bbox((west, south, east, north)),
                created_by=owner,
            )
            add_sources(layer=layer, sources=sources, shown_px=shown_px)
            layer.refresh_from_db()
            return layer
    except IntegrityError:
        shutil.rmtree(files.folder, ignore_errors=True)
        raise NameTaken(f"An imagery layer {payload['slug']!r} was made meanwhile: choose another --layer.") from None
