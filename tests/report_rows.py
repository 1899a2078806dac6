"""Reports and territories for tests: places by tile, territories by rows of tiles, stewards."""

from __future__ import annotations

import io
import itertools
import json
import uuid
from pathlib import Path
from typing import Any

import scenes

_addresses = (f"192.0.2.{number % 250}" for number in itertools.count(1))


def point_in(tile: Any, dx: float = 0.5, dy: float = 0.5) -> dict[str, Any]:
    """GeoJSON of a point in a tile: shares of its width from the left and of its height from the top."""
    grid, px = tile.campaign.tile_grid, tile.campaign.tile_px
    lon, lat = grid.pixels.to_lonlat((tile.col + dx) * px, (tile.row + dy) * px)
    return {"type": "Point", "coordinates": [lon, lat]}


def area_in(tile: Any, left: float, top: float, right: float, bottom: float) -> dict[str, Any]:
    """GeoJSON of a rectangle in a tile, in shares of its sides."""
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    return {"type": "Polygon", "coordinates": [[point_in(tile, x, y)["coordinates"] for x, y in corners]]}


def report(tile: Any, *, place: dict[str, Any] | None = None, **more: Any) -> Any:
    """A report of a tile's middle, by somebody without an account, from an address of its own."""
    from annotation.core.places import parse_place
    from annotation.services.reports import report_place

    given = {"reporter": None, "address": next(_addresses), "even_if_reported": True, **more}
    return report_place(campaign=tile.campaign, place=parse_place(place or point_in(tile)), **given)


def boundary(campaign: Any, top: int, left: int, bottom: int, right: int) -> list[list[float]]:
    """Closed ring around tiles: rows top to bottom and columns left to right, the last ones not included."""
    px = campaign.tile_px
    corners = [(left, top), (left, bottom), (right, bottom), (right, top), (left, top)]
    return [list(campaign.tile_grid.pixels.to_lonlat(col * px, row * px)) for col, row in corners]


def collection(*features: tuple[str, str, list[list[float]]]) -> dict[str, Any]:
    """A GeoJSON file of territories: code, name, ring."""
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"INSEE_COM": code, "NOM": name},
                "geometry": {"type": "Polygon", "coordinates": [ring]},
            }
            for code, name, ring in features
        ],
    }


def territory(campaign: Any, folder: Path, code: str, place: tuple[int, int, int, int], kind: str = "commune") -> Any:
    """A territory made of whole tiles, imported as an operator would."""
    from django.core.management import call_command

    from annotation.models import Territory

    file = folder / f"{code}.geojson"
    file.write_text(json.dumps(collection((code, f"Commune {code}", boundary(campaign, *place)))))
    call_command(
        "import_territories", str(file), "--kind", kind, "--code-field", "INSEE_COM", "--name-field", "NOM",
        "--source", "Made for tests", "--date", "2026-01-01", stdout=io.StringIO(),
    )  # fmt: skip
    return Territory.objects.get(kind=kind, code=code)


def steward_of(found: Any, name: str = "") -> Any:
    """Somebody new who looks after a territory."""
    from annotation.services.territories import give_stewardship

    user = scenes.person(name or f"steward-{uuid.uuid4().hex[:6]}")
    give_stewardship(territory=found, user=user)
    return user


def draw(tile: Any, author: Any, *, submit: bool = True) -> Any:
    """One square saved on a tile that this person holds, and handed in."""
    from annotation.services.annotations import save_annotation, submit_annotation

    square = scenes.square(scenes.TWO_CLASSES[0], 0, 0, 10)
    saved = save_annotation(
        tile=tile, annotator=author, features=[square], operation_id=uuid.uuid4(), expected_version=0
    )
    if submit:
        submit_annotation(tile=tile, annotator=author, operation_id=uuid.uuid4(), expected_version=saved.version)
    saved.annotation.refresh_from_db()
    return saved.annotation


def accept(annotation: Any, reviewer: Any) -> Any:
    """A reviewer's yes."""
    from annotation.services.people import set_role
    from annotation.services.reviews import record_review

    set_role(campaign=annotation.tile.campaign, user=reviewer, role="reviewer")
    record_review(
        annotation_id=annotation.pk,
        reviewer=reviewer,
        verdict="accept",
        operation_id=uuid.uuid4(),
        expected_version=annotation.version,
    )
    annotation.refresh_from_db()
    return annotation
