"""One block by itself: its regions, those too small among them merged, and what its neighbours must know of it.

A region that touches a seam may go on beyond it: its size is not known here, so it takes others in and stays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from learning.core.polygons.merging import Regions, merge_small
from learning.core.polygons.plan import SIDES, Block, PolygonPlan, save_arrays
from learning.core.polygons.runs import Ints, Runs, borders_of, connected, contacts_of, fewer_runs, numbered, runs_of
from learning.errors import UnusableClassMap


def survey_block(plan: PolygonPlan, number: int) -> None:
    """Write what is to be known of a block, unless that was done.

    The file holds, a region's number being its place:
        starts, region: of runs, int64 and int32 (run,), region -1 where there is no imagery;
        classes uint8, pixels int64, zone uint8 (region,): raster value, size, index into the rows of plan.minimum_px;
        zone_pixels: int64 (region, zone + 1), only where there are zones;
        low, high, length: borders of which a side touches a seam and is, as far as is known here, too small;
        top, bottom, left, right: int32, region of each pixel along a side; empty where no block is beyond it.
    """
    if plan.survey_path(number).exists():
        return
    block = plan.block(number)
    layers = [read_block(plan.source, block)]
    if plan.zones is not None:
        layers.append(read_block(plan.zones, block))
    starts, values = runs_of(*layers)
    del layers
    for found, most in zip(values, (len(plan.class_codes), len(plan.minimum_px) - 1), strict=False):
        if found.max(initial=0) > most:
            raise UnusableClassMap(
                f"Block {block.row}, {block.col} of {plan.source.name} holds the value {found.max()}; it and its zones "
                f"may hold {most} at most. Make the map again with this model."
            )
    save_arrays(plan.survey_path(number), _surveyed(plan, number, block, starts, values))


def read_block(path: object, block: Block) -> NDArray[np.uint8]:
    """A block's pixels of band 1, uint8 (row, col)."""
    with rasterio.open(path, driver="GTiff") as source:
        pixels: NDArray[np.uint8] = source.read(1, window=Window(block.left, block.top, block.width, block.height))
    return pixels


def seam_sides(plan: PolygonPlan, number: int, runs: Runs) -> dict[str, NDArray[np.integer]]:
    """What a block holds along each of its sides; nothing where no block is beyond it."""
    asked = {
        "top": lambda: runs.row(0),
        "bottom": lambda: runs.row(runs.height - 1),
        "left": lambda: runs.column(0),
        "right": lambda: runs.column(runs.width - 1),
    }
    nothing = runs.values[:0]
    return {side: nothing if plan.beside(number, side) is None else asked[side]() for side in SIDES}


def _surveyed(
    plan: PolygonPlan, number: int, block: Block, starts: Ints, values: list[NDArray[np.uint8]]
) -> dict[str, NDArray[Any]]:
    shape = block.height, block.width
    runs = Runs(*shape, starts, values[0])
    contacts = contacts_of(runs)
    region = connected(runs, contacts)
    regions, zone_pixels = _measured(plan, runs, region, values[1] if len(values) > 1 else None)
    for line in seam_sides(plan, number, Runs(*shape, starts, region)).values():
        regions.settled[line[line >= 0]] = True

    small = regions.pixels < regions.minimum
    borders = borders_of(runs, contacts, region, asked=small & ~regions.settled)
    home, merged = merge_small(regions, borders, distance=plan.distance)
    runs = fewer_runs(Runs(*shape, starts, np.append(home, -1)[region]))  # the last for -1
    former, region = runs.values, numbered(runs.values)
    runs = Runs(*shape, runs.starts, region)
    remains = np.zeros(int(region.max(initial=-1)) + 1, np.int64)  # the former number of each region
    remains[region[former >= 0]] = former[former >= 0]
    whole_zones = np.zeros_like(zone_pixels)
    np.add.at(whole_zones, home, zone_pixels)

    classes, pixels, seam = merged.classes[remains], merged.pixels[remains], merged.settled[remains]
    open_question = seam & (pixels < plan.minimum_px.max(axis=0)[classes])
    low, high, length = borders_of(runs, contacts_of(runs), region, asked=open_question)
    found: dict[str, NDArray[Any]] = {
        "starts": runs.starts, "region": region.astype(np.int32), "classes": classes, "pixels": pixels,
        "zone": zone_pixels.argmax(axis=1)[remains].astype(np.uint8),
        "low": low, "high": high, "length": length,
    }  # fmt: skip
    if plan.zones is not None:
        found["zone_pixels"] = whole_zones[remains]
    return found | {side: line.astype(np.int32) for side, line in seam_sides(plan, number, runs).items()}


def _measured(
    plan: PolygonPlan, runs: Runs, region: Ints, zones: NDArray[np.uint8] | None
) -> tuple[Regions, NDArray[np.int64]]:
    """The regions of a block, none of them settled, and their pixels by zone, int64 (region, zone + 1)."""
    inside = region >= 0
    where, lengths = region[inside], runs.lengths[inside]
    count = int(region.max(initial=-1)) + 1
    classes = np.zeros(count, np.uint8)
    classes[where] = runs.values[inside]
    n_zones = len(plan.minimum_px)
    cells = where * n_zones + (0 if zones is None else zones[inside])
    by_zone = np.bincount(cells, weights=lengths, minlength=count * n_zones).astype(np.int64).reshape(count, n_zones)
    minimum = plan.minimum_px[by_zone.argmax(axis=1), classes]
    return Regions(classes, by_zone.sum(axis=1), minimum, np.zeros(count, bool)), by_zone
