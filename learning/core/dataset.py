"""Labelled tiles, what they weigh, and patches drawn from them. numpy only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning.errors import InvalidTrainingTile, NothingToLearn

UNLABELLED = 0
MAX_CLASS_WEIGHT = 10.0  # one lucky rare pixel must not steer a whole step


@dataclass(frozen=True, slots=True)
class LabelledTile:
    """One training or hold-out tile.

    Args:
        image: uint8 or uint16 (band, row, col), raw sensor values, bands in the network's order.
        labels: uint8 (row, col): 0 = unlabelled (ignored), k = class_codes[k - 1].
        weight: how much its pixels count in the loss: one number > 0 for all of them, or float32 (row, col) from 0;
            a pixel of weight 0 counts as unlabelled.
        valid: bool (row, col), False where the imagery has no data; None = all valid.

    Raises: InvalidTrainingTile: with the shapes or values met.
    """

    image: NDArray[np.uint8] | NDArray[np.uint16]
    labels: NDArray[np.uint8]
    weight: float | NDArray[np.float32] = 1.0
    valid: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together."""
        if self.image.ndim != 3 or self.image.dtype not in (np.uint8, np.uint16):
            raise InvalidTrainingTile(
                f"Image {self.image.dtype} {self.image.shape}: expected uint8 or uint16 (band, row, col)."
            )
        if self.labels.dtype != np.uint8 or self.labels.shape != self.image.shape[1:]:
            raise InvalidTrainingTile(
                f"Labels {self.labels.dtype} {self.labels.shape}: expected uint8 {self.image.shape[1:]}."
            )
        if self.valid is not None and (self.valid.dtype != np.bool_ or self.valid.shape != self.labels.shape):
            raise InvalidTrainingTile(f"Valid mask {self.valid.shape}: expected bool {self.labels.shape}.")
        if isinstance(self.weight, np.ndarray):
            _check_weights(self.weight, self.labels.shape)
        elif not (np.isfinite(self.weight) and self.weight > 0):
            raise InvalidTrainingTile(f"Tile weight {self.weight}: expected a positive number.")


@dataclass(frozen=True, slots=True)
class Normalisation:
    """How raw values become network input: (value - mean) / std, per band, in raw units of `dtype`; pixels without
    data become 0, the mean."""

    dtype: str
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """One pass over a training set: what it holds, in numbers.

    Args:
        class_pixels: int64 (class,), labelled valid pixels per class.
        broader_pixels: int64 (broader label,), pixels of labels that leave several classes open (see levels).
        labelled_tiles: indices of the tiles with at least one labelled pixel.
        sha256: digest of every array and weight, in order.
    """

    class_pixels: NDArray[np.int64]
    broader_pixels: NDArray[np.int64]
    labelled_tiles: tuple[int, ...]
    normalisation: Normalisation
    sha256: str


@dataclass(frozen=True, slots=True)
class PatchBatch:
    """Patches as cut, before anything is done to their values.

    Args:
        images: uint8 or uint16 (batch, band, crop, crop), raw values.
        labels: uint8 (batch, crop, crop), 0 = unlabelled.
        valid: bool (batch, crop, crop), False where there is no imagery.
        weights: float32 (batch,), of each patch's tile, or (batch, crop, crop) where pixels of a tile differ.
    """

    images: NDArray[np.uint8] | NDArray[np.uint16]
    labels: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    weights: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class AugmentOptions:
    """How far patches are changed; 0 = not at all.

    Args:
        turns: whether patches are turned by quarters and mirrored.
        contrast, brightness: largest change of gain (relative) and shift (in standard deviations of a band).
        zoom: largest enlargement or reduction, relative: 0.25 = 1/1.25 to 1.25.
        rotation: largest rotation in degrees beside the quarter turns.
    """

    turns: bool = True
    contrast: float = 0.2
    brightness: float = 0.2
    zoom: float = 0.0
    rotation: float = 0.0


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What is done to each patch of a batch, all arrays (batch,): first the transposition, then the flips."""

    transposed: NDArray[np.bool_]
    rows_flipped: NDArray[np.bool_]
    cols_flipped: NDArray[np.bool_]
    gain: NDArray[np.float32]
    shift: NDArray[np.float32]
    zoom: NDArray[np.float32]
    radians: NDArray[np.float32]

    def part(self, which: slice) -> Augmentation:
        """The same for some of the patches."""
        return Augmentation(*(getattr(self, entry.name)[which] for entry in fields(self)))


def summarise(tiles: Sequence[LabelledTile], *, n_bands: int, n_classes: int, n_broader: int = 0) -> TrainingSummary:
    """Read every tile once: class frequencies, per-band mean and deviation over valid pixels, digest.

    Args: n_broader: label values above n_classes that leave several classes open.
    Raises:
        InvalidTrainingTile: a tile has another number of bands, another type, or a label above these.
        NothingToLearn: no tile, no labelled pixel, or a single class.
    """
    n_values = n_classes + n_broader
    counts = np.zeros(n_values, np.int64)
    moments = np.zeros((3, n_bands))  # pixels, sum, sum of squares
    labelled: list[int] = []
    digest = hashlib.sha256(f"{n_bands} bands, {n_classes} classes".encode())
    dtype = tiles[0].image.dtype if len(tiles) else np.dtype(np.uint8)
    for index in range(len(tiles)):
        tile = tiles[index]
        if tile.image.shape[0] != n_bands or tile.image.dtype != dtype:
            raise InvalidTrainingTile(
                f"Tile {index} is {tile.image.dtype} with {tile.image.shape[0]} bands; expected {dtype} with {n_bands}."
            )
        labels = usable_labels(tile)
        if labels.max(initial=0) > n_values:
            raise InvalidTrainingTile(f"Tile {index} holds label {labels.max()}; only {n_values} classes exist.")
        found = np.bincount(labels.ravel(), minlength=n_values + 1)[1:]
        counts += found
        if found.any():
            labelled.append(index)
        moments += _moments(tile)
        _update_digest(digest, tile)
    _refuse_nothing(counts, n_tiles=len(tiles))
    return TrainingSummary(
        counts[:n_classes], counts[n_classes:], tuple(labelled), _normalisation(moments, dtype), digest.hexdigest()
    )


def usable_labels(tile: LabelledTile) -> NDArray[np.uint8]:
    """Labels with pixels that have no imagery, or no weight, set to unlabelled."""
    labels = tile.labels
    for known in (tile.valid, tile.weight > 0 if isinstance(tile.weight, np.ndarray) else None):
        if known is not None:
            labels = np.where(known, labels, np.uint8(UNLABELLED)).astype(np.uint8)
    return labels


def class_weights(class_pixels: NDArray[np.int64], *, power: float) -> NDArray[np.float32]:
    """Loss weight of each class: frequency ** -power, scaled so that the average pixel weighs 1.

    Args:    power: 0 = all equal, 1 = every class counts the same in total; between is usual.
    Returns: float32 (class,), at most 10 before scaling of the others; 1 for classes never seen.
    """
    seen = class_pixels > 0
    share = class_pixels[seen] / class_pixels.sum()
    raw = share**-power
    raw /= (share * raw).sum()
    weights = np.ones(len(class_pixels), np.float32)
    weights[seen] = np.minimum(raw, MAX_CLASS_WEIGHT)
    return weights


def draw_batch(
    tiles: Sequence[LabelledTile],
    *,
    labelled_tiles: Sequence[int],
    crop_px: int,
    rngs: Sequence[np.random.Generator],
) -> PatchBatch:
    """Draw a patch with each generator, tiles uniformly and with replacement.

    A patch depends on its own generator alone: processes that share a batch draw theirs and no other.
    """
    patches = []
    for rng in rngs:
        tile = tiles[labelled_tiles[int(rng.integers(len(labelled_tiles)))]]
        patches.append(draw_patch(tile, crop_px=crop_px, rng=rng))
    images, labels, valid, weights = zip(*patches, strict=True)
    if any(isinstance(weight, np.ndarray) for weight in weights):
        weights = tuple(np.broadcast_to(weight, (crop_px, crop_px)) for weight in weights)
    return PatchBatch(np.stack(images), np.stack(labels), np.stack(valid), np.asarray(weights, np.float32))


def draw_patch(
    tile: LabelledTile, *, crop_px: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8] | NDArray[np.uint16], NDArray[np.uint8], NDArray[np.bool_], float | NDArray[np.float32]]:
    """Cut a square patch that holds at least one labelled pixel of the tile.

    A tile smaller than the crop is mirrored outwards, and the mirrored part is unlabelled.

    Returns: image (band, crop, crop) as in the tile, labels uint8 (crop, crop), valid bool (crop, crop), weight as in
        the tile: a number, or float32 (crop, crop).
    """
    labels = usable_labels(tile)
    # Placing the crop around a labelled pixel keeps sparse labels from yielding empty patches.
    candidates = np.flatnonzero(labels)
    row, col = np.unravel_index(candidates[rng.integers(len(candidates))], labels.shape)
    top = _start(int(row), length=labels.shape[0], crop=crop_px, rng=rng)
    left = _start(int(col), length=labels.shape[1], crop=crop_px, rng=rng)
    if min(labels.shape) >= crop_px:
        window = np.s_[top : top + crop_px, left : left + crop_px]
        valid = np.ones((crop_px, crop_px), np.bool_) if tile.valid is None else tile.valid[window]
        return tile.image[:, *window], labels[window], valid, _cut(tile.weight, window)
    rows, cols = np.arange(top, top + crop_px), np.arange(left, left + crop_px)
    inside = _inside(rows, labels.shape[0])[:, None] & _inside(cols, labels.shape[1])[None, :]
    mirrored = np.ix_(mirror(rows, labels.shape[0]), mirror(cols, labels.shape[1]))
    patch = np.where(inside, labels[mirrored], np.uint8(UNLABELLED)).astype(np.uint8)
    valid = np.ones_like(inside) if tile.valid is None else tile.valid[mirrored]
    return tile.image[:, mirrored[0], mirrored[1]], patch, valid, _cut(tile.weight, mirrored)


def draw_augmentation(batch_size: int, *, options: AugmentOptions, rng: np.random.Generator) -> Augmentation:
    """Draw what is done to each patch: all eight turns and mirrorings alike, the rest uniformly within its bounds."""

    def within(bound: float) -> NDArray[np.float32]:
        return rng.uniform(-bound, bound, batch_size).astype(np.float32)

    transposed, rows, cols = rng.integers(0, 2, (3, batch_size)).astype(np.bool_) & options.turns
    gain, shift = 1 + within(options.contrast), within(options.brightness)
    zoom = np.exp(within(float(np.log1p(options.zoom))))
    return Augmentation(transposed, rows, cols, gain, shift, zoom, within(float(np.radians(options.rotation))))


def mirror(positions: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """Fold positions outside [0, length) back inside by reflection without repeating the edge."""
    if length == 1:
        return np.zeros_like(positions)
    period = 2 * (length - 1)
    folded = np.abs(positions) % period
    return np.where(folded < length, folded, period - folded)


def _check_weights(weights: NDArray[np.float32], shape: tuple[int, ...]) -> None:
    if weights.dtype != np.float32 or weights.shape != shape:
        raise InvalidTrainingTile(f"Weights {weights.dtype} {weights.shape}: expected float32 {shape}.")
    low, high = weights.min(initial=0), weights.max(initial=0)
    if not (low >= 0 and high < np.inf):  # neither holds of what is not a number
        raise InvalidTrainingTile(f"Weights of pixels go from {low} to {high}: expected finite numbers from 0.")


def _cut(weight: float | NDArray[np.float32], window: tuple[Any, ...]) -> float | NDArray[np.float32]:
    return weight[window] if isinstance(weight, np.ndarray) else weight


def _start(around: int, *, length: int, crop: int, rng: np.random.Generator) -> int:
    """Where a crop that covers `around` begins, inside the tile whenever the tile is large enough."""
    low, high = max(0, around - crop + 1), min(around, length - crop)
    return int(rng.integers(low, high + 1)) if length >= crop else -((crop - length) // 2)


def _inside(positions: NDArray[np.intp], length: int) -> NDArray[np.bool_]:
    return (positions >= 0) & (positions < length)


def _moments(tile: LabelledTile) -> NDArray[np.float64]:
    pixels = tile.image.reshape(tile.image.shape[0], -1)
    if tile.valid is not None:
        pixels = pixels[:, tile.valid.ravel()]
    values = pixels.astype(np.float64)
    count = np.full(values.shape[0], values.shape[1], np.float64)
    return np.stack([count, values.sum(axis=1), (values**2).sum(axis=1)])


def _normalisation(moments: NDArray[np.float64], dtype: np.dtype[np.generic]) -> Normalisation:
    count, total, squares = moments
    mean = total / np.maximum(count, 1)
    std = np.sqrt(np.maximum(squares / np.maximum(count, 1) - mean**2, 0))
    # A constant band carries nothing; dividing by at least one raw unit keeps it at zero.
    return Normalisation(str(dtype), tuple(mean.tolist()), tuple(np.maximum(std, 1.0).tolist()))


def _update_digest(digest: hashlib._Hash, tile: LabelledTile) -> None:
    mapped = tile.weight if isinstance(tile.weight, np.ndarray) else None
    weight = "by pixel" if mapped is not None else repr(tile.weight)
    digest.update(f"{tile.image.dtype}{tile.image.shape}{weight}{tile.valid is None}".encode())
    for array in (tile.image, tile.labels, tile.valid, mapped):
        if array is not None:
            digest.update(np.ascontiguousarray(array).tobytes())


def _refuse_nothing(counts: NDArray[np.int64], *, n_tiles: int) -> None:
    if not counts.any():
        raise NothingToLearn(f"{n_tiles} tiles hold no labelled pixel; label some tiles, then train again.")
    if np.count_nonzero(counts) == 1:
        only = int(np.flatnonzero(counts)[0])
        raise NothingToLearn(
            f"All {int(counts.sum())} labelled pixels have one class (number {only + 1}); label a second class first."
        )
