"""What is fixed of a map's polygons before they are begun, and where finished blocks are kept."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from learning.core.durable import publish
from learning.core.map_plan import PLAN_NAME

BLOCK_PX = 4096
JOINED_BLOCKS = 16  # a region on more blocks than this stays cut along them: memory does not grow with it

SIDES = ("top", "bottom", "left", "right")
#: A block's neighbour over each side, as a step in (row, column).
BESIDE = {"top": (-1, 0), "bottom": (1, 0), "left": (0, -1), "right": (0, 1)}


@dataclass(frozen=True, slots=True)
class Block:
    """A square of the fixed grid, `row` and `col` in it; its pixels begin at (top, left) of the raster."""

    row: int
    col: int
    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class PolygonPlan:
    """The polygons of one class map, fixed down to their bytes: whoever computes a block, in whatever order.

    Args:
        source: class map (GeoTIFF uint8, k = class k - 1, 0 = no imagery), width and height in px.
        zones: raster of zones on the same grid, uint8 as PolygonRule.zones; None where there is none.
        class_codes: in the map's order.
        minimum_px: int64 (zone + 1, class + 1), see PolygonRule.minimum_px.
        distance: uint8 (class + 1, class + 1), see rule.tree_distances.
        tolerance_px: of the outlines' simplification, in px; 0 leaves them as pixels are.
        work_dir: finished blocks are kept here.
        fingerprint: digests of the map, the zones and the rule, so that stale blocks are never reused.
        block_px: side of a block; a result belongs to it.
    """

    source: Path
    width: int
    height: int
    zones: Path | None
    class_codes: tuple[str, ...]
    minimum_px: NDArray[np.int64]
    distance: NDArray[np.uint8]
    tolerance_px: float
    work_dir: Path
    fingerprint: str
    block_px: int = BLOCK_PX

    @property
    def n_rows(self) -> int:
        """Rows of blocks."""
        return -(-self.height // self.block_px)

    @property
    def n_cols(self) -> int:
        """Columns of blocks."""
        return -(-self.width // self.block_px)

    def block(self, number: int) -> Block:
        """A block by its number, row by row from 0."""
        row, col = divmod(number, self.n_cols)
        top, left = row * self.block_px, col * self.block_px
        return Block(row, col, top, left, min(self.block_px, self.height - top), min(self.block_px, self.width - left))

    @property
    def n_blocks(self) -> int:
        """Blocks in all."""
        return self.n_rows * self.n_cols

    def beside(self, number: int, side: str) -> int | None:
        """Number of the block over a side; None at the edge of the raster."""
        row, col = divmod(number, self.n_cols)
        row, col = row + BESIDE[side][0], col + BESIDE[side][1]
        inside = 0 <= row < self.n_rows and 0 <= col < self.n_cols
        return row * self.n_cols + col if inside else None

    def survey_path(self, number: int) -> Path:
        """Regions of a block, see survey.py."""
        return self.work_dir / f"survey-{number:06d}.npz"

    def seams_path(self, number: int) -> Path:
        """What a block's neighbours make of its regions, see seams.py."""
        return self.work_dir / f"seams-{number:06d}.npz"

    @property
    def seams_done_path(self) -> Path:
        """Exists once every block's file of seams does."""
        return self.work_dir / "seams.done"

    def outline_path(self, number: int) -> Path:
        """Polygons of a block, see outline.py."""
        return self.work_dir / f"outline-{number:06d}.arrow"

    def card(self) -> str:
        """All of it as JSON."""

        def plain(value: object) -> Any:
            return value.tolist() if isinstance(value, np.ndarray) else str(value)

        return json.dumps(asdict(self), default=plain, sort_keys=True)


def planned(work_dir: Path) -> PolygonPlan | None:
    """The plan that a work folder was claimed for; None where there is no such folder."""
    try:
        kept = json.loads((work_dir / PLAN_NAME).read_bytes())
    except FileNotFoundError:
        return None
    return PolygonPlan(
        **{
            **kept,
            "source": Path(kept["source"]),
            "zones": None if kept["zones"] is None else Path(kept["zones"]),
            "work_dir": Path(kept["work_dir"]),
            "class_codes": tuple(kept["class_codes"]),
            "minimum_px": np.array(kept["minimum_px"], np.int64),
            "distance": np.array(kept["distance"], np.uint8),
        }
    )


def save(path: Path, content: bytes) -> None:
    """Write a block's file, whole or absent after a crash; where two are at one block, one having been thought dead,
    each writes a file of its own."""
    partial = path.with_name(f"{path.name}.{os.getpid()}-{uuid4().hex[:8]}.partial")
    try:
        partial.write_bytes(content)
        publish(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """An .npz, whole or absent after a crash, with the same bytes for the same arrays."""
    stream = io.BytesIO()
    members: dict[str, Any] = dict(arrays)
    np.savez(stream, allow_pickle=False, **members)
    save(path, stream.getvalue())


def load_arrays(path: Path, *names: str) -> list[NDArray[Any]]:
    """Some arrays of an .npz; the others are not read."""
    with np.load(path, allow_pickle=False) as found:
        return [found[name] for name in names]
