"""Work is never lost: reloads, two tabs, no network, an expired session, a full disk, another version on the server."""

from __future__ import annotations

from typing import Any

import pytest
import scenes
from e2e.studio import BUILT, GRASS, Studio, box, close_offline, fill_disk, new_person, open_studio, rectangle, sign_in

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

# The browser's storage as earlier versions of the studio made it, holding one unsent draft.
EARLIER_FORM = """async ([form, key, features]) => {
  const asked = (request) => new Promise((yes, no) => {
    request.onsuccess = () => yes(request.result);
    request.onerror = request.onblocked = () => no(new Error(String(request.error)));
  });
  const kept_at = "2026-01-02T03:04:05Z";
  const acknowledged = { version: 0, position: null };
  const head = { key, position: 0, acknowledged, pending: null, draft_model: null, views_seen: [], kept_at };
  const forms = {
    1: { drafts: ["key", { key, base_version: 0, features, pending: null, draft_model: null, kept_at }] },
    2: {
      owners: ["key", { key, owner: "another tab" }],
      heads: ["key", head],
      records: [["key", "n"], null],
      contents: [["key", "name"], { key, name: "start", features }],
    },
  };
  await asked(indexedDB.deleteDatabase("solcommun-studio"));
  const opening = indexedDB.open("solcommun-studio", form);
  const stores = Object.entries(forms[form]);
  opening.onupgradeneeded = () => {
    for (const [name, [keyPath]] of stores) opening.result.createObjectStore(name, { keyPath });
  };
  const database = await asked(opening);
  for (const [name, [, entry]] of stores) {
    if (entry) await asked(database.transaction(name, "readwrite").objectStore(name).put(entry));
  }
  database.close();
}"""
FIRST, SECOND, THIRD = rectangle(8, 8, 20, 20), rectangle(30, 30, 44, 44), rectangle(48, 8, 60, 20)


def draw(hands: Studio, shape: Any) -> None:
    """A rectangle with the mouse; returns once it shows."""
    before = int(hands.page.get_attribute("#studio", "data-features"))
    hands.use("rectangle")
    x0, y0, x1, y1 = shape.bounds
    hands.drag((x0, y0), (x1, y1))
    hands.settle(before + 1)


def state(hands: Studio, name: str) -> None:
    hands.page.wait_for_selector(f"[data-testid='save-state'][data-state='{name}']", state="attached")


def problem(hands: Studio, name: str) -> None:
    hands.page.wait_for_selector(f"[data-testid='save-state'][data-problem='{name}']", state="attached")


def back_online(hands: Studio) -> None:
    """The network comes back, after which the page asks the server again at once."""
    hands.page.context.set_offline(True)
    hands.page.context.set_offline(False)


def grounds(stored: Any) -> list[Any]:
    return sorted((shape.bounds for shape in stored.shapes()), key=str)


def expected(*shapes: Any) -> list[Any]:
    return sorted((shape.bounds for shape in shapes), key=str)


@pytest.mark.parametrize("form", [1, 2])
def test_an_unsent_draft_in_an_earlier_form_of_the_storage_is_carried_over(open_studio: Any, form: int) -> None:
    hands = open_studio()
    boot = hands.page.evaluate("() => JSON.parse(document.querySelector('#boot').textContent).user")
    hands.page.goto("/me/")
    features = [box(BUILT, 20, 20, 30, 30, "kept")]
    key = f"{boot.get('public_id') or boot['username']}/gers/{hands.tile.pk}"
    hands.page.evaluate(EARLIER_FORM, [form, key, features])
    hands.open()
    assert hands.saved(1).features == features


def test_undo_and_redo_are_there_after_a_reload_also_of_what_the_server_has(open_studio: Any) -> None:
    hands = open_studio()
    draw(hands, FIRST)
    draw(hands, SECOND)
    hands.saved(2)
    hands.open()
    hands.settle(2)
    hands.press("Control+z")
    hands.settle(1)
    hands.open()
    hands.settle(1)
    hands.press("Control+y")
    hands.settle(2)
    hands.press("Control+z")
    hands.settle(1)
    assert grounds(hands.saved(1)) == expected(FIRST)
    hands.press("Control+z")
    assert hands.saved(0).features == []


def test_the_second_tab_says_so_takes_over_what_the_first_showed_and_the_first_may_only_look(open_studio: Any) -> None:
    first = open_studio()
    first.page.context.set_offline(True)
    draw(first, FIRST)
    first.page.context.set_offline(False)
    second = Studio(first.page.context.new_page(), first.tile, first.user)
    second.page.goto(f"/campaigns/gers/studio/?tile={first.tile.pk}")
    assert "another tab" in second.page.inner_text("[data-testid='read-only']")
    second.page.click("[data-testid='go-on-here']")
    first.page.wait_for_selector("[data-testid='read-only']", state="attached")
    second.settle(1)
    draw(second, SECOND)
    assert grounds(second.saved(2)) == expected(FIRST, SECOND)
    problem(first, "elsewhere")
    first.page.bring_to_front()
    assert first.page.is_disabled("[data-testid='tool-rectangle']")
    first.drag((48, 48), (60, 60))  # moves the image, and draws nothing
    first.page.click("[data-testid='go-on-here']")
    first.settle(2)
    first.press("f")
    second.page.wait_for_selector("[data-testid='read-only']", state="attached")
    draw(first, THIRD)
    assert grounds(first.saved(3)) == expected(FIRST, SECOND, THIRD)


def test_a_version_from_elsewhere_is_shown_beside_ones_own_and_both_can_stay(open_studio: Any) -> None:
    from annotation.services.annotations import save_annotation

    hands = open_studio()
    draw(hands, FIRST)
    stored = hands.saved(1)
    elsewhere = scenes.square(GRASS, 50, 50, 10, "elsewhere")
    save_annotation(
        tile=hands.tile, annotator=hands.user, features=[*stored.features, elsewhere],
        operation_id="6f1f6f54-3a0c-4b62-9d0a-2d1c7a9f0a11", expected_version=stored.annotation.version,
    )  # fmt: skip
    draw(hands, SECOND)
    hands.page.wait_for_selector("dialog.merge[open]")
    hands.press("Escape", "Escape")  # no answer: the question comes back
    hands.page.wait_for_selector("dialog.merge[open]")
    hands.page.check("[data-testid='place-1-mine']")
    hands.page.click("[data-testid='conflict-chosen']")
    stored = hands.saved(3)
    assert grounds(stored) == expected(FIRST, SECOND, rectangle(50, 50, 60, 60))
    assert stored.one("elsewhere")["class_code"] == GRASS


def test_what_is_drawn_offline_outlives_a_closed_page_and_is_sent_once_online(open_studio: Any) -> None:
    from annotation.models import AnnotationRevision

    hands = open_studio()
    context = hands.page.context
    context.set_offline(True)
    draw(hands, FIRST)
    state(hands, "offline")
    draw(hands, SECOND)
    assert "this device" in hands.page.inner_text("[data-testid='save-state']")
    assert not AnnotationRevision.objects.filter(author=hands.user).exists()
    close_offline(hands.page)
    hands.page = context.new_page()
    hands.open()
    assert grounds(hands.saved(2)) == expected(FIRST, SECOND)
    hands.press("Control+z")
    assert grounds(hands.saved(1)) == expected(FIRST)


def test_work_goes_on_when_the_session_expires_and_is_sent_after_signing_in_elsewhere(open_studio: Any) -> None:
    hands = open_studio()
    context = hands.page.context
    context.clear_cookies(name="sessionid")
    draw(hands, FIRST)
    problem(hands, "sign_in")
    draw(hands, SECOND)
    other = context.new_page()
    other.goto("/accounts/login/")
    other.fill("#id_login", hands.user.username)
    other.fill("#id_password", "a-long-passphrase")
    other.click("main button[type=submit]")
    other.wait_for_url("**/campaigns/")
    hands.page.bring_to_front()
    assert grounds(hands.saved(2)) == expected(FIRST, SECOND)


def test_work_is_not_sent_under_another_account(open_studio: Any) -> None:
    from annotation.models import Annotation

    hands = open_studio()
    context = hands.page.context
    context.clear_cookies(name="sessionid")
    draw(hands, FIRST)
    problem(hands, "sign_in")
    stranger = new_person()
    sign_in(hands.page, stranger)
    other = context.new_page()
    other.goto("/me/")
    other.close()
    back_online(hands)
    problem(hands, "other_person")
    assert not Annotation.objects.filter(tile=hands.tile, head__isnull=False).exists()
    context.clear_cookies(name="sessionid")
    sign_in(hands.page, hands.user)
    back_online(hands)
    assert grounds(hands.saved(1)) == expected(FIRST)


def test_with_the_disk_full_each_change_goes_to_the_server_at_once_and_the_words_say_so(
    world: Any, open_page: Any
) -> None:
    user, page = new_person(), open_page()
    sign_in(page, user)
    page.goto("/me/")
    fill_disk(page)
    hands = Studio(page, world.tile(), user)
    hands.open()
    page.context.set_offline(True)
    draw(hands, FIRST)
    page.wait_for_selector("[data-testid='save-state'][data-kept='false']", state="attached")
    assert "cannot keep a copy" in page.inner_text("[data-testid='save-state']")
    page.context.set_offline(False)
    draw(hands, SECOND)
    assert grounds(hands.saved(2)) == expected(FIRST, SECOND)


def test_a_blind_tile_offers_no_draft_and_says_why(world: Any, open_page: Any) -> None:
    blind = scenes.campaign(
        "blind", layer=world.layer, tile_px=64, first_round=4, seed=5, control_share=0.0, blind_share=1.0
    )
    tile = blind.tickets.filter(kind="initial").first().tile
    hands = open_studio(world, open_page, [], tile=tile)
    assert "a fresh eye" in hands.page.inner_text("[data-testid='no-draft']")
    assert "nothing of the model is shown" in hands.page.inner_text("[data-testid='blind']")
    assert hands.page.is_disabled("[data-testid='tool-draft']")
    hands.press("d")
    hands.page.wait_for_selector("[data-testid='notice']")
    assert hands.page.get_attribute("#studio", "data-suggestions") == "0"
    draw(hands, FIRST)
    assert hands.saved(1).revision.draft_model in ("", None)
