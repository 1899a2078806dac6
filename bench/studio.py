"""How smooth the studio stays with 5,000 polygons on a tile, and how soon the next tile can be drawn on.

    python bench/studio.py [--repeats 3] [--ratios 1 2] [--tiles 20] [--polygons 5000]

Boots by itself: a database of its own, the site on a free port, a generated layer, Chromium without a GPU. Everything
is driven by real mouse and key events on the built studio (frontend/dist, made by `make setup`).

The tile is as full as the studio promises to hold: 5,000 shapes with 36 corners each, as outlines along pixels have.
Three gestures: dragging the map, turning the wheel in and out, and dragging a vertex that several polygons share, at a
zoom where these are some SHAPE_PX wide. The rival is a page with the same tile, polygons, imagery and window where
Leaflet's default renderer (SVG) draws one L.Polygon a shape (frontend/bench/svg-scene.ts). The two are measured by
turns, at device pixel ratios 1 and 2. Each gesture is checked to have had its effect on either page; else the bench
ends with an error. Events are sent at a hand's pace, 60 moves a second, whether the page keeps up or not.

Frame time: how long a picture stays on screen until the next one, from the gesture's first event to 300 ms after its
last, or to 300 ms after the studio has said that the change is done (#studio[data-busy=false]) where that is later: a
vertex that is dropped is computed and written down then. The time from the drop until then is in the table ("settled":
its median, and its slowest); the rival does all its work in the events and says nothing, which counts as 0. Both pages
carry a frame counter (a dot of 2 pixels that moves at every animation frame), so that a new picture is due at every
refresh; Chromium's own trace tells when each was on screen. That is what a camera in front of the screen would see.
Intervals of requestAnimationFrame, which most benches take, end where the page's own thread ends: pictures that are
painted or composed late, or dropped, are not in them. Median and p95 are of the time, not of the count: for 95 % of the
gesture the picture on screen is one that stays at most so long. By count, a page that stands still for a third of a
gesture passes for smooth as long as it makes up for it in many quick frames. The table shows beside it: p95 by count;
median and p95 of the time from each move of a drag to the picture that shows it; p95 of the intervals of
requestAnimationFrame; the longest task of the page's thread; from the last event to settled.

What it cannot see: whether a picture is complete. The studio shows shapes stretched for a moment after a zoom, and SVG
shows nothing yet beyond the margin of what it has drawn; neither counts as a late frame.

    p95_frame_ms_5000   p95 of the studio's frame times in the gesture where it is highest, at ratio 1
    svg_ratio           the same of the rival ÷ ours
    next_tile_median_ms from the key that submits a tile until #studio[data-ready=true] names another one and a frame
                        was drawn: the submission, the claim, the imagery on screen and the tools enabled; median
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import shutil
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from _studio_frames import RECORDER, Frames, recorded, summary
from _studio_gestures import drag, pan, play, zoom
from _studio_site import LAYER_PX, SUBPIXELS, TILE_PX, build_rival, label_whole_tile, site

#: A vertex is dragged where the shapes are so wide on screen, and dropped so far away, in units.
SHAPE_PX, DROP, NEAR = 50, (6, 5), 3
#: The map's box on either page; a point is in its middle when it is so near, and is brought there by pulls so long.
MAPS, MIDDLE_PX, MOST_PULL_PX = ".map, #map", 120, 320
WINDOW = {"width": 1280, "height": 800}
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
Select = Callable[[], Awaitable[None]]
# Widths of the tile on screen during a gesture, in pixels.
WATCH_ZOOM = """(root) => {
  const width = () => {
    const at = (x) => document.querySelector(root).projectToScreen(x, 0).x;
    return Math.round(at(512) - at(0));
  };
  window.widthsSeen = new Set([width()]);
  window.watchingZoom = setInterval(() => window.widthsSeen.add(width()), 50);
}"""
SUBMIT_CLOCK = """
(() => {
  let from = 0, tile = '';
  addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || !event.ctrlKey) return;
    from = performance.now();
    tile = document.querySelector('#studio').dataset.tile;
    const look = () => {
      const { ready, tile: now } = document.querySelector('#studio').dataset;
      if (ready === 'true' && now !== tile) window.nextTileMs = performance.now() - from;
      else requestAnimationFrame(look);
    };
    window.nextTileMs = null;
    requestAnimationFrame(look);
  }, true);
})();
"""


async def signed_in(browser: Any, address: str, user: Any, ratio: int) -> Any:
    """A page in a window of its own, signed in by the form as people do."""
    context = await browser.new_context(base_url=address, viewport=WINDOW, device_scale_factor=ratio, locale="en-GB")
    context.set_default_timeout(60_000)
    page = await context.new_page()
    await page.add_init_script(RECORDER)
    await page.goto("/accounts/login/")
    await page.fill("#id_login", user.get_username())
    await page.fill("#id_password", "a-long-passphrase")
    await page.click("main button[type=submit]")
    await page.wait_for_url("**/campaigns/")
    return page


def middle_vertex(features: list[dict[str, Any]], turn: int) -> tuple[tuple[int, int], dict[str, Any]]:
    """A vertex near the tile's middle that three polygons or more share, another one each turn, and one of those."""
    owners: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for feature in features:
        for x, y in feature["rings"][0]:
            owners.setdefault((x, y), []).append(feature)
    middle = TILE_PX * SUBPIXELS / 2
    shared = [point for point, own in owners.items() if len(own) > 2]
    at = sorted(shared, key=lambda p: (p[0] - middle) ** 2 + (p[1] - middle) ** 2)[turn]
    return at, owners[at][0]


async def place(page: Any, root: str, point: tuple[float, float]) -> tuple[float, float]:
    """Where a point in units is in the window."""
    x, y = (value / SUBPIXELS for value in point)
    found = await page.evaluate("([root, x, y]) => document.querySelector(root).projectToScreen(x, y)", [root, x, y])
    return found["x"], found["y"]


async def bring(page: Any, root: str, point: tuple[float, float]) -> tuple[float, float]:
    """Drags the map until the point is in its middle, for a map goes on for a while when it is let go; its place."""
    box = await page.locator(MAPS).bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for _ in range(20):
        at = await place(page, root, point)
        away = [a - m for a, m in zip(at, middle, strict=True)]
        if math.hypot(*away) < MIDDLE_PX:
            return at
        pull = [max(-MOST_PULL_PX, min(MOST_PULL_PX, d)) for d in away]
        start, end = [[m + half * d for m, d in zip(middle, pull, strict=True)] for half in (0.5, -0.5)]
        await page.mouse.move(*start)
        await page.mouse.down()
        await page.mouse.move(*end, steps=8)
        await page.mouse.up()
        await page.wait_for_timeout(1000)
    raise NoEffect(root, "drag of the map to a place", at)


async def scale(page: Any, root: str) -> float:
    """Pixels of the window to one of the tile."""
    left, right = [await place(page, root, (v * SUBPIXELS, 0)) for v in (0, TILE_PX)]
    return (right[0] - left[0]) / TILE_PX


def inside(feature: dict[str, Any]) -> tuple[float, float]:
    """A place well inside a small compact polygon."""
    ring = feature["rings"][0]
    return statistics.mean(p[0] for p in ring), statistics.mean(p[1] for p in ring)


def moved(vertex: tuple[int, int]) -> tuple[int, int]:
    """Where the vertex is dropped: near enough that no shape is turned inside out."""
    return vertex[0] + DROP[0], vertex[1] + DROP[1]


def is_near(point: Any, to: tuple[int, int]) -> bool:
    """Whether they are the same but for what is lost between a place in units and a pixel of the window."""
    return all(abs(a - b) <= NEAR for a, b in zip(point, to, strict=True))


class NoEffect(SystemExit):
    """A gesture did nothing: its figures would be those of a page at rest."""

    def __init__(self, root: str, gesture: str, found: Any) -> None:
        super().__init__(f"The {gesture} had no effect on {root}: {found}")


async def three_gestures(page: Any, root: str, scene: dict[str, Any], select: Select) -> dict[str, Frames]:
    """Frames of dragging the map, of the wheel, and of dragging the vertex; the first two are checked here."""
    middle = (TILE_PX * SUBPIXELS / 2,) * 2
    before = await place(page, root, middle)
    frames = {"pan": await recorded(page, lambda: play(page, pan(before)))}
    after = await place(page, root, middle)
    went = [b - a for a, b in zip(before, after, strict=True)]
    if math.hypot(*went) < 20:
        raise NoEffect(root, "drag of the map", went)
    centre = await bring(page, root, middle)
    await page.evaluate(WATCH_ZOOM, root)
    frames["zoom"] = await recorded(page, lambda: play(page, zoom(centre)))
    # Where it ends says little: a page that is behind takes several turns, in and out, for one.
    seen = await page.evaluate("clearInterval(watchingZoom), widthsSeen.size")
    if seen < 3:
        raise NoEffect(root, "turns of the wheel", f"{seen} sizes of the tile seen")
    vertex = scene["vertex"]
    shape_px = TILE_PX / len(scene["features"]) ** 0.5
    for _ in range(20):
        if await scale(page, root) * shape_px >= SHAPE_PX:
            break
        await page.mouse.move(*await bring(page, root, vertex))
        await page.mouse.wheel(0, -120)
        await page.wait_for_timeout(700)
    await bring(page, root, vertex)
    await select()
    await page.wait_for_timeout(500)
    at, to = await place(page, root, vertex), await place(page, root, moved(vertex))
    frames["vertex"] = await recorded(page, lambda: play(page, drag(at, to)))
    return frames


async def studio_frames(
    page: Any, tile: dict[str, Any], slug: str, count: int, turn: int
) -> tuple[dict[str, Frames], dict[str, Any]]:
    """The gestures on the real studio, and the scene as it was before; the dragged vertex must reach the server."""
    await page.goto(f"/campaigns/{slug}/studio/?tile={tile['id']}")
    await page.wait_for_selector(f"#studio[data-ready='true'][data-features='{count}']")
    scene = await scene_of(page, slug, tile, turn)
    await page.wait_for_timeout(2500)

    async def select() -> None:
        await page.click("[data-testid='tool-edit']")
        await page.mouse.click(*await place(page, "#studio", inside(scene["owner"])))

    await page.click("[data-testid='tool-edit']")
    version = await page.get_attribute("#studio", "data-version")
    frames = await three_gestures(page, "#studio", scene, select)
    for _ in range(100):
        if await page.get_attribute("#studio", "data-version") != version:
            return frames, scene
        await page.wait_for_timeout(200)
    raise NoEffect("#studio", "drag of a vertex", f"still version {version} on the server")


async def svg_frames(page: Any, folder: Path, scene: dict[str, Any], box: dict[str, float]) -> dict[str, Frames]:
    """The gestures on the rival, in a map as large as the studio's."""
    style = f"position:fixed;left:{box['x']}px;top:{box['y']}px;width:{box['width']}px;height:{box['height']}px"
    head = '<link rel="stylesheet" href="/bench/svg-scene.css"><style>.vertex{background:#fff;border:2px solid #06c}'
    html = f'<!doctype html><html lang="en"><head><title>Rival</title>{head}#map{{{style}}}</style></head>'
    html += '<body><div id="map"></div><script type="module" src="/bench/svg-scene.js"></script></body></html>'

    async def answer(route: Any) -> None:
        name = route.request.url.rsplit("/", 1)[1]
        if name == "svg-scene.html":
            await route.fulfill(body=html, content_type="text/html")
        elif name == "scene.json":
            await route.fulfill(body=json.dumps(scene), content_type="application/json")
        else:
            await route.fulfill(path=folder / name)

    async def select() -> None:
        """Nothing: its vertex is there to be taken."""

    await page.route("**/bench/*", answer)
    await page.goto("/bench/svg-scene.html")
    await page.wait_for_selector("body[data-ready='true']", state="attached")
    await page.wait_for_timeout(2500)
    frames = await three_gestures(page, "body", scene, select)
    found = await page.evaluate("document.body.whereVertex()")
    if found["shapes"] < 3 or not is_near(found["at"], moved(scene["vertex"])):
        raise NoEffect("the rival", "drag of a vertex", found)
    return frames


async def next_tiles(page: Any, campaign: str, tiles: int) -> list[float]:
    """Labels one area of each tile, submits it, and times the way to the next one, in ms; the first is not counted."""
    await page.add_init_script(SUBMIT_CLOCK)
    await page.goto(f"/campaigns/{campaign}/studio/")
    await page.wait_for_selector("#studio[data-ready='true']")
    times = []
    for _ in range(tiles + 1):
        await page.keyboard.press("r")
        corner, opposite = [await place(page, "#studio", (v * SUBPIXELS, v * SUBPIXELS)) for v in (100, 300)]
        await page.mouse.move(*corner)
        await page.mouse.down()
        await page.mouse.move(*opposite, steps=6)
        await page.mouse.up()
        await page.wait_for_selector("#studio[data-features='1']")
        await page.wait_for_selector("[data-testid='save-state'][data-state='saved']")
        await page.wait_for_timeout(300)
        await page.keyboard.press("Control+Enter")
        await page.wait_for_function("() => typeof window.nextTileMs === 'number'")
        times.append(
            await page.evaluate("() => { const ms = window.nextTileMs; window.nextTileMs = null; return ms; }")
        )
    return times[1:]


async def measure(browser: Any, address: str, arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Every figure."""
    import scenes

    layer, _truth = scenes.real_layer(folder, "bench", size_px=LAYER_PX)
    large = scenes.campaign("bench-large", layer=layer, tile_px=TILE_PX, control_share=0.0)
    user = scenes.person("bench")
    tile = label_whole_tile(large, user, arguments.polygons)
    build_rival(folder / "rival")
    results: dict[str, Any] = {}
    for ratio in arguments.ratios:
        totals: dict[tuple[str, str], Frames] = defaultdict(Frames)
        for turn in range(arguments.repeats):
            page = await signed_in(browser, address, user, ratio)
            ours, scene = await studio_frames(
                page, tile, large.slug, arguments.polygons, ratio * arguments.repeats + turn
            )
            box = await page.locator(".map").bounding_box()
            await page.context.close()
            page = await signed_in(browser, address, user, ratio)
            rival = await svg_frames(page, folder / "rival", scene, box)
            await page.context.close()
            for name, frames in (("studio", ours), ("svg", rival)):
                for gesture, one in frames.items():
                    totals[name, gesture] += one
        results[f"ratio {ratio}"] = {key: summary(frames) for key, frames in totals.items()}
        show(f"Device pixel ratio {ratio}", results[f"ratio {ratio}"])
    many = scenes.campaign(
        "bench-many", layer=layer, tile_px=TILE_PX, control_share=0.0, first_round=arguments.tiles + 4
    )
    page = await signed_in(browser, address, scenes.person("bench-next"), 1)
    results["next"] = await next_tiles(page, many.slug, arguments.tiles)
    return results


async def features_of(page: Any, tile: dict[str, Any]) -> list[dict[str, Any]]:
    """The polygons of a tile as the server has them."""
    pick = "id => fetch(`/api/v1/tiles/${id}/annotation/`).then((r) => r.json())"
    found: list[dict[str, Any]] = (await page.evaluate(pick, tile["id"]))["features"]
    return found


async def scene_of(page: Any, slug: str, tile: dict[str, Any], turn: int) -> dict[str, Any]:
    """What both pages show: the campaign's layer and colours, the tile, and its polygons as the server has them."""
    campaign = await page.evaluate("slug => fetch(`/api/v1/campaigns/${slug}/`).then((r) => r.json())", slug)
    features = await features_of(page, tile)
    colours = {c["code"]: c["colour"] for c in campaign["nomenclature"]["classes"]}
    vertex, owner = middle_vertex(features, turn)
    shown = {"layer": campaign["layer"], "tile": tile, "features": features, "colours": colours}
    return {**shown, "vertex": vertex, "owner": owner}


COLUMNS = {
    "frames": "frames", "median": "median", "p95": "p95", "max": "longest", "p95_count": "p95 by count",
    "late_median": "late median", "late_p95": "late p95", "called_p95": "rAF p95", "longest_task": "longest task",
    "settled": "settled", "settled_max": "slowest",
}  # fmt: skip


def show(title: str, table: dict[tuple[str, str], dict[str, float]]) -> None:
    """One line a gesture and page."""
    heads = "".join(f"{head:>14}" for head in COLUMNS.values())
    print(f"\n{title} (load {os.getloadavg()[0]:.1f})\n{'gesture':9}{'page':8}{heads}  (ms)")
    for (page, gesture), figures in sorted(table.items(), key=lambda item: (item[0][1], item[0][0])):
        values = "".join(f"{figures[key]:14.{0 if key == 'frames' else 1}f}" for key in COLUMNS)
        print(f"{gesture:9}{page:8}{values}", flush=True)


async def driven(program: str, address: str, arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Every figure, in a browser of its own."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            return await measure(browser, address, arguments, folder)
        finally:
            await browser.close()


def main() -> None:
    """Measure, print the tables and the last line of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--ratios", type=int, nargs="+", default=[1, 2], help="device pixel ratios; the figures are of the first"
    )
    parser.add_argument("--tiles", type=int, default=20)
    parser.add_argument("--polygons", type=int, default=5000)
    arguments = parser.parse_args()
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise SystemExit("No Chromium on this machine: `platform/setup/bootstrap.py --browser` installs it.")
    with site() as address, tempfile.TemporaryDirectory() as folder:
        results = asyncio.run(driven(program, address, arguments, Path(folder)))
    first = results[f"ratio {arguments.ratios[0]}"]
    ours, rival = (max(f["p95"] for (page, _), f in first.items() if page == name) for name in ("studio", "svg"))
    times = results["next"]
    print(f"\nNext tile: median {statistics.median(times):.0f} ms, slowest {max(times):.0f} ms of {len(times)}")
    figures = {
        "p95_frame_ms_5000": round(ours, 1),
        "svg_ratio": round(rival / ours, 2),
        "next_tile_median_ms": round(statistics.median(times)),
    }
    print("FIGURES " + json.dumps(figures))


if __name__ == "__main__":
    main()
