"""The thresholds of the decree on a raster of ground that is artificialised, is not, or cannot be told.

The steps, each on what the one before left (docs/adr/0052 says why in this order):
1. exempt ground is not artificialised;
2. linear infrastructure is not where artificialised ground, itself included, is nowhere 5 m wide around it;
3. patches that are not artificialised, smaller than 2,500 m² and enclosed by artificialised ground become it, but for
   what is exempt in them;
4. patches that are artificialised, smaller than 2,500 m² and enclosed by ground that is not cease to be, but for
   buildings of 50 m² or more and for linear infrastructure that is itself 5 m wide.

Done again on its result it changes nothing.

All is done twice where some ground cannot be told: once as if it were not artificialised, once as if it were. Each step
keeps more ground artificialised when it is given more, so that the two results are bounds of what it would be if it
were known; where they agree the ground is decided. Enclosed means: touching neither the raster's edge nor ground
without imagery, where a patch may go on.

Source: decree 2023-1096; area openings and closings, Vincent 1992.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from learning.core.artificialisation import ARTIFICIALISED, CRITERIA, NO_IMAGERY, NOT_ARTIFICIALISED, UNDECIDED
from learning.core.map_plan import claim_folder
from learning.core.patch_sizes import BlockGrid, Bools, patches, small_patches
from learning.core.polygons.plan import Block, load_arrays, save, save_arrays
from learning.errors import ArtificialisationStopped

# Bits of a block's working state.
_IMAGERY, _LEAST, _MOST, _BUILDING, _LINEAR, _EXEMPT, _WIDE = 1, 2, 4, 8, 16, 32, 64
_RUNS = (_LEAST, _MOST)  # as if nothing that cannot be told were artificialised; as if all of it were
_CRITERION = {name: value for value, name in enumerate(CRITERIA)}


@dataclass(frozen=True, slots=True)
class Ground:
    """A window of ground, arrays (row, col).

    Args:
        state: uint8, see core.artificialisation. building, linear: bool, covers of buildings, usages of roads and
            rails. exempt: uint8, 0 or the value of the criterion by which ground is exempt.
    """

    state: NDArray[np.uint8]
    building: Bools
    linear: Bools
    exempt: NDArray[np.uint8]


ReadGround = Callable[[int, int, int, int], Ground]
"""Top, left, height and width of a window within the raster, in px."""


@dataclass(frozen=True, slots=True)
class ThresholdPlan:
    """A pass over one raster.

    Args:
        patch_px, building_px: least pixels of a patch, of a building. linear_px: least width, in pixels.
        work_dir: finished blocks are kept here. card: what they were made of; others are removed.
    """

    grid: BlockGrid
    patch_px: int
    building_px: int
    linear_px: float
    work_dir: Path
    card: str

    def path(self, step: str, number: int | None = None) -> Path:
        """A step's file of a block, or of all of them."""
        return self.work_dir / (f"{step}.npz" if number is None else f"{step}-{number:06d}.z")


@dataclass(frozen=True, slots=True)
class Judged:
    """A block after the pass: its state and the criterion that decided it, uint8 (row, col) each."""

    block: Block
    state: NDArray[np.uint8]
    criterion: NDArray[np.uint8]


def least_pixels(area_m2: float, *, pixel_area_m2: float) -> int:
    """Pixels that an area takes at least."""
    return math.ceil(area_m2 / pixel_area_m2 - 1e-9)


def judged_blocks(
    plan: ThresholdPlan,
    read: ReadGround,
    *,
    on_progress: Callable[[float], None] = lambda share: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Judged]:
    """Do the pass and give its blocks in their order; killed, it goes on with the block it was at.

    Raises: ArtificialisationStopped: `should_stop` said so.
    """
    claim_folder(plan.work_dir, plan.card)
    passes, done = 8, 0  # over all blocks; fewer where one run is enough

    def step(number: int) -> None:
        nonlocal done
        if should_stop():
            raise ArtificialisationStopped(f"Stopped at block {number} of {plan.grid.n_blocks}; start it again.")
        done += 1
        on_progress(min(1.0, done / (passes * plan.grid.n_blocks)))

    for number in range(plan.grid.n_blocks):
        _begin(plan, number, read)
        step(number)
    buildings = _tables(plan, "buildings", "begun", _BUILDING, least_px=plan.building_px, on_block=step)
    runs = _runs(plan)
    passes = 4 + 2 * len(runs)
    holes = {run: _tables(plan, f"holes-{run}", "begun", run, least_px=plan.patch_px, on_block=step, outside=True)
             for run in runs}  # fmt: skip
    for number in range(plan.grid.n_blocks):
        _fill(plan, number, holes)
        step(number)
    small = {run: _tables(plan, f"patches-{run}", "filled", run, least_px=plan.patch_px, on_block=step)
             for run in runs}  # fmt: skip
    for number in range(plan.grid.n_blocks):
        yield _judge(plan, number, read, buildings[number], {run: tables[number] for run, tables in small.items()})
        step(number)


def _begin(plan: ThresholdPlan, number: int, read: ReadGround) -> None:
    """Steps 1 and 2, with as much ground around the block as the width of a line needs."""
    path = plan.path("begun", number)
    if path.exists():
        return
    block, around = plan.grid.block(number), math.ceil(2 * plan.linear_px) + 1
    top, left = max(0, block.top - around), max(0, block.left - around)
    bottom = min(plan.grid.height, block.top + block.height + around)
    right = min(plan.grid.width, block.left + block.width + around)
    ground = read(top, left, bottom - top, right - left)
    exempt = ground.exempt > 0
    bits = np.where(ground.state != NO_IMAGERY, np.uint8(_IMAGERY), np.uint8(0))
    bits |= np.where(ground.building & (ground.state != NO_IMAGERY), np.uint8(_BUILDING), np.uint8(0))
    bits |= np.where(ground.linear, np.uint8(_LINEAR), np.uint8(0)) | np.where(exempt, np.uint8(_EXEMPT), np.uint8(0))
    least = (ground.state == ARTIFICIALISED) & ~exempt
    most = least | ((ground.state == UNDECIDED) & ~exempt)
    for run, artificialised in ((_LEAST, least), (_MOST, most)):
        linear = ground.linear & artificialised
        kept = artificialised & ~(linear & ~wide_ground(artificialised, plan.linear_px)) if linear.any() else None
        bits |= np.where(artificialised if kept is None else kept, np.uint8(run), np.uint8(0))
    lines = ground.linear & least
    if lines.any():
        bits |= np.where(lines & wide_ground(lines, plan.linear_px), np.uint8(_WIDE), np.uint8(0))
    rows = slice(block.top - top, block.top - top + block.height)
    cols = slice(block.left - left, block.left - left + block.width)
    _save_bits(path, bits[rows, cols])


def wide_ground(ground: Bools, width_px: float) -> Bools:
    """Where ground is at least so wide, to a pixel: what discs of that diameter within it cover, and the corners beside
    them. Beyond the window it is taken to go on.
    """
    if ground.all():
        return ground.copy()
    depth = ndimage.distance_transform_edt(ground) - 0.5  # from a pixel's middle to the nearest edge
    # A line of an even number of pixels has its middle between two of them.
    cores = depth >= width_px / 2 - 0.5 * (round(width_px) % 2 == 0) - 1e-6
    if not cores.any():
        return np.zeros_like(ground)
    # A square's corner is √2 times as far from the middle of the disc in it as its sides are.
    near: Bools = ndimage.distance_transform_edt(~cores) <= width_px / 2 * math.sqrt(2)
    return near & ground


def _fill(plan: ThresholdPlan, number: int, holes: dict[int, list[Bools]]) -> None:
    """Step 3."""
    path = plan.path("filled", number)
    if path.exists():
        return
    bits = _bits(plan, "begun", number)
    filled = bits.copy()
    for run, tables in holes.items():
        labels, _count = patches(_outside(bits, run))
        filled[tables[number][labels] & (bits & _EXEMPT == 0)] |= np.uint8(run)
    if _MOST not in holes:
        filled = _same(filled)
    _save_bits(path, filled)


def _judge(
    plan: ThresholdPlan, number: int, read: ReadGround, small_buildings: Bools, small: dict[int, Bools]
) -> Judged:
    """Step 4, and what decided each pixel."""
    begun, filled, block = _bits(plan, "begun", number), _bits(plan, "filled", number), plan.grid.block(number)
    before = read(block.top, block.left, block.height, block.width)
    labels, _count = patches(begun & _BUILDING > 0)
    building = (labels > 0) & ~small_buildings[labels]
    stays, kept = {}, {}
    for run, table in small.items():
        artificialised = filled & run > 0
        labels, _count = patches(artificialised)
        kept[run] = artificialised & table[labels] & (building | (begun & _WIDE > 0))
        stays[run] = artificialised & ~table[labels] | kept[run]
    least, most = stays[_LEAST], stays.get(_MOST, stays[_LEAST])
    imagery = begun & _IMAGERY > 0
    state = np.where(least, ARTIFICIALISED, np.where(most, UNDECIDED, NOT_ARTIFICIALISED)).astype(np.uint8)
    state[~imagery] = NO_IMAGERY

    criterion = np.zeros(state.shape, np.uint8)
    criterion[(state == NOT_ARTIFICIALISED) & (before.state != NOT_ARTIFICIALISED)] = _CRITERION["artif_inf_2500"]
    narrow = (before.state == ARTIFICIALISED) & (begun & _LINEAR > 0) & (begun & _LEAST == 0)
    criterion[narrow & (state == NOT_ARTIFICIALISED)] = _CRITERION["lineaire_inf_5"]
    exempt = (before.exempt > 0) & (before.state != NOT_ARTIFICIALISED) & imagery
    criterion[exempt] = before.exempt[exempt]
    criterion[(state == ARTIFICIALISED) & (before.state != ARTIFICIALISED)] = _CRITERION["trou_inf_2500"]
    protected = kept[_LEAST] & (before.state == ARTIFICIALISED)
    criterion[protected] = _CRITERION["lineaire_5"]
    criterion[protected & building] = _CRITERION["bati_50"]
    return Judged(block, state, criterion)


def _tables(
    plan: ThresholdPlan,
    name: str,
    step: str,
    bit: int,
    *,
    least_px: int,
    on_block: Callable[[int], None],
    outside: bool = False,
) -> list[Bools]:
    """The small patches of a bit in a step's files, or of imagery without the bit; kept once they are known."""
    path = plan.path(name)
    if path.exists():
        return [table.astype(bool) for table in load_arrays(path, *map(str, range(plan.grid.n_blocks)))]

    def read(number: int) -> tuple[Bools, Bools]:
        bits = _bits(plan, step, number)
        return (_outside(bits, bit) if outside else bits & bit > 0), bits & _IMAGERY > 0

    found = small_patches(plan.grid, read, least_px=least_px, on_block=on_block)
    save_arrays(path, {str(number): table for number, table in enumerate(found)})
    return found


def _runs(plan: ThresholdPlan) -> tuple[int, ...]:
    """One run where all is known, else two."""
    path = plan.path("runs")
    if not path.exists():
        same = all(
            np.array_equal(bits & _MOST > 0, bits & _LEAST > 0)
            for bits in (_bits(plan, "begun", number) for number in range(plan.grid.n_blocks))
        )
        save_arrays(path, {"runs": np.array(_RUNS[:1] if same else _RUNS)})
    return tuple(load_arrays(path, "runs")[0].tolist())


def _outside(bits: NDArray[np.uint8], run: int) -> Bools:
    outside: Bools = (bits & _IMAGERY > 0) & (bits & run == 0)
    return outside


def _same(bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The second run as the first."""
    return np.where(bits & _LEAST > 0, bits | np.uint8(_MOST), bits & np.uint8(255 - _MOST)).astype(np.uint8)


def _save_bits(path: Path, bits: NDArray[np.uint8]) -> None:
    save(path, zlib.compress(np.ascontiguousarray(bits).tobytes(), 1))


def _bits(plan: ThresholdPlan, step: str, number: int) -> NDArray[np.uint8]:
    block = plan.grid.block(number)
    raw = zlib.decompress(plan.path(step, number).read_bytes())
    return np.frombuffer(raw, np.uint8).reshape(block.height, block.width)
