from __future__ import annotations

import hashlib
import io
import json
import math
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from rasterio.enums import Resampling
from rasterio.warp import transform
from rasterio.windows import Window

from annotation.core.grid import PixelWindow
from annotation.raster import errors, map_tiles
from annotation.raster.cell_import import time_left
from annotation.raster.cells import CellGrid, CellIndex
from annotation.raster.display import native_max_zoom
from annotation.raster.ingest import partial_folder, rewrite_as_layer
from annotation.raster.layer_files import LayerFiles
from annotation.raster.mosaic import OPEN_CELLS, CellMosaic
from annotation.raster.reader import open_layer, pixel_grid, read_window
from annotation.raster.web_grid import HALF_WORLD_M
from tests.annotation.raster.cell_scene import as_cells, grid_of_files, smooth, write_file

BANDS = ["R", "G", "B"]


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> tuple[LayerFiles, LayerFiles, list[Path]]:
    """Eight files of 400 px that overlap by 20: as 3 x 3 cells of 512 px, and as one file."""
    folder = tmp_path_factory.mktemp("scene")
    paths = grid_of_files(folder)
    return as_cells(paths, folder / "cells"), rewrite_as_layer(paths, out_dir=folder / "one"), paths


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def picture(jpeg: bytes | None) -> np.ndarray:
    assert jpeg is not None
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")).astype(int)


def test_where_a_window_lies_is_arithmetic():
    cells = CellGrid(1500, 1100, 512)
    assert (cells.n_rows, cells.n_cols) == (3, 3)
    assert list(cells.under(500, 511, 1025, 513)) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert list(cells.under(512, 512, 1024, 1024)) == [(1, 1)]
    assert list(cells.under(5, 5, 5, 9)) == []
    assert cells.size((2, 2)) == (1500 - 1024, 1100 - 1024)
    # Of 8,192 px: overviews of 4096, 2048, 1024 and 512 px; in the coarse file a cell is 256 px of 32 x 32 pixels.
    assert (CellGrid(9000, 9000).overviews, CellGrid(9000, 9000).coarse_factor) == (4, 32)


@pytest.mark.parametrize("cell_px", [0, 256, 1000, 1536])
def test_a_cell_that_overviews_cannot_divide_is_refused(cell_px):
    with pytest.raises(ValueError, match=str(cell_px)):
        CellGrid(10, 10, cell_px)


def test_a_layer_of_cells_has_the_grid_bands_and_valid_shares_of_the_same_files_as_one(scene):
    cells, one, _ = scene
    assert cells.is_cells
    assert not one.is_cells
    assert (cells.grid, cells.bands, cells.dtype, cells.nodata, cells.gsd_m) == (
        one.grid, one.bands, one.dtype, one.nodata, one.gsd_m,
    )  # fmt: skip
    assert np.array_equal(np.load(cells.valid_path), np.load(one.valid_path))
    with open_layer(cells.analysis_path) as mosaic, open_layer(one.analysis_path) as file:
        assert pixel_grid(mosaic) == pixel_grid(file)
        assert mosaic.bounds == file.bounds
        assert (mosaic.count, mosaic.indexes, mosaic.descriptions) == (file.count, file.indexes, file.descriptions)
        assert (mosaic.dtypes, mosaic.nodata, mosaic.shape) == (file.dtypes, file.nodata or 0, file.shape)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_window_reads_as_from_one_file_to_the_bit(scene, data):
    cells, one, _ = scene
    left = data.draw(st.integers(-40, cells.grid.width - 1))
    top = data.draw(st.integers(-40, cells.grid.height - 1))
    window = PixelWindow(left, top, data.draw(st.integers(1, 700)), data.draw(st.integers(1, 700)))
    bands = data.draw(st.sampled_from([None, ["B"], ["G", "R"]]))
    pixels, valid = read_window(cells.analysis_path, window, bands=bands, fill=7)
    wanted, wanted_valid = read_window(one.analysis_path, window, bands=bands, fill=7)
    assert np.array_equal(pixels, wanted)
    assert np.array_equal(valid, wanted_valid)


def test_every_overview_is_the_mean_of_the_valid_pixels_under_it(scene):
    cells, one, _ = scene
    with open_layer(cells.analysis_path) as mosaic:
        # 1,160 px are 3 cells of 512; a cell is one block, then 256 px of the coarse file, which is halved once more.
        assert mosaic.overviews(1) == [2, 4]
    whole, valid = read_window(one.analysis_path, PixelWindow(0, 0, 1160, 1160))
    for level, factor in enumerate((2, 4)):
        side = 1160 // factor
        counts = valid.reshape(side, factor, side, factor).sum((1, 3))
        sums = (whole * valid).astype(np.int64).reshape(3, side, factor, side, factor).sum((2, 4))
        with open_layer(cells.analysis_path, overview_level=level) as overview:
            assert (overview.width, overview.height) == (side, side)
            assert overview.transform.a == pytest.approx(0.2 * factor)
            full = counts == factor * factor
            found = overview.read().astype(int)
            assert np.array_equal(
                (overview.dataset_mask() > 0)[full], valid.reshape(side, factor, side, factor).all((1, 3))[full]
            )
            assert np.abs(found[:, full] - sums[:, full] / factor**2).max() <= 1.0
    with pytest.raises(rasterio.errors.RasterioIOError, match="2 overviews, not number 2"), \
            open_layer(cells.analysis_path, overview_level=2):  # fmt: skip
        pass


def test_a_decimated_read_gives_the_shape_asked_from_the_best_overview(scene):
    cells, one, _ = scene
    window, shape = Window(80, 160, 800, 640), (2, 80, 100)
    with open_layer(cells.analysis_path) as mosaic, open_layer(cells.analysis_path, overview_level=1) as quarter:
        mean = mosaic.read([1, 3], window=window, out_shape=shape, resampling=Resampling.average)
        picked = mosaic.read([1, 3], window=window, out_shape=shape)
        known = mosaic.dataset_mask(window=window, out_shape=shape) > 0
        fine = quarter.read([1, 3], window=Window(20, 40, 200, 160))
    assert mean.shape == picked.shape == shape
    # Pixels of 8 x 8: the overview of 4 x 4, then four of its pixels averaged, or the one right and below the centre.
    assert np.array_equal(picked, fine[:, 1::2, 1::2])
    with open_layer(one.analysis_path) as file:
        full, valid = file.read([1, 3], window=window), file.dataset_mask(window=window) > 0
    clear = valid.reshape(80, 8, 100, 8).all((1, 3))
    assert known[clear].all()
    assert np.abs(mean - full.reshape(2, 80, 8, 100, 8).mean((2, 4)))[:, clear].max() <= 1.5


def test_a_window_outside_is_refused_not_guessed(scene):
    with open_layer(scene[0].analysis_path) as mosaic, pytest.raises(ValueError, match="not inside"):
        mosaic.read(window=Window(1100, 0, 200, 10))


def test_ground_without_a_file_has_no_cell_and_reads_as_invalid(tmp_path):
    near = write_file(tmp_path / "near.tif", smooth(300, 300), col=0, row=0)
    far = write_file(tmp_path / "far.tif", smooth(300, 300, seed=1), col=1600, row=1600)
    layer = as_cells([near, far], tmp_path / "layer")
    index = CellIndex.load(layer.analysis_path)
    assert sorted(index.cells) == [(0, 0), (3, 3)]
    assert sorted(path.name for path in (layer.folder / "analysis").iterdir()) == ["r0000c0000.tif", "r0003c0003.tif"]
    _, valid = read_window(layer.analysis_path, PixelWindow(0, 0, 1900, 1900))
    assert valid.sum() == 2 * 300 * 300
    assert map_tiles.native_tile(layer.folder, 3, 3, 3, bands=BANDS, stretch=layer.stretch) is None


def test_many_cells_are_read_with_few_open(scene, monkeypatch):
    monkeypatch.setattr("annotation.raster.mosaic.OPEN_CELLS", 2)
    assert OPEN_CELLS > 2
    cells, one, _ = scene
    with CellMosaic(cells.analysis_path) as mosaic, open_layer(one.analysis_path) as file:
        for row in range(0, 1100, 150):
            window = Window(0, row, 1160, 60)
            assert np.array_equal(mosaic.read(window=window), file.read(window=window))
            assert len(mosaic._open) <= 2
    assert mosaic.closed


def test_native_map_tiles_of_cells_show_what_those_of_one_file_show(tmp_path):
    path = write_file(tmp_path / "one.tif", smooth(1500, 2200), col=0, row=0, nodata=None)
    cells = as_cells([path], tmp_path / "cells")
    one = rewrite_as_layer([path], out_dir=tmp_path / "one")
    zoom = native_max_zoom(2200, 1500)
    for z in range(zoom + 1):
        for y in range(1 << z):
            for x in range(1 << z):
                shown = map_tiles.native_tile(cells.folder, z, x, y, bands=BANDS, stretch=cells.stretch)
                wanted = map_tiles.native_tile(one.folder, z, x, y, bands=BANDS, stretch=one.stretch)
                assert (shown is None) == (wanted is None), (z, x, y)
                if shown is not None:
                    # The two were stretched by percentiles of their own: a few levels of 255 apart.
                    assert np.abs(picture(shown) - picture(wanted)).mean() < 6, (z, x, y)
    assert map_tiles.native_tile(cells.folder, zoom + 1, 0, 0, bands=BANDS, stretch=cells.stretch) is None
    assert map_tiles.native_tile(cells.folder, 0, -1, 0, bands=BANDS, stretch=cells.stretch) is None


def test_other_views_and_web_tiles_of_cells_are_those_of_one_file(scene):
    cells, one, _ = scene
    stretch = one.stretch
    tile = [map_tiles.native_tile(f.folder, 3, 1, 1, bands=BANDS, stretch=stretch, view="band-G") for f in (cells, one)]
    assert tile[0] == tile[1]  # at full resolution, to the byte
    (web_x,), (web_y,) = transform("EPSG:2154", "EPSG:3857", [600_000 + 116.0], [6_800_000 - 116.0])
    for z in (11, 12, 16, 17, 18, 19, 21):
        span = 2 * HALF_WORLD_M / (1 << z)
        x, y = math.floor((web_x + HALF_WORLD_M) / span), math.floor((HALF_WORLD_M - web_y) / span)
        # True colours of one file are stored on the web grid; this view of both is warped.
        drawn = [
            map_tiles.web_tile(f.folder, z, x, y, bands=BANDS, stretch=stretch, view="band-G") for f in (cells, one)
        ]
        assert np.abs(picture(drawn[0]) - picture(drawn[1])).mean() < 2, z
    assert map_tiles.web_tile(cells.folder, 12, 0, 0, bands=BANDS, stretch=stretch) is None


def test_one_process_or_three_write_the_same_bytes(scene, tmp_path):
    cells, _, paths = scene
    again = as_cells(paths, tmp_path / "again", processes=3)
    assert digests(again.folder) == digests(cells.folder)


class _Cancelled(Exception):
    pass


def test_a_cancelled_import_goes_on_from_the_last_finished_cell_to_the_same_bytes(scene, tmp_path):
    cells, _, paths = scene
    target = tmp_path / "layer"

    def cancel(share: float, message: str) -> None:
        if share > 0.25:
            raise _Cancelled

    with pytest.raises(_Cancelled):
        as_cells(paths, target, processes=1, progress=cancel)
    work = partial_folder(target) / "work"
    finished = sorted(path.name for path in work.glob("r*c*.tif.json"))
    assert 1 <= len(finished) < 8
    assert not target.exists()
    stamps = {name: (work / name).stat().st_mtime_ns for name in finished}
    told: list[str] = []

    def look(share: float, message: str) -> None:
        if message.startswith("Reading") and not told:
            assert {name: (work / name).stat().st_mtime_ns for name in finished} == stamps
            told.append(message)

    layer = as_cells(paths, target, progress=look)
    assert digests(layer.folder) == digests(cells.folder)
    assert not partial_folder(target).exists()


def test_an_import_killed_again_and_again_ends_in_the_same_bytes(scene, tmp_path):
    cells, _, paths = scene
    target = tmp_path / "layer"
    code = (
        "import sys; from pathlib import Path; from tests.annotation.raster.cell_scene import as_cells\n"
        "as_cells([Path(p) for p in sys.argv[2:]], Path(sys.argv[1]), processes=1)"
    )
    root = Path(__file__).resolve().parents[3]
    work, kills = partial_folder(target) / "work", 0
    for wanted in ("r*c*.tif.json", "r*c*.display.json", "shown.json"):
        before = len(list(work.glob(wanted)))
        child = subprocess.Popen([sys.executable, "-c", code, str(target), *map(str, paths)], cwd=root)
        end = time.monotonic() + 120
        while len(list(work.glob(wanted))) <= before and child.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        kills += child.poll() is None
        child.kill()
        child.wait()
    assert kills >= 2
    layer = as_cells(paths, target)
    assert digests(layer.folder) == digests(cells.folder)


@pytest.mark.parametrize("name", ["cells.json", "layer.json"])
def test_an_import_that_ends_while_it_describes_the_layer_leaves_nothing_in_it(scene, tmp_path, monkeypatch, name):
    cells, _, paths = scene
    really = Path.replace

    def ended(path: Path, target: Path) -> Path:
        if Path(target).name == name:
            raise _Cancelled
        return really(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", ended)
        with pytest.raises(_Cancelled):
            as_cells(paths, tmp_path / "layer")
    # The next attempt is another process, with another number.
    monkeypatch.setattr(os, "getpid", lambda: 1)
    layer = as_cells(paths, tmp_path / "layer")
    assert digests(layer.folder) == digests(cells.folder)


def test_an_import_of_files_that_changed_meanwhile_is_started_over(scene, tmp_path):
    _, _, paths = scene
    own = [Path(shutil.copy2(path, tmp_path / path.name)) for path in paths]
    target = tmp_path / "layer"

    def cancel(share: float, message: str) -> None:
        if share > 0.25:
            raise _Cancelled

    with pytest.raises(_Cancelled):
        as_cells(own, target, processes=1, progress=cancel)
    write_file(own[0], smooth(400, 400, seed=99), col=0, row=0)
    layer = as_cells(own, target)
    pixels, _ = read_window(layer.analysis_path, PixelWindow(0, 0, 20, 20))
    assert np.array_equal(pixels, smooth(400, 400, seed=99)[:, :20, :20])


def test_a_file_that_is_damaged_behind_its_header_stops_the_import_and_leaves_nothing(tmp_path):
    good = write_file(tmp_path / "good.tif", smooth(400, 400), col=0, row=0)
    bad = tmp_path / "bad.tif"
    with rasterio.open(good, driver="GTiff") as file:
        profile = {
            **file.profile,
            "compress": "DEFLATE",
            "transform": file.transform @ Affine.translation(500, 0),
        }
        with rasterio.open(bad, "w", **profile) as copy:
            copy.write(file.read())
    content = bytearray(bad.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 2000] = b"\xff" * 2000
    bad.write_bytes(content)
    with pytest.raises(errors.DamagedTiff, match=r"bad\.tif cannot be decoded"):
        as_cells([good, bad], tmp_path / "layer")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tif", "good.tif"]


def test_a_sidecar_that_appears_after_the_plan_is_refused_by_the_process_that_would_read_it(tmp_path):
    from annotation.raster import plans
    from annotation.raster.cell_import import Workers, import_cells

    path = write_file(tmp_path / "image.tif", smooth(700, 700), col=0, row=0)
    plan = plans.plan_import([path])
    (tmp_path / "image.tif.aux.xml").write_text("<PAMDataset/>")
    with pytest.raises(errors.SidecarFound):
        import_cells(plan, out_dir=tmp_path / "layer", cell_px=512, workers=Workers(require_isolation=False))
    assert not (tmp_path / "layer").exists()
    assert not (tmp_path / "layer.partial").exists()


def test_files_without_a_valid_pixel_are_refused_and_leave_nothing(tmp_path):
    path = write_file(tmp_path / "empty.tif", np.zeros((1, 700, 700), np.uint8), col=0, row=0)
    with pytest.raises(errors.NothingVisible, match="700 x 700"):
        as_cells([path], tmp_path / "layer")
    assert [entry.name for entry in tmp_path.iterdir()] == ["empty.tif"]


def test_the_description_and_the_index_are_true(scene):
    cells, _, _ = scene
    assert LayerFiles.load(cells.folder) == cells
    for name, digest in cells.sha256.items():
        assert hashlib.sha256((cells.folder / name).read_bytes()).hexdigest() == digest
    index = CellIndex.load(cells.analysis_path)
    assert CellIndex.from_json(json.loads(json.dumps(index.as_json()))) == index
    for (row, col), files in index.cells.items():
        for folder, digest in (("analysis", files.analysis), ("display", files.display), ("origin", files.origin)):
            path = cells.folder / folder / f"r{row:04d}c{col:04d}.tif"
            assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    assert not (cells.folder / "work").exists()


def test_cells_are_cogs_with_the_overviews_they_need(tmp_path):
    path = write_file(tmp_path / "one.tif", smooth(1100, 1100), col=0, row=0)
    layer = as_cells([path], tmp_path / "layer", cell_px=1024)
    for name in ("analysis/r0001c0001.tif", "display/r0000c0000.tif"):
        with rasterio.open(layer.folder / name, driver="GTiff") as cell:
            assert (cell.width, cell.height, cell.overviews(1)) == (1024, 1024, [2])
            assert cell.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_progress_rises_says_the_cells_done_and_ends_at_one(scene, tmp_path):
    told: list[tuple[float, str]] = []
    as_cells(scene[2], tmp_path / "layer", progress=lambda share, message: told.append((share, message)))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert any(message.startswith("Reading the ground: 8 of 8 cells") for _, message in told)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(20, "less than a minute left"), (600, "about 10 min left"), (9000, "about 2 h 30 min left")],
)
def test_time_left_is_said_as_people_say_it(seconds, text):
    assert time_left(seconds) == text
