"""How far two pictures of one ground lie apart, to a fraction of a pixel. numpy only.

Two flights of one place are never laid on exactly the same ground. What is moved by a pixel looks like change along
every edge: the shift has to be known before two maps are held against each other.

Source: phase correlation (Kuglin & Hines 1975), its peak refined by a discrete Fourier transform on a fine grid around
it (Guizar-Sicairos, Thurman & Fienup 2008, Optics Letters 33:156-158, doi 10.1364/OL.33.000156).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LEAST_TEXTURE = 1e-3  # of a window's gradients, in units of its range: below, it is flat ground or water
LEAST_PEAK = 2.0  # of the correlation's highest place over the next one: below, the pictures show nothing in common
_APART_PX = 8  # within which a place is part of the highest one
_FINE = 20  # steps of a pixel around the peak
_LOW_PASS = 0.25  # cycles a pixel: above, there is noise and the sensor's own grid


@dataclass(frozen=True, slots=True)
class Shift:
    """How far the second picture lies from the first, in pixels: +x to the right, +y down; and how clear that is."""

    x_px: float
    y_px: float
    peak: float


@dataclass(frozen=True, slots=True)
class Registration:
    """How far a layer lies from another one, over all its ground.

    Args:
        x, y: median of the windows' shifts, in their unit.
        spread: within which distance of it 95 % of the windows lie.
        windows: how many could be measured. looked_at: of how many.
    """

    x: float
    y: float
    spread: float
    windows: int
    looked_at: int

    @property
    def distance(self) -> float:
        """Length of the shift."""
        return float(np.hypot(self.x, self.y))


def window_shift(first: NDArray[np.generic], second: NDArray[np.generic]) -> Shift | None:
    """The shift between two pictures of the same ground, or None where they have nothing clear in common.

    What is compared are gradients, so that another season's or sensor's brightness does not matter.

    Args: first, second: (row, col) of one shape, any numbers, both known everywhere.
    """
    edges = [_edges(picture) for picture in (first, second)]
    if any(found is None for found in edges):
        return None
    spectra = [np.fft.fft2(found) for found in edges if found is not None]
    product = spectra[1] * np.conj(spectra[0])
    size = np.abs(product)
    phase = np.divide(product, size, out=np.zeros_like(product), where=size > 0)
    phase *= _low_pass(first.shape)
    surface = np.fft.ifft2(phase).real
    row, col = np.unravel_index(int(surface.argmax()), surface.shape)
    height, width = surface.shape
    elsewhere = np.roll(surface, (_APART_PX - int(row), _APART_PX - int(col)), axis=(0, 1))
    elsewhere[: 2 * _APART_PX + 1, : 2 * _APART_PX + 1] = -np.inf
    peak = float(surface.max() / max(elsewhere.max(), np.finfo(np.float64).tiny))
    down = int(row) - height if row > height // 2 else int(row)
    right = int(col) - width if col > width // 2 else int(col)
    # Beyond a quarter of the window most of the two shows different ground.
    if peak < LEAST_PEAK or abs(down) > height // 4 or abs(right) > width // 4:
        return None
    fine_down, fine_right = _refined(phase, down, right)
    return Shift(fine_right, fine_down, peak)


def registration(shifts: Sequence[Shift], *, looked_at: int) -> Registration | None:
    """The shift of a layer as its windows tell it; None where none could be measured."""
    if not shifts:
        return None
    places = np.array([(shift.x_px, shift.y_px) for shift in shifts])
    middle = np.median(places, axis=0)
    away = np.hypot(*(places - middle).T)
    return Registration(float(middle[0]), float(middle[1]), float(np.quantile(away, 0.95)), len(shifts), looked_at)


def _edges(picture: NDArray[np.generic]) -> FloatArray | None:
    """Lengths of the gradients, faded out towards the border; None where the picture is flat."""
    values = picture.astype(np.float64)
    reach = np.ptp(values)
    if reach == 0:
        return None
    down, right = np.gradient(values / reach)
    length = np.hypot(down, right)
    if length.std() < LEAST_TEXTURE:
        return None
    length -= length.mean()
    fade: FloatArray = length * np.hanning(length.shape[0])[:, None] * np.hanning(length.shape[1])[None, :]
    return fade


def _low_pass(shape: tuple[int, ...]) -> FloatArray:
    rows, cols = np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None, :]
    return np.asarray(np.exp(-(rows**2 + cols**2) / (2 * (_LOW_PASS / 2) ** 2)))


def _refined(phase: NDArray[np.complex128], down: int, right: int) -> tuple[float, float]:
    """The peak on a grid of 1/20 pixel within one and a half pixels of where it was seen."""
    steps = np.arange(-1.5, 1.5 + 1e-9, 1 / _FINE)
    rows, cols = (np.fft.fftfreq(length) for length in phase.shape)
    by_row = np.exp(2j * np.pi * np.outer(down + steps, rows))
    by_col = np.exp(2j * np.pi * np.outer(cols, right + steps))
    surface = (by_row @ phase @ by_col).real
    row, col = np.unravel_index(int(surface.argmax()), surface.shape)
    return float(down + steps[row]), float(right + steps[col])
