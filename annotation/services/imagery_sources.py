"""The files that layers are made of: their rows, and the one transaction in which ground is replaced."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.gis.geos import GEOSGeometry, MultiPolygon, Polygon
from django.db import transaction

from annotation.core.grid import PixelGrid
from annotation.errors import ImageryChanged, UserError
from annotation.models import ImageryLayer, MosaicPiece, SourceFile
from annotation.raster.sandbox import run_in_sandbox
from annotation.services.pairs import pairs_with, want_measured

if TYPE_CHECKING:
    from annotation.raster.layer_files import LayerFiles

PIECES_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """A file as it was imported: its place is in the layer's pixels; `adds_bands`: stacked on others."""

    number: int
    name: str
    size_bytes: int
    sha256: str
    acquired_on: date | None
    col: int
    row: int
    width: int
    height: int
    adds_bands: bool = False


def add_sources(*, layer: ImageryLayer, sources: Sequence[ImportedFile], shown_px: Mapping[int, int] | None) -> None:
    """Write down the files that an import brought; called in the transaction that shows them.

    Args: shown_px: pixels of the whole layer by source number, None where they were not counted.
    """
    SourceFile.objects.bulk_create(
        SourceFile(
            layer=layer,
            number=source.number,
            name=source.name[:255],
            size_bytes=source.size_bytes,
            sha256=source.sha256,
            bands=layer.bands,
            acquired_on=source.acquired_on,
            footprint=footprint_of(layer.pixel_grid, source.col, source.row, source.width, source.height),
            layer_version=layer.version,
            adds_bands=source.adds_bands,
        )
        for source in sources
    )
    if shown_px is not None:
        rows = list(SourceFile.objects.filter(layer=layer, adds_bands=False))
        for row in rows:
            if 0 in shown_px and row.shown_px is None and row.number not in shown_px:
                continue  # among those that an import of several files into one did not tell apart
            row.shown_px = shown_px.get(row.number, 0)
            row.state = SourceFile.State.SHOWN if row.shown_px else SourceFile.State.HIDDEN
        SourceFile.objects.bulk_update(rows, ["shown_px", "state"], batch_size=1000)
    days = set(SourceFile.objects.filter(layer=layer).values_list("acquired_on", flat=True))
    if days - {None, layer.acquired_on}:
        ImageryLayer.objects.filter(pk=layer.pk).update(dated_by_ground=True)


@transaction.atomic
def replace_ground(
    *,
    layer: ImageryLayer,
    base_version: int,
    files: LayerFiles,
    sources: Sequence[ImportedFile],
    shown_px: Mapping[int, int],
) -> ImageryLayer:
    """Show a layer as an import of newer files left it: every reader who looks from now on sees all of it.

    Who reads the version before goes on with its files, which stay until the next replacement. How far the layer lies
    from those it is paired with is measured again by jobs.
    Raises: ImageryChanged (another import was first; import again).
    """
    locked = ImageryLayer.objects.select_for_update().get(pk=layer.pk)
    if locked.folder == files.folder.name:
        return locked
    if locked.version != base_version:
        raise ImageryChanged(
            f"The ground of {locked.slug} was replaced meanwhile: it has version {locked.version}, this import was "
            f"made on version {base_version}. Import the files again."
        )
    forgotten = locked.earlier_folder
    locked.earlier_folder, locked.folder = locked.folder, files.folder.name
    locked.files, locked.version = files.sha256, base_version + 1
    locked.save(update_fields=["earlier_folder", "folder", "files", "version"])
    add_sources(layer=locked, sources=sources, shown_px=shown_px)
    if forgotten:
        transaction.on_commit(lambda: shutil.rmtree(Path(settings.IMAGERY_DIR) / forgotten, ignore_errors=True))
    locked.refresh_from_db()
    want_measured(pairs_with(locked))
    return locked


def read_mosaic_graph(path: str, *, date_field: str | None = None) -> list[tuple[date, MultiPolygon]]:
    """The pieces of a GeoPackage with their days, read in the sandbox.

    Raises: UnusableMosaicGraph, NotALocalFile, and the errors of `run_in_sandbox`.
    """
    pieces: list[tuple[date, MultiPolygon]] = []
    begin: int | None = 0
    while begin is not None:
        answer = run_in_sandbox(
            "annotation.raster.mosaic_graph.read_pieces",
            {"path": str(Path(path).absolute()), "date_field": date_field, "begin": begin},
            require_isolation=settings.REQUIRE_SANDBOX,
        )
        for day, ground in answer["pieces"]:
            shape = GEOSGeometry(ground, srid=4326)
            assert isinstance(shape, MultiPolygon)  # noqa: S101 (what the reader says it gives)
            pieces.append((date.fromisoformat(day), shape))
        begin = answer["next"]
    return pieces


@transaction.atomic
def set_mosaic_graph(*, layer: ImageryLayer, pieces: Sequence[tuple[date, MultiPolygon]]) -> int:
    """Give a layer the pieces of its mosaic graph, in degrees, in place of those it had; how many lie on it.

    Raises: UserError (none touches the layer).
    """
    assert layer.footprint is not None  # noqa: S101 (every imported layer has one)
    outline = layer.footprint.prepared
    touching = [(day, ground) for day, ground in pieces if outline.intersects(ground)]
    if not touching:
        west, south, east, north = layer.footprint.extent
        raise UserError(
            f"None of the {len(pieces)} pieces touches {layer.slug}, which lies from {west:.4f}, {south:.4f} to "
            f"{east:.4f}, {north:.4f}: give the mosaic graph of this imagery."
        )
    MosaicPiece.objects.filter(layer=layer).delete()
    MosaicPiece.objects.bulk_create(
        (MosaicPiece(layer=layer, acquired_on=day, footprint=ground) for day, ground in touching),
        batch_size=PIECES_AT_ONCE,
    )
    ImageryLayer.objects.filter(pk=layer.pk).update(dated_by_ground=True)
    return len(touching)


def footprint_of(grid: PixelGrid, col: int, row: int, width: int, height: int) -> Polygon:
    """The outline in degrees of a rectangle of a layer's pixels."""
    corners = [(col, row), (col + width, row), (col + width, row + height), (col, row + height), (col, row)]
    return Polygon([grid.to_lonlat(x, y) for x, y in corners], srid=4326)


def next_number(layer: ImageryLayer) -> int:
    """The number of the next file that a layer is made of."""
    last = SourceFile.objects.filter(layer=layer).order_by("-number").values_list("number", flat=True).first()
    return (last or 0) + 1
