"""The page on which maintainers import usage and have artificialised ground counted."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from html_checks import assert_strict
from learning_rows import maintained, model_row, ready_map, signed_in
from scenes import LAMBERT_93, ORIGIN, campaign, nomenclature, person

from annotation.jobs.registry import run_job
from annotation.models import Job, UsageSource
from learning.models import Prediction

pytestmark = pytest.mark.django_db(transaction=True)  # the heartbeat has a connection of its own
URL = "/campaigns/camp/usage/"
TO_DEGREES = pyproj.Transformer.from_crs(LAMBERT_93, "EPSG:4326", always_xy=True)
X, Y = ORIGIN
ALL = shapely.box(X - 5, Y - 210, X + 210, Y + 5)


@pytest.fixture
def keeper() -> Any:
    """Who maintains a campaign whose map is grass with a block of 80 × 40 m built on it."""
    scene, found = maintained()
    prediction = ready_map(model_row(scene.campaign, state="promoted"), np.zeros((16, 16), np.float32))
    classes = np.full((1024, 1024), 2, np.uint8)
    classes[300:500, 300:700] = 1
    layer = scene.campaign.layer
    with rasterio.open(
        prediction.path("class.tif"), "w", driver="GTiff", width=1024, height=1024, count=1, dtype="uint8", nodata=0,
        crs=layer.crs, transform=rasterio.Affine(*layer.transform), tiled=True, blockxsize=512, blockysize=512,
    ) as out:  # fmt: skip
        out.write(classes, 1)
    Prediction.objects.filter(pk=prediction.pk).update(files={"class.tif": "0" * 64})
    nomenclature("ocsge_usage")
    return found


def upload(code: str = "US1.1", *, name: str = "use.geojson", shape: Any = ALL) -> SimpleUploadedFile:
    degrees = shapely.transform(shape, TO_DEGREES.transform, interleaved=False)
    feature = {"type": "Feature", "properties": {"code_us": code}, "geometry": json.loads(shapely.to_geojson(degrees))}
    return SimpleUploadedFile(name, json.dumps({"type": "FeatureCollection", "features": [feature]}).encode())


def asked(**more: Any) -> dict[str, Any]:
    return {
        "kind": "usage", "file": upload(), "code_field": "code_us", "source": "IGN, OCS GE", "licence": "etalab-2.0",
        "as_of": "2022-01-01", **more,
    }  # fmt: skip


def page(client: Client) -> str:
    answer = client.get(URL)
    assert answer.status_code == 200
    assert_strict(answer)
    return " ".join(answer.content.decode().replace("\xa0", " ").replace("\u202f", " ").split())


def counted(client: Client) -> None:
    assert client.post(URL, {"count": "1"}).status_code == 302
    job = Job.objects.filter(kind="artificialise").latest("created_at")
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error


def test_without_usage_the_page_tells_two_bounds_and_no_figure(keeper: Any) -> None:
    client = signed_in(keeper)
    assert "Not counted yet." in page(client)
    counted(client)
    told = page(client)
    assert "Between <strong>0.32 ha</strong> and <strong>4.19 ha</strong>" in told
    assert "Nothing yet: the bounds rest on cover alone." in told and "as mapped</p>" not in told


def test_an_imported_file_closes_the_bounds_once_it_is_counted_again(keeper: Any) -> None:
    client = signed_in(keeper)
    counted(client)
    answer = client.post(URL, asked())
    assert answer.status_code == 302, answer.content.decode()
    told = page(client)
    assert "1 polygon of IGN, OCS GE, 2022-01-01 lies on this imagery." in told
    assert "usage has changed since: count again" in told
    counted(client)
    told = page(client)
    assert "<strong>0.32 ha</strong>, as mapped" in told and "Its error is not assessed" in told
    source = UsageSource.objects.get()
    assert (source.imported_by, source.file_name) == (keeper, "use.geojson")
    client.post(URL, {"end": str(source.pk)})
    assert "IGN, OCS GE, 2022-01-01 holds no longer." in page(client)
    assert not UsageSource.objects.filter(ended_at__isnull=True).exists()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"file": upload("US9")}, "in &#x27;code_us&#x27;: one of US1.1"),
        ({"file": SimpleUploadedFile("use.geojson", b"\xff{")}, "neither a GeoPackage nor JSON"),
        ({"file": SimpleUploadedFile("use.gpkg", b"SQLite format 3\x00" + b"\0" * 100)}, "give it the ending .gpkg"),
        ({"file": SimpleUploadedFile("use.geojson", b" " * (4 << 20) + b"{}")}, "too large to be read here"),
        ({"as_of": (date.today() + timedelta(days=2)).isoformat()}, "has not come yet"),
        ({"code_field": ""}, "need the field with their code"),
        ({"file": ""}, "This field is required."),
    ],
)
def test_what_is_wrong_with_a_file_is_said_beside_the_form(keeper: Any, more: dict[str, Any], told: str) -> None:
    if hasattr(more.get("file"), "seek"):
        more["file"].seek(0)
    answer = signed_in(keeper).post(URL, asked(**more))
    assert answer.status_code == 400 and told in answer.content.decode()
    assert_strict(answer)
    assert not UsageSource.objects.exists()


def test_files_and_companions_are_offered_and_to_others_nothing_exists(keeper: Any) -> None:
    client = signed_in(keeper)
    counted(client)
    layer = Prediction.objects.get().layer
    campaign("usage", layer=layer, tile_px=64, nomenclature=nomenclature("ocsge_usage"))
    told = page(client)
    assert '<a href="/campaigns/usage/">usage</a>' in told
    answer = client.get(f"{URL}artificialisation.rule.json")
    assert json.loads(b"".join(answer.streaming_content if answer.streaming else [answer.content]))["usage"]
    assert "artificialisation.gpkg" in told and "control tiles" in told
    assert client.get(f"{URL}class.tif").status_code == 404
    stranger = signed_in(person("stranger"))
    for path in (URL, f"{URL}artificialisation.gpkg"):
        assert stranger.get(path).status_code == 404
    assert Client().get(URL).status_code == 302


def test_the_page_is_in_french_with_the_reasons_of_the_decree(keeper: Any, tmp_path: Path) -> None:
    client = signed_in(keeper, "fr")
    client.post(URL, asked(file=upload("US2")))
    client.post(URL, asked(file=upload("", name="pv.geojson", shape=shapely.box(X + 20, Y - 40, X + 50, Y - 10)),
                           kind="ground_pv"))  # fmt: skip
    counted(client)
    told = page(client)
    assert "Usage et sol artificialisé" in told and "Installation photovoltaïque au sol exemptée" in told
    assert "Son erreur n’est pas évaluée" in told
