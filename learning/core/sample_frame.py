"""The places that a sample is drawn from: blocks of pixels on a map's own grid, in strata. numpy and rasterio.

A place is a square of `unit_px` pixels; its stratum is what the maps say at its centre. Strata are thus exact whatever
the maps' quality: their sizes are counted, not estimated. The maps are read window by window: constant memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from learning.errors import InvalidPredictionGrid, InvalidSample

OUTSIDE = 255  # of every stratum: no imagery at one of the dates, or a class that only one of the models knows
_WINDOW_PX = 4096
FEWEST_A_STRATUM = 75  # DOMAIN: 50 to 100 for rare classes

STABLE_IN, STABLE_OUT, GAIN, LOSS, OTHER_CHANGE = range(5)
CHANGE_STRATA = ("stable_in", "stable_out", "gain", "loss", "other_change")

Strata = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class DrawnUnit:
    """A place of a sample: its upper-left pixel on the second map's grid, and the probability with which it came."""

    stratum: int
    row: int
    col: int
    probability: float


def change_table(first: Sequence[str], second: Sequence[str], *, counted: frozenset[str]) -> Strata:
    """The stratum of each pair of map values: uint8 (first value, second value), OUTSIDE where there is none.

    Args:
        first, second: class codes of the two maps; value k is code k - 1, value 0 no imagery.
        counted: codes whose ground is counted (artificialised ground for instance).
    """
    table = np.full((256, 256), OUTSIDE, np.uint8)
    for i, before in enumerate(first, start=1):
        for j, after in enumerate(second, start=1):
            was, now = before in counted, after in counted
            if was != now:
                table[i, j] = GAIN if now else LOSS
            elif before != after:
                table[i, j] = OTHER_CHANGE
            else:
                table[i, j] = STABLE_IN if now else STABLE_OUT
    return table


def class_table(codes: Sequence[str]) -> Strata:
    """One stratum a class of one map, in the map's order: uint8 (1, value), for a frame without a first map."""
    table = np.full((1, 256), OUTSIDE, np.uint8)
    table[0, 1 : len(codes) + 1] = np.arange(len(codes))
    return table


def strata_blocks(
    first: Path | None, second: Path, table: Callable[[list[str], list[str]], Strata], *, unit_px: int
) -> Iterator[tuple[int, int, Strata]]:
    """Blocks of places with their strata, window by window, always in the same order.

    Args:
        first, second: class maps (uint8 GeoTIFF with CLASS_CODES, in one CRS); None: a sample at one date.
        table: from the codes of both maps to their strata.
        unit_px: side of a place in pixels of the second map.
    Yields:  row and column of a block's first place, counted in places, and uint8 (row, col).
    Raises:  InvalidPredictionGrid.
    """
    with rasterio.open(second, driver="GTiff") as now:
        if first is None:
            yield from _blocks(None, now, table([], _codes(now)), unit_px=unit_px)
            return
        with rasterio.open(first, driver="GTiff") as then:
            if then.crs != now.crs:
                raise InvalidPredictionGrid(f"Maps in {then.crs} and {now.crs}: only maps in one CRS can be compared.")
            yield from _blocks(then, now, table(_codes(then), _codes(now)), unit_px=unit_px)


def _blocks(then: Any, now: Any, table: Strata, *, unit_px: int) -> Iterator[tuple[int, int, Strata]]:
    n_rows, n_cols = now.height // unit_px, now.width // unit_px
    step = max(1, _WINDOW_PX // unit_px)
    for top in range(0, n_rows, step):
        for left in range(0, n_cols, step):
            rows, cols = min(step, n_rows - top), min(step, n_cols - left)
            window = Window(left * unit_px, top * unit_px, cols * unit_px, rows * unit_px)
            middle = unit_px // 2
            later = now.read(1, window=window)[middle::unit_px, middle::unit_px]
            if then is None:
                yield top, left, table[0, later]
                continue
            centre_rows = (top + np.arange(rows)) * unit_px + middle
            centre_cols = (left + np.arange(cols)) * unit_px + middle
            yield top, left, table[_at(then, now.transform, centre_rows, centre_cols), later]


def _at(dataset: Any, grid: Any, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> Strata:
    """A map's values at the centres of another grid's pixels; 0 beyond its edges."""
    there = dataset.transform
    for place in (grid, there):
        if place.b or place.d or place.a <= 0 or place.e >= 0:
            raise InvalidPredictionGrid(
                f"{dataset.name} or its pair is not north up ({tuple(place)[:6]}): warp it first."
            )
    own_cols = np.floor((grid.c + (cols + 0.5) * grid.a - there.c) / there.a + 1e-6).astype(np.int64)
    own_rows = np.floor((grid.f + (rows + 0.5) * grid.e - there.f) / there.e + 1e-6).astype(np.int64)
    in_rows, in_cols = (own_rows >= 0) & (own_rows < dataset.height), (own_cols >= 0) & (own_cols < dataset.width)
    found = np.zeros((len(rows), len(cols)), np.uint8)
    if not (in_rows.any() and in_cols.any()):
        return found
    own_rows, own_cols = own_rows[in_rows], own_cols[in_cols]
    top, left = int(own_rows[0]), int(own_cols[0])
    part = Window(left, top, int(own_cols[-1]) - left + 1, int(own_rows[-1]) - top + 1)
    values = dataset.read(1, window=part)
    found[np.ix_(in_rows, in_cols)] = values[np.ix_(own_rows - top, own_cols - left)]
    return found


def stratum_sizes(blocks: Iterator[tuple[int, int, Strata]]) -> NDArray[np.int64]:
    """Places in each stratum: int64 (256,), those OUTSIDE every stratum last."""
    sizes = np.zeros(256, np.int64)
    for _top, _left, strata in blocks:
        sizes += np.bincount(strata.ravel(), minlength=256)
    return sizes


def allocate(sizes: Mapping[int, int], total: int, *, fewest: int = FEWEST_A_STRATUM) -> dict[int, int]:
    """How many places to draw in each stratum: the fewest in each, what is left in proportion to their sizes.

    A stratum never gives more places than it has. The number may come out a few above `total`, never below what it
    takes for `fewest` in each.

    Raises: InvalidSample: there is no place to draw from.
    """
    held = {stratum: size for stratum, size in sizes.items() if size > 0}
    if not held:
        raise InvalidSample("The two maps share no ground with imagery at both dates: there is nothing to draw from.")
    least = {stratum: min(size, fewest) for stratum, size in held.items()}
    rest, places = max(0, total - sum(least.values())), sum(held.values())
    return {stratum: min(size, least[stratum] + round(rest * size / places)) for stratum, size in held.items()}


def draw_units(
    blocks: Iterator[tuple[int, int, Strata]], *, sizes: NDArray[np.int64], wanted: Mapping[int, int], unit_px: int,
    rng: np.random.Generator,
) -> list[DrawnUnit]:  # fmt: skip
    """Draw places in each stratum, each set of them as likely as any other; the same for the same seed and maps.

    Args:
        blocks: as `sizes` was counted from.
        wanted: places by stratum.
    Returns: in a random order, which says nothing of their strata.
    """
    ranks = {
        stratum: np.sort(rng.choice(int(sizes[stratum]), size=count, replace=False, shuffle=False))
        for stratum, count in sorted(wanted.items())
    }
    seen = dict.fromkeys(ranks, 0)
    drawn: list[DrawnUnit] = []
    for top, left, strata in blocks:
        for stratum, chosen in ranks.items():
            rows, cols = np.nonzero(strata == stratum)
            low, high = np.searchsorted(chosen, [seen[stratum], seen[stratum] + len(rows)])
            for at in chosen[low:high] - seen[stratum]:
                drawn.append(
                    DrawnUnit(
                        stratum,
                        (top + int(rows[at])) * unit_px,
                        (left + int(cols[at])) * unit_px,
                        wanted[stratum] / int(sizes[stratum]),
                    )
                )
            seen[stratum] += len(rows)
    return [drawn[at] for at in rng.permutation(len(drawn))]


def codes_at(path: Path, places: Sequence[tuple[float, float]]) -> list[str]:
    """The class code that a map has at each place, given in its CRS; "" where it has none."""
    with rasterio.open(path, driver="GTiff") as dataset:
        codes = ["", *_codes(dataset)]
        values = [int(value[0]) for value in dataset.sample(places, indexes=1)]
    return [codes[value] if value < len(codes) else "" for value in values]


def _codes(dataset: Any) -> list[str]:
    tag = dataset.tags().get("CLASS_CODES")
    if tag is None:
        raise InvalidPredictionGrid(f"{dataset.name} does not say which classes its values are; make the map again.")
    codes: list[str] = json.loads(tag)
    return codes
