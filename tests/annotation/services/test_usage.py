"""Polygons of land use imported for a layer: where they lie, what is refused, which source is right."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyproj
import pytest
import shapely
from django.core.management import CommandError, call_command
from scenes import LAMBERT_93, ORIGIN, campaign, nomenclature, virtual_layer

from annotation.errors import InvalidUsage, NameTaken
from annotation.models import UsagePolygon, UsageSource
from annotation.services import usage_files
from annotation.services.usage import end_usage_source, import_usage, usage_campaigns, usage_sources

pytestmark = pytest.mark.django_db
X, Y = ORIGIN
TO_DEGREES = pyproj.Transformer.from_crs(LAMBERT_93, "EPSG:4326", always_xy=True)
FIELD = shapely.box(X + 10, Y - 60, X + 60, Y - 10)
HOUSE = shapely.Polygon(
    [(X + 80, Y - 60), (X + 120, Y - 60), (X + 120, Y - 20), (X + 80, Y - 20)],
    [[(X + 90, Y - 50), (X + 100, Y - 50), (X + 100, Y - 40), (X + 90, Y - 40)]],
)
FAR = shapely.box(X + 90_000, Y, X + 90_010, Y + 10)


@pytest.fixture
def layer() -> Any:
    nomenclature("ocsge_usage")
    return virtual_layer("camp", width=1024, height=1024)


def gpkg(path: Path, *, crs: str | None = LAMBERT_93, codes: tuple[str, ...] = ("US1.1", "US5", "US2")) -> Path:
    pyogrio.raw.write(
        path, shapely.to_wkb(np.array([FIELD, HOUSE, FAR])), [np.array(codes, object)], fields=["code_us"],
        layer="occupation_du_sol", driver="GPKG", geometry_type="Polygon", crs=crs,
    )  # fmt: skip
    return path


def geojson(path: Path, *shapes: Any, code: Any = "US5", **more: Any) -> Path:
    features = [
        {
            "type": "Feature",
            "properties": {"code_us": code},
            "geometry": json.loads(
                shapely.to_geojson(shapely.transform(shape, TO_DEGREES.transform, interleaved=False))
            ),
        }
        for shape in shapes
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features, **more}))
    return path


def imported(layer: Any, path: Path, **more: Any) -> UsageSource:
    asked = {"kind": "usage", "code_field": "code_us", "source": "IGN, OCS GE", "licence": "etalab-2.0",
             "as_of": date(2022, 1, 1), **more}  # fmt: skip
    return import_usage(layer=layer, path=path, **asked)


def test_polygons_of_a_geopackage_lie_where_they_were_with_their_codes_and_those_beside_the_layer_are_counted(
    layer: Any, tmp_path: Path
) -> None:
    made = imported(layer, gpkg(tmp_path / "ocsge.gpkg"))
    assert (made.n_polygons, made.n_outside, made.file_name) == (2, 1, "ocsge.gpkg")
    found = {row.code: shapely.from_wkb(bytes(row.geometry.wkb)) for row in UsagePolygon.objects.filter(source=made)}
    for code, shape in (("US1.1", FIELD), ("US5", HOUSE)):
        assert found[code].equals(shape)  # the file has the layer's own CRS: not a corner moves
    assert {row.geometry.srid for row in UsagePolygon.objects.all()} == {2154}
    assert len(found["US5"].interiors) == 1


def test_a_geopackage_is_read_part_by_part_and_in_any_coordinate_system(
    layer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_files, "FEATURES_AT_ONCE", 2)
    made = imported(layer, gpkg(tmp_path / "one.gpkg"))
    assert (made.n_polygons, made.n_outside) == (2, 1)
    mercator = pyproj.Transformer.from_crs(LAMBERT_93, "EPSG:3857", always_xy=True)
    path = tmp_path / "web.gpkg"
    moved = shapely.transform(np.array([FIELD]), mercator.transform, interleaved=False)
    pyogrio.raw.write(
        path, shapely.to_wkb(moved), [np.array(["US1.1"], object)], fields=["code_us"], layer="web", driver="GPKG",
        geometry_type="Polygon", crs="EPSG:3857",
    )  # fmt: skip
    found = imported(layer, path).polygons.get()
    assert shapely.from_wkb(bytes(found.geometry.wkb)).symmetric_difference(FIELD).area < 0.01


@pytest.mark.parametrize(
    ("shape", "crs", "code", "told"),
    [
        (shapely.Point(X, Y), LAMBERT_93, "US2", "Feature number 1 is no Polygon"),
        (shapely.Polygon(), LAMBERT_93, "US2", "Feature number 1 is empty"),
        (shapely.Polygon([(X, Y), (X + 9, Y - 9), (X + 9, Y), (X, Y - 9)]), LAMBERT_93, "US2", "is not valid"),
        (FIELD, None, "US2", "does not say its coordinate system"),
        (FIELD, LAMBERT_93, "US99", "'US99' in 'code_us': one of US1"),
        (FAR, LAMBERT_93, "US2", "None of the 1 polygons"),
    ],
)
def test_what_a_geopackage_holds_is_refused_by_its_number_and_nothing_stays(
    layer: Any, tmp_path: Path, shape: Any, crs: str | None, code: str, told: str
) -> None:
    path = tmp_path / "use.gpkg"
    pyogrio.raw.write(
        path, shapely.to_wkb(np.array([shape])), [np.array([code], object)], fields=["code_us"], layer="use",
        driver="GPKG", geometry_type="Unknown", crs=crs,
    )  # fmt: skip
    with pytest.raises(InvalidUsage, match=told):
        imported(layer, path)
    assert not UsageSource.objects.exists() and not UsagePolygon.objects.exists()
    with pytest.raises(InvalidUsage, match="has no field 'usage': it has code_us"):
        imported(layer, gpkg(tmp_path / "good.gpkg"), code_field="usage")


def test_the_command_tells_what_was_imported(layer: Any, tmp_path: Path) -> None:
    told = io.StringIO()
    call_command(
        "import_usage", str(geojson(tmp_path / "use.geojson", FIELD)), imagery="camp", code_field="code_us",
        source="Commune d'Auch", licence="etalab-2.0", date="2026-01-01", stdout=told,
    )  # fmt: skip
    assert told.getvalue() == "1 polygons of Commune d'Auch, 2026-01-01 lie on camp; 0 lie beside it.\n"
    with pytest.raises(CommandError, match=r"no imagery layer 'nowhere' \(there are: camp\)"):
        call_command(
            "import_usage", str(tmp_path / "use.geojson"), imagery="nowhere", source="x", licence="y", date="2026-01-01"
        )


@pytest.mark.parametrize(
    ("code", "more", "told"),
    [
        ("US9", {}, r"'US9' in 'code_us': one of US1\.1"),
        ("US4", {}, r"'US4'"),  # a heading, which says too little
        (4, {}, "has 4 in"),
        ("US5", {"crs": {"type": "name", "properties": {"name": "http://example.org/crs"}}}, "coordinate system"),
    ],
)
def test_a_code_that_is_no_usage_and_a_coordinate_system_are_refused(
    layer: Any, tmp_path: Path, code: Any, more: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidUsage, match=told):
        imported(layer, geojson(tmp_path / "use.geojson", FIELD, code=code, **more))
    assert not UsageSource.objects.exists()


def test_a_polygon_that_crosses_itself_and_a_file_that_lies_elsewhere_are_refused(layer: Any, tmp_path: Path) -> None:
    bow = shapely.Polygon([(X + 1, Y - 1), (X + 9, Y - 9), (X + 9, Y - 1), (X + 1, Y - 9)])
    with pytest.raises(InvalidUsage, match="Feature number 1 is not valid"):
        imported(layer, geojson(tmp_path / "bow.geojson", bow))
    with pytest.raises(InvalidUsage, match="None of the 1 polygons"):
        imported(layer, geojson(tmp_path / "far.geojson", FAR))
    with pytest.raises(InvalidUsage, match="has no property 'usage': it has code_us"):
        imported(layer, geojson(tmp_path / "use.geojson", FIELD), code_field="usage")


def test_quarries_and_exemptions_have_no_code_and_usage_needs_one(layer: Any, tmp_path: Path) -> None:
    path = geojson(tmp_path / "pv.geojson", FIELD)
    assert imported(layer, path, kind="ground_pv", code_field=None).polygons.get().code == ""
    for kind, code_field in (("usage", None), ("quarries", "code_us")):
        with pytest.raises(InvalidUsage, match="need the field with their code"):
            imported(layer, path, kind=kind, code_field=code_field)


def test_the_newest_source_is_right_and_one_that_ended_holds_no_longer(layer: Any, tmp_path: Path) -> None:
    new = imported(layer, geojson(tmp_path / "new.geojson", FIELD), as_of=date(2025, 1, 1))
    old = imported(layer, geojson(tmp_path / "old.geojson", HOUSE), as_of=date(2019, 1, 1))
    assert list(usage_sources(layer)) == [new, old]
    with pytest.raises(NameTaken, match=r"old\.geojson was imported for camp before"):
        imported(layer, tmp_path / "old.geojson")
    assert end_usage_source(source=old).ended_at is not None
    assert list(usage_sources(layer)) == [new] and old.polygons.count() == 1
    imported(layer, tmp_path / "old.geojson")


def test_a_campaign_over_usage_on_the_same_layer_is_the_companion_of_one_over_cover(layer: Any) -> None:
    campaign("cover", layer=layer, tile_px=64)
    usage = campaign("usage", layer=layer, tile_px=64, nomenclature=nomenclature("ocsge_usage"))
    campaign("elsewhere", layer=virtual_layer("other"), tile_px=64, nomenclature=nomenclature("ocsge_usage"))
    assert list(usage_campaigns(layer)) == [usage]
