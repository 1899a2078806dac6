"""The job that makes a map's polygons, on a real database."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pyogrio
import pytest
import rasterio
import shapely
from django.core.management import CommandError, call_command
from django.test import Client
from learning_rows import signed_in, worker_environment
from mapped_blocks import map_in_blocks

from annotation.errors import JobAlreadyRunning
from annotation.jobs.registry import run_job
from annotation.models import Campaign, Job
from annotation.services.jobs import cancel_job
from learning.errors import NoClassMap
from learning.models import PolygonMap, Prediction
from learning.release.formats import geoparquet_problems, gpkg_problems
from learning.services.polygons import start_polygons

pytestmark = pytest.mark.django_db(transaction=True)  # the heartbeat has a connection of its own
GSD_M = 0.2


@pytest.fixture(autouse=True)
def in_this_process(settings: Any) -> None:
    settings.POLYGON_PROCESSES = 1


@pytest.fixture
def mapped(monkeypatch: pytest.MonkeyPatch) -> Any:
    return map_in_blocks(monkeypatch)


def closed(prediction: Any) -> Any:
    Campaign.objects.update(state="closed")
    return Prediction.objects.select_related("model__campaign").get(pk=prediction.pk)


def made(prediction: Any) -> PolygonMap:
    job = start_polygons(prediction=prediction)
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return PolygonMap.objects.get(pk=job.result["polygon_map"])


def contents(found: PolygonMap) -> dict[str, bytes]:
    return {name: found.path(name).read_bytes() for name in found.files}


def test_a_closed_campaigns_map_becomes_a_coverage_with_the_columns_people_need(mapped: Any) -> None:
    found = made(closed(mapped))
    parquet, gpkg = found.path("polygons_whole.parquet"), found.path("polygons_whole.gpkg")
    assert list(geoparquet_problems(parquet)) == [] and list(gpkg_problems(gpkg)) == []
    rows = sorted(pq.read_table(parquet).to_pylist(), key=lambda row: row["pixels"])
    assert [row["class_code"] for row in rows] == ["CS1.1.1.1", "CS2.2.1", "CS1.1.1.1"]
    assert sum(row["pixels"] for row in rows) == 1024 * 1024
    # But for the specks that touch it, the building is as it was drawn.
    assert rows[0]["pixels"] == pytest.approx(5400, abs=20)
    assert sum(row["area_m2"] for row in rows) == pytest.approx(1024 * 1024 * GSD_M**2)
    assert min(row["area_m2"] for row in rows) >= 200
    assert {row["reason"] for row in rows} == {""} and {row["vintage"] for row in rows} == {2022}
    assert {row["model"] for row in rows} == {mapped.model.version}
    labels = [(row["label_fr"], row["label_en"]) for row in rows]
    assert all(french and english and french != english for french, english in labels)
    geometry = shapely.from_wkb([row["geometry"] for row in rows])
    assert shapely.is_valid(geometry).all() and shapely.coverage_is_valid(geometry)
    layer = mapped.model.campaign.layer
    west, north = layer.transform[2], layer.transform[5]
    assert shapely.total_bounds(geometry).tolist() == pytest.approx([west, north - 204.8, west + 204.8, north])
    assert pyogrio.read_info(gpkg, layer="land_cover")["features"] == len(rows)
    assert json.loads(found.path("polygons_whole.rule.json").read_text())["code"] == found.rule == "ocsge"
    assert found.figures["exceptions"] == {} and not found.figures["zones"]


def test_while_the_campaign_is_open_control_tiles_are_left_out(mapped: Any) -> None:
    found = made(mapped)
    assert set(found.files) == {f"polygons_public.{suffix}" for suffix in ("parquet", "gpkg", "pmtiles", "rule.json")}
    table = pq.read_table(found.path("polygons_public.parquet"))
    geometry = shapely.from_wkb(table["geometry"].to_pylist())
    hidden = len(labelled_tiles(mapped)) * (64 * GSD_M) ** 2
    assert shapely.area(geometry).sum() == pytest.approx(204.8**2 - hidden)


def labelled_tiles(prediction: Any) -> list[Any]:
    return list(prediction.model.campaign.tiles.filter(role="holdout"))


def test_a_raster_of_zones_beside_the_imagery_says_which_minimum_holds_where(mapped: Any) -> None:
    """A field of 100 × 200 px (800 m²) is large enough inside the built zone (500 m²) and too small outside (2,500)."""
    prediction = closed(mapped)
    with rasterio.open(prediction.path("class.tif"), "r+", driver="GTiff") as dataset:
        classes = dataset.read(1)
        classes[100:300, 100:200] = 2
        dataset.write(classes, 1)
        profile = dataset.profile
    layer = prediction.model.campaign.layer
    layer.path("zones.tif").parent.mkdir(parents=True, exist_ok=True)
    herbs = []
    for zone in (1, 2):
        with rasterio.open(layer.path("zones.tif"), "w", **profile) as out:
            out.write(np.full((1024, 1024), zone, np.uint8), 1)
        found = made(prediction)
        assert found.figures["zones"]
        herbs.append(pq.read_table(found.path("polygons_whole.parquet"))["class_code"].to_pylist().count("CS2.2.1"))
    assert herbs == [2, 1]


def test_zones_on_another_grid_are_refused(mapped: Any) -> None:
    layer = mapped.model.campaign.layer
    layer.path("zones.tif").parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        layer.path("zones.tif"), "w", driver="GTiff", width=8, height=8, count=1, dtype="uint8",
        transform=rasterio.Affine(1, 0, 0, 0, -1, 8),
    ) as out:  # fmt: skip
        out.write(np.ones((8, 8), np.uint8), 1)
    job = start_polygons(prediction=mapped)
    run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "failed" and "8 × 8 px and the map 1024 × 1024" in job.error


def test_made_again_the_files_are_the_same(mapped: Any) -> None:
    prediction = closed(mapped)
    first = contents(made(prediction))
    assert contents(made(prediction)) == first
    assert PolygonMap.objects.count() == 1


KILLED = """
import os, signal, sys, django
django.setup()
from annotation.jobs.registry import run_job
from learning.core.polygons import run
from learning.jobs import polygons
polygons.BLOCK_PX = 400
step, most = sys.argv[2], int(sys.argv[3])
done, function = [], getattr(run, step)
def killed(plan, *number):
    if len(done) == most:
        os.kill(os.getpid(), signal.SIGKILL)
    done.append(number)
    return function(plan, *number)
setattr(run, step, killed)
run_job(sys.argv[1])
"""


def test_killed_while_it_looks_joins_and_draws_it_goes_on_with_what_is_there(mapped: Any) -> None:
    prediction = closed(mapped)
    expected = contents(made(prediction))
    job = start_polygons(prediction=prediction)
    environment = worker_environment(lease_seconds=1) | {"POLYGON_PROCESSES": "1"}
    for step, most in (("survey_block", 4), ("join_seams", 0), ("outline_block", 5)):
        killed = subprocess.run([sys.executable, "-c", KILLED, str(job.id), step, str(most)], env=environment)
        assert killed.returncode == -9
        time.sleep(1.1)  # its lease lapses
    blocks = prediction.path("polygons_whole.blocks")
    kept = {path: path.stat().st_mtime_ns for path in blocks.glob("*-*")}
    assert len(kept) == 9 + 9 + 5  # surveys, seams, outlines
    for path in kept:
        path.chmod(0o400)
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded" and job.attempts <= 4
    assert contents(PolygonMap.objects.get()) == expected
    assert not blocks.exists()


KILLED_AT_A_TILE = """
import os, signal, sys, django
django.setup()
from annotation.jobs.registry import run_job
from learning.jobs import polygons
from learning.release.pmtiles import PmtilesWriter
polygons.BLOCK_PX = 400
add = PmtilesWriter.add
def killed(writer, number, tile):
    add(writer, number, tile)
    writer._stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)
PmtilesWriter.add = killed
run_job(sys.argv[1])
"""


def test_killed_while_it_writes_tiles_nothing_half_is_there_and_the_next_one_writes_the_same(mapped: Any) -> None:
    prediction = closed(mapped)
    expected = contents(made(prediction))
    for name in expected:
        prediction.path(name).unlink()
    job = start_polygons(prediction=prediction)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AT_A_TILE, str(job.id)], env=worker_environment(lease_seconds=1)
    )
    assert killed.returncode == -9
    assert [path for path in prediction.path("").iterdir() if path.name.startswith("polygons_whole.p")] == []
    assert next(prediction.path("polygons_whole.blocks").glob("*.pmtiles")).stat().st_size > 16_384
    time.sleep(1.1)  # its lease lapses
    assert run_job(str(job.id))
    assert contents(PolygonMap.objects.get()) == expected
    assert not prediction.path("polygons_whole.blocks").exists()


def test_cancelled_it_stops_between_blocks_and_another_attempt_goes_on(mapped: Any) -> None:
    job = start_polygons(prediction=mapped)
    Job.objects.filter(pk=job.pk).update(cancel_requested=True)
    run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "cancelled" and not PolygonMap.objects.exists()
    assert mapped.path("polygons_public.blocks").exists()
    made(mapped)


def test_polygons_wait_for_their_map_and_are_made_once_at_a_time(mapped: Any) -> None:
    job = start_polygons(prediction=mapped)
    with pytest.raises(JobAlreadyRunning):
        start_polygons(prediction=mapped)
    cancel_job(job=job)
    Prediction.objects.update(state="running")
    mapped.refresh_from_db()
    with pytest.raises(NoClassMap, match="not there yet"):
        start_polygons(prediction=mapped)


def test_the_command_does_the_same_job(mapped: Any) -> None:
    out = io.StringIO()
    call_command("vectorise_map", campaign="camp", model="1", stdout=out)
    assert f"polygons of {mapped.model.version}; below their minimum unit: " in out.getvalue()
    assert PolygonMap.objects.get().job == Job.objects.get(kind="vectorise")
    with pytest.raises(CommandError, match="no rule 'other'"):
        call_command("vectorise_map", campaign="camp", model="1", rule="other")


def test_a_models_page_offers_the_polygons_in_the_readers_language(mapped: Any) -> None:
    url = f"/campaigns/camp/models/{mapped.model.version}/"
    start_polygons(prediction=mapped)
    assert "being made: load this page again later" in Client().get(url).content.decode()
    run_job(str(Job.objects.get(kind="vectorise").id))
    reader = signed_in(labelled_person())
    shown = reader.get(url).content.decode()
    assert all(f">{form}</a>" in shown for form in ("GeoPackage", "GeoParquet", "PMTiles"))
    assert "Control tiles are left out until the campaign is closed." in shown
    assert "everywhere those of: built zone." in shown
    french = signed_in(labelled_person(), "fr").get(url).content.decode()
    assert "sa carte en polygones" in french and "partout celles de\xa0: zone construite." in french


def labelled_person() -> Any:
    from django.contrib.auth import get_user_model

    return get_user_model().objects.get(username="camp-author")


def test_files_are_given_whole_and_in_ranges_and_those_with_control_tiles_only_once_closed(mapped: Any) -> None:
    found = made(mapped)
    base = f"/predictions/{mapped.pk}/polygons/"
    data = found.path("polygons_public.gpkg").read_bytes()
    client = Client()
    answer = client.get(base + "polygons_public.gpkg")
    assert b"".join(answer.streaming_content) == data
    assert answer["Content-Disposition"] == f'attachment; filename="{mapped.model.version}-polygons_public.gpkg"'
    part = client.get(base + "polygons_public.gpkg", headers={"range": "bytes=10-19"})
    assert part.status_code == 206 and b"".join(part.streaming_content) == data[10:20]
    assert client.get(base + "polygons_public.gpkg", headers={"if-none-match": answer["ETag"]}).status_code == 304
    tiles = client.get(base + "polygons_public.pmtiles", headers={"range": "bytes=0-126"})
    assert tiles.status_code == 206 and tiles["Content-Type"] == "application/vnd.pmtiles"
    assert b"".join(tiles.streaming_content).startswith(b"PMTiles\x03")
    PolygonMap.objects.update(with_control_tiles=True)
    assert client.get(base + "polygons_public.gpkg").status_code == 404
    closed(mapped)
    assert client.get(base + "polygons_public.gpkg").status_code == 200
    assert client.get(base + "class.tif").status_code == 404
