"""Territories: read from a file of boundaries, and given to stewards."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from django.contrib.gis.geos import MultiPolygon, Polygon
from django.db import transaction

from annotation.core.boundaries import parse_boundaries
from annotation.errors import InvalidBoundaries, NotThere
from annotation.models import Stewardship, Territory

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MAX_FILE_BYTES = 512 * 2**20  # all communes of France at full detail are 330 MB


@transaction.atomic
def import_territories(
    *, path: Path, kind: str, code_field: str, name_field: str, source: str, as_of: date
) -> tuple[int, int]:
    """Read a GeoJSON file of boundaries; known codes get their new name and boundary, and keep their stewards.

    Returns: how many are new, and how many were replaced.
    Raises: InvalidBoundaries: nothing is imported then.
    """
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise InvalidBoundaries(f"{path.name} has {size / 2**20:.0f} MiB: split it, {MAX_FILE_BYTES >> 20} are read.")
    try:
        payload = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InvalidBoundaries(f"{path.name} is not JSON in UTF-8 ({error}): export it as GeoJSON.") from error
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
