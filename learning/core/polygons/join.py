"""Polygons of all blocks in one stream: those of one region joined over seams, in the map's own CRS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import shapely
from affine import Affine
from numpy.typing import NDArray

from learning.core.polygons.plan import JOINED_BLOCKS, PolygonPlan

ALONE = "no_neighbour"  # below its minimum, with no imagery around it
CUT = "cut"  # part of a region on many blocks


@dataclass(frozen=True, slots=True)
class Polygons:
    """Some of a map's polygons.

    Args:
        region: int64 (polygon,), number of the region, from 1; several polygons share one where it is cut.
        value: uint8 (polygon,), raster value of the class. pixels: int64 (polygon,), of the whole region.
        reason: object (polygon,), why it may be below its minimum unit: "", ALONE or CUT.
        geometry: object (polygon,), in the CRS of `transform`, shells counter-clockwise.
    """

    region: NDArray[np.int64]
    value: NDArray[np.uint8]
    pixels: NDArray[np.int64]
    reason: NDArray[np.object_]
    geometry: NDArray[np.object_]


@dataclass(slots=True)
class _Pending:
    """Pieces of regions whose last block has not come yet, by region."""

    pieces: dict[int, list[shapely.Geometry]] = field(default_factory=dict)
    facts: dict[int, list[int]] = field(default_factory=dict)


def joined(
    plan: PolygonPlan, *, transform: Affine, on_block: Callable[[int], None] = lambda number: None
) -> Iterator[Polygons]:
    """The polygons of a map, block by block in their order; a region comes with the last block that it lies on.

    A region on more than JOINED_BLOCKS blocks comes in pieces, cut along their borders.
    """
    pending = _Pending()
    for number in range(plan.n_blocks):
        with pa.memory_map(str(plan.outline_path(number))) as source, pa.ipc.open_file(source) as table:
            rows = table.read_all()
        columns = {name: rows[name].to_numpy() for name in ("region", "value", "pixels", "minimum", "blocks", "last")}
        geometry = shapely.from_wkb(rows["geometry"].to_numpy(zero_copy_only=False))
        whole = columns["blocks"] == 1
        cut = columns["blocks"] > JOINED_BLOCKS
        for place in np.flatnonzero(~whole & ~cut):
            name = int(columns["region"][place])
            pending.pieces.setdefault(name, []).append(geometry[place])
            pending.facts[name] = [int(columns[column][place]) for column in ("value", "pixels", "minimum")]
        over = np.unique(columns["region"][~whole & ~cut & (columns["last"] == number)])
        found = [
            [columns[name][whole | cut] for name in ("region", "value", "pixels", "minimum")] + [geometry[whole | cut]],
            _unions(pending, over.tolist()),
        ]
        region, value, pixels, minimum, polygons = [np.concatenate(pair) for pair in zip(*found, strict=True)]
        reason = np.where(pixels < minimum, ALONE, "").astype(np.object_)
        reason[np.isin(region, columns["region"][cut])] = CUT
        order = np.argsort(region, kind="stable")
        yield Polygons(
            region[order], value[order].astype(np.uint8), pixels[order], reason[order],
            shapely.orient_polygons(_placed(polygons[order], transform)),
        )  # fmt: skip
        on_block(number)


def _unions(pending: _Pending, regions: list[int]) -> list[NDArray[np.generic]]:
    """Regions of which all pieces are there, as the columns of `joined`."""
    geometry = np.empty(len(regions), object)
    for place, region in enumerate(regions):
        pieces = pending.pieces.pop(region)
        geometry[place] = pieces[0] if len(pieces) == 1 else shapely.coverage_union_all(pieces)
    facts = np.array([pending.facts.pop(region) for region in regions], np.int64).reshape(-1, 3)
    return [np.array(regions, np.int64), facts[:, 0], facts[:, 1], facts[:, 2], geometry]


def _placed(polygons: NDArray[np.object_], transform: Affine) -> NDArray[np.object_]:
    """Polygons in pixels brought into a CRS; the same corner comes to the same place in each."""

    def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = points[:, 0], points[:, 1]
        return np.column_stack(
            [transform.a * x + transform.b * y + transform.c, transform.d * x + transform.e * y + transform.f]
        )

    placed: NDArray[np.object_] = shapely.transform(polygons, place)
    return placed
