"""Boundaries from the files people have: a GeoPackage in the country's own projection, or GeoJSON."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyproj
import pytest
import shapely
from django.core.management import CommandError, call_command

from annotation.errors import InvalidBoundaries
from annotation.models import Territory
from annotation.services.boundary_files import read_boundary_file

# Around Auch, in degrees: the second commune is two islands, one with a hole.
AUCH = shapely.box(0.55, 43.62, 0.62, 43.68)
ISLANDS = shapely.MultiPolygon(
    [
        shapely.Polygon(
            [(0.70, 43.70), (0.76, 43.70), (0.76, 43.74), (0.70, 43.74)],
            [[(0.72, 43.71), (0.74, 43.71), (0.74, 43.72)]],
        ),
        shapely.box(0.80, 43.70, 0.82, 43.72),
    ]
)
TO_LAMBERT = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:2154", always_xy=True)


def write(path: Path, *, layer: str = "commune", crs: str | None = "EPSG:2154", **more: Any) -> Path:
    shapes = np.array([AUCH, ISLANDS])
    if crs == "EPSG:2154":
        shapes = shapely.transform(shapes, lambda x, y: TO_LAMBERT.transform(x, y), interleaved=False)
    fields = [np.array(["32013", "32014"], dtype=object), np.array(["Auch", "Îles"], dtype=object)]
    pyogrio.raw.write(
        path, shapely.to_wkb(shapes), fields, fields=["INSEE_COM", "NOM"], layer=layer, driver="GPKG",
        geometry_type="Unknown", crs=crs, **more,
    )  # fmt: skip
    return path


def run(path: Path, **more: Any) -> str:
    told = io.StringIO()
    call_command(
        "import_territories", str(path), kind="commune", code_field="INSEE_COM", name_field="NOM",
        source="IGN, ADMIN EXPRESS", date="2026-01-01", stdout=told, **more,
    )  # fmt: skip
    return told.getvalue()


@pytest.mark.django_db
def test_communes_of_a_geopackage_in_lambert_93_are_imported_where_they_are(tmp_path: Path) -> None:
    assert "2 territories are new" in run(write(tmp_path / "communes.gpkg"))
    for code, shape in (("32013", AUCH), ("32014", ISLANDS)):
        found = shapely.from_wkb(bytes(Territory.objects.get(code=code).boundary.wkb))
        # Lambert's straight edges are no straight edges in degrees, but corners stay corners: 1e-7 degrees are 1 cm.
        assert found.symmetric_difference(shape).area < 1e-6 * shape.area
        assert len(shapely.get_coordinates(found)) == len(shapely.get_coordinates(shape))
    assert Territory.objects.get(code="32014").name == "Îles"


def test_of_several_layers_one_must_be_named(tmp_path: Path) -> None:
    path = write(tmp_path / "admin.gpkg")
    write(path, layer="epci", append=True)
    with pytest.raises(InvalidBoundaries, match=r"layers commune, epci: say which one"):
        read_boundary_file(path)
    with pytest.raises(InvalidBoundaries, match=r"no layer 'region': it has commune, epci"):
        read_boundary_file(path, layer="region")
    assert len(read_boundary_file(path, layer="epci")["features"]) == 2


def test_files_that_say_too_little_or_are_broken_are_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InvalidBoundaries, match="does not say its coordinate system"):
        read_boundary_file(write(tmp_path / "no-crs.gpkg", crs=None))
    whole = write(tmp_path / "whole.gpkg").read_bytes()
    broken = tmp_path / "broken.gpkg"
    broken.write_bytes(whole[:3000])
    with pytest.raises(InvalidBoundaries, match="cannot be read"):
        read_boundary_file(broken)
    named = tmp_path / "communes.geojson"
    named.write_bytes(whole)
    with pytest.raises(InvalidBoundaries, match=r"give it the ending \.gpkg"):
        read_boundary_file(named)
    text = tmp_path / "text.json"
    text.write_text("a;b\n1;2\n")
    with pytest.raises(InvalidBoundaries, match="neither a GeoPackage nor JSON"):
        read_boundary_file(text)
    text.write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    with pytest.raises(InvalidBoundaries, match="leave the layer out"):
        read_boundary_file(text, layer="commune")


@pytest.mark.django_db
def test_nothing_is_imported_of_a_file_with_one_bad_territory(tmp_path: Path) -> None:
    path = tmp_path / "bad.gpkg"
    crossed = shapely.Polygon([(0.5, 43.6), (0.6, 43.7), (0.6, 43.6), (0.5, 43.7)])
    fields = [np.array(["32013", "32014"], dtype=object), np.array(["Auch", "Îles"], dtype=object)]
    pyogrio.raw.write(
        path, shapely.to_wkb(np.array([AUCH, crossed])), fields, fields=["INSEE_COM", "NOM"], layer="commune",
        driver="GPKG", geometry_type="Polygon", crs="EPSG:4326",
    )  # fmt: skip
    with pytest.raises(CommandError, match="32014 is not valid"):
        run(path)
    assert not Territory.objects.exists()
