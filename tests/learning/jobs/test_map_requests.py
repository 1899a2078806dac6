"""Maps that are made on request: of an area, or with probabilities, on a real database."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
import torch
from django.core.management import CommandError, call_command
from learning_rows import worker_environment
from map_models import mapped_layer
from report_rows import boundary, territory

from annotation.errors import JobAlreadyRunning
from annotation.jobs.registry import run_job
from annotation.models import Job, QueueRound
from learning.core.map_area import area_in_pixels, pixels_within
from learning.errors import MapAlreadyThere, NoPrediction, NotJudgedYet, UnusableArea
from learning.jobs import rows, shards
from learning.jobs.made_with import made_with
from learning.jobs.options import CORE_PX
from learning.map_layers import newest_map
from learning.models import PolygonMap, Prediction
from learning.services.acquisition import open_acquisition_round
from learning.services.map_requests import area_of_territory, map_size, start_map_request, territories_on
from learning.services.polygons import offered_polygons
from learning.services.predictions import ready_prediction, shown_prediction, start_prediction

torch.set_num_threads(1)
pytestmark = pytest.mark.django_db(transaction=True)  # the heartbeat has a connection of its own
COMMUNE = (1, 2, 4, 5)  # rows 1 to 3 of tiles and columns 2 to 4, of 64 px: within windows of 96 px, rows 0 to 2


@pytest.fixture(autouse=True)
def many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """512 px are six rows of windows."""
    monkeypatch.setitem(CORE_PX, "cpu", 96)


def run(job: Job) -> Job:
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return job


def asked(model: Any, place: Any = None, **options: Any) -> Prediction:
    area = area_of_territory(place) if place else None
    job = run(start_map_request(model=model, area=area, **options))
    return Prediction.objects.get(pk=job.result["prediction"])


def read(path: Path) -> Any:
    with rasterio.open(path, driver="GTiff") as dataset:
        return dataset.read(1)


def inside(made: Prediction) -> Any:
    shape = shapely.from_wkb(bytes(made.area.wkb))
    return pixels_within(area_in_pixels(shape, made.layer.pixel_grid), left=0, top=0, width=512, height=512)


def test_a_territorys_map_has_the_whole_maps_values_there_and_none_outside(tmp_path: Path) -> None:
    model = mapped_layer(tmp_path)
    run(start_prediction(model=model))
    own = Prediction.objects.get()
    before = (own.files, own.finished_at, QueueRound.objects.count())
    commune = territory(model.campaign, tmp_path, "32013", COMMUNE)
    part = asked(model, commune)
    mask = inside(part)
    # Three by three tiles of 64 px; the edges of the commune are those of tiles, to a millimetre.
    assert abs(int(mask.sum()) - 192 * 192) <= 2 * 192
    assert mask[66:254, 130:318].all() and not mask[:62].any() and not mask[:, 322:].any()
    for name in ("class.tif", "entropy.tif", "class_public.tif", "entropy_public.tif"):
        assert np.array_equal(read(part.path(name)), np.where(mask, read(own.path(name)), 0))
        with rasterio.open(part.path(name), driver="GTiff") as dataset:
            assert dataset.tags()["AREA"] == "Commune 32013 (32013)"
    own.refresh_from_db()
    assert (own.files, own.finished_at, QueueRound.objects.count()) == before
    assert (part.state, part.area_name, part.probabilities) == ("ready", "Commune 32013 (32013)", False)
    assert sum(part.class_px.values()) == int(mask.sum())
    scores = np.load(part.path("scores.npy"))
    assert np.isnan(scores[:1]).all() and np.isfinite(scores[1:4, 2:5]).all()
    # Its polygons are queued with it.
    [job] = Job.objects.filter(kind="vectorise", payload__prediction=part.pk)
    run(job)
    polygons = offered_polygons(part)
    assert polygons is not None and polygons.prediction == part
    hidden = read(part.path("class_public.tif"))
    assert polygons.figures["area_m2"] == pytest.approx(np.count_nonzero(hidden) * 0.04)


def test_it_is_made_by_the_windows_of_the_models_own_map_whatever_is_usual_by_then(
    tmp_path: Path, monkeypatch: Any
) -> None:
    model = mapped_layer(tmp_path)
    run(start_prediction(model=model))
    monkeypatch.setitem(CORE_PX, "cpu", 160)
    part = asked(model, territory(model.campaign, tmp_path, "32013", COMMUNE))
    own = ready_prediction(model)
    assert own is not None
    assert made_with(own)["core_px"] == made_with(part)["core_px"] == 96
    for name in ("class.tif", "entropy.tif"):
        assert np.array_equal(read(part.path(name)), np.where(inside(part), read(own.path(name)), 0))


def test_a_map_on_request_is_never_taken_for_the_models_own(tmp_path: Path) -> None:
    model = mapped_layer(tmp_path)
    commune = territory(model.campaign, tmp_path, "32013", COMMUNE)
    part = asked(model, commune)
    rounds = QueueRound.objects.count()
    assert (ready_prediction(model), shown_prediction(model.campaign), newest_map(model.campaign)) == (None,) * 3
    with pytest.raises(NoPrediction, match="made on request"):
        open_acquisition_round(campaign=model.campaign, prediction=part)
    assert QueueRound.objects.count() == rounds
    run(start_prediction(model=model))
    own = ready_prediction(model)
    assert own is not None and own != part
    assert shown_prediction(model.campaign) == own
    assert QueueRound.objects.count() == rounds + 1


def test_a_map_is_made_once_and_is_another_one_with_other_ground_or_with_probabilities(tmp_path: Path) -> None:
    model = mapped_layer(tmp_path)
    commune = territory(model.campaign, tmp_path, "32013", COMMUNE)
    area = area_of_territory(commune)
    job = start_map_request(model=model, area=area)
    with pytest.raises(JobAlreadyRunning):
        start_map_request(model=model, area=area)
    part = Prediction.objects.get(pk=run(job).result["prediction"])
    with pytest.raises(MapAlreadyThere, match=r"Commune 32013 \(32013\) was made on"):
        start_map_request(model=model, area=area)
    shares = asked(model, commune, probabilities=True)
    assert shares.pk != part.pk
    neighbour = asked(model, territory(model.campaign, tmp_path, "32014", (4, 2, 6, 5)))
    assert neighbour.pk not in {part.pk, shares.pk}
    model.campaign.layer.__class__.objects.update(version=2)
    again = asked(type(model).objects.get(), commune)
    assert (again.layer_version, again.pk != part.pk) == (2, True)
    run(start_prediction(model=model))
    with pytest.raises(MapAlreadyThere, match="see the page of the model"):
        start_map_request(model=model)


def test_probabilities_are_files_of_the_map_and_their_size_is_told_before(tmp_path: Path) -> None:
    model = mapped_layer(tmp_path)
    commune = territory(model.campaign, tmp_path, "32013", COMMUNE)
    size = map_size(model, area_of_territory(commune))
    # 192 px a side of 0.2 m, two classes, and a third for the overviews.
    assert abs(size.pixels - 192**2) <= 2
    assert size.area_m2 == pytest.approx(192**2 * 0.04, rel=1e-3)
    assert size.probability_bytes == size.pixels * 2 * 4 // 3
    assert map_size(model, None).probability_bytes == 512 * 512 * 2 * 4 // 3
    part = asked(model, commune, probabilities=True)
    assert "probabilities.tif" in part.files
    with rasterio.open(part.path("probabilities.tif"), driver="GTiff") as found:
        levels, names, tags = found.read(), found.descriptions, found.tags()
    assert (names, tags["AREA"]) == (tuple(model.class_codes), "Commune 32013 (32013)")
    assert np.array_equal(levels.max(axis=0) > 0, inside(part))
    whole = asked(model, probabilities=True)
    with rasterio.open(whole.path("probabilities.tif"), driver="GTiff") as found:
        assert np.array_equal(np.where(inside(part), found.read(), 0), levels)
    assert ready_prediction(model) is None


@pytest.mark.parametrize("workers_share", [False, True])
def test_only_rows_of_windows_that_touch_the_area_are_shared_out_and_progress_is_told_of_them(
    tmp_path: Path, monkeypatch: Any, settings: Any, workers_share: bool
) -> None:
    settings.MAP_SHARED = workers_share
    model = mapped_layer(tmp_path)
    told: list[float] = []
    report = shards.SharedOut.complete

    def watched(self: Any) -> None:
        real = self.report
        self.report = lambda share: (told.append(share), real(share))
        report(self)

    monkeypatch.setattr(shards.SharedOut, "complete", watched)
    made = asked(model, territory(model.campaign, tmp_path, "32013", COMMUNE))
    ranges = sorted((job.payload["first"], job.payload["stop"]) for job in Job.objects.filter(kind=rows.KIND))
    assert ranges == ([(0, 1), (1, 2), (2, 3)] if workers_share else [])  # 64 px to 256 px, in rows of 96 px
    assert told == sorted(told) and told[0] < 0.34 and told[-1] <= 1
    assert made.state == "ready"


KILLED = """
import os, signal, sys, django
django.setup()
from annotation.jobs.registry import run_job
from learning.core import predict
from learning.jobs.options import CORE_PX
CORE_PX["cpu"] = 96
begun, function = [], predict.row_writer
def killed(*given, **named):
    if len(begun) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    begun.append(given)
    return function(*given, **named)
predict.row_writer = killed
run_job(sys.argv[1])
"""


def test_killed_it_is_gone_on_with_by_another_worker_and_has_the_same_bytes(tmp_path: Path) -> None:
    model = mapped_layer(tmp_path)
    commune = territory(model.campaign, tmp_path, "32013", COMMUNE)
    expected = asked(model, commune, probabilities=True)
    bytes_of = {name: expected.path(name).read_bytes() for name in expected.files}
    Prediction.objects.filter(pk=expected.pk).update(state="running", folder="once-more")
    job = start_map_request(model=model, area=area_of_territory(commune), probabilities=True)
    environment = worker_environment(lease_seconds=1)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(job.id)], env=environment)
    assert killed.returncode == -9
    time.sleep(1.1)  # its lease lapses
    again = Prediction.objects.get(pk=expected.pk)
    kept = {path: path.stat().st_mtime_ns for path in again.path("rows").glob("row-*.npz")}
    assert sorted(path.name for path in kept) == ["row-000000.npz", "row-000001.npz"]
    for path in kept:
        path.chmod(0o400)
    run(job)
    again.refresh_from_db()
    assert {name: again.path(name).read_bytes() for name in again.files} == bytes_of
    assert not again.path("rows").exists()


def test_an_area_beside_the_imagery_or_of_a_model_that_is_not_judged_is_refused(tmp_path: Path) -> None:
    model = mapped_layer(tmp_path)
    elsewhere = territory(model.campaign, tmp_path, "99999", (200, 200, 210, 210))
    here = territory(model.campaign, tmp_path, "32013", COMMUNE)
    assert [one.code for one in territories_on(model.campaign.layer)] == ["32013"]
    with pytest.raises(UnusableArea, match="choose one that the imagery covers"):
        start_map_request(model=model, area=area_of_territory(elsewhere))
    model.state = "candidate"
    model.save()
    with pytest.raises(NotJudgedYet, match="camp-m1 is being judged"):
        start_map_request(model=model, area=area_of_territory(here))
    assert not Prediction.objects.exists()


def told_by(**options: Any) -> dict[str, Any]:
    out = io.StringIO()
    call_command("predict_map", campaign="camp", model="1", json=True, stdout=out, **options)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def test_the_command_maps_a_territory_an_area_or_all_and_tells_in_json(tmp_path: Path) -> None:
    model = mapped_layer(tmp_path)
    territory(model.campaign, tmp_path, "32013", COMMUNE)
    size = told_by(territory="32013", probabilities=True, size=True)
    assert size == {"pixels": size["pixels"], "area_m2": 1475, "probability_bytes_at_most": size["pixels"] * 8 // 3}
    assert not Prediction.objects.exists()
    first = told_by(territory="32013")
    assert (first["area"], sorted(first["class_px"])) == ("Commune 32013 (32013)", sorted(model.class_codes))
    assert first["files"]["class.tif"] == Prediction.objects.get().path("class.tif").stat().st_size
    file = tmp_path / "around the lake.geojson"
    file.write_text(json.dumps({"type": "Polygon", "coordinates": [boundary(model.campaign, 5, 0, 6, 1)]}))
    second = told_by(area=file)
    assert (second["area"], sum(second["class_px"].values())) == ("around the lake", 64 * 64)
    out = io.StringIO()
    call_command("predict_map", campaign="camp", model="1", probabilities=True, stdout=out)
    assert out.getvalue().startswith("The whole layer: 262144 px, 0.01 km²; probabilities: 0.00 GB at most.\n")
    for queued in Job.objects.filter(kind="vectorise"):
        run(queued)
    PolygonMap.objects.all().delete()
    call_command("vectorise_map", campaign="camp", model="1", folder=second["folder"], stdout=out)
    assert PolygonMap.objects.get().prediction.folder == second["folder"]
    with pytest.raises(CommandError, match=rf"no map 'other' made on request \(it has: .*{first['folder']}"):
        call_command("vectorise_map", campaign="camp", model="1", folder="other", stdout=out)


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        ('{"type": "Point", "coordinates": [2, 48]}', "The area is a 'Point'"),
        ('{"type": "Polygon", "coordinates": [[[2, 48], [3, NaN], [3, 49], [2, 48]]]}', "The area has the position"),
        ('{"type": "Polygon", "coordinates": [[[0,0],[1,1],[1,0],[0,1],[0,0]]]}', "Self-intersection"),
        ('{"type": "Polygon", "coordinates": [[[650000, 6860000], [1,1], [1,0], [650000, 6860000]]]}', "in degrees"),
        ("[" * 100_000, "neither a GeoPackage nor JSON"),
    ],
)
def test_an_areas_file_is_read_by_our_own_validator_which_names_what_it_met(
    tmp_path: Path, payload: str, why: str
) -> None:
    mapped_layer(tmp_path)
    file = tmp_path / "area.geojson"
    file.write_text(payload)
    with pytest.raises(CommandError, match=why):
        call_command("predict_map", campaign="camp", model="1", area=file, stdout=io.StringIO())
    with pytest.raises(CommandError, match="There is no file"):
        call_command("predict_map", campaign="camp", model="1", area=tmp_path / "none", stdout=io.StringIO())
    assert not Prediction.objects.exists()


def test_of_an_area_without_a_class_anybody_may_see_no_polygons_are_made(tmp_path: Path) -> None:
    model = mapped_layer(tmp_path)
    control = model.campaign.tiles.filter(role="holdout").order_by("row", "col").first()
    within = (control.row, control.col, control.row + 1, control.col + 1)
    commune = territory(model.campaign, tmp_path, "32013", within)
    made = asked(model, commune)
    assert sum(made.class_px.values()) > 0 and not read(made.path("class_public.tif")).any()
    assert not Job.objects.filter(kind="vectorise").exists()


def test_windows_of_the_models_own_map_are_taken_over_on_the_same_kind_of_device_only(tmp_path: Path) -> None:
    model = mapped_layer(tmp_path)
    run(start_prediction(model=model))
    kept = Prediction.objects.get().path("made_with.json")
    choice = json.loads(kept.read_bytes())
    assert choice["device"] == "cpu"
    for number, (device, expected) in enumerate([("cpu", 160), ("cuda", 96)]):
        kept.write_text(json.dumps({**choice, "device": device, "core_px": 160}))
        place = territory(model.campaign, tmp_path, f"3201{number}", (1 + number, 2, 3 + number, 4))
        assert made_with(asked(model, place))["core_px"] == expected
