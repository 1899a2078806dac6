"""The page of a territory in a real browser: with figures and without, in both languages, narrow, and on paper."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
from e2e.test_accessibility import LOOKS, check_folded_and_unfolded
from e2e.web_map import wait_until_at_rest
from scenes import labelled_scene
from territory_rows import assessed, commune, counted

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
PAGE = "/territories/commune/32013/"


@pytest.fixture(scope="module")
def territory(world: Any, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A commune of which everything is assessed, and one of which nothing is."""
    from learning.models import TerritoryFigures

    with django_db_blocker.unblock():
        scene = labelled_scene(tmp_path_factory.mktemp("ground"), "territoire", pool_tiles=2)
        here = commune(scene.campaign, tiles=(0, 0, 3, 3))
        commune(scene.campaign, code="32014", name="Barran", tiles=(1, 1, 3, 3))
        counted(scene.campaign)
        row = TerritoryFigures.objects.get(territory=here)
        row.document = assessed(row.document)
        row.save()
        return here


def opened(page: Any, address: str = PAGE) -> Any:
    page.goto(address)
    page.wait_for_selector("path.territory-boundary", state="attached")
    page.wait_for_selector("input[data-layer='imagery']")  # what can be shown is known, and printing is wired
    wait_until_at_rest(page)
    return page


@pytest.mark.parametrize("look", LOOKS)
def test_no_look_of_the_pages_has_a_fault(open_page: Any, territory: Any, tmp_path: Path, look: str) -> None:
    page = opened(open_page(**LOOKS[look]))
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    check_folded_and_unfolded(page)
    check_folded_and_unfolded(opened(page, "/territories/commune/32014/"))
    for address in ("/territories/", "/method/"):
        page.goto(address)
        check_folded_and_unfolded(page)


def test_headings_go_down_one_step_at_a_time(open_page: Any, territory: Any) -> None:
    page = opened(open_page())
    levels = page.eval_on_selector_all("main :is(h1, h2, h3, h4)", "all => all.map((one) => Number(one.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), levels


def test_printing_asked_for_before_the_map_is_known_comes_once_it_is(open_page: Any, territory: Any) -> None:
    page = open_page()
    held: list[Any] = []
    page.route("**/map/", lambda route: held.append(route))
    page.goto(PAGE)
    page.wait_for_selector("path.territory-boundary", state="attached")
    page.evaluate("() => { window.print = () => { document.body.dataset.printed = 'yes'; }; }")
    page.click("#print")
    assert page.is_disabled("#copy-view"), "there is no view to link to yet"
    for one in held:
        one.continue_()
    page.wait_for_selector("body[data-printed]")
    assert page.is_enabled("#copy-view")


def test_the_page_prints_as_a_few_pages_with_its_figures_and_its_map(
    open_page: Any, territory: Any, tmp_path: Path
) -> None:
    page = opened(open_page(locale="fr-FR"))
    page.evaluate("() => { window.print = () => { document.body.dataset.printed = 'yes'; }; }")
    page.click("#print")
    page.wait_for_selector("body[data-printed]")
    page.emulate_media(media="print")
    page.evaluate("() => window.dispatchEvent(new Event('beforeprint'))")
    wait_until_at_rest(page)
    for gone in ("header.bar", "footer", "#print", ".map-side fieldset"):
        assert page.locator(gone).first.is_hidden(), gone
    assert page.locator(".map-shell .leaflet-container").bounding_box()["width"] == 680
    assert page.locator("#review .parts .bar").first.is_visible(), "drawn on paper as well"
    assert page.locator("main details:not([open])").count() == 0, "paper cannot be unfolded"
    assert "Entre 190 et 460" in page.locator("main").inner_text().replace("\xa0", " ")
    written = page.pdf(path=tmp_path / "territory.pdf", prefer_css_page_size=True, print_background=True)
    pages = len(re.findall(rb"/Type\s*/Page\b", written))
    assert 2 <= pages <= 6, pages
    assert rb"/MediaBox [0 0 594.95996 841.91998]" in written or rb"/MediaBox [0 0 595" in written, "A4"
    page.evaluate("() => window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("main details[open]").count() == 0
