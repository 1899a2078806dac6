"""A campaign's figures for its maintainers, and one's own work: plots drawn from the tables beside them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from e2e.studio import sign_in
from e2e.test_accessibility import LOOKS, check_folded_and_unfolded, unfold
from map_rows import evaluation, halves_at, judged_model, map_of, retire
from scenes import TWO_CLASSES, campaign, person, real_layer, square
from trust_rows import World, hand_in, review, reviewer_of

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

BUILT, GRASS = TWO_CLASSES
HERE = "scene"


@dataclass
class Scene:
    """A campaign some weeks old, with two published models, in which Ana labelled most."""

    ana: Any
    maintainer: Any


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Labels of nine weeks, some of them corrected or sent back, and two maps."""
    from e2e.conftest import _flush

    with django_db_blocker.unblock():
        yield build(tmp_path_factory.mktemp("world"))
        _flush()


def build(folder: Any) -> Scene:
    from annotation.services.people import set_role

    layer, _truth = real_layer(folder, HERE, size_px=1024)
    camp = campaign(HERE, layer=layer, tile_px=64, first_round=40, seed=5, control_share=0.0)
    scene = World(camp, reviewer_of(camp, "reviewer"))
    maintainer = person("maintainer")
    set_role(campaign=camp, user=maintainer, role="maintainer")
    ana, bo = person("ana"), person("bo")
    work = [label(scene, ana if number % 4 else bo, number) for number in range(27)]
    put_back_in_time(camp, work)
    accepted = [one for one in work if one.state == "accepted"]
    camp.holdout.refresh_from_db()
    learn(camp, accepted)
    return Scene(ana, maintainer)


def label(scene: World, who: Any, number: int) -> Any:
    """One tile, handed in and decided as its number says."""
    from annotation.services.queue_pick import pick_tile
    from annotation.services.reviews import record_review, save_correction

    row, col = scene.places()[number]
    lease = pick_tile(campaign=scene.campaign, annotator=who, row=row, col=col)
    shapes = [square(BUILT, 0, 0, 32, "one"), square(GRASS, 32, 0, 32, "two")]
    annotation = hand_in(lease.tile, who, shapes)
    if number % 9 == 7:
        corrected = [shapes[0], square(GRASS, 36, 0, 28, "two")]
        save_correction(
            annotation_id=annotation.pk,
            reviewer=scene.reviewer,
            features=corrected,
            operation_id=uuid.uuid4(),
            expected_version=0,
        )
        record_review(
            annotation_id=annotation.pk,
            reviewer=scene.reviewer,
            verdict="correct",
            operation_id=uuid.uuid4(),
            expected_version=annotation.version,
        )
    elif number < 24:
        review(annotation, scene.reviewer, "send_back" if number % 9 == 5 else "accept")
    annotation.refresh_from_db()
    return annotation


def put_back_in_time(camp: Any, work: list[Any]) -> None:
    """Three tiles a week, the last ones this week."""
    from django.utils import timezone

    from annotation.models import Annotation

    camp.created_at = timezone.now() - timedelta(days=70)
    camp.save(update_fields=["created_at"])
    for number, one in enumerate(work):
        age = timedelta(weeks=(len(work) - 1 - number) // 3)
        then = Annotation.objects.filter(pk=one.pk)
        then.update(submitted_at=one.submitted_at - age, decided_at=one.decided_at and one.decided_at - age)


def learn(camp: Any, accepted: list[Any]) -> None:
    """A first model, and a second one whose map is nearer to what people drew on most of the tiles it is new to."""
    from learning.services.map_changes import count_map_changes

    first = judged_model(camp, 1, accepted[:6])
    before = map_of(first, {})
    evaluation(first, 0.78, miou=0.52)
    retire(first)
    second = judged_model(camp, 2, accepted, against=first)
    raised = {(one.tile.row, one.tile.col): halves_at(32 + number) for number, one in enumerate(accepted[6:])}
    last = accepted[-1].tile
    after = map_of(second, {**raised, (last.row, last.col): halves_at(0)})
    evaluation(second, 0.81, miou=0.63)
    for model, tiles in ((first, 6), (second, len(accepted))):
        model.run.training_set.n_tiles = tiles
        model.run.training_set.drawn_m2 = {BUILT: 900.0 * tiles, GRASS: 300.0 * tiles}
        model.run.training_set.save(update_fields=["n_tiles", "drawn_m2"])
    for shown in (before, after):
        shown.class_px = {BUILT: 700_000, GRASS: 300_000}
        shown.save(update_fields=["class_px"])
    list(count_map_changes(after))


def opened(world: Scene, open_page: Any, who: str, **options: Any) -> Any:
    page = open_page(**options)
    sign_in(page, getattr(world, who))
    page.goto("/me/" if who == "ana" else f"/campaigns/{HERE}/dashboard/")
    page.wait_for_selector("svg.chart")
    return page


def test_each_bar_of_a_plot_is_a_figure_of_its_table(world: Scene, open_page: Any) -> None:
    page = opened(world, open_page, "maintainer")
    unfold(page)
    plot = page.locator("figure[data-plot=bars]").first
    bars = plot.locator("svg.chart rect.bar").evaluate_all("all => all.map(one => one.textContent)")
    rows = plot.locator("tbody tr").evaluate_all(
        "all => all.map(one => [...one.cells].map(cell => cell.textContent.trim()))"
    )
    told = [f"{week}: {handed_in} tiles handed in" for week, handed_in, _accepted in rows if handed_in != "0"]
    told += [f"{week}: {accepted} tiles accepted" for week, _handed_in, accepted in rows if accepted != "0"]
    assert sorted(bars) == sorted(told) and len(rows) == 12 and "3" in rows[-1]
    heights = plot.locator("svg.chart rect.bar").evaluate_all(
        "all => all.map(one => Number(one.getAttribute('height')))"
    )
    assert all(height > 0 for height in heights)


def test_the_learning_curve_has_a_point_a_model_with_its_interval(world: Scene, open_page: Any) -> None:
    page = opened(world, open_page, "maintainer")
    plot = page.locator("figure[data-plot=points]")
    plot.locator("svg.chart").wait_for()
    assert plot.locator("circle.dot").count() == plot.locator("tbody tr").count() == 2
    assert plot.locator("line.interval").count() == 2
    high, low = plot.locator("circle.dot").evaluate_all("all => all.map(one => Number(one.getAttribute('cy')))")
    assert low < high, "the second model is better, so its point is higher up"


def test_ones_own_page_says_what_ones_labels_changed(world: Scene, open_page: Any) -> None:
    page = opened(world, open_page, "ana")
    told = page.inner_text("main")
    assert "What your labels changed" in told and "moved towards your labels, 1 away" in told
    assert "the same two maps on control tiles" in told and "78% → 81%" in told
    page.click("text=Your tiles on which the map moved most")
    links = page.locator("details[open] a[href^='/me/work/']")
    links.first.click()
    page.wait_for_url("**/me/work/*/")
    assert "What became of your labels" in page.inner_text("main")


@pytest.mark.parametrize("who", ["maintainer", "ana"])
@pytest.mark.parametrize("look", LOOKS)
def test_no_page_of_figures_has_a_fault(world: Scene, open_page: Any, look: str, who: str) -> None:
    page = opened(world, open_page, who, **LOOKS[look])
    check_folded_and_unfolded(page)


def test_plots_fit_a_screen_that_becomes_narrow(world: Scene, open_page: Any) -> None:
    page = opened(world, open_page, "maintainer")
    page.set_viewport_size({"width": 390, "height": 780})
    page.wait_for_function(
        "() => [...document.querySelectorAll('svg.chart')].every(one => one.viewBox.baseVal.width < 390)"
    )
    labels = page.locator("figure[data-plot=bars] svg.chart").first.locator("text").all_text_contents()
    weeks = page.locator("figure[data-plot=bars]").first.locator("tbody th").all_text_contents()
    shown = [week for week in weeks if week in labels]
    assert 3 <= len(shown) <= 6 and shown[-1] == weeks[-1], "as many as fit, and always the present week"
