"""Infrared and heights stacked beside colours, by band name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from annotation.core.grid import PixelWindow
from annotation.raster import errors, plans
from annotation.raster.cells import CellIndex
from annotation.raster.reader import open_layer, read_window
from tests.annotation.raster.cell_scene import as_cells, smooth, write_file


@pytest.fixture
def colours(tmp_path: Path) -> list[Path]:
    """Two files side by side: 640 x 600 pixels of 0.2 m."""
    return [
        write_file(tmp_path / "rgb-a.tif", smooth(600, 320, seed=1), col=0, row=0),
        write_file(tmp_path / "rgb-b.tif", smooth(600, 320, seed=2), col=320, row=0),
    ]


def test_infrared_and_heights_are_added_by_name_from_files_of_the_same_ground(tmp_path, colours):
    irc, heights = smooth(600, 640, seed=3), smooth(120, 128, bands=1, seed=4)
    stack = [
        {"paths": [write_file(tmp_path / "irc.tif", irc, col=0, row=0)], "bands": ["NIR", "-", "-"]},
        {"paths": [write_file(tmp_path / "h.tif", heights, col=0, row=0, gsd_m=1.0)], "bands": ["height"]},
    ]
    layer = as_cells(colours, tmp_path / "layer", stack=stack)
    assert layer.bands == ["R", "G", "B", "NIR", "height"]
    pixels, valid = read_window(layer.analysis_path, PixelWindow(0, 0, 640, 600))
    assert valid.all()
    assert np.array_equal(pixels[:3], np.concatenate([smooth(600, 320, seed=1), smooth(600, 320, seed=2)], axis=2))
    assert np.array_equal(pixels[3], irc[0])
    assert np.array_equal(pixels[4], np.kron(heights[0], np.ones((5, 5), np.uint8)))
    # Which file is seen is said of those that give the grid.
    shown = [files.shown_px for files in CellIndex.load(layer.analysis_path).cells.values()]
    assert sum(count for cell in shown for count in cell.values()) == 640 * 600
    assert {number for cell in shown for number in cell} == {1, 2}


def test_a_coarser_file_may_begin_elsewhere_and_ground_without_it_is_invalid(tmp_path, colours):
    heights = smooth(50, 60, bands=1, seed=4)
    # Its corner lies 13 pixels right of the layer's and 7 above: no multiple of its own 5.
    path = write_file(tmp_path / "h.tif", heights, col=13, row=-7, gsd_m=1.0)
    layer = as_cells(colours, tmp_path / "layer", stack=[{"paths": [path], "bands": ["height"]}])
    pixels, valid = read_window(layer.analysis_path, PixelWindow(0, 0, 640, 600))
    wanted = np.zeros((600, 640), dtype=bool)
    wanted[: 250 - 7, 13 : 13 + 300] = True
    assert np.array_equal(valid, wanted)
    assert np.array_equal(pixels[3][wanted].reshape(243, 300), np.kron(heights[0], np.ones((5, 5), np.uint8))[7:, :])


def test_nodata_in_a_stacked_band_makes_the_pixel_invalid(tmp_path, colours):
    irc = smooth(600, 640, bands=1, seed=3)
    irc[0, 100:110, 200:220] = 0
    stack = [{"paths": [write_file(tmp_path / "irc.tif", irc, col=0, row=0)], "bands": ["NIR"]}]
    layer = as_cells(colours, tmp_path / "layer", stack=stack)
    with open_layer(layer.analysis_path) as raster:
        valid = raster.dataset_mask() > 0
    assert not valid[100:110, 200:220].any()
    assert valid.sum() == 600 * 640 - 200


@pytest.mark.parametrize(
    ("options", "bands", "met"),
    [
        ({"gsd_m": 0.3}, ["NIR"], r"pixels of 0\.3 x 0\.3, 1\.5 times"),
        ({"gsd_m": 0.1}, ["NIR"], r"0\.5 times .* finest files first"),
        ({"col": 3.3}, ["NIR"], r"0\.30 pixels beside"),
        ({"dtype": np.uint16}, ["NIR"], "uint16"),
        ({}, ["NIR", "R"], "1 bands gray, and 2 names"),
        ({}, ["R"], "would add the bands R to R, G, B"),
        ({}, ["-"], "would add the bands none"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_was_met(tmp_path, colours, options, bands, met):
    place = {"col": options.pop("col", 0), "row": 0}
    pixels = smooth(40, 40, bands=1).astype(options.pop("dtype", np.uint8))
    path = write_file(tmp_path / "other.tif", pixels, **place, **options)
    with pytest.raises(errors.SourcesDoNotMatch, match=met):
        plans.plan_import(colours, stack=[{"paths": [path], "bands": bands}])


def test_a_plan_survives_json(tmp_path, colours):
    path = write_file(tmp_path / "h.tif", smooth(120, 128, bands=1), col=0, row=0, gsd_m=1.0)
    plan = plans.plan_import(colours, stack=[{"paths": [path], "bands": ["height"]}], dates=["2022-06-14", None])
    assert plans.as_json(plans.from_json(plan)) == plan
    assert [source.number for source in plans.from_json(plan).files] == [1, 2, 3]
