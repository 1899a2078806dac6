"""One person at the studio in a real Chromium, and what can go wrong there."""

from __future__ import annotations

import os
import random
import signal
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from _chaos_site import PASSPHRASE, SLUG, TILE_PX
from playwright.sync_api import Error

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-crash-restore-bubble",
]
Ring = frozenset[tuple[int, int]]
STATE = "[data-testid='save-state']"
COLUMNS, ROWS = 9, 8
#: Where grid places of the tile's diagonal are on the screen: [place in image pixels, x, y].
PLACES = """px => Array.from({ length: 8 * px + 1 }, (_, i) => {
  const at = document.querySelector("#studio").projectToScreen(i / 8, i / 8);
  return [i / 8, at.x, at.y];
})"""
#: Writes a little into a database of its own: the name of the error when the browser has no room.
PROBE = """async () => {
  const base = await new Promise((yes, no) => {
    const asked = indexedDB.open("chaos-probe", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("s");
    asked.onsuccess = () => yes(asked.result);
    asked.onerror = () => no(asked.error);
  }).catch((error) => error.name);
  if (typeof base === "string") return base;
  const write = base.transaction("s", "readwrite");
  write.objectStore("s").put(crypto.getRandomValues(new Uint8Array(4000)), 1);
  return new Promise((done) => {
    write.oncomplete = () => done("stored");
    write.onabort = () => done(write.error ? write.error.name : "aborted");
  }).finally(() => base.close());
}"""


class Desk:
    """A browser profile, the tile in it, and the rectangles drawn so far."""

    def __init__(self, playwright: Any, url: str, name: str, program: str, rng: random.Random) -> None:
        self.playwright, self.url, self.name, self.program, self.rng = playwright, url, name, program, rng
        self.profile = Path(tempfile.mkdtemp(prefix="chaos-profile-"))
        self.drawn: list[Ring] = []
        self.elsewhere: list[Ring] = []
        self.tile = ""
        self.replies = "given"  # "busy": 503; "lost": the server stores, its answer never comes
        self.lost_replies = 0
        self.cells = rng.sample(range(COLUMNS * ROWS), COLUMNS * ROWS)
        self.context: Any = None
        self.page: Any = None

    # The browser

    def open(self, *, quota: int | None = None) -> None:
        """Start the browser on this profile and go to the tile."""
        self.context = self.playwright.chromium.launch_persistent_context(
            str(self.profile), executable_path=self.program, args=FLAGS, base_url=self.url,
            viewport={"width": 1280, "height": 800}, locale="en-GB",
        )  # fmt: skip
        self.context.set_default_timeout(60_000)
        self.context.clock.install()
        self.context.route("**/api/v1/tiles/*/annotation/", self._answer)
        self.page = self.context.pages[0]
        if quota is not None:
            self.page.goto("/accounts/login/")
            self.set_quota(quota)
        self.enter(self.page)

    def enter(self, page: Any) -> None:
        """Go to the tile, through the sign-in page where it comes."""
        page.goto(f"/campaigns/{SLUG}/studio/" + (f"?tile={self.tile}" if self.tile else ""))
        if "/accounts/login/" in page.url:
            self.sign_in(page)
            page.goto(f"/campaigns/{SLUG}/studio/" + (f"?tile={self.tile}" if self.tile else ""))
        page.wait_for_selector("#studio[data-ready='true'], dialog.merge[open]")
        self.tile = page.get_attribute("#studio", "data-tile")
        self.settle(page)
        if page.locator("[data-testid='practice-offer'] button").count():
            page.click("[data-testid='practice-offer'] button")
        page.click("[data-testid='tool-rectangle']")

    def sign_in(self, page: Any) -> None:
        if "/accounts/login/" not in page.url:
            page.goto("/accounts/login/")
        page.fill("#id_login", self.name)
        page.fill("#id_password", PASSPHRASE)
        page.click("main button[type=submit]")
        page.wait_for_url(lambda address: "/accounts/login/" not in address)

    def processes(self) -> list[int]:
        """Every process of this browser: they name its profile, which nothing else does."""
        mark = os.fsencode(str(self.profile))
        found = []
        for folder in Path("/proc").iterdir():
            try:
                if folder.name.isdigit() and mark in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue  # ended meanwhile
        return found

    def kill(self) -> None:
        """SIGKILL to the whole browser: nothing gets to say goodbye."""
        for process in self.processes():
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        # Playwright may or may not have heard by now.
        with suppress(Error):
            self.context.close()

    def _answer(self, route: Any) -> None:
        if route.request.method != "PUT" or self.replies == "given":
            route.fallback()
        elif self.replies == "busy":
            route.fulfill(status=503, body="busy")
        else:
            route.fetch()
            self.lost_replies += 1
            route.abort()

    def set_quota(self, size: int | None) -> None:
        """Limit what this origin may store, in bytes; None: no limit of ours."""
        wanted = {"origin": self.url} if size is None else {"origin": self.url, "quotaSize": size}
        self.quota_session = self.context.new_cdp_session(self.page)  # the limit lasts as long as this session
        self.quota_session.send("Storage.overrideQuotaForOrigin", wanted)

    # The tile

    def settle(self, page: Any | None = None) -> None:
        """Keep both sides where the studio asks."""
        button = (page or self.page).locator("dialog.merge[open] [data-testid='conflict-chosen']")
        if button.count():
            button.click()

    def count(self) -> int:
        return int(self.page.get_attribute("#studio", "data-features"))

    def corners(self, cell: int) -> tuple[list[tuple[int, int]], Ring]:
        """A rectangle in a cell of its own: two corners on the screen, and the ring they mean on the tile's grid."""
        # Places are given in whole pixels of the screen: a line through very many of them is the exact one.
        places = np.array(self.page.evaluate(PLACES, TILE_PX))
        scale, x0 = np.polyfit(places[:, 0], places[:, 1], 1)
        _, y0 = np.polyfit(places[:, 0], places[:, 2], 1)
        column, row = cell % COLUMNS, cell // COLUMNS
        left, top = 6 + column * 13 + self.rng.random(), 6 + row * 14 + self.rng.random()
        wanted = [(left, top), (left + 6 + self.rng.random(), top + 7 + self.rng.random())]
        screen = [(_clear(x0 + x * scale, x0, scale), _clear(y0 + y * scale, y0, scale)) for x, y in wanted]
        (ax, ay), (bx, by) = [(round((x - x0) / scale * 8), round((y - y0) / scale * 8)) for x, y in screen]
        return screen, frozenset({(ax, ay), (bx, ay), (bx, by), (ax, by)})

    def draw(self) -> None:
        """One more rectangle with the mouse; it counts once the page shows it."""
        self.settle()
        before = self.count()
        (start, end), ring = self.corners(self.cells.pop())
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move(*end, steps=3)
        mouse.up()
        self.page.wait_for_function("n => Number(document.querySelector('#studio').dataset.features) > n", arg=before)
        self.drawn.append(ring)

    def wait_state(self, *wanted: str) -> None:
        self.page.wait_for_selector(", ".join(STATE + one for one in wanted), state="attached")

    def wait_saved(self) -> None:
        self.wait_state("[data-state='saved'][data-pending='false']")

    def save_elsewhere(self) -> None:
        """A revision through the API by the same account: what the server has, and one rectangle more."""
        import uuid

        cell = self.cells.pop()
        x, y = (6 + cell % COLUMNS * 13) * 8, (6 + cell // COLUMNS * 14) * 8
        corners = [[x, y], [x + 48, y], [x + 48, y + 56], [x, y + 56]]
        address = f"{self.url}/api/v1/tiles/{self.tile}/annotation/"
        now = self.context.request.get(address).json()
        code = now["features"][0]["class_code"]
        feature = {"id": f"elsewhere-{cell}", "class_code": code, "rings": [corners], "provenance": "drawn"}
        token = next(cookie["value"] for cookie in self.context.cookies() if cookie["name"].endswith("csrftoken"))
        body = {"operation_id": str(uuid.uuid4()), "features": [*now["features"], feature], "seconds_spent": 1.0}
        answer = self.context.request.put(
            address, data=body, headers={"X-CSRFToken": token, "If-Match": f'"{now["version"]}"'}
        )
        assert answer.ok, answer.text()
        self.elsewhere.append(frozenset((px, py) for px, py in corners))

    def submit(self) -> None:
        self.settle()
        self.wait_saved()
        self.page.click("[data-testid='submit']")
        self.page.wait_for_function(
            "tile => document.querySelector('#studio').dataset.tile !== tile"
            " || document.querySelector('[data-testid=empty]')",
            arg=self.tile,
        )


def _clear(at: float, origin: float, scale: float) -> int:
    """A whole screen pixel near `at` that lies clearly nearer to one grid unit than to the next."""
    for off in (0, 1, -1, 2, -2):
        pixel = round(at) + off
        if abs((pixel - origin) / scale * 8 % 1 - 0.5) > 0.1:
            return pixel
    return round(at)
