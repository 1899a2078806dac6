"""How smooth the studio stays with 5,000 polygons on a tile, and how soon the next tile can be drawn on.

    python bench/studio.py [--repeats 3] [--ratios 1 2] [--tiles 20] [--polygons 5000]

Boots by itself: a database of its own, the site on a free port, a generated layer, Chromium without a GPU. Everything
is driven by Playwright's mouse and keyboard on the built studio (frontend/dist, made by `make setup`).

Frames: the intervals between requestAnimationFrame callbacks from the first event of a gesture to 400 ms after its
last, for three gestures: dragging the map, turning the wheel in and out, and dragging a vertex that several polygons
share. The rival is a page with the same tile, polygons, imagery and window where Leaflet's default renderer (SVG)
draws one L.Polygon a shape (frontend/bench/svg-scene.ts). The two are measured by turns. The table has each gesture
at device pixel ratios 1 and 2, and all three together. A gesture without effect ends the run: the map must have moved,
the tile grown, and the vertex arrived at the server (with the rival, on the map).

The tile is as full as the studio promises to hold: 5,000 shapes with 36 corners each, as outlines along pixels have.
Frames are those of the page's own thread; what the compositor does after them is not seen.

    p95_frame_ms_5000   95th percentile of the studio's frame intervals in the gesture where it is highest, at ratio 1
    svg_ratio           the same of the rival ÷ ours
    next_tile_median_ms from the key that submits a tile until #studio[data-ready=true] names another one and a frame
                        was drawn: the submission, the claim, the imagery on screen and the tools enabled; median
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from _studio_gestures import RECORDER, drag, pan, recorded, summary, zoom
from _studio_scene import coverage
from playwright.sync_api import TimeoutError as PlaywrightTimeout

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / name) for name in ("platform", "tests", ".")]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
# Playwright's synchronous interface keeps an event loop in this thread; Django would refuse the database beside it.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
os.environ.setdefault("OMP_NUM_THREADS", "1")

LAYER_PX, TILE_PX, SUBPIXELS = 3072, 512, 8
WINDOW = {"width": 1280, "height": 800}
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
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


@contextmanager
def site() -> Iterator[str]:
    """The site's address, on a database made for it and dropped after."""
    import django

    django.setup()
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.db import connection, connections
    from django.test.testcases import LiveServerThread
    from django.test.utils import setup_test_environment, teardown_test_environment

    setup_test_environment(debug=False)
    before = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"solcommun_bench_{os.getpid()}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    server = LiveServerThread("127.0.0.1", StaticFilesHandler)
    server.daemon = True
    server.start()
    server.is_ready.wait()
    if server.error:
        raise server.error
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.terminate()
        with connection.cursor() as cursor:  # the server's threads hold their connections a little longer
            cursor.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        connections.close_all()
        connection.creation.destroy_test_db(before, verbosity=0)
        teardown_test_environment()


def build_rival(folder: Path) -> None:
    """The rival's page, with the Leaflet that the studio is built with."""
    vite = REPOSITORY / "frontend" / "node_modules" / "vite" / "bin" / "vite.js"
    command = ["node", str(vite), "build", "--config", "bench/vite.config.ts", "--outDir", str(folder)]
    subprocess.run(command, cwd=REPOSITORY / "frontend", check=True, capture_output=True)


def signed_in(browser: Any, address: str, user: Any, ratio: int) -> Any:
    """A page in a window of its own, signed in by the form as people do."""
    context = browser.new_context(base_url=address, viewport=WINDOW, device_scale_factor=ratio, locale="en-GB")
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.add_init_script(RECORDER)
    page.goto("/accounts/login/")
    page.fill("#id_login", user.get_username())
    page.fill("#id_password", "a-long-passphrase")
    page.click("main button[type=submit]")
    page.wait_for_url("**/campaigns/")
    return page


def label_whole_tile(campaign: Any, user: Any, count: int) -> dict[str, Any]:
    """Claims a tile and saves `count` polygons on it, both by the API; returns the tile."""
    from rest_framework.test import APIClient

    api = APIClient()
    api.force_login(user)
    claimed = api.post(f"/api/v1/campaigns/{campaign.slug}/claim/", {"ahead": False}, format="json").json()
    codes = [c["code"] for c in _campaign(api, campaign)["nomenclature"]["classes"] if c["selectable"]]
    features = coverage(side=TILE_PX * SUBPIXELS, count=count, codes=codes)
    body = {"operation_id": str(uuid.uuid4()), "features": features, "seconds_spent": 0, "draft_model": None}
    address = f"/api/v1/tiles/{claimed['tile']['id']}/annotation/"
    version = claimed["annotation"]["version"]
    answer = api.put(address, body, format="json", headers={"if-match": f'"{version}"'})
    if answer.status_code != 200:
        raise SystemExit(f"The scene was not saved: {answer.status_code} {answer.content[:500]!r}")
    found: dict[str, Any] = claimed["tile"]
    return found


def _campaign(api: Any, campaign: Any) -> Any:
    return api.get(f"/api/v1/campaigns/{campaign.slug}/").json()


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


def place(page: Any, root: str, point: tuple[float, float]) -> tuple[float, float]:
    """Where a point in units is in the window."""
    x, y = (value / SUBPIXELS for value in point)
    found = page.evaluate("([root, x, y]) => document.querySelector(root).projectToScreen(x, y)", [root, x, y])
    return found["x"], found["y"]


def inside(feature: dict[str, Any]) -> tuple[float, float]:
    """A place well inside a small compact polygon."""
    ring = feature["rings"][0]
    return statistics.mean(p[0] for p in ring), statistics.mean(p[1] for p in ring)


def three_gestures(
    page: Any, root: str, vertex: tuple[int, int], *, select: Callable[[], None], has_moved: Callable[[], bool]
) -> dict[str, dict[str, list[float]]]:
    """Frames of dragging the map, of the wheel, and of dragging the vertex. Each is checked to have had its effect."""
    middle = (TILE_PX * SUBPIXELS / 2,) * 2
    before = place(page, root, middle)
    frames = {"pan": recorded(page, lambda: pan(page, before))}
    panned = place(page, root, middle)
    require_effect(panned != before, page, "pan")
    width = width_of_tile(page, root)
    frames["zoom"] = recorded(page, lambda: zoom(page, panned))
    require_effect(width_of_tile(page, root) > 1.1 * width, page, "zoom")
    x, y = place(page, root, vertex)
    page.mouse.move(x, y)
    for _ in range(4):
        page.mouse.wheel(0, -120)
        page.wait_for_timeout(500)
    select()
    page.wait_for_timeout(500)
    frames["vertex"] = recorded(page, lambda: drag(page, place(page, root, vertex)))
    require_effect(has_moved(), page, "vertex")
    return frames


def width_of_tile(page: Any, root: str) -> float:
    """In pixels of the screen."""
    left, right = (place(page, root, (x, 0)) for x in (0, TILE_PX * SUBPIXELS))
    return right[0] - left[0]


def require_effect(has_it: bool, page: Any, gesture: str) -> None:
    """A gesture that changed nothing was not measured. Raises: SystemExit."""
    if not has_it:
        raise SystemExit(f"The gesture {gesture!r} had no effect on {page.url}: nothing was measured.")


def studio_frames(page: Any, tile: dict[str, Any], slug: str, count: int, turn: int) -> tuple[Any, dict[str, Any]]:
    """The gestures on the real studio, and the scene as it was before; the dragged vertex must reach the server."""
    page.goto(f"/campaigns/{slug}/studio/?tile={tile['id']}")
    page.wait_for_selector(f"#studio[data-ready='true'][data-features='{count}']")
    scene = scene_of(page, slug, tile, turn)
    page.wait_for_timeout(2500)
    version = page.get_attribute("#studio", "data-version")

    def select() -> None:
        page.click("[data-testid='tool-edit']")
        page.mouse.click(*place(page, "#studio", inside(scene["owner"])))

    page.click("[data-testid='tool-edit']")

    def has_moved() -> bool:
        with suppress(PlaywrightTimeout):
            page.wait_for_function("v => document.querySelector('#studio').dataset.version !== v", arg=version)
        return bool(page.get_attribute("#studio", "data-version") != version)

    frames = three_gestures(page, "#studio", scene["vertex"], select=select, has_moved=has_moved)
    return frames, scene


def svg_frames(page: Any, folder: Path, scene: dict[str, Any], box: dict[str, float]) -> Any:
    """The gestures on the rival, in a map as large as the studio's."""
    style = f"position:fixed;left:{box['x']}px;top:{box['y']}px;width:{box['width']}px;height:{box['height']}px"
    head = '<link rel="stylesheet" href="/bench/svg-scene.css"><style>.vertex{background:#fff;border:2px solid #06c}'
    html = f'<!doctype html><html lang="en"><head><title>Rival</title>{head}#map{{{style}}}</style></head>'
    html += '<body><div id="map"></div><script type="module" src="/bench/svg-scene.js"></script></body></html>'

    def answer(route: Any) -> None:
        name = route.request.url.rsplit("/", 1)[1]
        if name == "svg-scene.html":
            route.fulfill(body=html, content_type="text/html")
        elif name == "scene.json":
            route.fulfill(body=json.dumps(scene), content_type="application/json")
        else:
            route.fulfill(path=folder / name)

    page.route("**/bench/*", answer)
    page.goto("/bench/svg-scene.html")
    page.wait_for_selector("body[data-ready='true']", state="attached")
    page.wait_for_timeout(2500)
    return three_gestures(
        page,
        "body",
        scene["vertex"],
        select=lambda: None,
        has_moved=lambda: bool(page.evaluate("document.body.hasVertexMoved()")),
    )


def next_tiles(page: Any, campaign: str, tiles: int) -> list[float]:
    """Labels one area of each tile, submits it, and times the way to the next one, in ms; the first is not counted."""
    page.add_init_script(SUBMIT_CLOCK)
    page.goto(f"/campaigns/{campaign}/studio/")
    page.wait_for_selector("#studio[data-ready='true']")
    times = []
    for _ in range(tiles + 1):
        page.keyboard.press("r")
        corner, opposite = (place(page, "#studio", (v * SUBPIXELS, v * SUBPIXELS)) for v in (100, 300))
        page.mouse.move(*corner)
        page.mouse.down()
        page.mouse.move(*opposite, steps=6)
        page.mouse.up()
        page.wait_for_selector("#studio[data-features='1']")
        page.wait_for_selector("[data-testid='save-state'][data-state='saved']")
        page.wait_for_timeout(300)
        page.keyboard.press("Control+Enter")
        page.wait_for_function("() => typeof window.nextTileMs === 'number'")
        times.append(page.evaluate("() => { const ms = window.nextTileMs; window.nextTileMs = null; return ms; }"))
    return times[1:]


def merged(runs: list[dict[str, dict[str, list[float]]]]) -> dict[str, dict[str, float]]:
    """Figures of each gesture over the repeats, and of all together."""
    table = {name: summary([run[name] for run in runs]) for name in runs[0]}
    return {**table, "all": summary([frames for run in runs for frames in run.values()])}


def measure(browser: Any, address: str, arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Every figure."""
    import scenes

    layer, _truth = scenes.real_layer(folder, "bench", size_px=LAYER_PX)
    large = scenes.campaign("bench-large", layer=layer, tile_px=TILE_PX, control_share=0.0)
    user = scenes.person("bench")
    tile = label_whole_tile(large, user, arguments.polygons)
    build_rival(folder / "rival")
    results: dict[str, Any] = {}
    for ratio in arguments.ratios:
        runs: dict[str, list[Any]] = {"studio": [], "svg": []}
        for turn in range(arguments.repeats):
            page = signed_in(browser, address, user, ratio)
            frames, scene = studio_frames(page, tile, large.slug, arguments.polygons, ratio * arguments.repeats + turn)
            runs["studio"].append(frames)
            box = page.locator(".map").bounding_box()
            page.context.close()
            page = signed_in(browser, address, user, ratio)
            runs["svg"].append(svg_frames(page, folder / "rival", scene, box))
            page.context.close()
        results[f"ratio {ratio}"] = {name: merged(run) for name, run in runs.items()}
        show(f"Device pixel ratio {ratio}", results[f"ratio {ratio}"])
    many = scenes.campaign(
        "bench-many", layer=layer, tile_px=TILE_PX, control_share=0.0, first_round=arguments.tiles + 4
    )
    page = signed_in(browser, address, scenes.person("bench-next"), 1)
    results["next"] = next_tiles(page, many.slug, arguments.tiles)
    return results


def scene_of(page: Any, slug: str, tile: dict[str, Any], turn: int) -> dict[str, Any]:
    """What both pages show: the campaign's layer and colours, the tile, and its polygons as the server has them."""
    campaign = page.evaluate("slug => fetch(`/api/v1/campaigns/${slug}/`).then((r) => r.json())", slug)
    pick = "id => fetch(`/api/v1/tiles/${id}/annotation/`).then((r) => r.json())"
    features = page.evaluate(pick, tile["id"])["features"]
    colours = {c["code"]: c["colour"] for c in campaign["nomenclature"]["classes"]}
    vertex, owner = middle_vertex(features, turn)
    shown = {"layer": campaign["layer"], "tile": tile, "features": features, "colours": colours}
    return {**shown, "vertex": vertex, "owner": owner}


def show(title: str, table: dict[str, dict[str, dict[str, float]]]) -> None:
    """One line a page and gesture."""
    print(f"\n{title}\n{'page':8}{'gesture':9}{'frames':>8}{'median':>9}{'p95':>9}{'max':>9}{'longest task':>14}  (ms)")
    for page, gestures in table.items():
        for gesture, f in gestures.items():
            figures = f"{f['median']:9.1f}{f['p95']:9.1f}{f['max']:9.1f}{f['longest_task']:14.1f}"
            print(f"{page:8}{gesture:9}{f['frames']:8.0f}{figures}", flush=True)


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
    from playwright.sync_api import sync_playwright

    with site() as address, sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        results = measure(browser, address, arguments, Path(folder))
        browser.close()
    ours, rival = (
        max(f["p95"] for f in results[f"ratio {arguments.ratios[0]}"][name].values()) for name in ("studio", "svg")
    )
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
