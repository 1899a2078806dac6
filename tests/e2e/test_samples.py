"""Places of a sample, answered by keyboard at two dates; the answers are the database's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import scenes
from e2e.lane import key_of
from e2e.studio import BUILT, GRASS, new_person, sign_in
from learning_rows import model_row, ready_map

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
SIZE_PX, TILE_PX = 512, 64
SENT = "#sample[data-pending='0']"


def mapped(folder: Path, slug: str, vintage: int, *, seed: int, classes: Any) -> Any:
    """A campaign on real imagery of a year, with a published map."""
    layer, _truth = scenes.real_layer(folder, slug, size_px=SIZE_PX, seed=seed, truth=classes)
    layer.vintage = vintage
    layer.save()
    campaign = scenes.campaign(slug, layer=layer, tile_px=TILE_PX, first_round=2, seed=5)
    prediction = ready_map(model_row(campaign, state="promoted"), np.zeros((8, 8), np.float32))
    with rasterio.open(
        prediction.path("class.tif"), "w", driver="GTiff", width=SIZE_PX, height=SIZE_PX, count=1, dtype="uint8",
        crs=layer.crs, transform=rasterio.Affine(*layer.transform),
    ) as out:  # fmt: skip
        out.write(classes, 1)
        out.update_tags(CLASS_CODES=json.dumps(prediction.model.class_codes))
    return campaign


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two vintages of one ground: in the second the east was built on."""
    from e2e.conftest import _flush

    from annotation.models import VintagePair

    folder = tmp_path_factory.mktemp("world")
    with django_db_blocker.unblock():
        then = np.full((SIZE_PX, SIZE_PX), 2, np.uint8)
        now = then.copy()
        now[:, 300:] = 1
        older, newer = (
            mapped(folder, slug, year, seed=year, classes=classes)
            for slug, year, classes in (("gers-2019", 2019, then), ("gers-2022", 2022, now))
        )
        yield VintagePair.objects.create(first=older.layer, second=newer.layer), newer
        _flush()


@pytest.fixture
def sample(world: Any) -> Iterator[Any]:
    """Four places of change for one test."""
    from sample_rows import COUNTED

    from learning.services.sample_draw import draw_change_sample
    from learning.services.samples import close_sample

    pair, campaign = world
    made = draw_change_sample(
        pair=pair, campaign=campaign, drawn_by=None, counted=COUNTED, total=4, fewest=2, unit_px=10, seed=1
    )
    yield made
    made.refresh_from_db()
    if made.closed_at is None:
        close_sample(sample=made, closed_by=None, as_it_is=True)


def reviewer(campaign: Any, role: str = "reviewer") -> Any:
    from annotation.services.people import set_role

    user = new_person()
    set_role(campaign=campaign, user=user, role=role)
    return user


def open_sample(open_page: Any, user: Any, sample: Any, query: str = "", **options: Any) -> Any:
    page = open_page(**options)
    sign_in(page, user)
    page.goto(f"/campaigns/{sample.campaign.slug}/sample/{sample.pk}/{query}")
    page.wait_for_selector("#sample[data-ready='true']")
    return page


def answers(user: Any, sample: Any) -> list[tuple[int, str, str, str]]:
    from learning.models import SampleAnswer

    found = SampleAnswer.objects.filter(person=user, unit__sample=sample).order_by("pk")
    return list(found.values_list("unit__number", "first_code", "second_code", "sureness"))


def press(page: Any, unit: int, *keys: str) -> None:
    """Keys on one place, and then the next place is there."""
    for key in keys:
        page.keyboard.press(key)
    page.wait_for_function("(unit) => document.querySelector('#sample').dataset.unit !== String(unit)", arg=unit)
    page.wait_for_function(
        "() => ['asking', 'done', 'sending'].includes(document.querySelector('#sample').dataset.phase)"
    )


def test_places_are_answered_by_keys_alone_at_both_dates(world: Any, sample: Any, open_page: Any) -> None:
    user = reviewer(sample.campaign)
    page = open_sample(open_page, user, sample)
    built, grass = key_of(page, BUILT), key_of(page, GRASS)
    assert page.locator(".pane").count() == 2
    units = list(sample.units.values_list("pk", flat=True))
    words = page.inner_text("[data-testid='question']")
    assert "first image" in words and "2019" in words
    page.keyboard.press(grass)
    page.wait_for_selector("#sample[data-asked='1']")
    assert "second image" in page.inner_text("[data-testid='question']")
    page.keyboard.press("z")
    page.wait_for_selector("#sample[data-asked='0']")
    press(page, units[0], grass, built)
    press(page, units[1], built, "n")
    page.context.set_offline(True)  # an answer that has left would stay beside the new one
    press(page, units[2], "d", grass, "n")
    page.keyboard.press("z")  # the answer before
    page.wait_for_selector(f"#sample[data-ready='true'][data-unit='{units[2]}']")
    press(page, units[2], "u")
    page.context.set_offline(False)
    press(page, units[3], grass, "Space")
    page.locator("[data-testid='empty']").wait_for()
    page.wait_for_selector(SENT, state="attached")
    assert answers(user, sample) == [
        (1, GRASS, BUILT, "sure"), (2, BUILT, BUILT, "sure"), (3, "", "", "sure"), (4, GRASS, GRASS, "sure"),
    ]  # fmt: skip


def test_no_map_and_no_answer_of_others_is_shown_while_one_answers(world: Any, sample: Any, open_page: Any) -> None:
    from sample_rows import say

    other, user = reviewer(sample.campaign), reviewer(sample.campaign)
    for unit in sample.units.all():
        say(unit, other, BUILT, BUILT)
    page = open_page()
    sign_in(page, user)
    asked: list[str] = []
    told: list[Any] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("response", lambda response: told.append(response) if response.url.endswith("/next/") else None)
    page.goto(f"/campaigns/{sample.campaign.slug}/sample/{sample.pk}/")
    page.wait_for_selector("#sample[data-ready='true']")
    page.wait_for_timeout(500)
    assert not [
        url for url in asked if any(word in url for word in ("draft", "doubt", "map/", "predict", "other-vint"))
    ]
    assert all(unit["answers"] == [] for answer in told for unit in answer.json()["units"])
    assert set(told[0].json()["units"][0]) == {"id", "number", "windows", "answers"}


def test_answers_given_without_a_network_arrive_once_it_is_back(world: Any, sample: Any, open_page: Any) -> None:
    user = reviewer(sample.campaign)
    page = open_sample(open_page, user, sample)
    units = list(sample.units.values_list("pk", flat=True))
    page.context.set_offline(True)
    for unit in units:
        press(page, unit, "1", "n")
    page.locator("[data-testid='sending']").wait_for()
    assert answers(user, sample) == []
    page.context.set_offline(False)
    page.locator("[data-testid='empty']").wait_for()
    assert [number for number, *_ in answers(user, sample)] == [1, 2, 3, 4]


def test_a_maintainer_settles_where_two_differ(world: Any, sample: Any, open_page: Any) -> None:
    from sample_rows import say

    from learning.services.samples import resolve

    first, second = reviewer(sample.campaign), reviewer(sample.campaign)
    eve = reviewer(sample.campaign, "maintainer")
    for unit in sample.units.all():
        say(unit, first, GRASS, BUILT)
        say(unit, second, GRASS, GRASS if unit.number == 3 else BUILT)
    page = open_sample(open_page, eve, sample, "?settle=1")
    assert "Place 3 of 4" in page.inner_text(".bar-title")
    assert page.locator("[data-testid='answers'] li").count() == 2
    press(page, sample.units.get(number=3).pk, "1", "n")
    page.locator("[data-testid='empty']").wait_for()
    page.wait_for_selector(SENT, state="attached")
    assert [place.state for place in resolve(sample)] == ["agreed"] * 4
    page.goto(f"/campaigns/{sample.campaign.slug}/sample/")
    page.get_by_role("button", name="Close this sample").click()
    page.get_by_text("The sample is closed: its figures").wait_for()
    sample.refresh_from_db()
    assert sample.closed_by == eve


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
def test_the_page_fits_and_speaks_the_language(
    world: Any, sample: Any, open_page: Any, locale: str, width: int
) -> None:
    user = reviewer(sample.campaign)
    page = open_sample(open_page, user, sample, locale=locale, viewport={"width": width, "height": 800})
    page.wait_for_timeout(400)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    words = page.inner_text("[data-testid='question']")
    assert words.startswith("What was" if locale == "en-GB" else "Qu’y avait-il")
    unit = page.get_attribute("#sample", "data-unit")
    page.locator(f"[data-testid='class-{GRASS}']").click()
    page.locator("[data-testid='same']").click()
    page.wait_for_selector(f"#sample:not([data-unit='{unit}'])", state="attached")
    page.wait_for_selector(SENT, state="attached")
    page.goto(f"/campaigns/{sample.campaign.slug}/sample/")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert answers(user, sample) == [(1, GRASS, GRASS, "sure")]


@pytest.mark.parametrize("width", [1280, 390])
def test_what_a_closed_sample_says_of_change_is_a_table_that_fits(
    world: Any, sample: Any, open_page: Any, width: int
) -> None:
    from sample_rows import say

    from learning.services.samples import close_sample

    first, second = reviewer(sample.campaign), reviewer(sample.campaign)
    for unit in sample.units.all():
        for who in (first, second):
            say(unit, who, GRASS, BUILT if unit.first_mapped != unit.second_mapped else GRASS)
    close_sample(sample=sample, closed_by=first)
    page = open_page(viewport={"width": width, "height": 900})
    sign_in(page, first)
    page.goto(f"/campaigns/{sample.campaign.slug}/sample/")
    table = page.locator(f"[data-testid='sample-{sample.pk}'] [data-testid='change']")
    # 300 of 512 px stay: 212 × 512 px of 0.2 m, counted by places of 10 px whose middle is at 305 or further
    assert "artificialised since (flow)" in table.inner_text()
    assert table.locator("tbody tr").first.locator("td").first.inner_text() == "0.43"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
