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
EMBEDDING_SIZE = 32  # what a tile looks like to the network, see embedding.logits_and_embedding
EMBEDDING_LEVELS = 256  # its values are summed in whole 256ths, for the same reason
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
        embedding: int64 (tile row, tile column + 1, EMBEDDING_SIZE + 1), see embedding.cell_sums.
    """

    first_tile_row: int
    entropy: NDArray[np.int64]
    histogram: NDArray[np.int64]
    embedding: NDArray[np.int64]


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
        embedding: .npy float16 (n_rows, n_cols, EMBEDDING_SIZE), what the tile looks like to the network.
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

    def all(self) -> tuple[Path, ...]:
        """Every file, in the order above."""
        return astuple(self)


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
            embedding=sums.embedding,
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
    sums = _total_sums(plan)
    pixels = sums.histogram.sum(axis=2)
    entropy = sums.entropy.sum(axis=2)
    inside = np.s_[: plan.n_rows, : plan.n_cols]
    unknown = np.full(pixels.shape, np.nan)
    mean = np.divide(entropy * (most / SUM_LEVELS), pixels, out=unknown, where=pixels > 0)
    _write_npy(out.scores, mean[inside].astype(np.float32))
    _write_npy(out.histogram, sums.histogram[inside])
    doubt = sums.entropy * (most / SUM_LEVELS) / np.maximum(pixels, 1)[..., None]
    _write_npy(out.doubt, doubt[inside].astype(np.float32))
    _write_npy(out.embedding, mean_embeddings(sums.embedding[inside]))
    shutil.rmtree(plan.work_dir)
    counted = int(pixels.sum())
    average = float(entropy.sum() * (most / SUM_LEVELS) / counted) if counted else None
    class_pixels = tuple(sums.histogram.sum(axis=(0, 1)).tolist())
    return PredictionResult(class_pixels, average, plan.n_rows, plan.n_cols, plan.precision)


def mean_embeddings(sums: NDArray[np.int64]) -> NDArray[np.float16]:
    """Mean embedding of each tile from its cells' sums; 0 where no cell lies.

    Args: sums: int64 (..., EMBEDDING_SIZE + 1), the number of cells last. Returns: float16 (..., EMBEDDING_SIZE).
    """
    cells = np.maximum(sums[..., EMBEDDING_SIZE:], 1)
    largest = float(np.finfo(np.float16).max)
    means = np.clip(sums[..., :EMBEDDING_SIZE] / (EMBEDDING_LEVELS * cells), -largest, largest)
    result: NDArray[np.float16] = means.astype(np.float16)
    return result


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


def _total_sums(plan: PredictionPlan) -> RowSums:
    shape = (-(-plan.height // plan.tile_px), plan.n_cols + 1)
    entropy = np.zeros((*shape, len(plan.class_codes)), np.int64)
    histogram = np.zeros_like(entropy)
    embedding = np.zeros((*shape, EMBEDDING_SIZE + 1), np.int64)
    for core_row in range(plan.n_core_rows):
        with np.load(plan.sums_path(core_row), allow_pickle=False) as sums:
            rows = slice(int(sums["first"]), int(sums["first"]) + len(sums["entropy"]))
            entropy[rows] += sums["entropy"]
            histogram[rows] += sums["histogram"]
            embedding[rows] += sums["embedding"]
    return RowSums(0, entropy, histogram, embedding)


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
