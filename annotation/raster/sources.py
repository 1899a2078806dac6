"""What a set of foreign files holds: each one's grid, bands and validity, and the mosaic they make."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from annotation.core.grid import PixelGrid
from annotation.raster import band_names
from annotation.raster.errors import DamagedTiff, SourcesDoNotMatch, TooLarge, UnsupportedPixels
from annotation.raster.gate import MAX_BANDS
from annotation.raster.georeference import Transform, choose_crs, choose_transform, ground_size_m

# Sidecars are refused by the gate; these keep GDAL from looking for any, or writing one. rasterio takes the cache's
# size in bytes, where GDAL's own variable may be in megabytes: too small a cache decodes a block once a row.
GDAL_OPTIONS = {"GDAL_PAM_ENABLED": "NO", "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_CACHEMAX": 256 << 20}
SAMPLE_WINDOWS, SAMPLE_PX = 6, 128
MAX_DRIFT_PX = 0.25


@dataclass(frozen=True, slots=True)
class Source:
    """One file of a mosaic.

    `offset_px` is the column and row of its upper-left pixel in the mosaic; `shift_px` how far (x right, y
    down, in pixels, at most 0.5) rounding to the mosaic's grid moved it. `alpha_band` (1-based) is a band
    that is a mask, not a measurement. `number` is its own among all sources of the layer, from 1.
    """

    path: Path
    width: int
    height: int
    offset_px: tuple[int, int]
    shift_px: tuple[float, float]
    alpha_band: int | None
    alpha_threshold: int
    has_invalid: bool
    number: int
    acquired_on: date | None


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What an import would make of the files: grid, bands and what a person should know first."""

    sources: tuple[Source, ...]
    grid: PixelGrid
    gsd_m: float
    bands: tuple[str, ...]
    dtype: str
    nodata: int | None
    needs_mask: bool
    notes: tuple[str, ...]
    stack: tuple[StackPart, ...] = ()

    @property
    def files(self) -> tuple[Source, ...]:
        """Every file, those that add bands last."""
        return (*self.sources, *(source for part in self.stack for source in part.plan.sources))

    def as_json(self) -> dict[str, Any]:
        """The report in JSON types, files by name."""
        return {
            "grid": {
                "crs": self.grid.crs,
                "transform": list(self.grid.transform),
                "width": self.grid.width,
                "height": self.grid.height,
            },
            "gsd_m": self.gsd_m,
            "bands": list(self.bands),
            "dtype": self.dtype,
            "nodata": self.nodata,
            "notes": list(self.notes),
            "sources": [
                {
                    "name": source.path.name,
                    "width": source.width,
                    "height": source.height,
                    "offset_px": list(source.offset_px),
                    "shift_px": list(source.shift_px),
                }
                for source in self.sources
            ],
        }


@dataclass(frozen=True, slots=True)
class StackPart:
    """Other files of the same ground, some bands of which are added (see `stacks`).

    `picked`: positions of those bands, from 0. `ratio`: pixels of the mosaic along a side of one of theirs.
    `offset_px`: column and row of their corner in the mosaic's pixels.
    """

    plan: SourceReport
    picked: tuple[int, ...]
    ratio: int
    offset_px: tuple[int, int]

    def window(self, window: Window) -> Window:
        """The whole pixels of these files that a window of the mosaic touches."""
        left, top = int(window.col_off) - self.offset_px[0], int(window.row_off) - self.offset_px[1]
        first_col, first_row = left // self.ratio, top // self.ratio
        last_col, last_row = -(-(left + int(window.width)) // self.ratio), -(-(top + int(window.height)) // self.ratio)
        return Window(first_col, first_row, last_col - first_col, last_row - first_row)


@dataclass(frozen=True, slots=True)
class _Described:
    """A file on its own, before it finds its place in the mosaic."""

    path: Path
    crs: Any
    transform: Transform
    width: int
    height: int
    bands: tuple[str, ...]
    dtype: str
    nodata: int | None
    alpha_band: int | None
    alpha_threshold: int
    has_invalid: bool
    notes: tuple[str, ...]


@contextmanager
def open_foreign(path: Path) -> Iterator[DatasetReader]:
    """A file that passed the gate, opened as GeoTIFF and nothing else. Raises DamagedTiff."""
    try:
        with rasterio.Env(**GDAL_OPTIONS), rasterio.open(path, driver="GTiff") as dataset:
            yield dataset
    except RasterioError as error:
        raise DamagedTiff(f"{path.name} cannot be read: {str(error)[:300]}. Copy or download it again.") from error


def describe(
    files: Sequence[Path],
    *,
    crs: str | None,
    transform: Sequence[float] | None,
    names: Sequence[str] | None,
    max_mosaic_pixels: int,
    dates: Sequence[date | None] | None = None,
    first_number: int = 1,
) -> SourceReport:
    """The mosaic of files that passed the gate, on the pixel grid of the first.

    Args: dates: acquisition date of each file. first_number: that of the first file among the layer's sources.

    Raises UnusableRaster and its subclasses.
    """
    if transform is not None and len(files) > 1:
        raise SourcesDoNotMatch(
            f"transform= was given for {len(files)} files; it can place only one. Import them one by one."
        )
    described = [_describe_file(file, crs=crs, transform=transform, names=names) for file in files]
    first = described[0]
    for other in described[1:]:
        _check_alike(first, other)
    grid, sources = _place(described, dates=dates or [None] * len(files), first_number=first_number)
    if grid.width * grid.height > max_mosaic_pixels:
        raise TooLarge(
            f"The mosaic of {len(files)} files is {grid.width} x {grid.height} = "
            f"{grid.width * grid.height:,} pixels; a layer has at most {max_mosaic_pixels:,}. Import "
            "neighbouring files together and distant ones as layers of their own."
        )
    gsd_m = ground_size_m(
        crs=first.crs, transform=grid.transform, width=grid.width, height=grid.height, name=first.path.name
    )
    notes = [note for file in described for note in file.notes]
    for source in sources:
        if max(map(abs, source.shift_px)) > 0.001:
            notes.append(
                f"{source.path.name} was moved by {source.shift_px[0]:+.3f}, {source.shift_px[1]:+.3f} "
                "pixels (right, down) to meet the grid of the first file."
            )
    return SourceReport(
        sources=sources,
        grid=grid,
        gsd_m=gsd_m,
        bands=first.bands,
        dtype=first.dtype,
        nodata=first.nodata,
        needs_mask=len(sources) > 1 or sources[0].has_invalid,
        notes=tuple(notes),
    )


def _describe_file(
    path: Path, *, crs: str | None, transform: Sequence[float] | None, names: Sequence[str] | None
) -> _Described:
    with open_foreign(path) as dataset:
        if dataset.driver != "GTiff" or len(set(dataset.dtypes)) != 1 or dataset.dtypes[0] not in ("uint8", "uint16"):
            raise UnsupportedPixels(
                f"{path.name} was read as {dataset.driver} with {set(dataset.dtypes)} values; uint8 or "
                "uint16 are accepted. Convert with gdal_translate -of GTiff -ot Byte."
            )
        chosen_transform = choose_transform(
            dataset.transform, transform, name=path.name, ground_points=len(dataset.gcps[0])
        )
        chosen_crs = choose_crs(dataset.crs, crs, name=path.name)
        notes: list[str] = []
        alpha_band, threshold = _find_alpha(dataset, notes)
        kept = [index for index in dataset.indexes if index != alpha_band]
        if not kept or len(kept) > MAX_BANDS:
            raise TooLarge(
                f"{path.name} has {len(kept)} bands; 1 to {MAX_BANDS} are accepted. Export the bands you need."
            )
        bands = band_names.choose([dataset.descriptions[index - 1] for index in kept], given=names)
        nodata = _usable_nodata(dataset, notes)
        internal_mask = _has_internal_mask(dataset)
        return _Described(
            path=path,
            crs=chosen_crs,
            transform=chosen_transform,
            width=dataset.width,
            height=dataset.height,
            bands=bands,
            dtype=dataset.dtypes[0],
            nodata=nodata,
            alpha_band=alpha_band,
            alpha_threshold=threshold,
            has_invalid=alpha_band is not None or nodata is not None or internal_mask,
            notes=tuple(notes),
        )


def _has_internal_mask(dataset: DatasetReader) -> bool:
    flags = dataset.mask_flag_enums[0]
    return MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags


def _usable_nodata(dataset: DatasetReader, notes: list[str]) -> int | None:
    value = dataset.nodata
    if value is None:
        return None
    name = Path(dataset.name).name
    if not math.isfinite(value) or value != int(value) or not 0 <= value <= np.iinfo(dataset.dtypes[0]).max:
        notes.append(f"{name} declares nodata {value}, which no {dataset.dtypes[0]} pixel can have; it is ignored.")
        return None
    if dataset.compression is not None and dataset.compression.name.lower() in ("jpeg", "webp"):
        notes.append(f"{name} declares nodata {value:g} on lossy pixels: its borders may stay visible.")
    return int(value)


def _find_alpha(dataset: DatasetReader, notes: list[str]) -> tuple[int | None, int]:
    """The band that is a mask and the value from which it counts as opaque; (None, 0) when there is none.

    Writers mark the fourth band of any RGB file as alpha, infrared included. So the mark is believed only
    when the values are those of a mask, 0 or full, within the noise that JPEG compression adds.
    """
    marked = [index for index, kind in enumerate(dataset.colorinterp, start=1) if kind == ColorInterp.alpha]
    if not marked or dataset.count == 1:
        return None, 0
    band, name = marked[-1], Path(dataset.name).name
    if dataset.descriptions[band - 1] and dataset.descriptions[band - 1].strip().lower() not in (
        "alpha",
        "mask",
    ):
        return None, 0
    sample = _sample(dataset, band)
    top = int(sample.max())
    opaque = 1 if top == 1 else 255 if top <= 255 else 65535
    noise = 0.04 * opaque
    like_a_mask = np.mean((sample <= noise) | (sample >= opaque - noise))
    if like_a_mask < 0.99:
        notes.append(
            f"Band {band} of {name} is marked as transparency but holds measurements; it is kept as a band "
            "of the image."
        )
        return None, 0
    return band, (opaque + 1) // 2


def _sample(dataset: DatasetReader, band: int) -> NDArray[Any]:
    """Pixels of a band from small windows spread evenly over the file."""
    parts = []
    for row in np.linspace(0, max(0, dataset.height - SAMPLE_PX), SAMPLE_WINDOWS).astype(int):
        for col in np.linspace(0, max(0, dataset.width - SAMPLE_PX), SAMPLE_WINDOWS).astype(int):
            width, height = min(SAMPLE_PX, dataset.width - col), min(SAMPLE_PX, dataset.height - row)
            parts.append(dataset.read(band, window=Window(int(col), int(row), int(width), int(height))).ravel())
    return np.concatenate(parts)


def _check_alike(first: _Described, other: _Described) -> None:
    pair = f"{first.path.name} and {other.path.name}"
    advice = "Bring them to one form (gdalwarp) or import them as layers of their own."
    if other.crs != first.crs:
        raise SourcesDoNotMatch(
            f"{pair} are in {first.crs.to_string()[:60]} and {other.crs.to_string()[:60]}. {advice}"
        )
    if (other.bands, other.dtype) != (first.bands, first.dtype):
        raise SourcesDoNotMatch(
            f"{pair} hold {first.dtype} bands {', '.join(first.bands)} and {other.dtype} bands "
            f"{', '.join(other.bands)}. {advice}"
        )
    drift_px = max(
        abs(other.transform[0] - first.transform[0]) * other.width / first.transform[0],
        abs(other.transform[4] - first.transform[4]) * other.height / -first.transform[4],
    )
    if drift_px > MAX_DRIFT_PX:
        raise SourcesDoNotMatch(
            f"{pair} have pixels of {first.transform[0]} x {-first.transform[4]} and {other.transform[0]} x "
            f"{-other.transform[4]}: {drift_px:.2f} pixels apart over one file. {advice}"
        )


def _place(
    described: Sequence[_Described], *, dates: Sequence[date | None], first_number: int
) -> tuple[PixelGrid, tuple[Source, ...]]:
    """Every file at whole pixels of the first file's grid, and the grid that holds them all."""
    a, _, c, _, e, f = described[0].transform
    corners = []
    for file in described:
        exact = ((file.transform[2] - c) / a, (file.transform[5] - f) / e)
        corners.append((exact, (math.floor(exact[0] + 0.5), math.floor(exact[1] + 0.5))))
    left = min(whole[0] for _, whole in corners)
    top = min(whole[1] for _, whole in corners)
    sources = tuple(
        Source(
            path=file.path,
            width=file.width,
            height=file.height,
            offset_px=(whole[0] - left, whole[1] - top),
            shift_px=(whole[0] - exact[0], whole[1] - exact[1]),
            alpha_band=file.alpha_band,
            alpha_threshold=file.alpha_threshold,
            has_invalid=file.has_invalid,
            number=first_number + order,
            acquired_on=acquired_on,
        )
        for order, (file, (exact, whole), acquired_on) in enumerate(zip(described, corners, dates, strict=True))
    )
    grid = PixelGrid(
        crs=described[0].crs.to_string(),
        transform=(a, 0.0, c + left * a, 0.0, e, f + top * e),
        width=max(source.offset_px[0] + source.width for source in sources),
        height=max(source.offset_px[1] + source.height for source in sources),
    )
    return grid, sources


def read_source(dataset: DatasetReader, source: Source, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Pixels (bands, h, w) and validity (h, w) of a window of one file, in the file's own pixels.

    A pixel is invalid when a mask or alpha band says so, or when all of its bands hold nodata.
    Raises DamagedTiff.
    """
    kept = [index for index in dataset.indexes if index != source.alpha_band]
    try:
        pixels = dataset.read(kept, window=window)
        valid = np.ones(pixels.shape[1:], dtype=bool)
        if source.alpha_band is not None:
            valid &= dataset.read(source.alpha_band, window=window) >= source.alpha_threshold
        elif _has_internal_mask(dataset):
            valid &= dataset.read_masks(1, window=window) > 127
    except RasterioError as error:
        raise DamagedTiff(
            f"{source.path.name} cannot be decoded near row {int(window.row_off)}: {str(error)[:200]}. Copy "
            "or download it again."
        ) from error
    if dataset.nodata is not None and math.isfinite(dataset.nodata):
        valid &= (pixels != dataset.nodata).any(axis=0)
    return pixels, valid
