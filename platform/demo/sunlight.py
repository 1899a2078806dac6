"""Light a territory as an aerial camera would see it: relief shading, cast shadows, haze, blur, noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from demo.parcels import smooth_noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Late morning in June: sun in the south-south-east, 50° high. East is +x, south is +y on the image.
SUN_ELEVATION_DEG = 50.0
SUN_TOWARDS = (0.5, 0.866)
#: What the sky alone gives to R, G, B, NIR (the sun gives the rest): shadows are bluish and dark in NIR.
SKY_SHARE = np.array([0.30, 0.35, 0.44, 0.24], dtype=np.float32)


def light(
    *,
    albedo: NDArray[np.float32],
    height_m: NDArray[np.float32],
    gsd_m: float,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """From colours in full sun, float32 (4, h, w) on 0…255, and heights (h, w) to uint8 (4, h, w)."""
    size = height_m.shape[0]
    sun = _facing_sun(height_m, gsd_m=gsd_m) * (1.0 - cast_shadow(height_m, gsd_m=gsd_m))
    drift = 1.0 + 0.05 * smooth_noise(rng, size_px=size, wavelength_px=max(size / 3, 8.0))
    image = np.empty(albedo.shape, dtype=np.uint8)
    grain = rng.standard_normal((size, size), dtype=np.float32)
    for band in range(albedo.shape[0]):
        sky = SKY_SHARE[band]
        seen = albedo[band] * (sky + (1.0 - sky) * sun) * drift
        seen = ndimage.gaussian_filter(seen, 0.65)
        seen += 1.2 * grain + rng.standard_normal((size, size), dtype=np.float32) * (1.0 + 0.012 * seen)
        image[band] = np.clip(np.rint(seen), 1, 255).astype(np.uint8)
    return image


def cast_shadow(height_m: NDArray[np.float32], *, gsd_m: float) -> NDArray[np.float32]:
    """Share of the sun's disc hidden by what stands towards the sun, float32 0…1 of the same shape."""
    slope = np.tan(np.radians(SUN_ELEVATION_DEG))
    step_px = 2.0
    steps = int(np.ceil(float(height_m.max()) / slope / gsd_m / step_px))
    rise = np.zeros_like(height_m)
    size_y, size_x = height_m.shape
    for step in range(1, steps + 1):
        dx, dy = (round(step * step_px * part) for part in SUN_TOWARDS)
        if dy >= size_y or dx >= size_x:
            break
        above = height_m[dy:, dx:] - np.float32(step * step_px * gsd_m * slope)
        target = rise[: size_y - dy, : size_x - dx]
        np.maximum(target, above - height_m[: size_y - dy, : size_x - dx], out=target)
    hidden: NDArray[np.float32] = ndimage.gaussian_filter(np.clip(rise / 0.4, 0.0, 1.0), 0.8)
    return hidden


def _facing_sun(height_m: NDArray[np.float32], *, gsd_m: float) -> NDArray[np.float32]:
    elevation = np.radians(SUN_ELEVATION_DEG)
    slope_y, slope_x = np.gradient(height_m, gsd_m)
    slope_x, slope_y = np.clip(slope_x, -1.3, 1.3), np.clip(slope_y, -1.3, 1.3)
    towards = np.cos(elevation) * (SUN_TOWARDS[0] * slope_x + SUN_TOWARDS[1] * slope_y)
    facing = (np.sin(elevation) - towards) / np.sqrt(1.0 + slope_x**2 + slope_y**2)
    lit: NDArray[np.float32] = np.clip(facing / np.sin(elevation), 0.0, 1.3).astype(np.float32)
    return lit
