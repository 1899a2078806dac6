"""The studio as a test sees it: a world to work in, hands on a page, and what the database holds."""

from __future__ import annotations

import gzip
import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scenes
import shapely
from learning_rows import model_row, ready_map
from validation_rows import ranked_round

BUILT, GRASS = scenes.TWO_CLASSES
TILE_PX = 64
TILES = 12  # of the layer, each way
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

# Shapes to begin with: two side by side, and one beside two that meet in the middle of its edge.
PAIR = [box(BUILT, 8, 8, 32, 40, "left"), box(GRASS, 32, 8, 56, 40, "right")]
THREE = [box(BUILT, 8, 8, 32, 56, "left"), box(GRASS, 32, 8, 56, 30, "high"), box(GRASS, 32, 30, 56, 56, "low")]


@dataclass
class World:
    """A campaign on real imagery with a model's drawing, and tiles that nobody has taken yet."""

    layer: Any
    campaign: Any
    prediction: Any
    tiles: list[Any] = field(default_factory=list)
    earlier: Any = None

    @classmethod
    def make(cls, folder: Path) -> World:
        """One imported layer, and a model that may have drawn any of them."""
        layer, _truth = scenes.real_layer(folder, f"scene-{uuid.uuid4().hex[:6]}", size_px=TILES * TILE_PX)
        made = scenes.campaign("gers", layer=layer, tile_px=TILE_PX, first_round=2, seed=5)
        model = model_row(made, state="promoted")
        prediction = ready_map(model, np.zeros((TILES, TILES), np.float32))
        doubt = np.full((1, TILE_PX, TILE_PX), 20, np.uint8)
        doubt[:, 40:50, 40:50] = 250
        scenes.write_geotiff(prediction.path("entropy.tif"), np.tile(doubt, (1, TILES, TILES)))
        world = cls(layer, made, prediction, ranked_round(made, 50, model_version=model.version))
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

    def label_earlier(self, tile: Any, features: list[dict[str, Any]]) -> None:
        """Accepted labels of the same ground on the imagery of another year."""
        from annotation.models import Tile

        if self.earlier is None:
            older = scenes.virtual_layer(f"older-{uuid.uuid4().hex[:6]}", width=TILES * TILE_PX, height=TILES * TILE_PX)
            self.earlier = scenes.campaign(
                "gers-2019", layer=older, tile_px=TILE_PX, first_round=100, seed=5, review_policy="none",
                first_reviewed=0,
            )  # fmt: skip
        twin = Tile.objects.get(campaign=self.earlier, row=tile.row, col=tile.col)
        scenes.accepted(self.earlier, twin, new_person(), new_person(), features)


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


def close_offline(page: Any) -> None:
    """Closes a page without a network, and gives the network back to those that are opened after it.

    While a busy browser takes a page down, the page may be online again for some milliseconds, and send: it is cut off
    by hand as well.
    """
    page.evaluate("() => { window.fetch = () => Promise.reject(new TypeError('no network')); }")
    page.close(run_before_unload=False)
    page.context.set_offline(False)


def until(page: Any, holds: Callable[[], Any], otherwise: str) -> None:
    """Returns once something holds that the page brings about, in the database or elsewhere; fails in half a minute."""
    for _ in range(300):
        if holds():
            return
        page.wait_for_timeout(100)
    raise AssertionError(otherwise)


def fill_disk(page: Any) -> None:
    """No room for this site from now on; before the studio opens, since Chromium counts on room it saw earlier."""
    origin = page.evaluate("location.origin")
    page.context.new_cdp_session(page).send("Storage.overrideQuotaForOrigin", {"origin": origin, "quotaSize": 1})


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


def three_moved_to(stored: Stored, x: float) -> None:
    """THREE, its long edge moved to about x: all three shapes end where it is now, and nothing else has moved."""
    edge = stored.ground(BUILT).bounds[2]
    assert edge == pytest.approx(x, abs=0.25)  # by how much is rounded where it begins and where it ends
    assert stored.ground(BUILT).equals(rectangle(8, 8, edge, 56))
    assert polygon(stored.one("high")["rings"]).equals(rectangle(edge, 8, 56, 30))
    assert polygon(stored.one("low")["rings"]).equals(rectangle(edge, 30, 56, 56))


def two_accepted_one_corrected(stored: Stored) -> None:
    """Of DRAWING: the two that the model is sure of as it drew them, and the last one under another class."""
    assert {f["id"]: (f["class_code"], f["provenance"]) for f in stored.features} == {
        "region-1": (BUILT, "accepted"),
        "region-2": (GRASS, "accepted"),
        "region-4": (BUILT, "corrected"),
    }
    for drawn in (DRAWING[0], DRAWING[1], DRAWING[3]):
        assert polygon(stored.one(drawn["id"])["rings"]).equals(polygon(drawn["rings"]))


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

    def segments(self, ids: Any) -> None:
        """Until these segments are shown."""
        count = self.page.locator("[data-testid='segment-count']")
        count.filter(has_text=f"{len(np.unique(ids))} segments").wait_for(state="attached")

    def spoken(self) -> str:
        return str(self.page.inner_text("[data-testid='spoken']"))

    def hush(self) -> None:
        """So that what is said next is heard even when it is the same again."""
        self.page.evaluate("() => { document.querySelector('#spoken').textContent = ''; }")

    def wait_for_words(self, pattern: str = ".") -> None:
        """Until the page says something that the pattern is found in."""
        self.page.wait_for_function(
            "(pattern) => new RegExp(pattern).test(document.querySelector('#spoken').textContent)", arg=pattern
        )

    # What hands do

    def use(self, tool: str) -> None:
        self.page.click(f"[data-testid='tool-{tool}']")

    def choose(self, code: str) -> None:
        self.page.click(f"[data-testid='class-{code}']")

    def place(self, x: float, y: float) -> tuple[int, int]:
        """The nearest pixel of the screen, as a mouse gives it: less than half a unit of the tile's grid away."""
        found = self.page.evaluate(PLACE, [x, y])
        return round(found["x"]), round(found["y"])

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
