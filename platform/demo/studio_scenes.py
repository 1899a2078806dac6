"""What the documentation shows of the studio: each scene is set up by the mouse and the keys, then photographed."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from demo.api import ApiError, ApiSession

Features = list[dict[str, Any]]
PLACE = "([x, y]) => document.querySelector('#studio').projectToScreen(x, y)"
#: Outlines with so few vertices are drawn again by clicks.
FEW_VERTICES = 40
#: A notice has gone by then.
NOTICE_MS = 7_500


@dataclass(frozen=True, slots=True)
class Subject:
    """The tile that poses, and what the published model drew on it."""

    api: ApiSession
    campaign: str
    tile: int
    tile_px: int
    draft: Features

    @classmethod
    def richest(cls, api: ApiSession, campaign: str) -> Subject:
        """The tile with the most classes and shapes in its draft among those one may take; takes it.

        Raises: RuntimeError: no tile has a draft, or others have them all.
        """
        found: list[tuple[tuple[int, int], int, Features]] = []
        for tile in api.call("GET", f"campaigns/{campaign}/tiles.geojson").body["features"]:
            number = int(tile["properties"]["id"])
            if tile["properties"]["state"] == "open":
                with contextlib.suppress(ApiError):  # labelled without help
                    features = api.call("GET", f"tiles/{number}/draft/").body["features"]
                    found.append(((len({f["class_code"] for f in features}), len(features)), number, features))
        side = int(api.call("GET", f"campaigns/{campaign}/").body["tile_px"])
        for _key, number, features in sorted(found, key=lambda one: one[0], reverse=True):
            with contextlib.suppress(ApiError):  # somebody else's
                api.call("POST", f"tiles/{number}/pick/")
                return cls(api, campaign, number, side, features)
        raise RuntimeError(f"The campaign {campaign!r} has no free tile with a model's draft: run `make demo`.")

    @property
    def address(self) -> str:
        """Path of the studio on this tile."""
        return f"/campaigns/{self.campaign}/studio/?tile={self.tile}"

    def put(self, features: Features) -> None:
        """Saves these features as the person's work on the tile."""
        version = self.api.call("POST", f"tiles/{self.tile}/pick/").body["annotation"]["version"]
        body = {
            "operation_id": str(uuid.uuid4()),
            "features": [{k: f[k] for k in ("id", "class_code", "rings", "provenance")} for f in features],
            "seconds_spent": 0,
            "draft_model": None,
        }
        self.api.call("PUT", f"tiles/{self.tile}/annotation/", body, if_match=f'"{version}"')

    def by_size(self) -> Features:
        """The draft's shapes, largest first."""
        return sorted(self.draft, key=lambda f: -_area(f["rings"][0]))

    def parted(self) -> tuple[dict[str, Any], Features]:
        """One larger shape with a plain outline, and the others."""
        plain = [f for f in self.by_size() if len(f["rings"][0]) <= FEW_VERTICES]
        chosen = plain[0] if plain else self.by_size()[0]
        return chosen, [f for f in self.draft if f is not chosen]


def _area(ring: list[list[int]]) -> float:
    after = [*ring[1:], ring[0]]
    return abs(sum(x * v - u * y for (x, y), (u, v) in zip(ring, after, strict=True))) / 2


class Hands:
    """Hands on an open studio. Places are pixels of the tile."""

    def __init__(self, page: Any, subject: Subject) -> None:
        """A page that is signed in as the person whose tile it is."""
        self.page, self.subject = page, subject

    def open(self, features: Features) -> None:
        """The studio on the tile, with these features saved before."""
        self.subject.put(features)
        self.page.goto(self.subject.address)
        self.ready()

    def ready(self) -> None:
        """Until the tile can be worked on and its image is there."""
        self.page.wait_for_selector("#studio[data-ready='true']")
        self.page.wait_for_timeout(1200)

    def settle(self) -> None:
        """Until nothing is being computed."""
        self.page.wait_for_selector("#studio[data-busy='false']", state="attached")
        self.page.wait_for_timeout(400)

    def saved(self) -> None:
        """Until the server has everything."""
        self.page.wait_for_selector("[data-testid='save-state'][data-pending='false']", state="attached")

    def press(self, *keys: str) -> None:
        """Keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def choose(self, code: str) -> None:
        """The class in hand."""
        self.page.click(f"[data-testid='class-{code}']")

    def move(self, x: float, y: float) -> None:
        """The pointer to a place."""
        at = self.page.evaluate(PLACE, [x, y])
        self.page.mouse.move(at["x"], at["y"], steps=3)

    def click(self, x: float, y: float) -> None:
        """A click at a place."""
        self.move(x, y)
        self.page.mouse.down()
        self.page.mouse.up()

    def hold(self, *shares: tuple[float, float]) -> None:
        """A drag that is not let go, by shares of the tile's side."""
        side = self.subject.tile_px
        for number, (x, y) in enumerate(shares):
            self.move(x * side, y * side)
            if number == 0:
                self.page.mouse.down()

    def drag(self, *shares: tuple[float, float]) -> None:
        """A drag from the first place to the last."""
        self.hold(*shares)
        self.page.mouse.up()
        self.settle()


# --- scenes: each leaves the page as it is to be photographed ---


def studio(hands: Hands) -> None:
    """The model's draft taken, one shape selected."""
    hands.open(hands.subject.draft)
    hands.press("n", "n", "n", "f")


def drawing(hands: Hands) -> None:
    """A polygon half drawn."""
    wanted, others = hands.subject.parted()
    hands.open(others)
    hands.choose(wanted["class_code"])
    hands.press("p")
    corners = [(x / 8, y / 8) for x, y in wanted["rings"][0]]
    for corner in corners[: max(3, len(corners) * 2 // 3)]:
        hands.click(*corner)
        hands.page.wait_for_timeout(400)  # two quick clicks near each other would be a double click
    hands.move(*corners[max(3, len(corners) * 2 // 3) % len(corners)])


def brush(hands: Hands) -> None:
    """A stroke of the brush under way."""
    wanted, others = hands.subject.parted()
    hands.open(others)
    hands.choose(wanted["class_code"])
    hands.press("b")
    hands.page.locator("[data-testid='brush-size']").fill("12")
    hands.hold((0.2, 0.55), (0.3, 0.45), (0.45, 0.42), (0.55, 0.5), (0.7, 0.52))


def segments(hands: Hands) -> None:
    """A few segments labelled, another one under the pointer."""
    hands.open([])
    hands.choose(hands.subject.by_size()[0]["class_code"])
    hands.press("s")
    hands.page.wait_for_selector("[data-testid='segment-count']", state="attached")
    hands.drag((0.2, 0.25), (0.4, 0.3), (0.55, 0.25))
    hands.choose(hands.subject.by_size()[-1]["class_code"])
    hands.drag((0.3, 0.65), (0.5, 0.7))
    hands.saved()
    hands.move(0.75 * hands.subject.tile_px, 0.6 * hands.subject.tile_px)


def draft(hands: Hands) -> None:
    """The model's suggestions with their confidence, one under the pointer."""
    hands.open([])
    hands.press("d")
    hands.page.wait_for_selector("[data-testid='take-all']", state="attached")
    hands.settle()
    hands.page.wait_for_timeout(NOTICE_MS)
    hands.move(0.5 * hands.subject.tile_px, 0.6 * hands.subject.tile_px)


def doubt(hands: Hands) -> None:
    """Where the model hesitates, and the most doubtful place."""
    hands.open([])
    hands.press("o")
    hands.page.wait_for_timeout(1500)
    hands.press("j", "f")


def gaps(hands: Hands) -> None:
    """Unlabelled ground, shown."""
    large = hands.subject.by_size()
    hands.open([f for number, f in enumerate(large) if number % 3 != 1])
    hands.press("g", "u", "f")


def views(hands: Hands) -> None:
    """Infrared, with the settings of the image."""
    hands.open(hands.subject.draft)
    views_offered = hands.page.locator("sc-view-panel .segmented button")
    views_offered.nth(min(1, views_offered.count() - 1)).click()
    hands.page.wait_for_timeout(1500)


def patterns(hands: Hands) -> None:
    """Patterns beside colours."""
    hands.open(hands.subject.draft)
    hands.page.locator("[data-testid='switch-patterns']").check()


def merge(hands: Hands) -> None:
    """Two versions of the tile, place by place."""
    features = hands.subject.draft
    smallest = hands.subject.by_size()[-1]
    hands.open(features)
    hands.choose(smallest["class_code"])
    hands.press("r")
    hands.subject.put([f for f in features if f is not smallest])
    hands.drag((0.62, 0.68), (0.78, 0.86))
    hands.page.wait_for_selector("dialog.merge[open]")


def two_tabs(hands: Hands) -> None:
    """The tile in a second tab."""
    hands.open(hands.subject.draft)
    hands.page = hands.page.context.new_page()
    hands.page.goto(hands.subject.address)
    hands.page.wait_for_selector("[data-testid='read-only']")
    hands.page.wait_for_timeout(1500)


def offline(hands: Hands) -> None:
    """A shape drawn without network."""
    wanted, others = hands.subject.parted()
    hands.open(others)
    hands.page.context.set_offline(True)
    hands.choose(wanted["class_code"])
    hands.press("r")
    hands.drag((0.35, 0.35), (0.6, 0.6))
    hands.page.wait_for_selector("[data-testid='save-state'][data-problem='offline']")


def keys(hands: Hands) -> None:
    """The sheet of keys."""
    hands.open(hands.subject.draft)
    hands.press("?")
    hands.page.wait_for_selector("dialog[open]")


def split(hands: Hands) -> None:
    """Before a tile with too much on it is split in four."""
    hands.open(hands.subject.draft)
    hands.press("q")
    hands.page.wait_for_selector("dialog[open]")


def narrow(hands: Hands) -> None:
    """On a small screen, by touch."""
    hands.open(hands.subject.draft)


def validate(hands: Hands) -> None:
    """The fast lane: one shape of the model, one key."""
    hands.page.goto(f"/campaigns/{hands.subject.campaign}/validate/")
    hands.page.wait_for_selector("#validate[data-ready='true']")
    hands.page.wait_for_timeout(1500)


def practice(hands: Hands) -> None:
    """The practice tile at its first step."""
    hands.page.goto("/practice/")
    hands.page.wait_for_selector("#studio[data-ready='true']")
    hands.page.wait_for_timeout(1500)


Scene = Callable[[Hands], None]
WIDE = {"viewport": {"width": 1280, "height": 800}}
TABLET = {"viewport": {"width": 1024, "height": 768}, "has_touch": True}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 1.5}
#: The panel's settings of the image in view: its other folds are closed.
FOLDED = {"fold-why": False, "fold-class": False, "fold-draft": False, "fold-segments": False}

#: Name of the picture, what it shows, the window, what the browser remembers.
SCENES: tuple[tuple[str, Scene, dict[str, Any], dict[str, Any]], ...] = (
    ("studio", studio, WIDE, {}),
    ("drawing", drawing, WIDE, {}),
    ("brush", brush, WIDE, {}),
    ("segments", segments, WIDE, {"fold-why": False, "fold-draft": False, "fold-segments": True}),
    ("draft", draft, WIDE, {"fold-why": False, "fold-class": False}),
    ("doubt", doubt, WIDE, {**FOLDED, "opacity": 0.3}),
    ("gaps", gaps, WIDE, {**FOLDED, "gaps": True}),
    ("views", views, WIDE, {**FOLDED, "opacity": 0.2}),
    ("patterns", patterns, WIDE, FOLDED),
    ("validate", validate, WIDE, {}),
    ("merge", merge, WIDE, {}),
    ("two-tabs", two_tabs, WIDE, {}),
    ("offline", offline, WIDE, {}),
    ("keys", keys, WIDE, {}),
    ("split", split, WIDE, FOLDED),
    ("practice", practice, WIDE, {}),
    ("tablet", narrow, TABLET, {}),
    ("phone", narrow, PHONE, {}),
)
