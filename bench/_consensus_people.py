"""Simulated annotators for bench/consensus.py: they see the truth and err as people do, each in their own way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

UInt8Array = NDArray[np.uint8]

WAVELENGTH_PX = 12.0  # over which an outline wanders to one side


@dataclass(frozen=True, slots=True)
class Person:
    """How somebody errs.

    Args:
        outline_px: how far their outlines wander, one standard deviation.
        confused: chance that a whole area of a class (row - 1) is given another (column - 1); rows sum to less than 1.
        omitted: chance that an area is not labelled.
    """

    outline_px: float
    confused: NDArray[np.float64]
    omitted: float

    @classmethod
    def drawn(cls, rng: np.random.Generator, *, n_classes: int) -> Person:
        """A person from the ranges below: outlines within 1 to 3 px, 2 to 8 % of areas mistaken at random, two weak
        spots (one class taken for another in 15 to 40 % of its areas), 2 to 8 % of areas left out.
        """
        confused = np.full((n_classes, n_classes), float(rng.uniform(0.02, 0.08)) / (n_classes - 1))
        np.fill_diagonal(confused, 0.0)
        for weak in rng.choice(n_classes, size=2, replace=False):
            taken_for = rng.choice([other for other in range(n_classes) if other != weak])
            confused[weak, taken_for] += float(rng.uniform(0.15, 0.40))
        return cls(float(rng.uniform(1.0, 3.0)), confused, float(rng.uniform(0.02, 0.08)))

    def label(self, truth: UInt8Array, rng: np.random.Generator) -> UInt8Array:
        """The tile as they label it: uint8 (row, col), 0 = left out. Ground without a truth stays unlabelled."""
        labels = self._wandering(truth, rng)
        result = labels.copy()
        n_classes = len(self.confused)
        for value in range(1, n_classes + 1):
            areas, count = ndimage.label(labels == value)
            if count == 0:
                continue
            chances = self.confused[value - 1]
            kept = np.append(chances, [self.omitted, 1.0 - self.omitted - chances.sum()])
            given = np.array([*range(1, n_classes + 1), 0, value], np.uint8)
            outcome = given[rng.choice(n_classes + 2, size=count, p=kept)]
            result = np.where(areas > 0, np.concatenate([[0], outcome])[areas], result)
        return np.where(truth > 0, result, 0).astype(np.uint8)

    def _wandering(self, truth: UInt8Array, rng: np.random.Generator) -> UInt8Array:
        """Outlines moved by a smooth random field."""
        shifts = [ndimage.gaussian_filter(rng.normal(size=truth.shape), WAVELENGTH_PX) for _ in range(2)]
        rows, cols = np.mgrid[0 : truth.shape[0], 0 : truth.shape[1]].astype(np.float64)
        moved = [axis + self.outline_px * field / field.std() for axis, field in zip((rows, cols), shifts, strict=True)]
        warped: UInt8Array = ndimage.map_coordinates(truth, moved, order=0, mode="nearest")
        return warped


def generated_tiles(rng: np.random.Generator, *, count: int, n_classes: int, tile_px: int) -> list[UInt8Array]:
    """Tiles of areas around random seeds, where no real labels are at hand."""
    tiles = []
    for _ in range(count):
        seeds = rng.uniform(0, tile_px, (14, 2))
        classes = rng.choice(n_classes, size=14, p=_shares(n_classes)) + 1
        rows, cols = np.mgrid[0:tile_px, 0:tile_px]
        distance = (rows[..., None] - seeds[:, 0]) ** 2 + (cols[..., None] - seeds[:, 1]) ** 2
        tiles.append(classes[distance.argmin(axis=-1)].astype(np.uint8))
    return tiles


def _shares(n_classes: int) -> NDArray[np.float64]:
    """Some classes common, some rare."""
    shares = 0.6 ** np.arange(n_classes)
    normalised: NDArray[np.float64] = shares / shares.sum()
    return normalised
