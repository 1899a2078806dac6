"""The cells of a large layer: squares of a fixed grid on the layer's own pixels, one file each.

Where a window lies is arithmetic: pixel (x, y) is in the cell of row y // cell_px and column x // cell_px. Every cell
file holds the whole square, also at the right and at the bottom, so that overviews are exact divisions; a cell without
a valid pixel has no file. What is coarser than a cell can be divided lies in one file for the layer (docs/adr/0038).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from annotation.raster.display import MAP_TILE_PX
from annotation.raster.layer_files import INDEX_NAME

CELL_PX = 8192
BLOCK_PX = 512
COARSE_NAME = "coarse.tif"
ANALYSIS_DIR, DISPLAY_DIR, ORIGIN_DIR = "analysis", "display", "origin"

Cell = tuple[int, int]
"""Row and column of a cell, from 0 at the upper left."""


def cell_name(cell: Cell) -> str:
    """The file name of a cell."""
    return f"r{cell[0]:04d}c{cell[1]:04d}.tif"


@dataclass(frozen=True, slots=True)
class CellGrid:
    """The cells of a raster of `width` x `height` pixels; `cell_px` is 512 times a power of two.

    Raises: ValueError.
    """

    width: int
    height: int
    cell_px: int = CELL_PX

    def __post_init__(self) -> None:
        """Refuse a size that overviews cannot divide."""
        if self.cell_px < BLOCK_PX or self.cell_px & (self.cell_px - 1):
            raise ValueError(f"cell_px = {self.cell_px}: give {BLOCK_PX} times a power of two.")

    @property
    def n_rows(self) -> int:
        """Rows of cells."""
        return -(-self.height // self.cell_px)

    @property
    def n_cols(self) -> int:
        """Columns of cells."""
        return -(-self.width // self.cell_px)

    @property
    def overviews(self) -> int:
        """Overviews inside of a cell, each half the one before; the last is a block wide."""
        return (self.cell_px // BLOCK_PX).bit_length() - 1

    @property
    def coarse_factor(self) -> int:
        """Layer pixels along a side of a pixel of the coarse file, in which a cell is one map tile."""
        return self.cell_px // MAP_TILE_PX

    def under(self, left: int, top: int, right: int, bottom: int) -> Iterator[Cell]:
        """Cells that share pixels with a rectangle inside of the raster (right and bottom excluded), by row."""
        if right <= left or bottom <= top:
            return
        for row in range(top // self.cell_px, (bottom - 1) // self.cell_px + 1):
            for col in range(left // self.cell_px, (right - 1) // self.cell_px + 1):
                yield row, col

    def size(self, cell: Cell) -> tuple[int, int]:
        """Width and height in pixels of the part of a cell that is inside of the raster."""
        row, col = cell
        return min(self.cell_px, self.width - col * self.cell_px), min(self.cell_px, self.height - row * self.cell_px)


@dataclass(frozen=True, slots=True)
class CellFiles:
    """What is known of one cell: hexadecimal SHA-256 of its files, and how many pixels each source file shows there.

    `origin` is None where one source made the whole layer. Source 0 is what an earlier import did not say.
    """

    analysis: str
    display: str
    origin: str | None
    shown_px: dict[int, int]


@dataclass(frozen=True, slots=True)
class CellIndex:
    """The file `cells.json`: all that is needed to read a layer of cells."""

    grid: CellGrid
    crs: str
    transform: tuple[float, float, float, float, float, float]
    bands: tuple[str, ...]
    dtype: str
    nodata: int | None
    cells: Mapping[Cell, CellFiles]

    def as_json(self) -> dict[str, Any]:
        """The index in JSON types, cells by row and column."""
        return {
            "cell_px": self.grid.cell_px,
            "width": self.grid.width,
            "height": self.grid.height,
            "crs": self.crs,
            "transform": list(self.transform),
            "bands": list(self.bands),
            "dtype": self.dtype,
            "nodata": self.nodata,
            "cells": [
                {
                    "row": row,
                    "col": col,
                    "analysis": files.analysis,
                    "display": files.display,
                    "origin": files.origin,
                    "shown_px": [[number, count] for number, count in sorted(files.shown_px.items())],
                }
                for (row, col), files in sorted(self.cells.items())
            ],
        }

    @classmethod
    def from_json(cls, description: Mapping[str, Any]) -> CellIndex:
        """The inverse of `as_json`. Raises KeyError, TypeError or ValueError."""
        a, b, c, d, e, f = description["transform"]
        return cls(
            grid=CellGrid(description["width"], description["height"], description["cell_px"]),
            crs=description["crs"],
            transform=(a, b, c, d, e, f),
            bands=tuple(description["bands"]),
            dtype=description["dtype"],
            nodata=description["nodata"],
            cells={
                (cell["row"], cell["col"]): CellFiles(
                    analysis=cell["analysis"],
                    display=cell["display"],
                    origin=cell["origin"],
                    shown_px={int(number): int(count) for number, count in cell["shown_px"]},
                )
                for cell in description["cells"]
            },
        )

    @classmethod
    def load(cls, path: Path) -> CellIndex:
        """The index at a path, parsed once as long as the file is the same. Raises FileNotFoundError."""
        state = path.stat()
        return _load(path, state.st_ino, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=64)
def _load(path: Path, inode: int, size: int, modified_ns: int) -> CellIndex:
    return CellIndex.from_json(json.loads(path.read_text("utf-8")))


def is_cells(path: Path) -> bool:
    """Whether a path names the index of a layer of cells, not a raster file."""
    return path.name == INDEX_NAME
