"""The image on the map, pixel by pixel as it comes on screen."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

MAP_TILE_PX = 256
# Where four map tiles meet on the practice tile, in its pixels: its middle.
BORDER_PX = 192
PLACE = "([x, y]) => document.querySelector('#studio').projectToScreen(x, y)"
SCALE = "() => { const at = (x) => document.querySelector('#studio').projectToScreen(x, 0).x; return at(384) - at(0); }"
# All map tiles are there, and none is still fading in.
OPAQUE = """() => {
  const tiles = [...document.querySelectorAll("#studio .leaflet-tile")];
  return tiles.length > 0
    && tiles.every((tile) => tile.matches(".leaflet-tile-loaded") && Number(tile.style.opacity || 1) === 1);
}"""


def smooth(column: Any, row: Any) -> Any:
    """Bright, and changing slowly with the place, so that what is out of place or let through stands out."""
    return 225 + 25 * np.sin(column / 60) * np.cos(row / 80)


def map_tile(route: Any) -> None:
    """A map tile of that image at any level of it."""
    z, x, y = (int(v) for v in re.findall(r"(\d+)/(\d+)/(\d+)\.jpg", route.request.url)[0])
    step = 2 ** (1 - z)
    rows, columns = (np.mgrid[0:MAP_TILE_PX, 0:MAP_TILE_PX] + 0.5) * step
    grey = smooth(columns + x * MAP_TILE_PX * step, rows + y * MAP_TILE_PX * step).round().astype(np.uint8)
    body = io.BytesIO()
    Image.fromarray(grey).save(body, format="PNG")
    route.fulfill(body=body.getvalue(), content_type="image/png")


def seen(page: Any) -> Any:
    return np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("L"), dtype=float)


@pytest.mark.parametrize("ratio", [1, 1.5, 2])
def test_no_seam_shows_between_map_tiles_at_any_zoom(open_page: Any, ratio: float) -> None:
    page = open_page(device_scale_factor=ratio, reduced_motion="reduce", color_scheme="dark")
    page.route(re.compile(r"/practice/\d+/\d+/\d+\.jpg"), map_tile)
    page.goto("/practice/")
    page.wait_for_selector("#studio[data-ready='true']")
    middle = page.evaluate(PLACE, [BORDER_PX, BORDER_PX])
    scales, faults = set(), []
    for step in (0, -1, -1, 1, 1, 1, 1, 1, 1):
        page.mouse.move(middle["x"], middle["y"])
        if step:
            before = page.evaluate(SCALE)
            page.mouse.wheel(0, -20 * step)
            page.wait_for_function(f"(before) => ({SCALE})() !== before", arg=before)
        page.wait_for_function(OPAQUE)
        page.mouse.move(4, 4)
        picture = seen(page)
        scale = page.evaluate(SCALE) / 384
        scales.add(round(scale, 3))
        # Across each border between two map tiles, along a stretch of it.
        for axis in (0, 1):
            lines = picture if axis == 1 else picture.T
            border = page.evaluate(PLACE, [BORDER_PX, BORDER_PX])["xy"[1 - axis]] * ratio
            ends = [page.evaluate(PLACE, [v, v])["yx"[1 - axis]] * ratio for v in (BORDER_PX + 4, BORDER_PX + 44)]
            band = lines[int(ends[0]) : int(ends[1]), round(border) - 6 : round(border) + 7]
            # How far each line of pixels is from the mean of the two beside it.
            away = np.abs(band[:, 1:-1] - (band[:, :-2] + band[:, 2:]) / 2).mean(axis=0)
            if away.max() > 1:
                faults.append((ratio, round(scale, 3), "xy"[1 - axis], away.round(1).max()))
    assert len(scales) > 5, "several zooms were looked at"
    assert not faults, faults
