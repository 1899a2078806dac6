"""The studio as a test sees it: a world to work in, hands on a page, and what the database holds."""

from __future__ import annotations

import gzip
import itertools
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import scenes
import shapely
from learning_rows import model_row, ready_map
from validation_rows import ranked_round

BUILT, GRASS = scenes.TWO_CLASSES
TILE_PX = 64
SIDE = TILE_PX * 8
SAVED = "[data-testid='save-state'][data-state='saved'][data-pending='false']"
# As a person leaves it who has met the studio before: the practice tile is not offered again.
SEEN = """() => { if (location.protocol === "http:" && !localStorage.getItem("solcommun.studio")) {
  localStorage.setItem("solcommun.studio", JSON.stringify({ practice: false }));
} }"""
PLACE = "([x, y]) => document.querySelector('#studio, #validate').projectToScreen(x, y)"

_names = (f"person-{number}" for number in itertools.count(1))


def box(code: str, x0: float, y0: float, x1: float, y1: float, name: str, **more: Any) -> dict[str, Any]:
    """A rectangle's feature; corners in pixels of the tile."""
    left, top, right, bottom = (round(v * 8) for v in (x0, y0, x1, y1))
    ring = [[left, top], [right, top], [right, bottom], [left, bottom]]
    return {"id": name, "class_code": code, "rings": [ring], "provenance": "drawn", **more}


# What the model drew on each tile: two shapes it is sure of, two it is not.
DRAWING = [
    box(BUILT, 0, 0, 20, 20, "region-1", provenance="accepted", confidence=0.95),
    box(GRASS, 20, 0, 40, 20, "region-2", provenance="accepted", confidence=0.9),
    box(BUILT, 40, 0, 60, 20, "region-3", provenance="accepted", confidence=0.55),
    box(GRASS, 0, 20, 20, 40, "region-4", provenance="accepted", confidence=0.6),
]


@dataclass
class World:
    """A campaign on real imagery with a model's drawing, and tiles that nobody has taken yet."""

    layer: Any
    campaign: Any
    prediction: Any
    tiles: list[Any] = field(default_factory=list)

    @classmethod
    def make(cls, folder: Path) -> World:
        """One imported layer of 8 × 8 tiles, and a model that may have drawn any of them."""
        layer, _truth = scenes.real_layer(folder, f"scene-{uuid.uuid4().hex[:6]}", size_px=8 * TILE_PX)
        made = scenes.campaign("gers", layer=layer, tile_px=TILE_PX, first_round=2, seed=5)
        model = model_row(made, state="promoted")
        prediction = ready_map(model, np.zeros((8, 8), np.float32))
        doubt = np.full((1, TILE_PX, TILE_PX), 20, np.uint8)
        doubt[:, 40:50, 40:50] = 250
        scenes.write_geotiff(prediction.path("entropy.tif"), np.tile(doubt, (1, 8, 8)))
        world = cls(layer, made, prediction, ranked_round(made, 24, model_version=model.version))
        for tile in world.tiles:
            world.draw(tile, DRAWING)
        return world

    def tile(self) -> Any:
        """A tile for one test alone; the last of the round, so that the queue gives others."""
        return self.tiles.pop()

    def draw(self, tile: Any, drawing: list[dict[str, Any]]) -> None:
        """Keep a model's drawing of a tile where the platform looks for it."""
        from validation_rows import Drawn

        Drawn(self.campaign, self.prediction).draw(tile, drawing)


def new_person(**more: Any) -> Any:
    """Somebody who has agreed to the licence of contributions."""
    return scenes.person(next(_names), **more)


def sign_in(page: Any, user: Any) -> None:
    """The session of a person, as after signing in, in a browser that has met the studio before."""
    from django.test import Client

    client = Client()
    client.force_login(user)
    client.get("/me/")  # as after signing in, the browser has a token against forged requests
    page.context.add_init_script(f"({SEEN})()")
    page.context.add_cookies(
        [{"name": one.key, "value": one.value, "domain": "localhost", "path": "/"} for one in client.cookies.values()]
    )


def begin(tile: Any, user: Any, features: list[dict[str, Any]]) -> None:
    """A person's saved work on a tile, made through the services as anyone would."""
    from annotation.models import Lease
    from annotation.services.annotations import save_annotation
    from annotation.services.clock import database_now

    now = database_now()
    Lease.objects.get_or_create(
        tile=tile, annotator=user, defaults={"granted_at": now, "expires_at": now, "state": "released"}
    )
    save_annotation(tile=tile, annotator=user, features=features, operation_id=uuid.uuid4(), expected_version=0)


class Stored:
    """What the database has of a person's work on a tile: the head's features, which must be a coverage."""

    def __init__(self, tile: Any, user: Any) -> None:
        from annotation.core.tile_geometry import check_coverage, parse_features
        from annotation.models import Annotation

        annotation = Annotation.objects.get(tile=tile, annotator=user)
        assert annotation.head is not None
        self.annotation, self.revision = annotation, annotation.head
        self.features: list[dict[str, Any]] = list(annotation.head.features)
        check_coverage(
            parse_features(self.features, tile_px=TILE_PX, class_codes={f["class_code"] for f in self.features})
        )

    def shapes(self, code: str | None = None) -> list[Any]:
        """Polygons in pixels, of one class or of all."""
        return [polygon(f["rings"]) for f in self.features if code in (None, f["class_code"])]

    def ground(self, code: str | None = None) -> Any:
        """The union of a class's polygons, in pixels."""
        return shapely.union_all(self.shapes(code))

    def kinds(self) -> list[tuple[str, str]]:
        """Class and provenance of each feature, sorted."""
        return sorted((f["class_code"], f["provenance"]) for f in self.features)

    def one(self, name: str) -> Any:
        """The feature of this id."""
        return next(f for f in self.features if f["id"] == name)


def polygon(rings: list[Any]) -> Any:
    """A feature's rings as a polygon in pixels."""
    outer, *holes = [[(x / 8, y / 8) for x, y in ring] for ring in rings]
    return shapely.Polygon(outer, holes)


def segment_ids(tile: Any, level: str = "medium") -> Any:
    """The tile's segments as the server cuts them."""
    from annotation.services.segments import segments_of

    raw = gzip.decompress(segments_of(tile, level=level).compressed)
    return np.frombuffer(raw[-2 * TILE_PX * TILE_PX :], dtype="<u2").reshape(TILE_PX, TILE_PX)


def mask_of(ground: Any) -> Any:
    """Pixels whose middle is in the ground."""
    rows, cols = np.mgrid[0:TILE_PX, 0:TILE_PX]
    return shapely.contains_xy(ground, cols + 0.5, rows + 0.5)


def rectangle(x0: float, y0: float, x1: float, y1: float) -> Any:
    return shapely.box(x0, y0, x1, y1)


class Studio:
    """Hands on an open studio. Places are pixels of the tile."""

    def __init__(self, page: Any, tile: Any, user: Any) -> None:
        self.page, self.tile, self.user = page, tile, user

    # Where the page is

    def open(self) -> None:
        self.page.goto(f"/campaigns/{self.tile.campaign.slug}/studio/?tile={self.tile.pk}")
        self.ready()

    def ready(self) -> None:
        self.page.wait_for_selector("#studio[data-ready='true']")

    def settle(self, count: int | None = None) -> None:
        """Until the change in hand is done; with `count`, until so many shapes show."""
        shapes = "" if count is None else f"[data-features='{count}']"
        self.page.wait_for_selector(f"#studio[data-busy='false']{shapes}", state="attached")

    def saved(self, count: int | None = None) -> Stored:
        """What the server has once it has everything."""
        self.settle(count)
        self.page.wait_for_selector(SAVED, state="attached")
        return Stored(self.tile, self.user)

    def spoken(self) -> str:
        return str(self.page.inner_text("[data-testid='spoken']"))

    # What hands do

    def use(self, tool: str) -> None:
        self.page.click(f"[data-testid='tool-{tool}']")

    def choose(self, code: str) -> None:
        self.page.click(f"[data-testid='class-{code}']")

    def place(self, x: float, y: float) -> tuple[float, float]:
        found = self.page.evaluate(PLACE, [x, y])
        return found["x"], found["y"]

    def click(self, x: float, y: float, **options: Any) -> None:
        self.page.mouse.move(*self.place(x, y))
        self.page.mouse.click(*self.place(x, y), **options)

    def clicks(self, *places: tuple[float, float]) -> None:
        """One click after the other, none of them a double click."""
        for x, y in places:
            self.click(x, y)

    def drag(self, *places: tuple[float, float], steps: int = 4) -> None:
        """Press at the first place, go by the others, let go at the last."""
        self.page.mouse.move(*self.place(*places[0]))
        self.page.mouse.down()
        for x, y in places[1:]:
            self.page.mouse.move(*self.place(x, y), steps=steps)
        self.page.mouse.up()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)


def open_studio(world: World, open_page: Any, features: list[dict[str, Any]], **options: Any) -> Studio:
    """The studio of a new person on a tile of their own. Options: `tile`, and the browser's."""
    tile = options.pop("tile", None) or world.tile()
    user = new_person()
    if features:
        begin(tile, user, features)
    page = open_page(**options)
    sign_in(page, user)
    hands = Studio(page, tile, user)
    hands.open()
    return hands


class Keys:
    """The keyboard's cursor. Steps with Shift are whole pixels, counted from the tile's corner."""

    def __init__(self, hands: Studio) -> None:
        self.hands, self.keyboard = hands, hands.page.keyboard
        self.at = (0, 0)

    def home(self) -> None:
        """To the tile's corner at the top left, with the keys held down."""
        for key in ("ArrowLeft", "ArrowUp"):
            for _repeat in range(40):
                self.keyboard.down(key)
            self.keyboard.up(key)
        self.at = (0, 0)

    def go(self, x: int, y: int) -> None:
        """To a pixel's corner, one pixel at a time."""
        self.keyboard.down("Shift")
        for key, steps in (("ArrowRight", x - self.at[0]), ("ArrowDown", y - self.at[1])):
            back = {"ArrowRight": "ArrowLeft", "ArrowDown": "ArrowUp"}[key]
            for _step in range(abs(steps)):
                self.keyboard.press(key if steps > 0 else back)
        self.keyboard.up("Shift")
        self.at = (x, y)

    def press_at(self, *places: tuple[int, int]) -> None:
        for x, y in places:
            self.go(x, y)
            self.keyboard.press("Space")

    def choose(self, code: str) -> None:
        """The class by the key that the palette shows for it."""
        shown = self.hands.page.locator(f"[data-testid='class-{code}'] kbd").inner_text()
        digit = shown.removeprefix("⇧")
        self.keyboard.press(f"Shift+Digit{digit}" if shown != digit else f"Digit{digit}")


class Fingers:
    """Touch and pen events as the browser gets them from the glass."""

    def __init__(self, hands: Studio) -> None:
        self.hands = hands
        self.glass = hands.page.context.new_cdp_session(hands.page)

    def _touch(self, kind: str, *points: tuple[float, float]) -> None:
        places = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self.glass.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    def use(self, tool: str) -> None:
        """Taps the tool until it is in hand: a tap right after a quick drag only stops the browser's own fling."""
        from playwright.sync_api import TimeoutError as NotYet

        for _attempt in range(5):
            self.hands.page.tap(f"[data-testid='tool-{tool}']")
            try:
                self.hands.page.wait_for_selector(f"#studio[data-tool='{tool}']", timeout=2_000)
            except NotYet:
                continue
            return
        raise AssertionError(f"{tool} cannot be taken in hand")

    def choose(self, code: str) -> None:
        self.hands.page.tap(f"[data-testid='class-{code}']")

    def down(self, x: float, y: float) -> None:
        self._touch("touchStart", self.hands.place(x, y))

    def up(self) -> None:
        self._touch("touchEnd")

    def tap(self, x: float, y: float) -> None:
        self.down(x, y)
        self.up()

    def drag(self, *places: tuple[float, float], steps: int = 5) -> None:
        """One finger from the first place by the others to the last."""
        points = [self.hands.place(x, y) for x, y in places]
        self._touch("touchStart", points[0])
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            for step in range(1, steps + 1):
                self._touch("touchMove", (x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps))
        self._touch("touchEnd")

    def pinch(self, first: tuple[float, float], second: tuple[float, float], *, by: float, steps: int = 8) -> None:
        """Two fingers that part, one up and one down, by so many points of the screen each."""
        (x0, y0), (x1, y1) = self.hands.place(*first), self.hands.place(*second)
        for step in range(steps + 1):
            away = by * step / steps
            self._touch("touchStart" if step == 0 else "touchMove", (x0, y0 - away), (x1, y1 + away))
        self._touch("touchEnd")

    def pen(self, *places: tuple[float, float], palm: tuple[float, float] | None = None, steps: int = 6) -> None:
        """A pen from the first place by the others to the last; a palm may come down meanwhile."""
        points = [self.hands.place(x, y) for x, y in places]

        def send(kind: str, x: float, y: float, buttons: int) -> None:
            self.glass.send(
                "Input.dispatchMouseEvent",
                {"type": kind, "x": x, "y": y, "button": "left", "buttons": buttons, "clickCount": 1}
                | {"pointerType": "pen"},
            )

        send("mouseMoved", *points[0], 0)
        send("mousePressed", *points[0], 1)
        if palm is not None:
            self.down(*palm)
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            for step in range(1, steps + 1):
                send("mouseMoved", x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps, 1)
        send("mouseReleased", *points[-1], 0)
        if palm is not None:
            self.up()
