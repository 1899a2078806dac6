"""A maintainer changes the classes while people label: their tabs are told, and what they draw is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from class_rows import apply_plan, codes_of, split_plan, take_back
from e2e.studio import BUILT, GRASS, Studio

from annotation.models import Annotation

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def draw(hands: Studio, code: str, *bounds: int) -> None:
    """A rectangle of a class, with the mouse; returns once it shows."""
    before = int(hands.page.get_attribute("#studio", "data-features"))
    hands.choose(code)
    hands.use("rectangle")
    hands.drag((bounds[0], bounds[1]), (bounds[2], bounds[3]))
    hands.settle(before + 1)


def mine(hands: Studio) -> Annotation:
    return Annotation.objects.get(tile=hands.tile, annotator=hands.user)


def told(hands: Studio) -> str:
    hands.page.wait_for_selector("[data-testid='class-news']")
    return str(hands.page.inner_text("[data-testid='class-news']"))


def refuse_saves(route: Any) -> None:
    if route.request.method == "PUT":
        route.abort()
    else:
        route.continue_()


def test_two_tabs_are_told_of_a_split_and_keep_their_drafts(
    open_studio: Any, world: Any, settings: Any, tmp_path: Path
) -> None:
    settings.HEARTBEAT_SECONDS = 1
    tabs = [open_studio(), open_studio()]
    for hands in tabs:
        draw(hands, BUILT, 4, 4, 24, 24)
        draw(hands, GRASS, 30, 30, 44, 44)
        hands.saved(2)
    # Drawn and not saved yet when the classes change.
    tabs[0].page.route("**/annotation/", refuse_saves)
    draw(tabs[0], BUILT, 48, 8, 60, 20)
    change = apply_plan(world.campaign, split_plan())
    try:
        for hands in tabs:
            assert "have changed" in told(hands)
            assert "new.1" in told(hands)
        tabs[0].page.screenshot(path=str(tmp_path / "told.png"))
        tabs[0].page.unroute("**/annotation/")
        tabs[0].saved(3)
        assert sorted(codes_of(mine(tabs[0])).values()) == [GRASS, "new.1", "new.1"]
        assert sorted(codes_of(mine(tabs[1])).values()) == [GRASS, "new.1"]
        # One goes on with a class that was not there before, and nothing is asked.
        tabs[1].page.click("[data-testid='class-news-read']")
        draw(tabs[1], "new.2", 48, 8, 60, 20)
        tabs[1].saved(3)
        assert sorted(codes_of(mine(tabs[1])).values()) == [GRASS, "new.1", "new.2"]
    finally:
        take_back(change)
        world.campaign.refresh_from_db()


def test_a_shape_without_a_class_is_asked_for_again(
    open_studio: Any, world: Any, settings: Any, tmp_path: Path
) -> None:
    settings.HEARTBEAT_SECONDS = 1
    hands = open_studio()
    draw(hands, BUILT, 4, 4, 24, 24)
    draw(hands, GRASS, 30, 30, 44, 44)
    hands.saved(2)
    change = apply_plan(world.campaign, split_plan(default=None))
    try:
        assert "no class any more: 1" in told(hands)
        hands.settle(1)
        hands.page.screenshot(path=str(tmp_path / "asked.png"))
        hands.page.click("[data-testid='class-news-read']")
        draw(hands, "new.2", 4, 4, 24, 24)
        hands.saved(2)
        assert sorted(codes_of(mine(hands)).values()) == [GRASS, "new.2"]
    finally:
        take_back(change)
        world.campaign.refresh_from_db()
