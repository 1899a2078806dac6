from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.transform import from_origin

from annotation.core.grid import PixelWindow
from learning.core.map_copies import write_cut, write_hidden_copy

COLOURS = {0: (0, 0, 0, 0), 1: (200, 0, 0, 255), 2: (0, 200, 0, 255)}
SIDE = 1200  # more than two blocks, so that there are overviews


def write_map(path: Path, values: np.ndarray, *, colours: dict | None = None) -> Path:
    flat = path.with_suffix(".flat.tif")
    height, width = values.shape
    with rasterio.open(
        flat, "w", driver="GTiff", width=width, height=height, count=1, dtype="uint8", nodata=0,
        crs="EPSG:2154", transform=from_origin(500_000, 6_290_000, 0.2, 0.2),
    ) as target:  # fmt: skip
        target.write(values, 1)
        if colours:
            target.write_colormap(1, colours)
    with rasterio.open(flat, driver="GTiff") as source:
        rasterio.shutil.copy(source, path, driver="COG", BLOCKSIZE="512", COMPRESS="DEFLATE")
    return path


def test_hidden_rectangles_have_no_value_at_any_scale_and_all_else_is_as_it_was(tmp_path):
    values = np.where(np.arange(SIDE) < 700, 1, 2).astype(np.uint8) * np.ones((SIDE, 1), np.uint8)
    source = write_map(tmp_path / "class.tif", values, colours=COLOURS)
    hidden = [PixelWindow(448, 384, 256, 256), PixelWindow(1024, 1152, 176, 48)]
    write_hidden_copy(source, tmp_path / "copy.tif", hidden=hidden, overviews="MODE")

    expected = values.copy()
    expected[384:640, 448:704] = 0
    expected[1152:1200, 1024:1200] = 0
    with rasterio.open(tmp_path / "copy.tif", driver="GTiff") as copy, rasterio.open(source, driver="GTiff") as made_of:
        assert (copy.read(1) == expected).all()
        assert (copy.crs, copy.transform, copy.nodata) == (made_of.crs, made_of.transform, 0)
        assert copy.colormap(1)[2] == COLOURS[2] and copy.overviews(1) == [2, 4]
    for level, factor in ((0, 2), (1, 4)):
        with rasterio.open(tmp_path / "copy.tif", driver="GTiff", OVERVIEW_LEVEL=level) as coarse:
            # Both rectangles begin and end on multiples of four, so every coarse pixel is inside or outside.
            assert (coarse.read(1) == expected[::factor, ::factor]).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["class.flat.tif", "class.tif", "copy.tif"]


def test_a_hidden_neighbour_does_not_weaken_an_average(tmp_path):
    values = np.full((SIDE, SIDE), 200, np.uint8)
    source = write_map(tmp_path / "entropy.tif", values)
    hidden = [PixelWindow(0, 0, 601, 601)]  # an odd side: coarse pixels at its edge cover both
    write_hidden_copy(source, tmp_path / "copy.tif", hidden=hidden, overviews="AVERAGE")
    with rasterio.open(tmp_path / "copy.tif", driver="GTiff", OVERVIEW_LEVEL=0) as coarse:
        assert set(np.unique(coarse.read(1))) == {0, 200}


def test_a_cut_has_the_pixels_of_its_window_with_the_values_and_colours_given(tmp_path):
    values = np.array([[0, 1], [2, 3]], np.uint8).repeat(600, axis=0).repeat(600, axis=1)
    source = write_map(tmp_path / "class.tif", values, colours=COLOURS)
    table = {0: (0, 0, 0, 0), 7: (1, 2, 3, 255), 9: (4, 5, 6, 255)}
    window = PixelWindow(590, 100, 605, 1090)  # rows of three blocks, none from its beginning to its end
    target = tmp_path / "new" / "class.tif"
    assert write_cut(source, target, window=window, overviews="MODE", values={1: 9, 2: 7}, colours=table)
    expected = np.zeros((1090, 605), np.uint8)
    expected[:500, 10:], expected[500:, :10] = 9, 7
    with rasterio.open(target, driver="GTiff") as cut:
        assert (cut.read(1) == expected).all(), "a value that was given no other becomes 0"
        assert cut.colormap(1)[9] == (4, 5, 6, 255)
        assert cut.transform[:6] == (0.2, 0, 500_000 + 590 * 0.2, 0, -0.2, 6_290_000 - 100 * 0.2)


def test_a_cut_in_which_nothing_is_known_leaves_no_file(tmp_path):
    values = np.zeros((SIDE, SIDE), np.uint8)
    values[:, 600:] = 3
    source = write_map(tmp_path / "class.tif", values, colours=COLOURS)
    for window in (PixelWindow(0, 0, 600, SIDE), PixelWindow(600, 0, 600, SIDE)):
        target = tmp_path / "cut.tif"
        assert not write_cut(source, target, window=window, overviews="MODE", values={1: 1}, colours=COLOURS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["class.flat.tif", "class.tif"]
