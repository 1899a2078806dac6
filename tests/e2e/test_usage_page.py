"""A maintainer has artificialised ground counted in the browser, imports usage, and counts it again."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from e2e.studio import sign_in
from e2e.test_accessibility import LOOKS, check_folded_and_unfolded
from learning_rows import maintained, model_row, ready_map
from scenes import nomenclature

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
URL = "/campaigns/camp/usage/"


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A map of grass with a block of 80 × 40 m built on it, and its maintainer."""
    from e2e.conftest import _flush

    from learning.models import Prediction

    with django_db_blocker.unblock():
        scene, keeper = maintained()
        prediction = ready_map(model_row(scene.campaign, state="promoted"), np.zeros((16, 16), np.float32))
        classes = np.full((1024, 1024), 2, np.uint8)
        classes[300:500, 300:700] = 1
        layer = scene.campaign.layer
        with rasterio.open(
            prediction.path("class.tif"), "w", driver="GTiff", width=1024, height=1024, count=1, dtype="uint8",
            nodata=0, crs=layer.crs, transform=rasterio.Affine(*layer.transform), tiled=True, blockxsize=512,
            blockysize=512,
        ) as out:  # fmt: skip
            out.write(classes, 1)
        Prediction.objects.filter(pk=prediction.pk).update(files={"class.tif": "0" * 64})
        nomenclature("ocsge_usage")
        yield keeper
        _flush()


def usage_file(folder: Path) -> Path:
    """A field over all of the map."""
    box = json.loads(shapely.to_geojson(shapely.box(0.5, 43.6, 0.7, 43.8)))
    feature = {"type": "Feature", "properties": {"code_us": "US1.1"}, "geometry": box}
    path = folder / "champs.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return path


def work_off() -> None:
    """What a worker does, in a thread with connections of its own."""
    from django.db import connections

    from annotation.jobs.registry import run_job
    from annotation.models import Job

    try:
        for job in Job.objects.filter(kind="artificialise", state="queued"):
            run_job(str(job.pk))
    finally:
        connections.close_all()


def counted(page: Any, button: str) -> None:
    page.click(f"text={button}")
    page.wait_for_selector("#usage-job:not([hidden])")
    worker = threading.Thread(target=work_off)
    worker.start()
    worker.join()
    page.wait_for_selector("#usage-job[hidden]", state="attached")


def test_bounds_become_a_figure_once_usage_is_imported(world: Any, open_page: Any, tmp_path: Path) -> None:
    page = open_page()
    sign_in(page, world)
    page.goto("/campaigns/camp/")
    page.click("text=Usage and artificialised ground")
    page.wait_for_url(f"**{URL}")
    counted(page, "Count it")
    assert "Between 0.32 ha and 4.19 ha" in page.inner_text("#figures")
    page.set_input_files("#id_file", usage_file(tmp_path))
    page.fill("#id_source", "IGN, OCS GE")
    page.fill("#id_as_of", "2022-01-01")
    page.click("text=Import it")
    page.wait_for_selector("text=usage has changed since")
    counted(page, "Count it again")
    told = page.inner_text("#figures")
    assert "0.32 ha, as mapped" in told and "error is not assessed" in told


@pytest.mark.parametrize("look", LOOKS)
def test_no_state_of_the_page_has_a_fault(world: Any, open_page: Any, look: str) -> None:
    page = open_page(**LOOKS[look])
    sign_in(page, world)
    page.goto(URL)
    check_folded_and_unfolded(page)
    if os.environ.get("LOOK_AT"):
        page.screenshot(path=f"{os.environ['LOOK_AT']}/{look.replace(', ', '-')}.png", full_page=True)
