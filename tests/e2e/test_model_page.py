"""The page of a model that was really trained and judged: plots, confusion, errors on control tiles beside imagery."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from e2e.studio import sign_in
from e2e.test_accessibility import LOOKS, Faults, check_folded_and_unfolded, unfold
from learning_rows import TINY_TRAINING
from report_rows import territory
from scenes import checker_truth, labelled_scene, person

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

# The second and the third look the same in the imagery, and are one class a level higher.
CODES = ("CS2.2.1", "CS1.1.1.1", "CS1.1.1.2")


@dataclass
class Scene:
    """A campaign with two trained models, and who may see what."""

    campaign: Any
    maintainer: Any
    author: Any

    def address(self, number: int) -> str:
        return f"/campaigns/{self.campaign.slug}/models/{self.campaign.slug}-m{number}/"


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    from e2e.conftest import _flush

    with django_db_blocker.unblock():
        yield build(tmp_path_factory.mktemp("world"))
        _flush()


def build(folder: Path) -> Scene:
    from annotation.jobs.registry import run_job
    from annotation.models import Job
    from annotation.services.people import set_role
    from learning.models import TrainingRun
    from learning.services.training import start_training_run

    truth = checker_truth(1024, 1024)
    truth[(truth == 2) & (np.arange(1024)[:, None] % 128 >= 64)] = 3
    made = labelled_scene(folder, "errs", size_px=1024, truth=truth, codes=CODES, pool_tiles=8)
    set_role(campaign=made.campaign, user=made.maintainer, role="maintainer")
    territory(made.campaign, folder, "32001", (0, 0, made.campaign.n_rows, made.campaign.n_cols // 2))
    for steps in (12, 40):
        job = start_training_run(
            campaign=made.campaign, actor=None, config={**TINY_TRAINING, "steps": steps}, force=True
        )
        assert run_job(str(job.id))
        job.refresh_from_db()
        assert job.state == "succeeded", job.error
        for mapping in Job.objects.filter(kind="predict", state="queued"):
            assert run_job(str(mapping.id))  # the next round comes from its map
    training_set = made.campaign.training_sets.latest("pk")
    for state, step in (("failed", 3), ("running", 8)):
        unfinished = Job.objects.create(kind="train", state=state, campaign=made.campaign, error="No memory left.")
        TrainingRun.objects.create(
            training_set=training_set, seed=1, job=unfinished, step=step,
            loss_curve=[[at, 2.0 / at] for at in range(1, step + 1)],
        )  # fmt: skip
    return Scene(made.campaign, made.maintainer, person("somebody"))


def opened(world: Scene, open_page: Any, who: str, number: int = 2, **options: Any) -> Any:
    page = open_page(**options)
    if who:
        sign_in(page, getattr(world, who))
    page.goto(world.address(number))
    page.wait_for_selector("svg.chart")
    return page


def test_each_point_of_the_reliability_diagram_is_a_figure_of_its_table(world: Scene, open_page: Any) -> None:
    page = opened(world, open_page, "")
    plot = page.locator("figure[data-diagonal]")
    unfold(page)
    told = plot.locator("svg.chart circle.dot").evaluate_all("all => all.map(one => one.textContent)")
    cells = plot.locator("td[data-value]").all_inner_texts()
    assert len(told) == len(cells) > 2
    assert sorted(text.rpartition(": ")[2] for text in told) == sorted(cells)
    assert plot.locator("svg.chart line.ideal").count() == 1 and plot.locator("polyline.line").count() == 2


def test_maintainers_see_imagery_and_errors_of_control_tiles_and_others_a_reason(world: Scene, open_page: Any) -> None:
    page = opened(world, open_page, "maintainer")
    page.locator("#errors").scroll_into_view_if_needed()
    pictures = page.evaluate(
        """() => Promise.all([...document.querySelectorAll("image.pixelated")].map(async (one) => {
          const answer = await fetch(one.getAttribute("href"));
          return `${answer.status} ${answer.headers.get("Content-Type")}`;
        }))"""
    )
    assert set(pictures) == {"200 image/png"} and len(pictures) == page.locator(".error-tiles li").count() == 12
    first = page.locator(".error-tiles li").first.inner_text()
    page.click("#errors .pager a")
    page.wait_for_url(lambda address: "tiles=2" in address)
    assert page.locator(".error-tiles li").first.inner_text() != first
    other = opened(world, open_page, "author")
    assert other.locator(".error-tiles").count() == 0
    assert "shown to the campaign's maintainers alone" in other.inner_text("#errors")


@pytest.mark.parametrize("who", ["maintainer", ""])
@pytest.mark.parametrize("look", LOOKS)
def test_no_page_of_a_model_has_a_fault(world: Scene, open_page: Any, look: str, who: str) -> None:
    page = opened(world, open_page, who, **LOOKS[look])
    check_folded_and_unfolded(page)


@pytest.mark.parametrize("look", ["English, light, wide", "French, dark, narrow"])
def test_the_page_of_retraining_has_no_fault_while_a_training_goes_on(world: Scene, open_page: Any, look: str) -> None:
    kept = Faults()
    page = open_page(**LOOKS[look])
    sign_in(page, world.maintainer)
    page.goto(f"/campaigns/{world.campaign.slug}/retraining/")
    page.wait_for_selector("svg.chart")
    unfold(page)
    kept.look(page, "retraining")
    assert kept.found == [], "\n".join(kept.found)
    width = page.evaluate("() => [document.documentElement.scrollWidth, window.innerWidth]")
    assert width[0] <= width[1] and page.locator(".models a").count() == 2


def test_the_campaigns_rounds_lead_to_their_models(world: Scene, open_page: Any) -> None:
    page = open_page()
    page.goto(f"/campaigns/{world.campaign.slug}/")
    link = page.locator("#rounds table a").first
    link.click()
    page.wait_for_url("**/models/*/")
    assert "Model errs-m" in page.inner_text("h1")
