"""Two dates compared in a real browser: four keys, one border, answers that are kept. The database is checked."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from change_rows import GREEN, GREY, SOIL, TwoDates
from e2e.lane import key_of
from e2e.studio import new_person, sign_in
from e2e.test_accessibility import LOOKS, Faults, check_folded_and_unfolded

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two real layers of one ground, on which a third of the squares changed, and a campaign over the later one."""
    from e2e.conftest import _flush

    with django_db_blocker.unblock():
        yield make_world(tmp_path_factory.mktemp("dates"))
        _flush()


def make_world(folder: Path) -> TwoDates:
    import scenes

    from annotation.models import ImageryLayer, VintagePair
    from annotation.services.tiles import materialise_tiles, pool_mask

    then = scenes.checker_truth(512, 512)
    now = np.where(np.indices(then.shape)[1] % 96 < 32, 3 - then, then).astype(np.uint8)
    first, _ = scenes.real_layer(folder, "gers-2019", truth=then, seed=1)
    second, _ = scenes.real_layer(folder, "gers-2022", truth=now, seed=2)
    ImageryLayer.objects.filter(pk=first.pk).update(vintage=2019, acquired_on="2019-07-12", title="Gers 2019")
    ImageryLayer.objects.filter(pk=second.pk).update(acquired_on="2022-06-03", title="Gers 2022")
    first.refresh_from_db()
    second.refresh_from_db()
    camp = scenes.campaign("gers", layer=second, tile_px=128, review_policy="none", first_reviewed=0)
    pair = VintagePair.objects.create(first=first, second=second)
    places = [(int(row), int(col)) for row, col in np.argwhere(pool_mask(camp))[:3]]
    made = materialise_tiles(campaign=camp, places=places)
    tiles = [made[place] for place in places]
    return TwoDates(first, second, pair, camp, tiles)


def four_places(world: TwoDates, tile: int = 0, **more: Any) -> dict[str, int]:
    """A round that asks about four places of one tile, highest first; their ids by the key that answers each."""
    from annotation.models import ChangeCell

    spots = {"unchanged": 0, "changed": 32, "first_wrong": 64, "second_wrong": 96}
    cells = [world.cell(world.tiles[tile], GREY, GREEN, score=1 - n / 10, at=at) for n, at in enumerate(spots.values())]
    opened = world.open(cells, **more)
    found = ChangeCell.objects.filter(round=opened).order_by("-score").values_list("pk", flat=True)
    return dict(zip(spots, found, strict=True))


def open_change(open_page: Any, user: Any, path: str = "", **options: Any) -> Any:
    page = open_page(**options)
    sign_in(page, user)
    page.goto(f"/campaigns/gers/change/{path}")
    page.wait_for_selector("#validate[data-ready='true'], [data-testid='empty']")
    return page


def asked(page: Any, cell: int) -> None:
    page.wait_for_selector(f"#validate[data-ready='true'][data-cell='{cell}']", state="attached")


def rows(user: Any) -> dict[int, tuple[str, str, str]]:
    from annotation.models import ChangeAnswer

    found = ChangeAnswer.objects.standing().filter(annotator=user)
    return {one.cell_id: (one.verdict, one.first_code, one.second_code) for one in found}


def test_a_tile_is_answered_with_the_four_keys_by_keyboard_alone(world: TwoDates, open_page: Any) -> None:
    from annotation.models import Annotation, ChangeCell, Patch

    places, user = four_places(world), new_person()
    page = open_change(open_page, user)
    asked(page, places["unchanged"])
    words = page.inner_text("[data-testid='spoken']")
    assert "Place 1 of 4" in words and "2019: Built-up areas" in words and "2022: Herbaceous" in words
    page.keyboard.press("Digit1")
    asked(page, places["changed"])
    page.keyboard.press("Digit2")
    asked(page, places["first_wrong"])
    page.keyboard.press("Digit3")
    asked(page, places["second_wrong"])
    page.keyboard.press("Digit4")
    page.wait_for_selector("[data-testid='picker']")
    assert page.inner_text(".change-picker .question") == "What is right in 2022?"
    page.keyboard.press(key_of(page, SOIL))
    page.wait_for_selector("[data-testid='empty']")
    page.wait_for_selector("#validate[data-pending='0']", state="attached")
    assert rows(user) == {
        places["unchanged"]: ("unchanged", GREY, GREY),
        places["changed"]: ("changed", GREY, GREEN),
        places["first_wrong"]: ("first_wrong", GREEN, GREEN),
        places["second_wrong"]: ("second_wrong", GREY, SOIL),
    }
    assert set(ChangeCell.objects.filter(pk__in=places.values()).values_list("state", flat=True)) == {"settled"}
    patch = Patch.objects.standing().get(cell__in=places.values())
    assert (patch.cell_id, patch.layer, patch.wrong_code, patch.right_code) == (
        places["first_wrong"],
        world.first,
        GREY,
        GREEN,
    )
    labels = Annotation.objects.select_related("head").get(annotator=user)
    assert labels.state == "accepted"
    assert {item["id"]: (item["class_code"], item["provenance"]) for item in labels.head.features} == {
        f"change-{places['unchanged']}": (GREY, "copied"),
        f"change-{places['changed']}": (GREEN, "drawn"),
        f"change-{places['first_wrong']}": (GREEN, "accepted"),
        f"change-{places['second_wrong']}": (SOIL, "corrected"),
    }


def test_an_answer_is_taken_back_before_and_after_it_was_sent(world: TwoDates, open_page: Any) -> None:
    places, user = four_places(world), new_person()
    page = open_change(open_page, user)
    asked(page, places["unchanged"])
    page.keyboard.press("Digit2")
    asked(page, places["changed"])
    page.keyboard.press("Backspace")
    asked(page, places["unchanged"])
    assert rows(user) == {}
    page.keyboard.press("Digit1")
    asked(page, places["changed"])
    page.wait_for_selector("#validate[data-pending='0']", state="attached")
    assert list(rows(user)) == [places["unchanged"]]
    page.keyboard.press("Backspace")
    asked(page, places["unchanged"])
    assert rows(user) == {}
    page.keyboard.press("Digit2")
    asked(page, places["changed"])
    page.wait_for_selector("#validate[data-pending='0']", state="attached")
    assert rows(user) == {places["unchanged"]: ("changed", GREY, GREEN)}


def test_one_key_says_that_nothing_changed_on_the_whole_tile(world: TwoDates, open_page: Any) -> None:
    from annotation.models import ChangeTicket

    places, user = four_places(world, 1), new_person()
    page = open_change(open_page, user)
    asked(page, places["unchanged"])
    page.keyboard.press("a")
    page.wait_for_selector("[data-testid='empty']")
    page.wait_for_selector("#validate[data-pending='0']", state="attached")
    assert set(rows(user)) == set(places.values())
    assert {verdict for verdict, _first, _second in rows(user).values()} == {"unchanged"}
    assert ChangeTicket.objects.get(holder=user).copies_all


def test_answers_given_without_a_network_are_kept_and_sent_when_it_is_back(world: TwoDates, open_page: Any) -> None:
    places, user = four_places(world), new_person()
    page = open_change(open_page, user)
    asked(page, places["unchanged"])
    page.context.set_offline(True)
    for key, following in (("Digit1", "changed"), ("Digit2", "first_wrong")):
        page.keyboard.press(key)
        asked(page, places[following])
    page.wait_for_selector("#validate[data-pending='2']", state="attached")
    assert rows(user) == {}
    page.context.set_offline(False)
    page.evaluate("window.dispatchEvent(new Event('online'))")
    page.wait_for_selector("#validate[data-pending='0']", state="attached")
    assert set(rows(user)) == {places["unchanged"], places["changed"]}
    page.reload()
    asked(page, places["first_wrong"])


def test_both_images_show_the_same_place_and_the_border_moves_by_keys(world: TwoDates, open_page: Any) -> None:
    four_places(world)
    page = open_change(open_page, new_person())
    where = """() => ["first", "second"].map((date) => {
        const box = document.querySelector(`[data-pane='${date}'] .leaflet-tile-pane`).getBoundingClientRect();
        return [document.querySelector(`[data-pane='${date}']`).clientWidth, Math.round(box.width)];
    })"""
    [first, second] = page.evaluate(where)
    assert first == second
    page.keyboard.press("s")
    page.wait_for_selector(".change-frame[data-mode='swipe']")
    [first, second] = page.evaluate(where)
    assert first == second and first[0] > 600
    border = page.locator(".swipe-range")
    assert (border.input_value(), border.get_attribute("aria-valuetext")) == ("50", "2019 | 2022: 50 %")
    page.keyboard.press("]")
    assert border.input_value() == "60"
    border.focus()
    page.keyboard.press("ArrowRight")
    assert border.input_value() == "61"
    assert page.eval_on_selector(".change-frame", "frame => frame.style.getPropertyValue('--swipe')") == "61%"


def test_how_far_the_two_images_lie_apart_is_told_with_what_it_means(world: TwoDates, open_page: Any) -> None:
    from annotation.models import VintagePair
    from annotation.services.clock import database_now
    from annotation.services.pairs import layers_as_they_are

    four_places(world)
    page = open_change(open_page, new_person())
    assert page.inner_text("[data-testid='shift']") == "Not measured"
    VintagePair.objects.filter(pk=world.pair.pk).update(
        shift_east_m=0.3, shift_south_m=-0.4, shift_spread_m=0.08, windows_measured=9, windows_looked_at=9,
        measured_at=database_now(), measured_from=layers_as_they_are(world.pair),
    )  # fmt: skip
    page = open_change(open_page, new_person())
    told = page.inner_text("[data-testid='shift']")
    assert told == "0.5 m, give or take 0.08 m. Edges may look moved where nothing changed."


def test_a_reviewer_settles_what_two_people_said_differently(world: TwoDates, open_page: Any) -> None:
    from annotation.models import Campaign, ChangeCell
    from annotation.services.change_answers import Given, record_change_answers
    from annotation.services.change_queue import claim_change_tickets
    from annotation.services.people import set_role

    Campaign.objects.filter(pk=world.campaign.pk).update(redundancy=2)
    world.campaign.refresh_from_db()
    try:
        opened = world.open([world.cell(world.tiles[2], GREY, GREEN)])
        cell = ChangeCell.objects.get(round=opened)
        for verdict in ("unchanged", "changed"):
            who = new_person()
            [ticket] = claim_change_tickets(campaign=world.campaign, annotator=who, wanted=1)
            record_change_answers(
                ticket=ticket, annotator=who, operation_id=uuid.uuid4(), answers=[Given(cell.pk, verdict)]
            )
        reviewer = new_person()
        set_role(campaign=world.campaign, user=reviewer, role="reviewer")
        page = open_change(open_page, reviewer, "review/")
        asked(page, cell.pk)
        assert page.locator("[data-testid='said'] li").count() == 2
        page.keyboard.press("Digit2")
        page.wait_for_selector("[data-testid='empty']")
        cell.refresh_from_db()
        assert (cell.state, cell.verdict, cell.second_truth) == ("settled", "changed", GREEN)
    finally:
        Campaign.objects.filter(pk=world.campaign.pk).update(redundancy=1)
        world.campaign.refresh_from_db()


@pytest.mark.parametrize("look", sorted(LOOKS))
def test_nothing_is_wider_than_the_screen_and_axe_finds_nothing(world: TwoDates, open_page: Any, look: str) -> None:
    four_places(world)
    page = open_change(open_page, new_person(), **LOOKS[look])
    found = Faults()
    found.look(page, "asked")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    before = page.get_attribute(".change-frame", "data-mode")
    page.keyboard.press("s")
    page.wait_for_selector(f".change-frame:not([data-mode='{before}'])")
    found.look(page, "the other way")
    page.keyboard.press("Digit4")
    page.wait_for_selector("[data-testid='picker']")
    found.look(page, "a class is asked for")
    assert found.found == [], "\n".join(found.found)


@pytest.mark.parametrize("look", sorted(LOOKS))
def test_rounds_and_patches_are_read_on_any_screen(world: TwoDates, open_page: Any, look: str) -> None:
    from annotation.services.change_answers import Given, record_change_answers
    from annotation.services.change_queue import claim_change_tickets
    from annotation.services.people import set_role

    places, who = four_places(world), new_person()
    [ticket] = claim_change_tickets(campaign=world.campaign, annotator=who, wanted=1)
    answers = [Given(place, verdict) for verdict, place in places.items() if verdict != "second_wrong"]
    record_change_answers(ticket=ticket, annotator=who, operation_id=uuid.uuid4(), answers=answers)
    set_role(campaign=world.campaign, user=who, role="maintainer")
    page = open_page(**LOOKS[look])
    sign_in(page, who)
    for address in ("change/rounds/", "patches/"):
        page.goto(f"/campaigns/gers/{address}")
        assert page.locator("tbody tr").count() >= 1
        check_folded_and_unfolded(page)
