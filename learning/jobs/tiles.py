"""Labelled tiles for training and evaluation: labels from the database, pixels from the analysis copy."""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from annotation.core.grid import PixelWindow
from annotation.models import AnnotationRevision, Campaign, Tile
from annotation.raster.reader import open_layer, read_window
from learning.core.dataset import LabelledTile
from learning.errors import HoldoutInTraining, TrainingSetChanged
from learning.models import TrainingSet
from learning.services.labels import class_index, label_raster
from learning.services.training_sets import training_set_sha256

IMAGE_CACHE_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PlacedLabels:
    """A tile's place and its label raster, deflated: label rasters are mostly runs."""

    row: int
    col: int
    deflated: bytes


class CampaignTiles(Sequence[LabelledTile]):
    """Tiles of a campaign with pixels read when asked for, so that a training set need not fit in memory.

    Never touches the database, hence safe to read from another thread.
    """

    def __init__(self, *, image_path: Path, tile_px: int, labels: Sequence[PlacedLabels]) -> None:
        self._path, self._tile_px, self._labels = image_path, tile_px, labels
        self._cache: OrderedDict[int, tuple[NDArray[Any], NDArray[np.bool_]]] = OrderedDict()
        self._cached_bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Number of tiles."""
        return len(self._labels)

    @overload
    def __getitem__(self, index: int) -> LabelledTile: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[LabelledTile]: ...
    def __getitem__(self, index: int | slice) -> LabelledTile | Sequence[LabelledTile]:
        """One tile, or several."""
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        placed = self._labels[index]
        image, valid = self._pixels(index, placed)
        flat = np.frombuffer(zlib.decompress(placed.deflated), np.uint8)
        return LabelledTile(image=image, labels=flat.reshape(self._tile_px, self._tile_px), valid=valid)

    def _pixels(self, index: int, placed: PlacedLabels) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        with self._lock:
            if index in self._cache:
                self._cache.move_to_end(index)
                return self._cache[index]
        window = PixelWindow(placed.col * self._tile_px, placed.row * self._tile_px, self._tile_px, self._tile_px)
        pixels = read_window(self._path, window)
        with self._lock:
            self._cache[index] = pixels
            self._cached_bytes += pixels[0].nbytes + pixels[1].nbytes
            while self._cached_bytes > IMAGE_CACHE_BYTES and len(self._cache) > 1:
                _oldest, dropped = self._cache.popitem(last=False)
                self._cached_bytes -= dropped[0].nbytes + dropped[1].nbytes
        return pixels


def training_tiles(training_set: TrainingSet, *, on_progress: Callable[[float], None]) -> CampaignTiles:
    """The tiles of a frozen set, several people's labels of one tile merged.

    Raises: TrainingSetChanged (the rows no longer give the set's SHA-256), HoldoutInTraining.
    """
    campaign = training_set.campaign
    rows = list(
        training_set.items.order_by("tile_id", "revision_id").values_list(
            "tile_id", "revision_id", "revision__sha256", "tile__row", "tile__col", "tile__role"
        )
    )
    apart = [f"r{row} c{col}" for *_ids, row, col, role in rows if role != Tile.Role.POOL]
    if apart:
        raise HoldoutInTraining(f"{training_set} names {len(apart)} tile(s) outside the pool, first {apart[0]}.")
    items = [(tile, revision, sha256) for tile, revision, sha256, *_place in rows]
    sha256 = training_set_sha256(campaign=campaign, class_codes=training_set.class_codes, items=items)
    if sha256 != training_set.sha256:
        raise TrainingSetChanged(
            f"{training_set} was frozen as {training_set.sha256[:12]} and reads {sha256[:12]} now."
        )
    values = class_index(training_set.class_codes)
    placed: list[PlacedLabels] = []
    for (row, col), group in groupby(rows, key=lambda item: (item[3], item[4])):
        labels = labels_of(campaign, [item[1] for item in group], values=values)
        placed.append(PlacedLabels(row, col, zlib.compress(labels.tobytes(), 1)))
        on_progress(len(placed) / training_set.n_tiles)
    return CampaignTiles(image_path=campaign.layer.path("analysis.tif"), tile_px=campaign.tile_px, labels=placed)


def labels_of(campaign: Campaign, revision_ids: Sequence[int], *, values: Mapping[str, int]) -> NDArray[np.uint8]:
    """Merged label raster of revisions of one tile: uint8 (tile_px, tile_px), 0 = unlabelled."""
    revisions = AnnotationRevision.objects.filter(pk__in=revision_ids).order_by("pk")
    return label_raster(revisions.values_list("features", flat=True), tile_px=campaign.tile_px, values=values)


def read_with_context(
    path: Path, *, row: int, col: int, tile_px: int, margin_px: int
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """A tile with its surroundings, mirrored where they lie outside the raster, as a map's windows are.

    Returns: pixels (band, tile_px + 2 · margin, …) in the raster's type, and validity.
    """
    side = tile_px + 2 * margin_px
    window = PixelWindow(col * tile_px - margin_px, row * tile_px - margin_px, side, side)
    pixels, valid = read_window(path, window)
    inside = _inside(path, window)
    padding = [(inside[0].start, side - inside[0].stop), (inside[1].start, side - inside[1].stop)]
    pixels = np.pad(pixels[:, inside[0], inside[1]], [(0, 0), *padding], mode="reflect")
    return pixels, np.pad(valid[inside], padding, mode="reflect")


def _inside(path: Path, window: PixelWindow) -> tuple[slice, slice]:
    """Part of a window, from its own corner, that the raster covers."""
    with open_layer(path) as dataset:
        height, width = dataset.height, dataset.width
    top, left = max(0, -window.row_off), max(0, -window.col_off)
    bottom = min(window.height, height - window.row_off)
    right = min(window.width, width - window.col_off)
    return slice(top, bottom), slice(left, right)
