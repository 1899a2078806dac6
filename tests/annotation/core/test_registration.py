"""Shifts between two pictures of one ground, known because the second was moved by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from annotation.core.registration import Shift, registration, window_shift

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


def ground(seed: int = 0, side: int = 320) -> NDArray[np.float64]:
    """Fields and roofs: rectangles of many shades, a little blurred and noisy."""
    rng = np.random.default_rng(seed)
    picture = np.full((side, side), 90.0)
    for _ in range(90):
        row, col, height, width = rng.integers(0, side - 8), rng.integers(0, side - 8), *rng.integers(6, 60, 2)
        picture[row : row + height, col : col + width] = rng.uniform(20, 220)
    return picture + rng.normal(0, 2, picture.shape)


def moved(picture: NDArray[np.float64], *, x: float, y: float) -> NDArray[np.float64]:
    """The picture moved to the right and down, by the theorem of the Fourier transform on shifts."""
    rows, cols = np.fft.fftfreq(picture.shape[0])[:, None], np.fft.fftfreq(picture.shape[1])[None, :]
    return np.fft.ifft2(np.fft.fft2(picture) * np.exp(-2j * np.pi * (y * rows + x * cols))).real


def middle(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    return picture[32:288, 32:288]


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (3.0, -7.0), (0.4, 0.25), (-12.6, 5.3)])
def test_a_shift_is_found_to_a_tenth_of_a_pixel(x: float, y: float) -> None:
    picture = ground()
    found = window_shift(middle(picture), middle(moved(picture, x=x, y=y)))
    assert found is not None
    assert (found.x_px, found.y_px) == (pytest.approx(x, abs=0.1), pytest.approx(y, abs=0.1))


def test_another_light_and_haze_do_not_move_the_ground() -> None:
    picture = ground()
    rng = np.random.default_rng(5)
    later = 60 + 0.4 * moved(picture, x=2.5, y=-1.5) + rng.normal(0, 3, picture.shape)
    found = window_shift(middle(picture), middle(later))
    assert found is not None
    assert (found.x_px, found.y_px) == (pytest.approx(2.5, abs=0.15), pytest.approx(-1.5, abs=0.15))


def test_flat_ground_and_ground_that_has_nothing_in_common_are_not_measured() -> None:
    flat = np.full((256, 256), 7)
    assert window_shift(flat, middle(ground())) is None
    assert window_shift(middle(ground(1)), middle(ground(2))) is None


def test_the_layers_shift_is_the_median_and_some_wrong_windows_do_not_move_it() -> None:
    shifts = [Shift(1.0, 2.0, 9.0)] * 8 + [Shift(1.2, 2.0, 9.0), Shift(40.0, -30.0, 5.0)]
    found = registration(shifts, looked_at=16)
    assert found is not None
    assert (found.x, found.y, found.windows, found.looked_at) == (1.0, 2.0, 10, 16)
    assert found.distance == pytest.approx(5**0.5)
    assert registration([], looked_at=16) is None


def test_real_imagery_moved_by_a_known_shift_is_measured() -> None:
    import rasterio

    folder = SHARED / "dubai-aerial" / "images"
    if not folder.exists():
        pytest.skip("needs the real images of shared/data/dubai-aerial")
    found = []
    for path in sorted(folder.glob("*.jpg"))[:12]:
        with rasterio.open(path, driver="JPEG") as file:
            picture = file.read(2)[:320, :320].astype(np.float64)
        found.append(window_shift(middle(picture), middle(moved(picture, x=1.3, y=-0.7))))
    measured = [shift for shift in found if shift is not None]
    assert len(measured) >= 6
    layer = registration(measured, looked_at=len(found))
    assert layer is not None
    assert (layer.x, layer.y) == (pytest.approx(1.3, abs=0.1), pytest.approx(-0.7, abs=0.1))
