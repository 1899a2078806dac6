"""Map tiles: 256 px pictures of imagery and predictions, on the imagery's own pixel grid and on the web grid.

Native grid: z from 0 to Z = native_max_zoom; at Z a map-tile pixel is an image pixel, at z it is 2**(Z - z)
of them; x to the right, y down from the upper-left corner. Web grid: the usual z/x/y of Web Mercator
(EPSG:3857). A tile without anything to show is None.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rasterio.enums import Resampling
from rasterio.windows import Window

from annotation.raster import colours as views
from annotation.raster import stored_tiles
from annotation.raster.display import MAP_TILE_PX, native_max_zoom
from annotation.raster.layer_files import ANALYSIS_NAME, INDEX_NAME
from annotation.raster.reader import Raster, band_indexes, open_layer
from annotation.raster.web_grid import read_web_tile

JPEG_QUALITY = 85
WHITE = 255
ENTROPY_FULL_ALPHA = 230
NOT_COMPARED_ALPHA = 170

StretchOf = Mapping[str, Sequence[float]]


def native_tile(
    path: Path, z: int, x: int, y: int, *, bands: Sequence[str], stretch: StretchOf, view: str = "rgb"
) -> bytes | None:
    """A JPEG of imagery on its own grid.

    The true-colour view is the stored block of a display file, byte for byte; other views are read from the lossless
    copy.

    Args:
        path: folder of the layer. bands, stretch: as in `LayerFiles`.
        view: "rgb", "irc", "ndvi" or "band-<name>".

    Returns: JPEG bytes, or None where nothing is valid or outside of the raster. Raises UnknownView.
    """
    names = views.bands_of_view(view, bands)
    if view == "rgb":
        return stored_tiles.stored_layer_tile(path, z, x, y)
    with open_layer(_analysis(path)) as dataset:
        read = _read_native(dataset, z, x, y, indexes=band_indexes(dataset, names), resampling=Resampling.average)
    return None if read is None else _imagery_jpeg(view, *read, names=names, stretch=stretch, background=0)


def web_tile(
    path: Path, z: int, x: int, y: int, *, bands: Sequence[str], stretch: StretchOf, view: str = "rgb"
) -> bytes | None:
    """A JPEG of imagery on the web grid, white where the imagery has nothing; arguments as for `native_tile`.

    Returns: JPEG bytes, or None where nothing is valid. Raises UnknownView.
    """
    names = views.bands_of_view(view, bands)
    read = read_web_tile(_analysis(path), z, x, y, bands=names, resampling=Resampling.bilinear)
    return None if read is None else _imagery_jpeg(view, *read, names=names, stretch=stretch, background=WHITE)


def _analysis(folder: Path) -> Path:
    """What `open_layer` takes of a layer's folder."""
    index = folder / INDEX_NAME
    return index if index.exists() else folder / ANALYSIS_NAME


def class_tile(
    path: Path,
    z: int,
    x: int,
    y: int,
    *,
    colours: Mapping[int, str],
    native: bool,
    layer_size: tuple[int, int] | None = None,
) -> bytes | None:
    """An indexed PNG of a class map (uint8, one band): 0 and values without a colour are transparent.

    Args:
        colours: "#RRGGBB" by raster value. native: the imagery's own grid, else the web grid.
        layer_size: (width, height) of the imagery in pixels when the map's differ.

    Returns: PNG bytes, or None where no class is shown.
    """
    values = _read_values(path, z, x, y, native=native, pixel_scale=1, layer_size=layer_size)
    if values is None or not np.isin(values, [value for value in colours if value]).any():
        return None
    palette, alpha = np.zeros((256, 3), dtype=np.uint8), np.zeros(256, dtype=np.uint8)
    for value, colour in colours.items():
        if value:
            palette[value], alpha[value] = _rgb(colour), 255
    return _indexed_png(values, palette, alpha)


def entropy_tile(
    path: Path,
    z: int,
    x: int,
    y: int,
    *,
    native: bool,
    pixel_scale: int = 1,
    layer_size: tuple[int, int] | None = None,
) -> bytes | None:
    """An indexed PNG of an uncertainty map (uint8, one band, 255 = highest): the surer, the more transparent.

    Args:
        native: the imagery's own grid, else the web grid. pixel_scale: imagery pixels along a side of a map
        pixel.
        layer_size: (width, height) of the imagery in pixels when the map's differ.

    Returns: PNG bytes, or None where the map is 0 or invalid throughout.
    """
    values = _read_values(path, z, x, y, native=native, pixel_scale=pixel_scale, layer_size=layer_size)
    if values is None or not values.any():
        return None
    alpha = np.rint(np.linspace(0, 1, 256) ** 0.5 * ENTROPY_FULL_ALPHA).astype(np.uint8)
    return _indexed_png(values, views.UNCERTAINTY_RAMP, alpha)


def _read_values(
    path: Path, z: int, x: int, y: int, *, native: bool, pixel_scale: int, layer_size: tuple[int, int] | None
) -> NDArray[np.uint8] | None:
    """Values (256, 256) of a one-band map, 0 where it is invalid, never mixed with their neighbours."""
    if native:
        with open_layer(path) as dataset:
            read = _read_native(
                dataset,
                z,
                x,
                y,
                indexes=[1],
                resampling=Resampling.nearest,
                pixel_scale=pixel_scale,
                layer_size=layer_size,
            )
    else:
        read = read_web_tile(path, z, x, y, bands=None, resampling=Resampling.nearest)
    if read is None:
        return None
    pixels, valid = read
    return np.where(valid, pixels[0], 0).astype(np.uint8)


def _read_native(
    dataset: Raster,
    z: int,
    x: int,
    y: int,
    *,
    indexes: list[int],
    resampling: Resampling,
    pixel_scale: int = 1,
    layer_size: tuple[int, int] | None = None,
) -> tuple[NDArray[Any], NDArray[np.bool_]] | None:
    """Pixels (bands, 256, 256) and validity of a native map tile; None where nothing is valid."""
    width, height = layer_size or (dataset.width * pixel_scale, dataset.height * pixel_scale)
    deepest = native_max_zoom(width, height)
    if not 0 <= z <= deepest:
        return None
    step = 1 << (deepest - z)
    span = MAP_TILE_PX * step
    if x < 0 or y < 0 or x * span >= width or y * span >= height:
        return None
    right, bottom = min(width, (x + 1) * span), min(height, (y + 1) * span)
    window = Window(
        x * span / pixel_scale,
        y * span / pixel_scale,
        (right - x * span) / pixel_scale,
        (bottom - y * span) / pixel_scale,
    )
    shape = (-(-(bottom - y * span) // step), -(-(right - x * span) // step))
    pixels = np.zeros((len(indexes), MAP_TILE_PX, MAP_TILE_PX), dtype=dataset.dtypes[0])
    valid = np.zeros((MAP_TILE_PX, MAP_TILE_PX), dtype=bool)
    valid[: shape[0], : shape[1]] = dataset.dataset_mask(window=window, out_shape=shape) > 127
    if not valid.any():
        return None
    pixels[:, : shape[0], : shape[1]] = dataset.read(
        indexes, window=window, out_shape=(len(indexes), *shape), resampling=resampling
    )
    return pixels, valid


def _imagery_jpeg(
    view: str,
    pixels: NDArray[Any],
    valid: NDArray[np.bool_],
    *,
    names: Sequence[str],
    stretch: StretchOf,
    background: int,
) -> bytes:
    bounds = {name: (float(stretch[name][0]), float(stretch[name][1])) for name in names}
    picture = views.colour_view(view, pixels, valid, bands=names, stretch=bounds)
    picture[:, ~valid] = background
    out = io.BytesIO()
    Image.fromarray(picture.transpose(1, 2, 0)).save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def shares_png(values: NDArray[Any]) -> bytes:
    """An indexed PNG of a raster of shares, 1 (none) to 255 (all), over imagery: 0 is transparent, more is clearer.

    Args: values: integers from 0 to 255 (row, col).
    """
    alpha = np.linspace(160, 255, 256).round().astype(np.uint8)
    alpha[0] = 0
    return _indexed_png(values.astype(np.uint8), views.UNCERTAINTY_RAMP, alpha)


def errors_png(values: NDArray[np.uint8], *, colours: Mapping[int, str]) -> bytes:
    """An indexed PNG of where a model errs, over imagery: clear where it is right, else the colour of what it says.

    Args: values: uint8 (row, col), 0 = not compared (veiled), 1 = right, above = wrong. colours: "#RRGGBB" by value.
    """
    palette, alpha = np.zeros((256, 3), dtype=np.uint8), np.full(256, 255, dtype=np.uint8)
    alpha[:2] = NOT_COMPARED_ALPHA, 0
    for value, colour in colours.items():
        palette[value] = _rgb(colour)
    return _indexed_png(values, palette, alpha)


def _indexed_png(values: NDArray[np.uint8], palette: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> bytes:
    """A PNG of 8-bit indices with 256 colours and their opacity."""
    picture = Image.fromarray(values, mode="P")
    picture.putpalette(palette.tobytes())
    out = io.BytesIO()
    picture.save(out, "PNG", transparency=alpha.tobytes())
    return out.getvalue()


def _rgb(colour: str) -> tuple[int, int, int]:
    """(red, green, blue) of "#RRGGBB". Raises ValueError for anything else."""
    if len(colour) != 7 or colour[0] != "#":
        raise ValueError(f"{colour!r} is not a colour of the form #RRGGBB; correct the nomenclature.")
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
