"""What an import is going to write, as JSON: made once in the sandbox, read by the process of every cell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from annotation.core.grid import PixelGrid
from annotation.raster import gate, stacks
from annotation.raster.errors import SourcesDoNotMatch
from annotation.raster.ground import MAX_SOURCES
from annotation.raster.ingest import Paths, inspect_sources
from annotation.raster.sources import MAX_DRIFT_PX, Source, SourceReport


def plan_import(
    paths: Paths,
    *,
    crs: str | None = None,
    transform: Sequence[float] | None = None,
    band_names: Sequence[str] | None = None,
    dates: Sequence[str | None] | None = None,
    stack: Sequence[Mapping[str, Any]] = (),
    first_number: int = 1,
    onto: Mapping[str, Any] | None = None,
    max_pixels: int = gate.DEFAULT_MAX_PIXELS,
    max_mosaic_pixels: int = gate.MAX_MOSAIC_PIXELS,
) -> dict[str, Any]:
    """The plan of an import, as JSON; `from_json` reads it.

    Args:
        dates: acquisition date of each file, YYYY-MM-DD. stack: other files of the same ground, {"paths", "bands"} for
        each set, see `stacks.stacked`. onto: description (`LayerFiles.as_json`) of a layer whose
        ground the files replace. Others: as for `inspect_sources`.

    Raises: UnusableRaster and its subclasses; SourcesDoNotMatch when the files do not fit the layer.
    """
    count = len(paths) + sum(len(part["paths"]) for part in stack)
    if first_number + count - 1 > MAX_SOURCES:
        raise SourcesDoNotMatch(
            f"{count} files follow {first_number - 1} that this layer was made of; it holds {MAX_SOURCES:,} in "
            "all. Import the imagery as a new layer."
        )
    days = None if dates is None else [None if day is None else date.fromisoformat(day) for day in dates]
    plan = inspect_sources(
        paths, crs=crs, transform=transform, band_names=band_names, max_pixels=max_pixels,
        max_mosaic_pixels=max_mosaic_pixels, dates=days, first_number=first_number,
    )  # fmt: skip
    for part in stack:
        found = inspect_sources(
            part["paths"], max_pixels=max_pixels, max_mosaic_pixels=max_mosaic_pixels,
            first_number=first_number + len(plan.files),
        )  # fmt: skip
        plan = stacks.stacked(plan, found, bands=part["bands"])
    return as_json(plan if onto is None else _placed_onto(plan, onto))


def as_json(plan: SourceReport) -> dict[str, Any]:
    """A plan in JSON types, with the files' paths."""
    return {
        "sources": [
            {
                "path": str(source.path),
                "width": source.width,
                "height": source.height,
                "offset_px": list(source.offset_px),
                "shift_px": list(source.shift_px),
                "alpha_band": source.alpha_band,
                "alpha_threshold": source.alpha_threshold,
                "has_invalid": source.has_invalid,
                "number": source.number,
                "acquired_on": None if source.acquired_on is None else source.acquired_on.isoformat(),
            }
            for source in plan.sources
        ],
        "crs": plan.grid.crs,
        "transform": list(plan.grid.transform),
        "width": plan.grid.width,
        "height": plan.grid.height,
        "gsd_m": plan.gsd_m,
        "bands": list(plan.bands),
        "dtype": plan.dtype,
        "nodata": plan.nodata,
        "needs_mask": plan.needs_mask,
        "notes": list(plan.notes),
        "stack": stacks.as_json(plan.stack, as_json),
    }


def from_json(plan: Mapping[str, Any]) -> SourceReport:
    """The inverse of `as_json`. Raises KeyError, TypeError or ValueError."""
    return SourceReport(
        sources=tuple(
            Source(
                path=Path(source["path"]),
                width=source["width"],
                height=source["height"],
                offset_px=(source["offset_px"][0], source["offset_px"][1]),
                shift_px=(source["shift_px"][0], source["shift_px"][1]),
                alpha_band=source["alpha_band"],
                alpha_threshold=source["alpha_threshold"],
                has_invalid=source["has_invalid"],
                number=source["number"],
                acquired_on=None if source["acquired_on"] is None else date.fromisoformat(source["acquired_on"]),
            )
            for source in plan["sources"]
        ),
        grid=_grid(plan),
        gsd_m=plan["gsd_m"],
        bands=tuple(plan["bands"]),
        dtype=plan["dtype"],
        nodata=plan["nodata"],
        needs_mask=plan["needs_mask"],
        notes=tuple(plan["notes"]),
        stack=stacks.from_json(plan["stack"], from_json),
    )


def _grid(description: Mapping[str, Any]) -> PixelGrid:
    a, b, c, d, e, f = description["transform"]
    return PixelGrid(description["crs"], (a, b, c, d, e, f), description["width"], description["height"])


def _placed_onto(plan: SourceReport, layer: Mapping[str, Any]) -> SourceReport:
    """The files at whole pixels of a layer that is there. Raises SourcesDoNotMatch."""
    grid = _grid(layer)
    advice = "Bring the files to the layer's form (gdalwarp) or import them as a layer of their own."
    met, wanted = (plan.grid.crs, plan.bands, plan.dtype), (grid.crs, tuple(layer["bands"]), layer["dtype"])
    if met != wanted:
        raise SourcesDoNotMatch(
            f"The files hold {met[2]} bands {', '.join(met[1])} in {met[0][:60]}, the layer {wanted[2]} bands "
            f"{', '.join(wanted[1])} in {wanted[0][:60]}. {advice}"
        )
    (a, _, c, _, e, f), (own_a, _, own_c, _, own_e, own_f) = grid.transform, plan.grid.transform
    drift_px = max(abs(own_a - a) * plan.grid.width / a, abs(own_e - e) * plan.grid.height / -e)
    if drift_px > MAX_DRIFT_PX:
        raise SourcesDoNotMatch(f"The files have pixels of {own_a} x {-own_e}, the layer of {a} x {-e}. {advice}")
    exact_col, exact_row = (own_c - c) / a, (own_f - f) / e
    col, row = math.floor(exact_col + 0.5), math.floor(exact_row + 0.5)
    if col < 0 or row < 0 or col + plan.grid.width > grid.width or row + plan.grid.height > grid.height:
        raise SourcesDoNotMatch(
            f"The files cover columns {col} to {col + plan.grid.width} and rows {row} to {row + plan.grid.height}, "
            f"beyond the layer's {grid.width} x {grid.height} pixels, on which its tiles are counted. Cut the files to "
            "the layer, or import them as a layer of their own."
        )
    shift = (col - exact_col, row - exact_row)
    sources = tuple(
        replace(
            source,
            offset_px=(source.offset_px[0] + col, source.offset_px[1] + row),
            shift_px=(source.shift_px[0] + shift[0], source.shift_px[1] + shift[1]),
        )
        for source in plan.sources
    )
    if plan.stack and max(map(abs, shift)) > 0.001:
        raise SourcesDoNotMatch(f"The files lie {shift} pixels beside the layer's grid, with others stacked. {advice}")
    stack = tuple(replace(part, offset_px=(part.offset_px[0] + col, part.offset_px[1] + row)) for part in plan.stack)
    notes = plan.notes
    if max(map(abs, shift)) > 0.001:
        notes += (f"The files were moved by {shift[0]:+.3f}, {shift[1]:+.3f} pixels to meet the layer's grid.",)
    return replace(
        plan,
        sources=sources,
        stack=stack,
        grid=grid,
        gsd_m=layer["gsd_m"],
        nodata=layer["nodata"],
        needs_mask=True,
        notes=notes,
    )
