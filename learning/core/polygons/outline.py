"""One block's polygons: traced, simplified between their meeting points, exact along the block's own border."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from learning.core.polygons.plan import SIDES, PolygonPlan, load_arrays, save
from learning.core.polygons.runs import Ints, Runs, connected, contacts_of, fewer_runs
from learning.core.polygons.thinning import thinned
from learning.core.polygons.trace import Rings, outlines

NEAR = 1.05  # a region below so many times its minimum keeps its outline: simplified, it might fall below

SCHEMA = pa.schema(
    [
        ("region", pa.int64()),  # of the whole map, from 1
        ("value", pa.uint8()),  # raster value of its class
        ("pixels", pa.int64()),  # of the region, on whatever blocks
        ("minimum", pa.int64()),
        ("blocks", pa.int32()),  # that it lies on
        ("last", pa.int32()),  # the last of them
        ("geometry", pa.binary()),  # WKB, one polygon, in pixels of the whole raster, y down
    ]
)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of each region of a block, as the columns of SCHEMA."""

    region: Ints
    value: NDArray[np.uint8]
    pixels: Ints
    minimum: Ints
    blocks: Ints
    last: Ints

    def of(self, places: Ints) -> _Facts:
        """The same of some of them."""
        return _Facts(*(getattr(self, name)[places] for name in self.__slots__))


def outline_block(plan: PolygonPlan, number: int) -> None:
    """Write a block's polygons, by region and then by their first pixel, unless that was done."""
    path = plan.outline_path(number)
    if path.exists():
        return
    block = plan.block(number)
    runs, facts = _regions(plan, number)
    pieces = Runs(block.height, block.width, runs.starts, connected(runs, contacts_of(runs)))
    inside = pieces.values >= 0
    count = int(pieces.values.max(initial=-1)) + 1
    of_piece = np.zeros(count, np.int64)
    of_piece[pieces.values[inside]] = runs.values[inside] - 1
    facts = facts.of(of_piece)
    pixels = np.bincount(pieces.values[inside], weights=pieces.lengths[inside], minlength=count).astype(np.float64)

    beyond = dict(zip(SIDES, load_arrays(plan.seams_path(number), *SIDES), strict=True))
    rings = outlines(pieces, beyond=beyond)
    least: NDArray[np.float64] = np.minimum(facts.minimum / np.maximum(facts.pixels, 1), 1.0) * pixels
    polygons = simplified(rings, tolerance=plan.tolerance_px, least=least)
    polygons = shapely.transform(polygons, lambda points: np.add(points, (block.left, block.top)))
    order = np.argsort(facts.region, kind="stable")
    facts = facts.of(order)
    columns = [pa.array(getattr(facts, name), field.type) for name, field in zip(facts.__slots__, SCHEMA, strict=False)]
    columns.append(pa.array(shapely.to_wkb(polygons[order], byte_order=1), pa.binary()))
    stream = io.BytesIO()
    with pa.ipc.new_file(stream, SCHEMA) as out:
        out.write_batch(pa.RecordBatch.from_arrays(columns, schema=SCHEMA))
    save(path, stream.getvalue())


def simplified(rings: Rings, *, tolerance: float, least: NDArray[np.float64]) -> NDArray[np.object_]:
    """Polygons with fewer corners: each keeps `least` of its area, the whole its border and so its area.

    A polygon that would lose more, and one that is nearly as small as it may be, keeps its outline: left out, it is
    border to the others.

    Args: tolerance: in pixels, the square root of the area of what is cut off. least: float64 (region,), in pixels.
    Source: Visvalingam & Whyatt 1993, as GEOS does it on coverages.
    """
    if tolerance <= 0 or not len(least):
        return rings.polygons()
    exact = rings.areas() < NEAR * least
    while True:
        made = thinned(rings, tolerance=tolerance, exact=exact).polygons()
        if not exact.all():
            made[~exact] = shapely.coverage_simplify(made[~exact], tolerance, simplify_boundary=False)
        lost = ~exact & (shapely.area(made) < least)
        if not lost.any():
            return made
        exact |= lost


def _regions(plan: PolygonPlan, number: int) -> tuple[Runs, _Facts]:
    """A block as runs of its regions once all is merged, by their place in what is returned beside, plus 1."""
    block = plan.block(number)
    starts, of_run, classes, pixels, zone = load_arrays(
        plan.survey_path(number), "starts", "region", "classes", "pixels", "zone"
    )
    names = ("offset", "local", "region", "classes", "pixels", "minimum", "blocks", "last")
    offset, local, *listed = load_arrays(plan.seams_path(number), *names)
    minimum = plan.minimum_px[zone, classes]
    count = len(classes)
    facts = [
        offset + np.arange(1, count + 1), classes, pixels, minimum,
        np.ones(count, np.int64), np.full(count, number, np.int64),
    ]  # fmt: skip
    for column, found in zip(facts, listed, strict=True):
        column[local] = found
    _names, first, place = np.unique(facts[0], return_index=True, return_inverse=True)
    values = np.append(place + 1, 0)[of_run]  # the last for -1
    runs = fewer_runs(Runs(block.height, block.width, starts, values))
    return runs, _Facts(*facts).of(first)
