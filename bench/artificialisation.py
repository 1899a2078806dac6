"""What the thresholds of the decree take on real maps, and what they change.

    python bench/artificialisation.py [SIDE ...]      sides of the scene in tiles of 256 m; default 4 8

Sixteen reference tiles of land cover at 1 m (Chesapeake; coarser classes stand in for usage) are laid out, and again
turned, as one scene at 0.2 m. The pass is done three times: with cover alone, with usage on half of the ground, and
with usage everywhere.

    s_per_km2         seconds for a square kilometre at 0.2 m, cover alone: two runs of the pass
    s_per_km2_known   the same with usage everywhere: one run
    peak_mib          the most memory that this process ever held for the largest scene
    peak_mib_small    the same for the smallest
    areas_ha          bounds with cover alone, bounds with usage on half, and the figure with all of it

Checked, or there are no figures: the bounds with half of the usage lie within those without, and the figure within
both.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from learning.core.artificialisation import ARTIFICIALISED, UNDECIDED, shipped_artificialisation_rule  # noqa: E402
from learning.core.patch_sizes import BlockGrid  # noqa: E402
from learning.core.threshold_pass import Ground, ThresholdPlan, judged_blocks, least_pixels  # noqa: E402

LABELS = REPOSITORY.parent / "shared" / "data" / "chesapeake-naip-1m" / "labels"
GSD_M, TILE_PX, BLOCK_PX = 0.2, 256, 2048
ENLARGED = 5  # 1 m → 0.2 m
COVERS = ["CS1.2.2", "CS2.1.1.1", "CS2.2.1", "CS1.2.1", "CS1.1.1.2", "CS1.1.1.2"]  # of classes 1 to 6
ROAD = 6
# National cover database → usage: developed, hay and crops, forest and wetland, the rest.
USAGES = {21: "US5", 22: "US5", 23: "US5", 24: "US2", 81: "US1.1", 82: "US1.1", 41: "US1.2", 42: "US1.2", 43: "US1.2"}
OTHER_USAGE, ROAD_USAGE = "US6.3", "US4.1.1"


def scene(side: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Classes and usage values at 1 m, uint8 (row, col) each."""
    rule = shipped_artificialisation_rule()
    table = np.full(256, rule.usage_value(OTHER_USAGE), np.uint8)
    for value, code in USAGES.items():
        table[value] = rule.usage_value(code)
    found = sorted(LABELS.glob("*_lc.tif"))
    rows = []
    for row in range(side):
        tiles = []
        for col in range(side):
            number = row * side + col
            path = found[number % len(found)]
            pair = []
            for name in (path, path.with_name(path.name.replace("_lc", "_nlcd"))):
                with rasterio.open(name, driver="GTiff") as dataset:
                    pair.append(np.rot90(dataset.read(1), number // len(found)))
            usage = np.where(pair[0] == ROAD, rule.usage_value(ROAD_USAGE), table[pair[1]])
            tiles.append(np.stack([pair[0], usage]))
        rows.append(np.concatenate(tiles, axis=2))
    classes, usage = np.concatenate(rows, axis=1).astype(np.uint8)
    return classes, usage


def passed(classes: NDArray[np.uint8], usage: NDArray[np.uint8]) -> tuple[float, float, float]:
    """Lower and upper bound in hectares, and seconds."""
    rule = shipped_artificialisation_rule()
    states = rule.states(COVERS)
    linear = np.zeros(len(rule.usages) + 2, bool)
    linear[[rule.usage_value(code) for code in rule.linear_usages]] = True
    height, width = (size * ENLARGED for size in classes.shape)

    def read(top: int, left: int, rows: int, cols: int) -> Ground:
        at = np.ix_(np.arange(top, top + rows) // ENLARGED, np.arange(left, left + cols) // ENLARGED)
        nothing = np.zeros((rows, cols), bool)
        return Ground(states[classes[at], usage[at]], nothing, linear[usage[at]], nothing.astype(np.uint8))

    began, area = time.perf_counter(), np.zeros(4, np.int64)
    with tempfile.TemporaryDirectory() as folder:
        plan = ThresholdPlan(
            grid=BlockGrid(height, width, BLOCK_PX),
            patch_px=least_pixels(rule.patch_m2, pixel_area_m2=GSD_M**2),
            building_px=least_pixels(rule.building_m2, pixel_area_m2=GSD_M**2),
            linear_px=rule.linear_width_m / GSD_M,
            work_dir=Path(folder) / "pass",
            card="bench",
        )
        for found in judged_blocks(plan, read):
            area += np.bincount(found.state.ravel(), minlength=4)
    hectares = area * GSD_M**2 / 10_000
    lower = float(hectares[ARTIFICIALISED])
    return lower, lower + float(hectares[UNDECIDED]), time.perf_counter() - began


def one(side: int) -> dict[str, object]:
    """All three passes over one scene, in a process of its own."""
    classes, usage = scene(side)
    half = usage.copy()
    half[:, : usage.shape[1] // 2] = 0
    alone, some, known = passed(classes, np.zeros_like(usage)), passed(classes, half), passed(classes, usage)
    if not alone[0] <= some[0] <= known[0] <= known[1] <= some[1] <= alone[1]:
        raise SystemExit(f"The bounds are no bounds: {alone}, {some}, {known}.")
    km2 = classes.size / 1e6
    return {
        "side": side,
        "km2": km2,
        "s_per_km2": round(alone[2] / km2, 2),
        "s_per_km2_known": round(known[2] / km2, 2),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "areas_ha": [[round(value, 2) for value in found[:2]] for found in (alone, some, known)],
    }


def main(arguments: list[str]) -> None:
    """Print a table, then the figures."""
    if not list(LABELS.glob("*_lc.tif")):
        print(f"skipped: no reference tiles in {LABELS}")
        return
    if arguments[:1] == ["--one"]:
        print(json.dumps(one(int(arguments[1]))))
        return
    found = []
    print(f"{'km²':>6} {'s/km²':>7} {'known':>7} {'MiB':>6}  bounds, with half of the usage, with all (ha)")
    for side in arguments or ["4", "8"]:
        command = [sys.executable, __file__, "--one", str(int(side))]
        row = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        found.append(row)
        times = f"{row['s_per_km2']:7.2f} {row['s_per_km2_known']:7.2f} {row['peak_mib']:6}"
        print(f"{row['km2']:6.2f} {times}  {row['areas_ha']}")
    last = found[-1]
    figures = {name: last[name] for name in ("s_per_km2", "s_per_km2_known", "peak_mib", "areas_ha")}
    print("FIGURES", json.dumps({**figures, "peak_mib_small": found[0]["peak_mib"]}))


if __name__ == "__main__":
    main(sys.argv[1:])
