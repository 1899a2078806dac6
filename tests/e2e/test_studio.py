"""The main path as people walk it: draw with the mouse, submit, and have someone else accept."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
import scenes

from annotation.models import Annotation
from annotation.services.people import set_role
from annotation.services.reviews import record_review

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

BUILT, GRASS = scenes.TWO_CLASSES


@pytest.fixture
def campaign(tmp_path: Path) -> Any:
    layer, _truth = scenes.real_layer(tmp_path, "scene", size_px=1024)
    return scenes.campaign("gers", layer=layer, tile_px=128)


def sign_up(page: Any, name: str) -> None:
    page.goto("/accounts/signup/")
    page.fill("#id_username", name)
    page.fill("#id_password1", "a-long-passphrase")
    page.check("#id_licence")
    page.click("button:has-text('Create my account')")
    page.wait_for_url("**/campaigns/")


def sign_in(page: Any, name: str) -> None:
    page.goto("/accounts/login/")
    page.fill("#id_login", name)
    page.fill("#id_password", "a-long-passphrase")
    page.click("main button[type=submit]")
    page.wait_for_url("**/campaigns/")


def open_studio(page: Any) -> None:
    page.goto("/campaigns/gers/studio/")
    page.wait_for_selector("#studio[data-ready='true']")


def on_screen(page: Any, x: float, y: float) -> tuple[float, float]:
    place = page.evaluate("([x, y]) => document.querySelector('#studio').projectToScreen(x, y)", [x, y])
    return place["x"], place["y"]


def draw_polygon(page: Any, code: str, corners: list[tuple[float, float]]) -> None:
    """Choose a class and the polygon tool, click each corner, close on the first."""
    page.click(f"[data-testid='class-{code}']")
    page.click("[data-testid='tool-polygon']")
    for x, y in [*corners, corners[0]]:
        page.mouse.move(*on_screen(page, x, y), steps=4)
        page.mouse.click(*on_screen(page, x, y))
        page.wait_for_timeout(60)


def wait_saved(page: Any) -> None:
    page.wait_for_selector("[data-testid='save-state'][data-state='saved']")


def features_on_page(page: Any) -> int:
    return int(page.get_attribute("#studio", "data-features"))


def test_one_person_draws_two_polygons_with_the_mouse_and_submits_and_another_accepts(
    campaign: Any, open_page: Any
) -> None:
    page = open_page()
    sign_up(page, "ana")
    open_studio(page)
    tile = int(page.get_attribute("#studio", "data-tile"))
    draw_polygon(page, BUILT, [(20, 20), (70, 20), (70, 70), (20, 70)])
    assert features_on_page(page) == 1
    draw_polygon(page, GRASS, [(50, 50), (110, 50), (110, 110), (50, 110)])
    assert features_on_page(page) == 2
    wait_saved(page)
    page.click("[data-testid='submit']")
    page.wait_for_function("tile => document.querySelector('#studio').dataset.tile !== String(tile)", arg=tile)

    annotation = Annotation.objects.get(tile_id=tile)
    assert annotation.state == "submitted" and annotation.head is not None
    by_class = {feature["class_code"]: feature for feature in annotation.head.features}
    assert set(by_class) == {BUILT, GRASS}
    # The second polygon took the corner that the two share: 50 × 50 − 20 × 20 and 60 × 60 pixels of 0.04 m².
    areas = {polygon.class_code: polygon.area_m2 for polygon in annotation.head.polygons.all()}
    assert areas[GRASS] == pytest.approx(3600 * 0.04, rel=0.05)
    assert areas[BUILT] == pytest.approx(2100 * 0.04, rel=0.05)

    set_role(campaign=campaign, user=scenes.person("rene"), role="reviewer")
    desk = open_page()
    sign_in(desk, "rene")
    desk.goto("/campaigns/gers/review/")
    desk.wait_for_selector("#review[data-ready='true']")
    desk.keyboard.press("a")
    desk.wait_for_selector("[data-testid='empty']")
    annotation.refresh_from_db()
    assert annotation.state == "accepted"

    page.goto("/me/")
    assert "accepted" in page.inner_text("main").lower()


def test_undo_redo_relabel_and_delete_reach_the_server(campaign: Any, open_page: Any) -> None:
    page = open_page()
    sign_up(page, "ana")
    open_studio(page)
    draw_polygon(page, BUILT, [(20, 20), (70, 20), (70, 70), (20, 70)])
    page.keyboard.press("Control+z")
    page.wait_for_selector("#studio[data-features='0']")
    page.keyboard.press("Control+Shift+z")
    page.wait_for_selector("#studio[data-features='1']")
    wait_saved(page)
    annotation = Annotation.objects.get()
    assert annotation.head is not None and annotation.head.features[0]["class_code"] == BUILT


def test_work_drawn_while_the_network_is_away_is_kept_and_saved_when_it_returns(campaign: Any, open_page: Any) -> None:
    page = open_page()
    sign_up(page, "ana")
    open_studio(page)
    page.context.set_offline(True)
    draw_polygon(page, BUILT, [(20, 20), (70, 20), (70, 70), (20, 70)])
    page.wait_for_selector("[data-testid='save-state'][data-state='offline']")
    assert not Annotation.objects.filter(head__isnull=False).exists()
    page.context.set_offline(False)
    wait_saved(page)
    assert len(Annotation.objects.get().head.features) == 1  # type: ignore[union-attr]


def test_a_closed_page_finds_its_unsaved_drawing_again(campaign: Any, open_page: Any) -> None:
    page = open_page()
    sign_up(page, "ana")
    open_studio(page)
    page.context.set_offline(True)
    draw_polygon(page, BUILT, [(20, 20), (70, 20), (70, 70), (20, 70)])
    page.wait_for_selector("[data-testid='save-state'][data-state='offline']")
    context = page.context
    page.close(run_before_unload=False)
    context.set_offline(False)
    again = context.new_page()
    open_studio(again)
    again.wait_for_selector("#studio[data-features='1']")
    wait_saved(again)
    assert len(Annotation.objects.get().head.features) == 1  # type: ignore[union-attr]


HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}\"'><svg onload=alert(3)>"


def test_hostile_words_of_a_reviewer_stay_words_on_every_page_that_shows_them(campaign: Any, open_page: Any) -> None:
    page = open_page()
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    sign_up(page, "ana")
    open_studio(page)
    tile = int(page.get_attribute("#studio", "data-tile"))
    draw_polygon(page, BUILT, [(20, 20), (70, 20), (70, 70), (20, 70)])
    wait_saved(page)
    page.click("[data-testid='submit']")
    page.wait_for_selector(f"#studio:not([data-tile='{tile}'])[data-ready='true']")
    annotation = Annotation.objects.get(tile_id=tile)
    rene = scenes.person("rene")
    set_role(campaign=campaign, user=rene, role="reviewer")
    record_review(
        annotation_id=annotation.pk,
        reviewer=rene,
        verdict="send_back",
        reason="other",
        comment=HOSTILE,
        operation_id=uuid.uuid4(),
        expected_version=annotation.version,
    )
    page.goto("/me/")
    assert HOSTILE in page.inner_text("main")
    page.goto(f"/campaigns/gers/studio/?tile={tile}")
    page.wait_for_selector("#studio[data-ready='true']")
    assert HOSTILE in page.inner_text("#studio")
    assert dialogs == []
