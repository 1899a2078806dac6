"""The main path as people walk it: sign up, draw with the mouse, submit, and have someone else accept."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from e2e.studio import BUILT, GRASS, Stored, Studio, begin, box, new_person, rectangle, sign_in

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}\"'><svg onload=alert(3)>"


def test_a_newcomer_signs_up_draws_two_polygons_and_submits_and_another_person_accepts(
    world: Any, open_page: Any
) -> None:
    from django.contrib.auth import get_user_model

    from annotation.services.people import set_role

    page = open_page()
    page.goto("/accounts/signup/")
    page.fill("#id_username", "ana")
    page.fill("#id_password1", "a-long-passphrase")
    page.check("#id_licence")
    page.click("button:has-text('Create my account')")
    page.wait_for_url("**/campaigns/")
    page.goto("/campaigns/gers/studio/")
    page.wait_for_selector("#studio[data-ready='true']")
    page.click("[data-testid='practice-offer'] button")
    number = int(page.get_attribute("#studio", "data-tile"))
    ana = get_user_model().objects.get(username="ana")
    hands = Studio(page, world.campaign.tiles.get(pk=number), ana)
    hands.choose(BUILT)
    hands.use("polygon")
    hands.clicks((10, 10), (35, 10), (35, 35), (10, 35), (10, 10))
    hands.settle(1)
    hands.choose(GRASS)
    hands.clicks((25, 25), (55, 25), (55, 55), (25, 55), (25, 25))
    hands.saved(2)
    page.click("[data-testid='submit']")
    page.wait_for_selector(f"#studio[data-ready='true']:not([data-tile='{number}'])")

    stored = Stored(hands.tile, ana)
    assert stored.annotation.state == "submitted"
    assert stored.ground(BUILT).equals(rectangle(10, 10, 35, 35) - rectangle(25, 25, 35, 35))
    assert stored.ground(GRASS).equals(rectangle(25, 25, 55, 55))
    # The figures are for the ground: a pixel is 0.2 m a side, stretched a little by the projection.
    areas = {polygon.class_code: polygon.area_m2 for polygon in stored.revision.polygons.all()}
    assert areas == {BUILT: pytest.approx(525 * 0.04, rel=0.05), GRASS: pytest.approx(900 * 0.04, rel=0.05)}

    rene, desk = new_person(), open_page()
    set_role(campaign=world.campaign, user=rene, role="reviewer")
    sign_in(desk, rene)
    desk.goto("/campaigns/gers/review/")
    desk.wait_for_selector("#review[data-ready='true']")
    desk.keyboard.press("a")
    desk.wait_for_selector("[data-testid='empty']")
    assert Stored(hands.tile, ana).annotation.state == "accepted"
    page.goto("/me/")
    assert "accepted" in page.inner_text("main").lower()


def test_hostile_words_of_a_reviewer_stay_words_on_every_page_that_shows_them(world: Any, open_page: Any) -> None:
    from annotation.services.annotations import submit_annotation
    from annotation.services.people import set_role
    from annotation.services.reviews import record_review

    author, reviewer, tile = new_person(), new_person(), world.tile()
    begin(tile, author, [box(BUILT, 10, 10, 30, 30, "mine")])
    submit_annotation(tile=tile, annotator=author, operation_id=uuid.uuid4(), expected_version=1)
    set_role(campaign=world.campaign, user=reviewer, role="reviewer")
    annotation = Stored(tile, author).annotation
    record_review(
        annotation_id=annotation.pk, reviewer=reviewer, verdict="send_back", reason="other", comment=HOSTILE,
        operation_id=uuid.uuid4(), expected_version=annotation.version,
    )  # fmt: skip
    dialogs: list[str] = []
    page = open_page()
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    sign_in(page, author)
    page.goto("/me/")
    assert HOSTILE in page.inner_text("main")
    Studio(page, tile, author).open()
    assert HOSTILE in page.inner_text("#studio")
    assert dialogs == []


def test_a_draft_that_was_only_looked_at_is_said_with_the_labels_drawn_beside_it(open_studio: Any, world: Any) -> None:
    hands = open_studio()
    hands.use("draft")
    hands.page.wait_for_selector("#studio:not([data-suggestions='0'])", state="attached")
    hands.use("rectangle")
    hands.drag((30, 44), (50, 60))
    assert hands.saved(1).revision.draft_model == world.prediction.model.version
