"""One person at the studio in a real Chromium: what hands do there, and what must come of it."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from _chaos_browser import Browser
from _chaos_shapes import Comparison, Piece, Point, Shape, compare, ring_of
from _chaos_site import SLUG, TILE_PX

STATE = "[data-testid='save-state']"
COLUMNS, ROWS = 9, 8
EDITS = ("relabel", "drag", "cut", "delete", "undo")
#: By how many units a corner is dragged: too little to come near a neighbour.
DRAGGED = (10, 16)
#: Half the width of a hole, in units: its corners are far enough apart that the last is not taken for the first.
HALF_HOLE = 12
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


class Desk(Browser):
    """A tile in the studio, and the shapes drawn so far as they must be stored."""

    writes = ("**/api/v1/tiles/*/annotation/", "PUT")

    def __init__(self, playwright: Any, url: str, name: str, program: str, rng: random.Random) -> None:
        super().__init__(playwright, url, name, program, rng)
        self.pieces: list[Piece] = []
        self.edits: Counter[str] = Counter()
        #: What is going on, noted with each piece.
        self.during = ""
        self.tile = ""
        #: Classes of the campaign, and the one in hand.
        self.codes: list[str] = []
        self.code = ""
        self.cells = rng.sample(range(COLUMNS * ROWS), COLUMNS * ROWS)
        self._deck: list[str] = []
        self._last: Piece | None = None

    @property
    def drawn(self) -> list[Piece]:
        return [piece for piece in self.pieces if piece.kind == "drawn"]

    # The page

    def open(self, *, quota: int | None = None, by_tile: bool = True) -> None:
        """Start the browser on this profile and go to the tile: by its address, or as the studio gives it."""
        self.start()
        if quota is not None:
            self.page.goto("/accounts/login/")
            self.set_quota(quota)
        before = self.tile
        self.go(self.page, f"/campaigns/{SLUG}/studio/" + (f"?tile={before}" if before and by_tile else ""))
        self.page.wait_for_selector("#studio[data-ready='true'], dialog.merge[open]")
        self.tile = self.page.get_attribute("#studio", "data-tile")
        assert before in ("", self.tile), f"the studio opened tile {self.tile}, not {before}"
        self.settle()
        if self.page.locator("[data-testid='practice-offer'] button").count():
            self.page.click("[data-testid='practice-offer'] button")
        self.take_up(self.page)

    def open_any(self) -> str:
        """Start the browser and open the studio on whatever tile it gives; that tile."""
        self.start()
        self.go(self.page, f"/campaigns/{SLUG}/studio/")
        self.page.wait_for_selector("#studio[data-ready='true']")
        return str(self.page.get_attribute("#studio", "data-tile"))

    def take_up(self, page: Any) -> None:
        """Go on in this page, with the class in hand."""
        self.page = page
        if not self.codes:
            self.codes = page.eval_on_selector_all(
                "[data-testid^='class-CS']", "all => all.map((one) => one.dataset.testid.slice(6))"
            )[:4]
            self.code = self.codes[0]
        page.click(f"[data-testid='class-{self.code}']")

    def settle(self) -> None:
        """Keep both sides where the studio asks."""
        button = self.page.locator("dialog.merge[open] [data-testid='conflict-chosen']")
        if button.count():
            button.click()

    def use(self, tool: str) -> None:
        self.settle()
        if self.page.get_attribute("#studio", "data-tool") != tool:
            self.page.click(f"[data-testid='tool-{tool}']")

    def count(self) -> int:
        return int(self.page.get_attribute("#studio", "data-features"))

    def _wait_count(self, compared: str, before: int) -> None:
        script = f"n => Number(document.querySelector('#studio').dataset.features) {compared} n"
        self.page.wait_for_function(script, arg=before)

    def wait_idle(self) -> None:
        """Until the studio shows the change in hand as done."""
        self.page.wait_for_selector("#studio[data-busy='false']", state="attached")

    def wait_state(self, *wanted: str) -> None:
        self.page.wait_for_selector(", ".join(STATE + one for one in wanted), state="attached")

    def wait_saved(self) -> None:
        self.wait_state("[data-state='saved'][data-pending='false']")

    def _view(self) -> Callable[[tuple[float, float]], tuple[Point, Point]]:
        """From a place in units to a pixel of the screen near it, and to the place in units that this pixel means."""
        # Places are given in whole pixels of the screen: a line through very many of them is the exact one.
        places = np.array(self.page.evaluate(PLACES, TILE_PX))
        scale, x0 = np.polyfit(places[:, 0], places[:, 1], 1)
        _, y0 = np.polyfit(places[:, 0], places[:, 2], 1)

        def look(at: tuple[float, float]) -> tuple[Point, Point]:
            pixel = tuple(_clear(o + v / 8 * scale, o, scale) for v, o in zip(at, (x0, y0), strict=True))
            meant = tuple(round((p - o) / scale * 8) for p, o in zip(pixel, (x0, y0), strict=True))
            return (pixel[0], pixel[1]), (meant[0], meant[1])

        return look

    # Drawing

    def draw(self, kind: Literal["drawn", "extra"] = "drawn") -> Piece:
        """One more rectangle with the mouse; it counts once the page shows it."""
        self.use("rectangle")
        before = self.count()
        cell = self.cells.pop()
        left, top = (
            8 * (6 + cell % COLUMNS * 13 + self.rng.random()),
            8 * (6 + cell // COLUMNS * 14 + self.rng.random()),
        )
        right, bottom = left + 8 * (6 + self.rng.random()), top + 8 * (7 + self.rng.random())
        look = self._view()
        (start, (ax, ay)), (end, (bx, by)) = look((left, top)), look((right, bottom))
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move(*end, steps=3)
        mouse.up()
        self._wait_count(">", before)
        piece = Piece(kind, Shape.of(self.code, [[(ax, ay), (bx, ay), (bx, by), (ax, by)]]), during=self.during)
        self.pieces.append(piece)
        return piece

    # Edits: each is noted once the page shows it

    def edit(self) -> None:
        """One of each kind of edit after the other, in an order of its own."""
        if not self._deck:
            self._deck = self.rng.sample(EDITS, len(EDITS))
        kind = self._deck.pop()
        getattr(self, kind)()
        self.edits[kind] += 1

    def _any(self, suits: Callable[[Shape], bool] = lambda _shape: True) -> Piece:
        live = [p for p in self.pieces if p.kind != "elsewhere" and p.shape is not None and suits(p.shape)]
        return self.rng.choice(live)

    def _deselect(self) -> None:
        self.use("edit")
        if self.page.get_attribute("#studio", "data-selected"):
            self.page.keyboard.press("Escape")
            self.page.wait_for_selector("#studio[data-selected='']", state="attached")

    def _select(self, piece: Piece) -> None:
        """A click where neither a handle nor a hole is."""
        self._deselect()
        (left, top), (right, bottom) = _box(piece.now)
        at, _ = self._view()((left + (right - left) / 6, top + (bottom - top) / 6))
        self.page.mouse.click(*at)
        self.page.wait_for_selector("#studio:not([data-selected=''])", state="attached")

    def _became(self, piece: Piece, shape: Shape | None, change: str) -> None:
        self.wait_idle()
        piece.become(shape)
        piece.story.append(f"{change} ({self.during or 'no fault'})")
        self._last = piece

    def relabel(self) -> None:
        piece = self._any()
        self._select(piece)
        self.code = self.rng.choice([code for code in self.codes if code != piece.now.code])
        self.page.click(f"[data-testid='class-{self.code}']")
        self._became(piece, Shape.of(self.code, piece.now.rings), "relabel")

    def drag(self) -> None:
        """A corner, a little outwards."""
        piece = self._any(lambda shape: len(_box_corners(shape)) == 4)
        self._select(piece)
        look = self._view()
        outer, *holes = piece.now.rings
        corner = max(outer)
        start, _ = look(corner)
        end, to = look((corner[0] + self.rng.randint(*DRAGGED), corner[1] + self.rng.randint(*DRAGGED)))
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move(*end, steps=3)
        mouse.up()
        moved = [to if point == corner else point for point in outer]
        self._became(piece, Shape.of(piece.now.code, [moved, *holes]), "drag")

    def cut(self) -> None:
        """A hole in the middle, corner by corner."""
        piece = self._any(lambda shape: len(shape.rings) == 1 and len(_box_corners(shape)) == 4)
        self._deselect()
        self.use("cut")
        (left, top), (right, bottom) = _box(piece.now)
        look = self._view()
        middle = (left + right) / 2, (top + bottom) / 2
        hole = []
        self.page.keyboard.down("Alt")  # nothing is to draw the corners to the outline
        for dx, dy in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
            pixel, meant = look((middle[0] + dx * HALF_HOLE, middle[1] + dy * HALF_HOLE))
            self.page.mouse.move(*pixel)
            self.page.mouse.click(*pixel)
            hole.append(meant)
        self.page.keyboard.up("Alt")
        self.page.keyboard.press("Enter")
        self._became(piece, Shape.of(piece.now.code, [*piece.now.rings, hole]), "cut")

    def delete(self) -> None:
        """A shape drawn for that, so that those that count stay."""
        spare = [piece for piece in self.pieces if piece.kind == "extra" and piece.shape is not None]
        piece = spare[0] if spare else self.draw("extra")
        self._select(piece)
        self.page.mouse.move(*self._view()((16, 16))[0])  # away from its corners, which the key would take
        before = self.count()
        self.page.keyboard.press("Delete")
        self._wait_count("<", before)
        self._became(piece, None, "delete")

    def undo(self) -> None:
        """Another edit, and back."""
        getattr(self, self.rng.choice([kind for kind in EDITS if kind != "undo"]))()
        self.take_back()

    def take_back(self) -> None:
        """Undo of the last edit, which was the last change."""
        assert self._last is not None
        self.settle()
        self.page.evaluate("() => { document.querySelector('#spoken').textContent = ''; }")
        self.page.keyboard.press("Control+z")
        self.page.wait_for_function("() => document.querySelector('#spoken').textContent.trim() === 'Undone.'")
        self.wait_idle()
        self._last.turn_back()
        self._last.story.append(f"undo ({self.during or 'no fault'})")

    # The server

    def save_elsewhere(self) -> None:
        """A revision through the API by the same account: what the server has, and one rectangle more."""
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
        self.pieces.append(Piece("elsewhere", Shape.of(code, [corners])))

    def submit(self) -> None:
        self.settle()
        self.wait_saved()
        self.page.click("[data-testid='submit']")
        self.page.wait_for_function(
            "tile => document.querySelector('#studio').dataset.tile !== tile"
            " || document.querySelector('[data-testid=empty]')",
            arg=self.tile,
        )

    def lose_lease(self) -> None:
        """It lapses, and the tile is somebody else's."""
        import scenes
        from django.utils import timezone

        from annotation.models import Campaign, Lease, Ticket
        from annotation.services.queue import claim_next_tile

        now = timezone.now()
        tile = int(self.tile)
        Lease.objects.filter(tile_id=tile).update(expires_at=now)
        Ticket.objects.filter(tile_id=tile, state="leased").update(leased_until=now)
        given = claim_next_tile(campaign=Campaign.objects.get(slug=SLUG), annotator=scenes.person(f"{self.name}-next"))
        assert given is not None and given.tile_id == tile, "the lapsed tile is the first to be given"

    def compare(self) -> tuple[Comparison, bool]:
        """What became of each shape on the server, and whether the tile was handed in."""
        from annotation.models import Annotation

        annotation = (
            Annotation.objects.select_related("head")
            .filter(tile_id=int(self.tile or 0), annotator__username=self.name)
            .first()
        )
        features = annotation.head.features if annotation and annotation.head else []
        return compare(self.pieces, features), bool(annotation and annotation.state == "submitted")


def _box(shape: Shape) -> tuple[Point, Point]:
    xs, ys = zip(*shape.rings[0], strict=True)
    return (min(xs), min(ys)), (max(xs), max(ys))


def _box_corners(shape: Shape) -> set[Point]:
    """The corners of its outer ring that are its box's: all four until one is dragged."""
    (left, top), (right, bottom) = _box(shape)
    return {(left, top), (right, top), (right, bottom), (left, bottom)} & set(ring_of(shape.rings[0]))


def _clear(at: float, origin: float, scale: float) -> int:
    """A whole screen pixel near `at` that lies clearly nearer to one grid unit than to the next."""
    for off in (0, 1, -1, 2, -2):
        pixel = round(at) + off
        if abs((pixel - origin) / scale * 8 % 1 - 0.5) > 0.1:
            return pixel
    return round(at)
