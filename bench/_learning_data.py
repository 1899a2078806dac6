"""The imagery that learning_curve.py measures on, as tiles of one size."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from _platform import REPOSITORY
from numpy.typing import NDArray

SHARED = REPOSITORY.parent / "shared" / "data"


@dataclass(frozen=True)
class Tiles:
    """Images uint8 (tile, band, px, px) and labels uint8 (tile, px, px): k = class k - 1, 0 = not labelled."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


@dataclass(frozen=True)
class Dataset:
    """A pool that people would label, and a hold-out.

    Args:
        budgets: labelled tiles at the end of each round; those of the first are drawn at random.
        region_budgets: the same where regions of tiles are labelled, in tiles' worth of ground.
        opened_once: whether a tile of which parts are labelled is opened once, and what is left of it is not asked for
            again: to open it takes time of its own. A pool of few tiles would be used up.
    """

    name: str
    classes: tuple[str, ...]
    pool: Tiles
    test: Tiles
    budgets: tuple[int, ...]
    region_budgets: tuple[int, ...]
    opened_once: bool = True


def dubai() -> Dataset:
    """Scenes of Dubai: tiles of 128 px to label, whole tiles of 256 px of other parts to be judged by."""
    folder = _folder("dubai-aerial")
    budgets = (16, 32, 48, 64, 96, 128, 192, 256, 384, 544)
    regions = (4, 8, 16, 32, 48, 64, 96, 128)
    return _dataset("dubai", folder, "jpg", pool_px=128, test_px=256, budgets=budgets, region_budgets=regions)


def gid() -> Dataset:
    """Gaofen-2 tiles from many places, whole."""
    folder = _folder("gid5-gf2")
    budgets = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192)
    regions = (2, 4, 8, 12, 16, 24, 32, 48)
    data = _dataset("gid", folder, "png", pool_px=224, test_px=224, budgets=budgets, region_budgets=regions)
    return replace(data, opened_once=False)


DATASETS = {"dubai": dubai, "gid": gid}


def _folder(name: str) -> Path:
    folder = SHARED / name
    if not folder.exists():
        raise SystemExit(f"{name} is not there: put the data set into {folder} (its README says where it comes from).")
    return folder


def _dataset(
    name: str,
    folder: Path,
    suffix: str,
    *,
    pool_px: int,
    test_px: int,
    budgets: tuple[int, ...],
    region_budgets: tuple[int, ...],
) -> Dataset:
    listed = json.loads((folder / "classes.json").read_text())
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    pool, test = (
        _cut(folder, suffix, [row for row in rows if row["split"] == split], px=px)
        for split, px in (("pool", pool_px), ("test", test_px))
    )
    return Dataset(name, _names(listed), pool, test, budgets, region_budgets)


def _names(listed: Any) -> tuple[str, ...]:
    classes = listed["classes"] if isinstance(listed, dict) and "classes" in listed else listed
    pairs = classes.items() if isinstance(classes, dict) else ((one["id"], one["name"]) for one in classes)
    return tuple(str(name) for number, name in sorted((int(number), name) for number, name in pairs) if number > 0)


def _cut(folder: Path, suffix: str, rows: list[dict[str, str]], *, px: int) -> Tiles:
    """Whole tiles only; what is left at the right and the bottom is not used."""
    images, labels = [], []
    for row in rows:
        driver = {"jpg": "JPEG", "png": "PNG"}[suffix]
        with rasterio.open(folder / "images" / f"{row['name']}.{suffix}", driver=driver) as file:
            image = file.read((1, 2, 3))
        with rasterio.open(folder / "labels" / f"{row['name']}.png", driver="PNG") as file:
            label = file.read(1)
        height, width = label.shape
        for top in range(0, height - px + 1, px):
            for left in range(0, width - px + 1, px):
                images.append(image[:, top : top + px, left : left + px])
                labels.append(label[top : top + px, left : left + px])
    return Tiles(np.stack(images), np.stack(labels))
