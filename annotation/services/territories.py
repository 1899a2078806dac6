"""Territories: read from a file of boundaries, and given to stewards."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from django.contrib.gis.geos import MultiPolygon, Polygon
from django.db import transaction

from annotation.core.boundaries import parse_boundaries
from annotation.errors import NotThere
from annotation.models import Stewardship, Territory
from annotation.services.boundary_files import read_boundary_file

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@transaction.atomic
def import_territories(
    *, path: Path, kind: str, code_field: str, name_field: str, source: str, as_of: date, layer: str | None = None
) -> tuple[int, int]:
    """Read a GeoJSON or GeoPackage file of boundaries; known codes get their new name and boundary, and keep stewards.

    Returns: how many are new, and how many were replaced.
    Raises: InvalidBoundaries: nothing is imported then.
    """
    payload = read_boundary_file(path, layer=layer)
    boundaries = parse_boundaries(payload, code_field=code_field, name_field=name_field)
    codes = [boundary.code for boundary in boundaries]
    known = Territory.objects.filter(kind=Territory.Kind(kind), code__in=codes).count()
    Territory.objects.bulk_create(
        [
            Territory(
                kind=kind,
                code=boundary.code,
                name=boundary.name,
                boundary=MultiPolygon([Polygon(*polygon) for polygon in boundary.polygons], srid=4326),
                source=source,
                as_of=as_of,
            )
            for boundary in boundaries
        ],
        update_conflicts=True,
        unique_fields=["kind", "code"],
        update_fields=["name", "boundary", "source", "as_of", "imported_at"],
        batch_size=500,
    )
    return len(boundaries) - known, known


def territory_named(*, kind: str, code: str) -> Territory:
    """A territory by kind and code. Raises: NotThere."""
    found = Territory.objects.filter(kind=kind, code=code).first()
    if found is None:
        raise NotThere(f"There is no {kind} {code!r}: import its boundary first.")
    return found


def give_stewardship(*, territory: Territory, user: User) -> Stewardship:
    """Let somebody look after a territory; who does already goes on."""
    return Stewardship.objects.get_or_create(territory=territory, user=user)[0]


def end_stewardship(*, territory: Territory, user: User) -> bool:
    """They look after it no longer; whether they did."""
    return bool(Stewardship.objects.filter(territory=territory, user=user).delete()[0])
