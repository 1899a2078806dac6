"""Where two maps of one ground name another class, and whether both are sure of it. numpy and rasterio, no torch.

That two maps disagree is no change: one of them may be wrong, and both are along every edge. Counted pixels of it
are a count, not an estimate.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from annotation.raster.cog import BLOCK_PX, CogWriter
from learning.core.other_vintage import SURE_BELOW, MapPair, at_centres, check_grids, codes_of, common_values, is_sure

#: Values of a disagreement map. 0: not compared, since a map has nothing there or a class that only it knows.
NOT_COMPARED, SAME, SURE, DOUBTED = range(4)
#: Colours that eyes which confuse red and green tell apart as well, over light and dark ground.
#: Source: Okabe & Ito 2008, Color Universal Design, https://jfly.uni-koeln.de/color/ (vermilion, sky blue).
COLOURS = {SURE: "#D55E00", DOUBTED: "#56B4E9"}
_SIDE_PX = 2048  # of the finer map's pixels that are read at once, so that memory does not grow with the layers

Classes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Pixels of the later map by what the two maps say there.

    Args:
        codes: classes that both maps know. px: int64 (earlier class, later class), in the order of `codes`.
        doubted_px: pixels on which the classes differ and at least one of the maps is not sure.
    """

    codes: tuple[str, ...]
    px: NDArray[np.int64]
    doubted_px: int

    @property
    def compared_px(self) -> int:
        """Pixels of which both maps have a class that both know."""
        return int(self.px.sum())

    @property
    def differing_px(self) -> int:
        """Pixels on which the two classes are not the same."""
        return int(self.px.sum() - np.trace(self.px))


def disagreement(
    classes: Sequence[Classes],
    entropies: Sequence[Classes],
    codes: Sequence[list[str]],
    *,
    sure_below: float = SURE_BELOW,
) -> Classes:
    """What two maps say of the same pixels: uint8 of their shape, NOT_COMPARED, SAME, SURE or DOUBTED.

    Args: as for `other_vintage.changed_classes`.
    """
    tables = common_values(*codes)
    one, other = (table[values] for table, values in zip(tables, classes, strict=True))
    sure = is_sure(entropies[0], sure_below) & is_sure(entropies[1], sure_below)
    found = np.where(one == other, SAME, np.where(sure, SURE, DOUBTED)).astype(np.uint8)
    found[(one == 0) | (other == 0)] = NOT_COMPARED
    return found


def write_disagreement(
    later: MapPair,
    earlier: MapPair,
    target: Path,
    *,
    tags: Mapping[str, str],
    on_progress: Callable[[float], None] = lambda share: None,
) -> Disagreement:
    """Write where two maps disagree as a COG on the later map's grid, and count what each says.

    Pixels of the later map are held against the earlier one's pixel in which their centre lies.

    Args:
        target: where the COG is put, whole or absent; uint8, values as `disagreement` gives them.
        tags: written beside what the values mean. on_progress: share done, from 0 to 1.
    Raises: InvalidPredictionGrid: another CRS, a grid that is not north up, or a map without its class codes.
    """
    with ExitStack() as stack:
        maps = [stack.enter_context(rasterio.open(one.classes, driver="GTiff")) for one in (later, earlier)]
        doubts = [stack.enter_context(rasterio.open(one.entropy, driver="GTiff")) for one in (later, earlier)]
        check_grids(*maps)
        codes = [codes_of(dataset) for dataset in maps]
        common = tuple(sorted(set(codes[0]) & set(codes[1])))
        tables, many = common_values(*codes), len(common) + 1
        pairs, doubted = np.zeros(many * many, np.int64), 0
        out = stack.enter_context(_writer(maps[0], target, tags))
        for top in range(0, maps[0].height, BLOCK_PX):
            height = min(BLOCK_PX, maps[0].height - top)
            rows = np.zeros((height, maps[0].width), np.uint8)
            for left, width in _parts(*maps):
                window = Window(left, top, width, height)
                now, then = _read(maps, window)
                found = disagreement([now, then], _read(doubts, window), codes)
                rows[:, left : left + width] = found
                both = tables[1][then].astype(np.intp) * many + tables[0][now]
                pairs += np.bincount(both.ravel(), minlength=many * many)
                doubted += int(np.count_nonzero(found == DOUBTED))
            out.write(rows)
            on_progress((top + height) / maps[0].height)
    return Disagreement(common, pairs.reshape(many, many)[1:, 1:].copy(), doubted)


def _writer(later: Any, target: Path, tags: Mapping[str, str]) -> CogWriter:
    meaning = {"0": "not compared", "1": "same class", "2": "other class, both sure", "3": "other class, one in doubt"}
    colours = {value: (*(int(text[at : at + 2], 16) for at in (1, 3, 5)), 255) for value, text in COLOURS.items()}
    return CogWriter(
        target, width=later.width, height=later.height, crs=later.crs, transform=later.transform, overviews="MODE",
        colours={NOT_COMPARED: (0, 0, 0, 0), SAME: (255, 255, 255, 0), **colours},  # type: ignore[dict-item]
        tags={**tags, "VALUES": json.dumps(meaning)},
    )  # fmt: skip


def _parts(later: Any, earlier: Any) -> list[tuple[int, int]]:
    """(first column, columns) of parts of the later map's rows, under which few enough of the other's pixels lie."""
    finer = max(later.transform.a / earlier.transform.a, later.transform.e / earlier.transform.e, 1.0)
    side = max(1, int(_SIDE_PX / finer))
    return [(left, min(side, later.width - left)) for left in range(0, later.width, side)]


def _read(datasets: Sequence[Any], window: Window) -> list[Classes]:
    """Values of a window of the later raster, and of the earlier one at the centres of its pixels."""
    later, earlier = datasets

    def whole(part: Window) -> Classes:
        values: Classes = earlier.read(1, window=part)
        return values

    return [later.read(1, window=window), at_centres(later.transform, earlier, window, read=whole)]
