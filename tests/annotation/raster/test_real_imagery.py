"""Imagery as agencies publish it. The files are not part of the repository; without them these tests are skipped."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from annotation.raster import errors, map_tiles
from annotation.raster.ingest import inspect_sources
from annotation.raster.isolated_ingest import rewrite_isolated

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "georef-samples"
NAIP = DATA / "naip-north-dakota" / "m_4709963_se_14_1_20150926.tif"
SWISSIMAGE = DATA / "swissimage-zurich" / "images" / "1091-322.tif"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the sample imagery (../shared/data) is not on this machine")


def test_a_naip_quarter_quad_keeps_its_four_bands_and_its_grid(tmp_path):
    layer = rewrite_isolated([NAIP], out_dir=tmp_path / "naip", require_isolation=False)
    assert (layer.grid.crs, layer.grid.transform) == ("EPSG:26914", (5.0, 0.0, 485900.0, 0.0, -5.0, 5209245.0))
    assert (layer.grid.width, layer.grid.height, layer.gsd_m, layer.nodata) == (934, 723, 5.0, 0)
    assert layer.bands == ["R", "G", "B", "NIR"]
    with rasterio.open(NAIP, driver="GTiff") as source, rasterio.open(layer.analysis_path, driver="GTiff") as ours:
        assert np.array_equal(source.read(), ours.read())
        assert np.array_equal(source.dataset_mask(), ours.dataset_mask())
    for view in ("rgb", "irc", "ndvi", "band-NIR"):
        tile = map_tiles.native_tile(layer.folder, 2, 1, 1, bands=layer.bands, stretch=layer.stretch, view=view)
        assert np.asarray(Image.open(io.BytesIO(tile))).std() > 10


def test_a_swissimage_scene_in_jpeg_is_read_once_and_kept(tmp_path):
    layer = rewrite_isolated([SWISSIMAGE], out_dir=tmp_path / "swiss", require_isolation=False)
    assert (layer.grid.crs, layer.gsd_m, layer.bands) == ("EPSG:2056", 0.5, ["R", "G", "B"])
    with (
        rasterio.open(SWISSIMAGE, driver="GTiff") as source,
        rasterio.open(layer.analysis_path, driver="GTiff") as ours,
    ):
        assert np.array_equal(source.read(), ours.read())
    assert (np.load(layer.valid_path) == 255).all()


def test_two_naip_flights_a_fifth_of_a_pixel_apart_make_one_mosaic():
    other = NAIP.with_name("m_4709963_se_14_1_20200831.tif")
    report = inspect_sources([NAIP, other])
    # The second begins at (485899, 5209246): one metre left and up, which is 0.2 pixels of 5 m.
    assert report.sources[1].offset_px == (0, 0)
    assert report.sources[1].shift_px == (pytest.approx(0.2), pytest.approx(0.2))


def test_infrared_aerial_imagery_marked_with_alpha_keeps_its_fourth_band():
    report = inspect_sources([next((DATA / "treesatai-aerial").glob("*.tif"))])
    assert report.bands == ("R", "G", "B", "NIR")
    assert report.gsd_m == pytest.approx(0.2)


def test_pixels_a_quarter_higher_than_wide_are_refused():
    path = DATA.parent / "chesapeake-naip-1m" / "georef" / "m_3907833_nw_17_1_naip-new.tif"
    with pytest.raises(errors.UnusableGeotransform, match=r"0\.801 times as wide as high"):
        inspect_sources([path])


def test_a_patch_without_a_place_is_refused():
    path = next((DATA.parent / "chesapeake-naip-1m" / "images").glob("*.tif"))
    with pytest.raises(errors.MissingGeoreference):
        inspect_sources([path])
