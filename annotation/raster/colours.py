"""Colour ramps for maps of values, and views that turn bands into pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from annotation.raster.display import shown_bands, stretched
from annotation.raster.errors import UnknownView
from annotation.raster.layer_files import Stretch

# Dark violet to yellow, lightness rising evenly, readable by colour-blind people.
UNCERTAINTY_ANCHORS = (
    (0.00, (68, 1, 84)),
    (0.13, (71, 44, 122)),
    (0.25, (59, 81, 139)),
    (0.38, (44, 113, 142)),
    (0.50, (33, 144, 141)),
    (0.63, (39, 173, 129)),
    (0.75, (92, 200, 99)),
    (0.88, (170, 220, 50)),
    (1.00, (253, 231, 37)),
)
# Water and shadow grey-blue, bare ground sand, then greens with the density of plants.
NDVI_ANCHORS = (
    (0.00, (70, 84, 110)),
    (0.45, (150, 150, 150)),
    (0.55, (222, 205, 170)),
    (0.65, (196, 206, 120)),
    (0.80, (92, 158, 66)),
    (1.00, (14, 82, 32)),
)


def ramp(anchors: Sequence[tuple[float, tuple[int, int, int]]]) -> NDArray[np.uint8]:
    """(256, 3) colours, linear between anchors placed from 0 to 1."""
    places = np.linspace(0, 1, 256)
    at = [place for place, _ in anchors]
    channels = [np.interp(places, at, [colour[channel] for _, colour in anchors]) for channel in range(3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)


UNCERTAINTY_RAMP = ramp(UNCERTAINTY_ANCHORS)
NDVI_RAMP = ramp(NDVI_ANCHORS)


def bands_of_view(view: str, bands: Sequence[str]) -> tuple[str, ...]:
    """The bands a view reads: "rgb", "irc" (NIR, R, G), "ndvi" (NIR, R) or "band-<name>".

    Raises UnknownView when the view does not exist or the layer lacks a band for it.
    """
    if view == "rgb":
        return shown_bands(bands)
    wanted = {"irc": ("NIR", "R", "G"), "ndvi": ("NIR", "R")}.get(view)
    if wanted is None and view.startswith("band-"):
        wanted = (view.removeprefix("band-"),)
    if wanted is None or not set(wanted) <= set(bands):
        possible = ["rgb", *(["irc"] if {"NIR", "R", "G"} <= set(bands) else [])]
        possible += [*(["ndvi"] if {"NIR", "R"} <= set(bands) else []), *(f"band-{name}" for name in bands)]
        raise UnknownView(
            f"The view {view[:60]!r} is not possible for this layer; choose one of {', '.join(possible)}."
        )
    return wanted


def colour_view(
    view: str,
    pixels: NDArray[np.generic],
    valid: NDArray[np.bool_],
    *,
    bands: Sequence[str],
    stretch: Mapping[str, tuple[float, float]] | Stretch,
) -> NDArray[np.uint8]:
    """RGB (3, h, w) of the pixels of `bands_of_view`; invalid pixels are 0."""
    if view == "ndvi":
        near, red = pixels.astype(np.float32)
        total = near + red
        index = np.divide(near - red, total, out=np.zeros_like(total), where=total > 0)
        shown: NDArray[np.uint8] = NDVI_RAMP[np.rint((index + 1) * 127.5).astype(np.uint8)].transpose(2, 0, 1).copy()
        shown[:, ~valid] = 0
        return shown
    shown = stretched(pixels, valid, [(float(stretch[name][0]), float(stretch[name][1])) for name in bands])
    return shown if len(shown) == 3 else shown[[0, 0, 0]]
