"""Labelled tiles for training and evaluation: labels from the database, pixels from the analysis copy."""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from annotation.core.consensus import WEIGHT_UNIT, support_map, weighted_vote
from annotation.core.grid import PixelWindow
from annotation.core.quarters import on_whole
from annotation.core.stored_labels import label_rasters
from annotation.models import AnnotationRevision, Campaign, Tile
from annotation.raster.reader import open_layer, read_window
from learning.core.dataset import LabelledTile
from learning.errors import HoldoutInTraining, TrainingSetChanged
from learning.jobs.options import VALIDATED_WEIGHT
from learning.models import TrainingSet
from learning.services.labels import label_raster, undrawn_part
from learning.services.training_sets import table_of, training_set_sha256
from learning.services.validations import frozen_features

IMAGE_CACHE_BYTES = 512 * 1024 * 1024
Kinds = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class PlacedLabels:
    """A tile's place, its labels and what they weigh, small: rasters of labels are mostly runs.

    Args:
        deflated: the label raster; where pixels weigh differently, the raster of their places in `weight`.
        weight: of each labelled pixel, or the pairs of class and weight that occur.
    """

    row: int
    col: int
    deflated: bytes
    weight: float | Kinds = 1.0

    def unpacked(self, side: int) -> tuple[NDArray[np.uint8], float | NDArray[np.float32]]:
        """Labels and weight as LabelledTile has them, of a tile `side` pixels wide."""
        flat = zlib.decompress(self.deflated)
        if not isinstance(self.weight, tuple):
            return np.frombuffer(flat, np.uint8).reshape(side, side), self.weight
        stored: NDArray[Any] = np.frombuffer(flat, _place_type(len(self.weight)))
        places = stored.reshape(side, side)
        classes, weights = zip(*self.weight, strict=True)
        # For each patch drawn: `take` is faster than an index.
        return np.asarray(classes, np.uint8).take(places), np.asarray(weights, np.float32).take(places)


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
        labels, weight = placed.unpacked(self._tile_px)
        return LabelledTile(image=image, labels=labels, weight=weight, valid=valid)

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


def training_tiles(
    training_set: TrainingSet,
    *,
    validated_weight: float = VALIDATED_WEIGHT,
    on_progress: Callable[[float], None],
) -> CampaignTiles:
    """The tiles of a frozen set, several people's labels of one tile merged by the weights frozen with them.

    What people agreed on in a model's drawing follows the tile's own labels as an entry of its own, on the ground that
    nobody drew, and weighs `validated_weight`.

    Raises: TrainingSetChanged (the rows no longer give the set's SHA-256), HoldoutInTraining.
    """
    campaign, tile_px = training_set.campaign, training_set.campaign.tile_px
    items = training_set.items.order_by("tile_id", "revision_id")
    rows = list(items.values_list("tile_id", "revision_id", "revision__sha256"))
    weights = dict(items.values_list("revision_id", "weights"))
    judged = {frozen.tile_id: frozen for frozen in training_set.validated.select_related("tile", "training_set")}
    named = Tile.objects.in_bulk({tile for tile, *_revision in rows} | judged.keys())
    # Quarters are put together again: what a network learns from is a whole tile.
    whole_of = {pk: tile.whole_id or pk for pk, tile in named.items()}
    tiles = named | Tile.objects.in_bulk(set(whole_of.values()))
    apart = [f"r{tile.row} c{tile.col}" for _id, tile in sorted(tiles.items()) if tile.role != Tile.Role.POOL]
    if apart:
        raise HoldoutInTraining(f"{training_set} names {len(apart)} tile(s) outside the pool, first {apart[0]}.")
    sha256 = training_set_sha256(
        campaign=campaign,
        class_codes=training_set.class_codes,
        items=rows,
        judged=[(tile, frozen.sha256) for tile, frozen in judged.items()],
        weights=weights,
        broader=training_set.broader,
    )
    if sha256 != training_set.sha256:
        raise TrainingSetChanged(
            f"{training_set} was frozen as {training_set.sha256[:12]} and reads {sha256[:12]} now."
        )
    values = table_of(training_set).values
    revisions: dict[int, list[int]] = {}
    for tile_id, revision, _sha in sorted(rows, key=lambda row: row[1]):
        revisions.setdefault(whole_of[tile_id], []).append(revision)
    wholes = {pk: tiles[pk] for pk in sorted(set(whole_of.values()))}
    placed: list[PlacedLabels] = []
    for done, (tile_id, tile) in enumerate(wholes.items(), start=1):
        of_tile = revisions.get(tile_id, [])
        drawn = label_rasters(features_of(of_tile), tile_px=tile_px, values=values)
        if drawn:
            placed.append(_drawn_part(tile, drawn, [_by_value(weights[revision], values) for revision in of_tile]))
        if tile_id in judged:
            agreed = label_raster(frozen_features(judged[tile_id]), tile_px=tile_px, values=values)
            rest = undrawn_part(agreed, drawn)
            if rest.any():
                agreed_on = zlib.compress(rest.tobytes(), 1)
                placed.append(PlacedLabels(tile.row, tile.col, agreed_on, validated_weight))
        on_progress(done / len(wholes))
    return CampaignTiles(image_path=campaign.layer.analysis_path, tile_px=tile_px, labels=placed)


def _drawn_part(tile: Tile, drawn: Sequence[NDArray[np.uint8]], weights: Sequence[Mapping[int, float]]) -> PlacedLabels:
    """People's labels merged by weighted vote; each pixel weighs as much as those who carried its vote are believed,
    and is unlabelled where nobody is."""
    merged = weighted_vote(drawn, weights=weights)
    return PlacedLabels(tile.row, tile.col, *packed_labels(merged, support_map(drawn, merged, weights=weights)))


def packed_labels(labels: NDArray[np.uint8], thousandths: NDArray[np.uint16]) -> tuple[bytes, float | Kinds]:
    """Labels and what each weighs as PlacedLabels keeps them: its `deflated` and `weight`.

    A label that weighs nothing is left out, and where all others weigh the same, one number says so.

    Args: labels: uint8 (row, col), 0 = unlabelled; thousandths: uint16 (row, col), weights in thousandths.
    """
    labels = np.where(thousandths > 0, labels, np.uint8(0)).astype(np.uint8)
    distinct = np.unique(thousandths[labels > 0]).tolist()
    if len(distinct) <= 1:
        return zlib.compress(labels.tobytes(), 1), distinct[0] / WEIGHT_UNIT if distinct else 1.0
    kinds, places = np.unique(np.where(labels > 0, thousandths.astype(np.uint32) << 8 | labels, 0), return_inverse=True)
    pairs = tuple((kind & 255, (kind >> 8) / WEIGHT_UNIT) for kind in kinds.tolist())
    return zlib.compress(places.astype(_place_type(len(kinds))).tobytes(), 1), pairs


def _place_type(n_kinds: int) -> type[np.uint8] | type[np.uint16]:
    """Many people with many classes give more kinds of pixels than a byte can tell apart."""
    return np.uint8 if n_kinds <= 256 else np.uint16


def _by_value(weights: Mapping[str, float], values: Mapping[str, int]) -> dict[int, float]:
    return {values[code]: weight for code, weight in weights.items() if code in values}


def features_of(revision_ids: Sequence[int]) -> list[list[dict[str, Any]]]:
    """Stored features of revisions on their whole tile, in the order of the revisions' ids."""
    revisions = AnnotationRevision.objects.filter(pk__in=revision_ids).order_by("pk")
    found = revisions.values_list("features", "annotation__tile__part", "annotation__tile__campaign__tile_px")
    return [on_whole(features, part=part, tile_px=tile_px) for features, part, tile_px in found]


def labels_of(campaign: Campaign, revision_ids: Sequence[int], *, values: Mapping[str, int]) -> NDArray[np.uint8]:
    """Merged label raster of revisions of one tile, or of its quarters: uint8 (tile_px, tile_px), 0 = unlabelled."""
    return label_raster(features_of(revision_ids), tile_px=campaign.tile_px, values=values)


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
