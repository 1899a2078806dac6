"""The truth simulated people look at: label rasters on the imagery's grid, and a hand's errors."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import rasterio
from rasterio.windows import Window
from scipy import ndimage

from demo.parcels import smooth_noise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

#: Covers people mistake for one another on an aerial image; other nomenclatures use a neighbour on the tile.
CONFUSABLE = {
    "CS1.1.1.2": "CS1.1.2.1",
    "CS1.1.2.1": "CS1.2.1",
    "CS1.2.1": "CS2.2.1",
    "CS2.1.3": "CS2.2.1",
    "CS2.2.1": "CS1.2.1",
    "CS2.1.1.1": "CS2.2.1",
}


@dataclass(frozen=True, slots=True)
class _Piece:
    path: Path
    x_px: int
    y_px: int
    width: int
    height: int


class TruthMosaic:
    """Label rasters read by windows on the pixel grid of one imagery layer; the first file wins."""

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        transform: tuple[float, float, float, float, float, float],
        class_codes: Mapping[int, str],
    ) -> None:
        """transform is the layer's (a, b, c, d, e, f); a lone raster without one lies at the layer's origin.

        Raises ValueError for a label raster whose pixels are not the imagery's.
        """
        self.class_codes = dict(class_codes)
        self._pieces: list[_Piece] = []
        a, _, c, _, e, f = transform
        for path in paths:
            with rasterio.open(path, driver="GTiff") as file:
                placed = file.crs is not None and not file.transform.is_identity
                if not placed and len(paths) > 1:
                    raise ValueError(f"{path.name} has no georeferencing: give one label raster, or place them all")
                own = file.transform
                if placed and (abs(own.a / a - 1) > 1e-6 or abs(own.e / e - 1) > 1e-6):
                    raise ValueError(
                        f"{path.name} has pixels of {own.a} x {own.e}, the imagery {a} x {e}: resample the labels first"
                    )
                x_px = round((own.c - c) / a) if placed else 0
                y_px = round((own.f - f) / e) if placed else 0
                self._pieces.append(_Piece(path, x_px, y_px, file.width, file.height))

    def window(self, *, x_px: int, y_px: int, size_px: int) -> NDArray[np.uint8]:
        """Values of a square of the layer, uint8 (size_px, size_px); 0 where nothing is known."""
        values = np.zeros((size_px, size_px), dtype=np.uint8)
        free = np.ones((size_px, size_px), dtype=bool)
        for piece in self._pieces:
            left, top = max(x_px, piece.x_px), max(y_px, piece.y_px)
            right = min(x_px + size_px, piece.x_px + piece.width)
            bottom = min(y_px + size_px, piece.y_px + piece.height)
            if left >= right or top >= bottom:
                continue
            inner = Window(left - piece.x_px, top - piece.y_px, right - left, bottom - top)
            # A dataset handle belongs to one thread; opening costs less than a millisecond.
            with rasterio.open(piece.path, driver="GTiff") as file:
                read = file.read(1, window=inner)
            place = (slice(top - y_px, bottom - y_px), slice(left - x_px, right - x_px))
            values[place] = np.where(free[place], read, values[place])
            free[place] = False
        values[~np.isin(values, list(self.class_codes))] = 0
        return values


@dataclass(frozen=True, slots=True)
class Hand:
    """How one person draws: the size and the frequency of their errors."""

    name: str
    seed: int
    jitter_px: float
    missed_below_px: int
    missed_share: float
    confused_share: float
    unlabelled_share: float

    @classmethod
    def of(cls, name: str, *, seed: int) -> Hand:
        """Draw a person's habits: reliable to careless, always the same for a name and a seed."""
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        careless = float(rng.uniform(0.2, 1.0))
        return cls(
            name=name,
            seed=seed,
            jitter_px=0.8 + 1.4 * careless,
            missed_below_px=round(30 + 90 * careless),
            missed_share=0.25 + 0.4 * careless,
            confused_share=0.01 + 0.05 * careless,
            unlabelled_share=0.04 * careless * float(rng.uniform(0.5, 1.0)),
        )

    def draw(
        self,
        truth: NDArray[np.uint8],
        *,
        class_codes: Mapping[int, str],
        place: tuple[int, int],
        attempt: int = 0,
    ) -> NDArray[np.uint8]:
        """Label a tile as this person would, uint8 of the shape of truth; 0 where they left the ground.

        place (row, col) and attempt make the errors repeatable; from the second attempt on they take care:
        nothing is confused or left out.
        """
        rng = np.random.default_rng([self.seed, zlib.crc32(self.name.encode()), *place, attempt])
        careful = attempt > 0
        labels = _shaky_outline(truth, jitter_px=self.jitter_px * (0.5 if careful else 1.0), rng=rng)
        labels = _smooth_outline(labels)
        if not careful:
            labels = self._confuse(labels, class_codes=class_codes, rng=rng)
        labels = self._miss_small(labels, rng=rng)
        if not careful and rng.random() < 0.4:
            surface = smooth_noise(rng, size_px=truth.shape[0], wavelength_px=truth.shape[0] / 4)
            labels[surface > np.quantile(surface, 1.0 - 2.5 * self.unlabelled_share)] = 0
        labels[truth == 0] = 0
        return labels

    def _confuse(
        self, labels: NDArray[np.uint8], *, class_codes: Mapping[int, str], rng: np.random.Generator
    ) -> NDArray[np.uint8]:
        values = {code: value for value, code in class_codes.items()}
        present = [int(value) for value in np.unique(labels) if value]
        result = labels.copy()
        for value in present:
            named = values.get(CONFUSABLE.get(class_codes[value], ""))
            others = [other for other in present if other != value]
            mistaken = named if named is not None else (int(rng.choice(others)) if others else None)
            patches, count = ndimage.label(labels == value)
            if mistaken is None or not count:
                continue
            struck = np.flatnonzero(rng.random(count) < self.confused_share) + 1
            result[np.isin(patches, struck)] = mistaken
        return result

    def _miss_small(self, labels: NDArray[np.uint8], *, rng: np.random.Generator) -> NDArray[np.uint8]:
        missed = np.zeros(labels.shape, dtype=bool)
        for value in np.unique(labels):
            if value == 0:
                continue
            patches, count = ndimage.label(labels == value)
            sizes = np.bincount(patches.ravel(), minlength=count + 1)[1:]
            unseen = (sizes < self.missed_below_px) & (rng.random(count) < self.missed_share)
            missed |= np.isin(patches, np.flatnonzero(unseen) + 1)
        if not missed.any() or missed.all():
            return labels
        nearest = ndimage.distance_transform_edt(missed, return_distances=False, return_indices=True)
        filled: NDArray[np.uint8] = labels[tuple(nearest)]
        return filled


def _shaky_outline(labels: NDArray[np.uint8], *, jitter_px: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    size = labels.shape[0]
    rows, cols = np.mgrid[0:size, 0:size].astype(np.float32)
    wavelength = max(size / 8, 8.0)
    rows += 0.7 * jitter_px * smooth_noise(rng, size_px=size, wavelength_px=wavelength)
    cols += 0.7 * jitter_px * smooth_noise(rng, size_px=size, wavelength_px=wavelength)
    at = (
        np.clip(np.rint(rows), 0, size - 1).astype(np.intp),
        np.clip(np.rint(cols), 0, size - 1).astype(np.intp),
    )
    shaken: NDArray[np.uint8] = labels[at]
    return shaken


def _smooth_outline(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each pixel takes the class with the most weight around it: nobody draws every jag."""
    values = np.unique(labels)
    weights = [ndimage.gaussian_filter((labels == value).astype(np.float32), 1.2) for value in values]
    smooth: NDArray[np.uint8] = values[np.argmax(weights, axis=0)]
    return smooth
