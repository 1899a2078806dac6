"""The files of a prediction: finished rows of windows, then the published COGs and tile scores. No torch.

A row of windows is two files: a two-band GeoTIFF (class, entropy) and an .npz of integer sums, written last.
Whoever computes a row, in whatever order, writes the same bytes; assembly reads rows from top to bottom.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.windows import Window

from learning.core.durable import publish, write_durably
from learning.errors import InvalidPredictionGrid

BLOCK_PX = 512
NODATA = 0
ENTROPY_LEVELS = 254  # stored 1 … 255; 0 means no imagery
SUM_LEVELS = 65_535  # entropy is summed in whole 65,535ths of ln K: integer sums do not depend on their order
FEATURE_LEVELS = 256  # the encoder's features are summed in whole 256ths, for the same reason
EMBEDDING_SIZE = 64
_COPY_PX = 4096


@dataclass(frozen=True, slots=True)
class PredictionPlan:
    """One prediction, fixed down to its bytes: same plan, same hardware and model, same files.

    Args:
        source: the imagery (GeoTIFF), width and height in px.
        band_indexes: 1-based bands of the source, in the model's order.
        core_px: side of the part of a window that is kept; margin_px: context on each side. Multiples of 32.
        work_dir: finished rows are kept here until assembled.
        fingerprint: model digest and source file size and time, so that stale rows are never reused.
    """

    source: Path
    width: int
    height: int
    band_indexes: tuple[int, ...]
    class_codes: tuple[str, ...]
    tile_px: int
    core_px: int
    margin_px: int
    batch_size: int
    precision: str
    work_dir: Path
    fingerprint: str

    @property
    def n_core_rows(self) -> int:
        """Rows of windows, the unit of sharding and of resuming."""
        return -(-self.height // self.core_px)

    @property
    def n_rows(self) -> int:
        """Rows of whole campaign tiles."""
        return self.height // self.tile_px

    @property
    def n_cols(self) -> int:
        """Columns of whole campaign tiles."""
        return self.width // self.tile_px

    def core_rows_px(self, core_row: int) -> tuple[int, int]:
        """First image row of a row of windows, and the one after its last."""
        start = core_row * self.core_px
        return start, min(start + self.core_px, self.height)

    def is_done(self, core_row: int) -> bool:
        """Whether a row of windows is finished."""
        return self.sums_path(core_row).exists()

    def row_path(self, core_row: int) -> Path:
        """Class and entropy of a row of windows."""
        return self.work_dir / f"row-{core_row:06d}.tif"

    def sums_path(self, core_row: int) -> Path:
        """Integer sums of a row of windows; exists once the row is finished."""
        return self.work_dir / f"row-{core_row:06d}.npz"


@dataclass(frozen=True, slots=True)
class RowSums:
    """Integer sums of one row of windows over the campaign tiles it touches.

    Args:
        first_tile_row: tile row of index 0.
        entropy: int64 (tile row, tile column + 1, class), of the pixels of each predicted class, in 65,535ths of
            ln K; the last column is the remainder at the right, and tile rows at or beyond n_rows the remainder at
            the bottom.
        histogram: int64 (tile row, tile column + 1, class).
        features: int64 (tile row, tile column + 1, feature + 1), see embedding.feature_sums.
    """

    first_tile_row: int
    entropy: NDArray[np.int64]
    histogram: NDArray[np.int64]
    features: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class MapPaths:
    """Where a prediction's files go.

    Args:
        classes: COG uint8, k = class k - 1, 0 = no imagery, colour table, MODE overviews.
        entropy: COG uint8, 0 = no imagery, else 1 + round(254 · H / ln K), AVERAGE overviews.
        scores: .npy float32 (n_rows, n_cols), mean entropy in nats over pixels with imagery, NaN without any.
        histogram: .npy int64 (n_rows, n_cols, class), pixels by predicted class.
        doubt: .npy float32 (n_rows, n_cols, class), entropy in nats summed over the pixels of each predicted class,
            divided by the tile's pixels with imagery: sums over the classes to `scores`.
        embedding: .npy float16 (n_rows, n_cols, EMBEDDING_SIZE), what each tile looks like to the network: the
            encoder's features, each with mean 0 and deviation 1 over the map's tiles, projected at random; 0 where
            there is no imagery.
    """

    classes: Path
    entropy: Path
    scores: Path
    histogram: Path
    doubt: Path
    embedding: Path

    @classmethod
    def in_folder(cls, folder: Path) -> MapPaths:
        """The usual names."""
        names = ("class.tif", "entropy.tif", "scores.npy", "histogram.npy", "doubt.npy", "embedding.npy")
        return cls(*(folder / name for name in names))

    def names(self) -> tuple[str, ...]:
        """Every file's name, in the order above."""
        return tuple(path.name for path in astuple(self))


@dataclass(frozen=True, slots=True)
class PredictionResult:
    """What a finished prediction holds over all pixels with imagery, also those outside whole tiles."""

    class_pixels: tuple[int, ...]
    mean_entropy_nats: float | None
    n_rows: int
    n_cols: int
    precision: str


def claim_work_dir(plan: PredictionPlan) -> None:
    """Prepare the work folder; rows of any other plan are removed."""
    card = plan.work_dir / "plan.json"
    text = json.dumps(asdict(plan), default=str, sort_keys=True)
    if card.exists() and card.read_text() == text:
        return
    if plan.work_dir.exists():
        shutil.rmtree(plan.work_dir)
    plan.work_dir.mkdir(parents=True)
    write_durably(card, text.encode())


def row_profile(plan: PredictionPlan, core_row: int) -> dict[str, Any]:
    """Creation options of a row's GeoTIFF."""
    start, stop = plan.core_rows_px(core_row)
    # Placed in pixels counted upwards from the raster's foot: GDAL warns about files without a place.
    place = Affine(1, 0, 0, 0, -1, plan.height - start)
    return _profile(plan.width, stop - start, count=2) | {"zlevel": 1, "transform": place}


def finish_row(plan: PredictionPlan, core_row: int, *, partial: Path, sums: RowSums) -> None:
    """Put a row in place; its sums come last and mark it finished."""
    publish(partial, plan.row_path(core_row))
    partial_sums = plan.sums_path(core_row).with_suffix(".npz.partial")
    with partial_sums.open("wb") as stream:
        np.savez(
            stream,
            first=sums.first_tile_row,
            entropy=sums.entropy,
            histogram=sums.histogram,
            features=sums.features,
        )
    publish(partial_sums, plan.sums_path(core_row))


def assemble(
    plan: PredictionPlan, out: MapPaths, *, colours: Mapping[str, str], tags: Mapping[str, str]
) -> PredictionResult:
    """Write the files of a prediction from its finished rows, then remove the work folder.

    Raises: InvalidPredictionGrid: a row is not finished, or a class has no colour.
    """
    missing = [row for row in range(plan.n_core_rows) if not plan.is_done(row)]
    if missing:
        raise InvalidPredictionGrid(f"{len(missing)} rows of windows are not predicted yet, first {missing[0]}.")
    table = colour_table(plan.class_codes, colours)
    most = math.log(len(plan.class_codes))
    levels = {"ENTROPY_MAX_NATS": repr(most), "ENTROPY_LEVELS": str(ENTROPY_LEVELS)}
    classes = {"CLASS_CODES": json.dumps(plan.class_codes)}
    _write_cog(plan, 1, out.classes, tags={**tags, **classes}, table=table, overviews="MODE", predictor="NO")
    _write_cog(plan, 2, out.entropy, tags={**tags, **levels}, table=None, overviews="AVERAGE", predictor="YES")
    entropy_by_class, histogram = _total_sums(plan)
    pixels = histogram.sum(axis=2)
    entropy = entropy_by_class.sum(axis=2)
    inside = np.s_[: plan.n_rows, : plan.n_cols]
    unknown = np.full(pixels.shape, np.nan)
    mean = np.divide(entropy * (most / SUM_LEVELS), pixels, out=unknown, where=pixels > 0)
    _write_npy(out.scores, mean[inside].astype(np.float32))
    _write_npy(out.histogram, histogram[inside])
    doubt = entropy_by_class * (most / SUM_LEVELS) / np.maximum(pixels, 1)[..., None]
    _write_npy(out.doubt, doubt[inside].astype(np.float32))
    _write_embedding(plan, out.embedding)
    shutil.rmtree(plan.work_dir)
    counted = int(pixels.sum())
    average = float(entropy.sum() * (most / SUM_LEVELS) / counted) if counted else None
    class_pixels = tuple(histogram.sum(axis=(0, 1)).tolist())
    return PredictionResult(class_pixels, average, plan.n_rows, plan.n_cols, plan.precision)


def random_projection(size: int, smaller: int) -> NDArray[np.float32]:
    """A projection that nearly keeps distances: float32 (size, smaller), Gaussian, the same for the same sizes.

    Source: Johnson & Lindenstrauss 1984.
    """
    values = np.random.default_rng([1984, size, smaller]).standard_normal((size, smaller))
    projection: NDArray[np.float32] = (values / np.sqrt(smaller)).astype(np.float32)
    return projection


def colour_table(class_codes: Sequence[str], colours: Mapping[str, str]) -> dict[int, tuple[int, int, int, int]]:
    """GeoTIFF colour table of a class map from "#RRGGBB" by class code; 0 is transparent.

    Raises: InvalidPredictionGrid: a class has no colour.
    """
    without = [code for code in class_codes if code not in colours]
    if without:
        raise InvalidPredictionGrid(f"No colour for class(es) {', '.join(without)}; complete the nomenclature.")
    table = {NODATA: (0, 0, 0, 0)}
    for value, code in enumerate(class_codes, start=1):
        red, green, blue = bytes.fromhex(colours[code].removeprefix("#"))
        table[value] = (red, green, blue, 255)
    return table


def _total_sums(plan: PredictionPlan) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    shape = (-(-plan.height // plan.tile_px), plan.n_cols + 1)
    entropy = np.zeros((*shape, len(plan.class_codes)), np.int64)
    histogram = np.zeros_like(entropy)
    for core_row in range(plan.n_core_rows):
        with np.load(plan.sums_path(core_row), allow_pickle=False) as sums:
            rows = slice(int(sums["first"]), int(sums["first"]) + len(sums["entropy"]))
            entropy[rows] += sums["entropy"]
            histogram[rows] += sums["histogram"]
    return entropy, histogram


def _write_embedding(plan: PredictionPlan, path: Path) -> None:
    """Standardise and project the tiles' features, a row of tiles at a time: they may be larger than the memory."""
    sums = _feature_sums(plan)
    size = sums.shape[2] - 1
    count, total, squares = 0, np.zeros(size), np.zeros(size)
    for row in sums:
        known = _mean_features(row)[row[:, size] > 0]
        count, total, squares = count + len(known), total + known.sum(axis=0), squares + (known**2).sum(axis=0)
    mean = total / max(count, 1)
    deviation = np.sqrt(np.maximum(squares / max(count, 1) - mean**2, 0))
    scale = np.divide(1, deviation, out=np.zeros(size), where=deviation > 1e-6) / math.sqrt(size)
    projection = random_projection(size, EMBEDDING_SIZE)
    partial = path.with_suffix(".npy.partial")
    shape = (*sums.shape[:2], EMBEDDING_SIZE)
    with partial.open("wb") as stream:
        header = {"descr": "<f2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        for row in sums:
            known = (row[:, size] > 0)[:, None]
            standard = ((_mean_features(row) - mean) * scale * known).astype(np.float32)
            stream.write((standard @ projection).astype("<f2").tobytes())
    publish(partial, path)


def _feature_sums(plan: PredictionPlan) -> NDArray[np.int32]:
    """Sums of all rows of windows over whole tiles, int32 (n_rows, n_cols, feature + 1), on disk."""
    features = 0
    for core_row in range(plan.n_core_rows):
        with np.load(plan.sums_path(core_row), allow_pickle=False) as sums:
            first, part = int(sums["first"]), sums["features"]
        if core_row == 0:
            features = part.shape[2]
            shape = (plan.n_rows, plan.n_cols, features)
            if 0 in shape:
                return np.zeros(shape, np.int32)
            total = np.memmap(plan.work_dir / "features.int32", np.int32, mode="w+", shape=shape)
        rows = min(first + len(part), plan.n_rows) - first
        if rows > 0:
            total[first : first + rows] += part[:rows, : plan.n_cols].astype(np.int32)
    return total


def _mean_features(row: NDArray[np.int32]) -> NDArray[np.float64]:
    means: NDArray[np.float64] = row[:, :-1] / (FEATURE_LEVELS * np.maximum(row[:, -1:], 1).astype(np.float64))
    return means


def _write_cog(
    plan: PredictionPlan,
    band: int,
    path: Path,
    *,
    tags: Mapping[str, str],
    table: dict[int, tuple[int, int, int, int]] | None,
    overviews: str,
    predictor: str,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    flat = plan.work_dir / f"band-{band}.tif"
    with rasterio.open(plan.source, driver="GTiff") as source:
        place = {"crs": source.crs, "transform": source.transform}
    with rasterio.open(flat, "w", **_profile(plan.width, plan.height, count=1), **place) as target:
        target.update_tags(**tags)
        if table is not None:
            target.write_colormap(1, table)
        for core_row in range(plan.n_core_rows):
            _copy_row(plan, core_row, band=band, target=target)
    partial = path.with_name(path.name + ".partial.tif")
    with rasterio.open(flat, driver="GTiff") as source:
        rasterio.shutil.copy(
            source, partial, driver="COG", COMPRESS="DEFLATE", PREDICTOR=predictor, BLOCKSIZE=str(BLOCK_PX),
            OVERVIEW_RESAMPLING=overviews, BIGTIFF="IF_SAFER",
        )  # fmt: skip
    flat.unlink()
    publish(partial, path)


def _copy_row(plan: PredictionPlan, core_row: int, *, band: int, target: Any) -> None:
    start, stop = plan.core_rows_px(core_row)
    with rasterio.open(plan.row_path(core_row), driver="GTiff") as row:
        for left in range(0, plan.width, _COPY_PX):
            width = min(_COPY_PX, plan.width - left)
            block = row.read(band, window=Window(left, 0, width, stop - start))
            target.write(block, 1, window=Window(left, start, width, stop - start))


def _profile(width: int, height: int, *, count: int) -> dict[str, Any]:
    return {
        "driver": "GTiff",
        "width": width,
        "height": height,
        "count": count,
        "dtype": "uint8",
        "nodata": NODATA,
        "tiled": True,
        "blockxsize": BLOCK_PX,
        "blockysize": BLOCK_PX,
        "interleave": "band",
        "compress": "deflate",
        "bigtiff": "IF_SAFER",
    }


def _write_npy(path: Path, array: NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as stream:
        np.save(stream, array, allow_pickle=False)
    publish(partial, path)
