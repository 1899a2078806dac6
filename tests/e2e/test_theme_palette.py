"""In a campaign of a theme, local classes stand below the national one that they refine, for eyes, keys and ears."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import scenes
from e2e.studio import sign_in
from theme_rows import ORCHARD, PARENT, VINE, vines

from annotation.models import Annotation

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A campaign of vines and orchards, whose parent may still be chosen."""
    from e2e.conftest import _flush

    with django_db_blocker.unblock():
        folder = tmp_path_factory.mktemp("world")
        layer, _truth = scenes.real_layer(folder, f"themed-{uuid.uuid4().hex[:6]}", size_px=512)
        yield scenes.campaign("themed", layer=layer, tile_px=64, first_round=4, seed=5, nomenclature=vines(folder))
        _flush()


def opened(open_page: Any) -> Any:
    page = open_page()
    sign_in(page, scenes.person(f"p{uuid.uuid4().hex[:8]}"))
    page.goto("/campaigns/themed/studio/")
    page.wait_for_selector("sc-palette .class-item")
    return page


def test_a_theme_s_classes_stand_below_their_parent_which_can_be_chosen_as_well(open_page: Any, world: Any) -> None:
    page = opened(open_page)
    items = page.locator("sc-palette .class-item")
    codes = [one.get_attribute("data-testid").removeprefix("class-") for one in items.all()]
    at = codes.index(PARENT)
    assert codes[at + 1 : at + 3] == [VINE, ORCHARD]
    left = [page.locator(f"[data-testid='class-{code}']").bounding_box()["x"] for code in codes[at : at + 3]]
    assert left[0] < left[1] == left[2]
    assert "refines" in items.nth(at + 1).inner_text()
    assert page.locator("sc-palette .class-heading").count() == 0, "the parent is a class of its own here"


def test_the_keyboard_alone_chooses_a_class_of_the_theme_and_the_parent(open_page: Any, world: Any) -> None:
    page = opened(open_page)
    for code in (VINE, PARENT):
        item = page.locator(f"[data-testid='class-{code}']")
        page.keyboard.press(item.locator("kbd").inner_text().replace("⇧", "Shift+"))
        assert item.get_attribute("aria-pressed") == "true"
    assert not Annotation.objects.exists()
