"""Bands from other files of the same ground: infrared or heights beside colours, on the same grid or a coarser one.

The files that come first give the pixel grid. A stacked file's pixel is as large as theirs, or a whole number of times
as large, and its corners meet theirs; it is then repeated, never resampled. A pixel is valid where all of them are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from annotation.raster.errors import SourcesDoNotMatch, TooLarge
from annotation.raster.gate import MAX_BANDS
from annotation.raster.sources import SourceReport, StackPart

MAX_RATIO = 64
MAX_SHIFT_PX = 0.05
RATIO_TOLERANCE = 1e-3
UNUSED = "-"


def stacked(base: SourceReport, part: SourceReport, *, bands: Sequence[str]) -> SourceReport:
    """A plan with some bands of other files added.

    Args: bands: the name that each of their bands gets, "-" for one that is not used.

    Raises: SourcesDoNotMatch (with what was met), TooLarge (bands in all).
    """
    name = part.sources[0].path.name
    if len(bands) != len(part.bands):
        raise SourcesDoNotMatch(
            f"{name} has the {len(part.bands)} bands {', '.join(part.bands)}, and {len(bands)} names were given "
            f"({', '.join(bands)}). Give one for each, {UNUSED} for a band that is not used."
        )
    picked = {order: band for order, band in enumerate(bands) if band != UNUSED}
    names = (*base.bands, *picked.values())
    if not picked or len(set(names)) != len(names):
        raise SourcesDoNotMatch(
            f"{name} would add the bands {', '.join(picked.values()) or 'none'} to {', '.join(base.bands)}. Give each "
            "band a name of its own."
        )
    if len(names) > MAX_BANDS:
        raise TooLarge(f"The files have {len(names)} bands in all; {MAX_BANDS} are accepted. Leave some out.")
    if (part.dtype, part.grid.crs) != (base.dtype, base.grid.crs):
        raise SourcesDoNotMatch(
            f"{name} is {part.dtype} in {part.grid.crs[:60]}, the files before it {base.dtype} in "
            f"{base.grid.crs[:60]}. Bring them to one form: gdal_translate -ot, gdalwarp -t_srs."
        )
    ratio, offset = _placed(base, part, name)
    return replace(
        base,
        bands=names,
        needs_mask=True,
        notes=(*base.notes, *part.notes),
        stack=(*base.stack, StackPart(part, tuple(picked), ratio, offset)),
    )


def _placed(base: SourceReport, part: SourceReport, name: str) -> tuple[int, tuple[int, int]]:
    """How many pixels of the base a pixel of the part is wide, and where its corner lies in them."""
    (a, _, c, _, e, f), (own_a, _, own_c, _, own_e, own_f) = base.grid.transform, part.grid.transform
    exact = own_a / a
    ratio = round(exact)
    # Over the whole part the pixels must not drift apart.
    drift_px = max(abs(own_a - ratio * a) * part.grid.width / a, abs(own_e - ratio * e) * part.grid.height / -e)
    if not 1 <= ratio <= MAX_RATIO or abs(exact - ratio) > RATIO_TOLERANCE or drift_px > 0.25:
        raise SourcesDoNotMatch(
            f"{name} has pixels of {own_a:g} x {-own_e:g}, {exact:.4g} times those of the files before it; 1 to "
            f"{MAX_RATIO} times, a whole number, are accepted. Give the finest files first, or resample (gdalwarp -tr)."
        )
    col, row = (own_c - c) / a, (own_f - f) / e
    shift = max(abs(col - round(col)), abs(row - round(row)))
    if shift > MAX_SHIFT_PX:
        raise SourcesDoNotMatch(
            f"The corner of {name} lies {shift:.2f} pixels beside a corner of the files before it; at most "
            f"{MAX_SHIFT_PX:g} is accepted. Bring both to one grid (gdalwarp -tap -tr)."
        )
    return ratio, (round(col), round(row))


def as_json(stack: Sequence[StackPart], plan_as_json: Any) -> list[dict[str, Any]]:
    """Stacked parts in JSON types."""
    return [
        {
            "plan": plan_as_json(part.plan),
            "picked": list(part.picked),
            "ratio": part.ratio,
            "offset_px": list(part.offset_px),
        }
        for part in stack
    ]


def from_json(stack: Sequence[Mapping[str, Any]], plan_from_json: Any) -> tuple[StackPart, ...]:
    """The inverse of `as_json`. Raises KeyError, TypeError or ValueError."""
    return tuple(
        StackPart(
            plan_from_json(part["plan"]),
            tuple(part["picked"]),
            part["ratio"],
            (part["offset_px"][0], part["offset_px"][1]),
        )
        for part in stack
    )
