"""Land use beside land cover: polygons imported for a layer, and campaigns that label usage on it (docs/adr/0052)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, cast

from django.contrib.gis.geos import GEOSGeometry, Polygon
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from pyproj import CRS

from annotation.core.usage import UsedGround, parse_usage
from annotation.errors import InvalidUsage, NameTaken
from annotation.models import Campaign, ImageryLayer, UsagePolygon, UsageSource
from annotation.services.boundary_files import is_geopackage, read_boundary_file
from annotation.services.nomenclatures import latest_nomenclature
from annotation.services.usage_files import usage_of_geopackage

if TYPE_CHECKING:
    from django.contrib.auth.models import User

USAGE_NOMENCLATURE = "ocsge_usage"


@transaction.atomic
def import_usage(
    *,
    layer: ImageryLayer,
    path: Path,
    kind: str,
    source: str,
    licence: str,
    as_of: date,
    code_field: str | None = None,
    file_layer: str | None = None,
    actor: User | None = None,
) -> UsageSource:
    """Read a GeoPackage, or GeoJSON in degrees, of polygons that say what ground is used for.

    Args:   code_field: the property with the code of usage, for the kind "usage" alone. file_layer: of a GeoPackage.
    Raises: InvalidUsage, InvalidBoundaries (the file cannot be read), NameTaken (it was imported before), NotThere (no
            nomenclature of usage is loaded). Nothing is imported then.
    """
    kind = UsageSource.Kind(kind)
    if (kind == UsageSource.Kind.USAGE) != (code_field is not None):
        raise InvalidUsage("Polygons of land use need the field with their code, and those of other kinds have none.")
    codes: set[str] = set()
    if code_field is not None:
        classes = latest_nomenclature(USAGE_NOMENCLATURE).classes.all()
        above = {item.parent_code for item in classes}
        codes = {item.code for item in classes if item.code not in above}
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        with transaction.atomic():
            made = UsageSource.objects.create(
                layer=layer, kind=kind, source=source, licence=licence, as_of=as_of, file_name=path.name[:255],
                sha256=digest, n_polygons=0, n_outside=0, imported_by=actor,
            )  # fmt: skip
    except IntegrityError:
        raise NameTaken(f"{path.name} was imported for {layer.slug} before: end that source first.") from None
    srid = CRS.from_user_input(layer.crs).to_epsg() or 0
    for polygons, outside in _parts(path, layer, code_field=code_field, codes=codes, file_layer=file_layer):
        UsagePolygon.objects.bulk_create(
            (
                UsagePolygon(
                    source=made,
                    code=item.code,
                    geometry=cast(Polygon, GEOSGeometry(memoryview(item.polygon.wkb), srid=srid)),
                )
                for item in polygons
            ),
            batch_size=2000,
        )
        made.n_polygons += len(polygons)
        made.n_outside += outside
    if not made.n_polygons:
        raise InvalidUsage(
            f"None of the {made.n_outside} polygons of {path.name} lies on {layer.slug}: choose its own."
        )
    made.save(update_fields=["n_polygons", "n_outside"])
    return made


def _parts(
    path: Path, layer: ImageryLayer, *, code_field: str | None, codes: Collection[str], file_layer: str | None
) -> Iterator[tuple[list[UsedGround], int]]:
    """The file's polygons that touch the layer, and how many lie beside it, part by part."""
    if is_geopackage(path):
        yield from usage_of_geopackage(
            path, file_layer=file_layer, code_field=code_field, codes=codes, grid=layer.pixel_grid
        )
    else:
        payload = read_boundary_file(path, layer=file_layer)
        yield parse_usage(payload, code_field=code_field, codes=codes, grid=layer.pixel_grid)


def end_usage_source(*, source: UsageSource) -> UsageSource:
    """A source holds no longer; its row and its polygons stay, for what was made with it."""
    UsageSource.objects.filter(pk=source.pk, ended_at__isnull=True).update(ended_at=Now())
    source.refresh_from_db()
    return source


def usage_sources(layer: ImageryLayer) -> QuerySet[UsageSource]:
    """Sources that hold on a layer, the newest first: of two that say different things of a place, it is right."""
    return UsageSource.objects.filter(layer=layer, ended_at__isnull=True).order_by("-as_of", "-pk")


def usage_campaigns(layer: ImageryLayer) -> QuerySet[Campaign]:
    """Campaigns that label usage on a layer, the oldest first: companions of those that label its cover."""
    return Campaign.objects.filter(layer=layer, nomenclature__code=USAGE_NOMENCLATURE).order_by("created_at", "pk")
