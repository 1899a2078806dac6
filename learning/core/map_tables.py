"""What a map says of each tile: integer sums of rows of windows, added up into tables. No torch."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from learning.core.durable import publish
from learning.core.map_plan import MapPaths, PredictionPlan, PredictionResult
from learning.core.uncertainty import pixel_score

SUM_LEVELS = 65_535  # scores are summed in whole 65,535ths of their bound: integer sums do not depend on their order
FEATURE_LEVELS = 256  # the encoder's features are summed in whole 256ths, for the same reason
EMBEDDING_SIZE = 64


@dataclass(frozen=True, slots=True)
class RowSums:
    """Integer sums of one row of windows over the parts of tiles it touches (whole tiles, where a plan has one a tile).

    Args:
        first_row: row of parts of index 0.
        doubt: int64 (part row, part column + 1, class), the plan's pixel score of the pixels of each predicted class,
            in 65,535ths of its largest value; the last column is the remainder at the right, and rows beyond the last
            tile's are the remainder at the bottom.
        entropy: int64 (part row, part column + 1), of all pixels, in 65,535ths of ln K.
        histogram: int64 (part row, part column + 1, class).
        features: int32 (part row, part column + 1, feature + 1), see embedding.feature_sums.
    """

    first_row: int
    doubt: NDArray[np.int64]
    entropy: NDArray[np.int64]
    histogram: NDArray[np.int64]
    features: NDArray[np.int32]


def save_sums(plan: PredictionPlan, core_row: int, sums: RowSums) -> None:
    """Keep a row's sums until the map is assembled; this marks the row finished."""
    partial = plan.sums_path(core_row).with_suffix(f".npz.{os.getpid()}-{uuid4().hex[:8]}.partial")
    with partial.open("wb") as stream:
        np.savez(
            stream,
            first=sums.first_row,
            doubt=sums.doubt,
            entropy=sums.entropy,
            histogram=sums.histogram,
            features=sums.features,
        )
    publish(partial, plan.sums_path(core_row))


def write_tables(plan: PredictionPlan, out: MapPaths) -> PredictionResult:
    """Add up the finished rows' sums into the tables of a prediction."""
    n_classes = len(plan.class_codes)
    most = math.log(n_classes) / SUM_LEVELS
    highest = pixel_score(plan.pixel_score).upper_bound(n_classes) / SUM_LEVELS
    of_parts = _total_sums(plan)
    doubt, entropy, histogram = (_by_tile(total, plan.parts) for total in of_parts)
    pixels = histogram.sum(axis=2)
    inside = np.s_[: plan.n_rows, : plan.n_cols]
    write_npy(out.scores, _mean(doubt.sum(axis=2) * highest, pixels)[inside])
    write_npy(out.tile_entropy, _mean(entropy * most, pixels)[inside])
    write_npy(out.histogram, histogram[inside])
    by_class = doubt * highest / np.maximum(pixels, 1)[..., None]
    write_npy(out.doubt, by_class[inside].astype(np.float32))
    features = _feature_sums(plan)
    _write_embedding(features, plan.parts, out.embedding)
    if plan.parts > 1:
        _write_parts(plan, out, doubt=of_parts[0], histogram=of_parts[2], highest=highest)
        _write_embedding(features, 1, out.parts_embedding)
    counted = int(pixels.sum())
    average = float(entropy.sum() * most / counted) if counted else None
    class_pixels = tuple(histogram.sum(axis=(0, 1)).tolist())
    return PredictionResult(class_pixels, average, plan.n_rows, plan.n_cols, plan.precision)


def _write_parts(
    plan: PredictionPlan, out: MapPaths, *, doubt: NDArray[np.int64], histogram: NDArray[np.int64], highest: float
) -> None:
    inside = np.s_[: plan.n_rows * plan.parts, : plan.n_part_cols]
    by_class = np.empty(doubt[inside].shape, np.float16)
    for row, pixels in enumerate(histogram[inside].sum(axis=2, keepdims=True)):
        by_class[row] = np.where(pixels > 0, doubt[row, : plan.n_part_cols] * highest / np.maximum(pixels, 1), np.nan)
    write_npy(out.parts_doubt, by_class)
    write_npy(out.parts_histogram, histogram[inside].astype(np.int32))


def _by_tile(total: NDArray[np.int64], parts: int) -> NDArray[np.int64]:
    """Sums over the parts of each tile; remainders at the right and at the bottom stay apart."""
    for axis in (0, 1):
        total = np.add.reduceat(total, np.arange(0, total.shape[axis], parts), axis=axis)
    return total


@functools.cache
def random_projection(size: int, smaller: int) -> NDArray[np.float32]:
    """A projection that nearly keeps distances: float32 (size, smaller), Gaussian, the same for the same sizes.

    Source: Johnson & Lindenstrauss 1984.
    """
    values = np.random.default_rng([1984, size, smaller]).standard_normal((size, smaller))
    projection: NDArray[np.float32] = (values / np.sqrt(smaller)).astype(np.float32)
    return projection


def _mean(total: NDArray[np.floating[Any]], pixels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Float32, NaN where there is no pixel."""
    mean = np.full(pixels.shape, np.nan)
    np.divide(total, pixels, out=mean, where=pixels > 0)
    return mean.astype(np.float32)


def _total_sums(plan: PredictionPlan) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Doubt by class, entropy and histogram of parts over all rows of windows, remainders included."""
    shape = (-(-plan.height // plan.part_px), plan.n_part_cols + 1)
    doubt = np.zeros((*shape, len(plan.class_codes)), np.int64)
    histogram, entropy = np.zeros_like(doubt), np.zeros(shape, np.int64)
    for core_row in plan.core_rows:
        with np.load(plan.sums_path(core_row), allow_pickle=False) as sums:
            rows = slice(int(sums["first"]), int(sums["first"]) + len(sums["doubt"]))
            doubt[rows] += sums["doubt"]
            entropy[rows] += sums["entropy"]
            histogram[rows] += sums["histogram"]
    return doubt, entropy, histogram


def _write_embedding(sums: NDArray[np.int32], parts: int, path: Path) -> None:
    """Standardise and project features, a row at a time, since they may be larger than the memory.

    Args: sums: see _feature_sums. parts: of so many a side one place is made.
    """
    size = sums.shape[2] - 1
    count, total, squares = 0, np.zeros(size), np.zeros(size)
    for row in _rows(sums, parts):
        known = _mean_features(row)[row[:, size] > 0]
        count, total, squares = count + len(known), total + known.sum(axis=0), squares + (known**2).sum(axis=0)
    mean = total / max(count, 1)
    deviation = np.sqrt(np.maximum(squares / max(count, 1) - mean**2, 0))
    scale = np.divide(1, deviation, out=np.zeros(size), where=deviation > 1e-6) / math.sqrt(size)
    projection = random_projection(size, EMBEDDING_SIZE)
    partial = path.with_suffix(".npy.partial")
    shape = (sums.shape[0] // parts, sums.shape[1] // parts, EMBEDDING_SIZE)
    with partial.open("wb") as stream:
        header = {"descr": "<f2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        for row in _rows(sums, parts):
            has_imagery = (row[:, size] > 0)[:, None]
            standard = ((_mean_features(row) - mean) * scale * has_imagery).astype(np.float32)
            stream.write((standard @ projection).astype("<f2").tobytes())
    publish(partial, path)


def _rows(sums: NDArray[np.int32], parts: int) -> Iterator[NDArray[np.int64]]:
    """Rows of places made of `parts` × `parts` each: int64 (place, feature + 1)."""
    n_rows, n_cols = sums.shape[0] // parts, sums.shape[1] // parts
    for row in range(n_rows if n_cols else 0):
        lines = sums[row * parts : (row + 1) * parts].sum(axis=0, dtype=np.int64)
        yield lines.reshape(n_cols, parts, -1).sum(axis=1)


def _feature_sums(plan: PredictionPlan) -> NDArray[np.int32]:
    """Sums of all rows of windows over parts of whole tiles, int32 (part row, part column, feature + 1), on disk."""
    n_rows = plan.n_rows * plan.parts
    features = 0
    for core_row in plan.core_rows:
        with np.load(plan.sums_path(core_row), allow_pickle=False) as sums:
            first, part = int(sums["first"]), sums["features"]
        if core_row == plan.core_rows[0]:
            features = part.shape[2]
            shape = (n_rows, plan.n_part_cols, features)
            if 0 in shape:
                return np.zeros(shape, np.int32)
            total = _room_on_disk(plan.work_dir / "features.int32", shape)
        rows = min(first + len(part), n_rows) - first
        if rows > 0:
            total[first : first + rows] += part[:rows, : plan.n_part_cols]
    return total


def _room_on_disk(path: Path, shape: tuple[int, int, int]) -> NDArray[np.int32]:
    """An array of zeros in a file, whose room is taken at once: in a file with holes, a page that finds the disk full
    kills the process without a word. Raises OSError: there is no room."""
    size = 4 * math.prod(shape)
    with path.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, size)
    return np.memmap(path, np.int32, mode="r+", shape=shape)


def _mean_features(row: NDArray[np.int64]) -> NDArray[np.float64]:
    means: NDArray[np.float64] = row[:, :-1] / (FEATURE_LEVELS * np.maximum(row[:, -1:], 1).astype(np.float64))
    return means


def write_npy(path: Path, array: NDArray[Any]) -> None:
    """Write a table so that it is whole or absent after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as stream:
        np.save(stream, array, allow_pickle=False)
    publish(partial, path)
