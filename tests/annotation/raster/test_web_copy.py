"""The copy of imagery on the web grid. Map tiles are checked against what GDAL reads at the same place."""

from __future__ import annotations

import io
import math
import threading
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image
from rasterio.windows import from_bounds
from rio_cogeo.cogeo import cog_validate

from annotation.raster import errors, map_tiles, stored_tiles, web_copy
from annotation.raster.display import stretched
from annotation.raster.errors import DamagedTiff
from annotation.raster.ingest import rewrite_as_layer
from annotation.raster.isolated_ingest import rewrite_isolated
from annotation.raster.layer_files import LayerFiles, sha256_of
from annotation.raster.web_copy import WebFrame, add_web_copy, web_frame, write_web_copy
from annotation.raster.web_grid import HALF_WORLD_M
from tests.annotation.raster.cell_scene import as_cells

# A pixel of zoom 18 at the equator, and the corner of tile 18/131072/131072: the middle of the world.
Z18_M = 2 * HALF_WORLD_M / 256 / 2**18
BANEPA = Path("oam-buildings-georef") / "scene" / "banepa_scene_3857.tif"


def waves(height: int, width: int) -> np.ndarray:
    rows, cols = np.mgrid[0:height, 0:width] / 100
    return np.stack([np.rint(120 + 50 * np.sin(rows + p) + 50 * np.cos(cols - p)) for p in (0, 1, 2)]).astype(np.uint8)


@pytest.fixture
def web_layer(make_tiff, tmp_path) -> LayerFiles:
    """700 x 300 pixels of zoom 18, 100 px right of and 50 px below a corner of the grid; 64 columns are nodata."""
    scene = waves(300, 700)
    scene[:, :, 300:364] = 0
    place = Affine(Z18_M, 0, 100 * Z18_M, 0, -Z18_M, -50 * Z18_M)
    path = make_tiff(scene, crs="EPSG:3857", transform=place, nodata=0)
    return rewrite_as_layer([path], out_dir=tmp_path / "layer")


def decode(picture: bytes | None) -> np.ndarray:
    assert picture is not None
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(np.float64)


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    error = np.mean((first - second) ** 2)
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def web(layer: LayerFiles, z: int, x: int, y: int, view: str = "rgb") -> bytes | None:
    return map_tiles.web_tile(layer.folder, z, x, y, bands=layer.bands, stretch=layer.stretch, view=view)


def gdal_read(path: Path, z: int, x: int, y: int) -> np.ndarray:
    """What GDAL reads of a file at a map tile (256, 256, 3), at the overview of that zoom."""
    span = 2 * HALF_WORLD_M / 2**z
    left, top = x * span - HALF_WORLD_M, HALF_WORLD_M - y * span
    with rasterio.open(path, driver="GTiff") as dataset:
        window = from_bounds(left, top - span, left + span, top, dataset.transform)
        read = dataset.read(window=window, out_shape=(3, 256, 256), boundless=False)
    return read.transpose(1, 2, 0).astype(np.float64)


def test_the_frame_begins_and_ends_at_map_tiles_of_the_coarsest_zoom(web_layer):
    with rasterio.open(web_layer.analysis_path, driver="GTiff") as dataset:
        frame = web_frame(dataset)
    # 700 px need 2 zooms: at zoom 16 they are 175 px, 25 px right of tile 32768's corner.
    assert frame == WebFrame(coarsest=16, deepest=18, x=32768, y=32768, across=1, down=1)
    assert frame.size == (1024, 1024)
    assert frame.corner_m == pytest.approx((0.0, 0.0))
    assert stored_tiles.web_zooms(web_layer.folder / "web.tif") == (16, 18)


def test_the_deepest_zoom_is_no_more_than_a_fifth_coarser_than_the_imagery(make_tiff, tmp_path):
    # 0.2 m in Lambert-93 at 48.4 degrees north are 0.30 m of the web grid: zoom 19 has pixels of 0.299 m.
    layer = rewrite_as_layer([make_tiff(waves(300, 300))], out_dir=tmp_path / "layer")
    assert stored_tiles.web_zooms(layer.folder / "web.tif")[1] == 19
    # 0.34 m are 0.51 m there, and 1.2 times as much is 0.61 m: zoom 18 has pixels of 0.597 m.
    coarser = make_tiff(waves(300, 300), "c.tif", transform=Affine(0.34, 0, 600000.0, 0, -0.34, 6800000.0))
    layer = rewrite_as_layer([coarser], out_dir=tmp_path / "coarser")
    assert stored_tiles.web_zooms(layer.folder / "web.tif")[1] == 18


def test_every_stored_map_tile_is_what_gdal_reads_there(web_layer):
    seen = 0
    for z in (16, 17, 18):
        for x in range(1 << (z - 16)):
            for y in range(1 << (z - 16)):
                tile = web(web_layer, z, (32768 << (z - 16)) + x, (32768 << (z - 16)) + y)
                expected = gdal_read(web_layer.folder / "web.tif", z, (32768 << (z - 16)) + x, (32768 << (z - 16)) + y)
                if tile is None:
                    assert (expected == 255).all()
                    continue
                seen += 1
                assert psnr(decode(tile), expected) >= 40
    # 100 to 800 px from the left and 50 to 350 from the top: 4 x 2, 2 x 1 and 1 x 1 map tiles.
    assert seen == 8 + 2 + 1


def test_stored_and_warped_map_tiles_show_the_same(web_layer, tmp_path):
    stored = [decode(web(web_layer, z, 32768 << (z - 16), 32768 << (z - 16))) for z in (16, 17, 18)]
    (web_layer.folder / "web.tif").unlink()
    for z, tile in zip((16, 17, 18), stored, strict=True):
        warped = decode(web(web_layer, z, 32768 << (z - 16), 32768 << (z - 16)))
        inside = np.s_[60:120, 110:140] if z == 18 else np.s_[30:70, 60:120] if z == 17 else np.s_[16:80, 30:70]
        assert psnr(tile[inside], warped[inside]) >= 40, z


def test_the_bytes_served_are_the_bytes_stored(web_layer):
    tile = web(web_layer, 18, 131072, 131072)
    assert tile is not None
    assert tile[tile.index(b"\xff\xda") :] in (web_layer.folder / "web.tif").read_bytes()


def test_it_is_white_where_nothing_is_valid_around_and_within_the_imagery(web_layer):
    left = decode(web(web_layer, 18, 131072, 131072))
    assert left[:40].min() >= 250  # above the first row
    assert left[:, :90].min() >= 250
    # Columns 300 to 364 of the imagery begin at 400: 144 px into the second map tile.
    middle = decode(web(web_layer, 18, 131073, 131072))
    assert middle[60:, 154:198].min() >= 250
    assert middle[60:, :134].min(axis=2).max() < 240


def test_overviews_do_not_mix_ground_with_what_is_not_there(web_layer):
    # The gap's left border is at 400 px: column 100 of zoom 16, whose column 99 is image columns 296 to 299.
    ground = waves(300, 700)[:, :, 296:300]
    shown = stretched(ground, np.ones((300, 4), bool), [web_layer.stretch[name] for name in web_layer.bands])
    # Rows from 50 on: row 13 of zoom 16 begins at image row 2.
    expected = shown[:, 2:298].reshape(3, 74, 16).mean(axis=2) - 1
    found = decode(web(web_layer, 16, 32768, 32768))[13:87, 99].T
    luma = np.array([0.299, 0.587, 0.114])  # JPEG stores colour at half the resolution, brightness at full
    assert np.abs(luma @ found - luma @ expected).mean() < 10  # white mixed in by a quarter would add more than 30


def test_a_map_tile_beside_the_imagery_is_none_and_costs_no_warp(web_layer):
    for place in [(18, 131076, 131072), (18, 131072, 131074), (17, 65535, 65536), (16, 5, 5)]:
        assert stored_tiles.stored_web_tile(web_layer.folder / "web.tif", *place) == (None, True)
        assert web(web_layer, *place) is None


def test_zooms_that_the_copy_lacks_are_warped(web_layer):
    assert stored_tiles.stored_web_tile(web_layer.folder / "web.tif", 15, 16384, 16384) == (None, False)
    assert stored_tiles.stored_web_tile(web_layer.folder / "web.tif", 19, 262144, 262144) == (None, False)
    coarse, fine = decode(web(web_layer, 15, 16384, 16384)), decode(web(web_layer, 19, 262146, 262145))
    assert coarse.std() > 5
    assert fine.std() > 1


def test_the_copy_is_a_valid_cog_without_the_blocks_that_show_nothing(web_layer):
    path = web_layer.folder / "web.tif"
    valid, problems, warnings = cog_validate(str(path), quiet=True)
    assert (valid, problems, warnings) == (True, [], [])
    with rasterio.open(path, driver="GTiff") as dataset:
        assert dataset.overviews(1) == [2, 4]
        assert dataset.crs.to_epsg() == 3857
    assert path.stat().st_size < web_layer.display_path.stat().st_size * 2


def test_a_display_copy_is_not_taken_for_a_web_copy(make_tiff, tmp_path):
    scene = waves(300, 300)
    layer = rewrite_as_layer([make_tiff(scene)], out_dir=tmp_path / "layer")
    with pytest.raises(errors.DamagedTiff, match="not a display copy"):
        stored_tiles.stored_web_tile(layer.analysis_path, 19, 0, 0)


def test_a_grey_layer_of_sixteen_bits_is_shown_in_grey(make_tiff, tmp_path):
    scene = waves(300, 700)[:1].astype(np.uint16) * 200
    place = Affine(Z18_M, 0, 100 * Z18_M, 0, -Z18_M, -50 * Z18_M)
    layer = rewrite_as_layer([make_tiff(scene, crs="EPSG:3857", transform=place)], out_dir=tmp_path / "layer")
    tile = decode(web(layer, 18, 131073, 131072))
    assert np.ptp(tile, axis=2).max() <= 3
    assert tile[60:].std() > 20


def test_a_layer_near_the_antimeridian_stays_within_the_world(make_tiff, tmp_path):
    edge = HALF_WORLD_M - 300 * Z18_M
    path = make_tiff(waves(300, 300), crs="EPSG:3857", transform=Affine(Z18_M, 0, edge, 0, -Z18_M, 0))
    layer = rewrite_as_layer([path], out_dir=tmp_path / "layer")
    assert web(layer, 18, 2**18 - 1, 131072) is not None
    assert web(layer, 18, 2**18, 131072) is None


def test_a_layer_in_cells_gets_the_copy_that_one_file_has(make_tiff, tmp_path):
    path = make_tiff(waves(1200, 1500))
    one, cells = rewrite_as_layer([path], out_dir=tmp_path / "one"), as_cells([path], tmp_path / "cells")
    assert not (cells.folder / "web.tif").exists()
    digest = add_web_copy(str(cells.folder))
    assert LayerFiles.load(cells.folder).sha256["web.tif"] == digest == sha256_of(cells.folder / "web.tif")
    zooms = stored_tiles.web_zooms(one.folder / "web.tif")
    assert stored_tiles.web_zooms(cells.folder / "web.tif") == zooms
    with (
        rasterio.open(one.folder / "web.tif", driver="GTiff") as a,
        rasterio.open(cells.folder / "web.tif", driver="GTiff") as b,
    ):
        assert a.bounds == b.bounds
        assert psnr(a.read().astype(float), b.read().astype(float)) >= 40


@pytest.fixture
def cells_in_parts(make_tiff, tmp_path, monkeypatch) -> LayerFiles:
    """A layer in cells whose copy is written in 3 x 2 parts and more: parts are made small, not the layer large."""
    monkeypatch.setattr(web_copy, "CHUNK_PX", 2 * web_copy.MAP_TILE_PX)
    return as_cells([make_tiff(waves(700, 1400))], tmp_path / "cells")


def test_the_copy_has_the_same_bytes_however_many_threads_write_it(cells_in_parts, tmp_path):
    layer = cells_in_parts
    digests = set()
    for threads in (1, 3):
        write_web_copy(layer.analysis_path, tmp_path / f"{threads}.tif", stretch=layer.stretch, threads=threads)
        digests.add(sha256_of(tmp_path / f"{threads}.tif"))
    frame = write_web_copy(layer.analysis_path, tmp_path / "again.tif", stretch=layer.stretch)
    assert frame.size[0] > 2 * web_copy.CHUNK_PX, "several parts, or threads would have nothing to share"
    assert len(digests) == 1


def test_a_part_that_cannot_be_read_stops_the_copy_and_leaves_no_thread_at_work(cells_in_parts):
    layer = cells_in_parts
    for cell in (layer.folder / "analysis").glob("*.tif"):
        cell.write_bytes(cell.read_bytes()[:2000])
    with pytest.raises(DamagedTiff, match="web maps was not written"):
        add_web_copy(str(layer.folder), threads=3)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPool")]
    assert not list(layer.folder.glob("web.tif*"))


def test_real_imagery_reads_the_same_from_the_copy_and_through_the_sandbox(shared_data, tmp_path):
    layer = rewrite_isolated([shared_data / BANEPA], out_dir=tmp_path / "banepa", require_isolation=False)
    coarsest, deepest = stored_tiles.web_zooms(layer.folder / "web.tif")
    with rasterio.open(layer.folder / "web.tif", driver="GTiff") as dataset:
        left, _bottom, right, top = dataset.bounds
    for z in range(coarsest, deepest + 1):
        span = 2 * HALF_WORLD_M / 2**z
        x, y = int((left + right) / 2 / span + 2**z / 2), int(2**z / 2 - (top - (right - left) / 2) / span)
        tile = web(layer, z, x, y)
        if tile is not None:
            assert psnr(decode(tile), gdal_read(layer.folder / "web.tif", z, x, y)) >= 40, z
