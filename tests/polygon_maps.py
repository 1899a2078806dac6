"""Small class maps for tests of polygons: written down as text, made into coverages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray

from learning.core.polygons.join import Polygons, joined
from learning.core.polygons.outline import outline_block
from learning.core.polygons.plan import PolygonPlan
from learning.core.polygons.rule import tree_distances
from learning.core.polygons.runs import Runs, connected, contacts_of, runs_of
from learning.core.polygons.seams import join_seams
from learning.core.polygons.survey import survey_block

CODES = ("a", "b", "c", "d")


def raster(text: str) -> NDArray[np.uint8]:
    """A class map from lines of letters, "." = no imagery."""
    rows = [[0 if letter == "." else CODES.index(letter) + 1 for letter in line.strip()] for line in text.split()]
    return np.array(rows, np.uint8)


def pieces_of(classes: NDArray[np.uint8]) -> Runs:
    """A class map as runs of its 4-connected regions, from 0."""
    starts, [values] = runs_of(classes)
    runs = Runs(*classes.shape, starts, values)
    return Runs(*classes.shape, starts, connected(runs, contacts_of(runs)))


def write(path: Path, classes: NDArray[np.uint8]) -> Path:
    """A class map as a file, unless it is there."""
    if path.exists():
        return path
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=1, nodata=0, width=classes.shape[1], height=classes.shape[0],
        transform=Affine(1, 0, 0, 0, -1, classes.shape[0]), crs="EPSG:2154",
    ) as out:  # fmt: skip
        out.write(classes, 1)
    return path


def plan_of(
    folder: Path,
    classes: NDArray[np.uint8],
    *,
    minimum: Any = 1,
    block_px: int = 4096,
    tolerance_px: float = 0.0,
    parents: dict[str, str | None] | None = None,
    zones: NDArray[np.uint8] | None = None,
) -> PolygonPlan:
    """A plan in a folder; `minimum` in pixels: of all classes, by class, or (zone + 1, class)."""
    folder.mkdir(parents=True, exist_ok=True)
    least = np.broadcast_to(minimum, (len(minimum) if np.ndim(minimum) == 2 else 1, len(CODES)))
    work = folder / "blocks"
    work.mkdir(exist_ok=True)
    return PolygonPlan(
        source=write(folder / "class.tif", classes),
        width=classes.shape[1],
        height=classes.shape[0],
        zones=None if zones is None else write(folder / "zones.tif", zones),
        class_codes=CODES,
        minimum_px=np.insert(least, 0, 1, axis=1).astype(np.int64),
        distance=tree_distances(parents or {}, CODES),
        tolerance_px=tolerance_px,
        work_dir=work,
        fingerprint="test",
        block_px=block_px,
    )


def drawn(plan: PolygonPlan, *, order: Callable[[int], Iterable[int]] = range) -> Polygons:
    """All polygons of a plan in pixels, its blocks done in some order."""
    for number in order(plan.n_blocks):
        survey_block(plan, number)
    join_seams(plan)
    for number in order(plan.n_blocks):
        outline_block(plan, number)
    parts = list(joined(plan, transform=Affine.identity()))
    return Polygons(*(np.concatenate([getattr(part, name) for part in parts]) for name in Polygons.__slots__))


def painted(found: Polygons, shape: tuple[int, int]) -> list[str]:
    """What a reader sees: the class letter at the middle of each pixel; "?" for none or several."""
    rows, cols = np.indices(shape)
    points = shapely.points(cols.ravel() + 0.5, rows.ravel() + 0.5)
    tree = shapely.STRtree(found.geometry)
    pixel, polygon = tree.query(points, predicate="within")
    letters = np.full(len(points), ".")
    letters[pixel] = np.array(CODES)[found.value[polygon] - 1]
    letters[np.bincount(pixel, minlength=len(points)) > 1] = "?"
    return ["".join(line) for line in letters.reshape(shape)]
