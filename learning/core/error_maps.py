"""Where a model errs on the hold-out, tile by tile, in one compressed file beside its weights. numpy only.

A pixel is 0 where nothing was compared, 1 where the model is right, and 1 + k where it says class k and the truth says
another (k counts from 1, as in a class raster). The file is a zip of .npy arrays named by tile id, so that one tile is
read without the others.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from learning.core.durable import publish
from learning.errors import InvalidEvaluation

RIGHT = 1
MAX_CLASSES = 254  # so that 1 + k is a byte


def error_map(truth: NDArray[np.uint8], prediction: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One tile's map: uint8 of the shape of both. Raises: InvalidEvaluation: shapes differ, or a class above 254."""
    if truth.shape != prediction.shape or max(truth.max(initial=0), prediction.max(initial=0)) > MAX_CLASSES:
        raise InvalidEvaluation(f"Truth {truth.shape} and prediction {prediction.shape}: one shape, classes up to 254.")
    wrong = np.where(truth == prediction, RIGHT, prediction + np.uint8(1))
    found: NDArray[np.uint8] = np.where((truth > 0) & (prediction > 0), wrong, 0).astype(np.uint8)
    return found


def write_error_maps(path: Path, maps: Iterable[tuple[int, NDArray[np.uint8]]]) -> None:
    """Write the maps of (tile id, map), one at a time; whole or absent after a crash."""
    partial = path.with_name(path.name + ".partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as file:
        for tile_id, found in maps:
            # A fixed time: the same maps give the same bytes.
            entry = zipfile.ZipInfo(f"{tile_id}.npy", (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            with file.open(entry, "w") as stream:
                npy.write_array(stream, np.ascontiguousarray(found, dtype=np.uint8), allow_pickle=False)
    publish(partial, path)


def read_error_map(path: Path, tile_id: int) -> NDArray[np.uint8]:
    """One tile's map: uint8 (row, col). Raises: InvalidEvaluation: the file, or the tile in it, is not there."""
    try:
        with zipfile.ZipFile(path) as file, file.open(f"{tile_id}.npy") as stream:
            found: NDArray[np.uint8] = npy.read_array(stream, allow_pickle=False)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise InvalidEvaluation(
            f"No map of errors of tile {tile_id} in {path.name}: evaluate the model again."
        ) from error
    return found
