"""A maintainer asks a model for the map of a commune in the browser, follows it and looks at it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from e2e.studio import sign_in
from e2e.test_accessibility import LOOKS, check_folded_and_unfolded
from map_models import mapped_layer
from report_rows import territory
from scenes import person

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A published model without a map of its own, a commune, and the maintainer."""
    from e2e.conftest import _flush

    from annotation.services.people import set_role

    with django_db_blocker.unblock():
        folder: Path = tmp_path_factory.mktemp("world")
        model = mapped_layer(folder)
        keeper = person("keeper")
        set_role(campaign=model.campaign, user=keeper, role="maintainer")
        territory(model.campaign, folder, "32013", (1, 2, 4, 5))
        yield keeper
        _flush()


def work_off() -> None:
    """What a worker does, in a thread with connections of its own."""
    from django.db import connections

    from annotation.jobs.registry import run_job
    from annotation.models import Job

    try:
        for kind in ("predict_on_request", "vectorise"):
            for job in Job.objects.filter(kind=kind, state="queued"):
                run_job(str(job.pk))
    finally:
        connections.close_all()


def test_a_communes_map_is_asked_for_followed_and_looked_at(world: Any, open_page: Any) -> None:
    page = open_page()
    sign_in(page, world)
    page.goto("/campaigns/camp/models/camp-m1/")
    page.click("text=Map a territory")
    page.wait_for_url("**/models/camp-m1/maps/")
    page.select_option("#map-territory", label="Commune 32013 (32013)")
    page.check("#map-probabilities")
    page.click("text=See what it takes")
    page.wait_for_selector(".asked-map")
    page.wait_for_load_state()
    assert "0.00 km²" in page.inner_text(".asked-map") and "at most" in page.inner_text(".asked-map")
    assert page.is_checked("#map-probabilities")
    page.click("text=Make this map")
    page.wait_for_selector("text=The map waits for a free worker")
    worker = threading.Thread(target=work_off)
    worker.start()
    page.wait_for_selector("text=The map is there: reload the page to see it.", timeout=120_000)
    worker.join(120)
    page.reload()
    page.wait_for_selector("#requestedmap .leaflet-tile-loaded")
    assert page.inner_text(".wrap > h2").startswith("Commune 32013 (32013)")
    cells = page.inner_text("#made tbody")
    assert "with probabilities" in cells and "GeoPackage" in cells
    with page.expect_download() as started:
        page.click("#made a:text-is('probabilities')")
    assert started.value.suggested_filename.endswith("-probabilities.tif")
    # The map is this one, of its own address.
    address = page.locator("#requestedmap img[src*='/predictions/']").first.get_attribute("src")
    assert address is not None and "/class/web/" in address


@pytest.mark.parametrize("look", LOOKS)
def test_no_state_of_the_page_has_a_fault(world: Any, open_page: Any, look: str) -> None:
    page = open_page(**LOOKS[look])
    sign_in(page, world)
    page.goto("/campaigns/camp/models/camp-m1/maps/?territory=all&probabilities=1")
    page.wait_for_selector(".asked-map")
    check_folded_and_unfolded(page)
