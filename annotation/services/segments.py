"""Segments of a tile, cut at first need and kept on disk (docs/adr/0016). What is kept may be removed at any time."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from annotation.core.segments import SEGMENT_SIDE_PX, SEGMENTS_VERSION, segment_tile
from annotation.errors import TooBusy, UserError
from annotation.models import Campaign, Tile
from annotation.raster.display import shown_bands, stretched
from annotation.raster.reader import read_window

_COUNT_BYTES = 4
# One cutting at a time in a process: many at once would hold every thread, and two of the same tile are wasted work.
_cutting = threading.Lock()
# The one that cuts and those that wait for it; whoever comes beyond is asked to come again, so that the threads left
# go on serving everyone else.
_places = threading.BoundedSemaphore(4)


@dataclass(frozen=True, slots=True)
class TileSegments:
    """A tile's segments: gzip of uint16 little-endian ids, row by row, and how many there are."""

    count: int
    compressed: bytes


def require_level(value: str | None) -> str:
    """The value as a level of detail. Raises: UserError."""
    if value not in SEGMENT_SIDE_PX:
        raise UserError(f"level is {str(value)[:20]!r}: choose one of {', '.join(SEGMENT_SIDE_PX)}.")
    return value


def segments_mark(tile: Tile, *, level: str) -> str:
    """A mark of a tile's segments that changes exactly when they may: with the imagery, its stretch and the method."""
    return f"{_pixels_mark(tile.campaign)}-{tile.file_name}-{level}"


def segments_of(tile: Tile, *, level: str) -> TileSegments:
    """The segments of a tile at a level of `SEGMENT_SIDE_PX`, from disk or cut now.

    Raises: TooBusy: several tiles wait to be cut. rasterio.errors.RasterioIOError: the layer's files are not in place.
    """
    campaign = tile.campaign
    folder = Path(settings.SEGMENTS_DIR) / _pixels_mark(campaign) / str(tile.row)
    path = folder / _file_name(tile, level)
    kept = _kept(path)
    if kept is not None:
        return kept
    if not _places.acquire(blocking=False):
        raise TooBusy("Segments of several tiles are being cut: ask again in a moment.")
    try:
        with _cutting:
            kept = _kept(path)
            if kept is not None:
                return kept
            # All levels come of one cutting, and whoever asks for one soon asks for another.
            cut = _cut(tile)
            for name, segments in cut.items():
                _keep(folder / _file_name(tile, name), segments)
    finally:
        _places.release()
    return cut[level]


def _file_name(tile: Tile, level: str) -> str:
    return f"{tile.file_name.partition('-')[2]}-{level}.bin"


def _pixels_mark(campaign: Campaign) -> str:
    layer = campaign.layer
    identity = [SEGMENTS_VERSION, layer.analysis_sha256 or layer.folder, layer.stretch, campaign.tile_px]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:24]


def _cut(tile: Tile) -> dict[str, TileSegments]:
    layer = tile.campaign.layer
    names = shown_bands(layer.bands)
    window = tile.window
    pixels, valid = read_window(layer.analysis_path, window, bands=names)
    shown = stretched(pixels, valid, [layer.stretch[name] for name in names])
    levels = segment_tile(np.ascontiguousarray(shown.transpose(1, 2, 0)), valid)
    return {level: _packed(ids) for level, ids in levels.items()}


def _packed(ids: NDArray[np.uint16]) -> TileSegments:
    return TileSegments(
        count=int(ids.max()) + 1, compressed=gzip.compress(ids.astype("<u2").tobytes(), compresslevel=6, mtime=0)
    )


def _kept(path: Path) -> TileSegments | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    return TileSegments(int.from_bytes(content[:_COUNT_BYTES], "little"), content[_COUNT_BYTES:])


def _keep(path: Path, cut: TileSegments) -> None:
    """Put the file in place by one rename: readers see it whole or not at all, and of two writers either may win."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".partial")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(cut.count.to_bytes(_COUNT_BYTES, "little") + cut.compressed)
            stream.flush()
            os.fsync(stream.fileno())
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
