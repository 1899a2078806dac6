"""A maintainer plans a sample in the browser, looks how the plan follows what is typed, and has it drawn."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from e2e.studio import sign_in
from e2e.test_accessibility import LOOKS, check_folded_and_unfolded
from sample_rows import interpreters, two_vintages

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def work_off() -> None:
    """What a worker does, in a thread with connections of its own."""
    from django.db import connections

    from annotation.jobs.registry import run_job
    from annotation.models import Job

    try:
        for job in Job.objects.filter(state="queued"):
            run_job(str(job.pk))
    finally:
        connections.close_all()


def in_a_worker() -> None:
    worker = threading.Thread(target=work_off)
    worker.start()
    worker.join()


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[Any]:
    """Two vintages with maps, the later one counted, and its maintainer."""
    from e2e.conftest import _flush

    from annotation.models import Campaign
    from learning.models import Prediction
    from learning.services.map_areas import want_map_areas

    with django_db_blocker.unblock():
        pair = two_vintages()
        want_map_areas(prediction=Prediction.objects.get(layer=pair.second))
        in_a_worker()
        campaign = Campaign.objects.get(layer=pair.second)
        yield f"/campaigns/{campaign.slug}/sample/", pair, interpreters(campaign, count=1, role="maintainer")[0]
        _flush()


def places(page: Any) -> int:
    return int(page.inner_text("#plan-places").replace(",", ""))


def test_the_plan_follows_what_is_typed(world: Any, open_page: Any) -> None:
    there, _pair, keeper = world
    page = open_page()
    sign_in(page, keeper)
    page.goto(there)
    before = places(page)
    page.fill("#id_overall", "1")
    page.wait_for_function(
        "n => Number(document.querySelector('#plan-places').textContent.replace(',', '')) > n", arg=before
    )
    page.fill("[name=accuracy_0]", "60")
    page.wait_for_selector("[data-cell=accuracy_from]:has-text('as you typed')")
    page.fill("#id_overall", "0.1")
    page.wait_for_selector("#plan-refusal:visible")
    page.click("button[name=plan]")
    page.wait_for_selector("#plan-refusal:has-text('wider interval')")


@pytest.mark.parametrize("look", LOOKS)
def test_no_state_of_the_page_has_a_fault(world: Any, open_page: Any, look: str) -> None:
    there, pair, keeper = world
    page = open_page(**LOOKS[look])
    sign_in(page, keeper)
    for number, address in enumerate((there, f"{there}?pair={pair.pk}")):
        page.goto(address)
        check_folded_and_unfolded(page)
        if os.environ.get("LOOK_AT"):
            page.screenshot(path=f"{os.environ['LOOK_AT']}/plan-{number}-{look.replace(', ', '-')}.png", full_page=True)


def test_a_sample_of_change_is_counted_planned_and_drawn(world: Any, open_page: Any) -> None:
    from learning.models import ReferenceSample

    there, pair, keeper = world
    page = open_page()
    sign_in(page, keeper)
    page.goto(there)
    page.click("#plan a:has-text('Change 2019 to 2022')")
    page.click("button[name=count]")
    page.wait_for_selector("#sample-job:not([hidden])")
    in_a_worker()
    page.wait_for_selector("[data-cell=share_from]:has-text('counted on the map')")
    planned = places(page)
    page.click("button[name=draw]")
    page.wait_for_selector("#sample-job:not([hidden])")
    in_a_worker()
    sample = ReferenceSample.objects.get(pair=pair)
    page.wait_for_selector(f"[data-testid=sample-{sample.pk}]:has-text('Nothing of this sample before it is closed.')")
    assert sample.units.count() == planned
