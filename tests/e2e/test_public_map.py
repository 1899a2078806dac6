"""A campaign's public map: its layers, two of them side by side, addresses of views, and keys alone."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scenes
from e2e.web_map import wait_until_at_rest
from map_rows import drawn_map
from PIL import Image

from annotation.jobs.registry import run_job
from learning.services.polygons import start_polygons

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

AXE = Path(__file__).resolve().parents[2] / "frontend/node_modules/axe-core/axe.min.js"
VIOLATIONS = """async () => (await axe.run()).violations.map(
  ({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)"""
TILES_TO_LABEL = ".leaflet-overlay-pane path, .leaflet-overlay-pane canvas"
SIZE_PX = 1024


@pytest.fixture(scope="module")
def campaign(world: Any, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A campaign with labels and a map of its imagery, and a map of the same ground in 2019; one without a model."""
    folder = tmp_path_factory.mktemp("maps")
    with django_db_blocker.unblock():
        truth = scenes.checker_truth(SIZE_PX, SIZE_PX, square_px=128)
        scene = scenes.labelled_scene(folder, "carte", size_px=SIZE_PX, truth=truth)
        before = np.where(np.arange(SIZE_PX)[:, None] < 512, 1, truth).astype(np.uint8)
        layer, _ = scenes.real_layer(folder, "carte-2019", size_px=SIZE_PX, truth=before)
        layer.vintage = 2019
        layer.save()
        drawn_map(scenes.campaign("carte-2019", layer=layer, tile_px=64, seed=3), before, np.ones_like(truth))
        made = drawn_map(scene.campaign, truth, np.where(truth == 2, 1, 200).astype(np.uint8))
        assert run_job(str(start_polygons(prediction=made).id))
        scenes.campaign("bare", layer=scenes.real_layer(folder, "bare", size_px=512)[0], tile_px=64)
        return scene.campaign


def opened(page: Any, address: str = "/campaigns/carte/") -> Any:
    page.goto(address)
    page.wait_for_selector("input[data-layer='imagery']")
    page.wait_for_selector(TILES_TO_LABEL, state="attached")
    wait_until_at_rest(page)
    return page


def layer(page: Any, key: str) -> Any:
    return page.locator(f"input[data-layer='{key}']")


def map_picture(page: Any) -> np.ndarray:
    """The map without its last lines, which name those whose work is shown."""
    picture = Image.open(io.BytesIO(page.locator(".map-shell .canvas").screenshot())).convert("RGB")
    return np.asarray(picture).astype(int)[:-40]


def tile_addresses(page: Any) -> set[str]:
    found = page.eval_on_selector_all(".leaflet-tile", "tiles => tiles.map((tile) => tile.src || '')")
    return {re.sub(r"/\d+/\d+/\d+\.(jpg|png).*", "", re.sub(r"^https?://[^/]+", "", address)) for address in found} - {
        ""
    }


def test_each_layer_is_put_on_and_taken_off_with_its_legend_and_opacity(open_page: Any, campaign: Any) -> None:
    page = opened(open_page())
    assert tile_addresses(page) == {"/imagery/carte/web"}
    assert page.is_hidden("#entropy-legend") and page.is_visible("#class-legend")
    bare = map_picture(page)
    for key, legend in [
        ("class", "#class-legend"), ("polygons", "#class-legend"), ("entropy", "#entropy-legend"),
        ("change", "#change-legend"), ("labels", "#class-legend"), ("imagery-2019", "#class-legend"),
    ]:  # fmt: skip
        slider = page.locator(f"input[data-opacity='{key}']")
        assert slider.is_hidden()
        layer(page, key).check()
        wait_until_at_rest(page)
        assert slider.is_visible() and page.is_visible(legend)
        if key != "imagery-2019":  # it lies below the newer one
            assert np.abs(map_picture(page) - bare).mean() > 0.5, key
        slider.fill("0")
        page.wait_for_timeout(200)
        assert np.abs(map_picture(page) - bare).mean() < 0.5, f"{key} is seen through"
        layer(page, key).uncheck()
    page.wait_for_function("() => document.querySelectorAll('.leaflet-tile-pane .leaflet-layer').length === 1")
    assert layer(page, "agreement").is_disabled()
    assert "several people" in page.locator("#layer-agreement-why").inner_text()


def test_colours_of_a_layer_are_those_of_its_legend_and_tiles_are_outlines_meanwhile(
    open_page: Any, campaign: Any
) -> None:
    page = opened(open_page())
    layer(page, "class").check()
    page.locator("input[data-opacity='class']").fill("100")
    wait_until_at_rest(page)
    classes = campaign.nomenclature.classes.filter(code__in=scenes.TWO_CLASSES)
    named = {tuple(bytes.fromhex(colour.removeprefix("#"))) for colour in classes.values_list("colour", flat=True)}
    assert len(named) == 2

    def share_in_class_colours() -> float:
        picture = map_picture(page)
        return float(np.any([(picture == colour).all(axis=2) for colour in named], axis=0).mean())

    with_tiles = share_in_class_colours()
    page.locator("#show-tiles").uncheck()
    page.wait_for_timeout(300)
    assert share_in_class_colours() > 0.1
    assert with_tiles > 0.9 * share_in_class_colours(), "tiles cover no more of the colours than their outlines do"


def test_an_address_opens_the_same_view_and_follows_what_one_does(open_page: Any, campaign: Any) -> None:
    page = opened(open_page())
    assert "#" not in page.url, "an address is written once somebody has changed something"
    layer(page, "class").check()
    page.locator("input[data-opacity='class']").fill("45")
    page.wait_for_url(re.compile(r"#map=.*show=imagery,class:45"))
    zoom = page.evaluate("() => window.maps[0].getZoom()")
    page.get_by_role("button", name="Zoom in").click()
    page.wait_for_url(re.compile(rf"#map={zoom + 1}/"))
    address = page.url
    again = opened(open_page(), address)
    assert layer(again, "class").is_checked() and not layer(again, "entropy").is_checked()
    assert again.locator("input[data-opacity='class']").input_value() == "45"
    assert tile_addresses(again) == tile_addresses(page)
    again.evaluate("() => { location.hash = '#map=16/43.7/0.1&show=imagery-2019'; }")
    again.wait_for_function("() => document.querySelector(\"input[data-layer='imagery-2019']\").checked")
    assert not layer(again, "class").is_checked()


def test_two_vintages_are_compared_across_a_border_that_keys_move(open_page: Any, campaign: Any) -> None:
    page = opened(open_page())
    page.get_by_label("Two layers side by side").check()
    assert page.locator("#compare-left").input_value() == "imagery-2019"
    assert page.locator("#compare-right").input_value() == "imagery"
    page.locator("#compare-right").select_option("class")
    wait_until_at_rest(page)
    assert tile_addresses(page) == {"/imagery/carte-2019/web", "/imagery/carte/web", page_class_address(page)}
    border = page.get_by_label(re.compile("Border between the two layers"))
    border.focus()
    before = map_picture(page)
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile(r"compare=imagery-2019(\||%7C)class&at=70"))
    after = map_picture(page)
    width = before.shape[1]
    changed = np.abs(after - before).mean(axis=(0, 2)) > 3
    assert changed[int(width * 0.53) : int(width * 0.67)].mean() > 0.6, "what lay right of the border is left of it now"
    assert changed[: int(width * 0.45)].mean() < 0.1 and changed[int(width * 0.75) :].mean() < 0.1
    assert border.get_attribute("aria-valuetext") == "Imagery (2019) | What the model sees (2022): 70 %"
    centre = page.evaluate("() => location.hash.split('&')[0]")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(re.compile("at=69"))
    assert page.evaluate("() => location.hash.split('&')[0]") == centre, "the map does not move with the border"
    page.get_by_label("Two layers side by side").uncheck()
    assert page.locator(".swipe-range").count() == 0
    page.wait_for_url(re.compile(r"show=imagery$"))


def page_class_address(page: Any) -> str:
    (found,) = [address for address in tile_addresses(page) if "/predictions/" in address]
    return str(found)


def test_a_label_one_points_at_is_said_in_words(open_page: Any, campaign: Any) -> None:
    page = opened(open_page())
    page.get_by_label("Tiles to label").uncheck()
    page.get_by_label("Reported places").uncheck()
    with page.expect_response(re.compile(r"/labels/1[3-6]/\d+/\d+\.mvt")):
        layer(page, "labels").check()
    page.wait_for_url(re.compile("labels:70"))  # or the page would write its address over the next one
    tile = campaign.tiles.filter(state="accepted", role="pool").first().footprint.centroid
    page.evaluate("([lat, lng]) => { location.hash = `#map=19/${lat}/${lng}&show=labels`; }", [tile.y, tile.x])
    page.wait_for_function("() => !document.querySelector(\"input[data-layer='imagery']\").checked")
    wait_until_at_rest(page)
    box = page.locator(".map-shell .canvas").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    said = page.locator(".leaflet-popup-content").inner_text()
    assert re.search(r"\d+ m², drawn by people and accepted", said), said


def test_a_polygon_of_the_map_one_points_at_says_its_class_and_area_in_french_too(
    open_page: Any, campaign: Any
) -> None:
    """A square of 128 px of 0.2 m is 655 m²; it may be less where control tiles are cut out of it."""
    place = campaign.tiles.filter(state="accepted", role="pool").first().footprint.centroid
    for locale, expected in (("en-US", r"[\d,]+ m², as the model sees it"), ("fr-FR", r"[\d\s]+ m², selon le modèle")):
        page = opened(
            open_page(locale=locale), f"/campaigns/carte/#map=19/{place.y}/{place.x}&show=imagery,polygons:50"
        )
        for box in ("#show-tiles", "#show-reports"):
            page.locator(box).uncheck()
        assert layer(page, "polygons").is_checked()
        assert page.locator("input[data-opacity='polygons']").input_value() == "50"
        wait_until_at_rest(page)
        canvas = page.locator(".map-shell .canvas").bounding_box()
        page.mouse.click(canvas["x"] + canvas["width"] / 2, canvas["y"] + canvas["height"] / 2)
        said = page.locator(".leaflet-popup-content")
        assert re.search(expected, said.inner_text()), said.inner_text()
        code = page.locator("#class-legend").inner_text()
        assert said.locator("strong").inner_text().split(" ")[-1] in code
        page.wait_for_url(re.compile("show=imagery,polygons:50"))


def test_the_panel_is_worked_with_keys_in_french_and_nothing_is_amiss(open_page: Any, campaign: Any) -> None:
    page = opened(open_page(locale="fr-FR"))
    page.locator("#rounds").get_by_text("Chargement…").wait_for(state="detached")
    page.evaluate(AXE.read_text())
    layer(page, "class").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    slider = page.locator("input[data-opacity='class']")
    assert slider.evaluate("(slider) => slider === document.activeElement")
    assert slider.get_attribute("aria-label") == "Opacité de «\xa0Ce que voit le modèle (2022)\xa0»"
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(re.compile("class:65"))
    polygons = page.get_by_label("Polygones de la carte", exact=True)
    polygons.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(re.compile("class:65,polygons:65"))
    assert page.evaluate(VIOLATIONS) == []
    page.get_by_label("Deux couches côte à côte").check()
    wait_until_at_rest(page)
    assert page.evaluate(VIOLATIONS) == []
    assert "2019" in page.locator("#compare-left").inner_text()


def test_a_campaign_without_a_model_says_what_its_layers_wait_for(open_page: Any, campaign: Any) -> None:
    page = opened(open_page(), "/campaigns/bare/")
    for key, why in {
        "class": "No model has drawn a map yet.", "entropy": "No model has drawn a map yet.",
        "polygons": "No model has drawn a map yet.",
        "change": "It takes a map of an earlier vintage of this ground.", "labels": "No label is accepted yet.",
    }.items():  # fmt: skip
        assert layer(page, key).is_disabled()
        assert page.locator(f"#layer-{key}-why").inner_text() == why
    assert page.locator("#compare-on").is_disabled()
    assert "Generated for tests" in page.locator(".leaflet-control-attribution").inner_text()
