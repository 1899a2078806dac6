from __future__ import annotations

import numpy as np
import pytest

from annotation.core.grid import PixelWindow
from annotation.raster import errors
from annotation.raster.ingest import rewrite_as_layer
from annotation.raster.reader import band_indexes, open_layer, pixel_grid, read_window

PIXELS = np.random.default_rng(6).integers(1, 60_000, (4, 90, 120), dtype=np.uint16)


@pytest.fixture
def layer(make_tiff, tmp_path):
    pixels = PIXELS.copy()
    pixels[:, :10, :10] = 0
    return rewrite_as_layer([make_tiff(pixels, nodata=0)], out_dir=tmp_path / "layer")


def test_a_window_inside_gives_exactly_its_pixels(layer):
    pixels, valid = read_window(layer.analysis_path, PixelWindow(20, 30, 40, 25))
    assert (pixels.shape, pixels.dtype, valid.shape) == ((4, 25, 40), np.uint16, (25, 40))
    assert np.array_equal(pixels, PIXELS[:, 30:55, 20:60])
    assert valid.all()


def test_bands_come_by_name_in_the_order_asked(layer):
    pixels, _ = read_window(layer.analysis_path, PixelWindow(20, 30, 4, 4), bands=["NIR", "R"])
    assert np.array_equal(pixels, PIXELS[[3, 0], 30:34, 20:24])
    with pytest.raises(errors.UnknownBand, match="R, G, B, NIR, not SWIR"):
        read_window(layer.analysis_path, PixelWindow(0, 0, 4, 4), bands=["SWIR"])


def test_a_window_that_reaches_outside_is_filled_and_invalid_there(layer):
    pixels, valid = read_window(layer.analysis_path, PixelWindow(-5, 80, 20, 20), fill=7)
    assert (pixels[:, :, :5] == 7).all()
    assert (pixels[:, 10:] == 7).all()
    assert np.array_equal(pixels[:, :10, 5:], PIXELS[:, 80:90, 0:15])
    assert valid[:10, 5:].all()
    assert valid.sum() == 10 * 15


@pytest.mark.parametrize("place", [(-50, 0), (200, 0), (0, 500), (120, 0)])
def test_a_window_wholly_outside_is_all_fill(layer, place):
    pixels, valid = read_window(layer.analysis_path, PixelWindow(*place, 20, 20), fill=3)
    assert (pixels == 3).all()
    assert not valid.any()


def test_masked_pixels_are_invalid(layer):
    _, valid = read_window(layer.analysis_path, PixelWindow(5, 5, 10, 10))
    assert valid.sum() == 100 - 25
    assert not valid[:5, :5].any()


def test_an_open_raster_serves_many_windows(layer):
    with open_layer(layer.analysis_path) as dataset:
        for col in (0, 40, 80):
            pixels, _ = read_window(dataset, PixelWindow(col, 50, 40, 40), bands=["G"])
            assert np.array_equal(pixels[0], PIXELS[1, 50:90, col : col + 40])
        assert pixel_grid(dataset) == layer.grid
        assert band_indexes(dataset, None) == [1, 2, 3, 4]
