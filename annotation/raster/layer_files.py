"""The files of an imported layer and what they hold."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotation.core.grid import PixelGrid

ANALYSIS_NAME, DISPLAY_NAME, VALID_NAME, DESCRIPTION_NAME = (
    "analysis.tif",
    "display.tif",
    "valid.npy",
    "layer.json",
)
INDEX_NAME = "cells.json"
VALID_CELL_PX = 64

Stretch = dict[str, tuple[float, float]]
"""By band name: the values shown as darkest and as brightest."""


@dataclass(frozen=True, slots=True)
class LayerFiles:
    """A folder written by `ingest.rewrite_as_layer` or, in cells, by `cell_import.import_cells`.

    `analysis_path`: lossless COG on `grid`, bands described by name, internal mask where pixels are invalid.
    `display_path`: RGB uint8 JPEG blocks of 256 px, padded on the right and at the bottom to a multiple of
    2**native_max_zoom.
    `valid_path`: uint8 (ceil(height/64), ceil(width/64)), share of valid pixels of each 64 px cell times 255,
    rounded.
    `nodata` is the value written where a pixel is invalid (None: zero); validity itself is the mask's to say.
    `sha256`: hexadecimal, by file name; of a layer in cells the index has those of the cells.
    """

    folder: Path
    grid: PixelGrid
    gsd_m: float
    bands: list[str]
    dtype: str
    nodata: int | None
    stretch: Stretch
    sha256: dict[str, str]
    notes: list[str] = field(default_factory=list)

    @property
    def is_cells(self) -> bool:
        """Whether the layer is written in cells."""
        return INDEX_NAME in self.sha256

    @property
    def analysis_path(self) -> Path:
        """The lossless copy that networks read: a file, or the index of cells, as `reader.open_layer` takes it."""
        return self.folder / analysis_name(self.sha256)

    @property
    def display_path(self) -> Path:
        """The stretched copy that people see."""
        return self.folder / DISPLAY_NAME

    @property
    def valid_path(self) -> Path:
        """The share of valid pixels, by 64 px cell."""
        return self.folder / VALID_NAME

    def as_json(self) -> dict[str, Any]:
        """The description in JSON types; the folder is left out, so that the files can move."""
        return {
            "crs": self.grid.crs,
            "transform": list(self.grid.transform),
            "width": self.grid.width,
            "height": self.grid.height,
            "gsd_m": self.gsd_m,
            "bands": self.bands,
            "dtype": self.dtype,
            "nodata": self.nodata,
            "stretch": {name: list(bounds) for name, bounds in self.stretch.items()},
            "sha256": self.sha256,
            "notes": self.notes,
        }

    @classmethod
    def from_json(cls, description: Mapping[str, Any], *, folder: Path) -> LayerFiles:
        """The inverse of `as_json`, for files that lie in `folder`. Raises KeyError or TypeError."""
        a, b, c, d, e, f = description["transform"]
        return cls(
            folder=folder,
            grid=PixelGrid(
                crs=description["crs"],
                transform=(a, b, c, d, e, f),
                width=description["width"],
                height=description["height"],
            ),
            gsd_m=description["gsd_m"],
            bands=list(description["bands"]),
            dtype=description["dtype"],
            nodata=description["nodata"],
            stretch={name: (low, high) for name, (low, high) in description["stretch"].items()},
            sha256=dict(description["sha256"]),
            notes=list(description["notes"]),
        )

    @classmethod
    def load(cls, folder: Path) -> LayerFiles:
        """The description written beside the files. Raises FileNotFoundError."""
        return cls.from_json(json.loads((folder / DESCRIPTION_NAME).read_text("utf-8")), folder=folder)


def analysis_name(sha256: Mapping[str, str]) -> str:
    """Which of a layer's files its pixels are read by; its SHA-256 tells any two versions of the pixels apart."""
    return INDEX_NAME if INDEX_NAME in sha256 else ANALYSIS_NAME


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def flush_to_disk(paths: Iterable[Path]) -> None:
    """fsync every file or folder: a rename must not become visible before the bytes are durable."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
