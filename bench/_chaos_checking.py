"""The checking page while everything goes wrong: is each answer on the server, once?"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from _chaos_browser import Browser

SLUG = "chaos-checking"
TILE_PX = 64
TILES = 110
VERDICTS = {"a": "agree", "d": "disagree", "u": "unsure"}
NEXT = """([tile, item]) => {
  const { ready, item: now, tile: there } = document.querySelector('#validate').dataset;
  return ready === 'true' && now !== '' && (now !== item || there !== tile);
}"""


def open_campaign(layer: Any) -> None:
    """A campaign of its own on that imagery, whose tiles a model has drawn, four shapes each."""
    import numpy as np
    import scenes
    from learning_rows import model_row, ready_map
    from validation_rows import Drawn, ranked_round

    campaign = scenes.campaign(SLUG, layer=layer, tile_px=TILE_PX, first_round=2, blind_share=0.0, seed=5)
    model = model_row(campaign, state="promoted")
    drawn = Drawn(campaign, ready_map(model, np.zeros((campaign.n_rows, campaign.n_cols), np.float32)))
    drawing = [
        {**scenes.square(scenes.TWO_CLASSES[n % 2], 30 * (n % 2), 30 * (n // 2), 24, f"region-{n}"),
         "provenance": "accepted", "confidence": 0.5 + n / 10}
        for n in range(4)
    ]  # fmt: skip
    for tile in ranked_round(campaign, TILES, model_version=model.version):
        drawn.draw(tile, drawing)


class Checker(Browser):
    """One person who answers by keys, and the answers given."""

    writes = ("**/api/v1/tiles/*/validations/", "POST")

    def __init__(self, playwright: Any, url: str, name: str, program: str, rng: random.Random) -> None:
        super().__init__(playwright, url, name, program, rng)
        self.given: list[tuple[int, str, str]] = []

    def open(self) -> None:
        self.start()
        self.take_up(self.page)

    def take_up(self, page: Any) -> None:
        self.page = page
        self.go(page, f"/campaigns/{SLUG}/validate/")
        page.wait_for_selector("#validate[data-ready='true']")

    def answer(self, count: int = 1) -> None:
        """By a key each; an answer counts once the page asks for the next one."""
        for _ in range(count):
            before = [self.page.get_attribute("#validate", f"data-{name}") for name in ("tile", "item")]
            key = self.rng.choice(list(VERDICTS))
            self.page.keyboard.press(key)
            self.page.wait_for_function(NEXT, arg=before)
            self.given.append((int(before[0]), before[1], VERDICTS[key]))

    def finish_tile(self) -> None:
        tile = self.page.get_attribute("#validate", "data-tile")
        while self.page.get_attribute("#validate", "data-tile") == tile:
            self.answer()

    def wait_sent(self) -> None:
        """Until the server has all of them; the page says so by itself."""
        self.page.wait_for_selector("#validate[data-pending='0']", state="attached")

    def wait_stored(self) -> None:
        """Until the server has all of them, whatever the page says."""
        for _ in range(300):
            if not self.compare()["lost"]:
                return
            self.page.wait_for_timeout(100)

    def wait_unsent(self, count: int) -> None:
        self.page.wait_for_selector(f"#validate[data-pending='{count}']", state="attached")

    def compare(self) -> dict[str, int]:
        """Each answer against the rows of this person: all of it, verdict included, once."""
        from annotation.models import Validation

        rows = Validation.objects.filter(annotator__username=self.name)
        stored = Counter(rows.values_list("tile_id", "feature_id", "verdict"))
        lost = sum(1 for answer in self.given if not stored[answer])
        return {
            "answered": len(self.given), "stored": len(self.given) - lost, "lost": lost,
            "duplicated": sum(stored.values()) - (len(self.given) - lost),
        }  # fmt: skip


def offline_and_killed(checker: Checker) -> None:
    checker.context.set_offline(True)
    checker.answer(2)
    checker.wait_unsent(2)
    checker.kill()
    checker.open()


def killed_at_once(checker: Checker) -> None:
    checker.answer(2)
    checker.kill()
    checker.open()


def signed_out(checker: Checker) -> None:
    checker.wait_sent()
    checker.expire_session()
    checker.answer(2)
    checker.page.wait_for_timeout(2_500)
    checker.wait_unsent(2)
    checker.sign_in_beside()
    checker.wait_sent()


def busy(checker: Checker) -> None:
    checker.wait_sent()
    checker.replies = "busy"
    checker.answer(2)
    checker.page.wait_for_timeout(2_500)
    checker.wait_unsent(2)
    checker.replies = "given"


def answers_lost(checker: Checker) -> None:
    before = checker.lost_replies
    checker.replies = "lost"
    checker.answer(2)
    checker.wait_for_lost_reply(before)
    checker.replies = "given"


def two_tabs(checker: Checker) -> None:
    """The first one has answers that were not sent when the second one opens; then both are open and send."""
    checker.wait_sent()
    checker.replies = "busy"
    checker.answer(2)
    first = checker.page
    checker.take_up(checker.context.new_page())
    checker.replies = "given"
    checker.answer()
    checker.wait_stored()  # by whichever tab; the other need not hear of it
    first.close(run_before_unload=False)


FAULTS = (offline_and_killed, killed_at_once, signed_out, busy, answers_lost, two_tabs)


def check(checker: Checker) -> None:
    """A tile for each fault, in an order of its own, and all answers sent."""
    checker.open()
    for fault in checker.rng.sample(FAULTS, len(FAULTS)):
        fault(checker)
        checker.finish_tile()
    checker.wait_sent()
