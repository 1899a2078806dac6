"""Ground on which the maps of two dates differ, tile by tile, as pieces that people can be asked about. No torch.

That two maps differ is no change: either of them may be wrong, and both are along every edge that the two flights do
not put on the same ground. Pieces no wider than what the flights differ by are left out; the others are questions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes
from rasterio.windows import Window
from scipy.ndimage import binary_opening, binary_propagation, generate_binary_structure, iterate_structure, label

from annotation.core.features import Rings
from annotation.core.grid import SUBPIXELS
from annotation.core.transfer import rings_of
from learning.core.map_files import ENTROPY_LEVELS, NODATA
from learning.core.other_vintage import MapPair, at_centres, check_grids, codes_of

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class MapCell:
    """A piece of a tile with the class that each map has there.

    Args:
        rings: exterior, then holes, in 1/8 pixel from the tile's upper-left corner.
        doubt: mean over the piece of the larger of both maps' entropies, as a share of the largest there can be.
    """

    rings: Rings
    first_code: str
    second_code: str
    area_px: float
    doubt: float


@dataclass(frozen=True, slots=True)
class TileCells:
    """What the maps say of a tile: pieces on which they differ, or, where there is none, those on which they agree."""

    row: int
    col: int
    differing: tuple[MapCell, ...]
    agreeing: tuple[MapCell, ...]


def cells_of_maps(
    first: MapPair, second: MapPair, places: Sequence[Place], *, tile_px: int, shift_px: float, least_px: int
) -> Iterator[TileCells]:
    """Pieces of each tile of the later map, in the order of `places`; tiles that one of the maps does not cover are
    left out. Memory is that of a tile.

    Args:
        places: row and column of tiles, the first at the later map's first pixel.
        shift_px: how far the two layers lie apart, in pixels of the later one: pieces nowhere wider than twice that,
            and a pixel, are left out.
        least_px: pieces of fewer pixels are left out.
    Raises: InvalidPredictionGrid.
    """
    with ExitStack() as stack:
        earlier, later = (stack.enter_context(rasterio.open(one.classes, driver="GTiff")) for one in (first, second))
        doubts = [stack.enter_context(rasterio.open(one.entropy, driver="GTiff")) for one in (first, second)]
        check_grids(later, earlier)
        codes = codes_of(earlier), codes_of(later)
        reach = max(1, math.ceil(shift_px))
        for row, col in places:
            window = Window(col * tile_px, row * tile_px, tile_px, tile_px)
            before, doubt_before = (
                at_centres(later.transform, source, window, read=partial(_values, source))
                for source in (earlier, doubts[0])
            )
            now, doubt_now = (source.read(1, window=window) for source in (later, doubts[1]))
            if now.shape != before.shape:
                continue  # cut by the raster's border: no whole tile
            doubt = np.maximum(doubt_before, doubt_now)
            found = TileCells(
                row, col,
                tuple(pieces(before, now, doubt, codes, reach_px=reach, least_px=least_px)),
                (),
            )  # fmt: skip
            if not found.differing:
                same = tuple(agreeing(before, now, doubt, codes, least_px=least_px))
                found = TileCells(row, col, (), same)
            if found.differing or found.agreeing:
                yield found


def _values(source: Any, window: Window) -> NDArray[np.uint8]:
    found: NDArray[np.uint8] = source.read(1, window=window)
    return found


def pieces(
    first: NDArray[np.uint8],
    second: NDArray[np.uint8],
    doubt: NDArray[np.uint8],
    codes: tuple[Sequence[str], Sequence[str]],
    *,
    reach_px: int,
    least_px: int,
) -> list[MapCell]:
    """Connected pieces on which two maps have another class, of those that both know by code; the largest first.

    Args:
        first, second: uint8 (row, col), as map_files stores classes; 0 = no imagery.
        doubt: uint8 (row, col), as map_files stores entropy.
        codes: of each map, value k is code k - 1.
        reach_px: a piece has to hold a diamond of this radius.
    """
    # What only one of the maps can say is no difference between them.
    names = [
        np.array(["", *(code if code in codes[1 - nth] else "" for code in some)]) for nth, some in enumerate(codes)
    ]
    both = (first > 0) & (second > 0)
    said = names[0][np.where(both, first, 0)], names[1][np.where(both, second, 0)]
    differ = (said[0] != "") & (said[1] != "") & (said[0] != said[1])
    found: list[MapCell] = []
    for pair in np.unique(first[differ].astype(np.uint16) << 8 | second[differ]).tolist():
        a, b = pair >> 8, pair & 255
        mask = differ & (first == a) & (second == b)
        found += _cells(mask, doubt, codes[0][a - 1], codes[1][b - 1], reach_px=reach_px, least_px=least_px)
    return sorted(found, key=lambda cell: (-cell.area_px, cell.rings))


def agreeing(
    first: NDArray[np.uint8],
    second: NDArray[np.uint8],
    doubt: NDArray[np.uint8],
    codes: tuple[Sequence[str], Sequence[str]],
    *,
    least_px: int,
) -> list[MapCell]:
    """Connected pieces on which both maps have the same class, the largest first. Args: as for `pieces`."""
    found: list[MapCell] = []
    for value, code in enumerate(codes[1], start=1):
        if code in codes[0]:
            mask = (second == value) & (first == codes[0].index(code) + 1)
            found += _cells(mask, doubt, code, code, reach_px=1, least_px=least_px)
    return sorted(found, key=lambda cell: (-cell.area_px, cell.rings))


def _cells(
    mask: NDArray[np.bool_], doubt: NDArray[np.uint8], first: str, second: str, *, reach_px: int, least_px: int
) -> Iterator[MapCell]:
    if np.count_nonzero(mask) < least_px:
        return
    diamond = iterate_structure(generate_binary_structure(2, 1), reach_px)
    # Beyond the tile ground is taken to go on as at its border: a piece is not thin because the tile ends there.
    core = binary_opening(np.pad(mask, reach_px, mode="edge"), diamond)[reach_px:-reach_px, reach_px:-reach_px]
    parts, _count = label(binary_propagation(core, mask=mask))
    for shape, number in shapes(parts.astype(np.int32), mask=parts > 0, connectivity=4):
        outline = shapely.Polygon(shape["coordinates"][0], shape["coordinates"][1:])
        if outline.area < least_px:
            continue
        levels = doubt[parts == int(number)]
        known = levels[levels != NODATA]
        share = float((known.astype(np.float64) - 1).mean() / ENTROPY_LEVELS) if len(known) else 0.0
        placed = shapely.transform(outline, lambda xy: xy * SUBPIXELS)
        assert isinstance(placed, shapely.Polygon)  # noqa: S101 (it was one)
        yield MapCell(rings_of(placed), first, second, float(outline.area), share)
