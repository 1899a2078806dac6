from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image

from annotation.core.grid import PixelGrid
from annotation.raster import errors, map_tiles, stored_tiles
from annotation.raster.display import native_max_zoom, stretched
from annotation.raster.ingest import rewrite_as_layer
from annotation.raster.layer_files import LayerFiles

HEIGHT, WIDTH = 600, 900
COLOURS = {1: "#FF0000", 2: "#00FF00", 7: "#0000FF"}


def smooth_scene() -> np.ndarray:
    """Four bands of slow waves: a picture JPEG keeps well, different in every band and every corner."""
    rows, cols = np.mgrid[0:HEIGHT, 0:WIDTH] / 100
    waves = [np.sin(rows + phase) + np.cos(1.3 * cols - phase) for phase in (0, 1, 2, 3)]
    return np.stack([np.rint(110 + 50 * wave) for wave in waves]).astype(np.uint8)


@pytest.fixture
def layer(make_tiff, tmp_path) -> LayerFiles:
    """900 x 600 pixels, R, G, B, NIR; the upper-left 300 x 300 are nodata. Native zooms 0 to 2."""
    scene = smooth_scene()
    scene[:, :300, :300] = 0
    return rewrite_as_layer([make_tiff(scene, nodata=0)], out_dir=tmp_path / "layer")


def decode(picture: bytes | None) -> np.ndarray:
    assert picture is not None
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(np.float64)


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    error = np.mean((first - second) ** 2)
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def native(layer: LayerFiles, z: int, x: int, y: int, view: str = "rgb") -> bytes | None:
    return map_tiles.native_tile(layer.folder, z, x, y, bands=layer.bands, stretch=layer.stretch, view=view)


def web(layer: LayerFiles, z: int, x: int, y: int, view: str = "rgb") -> bytes | None:
    return map_tiles.web_tile(layer.folder, z, x, y, bands=layer.bands, stretch=layer.stretch, view=view)


@pytest.mark.parametrize(
    ("size", "zoom"), [((1, 1), 0), ((256, 10), 0), ((257, 256), 1), ((512, 512), 1), ((513, 2), 2), ((900, 600), 2)]
)
def test_the_native_maximum_zoom_shows_one_image_pixel_by_map_pixel(size, zoom):
    assert native_max_zoom(*size) == zoom
    assert zoom == max(0, math.ceil(math.log2(max(size) / 256)))


def test_the_served_block_equals_a_decoded_read_of_the_display_copy(layer):
    with rasterio.open(layer.display_path, driver="GTiff") as dataset:
        shown = dataset.read().transpose(1, 2, 0)
    for x, y in [(1, 0), (2, 0), (0, 1), (1, 1), (2, 2)]:
        block = shown[y * 256 : (y + 1) * 256, x * 256 : (x + 1) * 256]
        tile = decode(native(layer, 2, x, y))[: block.shape[0], : block.shape[1]]
        assert psnr(tile, block) >= 40


def test_every_native_zoom_is_a_stored_level_that_shows_the_right_ground(layer):
    scene = smooth_scene()[:3]
    valid = np.ones((HEIGHT, WIDTH), dtype=bool)
    valid[:300, :300] = False
    full = stretched(scene, valid, [layer.stretch[name] for name in "RGB"]).astype(np.float64)
    for z, step in [(2, 1), (1, 2), (0, 4)]:
        # The lower right corner block, averaged by hand; away from the nodata and from the padded last pixels.
        height, width = HEIGHT // step, WIDTH // step
        averaged = full.reshape(3, height, step, width, step).mean(axis=(2, 4)).transpose(1, 2, 0)
        x, y = (width - 1) // 256, (height - 1) // 256
        expected = averaged[y * 256 : height - 16, x * 256 : width - 16]
        found = decode(native(layer, z, x, y))[: expected.shape[0], : expected.shape[1]]
        margin = 0 if z else 80
        assert psnr(found[margin:, margin:], expected[margin:, margin:]) >= 40


def test_served_bytes_are_the_stored_bytes_behind_the_shared_tables(layer):
    tile = native(layer, 2, 1, 1)
    assert tile is not None
    content = layer.display_path.read_bytes()
    scan = tile[tile.index(b"\xff\xda") :]
    assert scan in content
    assert tile.startswith(b"\xff\xd8\xff\xe0\x00\x10JFIF")
    assert tile.endswith(b"\xff\xd9") or tile.rstrip(b"\0").endswith(b"\xff\xd9")


def test_beyond_the_last_pixel_the_map_tile_is_black(layer):
    tile = decode(native(layer, 2, 3, 2))
    assert tile[:, 900 - 3 * 256 + 16 :].max() <= 2
    assert tile[600 - 2 * 256 + 16 :].max() <= 2


def test_a_map_tile_without_a_valid_pixel_is_none(layer):
    assert native(layer, 2, 0, 0) is None
    assert native(layer, 2, 0, 0, view="irc") is None
    assert native(layer, 1, 0, 0) is not None


@pytest.mark.parametrize("place", [(3, 0, 0), (-1, 0, 0), (2, 4, 0), (2, 0, 3), (2, -1, 0), (0, 1, 0), (10**9, 0, 0)])
def test_a_map_tile_outside_of_the_raster_is_none(layer, place):
    for view in ("rgb", "irc", "ndvi", "band-R"):
        assert native(layer, *place, view=view) is None


def test_a_replaced_display_copy_is_not_served_from_memory(layer, make_tiff, tmp_path):
    before = native(layer, 2, 1, 1)
    scene = smooth_scene()[::-1].copy()
    other = rewrite_as_layer([make_tiff(scene, "other.tif")], out_dir=tmp_path / "other")
    other.display_path.replace(layer.display_path)
    assert native(layer, 2, 1, 1) not in (None, before)


def test_a_file_that_is_not_a_display_copy_is_not_served(layer):
    with pytest.raises(errors.DamagedTiff, match="not a display copy"):
        stored_tiles.stored_tile(layer.analysis_path, 0, 0, 0)


def test_infrared_shows_nir_red_green_with_the_layers_stretch(layer):
    scene = smooth_scene()[[3, 0, 1], 256:512, 256:512]
    bounds = [layer.stretch[name] for name in ("NIR", "R", "G")]
    expected = stretched(scene, np.ones((256, 256), dtype=bool), bounds).transpose(1, 2, 0).astype(np.float64)
    expected[:44, :44] = 0
    found = decode(native(layer, 2, 1, 1, view="irc"))
    assert psnr(found[64:, 64:], expected[64:, 64:]) >= 35


def test_ndvi_is_green_over_plants_and_grey_over_water(make_tiff, tmp_path):
    pixels = np.zeros((4, 64, 64), np.uint8)
    pixels[0], pixels[3, :, :32], pixels[3, :, 32:] = 50, 250, 10
    pixels[1:3] = np.arange(64)
    layer = rewrite_as_layer([make_tiff(pixels)], out_dir=tmp_path / "layer")
    tile = decode(native(layer, 0, 0, 0, view="ndvi"))
    # NDVI is 200 / 300 = 0.67 on the left, -40 / 60 = -0.67 on the right.
    red, green, blue = tile[10, 8]
    assert green > red + 30
    assert green > blue + 30
    red, green, blue = tile[10, 56]
    assert blue > red
    assert tile[200, 200].max() <= 2


def test_a_single_band_is_shown_in_grey(layer):
    tile = decode(native(layer, 2, 2, 1, view="band-NIR"))
    assert np.ptp(tile, axis=2).max() <= 3
    assert tile.std() > 10


@pytest.mark.parametrize("view", ["", "RGB", "band-", "band-SWIR", "../../etc", "irc2"])
def test_a_view_the_layer_cannot_give_is_refused_with_those_it_can(layer, view):
    for tile in (native, web):
        with pytest.raises(errors.UnknownView, match="rgb, irc, ndvi, band-R"):
            tile(layer, 0, 0, 0, view=view)


def test_a_grey_layer_has_no_infrared_but_shows_its_band(make_tiff, tmp_path):
    layer = rewrite_as_layer([make_tiff(smooth_scene()[:1])], out_dir=tmp_path / "layer")
    assert np.ptp(decode(native(layer, 2, 1, 1)), axis=2).max() <= 3
    with pytest.raises(errors.UnknownView, match="rgb, band-gray"):
        native(layer, 2, 1, 1, view="irc")


def web_place(grid: PixelGrid, z: int, x_px: float, y_px: float) -> tuple[float, float]:
    """Position of an image pixel in map tiles of a zoom, by the formula of the web grid."""
    lon, lat = grid.to_lonlat(x_px, y_px)
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
    return (lon + 180) / 360 * 2**z, y * 2**z


@pytest.mark.parametrize("is_stored", [True, False])
def test_a_web_map_tile_shows_the_right_pixel_at_the_right_place(make_tiff, tmp_path, is_stored):
    scene = np.full((3, HEIGHT, WIDTH), 60, np.uint8)
    scene[:, 350:390, 550:590] = 250
    layer = rewrite_as_layer([make_tiff(scene)], out_dir=tmp_path / "layer")
    if not is_stored:
        (layer.folder / "web.tif").unlink()
    x, y = web_place(layer.grid, 19, 570, 370)
    assert 30 < x % 1 * 256 < 226
    assert 30 < y % 1 * 256 < 226
    tile = decode(web(layer, 19, int(x), int(y)))
    bright = np.argwhere(tile.min(axis=2) > 128)
    # The centre of pixel (row, col) is at row + 0.5, col + 0.5.
    assert np.abs(bright.mean(axis=0) + 0.5 - [y % 1 * 256, x % 1 * 256]).max() < 0.6


@pytest.mark.parametrize("z", [10, 15, 18])
def test_a_web_map_tile_is_white_around_the_imagery(layer, z):
    x, y = web_place(layer.grid, z, 450, 450)
    tile = decode(web(layer, z, int(x), int(y)))
    assert tile.shape == (256, 256, 3)
    if z <= 15:
        assert np.median(tile) == 255


@pytest.mark.parametrize("z", [0, 3])
def test_imagery_smaller_than_a_web_pixel_is_not_drawn(layer, z):
    x, y = web_place(layer.grid, z, 450, 450)
    assert web(layer, z, int(x), int(y)) is None


def test_a_web_map_tile_beside_the_imagery_or_outside_of_the_world_is_none(layer):
    x, y = (int(value) for value in web_place(layer.grid, 16, 450, 450))
    assert web(layer, 16, x + 2, y) is None
    for place in [(16, x, y + 2), (2, 4, 0), (-1, 0, 0), (31, 0, 0), (3, -1, 0)]:
        assert web(layer, *place) is None


def class_map(make_tiff, **options) -> Path:
    """512 x 300 pixels: class 1 left of column 256, class 2 right of it, class 9 (no colour) below row 256."""
    values = np.ones((1, 300, 512), np.uint8)
    values[0, :, 256:] = 2
    values[0, 256:] = 9
    values[0, :10, :10] = 0
    return make_tiff(values, "classes.tif", compress="DEFLATE", tiled=True, blockxsize=256, blockysize=256, **options)


def read_png(picture: bytes | None) -> tuple[Image.Image, np.ndarray]:
    assert picture is not None
    image = Image.open(io.BytesIO(picture))
    return image, np.asarray(image.convert("RGBA"))


def test_class_tiles_are_indexed_pngs_transparent_where_nothing_is_classified(make_tiff):
    path = class_map(make_tiff)
    image, rgba = read_png(map_tiles.class_tile(path, 1, 0, 0, colours=COLOURS, native=True))
    assert (image.mode, image.size) == ("P", (256, 256))
    assert (rgba[10:, 10:] == [255, 0, 0, 255]).all()
    assert (rgba[:10, :10, 3] == 0).all()
    _, right = read_png(map_tiles.class_tile(path, 1, 1, 0, colours=COLOURS, native=True))
    assert (right == [0, 255, 0, 255]).all()


def test_class_tiles_keep_indices_and_never_mix_them_when_zoomed_out(make_tiff):
    image, rgba = read_png(map_tiles.class_tile(class_map(make_tiff), 0, 0, 0, colours=COLOURS, native=True))
    values = np.asarray(image)
    assert set(np.unique(values)) == {0, 1, 2, 9}
    assert (rgba[20:128, :128] == [255, 0, 0, 255]).all()
    assert (rgba[20:128, 128:] == [0, 255, 0, 255]).all()
    assert (rgba[128:, :, 3] == 0).all()


def test_a_class_tile_without_a_coloured_class_is_none(make_tiff):
    path = class_map(make_tiff)
    assert map_tiles.class_tile(path, 1, 0, 1, colours=COLOURS, native=True) is None
    assert map_tiles.class_tile(path, 1, 5, 0, colours=COLOURS, native=True) is None
    assert map_tiles.class_tile(path, 1, 0, 0, colours={0: "#FFFFFF"}, native=True) is None


def test_class_tiles_are_drawn_on_the_web_grid_too(make_tiff):
    path = class_map(make_tiff)
    grid = PixelGrid("EPSG:2154", (0.2, 0.0, 600000.0, 0.0, -0.2, 6800000.0), 512, 300)
    x, y = web_place(grid, 18, 100, 100)
    image, rgba = read_png(map_tiles.class_tile(path, 18, int(x), int(y), colours=COLOURS, native=False))
    assert tuple(rgba[int(y % 1 * 256), int(x % 1 * 256)]) == (255, 0, 0, 255)
    assert set(np.unique(np.asarray(image))) <= {0, 1, 2, 9}
    assert map_tiles.class_tile(path, 18, int(x) + 9, int(y), colours=COLOURS, native=False) is None


def test_a_colour_that_is_not_rrggbb_is_refused(make_tiff):
    with pytest.raises(ValueError, match="not a colour"):
        map_tiles.class_tile(class_map(make_tiff), 1, 0, 0, colours={1: "red"}, native=True)


def test_uncertainty_tiles_are_clearer_and_more_opaque_the_less_sure_the_map_is(make_tiff):
    values = np.tile(np.repeat(np.arange(0, 256, 4, dtype=np.uint8), 4), (1, 256, 1))
    _, rgba = read_png(map_tiles.entropy_tile(make_tiff(values, "entropy.tif"), 0, 0, 0, native=True))
    alpha, light = rgba[0, :, 3].astype(int), rgba[0, :, :3] @ np.array([0.2126, 0.7152, 0.0722])
    assert alpha[0] == 0
    assert (np.diff(alpha) >= 0).all()
    assert alpha[-1] > 200
    assert (np.diff(light[::4]) > 0).all()


def test_an_uncertainty_map_at_an_eighth_of_the_resolution_lies_on_the_imagerys_grid(make_tiff):
    # Imagery of 600 x 500 pixels; the map has 75 x 63 pixels of 8 x 8, one of them (row 40, column 50) unsure.
    values = np.zeros((1, 63, 75), np.uint8)
    values[0, 40, 50] = 255
    path = make_tiff(values, "entropy.tif", transform=Affine(1.6, 0, 600000, 0, -1.6, 6800000))
    place = {"native": True, "pixel_scale": 8, "layer_size": (600, 500)}
    # Pixels x 400-407, y 320-327 lie in map tile (1, 1) of zoom 2, from x 144 and y 64.
    _, rgba = read_png(map_tiles.entropy_tile(path, 2, 1, 1, **place))
    expected = np.zeros((256, 256), dtype=bool)
    expected[64:72, 144:152] = True
    assert np.array_equal(rgba[..., 3] > 0, expected)
    assert map_tiles.entropy_tile(path, 2, 0, 0, **place) is None
    assert map_tiles.entropy_tile(path, 3, 0, 0, **place) is None


def test_a_padded_level_is_exactly_half_the_next(layer):
    with rasterio.open(layer.display_path, driver="GTiff") as dataset:
        assert (dataset.width, dataset.height) == (904, 604)
        assert dataset.overviews(1) == [2, 4]
        assert dataset.block_shapes[0] == (256, 256)
