"""The page of a pair of vintages in a real browser: both dates, the shift, and where the maps disagree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from e2e.studio import new_person, sign_in
from e2e.test_accessibility import LOOKS, check_folded_and_unfolded
from e2e.test_change import make_world as two_dates
from map_rows import drawn_map

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
SIDE_PX = 512


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A measured pair of real layers whose maps differ in two squares: both maps are sure of the northern one."""
    from e2e.conftest import _flush

    with django_db_blocker.unblock():
        yield make_pair(tmp_path_factory.mktemp("pair"))
        _flush()


def make_pair(folder: Path) -> Any:
    import scenes

    from annotation.services.pairs import measure_pair

    pair = two_dates(folder).pair
    later = pair.second.campaigns.get()
    earlier = scenes.campaign("camp-2019", layer=pair.first, tile_px=later.tile_px, first_round=2, seed=5)
    classes, doubt = np.ones((SIDE_PX, SIDE_PX), np.uint8), np.ones((SIDE_PX, SIDE_PX), np.uint8)
    drawn_map(earlier, classes, doubt)
    classes, doubt = classes.copy(), doubt.copy()
    classes[64:192, 128:320] = classes[288:400, 128:320] = 2
    doubt[288:400, 128:320] = 220
    drawn_map(later, classes, doubt)
    measure_pair(pair)
    return pair


def maintainer(pair: Any) -> Any:
    from annotation.services.people import set_role

    user = new_person()
    set_role(campaign=pair.second.campaigns.get(), user=user, role="maintainer")
    return user


def open_pair(open_page: Any, pair: Any, user: Any = None, **options: Any) -> Any:
    page = open_page(**options)
    if user is not None:
        sign_in(page, user)
    page.goto(f"/pairs/{pair.pk}/")
    page.wait_for_selector(".swipe-range")
    return page


def do_jobs() -> None:
    """What a worker would do."""
    from annotation.jobs.registry import run_job
    from annotation.models import Job

    for job in Job.objects.filter(state="queued", kind__in=["measure_pair", "compare_maps"]):
        assert run_job(str(job.pk))
        job.refresh_from_db()
        assert job.state == "succeeded", job.error


def test_a_maintainer_compares_the_maps_and_sees_what_they_disagree_on(world: Any, open_page: Any) -> None:
    page = open_pair(open_page, world, maintainer(world))
    assert "have not been compared yet" in page.inner_text("#disagreement")
    page.click("button[name=compare]")
    page.wait_for_selector("#compare-job:not([hidden]) progress")
    do_jobs()
    page.wait_for_selector("#disagreement a[href$='disagreement.tif']")  # below the table
    told = page.inner_text("#disagreement")
    assert "not change of the ground" in told and page.locator("#disagreement tbody tr").count() == 1
    with page.expect_download() as asked:
        page.click("#disagreement a[href$='disagreement.tif']")
    assert asked.value.suggested_filename == "disagreement-gers-2019-gers-2022.tif"


def test_both_dates_lie_on_either_side_of_a_border_that_keys_move(world: Any, open_page: Any) -> None:
    page = open_pair(open_page, world)
    sides = [page.eval_on_selector(f"#compare-{side}", "select => select.value") for side in ("left", "right")]
    assert sides == ["imagery-2019", "imagery"]
    page.focus(".swipe-range")
    page.keyboard.press("ArrowRight")
    assert page.input_value(".swipe-range") == "51"


def test_disagreement_is_a_layer_with_its_own_legend(world: Any, open_page: Any) -> None:
    page = open_pair(open_page, world)
    page.uncheck("#compare-on")
    with page.expect_response(lambda answer: "/against/" in answer.url and answer.status == 200):
        page.check("input[data-layer=disagreement]")
    legend = page.inner_text("#disagreement-legend")
    assert "both maps are sure" in legend and "Disagreement is not change" in legend
    page.click("#disagreement-legend summary")
    assert "another model drew each map" in page.inner_text("#disagreement-legend")


@pytest.mark.parametrize("look", sorted(LOOKS))
def test_nothing_is_wider_than_the_screen_and_axe_finds_nothing(world: Any, open_page: Any, look: str) -> None:
    page = open_pair(open_page, world, maintainer(world), **LOOKS[look])
    check_folded_and_unfolded(page)
    page.goto("/pairs/")
    check_folded_and_unfolded(page)
