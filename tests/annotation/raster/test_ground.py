"""Which file is seen where several lie over each other, worked out by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio

from annotation.core.grid import PixelWindow
from annotation.raster import errors
from annotation.raster.cell_import import Earlier
from annotation.raster.cells import CellIndex
from annotation.raster.ground import day_number
from annotation.raster.ingest import rewrite_as_layer
from annotation.raster.layer_files import LayerFiles
from annotation.raster.reader import read_window
from tests.annotation.raster.cell_scene import as_cells, grid_of_files, smooth, write_file

WHOLE = PixelWindow(0, 0, 60, 60)


def flat(value: int, height: int, width: int, *, hole: tuple[slice, slice] | None = None) -> np.ndarray:
    pixels = np.full((1, height, width), value, dtype=np.uint8)
    if hole is not None:
        pixels[0][hole] = 0
    return pixels


def days(**by_number: str | None) -> dict[int, int]:
    return {
        int(key[1:]): day_number(None if day is None else date.fromisoformat(day)) for key, day in by_number.items()
    }


@pytest.fixture
def dated(tmp_path: Path) -> LayerFiles:
    """File 1 (30) without a day over all; 2 (10) of 2020 on the left; 3 (20) of 2022 on the right, with a hole."""
    undated = write_file(tmp_path / "undated.tif", flat(30, 60, 60), col=0, row=0)
    older = write_file(tmp_path / "older.tif", flat(10, 40, 40), col=0, row=0)
    hole = (slice(0, 10), slice(0, 10))
    newer = write_file(tmp_path / "newer.tif", flat(20, 40, 40, hole=hole), col=20, row=0)
    return as_cells([undated, older, newer], tmp_path / "layer", dates=[None, "2020-06-01", "2022-06-01"])


def expected() -> np.ndarray:
    wanted = np.full((60, 60), 30, dtype=np.uint8)
    wanted[:40, :40] = 10
    wanted[:40, 20:] = 20
    wanted[:10, 20:30] = 10  # the hole of the newest shows the next newest
    return wanted


def test_the_newest_day_is_seen_files_without_a_day_last_and_nodata_never(dated):
    pixels, valid = read_window(dated.analysis_path, WHOLE)
    assert valid.all()
    assert np.array_equal(pixels[0], expected())


def test_which_file_each_pixel_is_of_is_kept_and_counted(dated):
    index = CellIndex.load(dated.analysis_path)
    # 3: 40 x 40 less the hole of 100; 2: 20 x 40 and the hole; 1: the lower 20 rows of 60.
    assert index.cells[0, 0].shown_px == {1: 1200, 2: 900, 3: 1500}
    with rasterio.open(dated.folder / "origin" / "r0000c0000.tif", driver="GTiff") as origin:
        numbers = origin.read(1)[:60, :60]
    assert np.array_equal(numbers, np.select([expected() == 10, expected() == 20], [2, 3], 1))


def test_of_files_of_one_day_the_first_given_is_seen(tmp_path):
    first = write_file(tmp_path / "first.tif", flat(10, 60, 60), col=0, row=0)
    second = write_file(tmp_path / "second.tif", flat(20, 60, 60), col=0, row=0)
    layer = as_cells([first, second], tmp_path / "layer", dates=["2022-06-01", "2022-06-01"])
    assert (read_window(layer.analysis_path, WHOLE)[0] == 10).all()


def test_a_file_imported_later_is_seen_where_it_is_at_least_as_new(dated, tmp_path):
    known = days(n1=None, n2="2020-06-01", n3="2022-06-01")
    between = write_file(tmp_path / "between.tif", flat(40, 40, 60, hole=(slice(0, 5), slice(0, 60))), col=0, row=0)
    layer = as_cells([between], tmp_path / "next", dates=["2021-01-01"], earlier=Earlier(dated, known))
    wanted = expected()
    wanted[5:40][expected()[5:40] == 10] = 40
    pixels, valid = read_window(layer.analysis_path, WHOLE)
    assert valid.all()
    assert np.array_equal(pixels[0], wanted)
    # Of file 2, what lies under the nodata of the new one: 5 rows of 20 columns, and 5 of the 10 of the hole.
    assert CellIndex.load(layer.analysis_path).cells[0, 0].shown_px == {1: 1200, 2: 150, 3: 1500, 4: 750}
    same_day = write_file(tmp_path / "same.tif", flat(50, 60, 60), col=0, row=0)
    known[4] = day_number(date(2021, 1, 1))
    last = as_cells([same_day], tmp_path / "last", dates=["2022-06-01"], earlier=Earlier(layer, known))
    assert (read_window(last.analysis_path, WHOLE)[0] == 50).all()


def test_a_replacement_writes_the_cells_it_touches_and_links_the_others(tmp_path):
    layer = as_cells(grid_of_files(tmp_path), tmp_path / "layer")
    untouched = read_window(layer.analysis_path, PixelWindow(0, 0, 1160, 1160))[0]
    newer = write_file(tmp_path / "newer.tif", smooth(300, 300, seed=77), col=600, row=550)
    after = as_cells([newer], tmp_path / "next", earlier=Earlier(layer, dict.fromkeys(range(9), 0)))
    old, new = CellIndex.load(layer.analysis_path), CellIndex.load(after.analysis_path)
    changed = {cell for cell in new.cells if new.cells[cell] != old.cells.get(cell)}
    assert changed == {(1, 1)}  # columns 600 to 900, rows 550 to 850, in cells of 512
    for folder in ("analysis", "display", "origin"):
        kept = [layer.folder / folder / "r0000c0000.tif", after.folder / folder / "r0000c0000.tif"]
        assert kept[0].stat().st_ino == kept[1].stat().st_ino
    # The old version reads as it did: whoever opened it goes on.
    before, valid_before = read_window(layer.analysis_path, PixelWindow(0, 0, 1160, 1160))
    found, valid = read_window(after.analysis_path, PixelWindow(0, 0, 1160, 1160))
    assert np.array_equal(before, untouched)
    before[:, 550:850, 600:900] = smooth(300, 300, seed=77)
    valid_before[550:850, 600:900] = True
    assert np.array_equal(found, before)
    assert np.array_equal(valid, valid_before)
    assert not np.array_equal(found, untouched)
    share = np.load(after.valid_path)
    assert share.shape == np.load(layer.valid_path).shape
    assert (share[9:13, 10:14] == 255).all()
    assert after.stretch == layer.stretch


def test_a_layer_of_one_file_becomes_cells_when_its_ground_is_replaced(tmp_path):
    base = smooth(700, 700)
    one = rewrite_as_layer([write_file(tmp_path / "base.tif", base, col=0, row=0)], out_dir=tmp_path / "one")
    newer = write_file(tmp_path / "newer.tif", smooth(100, 100, seed=5), col=50, row=60)
    earlier = Earlier(one, days(n0="2020-01-01", n1="2020-01-01"), sole=1)
    layer = as_cells([newer], tmp_path / "next", dates=["2023-01-01"], earlier=earlier)
    base[:, 60:160, 50:150] = smooth(100, 100, seed=5)
    assert np.array_equal(read_window(layer.analysis_path, PixelWindow(0, 0, 700, 700))[0], base)
    total = {1: 0, 2: 0}
    for cell in CellIndex.load(layer.analysis_path).cells.values():
        for number, count in cell.shown_px.items():
            total[number] += count
    assert total == {1: 490_000 - 10_000, 2: 10_000}


@pytest.mark.parametrize(
    ("place", "options", "met"),
    [
        ((50, 0), {}, "columns 50 to 70"),
        ((-1, 0), {}, "columns -1 to 19"),
        ((0, 0), {"gsd_m": 0.25}, r"0\.25 x 0\.25"),
        ((0, 0), {"bands": 3}, "R, G, B"),
        ((0, 0), {"dtype": np.uint16}, "uint16"),
    ],
)
def test_files_that_do_not_fit_the_layer_are_refused_with_what_was_met(dated, tmp_path, place, options, met):
    pixels = np.ones((options.pop("bands", 1), 20, 20), options.pop("dtype", np.uint8))
    path = write_file(tmp_path / "other.tif", pixels, col=place[0], row=place[1], **options)
    with pytest.raises(errors.SourcesDoNotMatch, match=met):
        as_cells([path], tmp_path / "next", earlier=Earlier(dated, {1: 0, 2: 0, 3: 0}))
    assert not (tmp_path / "next").exists()
