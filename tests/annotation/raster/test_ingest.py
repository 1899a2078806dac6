from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp

from annotation.raster import errors, ingest
from annotation.raster.ingest import inspect_sources, rewrite_as_layer
from annotation.raster.layer_files import LayerFiles
from annotation.raster.reader import open_layer

RNG = np.random.default_rng(7)
NOISE = RNG.integers(1, 255, (3, 130, 200), dtype=np.uint8)
RGBA = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)


def at(col: float, row: float, *, size: float = 0.2) -> Affine:
    """A grid whose corner lies `col`, `row` pixels of 0.2 m right and down of the usual one."""
    return Affine(size, 0, 600000 + col * 0.2, 0, -size, 6800000 - row * 0.2)


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with open_layer(path) as dataset:
        return dataset.read(), dataset.dataset_mask() > 127


def test_pixels_and_georeference_are_kept_to_the_bit(make_tiff, tmp_path):
    layer = rewrite_as_layer([make_tiff(NOISE)], out_dir=tmp_path / "layer")
    pixels, valid = read(layer.analysis_path)
    assert np.array_equal(pixels, NOISE)
    assert valid.all()
    assert (layer.grid.crs, layer.grid.transform) == ("EPSG:2154", (0.2, 0.0, 600000.0, 0.0, -0.2, 6800000.0))
    with open_layer(layer.analysis_path) as dataset:
        assert dataset.transform[:6] == layer.grid.transform
        assert dataset.crs.to_epsg() == 2154
    assert (layer.grid.width, layer.grid.height, layer.gsd_m, layer.dtype) == (200, 130, 0.2, "uint8")


def test_the_analysis_copy_is_a_deflate_cog_with_blocks_of_512_and_averaged_overviews(make_tiff, tmp_path):
    pixels = np.zeros((1, 1100, 600), dtype=np.uint16)
    pixels[0, ::2, ::2] = 4000
    layer = rewrite_as_layer([make_tiff(pixels)], out_dir=tmp_path / "layer")
    with open_layer(layer.analysis_path) as dataset:
        structure = dataset.tags(ns="IMAGE_STRUCTURE")
        assert (structure["LAYOUT"], structure["COMPRESSION"], structure["PREDICTOR"]) == ("COG", "DEFLATE", "2")
        assert dataset.block_shapes == [(512, 512)]
        assert dataset.overviews(1) == [2, 4]
        assert np.array_equal(dataset.read(), pixels)
    with open_layer(layer.analysis_path, overview_level=0) as overview:
        # One pixel of four holds 4000.
        assert (overview.read()[0, :-1, :-1] == 1000).all()


def test_a_grid_that_is_not_a_round_number_survives(make_tiff, tmp_path):
    odd = Affine(0.1999999999999617, 0, 428369.999999994, 0, -0.19999999999938728, 5862962.199999984)
    layer = rewrite_as_layer([make_tiff(NOISE, crs="EPSG:25832", transform=odd)], out_dir=tmp_path / "layer")
    assert layer.grid.transform == tuple(odd)[:6]
    with open_layer(layer.analysis_path) as dataset:
        assert dataset.transform == odd


def test_nodata_makes_a_pixel_invalid_only_when_every_band_holds_it(make_tiff, tmp_path):
    pixels = NOISE.copy()
    pixels[:, :64, :64] = 0
    pixels[0, 100, 100] = 0
    layer = rewrite_as_layer([make_tiff(pixels, nodata=0)], out_dir=tmp_path / "layer")
    found, valid = read(layer.analysis_path)
    assert layer.nodata == 0
    assert np.array_equal(found, pixels)
    assert not valid[:64, :64].any()
    assert valid.sum() == 130 * 200 - 64 * 64


def test_the_valid_share_is_counted_by_cell_of_64_pixels(make_tiff, tmp_path):
    pixels = NOISE.copy()
    pixels[:, :64, :64] = 0
    pixels[:, 64:96, 64:128] = 0
    layer = rewrite_as_layer([make_tiff(pixels, nodata=0)], out_dir=tmp_path / "layer")
    # 130 x 200 pixels are 3 x 4 cells; the cell (1, 1) has 32 of its 64 rows valid: 255 / 2 = 127.5, rounded to even.
    expected = np.array([[0, 255, 255, 255], [255, 128, 255, 255], [255, 255, 255, 255]], dtype=np.uint8)
    assert np.array_equal(np.load(layer.valid_path), expected)


def test_an_internal_mask_is_kept(make_tiff, tmp_path):
    mask = np.full((130, 200), 255, dtype=np.uint8)
    mask[10:20, 30:50] = 0
    layer = rewrite_as_layer([make_tiff(NOISE, mask=mask)], out_dir=tmp_path / "layer")
    _, valid = read(layer.analysis_path)
    assert np.array_equal(valid, mask > 0)


def test_an_alpha_band_becomes_the_mask_and_leaves_three_bands(make_tiff, tmp_path):
    alpha = np.full((1, 130, 200), 255, dtype=np.uint8)
    alpha[0, :, :40] = 0
    path = make_tiff(np.concatenate([NOISE, alpha]), colorinterp=RGBA)
    layer = rewrite_as_layer([path], out_dir=tmp_path / "layer")
    _, valid = read(layer.analysis_path)
    assert layer.bands == ["R", "G", "B"]
    assert np.array_equal(valid, alpha[0] > 0)


def test_an_alpha_band_blurred_by_jpeg_is_cut_at_half(make_tiff, tmp_path):
    alpha = np.full((1, 130, 200), 252, dtype=np.uint8)
    alpha[0, :, :40] = 4
    path = make_tiff(np.concatenate([NOISE, alpha]), colorinterp=RGBA)
    _, valid = read(rewrite_as_layer([path], out_dir=tmp_path / "layer").analysis_path)
    assert np.array_equal(valid, alpha[0] > 127)


def test_infrared_that_a_writer_marked_as_alpha_stays_a_band(make_tiff):
    infrared = RNG.integers(0, 255, (1, 130, 200), dtype=np.uint8)
    report = inspect_sources([make_tiff(np.concatenate([NOISE, infrared]), colorinterp=RGBA)])
    assert report.bands == ("R", "G", "B", "NIR")
    assert not report.needs_mask
    assert "holds measurements" in report.notes[0]


@pytest.mark.parametrize(
    ("count", "descriptions", "names"),
    [
        (1, None, ("gray",)),
        (2, None, ("band_1", "band_2")),
        (3, None, ("R", "G", "B")),
        (4, None, ("R", "G", "B", "NIR")),
        (5, None, ("band_1", "band_2", "band_3", "band_4", "band_5")),
        (4, ("near infrared", "red", "Green", "height"), ("NIR", "R", "G", "height")),
        (3, ("red", "red", "blue"), ("R", "G", "B")),
        (3, ("red", "<script>", "blue"), ("R", "G", "B")),
    ],
)
def test_bands_are_named_by_their_descriptions_or_by_their_number(make_tiff, count, descriptions, names):
    path = make_tiff(np.ones((count, 16, 16), np.uint8), descriptions=descriptions)
    assert inspect_sources([path]).bands == names


def test_given_band_names_win_and_must_fit(make_tiff):
    path = make_tiff(NOISE)
    assert inspect_sources([path], band_names=["nir", "R", "G"]).bands == ("NIR", "R", "G")
    with pytest.raises(errors.UnsupportedPixels, match="3 bands"):
        inspect_sources([path], band_names=["R", "G"])
    with pytest.raises(errors.UnsupportedPixels):
        inspect_sources([path], band_names=["R", "R", "G"])


def test_files_become_one_mosaic_on_the_grid_of_the_first(make_tiff, tmp_path):
    left = make_tiff(np.full((1, 70, 100), 10, np.uint8), "left.tif")
    right = make_tiff(np.full((1, 70, 100), 20, np.uint8), "right.tif", transform=at(100, 0))
    above = make_tiff(np.full((1, 30, 50), 30, np.uint8), "above.tif", transform=at(0, -30))
    layer = rewrite_as_layer([left, right, above], out_dir=tmp_path / "layer")
    pixels, valid = read(layer.analysis_path)
    assert (layer.grid.width, layer.grid.height) == (200, 100)
    assert layer.grid.transform == (0.2, 0.0, 600000.0, 0.0, -0.2, pytest.approx(6800006.0))
    assert (pixels[0, 30:, :100] == 10).all()
    assert (pixels[0, 30:, 100:] == 20).all()
    assert (pixels[0, :30, :50] == 30).all()
    assert not valid[:30, 50:].any()
    assert valid.sum() == 200 * 70 + 30 * 50


def test_a_file_half_a_pixel_off_is_moved_and_the_move_is_reported(make_tiff, tmp_path):
    first = make_tiff(np.full((1, 40, 40), 10, np.uint8), "first.tif")
    shifted = make_tiff(np.full((1, 40, 40), 20, np.uint8), "shifted.tif", transform=at(39.5, 0.25))
    report = inspect_sources([first, shifted])
    # 39.5 rounds to 40 (half a pixel right), 0.25 rounds to 0 (a quarter up).
    assert report.sources[1].offset_px == (40, 0)
    assert report.sources[1].shift_px == (pytest.approx(0.5, abs=1e-6), pytest.approx(-0.25, abs=1e-6))
    assert "shifted.tif was moved by +0.500, -0.250 pixels" in report.notes[0]
    pixels, valid = read(rewrite_as_layer([first, shifted], out_dir=tmp_path / "layer").analysis_path)
    assert valid.all()
    assert (pixels[0, :, :40] == 10).all()
    assert (pixels[0, :, 40:] == 20).all()


def test_on_overlaps_the_first_file_wins_except_where_it_is_invalid(make_tiff, tmp_path):
    hole = np.full((1, 40, 40), 10, np.uint8)
    hole[0, 10:20, 10:20] = 0
    first = make_tiff(hole, "first.tif", nodata=0)
    second = make_tiff(np.full((1, 40, 40), 20, np.uint8), "second.tif", nodata=0)
    pixels, valid = read(rewrite_as_layer([first, second], out_dir=tmp_path / "layer").analysis_path)
    assert valid.all()
    assert (pixels[0, 10:20, 10:20] == 20).all()
    assert (pixels == 20).sum() == 100


@pytest.mark.parametrize(
    ("options", "met"),
    [
        ({"crs": "EPSG:3857"}, "EPSG:3857"),
        ({"transform": at(0, 0, size=0.25)}, r"0\.25"),
        ({"pixels": np.ones((1, 40, 40), np.uint16)}, "uint16"),
        ({"pixels": np.ones((3, 40, 40), np.uint8)}, "R, G, B"),
    ],
)
def test_files_that_do_not_match_are_refused_with_what_differs(make_tiff, options, met):
    first = make_tiff(np.ones((1, 40, 40), np.uint8), "first.tif")
    other = make_tiff(options.pop("pixels", np.ones((1, 40, 40), np.uint8)), "other.tif", **options)
    with pytest.raises(errors.SourcesDoNotMatch, match=met):
        inspect_sources([first, other])


def test_a_mosaic_spread_too_far_is_refused(make_tiff):
    near = make_tiff(np.ones((1, 40, 40), np.uint8), "near.tif")
    far = make_tiff(np.ones((1, 40, 40), np.uint8), "far.tif", transform=at(700_000, 700_000))
    with pytest.raises(errors.TooLarge, match="700040 x 700040"):
        inspect_sources([near, far])


def test_one_transform_cannot_place_two_files(make_tiff):
    paths = [make_tiff(np.ones((1, 8, 8), np.uint8), name, crs=None) for name in ("a.tif", "b.tif")]
    with pytest.raises(errors.SourcesDoNotMatch, match="2 files"):
        inspect_sources(paths, crs="EPSG:2154", transform=tuple(at(0, 0))[:6])


def test_a_raster_without_a_valid_pixel_is_refused_and_leaves_nothing(make_tiff, tmp_path):
    path = make_tiff(np.zeros((1, 40, 40), np.uint8), nodata=0)
    with pytest.raises(errors.NothingVisible):
        rewrite_as_layer([path], out_dir=tmp_path / "layer")
    assert [entry.name for entry in tmp_path.iterdir()] == ["image.tif"]


def test_a_failure_in_the_last_step_leaves_nothing(make_tiff, tmp_path):
    path = make_tiff(NOISE)

    def stop_late(share: float) -> None:
        if share > 0.9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rewrite_as_layer([path], out_dir=tmp_path / "layer", progress=stop_late)
    assert [entry.name for entry in tmp_path.iterdir()] == ["image.tif"]


def test_what_a_killed_import_left_is_cleared_by_the_next(make_tiff, tmp_path):
    left_over = ingest.partial_folder(tmp_path / "layer")
    left_over.mkdir()
    (left_over / "analysis.staging.tif").write_bytes(b"half")
    layer = rewrite_as_layer([make_tiff(NOISE)], out_dir=tmp_path / "layer")
    assert not left_over.exists()
    assert sorted(entry.name for entry in layer.folder.iterdir()) == [
        "analysis.tif",
        "display.tif",
        "layer.json",
        "valid.npy",
    ]


def test_an_imported_layer_is_never_overwritten(make_tiff, tmp_path):
    path = make_tiff(NOISE)
    first = rewrite_as_layer([path], out_dir=tmp_path / "layer")
    with pytest.raises(errors.LayerFolderExists):
        rewrite_as_layer([path], out_dir=tmp_path / "layer")
    assert LayerFiles.load(tmp_path / "layer") == first


def test_the_description_beside_the_files_is_true(make_tiff, tmp_path):
    layer = rewrite_as_layer([make_tiff(NOISE)], out_dir=tmp_path / "layer")
    assert LayerFiles.load(layer.folder) == layer
    assert json.loads(json.dumps(layer.as_json())) == layer.as_json()
    for name, digest in layer.sha256.items():
        assert hashlib.sha256((layer.folder / name).read_bytes()).hexdigest() == digest
    assert set(layer.sha256) == {"analysis.tif", "display.tif", "valid.npy"}


def test_the_stretch_runs_from_the_2nd_to_the_98th_percentile_of_valid_pixels(make_tiff, tmp_path):
    ramp = np.tile(np.arange(1, 101, dtype=np.uint16), (1, 100, 1)) * 10
    ramp[0, :50] = 0
    layer = rewrite_as_layer([make_tiff(ramp, nodata=0)], out_dir=tmp_path / "layer")
    # Each of 10, 20 ... 1000 occurs 50 times: rank 0.02 x 4999 = 99.98 is among the 20s, 0.98 x 4999 among the 980s.
    low, high = layer.stretch["gray"]
    assert low == pytest.approx(30, abs=10)
    assert high == pytest.approx(980, abs=10)


def test_progress_rises_to_one(make_tiff, tmp_path):
    shares: list[float] = []
    rewrite_as_layer([make_tiff(NOISE)], out_dir=tmp_path / "layer", progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) >= 4


def test_windows_cover_every_pixel_once_within_the_memory_budget(monkeypatch):
    from annotation.raster import display

    monkeypatch.setattr(display, "WINDOW_BYTES", 512 * 1024 * 4)
    seen = np.zeros((1300, 2500), dtype=np.uint8)
    for window in display.windows(2500, 1300, bytes_per_pixel=4):
        assert window.width * window.height * 4 <= 512 * 1024 * 4
        seen[window.row_off : window.row_off + window.height, window.col_off : window.col_off + window.width] += 1
    assert (seen == 1).all()


def test_a_raster_written_in_several_windows_is_the_same(make_tiff, tmp_path, monkeypatch):
    from annotation.raster import display

    pixels = RNG.integers(0, 255, (1, 700, 1200), dtype=np.uint8)
    pixels[0, 600:, 1100:] = 0
    path = make_tiff(pixels, nodata=0, tiled=True)
    monkeypatch.setattr(display, "WINDOW_BYTES", 1)
    layer = rewrite_as_layer([path], out_dir=tmp_path / "layer")
    found, _ = read(layer.analysis_path)
    assert np.array_equal(found, pixels)
    counted = np.load(layer.valid_path)
    assert counted.shape == (11, 19)
    # The last cell is 60 x 48 pixels, all of it nodata.
    assert counted[-1, -1] == 0


def test_a_lossy_file_with_nodata_is_imported_with_a_warning(make_tiff):
    report = inspect_sources([make_tiff(NOISE[:, :64, :64], compress="JPEG", nodata=0)])
    assert "lossy" in report.notes[0]


def test_a_nodata_value_no_pixel_can_have_is_ignored_with_a_note(make_tiff):
    path = make_tiff(NOISE, nodata=254)
    path.write_bytes(path.read_bytes().replace(b"254\0", b"1.5\0"))
    report = inspect_sources([path])
    assert report.nodata is None
    assert not report.needs_mask
    assert "nodata 1.5" in report.notes[0]


def test_the_ground_size_of_web_mercator_pixels_is_the_true_one(make_tiff):
    # At 45.0 degrees north a Web Mercator metre is about cos(45) = 0.7071 m (0.7083 on the ellipsoid, north-south).
    path = make_tiff(NOISE, crs="EPSG:3857", transform=Affine(0.5, 0, 250000, 0, -0.5, 5621521))
    assert inspect_sources([path]).gsd_m == pytest.approx(0.5 * 0.7083, rel=0.003)


def test_a_crs_in_feet_gives_metres(make_tiff):
    path = make_tiff(NOISE, crs="EPSG:2263", transform=Affine(1, 0, 980000, 0, -1, 190000))
    assert inspect_sources([path]).gsd_m == pytest.approx(0.3048006, rel=1e-6)


def test_gdal_is_left_a_cache_that_holds_a_row_of_blocks() -> None:
    """A cache given in megabytes where bytes are meant made every decimated read decode a block once a row."""
    from rasterio._env import get_gdal_config

    from annotation.raster.sources import GDAL_OPTIONS

    row_of_blocks = 100_000 * 512 * 4  # a raster of 100,000 px with four bytes a pixel
    with rasterio.Env(**GDAL_OPTIONS):
        assert int(get_gdal_config("GDAL_CACHEMAX")) >= row_of_blocks
