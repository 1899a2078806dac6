"""Ingest as the platform calls it: in the sandbox, with the results as our own classes again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from annotation.raster.gate import DEFAULT_MAX_PIXELS
from annotation.raster.ingest import partial_folder
from annotation.raster.layer_files import LayerFiles
from annotation.raster.sandbox import DEFAULT_LIMITS, SandboxLimits, run_in_sandbox


def inspect_isolated(
    paths: Sequence[str | os.PathLike[str]],
    *,
    crs: str | None = None,
    transform: Sequence[float] | None = None,
    band_names: Sequence[str] | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    limits: SandboxLimits = DEFAULT_LIMITS,
    require_isolation: bool = True,
) -> dict[str, Any]:
    """`ingest.inspect_sources` in the sandbox; the report in JSON types.

    Raises: UnusableRaster and its subclasses, and the errors of `run_in_sandbox`.
    """
    kwargs = _kwargs(paths, crs=crs, transform=transform, band_names=band_names, max_pixels=max_pixels)
    report: dict[str, Any] = run_in_sandbox(
        "annotation.raster.ingest.inspect_sources", kwargs, limits=limits, require_isolation=require_isolation
    )
    return report


def plan_isolated(
    paths: Sequence[str | os.PathLike[str]],
    *,
    crs: str | None = None,
    transform: Sequence[float] | None = None,
    band_names: Sequence[str] | None = None,
    dates: Sequence[str | None] | None = None,
    stack: Sequence[Mapping[str, Any]] = (),
    first_number: int = 1,
    onto: LayerFiles | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    limits: SandboxLimits = DEFAULT_LIMITS,
    require_isolation: bool = True,
) -> dict[str, Any]:
    """`plans.plan_import` in the sandbox.

    Raises: UnusableRaster and its subclasses, and the errors of `run_in_sandbox`.
    """
    kwargs = _kwargs(paths, crs=crs, transform=transform, band_names=band_names, max_pixels=max_pixels)
    kwargs["stack"] = [
        {"paths": [_absolute(path) for path in part["paths"]], "bands": list(part["bands"])} for part in stack
    ]
    kwargs |= {"dates": dates, "first_number": first_number, "onto": None if onto is None else onto.as_json()}
    plan: dict[str, Any] = run_in_sandbox(
        "annotation.raster.plans.plan_import", kwargs, limits=limits, require_isolation=require_isolation
    )
    return plan


def rewrite_isolated(
    paths: Sequence[str | os.PathLike[str]],
    *,
    out_dir: Path,
    crs: str | None = None,
    transform: Sequence[float] | None = None,
    band_names: Sequence[str] | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    progress: Callable[[float], None] | None = None,
    limits: SandboxLimits = DEFAULT_LIMITS,
    require_isolation: bool = True,
) -> LayerFiles:
    """`ingest.rewrite_as_layer` in the sandbox; a child that is killed leaves nothing behind either.

    Raises: UnusableRaster and its subclasses, and the errors of `run_in_sandbox`.
    """
    target = out_dir.absolute()
    kwargs = _kwargs(paths, crs=crs, transform=transform, band_names=band_names, max_pixels=max_pixels)
    try:
        description = run_in_sandbox(
            "annotation.raster.ingest.rewrite_as_layer",
            {**kwargs, "out_dir": str(target)},
            on_progress=progress,
            limits=limits,
            require_isolation=require_isolation,
        )
    finally:
        shutil.rmtree(partial_folder(target), ignore_errors=True)
    return LayerFiles.from_json(description, folder=target)


def _kwargs(
    paths: Sequence[str | os.PathLike[str]],
    *,
    crs: str | None,
    transform: Sequence[float] | None,
    band_names: Sequence[str] | None,
    max_pixels: int,
) -> dict[str, Any]:
    return {
        "paths": [_absolute(path) for path in paths],
        "crs": crs,
        "transform": None if transform is None else [float(value) for value in transform],
        "band_names": None if band_names is None else list(band_names),
        "max_pixels": max_pixels,
    }


def _absolute(path: str | os.PathLike[str]) -> str:
    """A path that means the same in the child's folder; addresses stay as they are, to be refused."""
    text = os.fspath(path)
    return text if "://" in text or "\0" in text else str(Path(text).absolute())
